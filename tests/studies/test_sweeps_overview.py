"""The table of several sweeps: each cell is where it belongs."""
import numpy as np
from test_sweeps_report import kinds_of

from gluon_bn.studies.sweeps.experiments import EXPERIMENTS
from gluon_bn.studies.sweeps.overview import overview


def cells_of(names, seeds=2):
    head, _, *rows = ([cell.strip() for cell in line[1:-1].split('|')] for line in overview(
        {name: kinds_of(name, seeds=seeds) for name in names}).splitlines())
    return head, {row[0]: row[1:] for row in rows}


def test_each_number_is_in_its_row_and_column():
    head, cells = cells_of(EXPERIMENTS)
    assert head == ['mean ± standard deviation of 2 seeds', 'with batch norm', 'without']
    assert cells['learning rates at which every seed trains, of 10 from 0.003 to 100'][1] == '0.03 to 0.1 (2)'
    assert cells['weights N(0, 0.1²), learning rate 0.064, 200 steps: test accuracy'] == [
        '0.900 ± 0.000', '0.700 ± 0.000']
    assert cells['4,096 images at learning rate 0.1 in batches of 1: test accuracy'][0] == 'refused'
    assert cells['4,096 images at learning rate 0.1 in batches of 2: test accuracy'] == [
        '0.600 ± 0.000', '0.900 ± 0.000']
    assert [row for row in cells if row.startswith('after 10 steps on 64 images')] == [
        'after 10 steps on 64 images, statistics stored with momentum 0.99: test accuracy',
        'after 10 steps on 64 images, statistics of Algorithm 2 (`gbn.recalibrate`): test accuracy']


def test_pairs_are_counted_and_of_one_seed_there_is_no_spread():
    head, cells = cells_of(['weight_scales', 'training'], seeds=1)
    assert head[0] == 'one seed'
    norm, plain = cells['pairs of weight scale and learning rate at which every seed trains, of 42']
    assert int(norm) > 3 * int(plain) > 0
    assert cells['weights N(0, 0.1²), learning rate 0.064, 200 steps: test accuracy'] == ['0.900', '0.700']


def test_rates_after_the_activation_are_those_of_that_position():
    kinds = kinds_of('positions', seeds=2)
    for kind in kinds:
        if kind['job']['batch_norm'] == 'after' and kind['job']['lr'] != 0.01:
            kind['test_acc'] = np.zeros_like(kind['test_acc'])
    assert '| the same with batch norm after the activation | 0.01 to 0.01 (1) |' in overview({'positions': kinds})
