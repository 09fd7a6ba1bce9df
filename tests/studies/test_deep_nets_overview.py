"""The table of all experiments: each cell is where it belongs."""
import pytest
from test_deep_nets_report import AS_EXPECTED, made_up

from gluon_bn.studies.deep_nets import training as runs
from gluon_bn.studies.deep_nets.overview import overview


def rows_of(seeds, names=runs.EXPERIMENTS):
    text = overview({name: made_up(runs.EXPERIMENTS[name](range(seeds), epochs=2), AS_EXPECTED[name])
                     for name in names})
    return [[cell.strip() for cell in line[1:-1].split('|')] for line in text.splitlines()]


def test_each_quantity_is_in_the_column_of_its_normalisation():
    head, _, *rows = rows_of(2)
    assert head == ['mean ± standard deviation of 2 seeds', 'batch norm', 'layer norm', 'none']
    cells = {row[0]: row[1:] for row in rows}
    assert cells['5 hidden layers, Adam at 0.001, batches of 50: training loss, last epoch'] == [
        '1.100 ± 0.000', '', '1.500 ± 0.000']
    assert cells['5 hidden layers, Adam at 0.001, batches of 50: best validation accuracy'][0] == '0.450 ± 0.000'
    scales = '7 hidden layers: weight scales at which every seed trains, of 20 from 0.0001 to 1'
    assert cells[scales] == ['20', '', str(sum(scale > 1e-2 for scale in runs.WEIGHT_SCALES))]
    of_batches = '5 hidden layers, Adam at 0.00032, batches of {}: best training accuracy'
    assert cells[of_batches.format(50)] == ['0.750 ± 0.000', '', '0.250 ± 0.000']
    assert cells[of_batches.format(5)][1:] == ['0.700 ± 0.000', '0.475 ± 0.000']  # of two experiments
    assert len(rows) == len(cells) == 8


@pytest.mark.parametrize(('name', 'cells'), [('batch_sizes', ['0.750', '', '0.250']),
                                             ('small_batches', ['0.600', '0.700', ''])])
def test_of_one_seed_the_value_is_said_alone(name, cells):
    head, _, *rows = rows_of(1, [name])
    assert head[0] == 'one seed'
    assert rows[-1][1:] == cells
