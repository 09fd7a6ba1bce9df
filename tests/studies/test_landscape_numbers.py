import numpy as np
import pytest

from gluon_bn.studies.landscape.numbers import (
    best_rate,
    final_loss,
    numbers,
    over_steps,
    series,
    steps,
    trains,
)


def record(step, scale=1.):
    """What one measured step gives, with numbers that are easy to follow."""
    return {'step': step, 'loss': 2., 'losses': [2 - scale, 2., 2 + scale], 'gradient_norm': 0.5,
            'gradient_changes': [scale, 2 * scale, 3 * scale], 'smoothness': 7 * scale,
            'shift': [{'norm': 1., 'change': 0., 'cosine': 1.}] + [
                {'norm': 2., 'change': scale, 'cosine': 0.5}, {'norm': 4., 'change': scale, 'cosine': 0.7}],
            'inputs': {'1': {'mean_shift': 9., 'std_shift': 9., 'unit': [0., 1.]},
                       '2': {'mean_shift': scale, 'std_shift': scale / 2, 'unit': [0., 1.]}}}


def result(kind='plain', seed=0, rate=0.5, records=(1., 3.), losses=(2.,) * 9 + (1.,), diverged=None, acc=0.9):
    return {'job': {'seed': seed, 'network': 'lenet', 'kind': kind, 'learning_rate': rate, 'batch_size': 8,
                    'weight_scale': 0.1, 'steps': 10, 'measure_every': 5}, 'losses': list(losses),
            'measured': [record(5 * i, scale) for i, scale in enumerate(records)], 'diverged': diverged,
            'test_acc': acc, 'test_acc_batch': acc}


def test_series_are_what_their_names_say():
    both = [result(), result(seed=1, records=(2., 2.))]
    expected = {'loss_range': 2, 'gradient_change': 3, 'relative_change': 6, 'smoothness': 7, 'mean_shift': 1,
                'std_shift': 0.5, 'gradient_shift': (1 / 2 + 1 / 4) / 2}
    for name, value in expected.items():
        np.testing.assert_allclose(series(both, name), value * np.array([[1, 3], [2, 2]]))
    np.testing.assert_allclose(series(both, 'gradient_cosine'), 0.6)
    assert steps(both) == [0, 5]


def test_after_a_divergence_there_are_no_numbers():
    both = [result(), result(seed=1, records=(2.,), diverged=3)]
    np.testing.assert_array_equal(series(both, 'smoothness'), [[7, 21], [14, np.nan]])
    np.testing.assert_array_equal(over_steps(both, lambda r: r['losses'])[1], [[0, 2, 4], [np.nan] * 3])
    assert steps(both) == [0, 5]
    assert final_loss(both[1]) == float('inf')


def test_numbers_that_were_not_finite_are_left_out():
    broken = result(records=(1., 3., 5.))
    broken['measured'][1].update(losses=[None, 2., 3.], gradient_changes=[None] * 3, smoothness=None)
    broken['measured'][2].update(gradient_norm=0.)
    broken['measured'][2]['shift'][1].update(norm=0., cosine=None)
    assert np.isnan(series([broken], 'smoothness')).tolist() == [[False, True, False]]
    assert np.isnan(series([broken], 'loss_range')).tolist() == [[False, True, False]]
    assert np.isnan(series([broken], 'relative_change')).tolist() == [[False, True, True]]
    assert np.isnan(series([broken], 'gradient_shift')).tolist() == [[False, False, True]]
    row, = numbers([broken])
    assert row['smoothness'] == [(7 + 35) / 2]


def test_numbers_bring_the_seeds_together():
    rows = numbers([result(), result(seed=1, records=(2., 4., 6.)), result('batch_norm', rate=2.)])
    assert [row['seeds'] for row in rows] == [[0, 1], [0]]
    assert rows[0]['smoothness'] == [14, 28]
    assert rows[0]['rate_times_smoothness'] == [7, 14]
    assert rows[1]['rate_times_smoothness'] == [28]
    assert rows[0]['final_loss'] == [1, 1]
    assert 'seed' not in rows[0]['job']


def test_a_divergence_has_no_final_loss():
    assert numbers([result(diverged=4)])[0]['final_loss'] == [None]


def test_the_best_rate_has_the_lowest_loss_at_the_end():
    results = [result(rate=0.5), result(rate=2., losses=(0.5,) * 10), result(rate=8., diverged=3, losses=(0.1,)),
               result('batch_norm', rate=8., losses=(0.1,) * 10)]
    assert best_rate(results, 'plain') == 2
    assert best_rate(results, 'batch_norm') == 8


@pytest.mark.parametrize(('accuracies', 'expected'), [((0.9, 0.95), True), ((0.9, 0.5), False)])
def test_to_train_is_to_train_with_every_seed(accuracies, expected):
    assert trains([result(acc=acc) for acc in accuracies]) is expected


def test_the_final_loss_is_the_mean_of_the_last_tenth_of_the_steps():
    assert final_loss(result(losses=range(20))) == (18 + 19) / 2
    assert final_loss(result(losses=[3., 1.])) == 1


def test_of_a_change_that_is_no_number_there_is_no_share():
    broken = result(records=(1.,))
    broken['measured'][0]['shift'][1]['change'] = None
    assert np.isnan(series([broken], 'gradient_shift')).all()
