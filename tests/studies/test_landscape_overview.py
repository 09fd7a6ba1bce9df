"""The table of all measured trainings: each cell is where it belongs."""
from test_landscape_report import as_expected

from gluon_bn.studies.landscape.numbers import numbers
from gluon_bn.studies.landscape.overview import overview
from gluon_bn.studies.landscape.runs import EXPERIMENTS


def table_of(name, network, change=lambda results: None, seeds=2):
    results = as_expected(name, EXPERIMENTS[name][0](network, range(seeds)))
    change(results)
    return [[cell.strip() for cell in line[1:-1].split('|')] for line in overview(numbers(results)).splitlines()]


def test_each_kind_has_a_column_and_each_setting_three_rows():
    head, _, *rows = table_of('noise', 'lenet')
    assert head == ['network', 'mean of 2 seeds', 'with batch norm', 'without', 'noise behind batch norm']
    assert [row[1] for row in rows] == ['training loss at the end', 'range of the loss', 'move']
    assert {row[0] for row in rows} == {'LeNet, weights of 0.05, learning rate 0.064'}
    losses = [float(cell) for cell in rows[0][2:]]
    assert losses[0] < losses[1] > losses[2]


def test_what_was_not_trained_is_empty_and_what_diverged_is_said():
    def diverge(results):
        results[0].update(diverged=2, losses=[1., 2., None])

    head, _, *rows = table_of('learning_rates', 'sigmoid_mlp', diverge, seeds=1)
    assert head == ['network', 'one seed', 'with batch norm', 'without']
    assert len(rows) == 9
    assert rows[0][3] == 'diverged'
    assert rows[3][0] == 'sigmoid MLP, weights of 0.1, learning rate 2'
