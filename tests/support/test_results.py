import json

import numpy as np

from gluon_bn.support.results import json_safe, mean_and_spread, mean_cell, of_seeds


def test_what_json_does_not_have_is_none_and_numbers_keep_their_digits():
    values = {'a': [1.5, float('nan')], 'b': (float('inf'), 'x', None, True, 3), 'c': np.array([[1., np.nan]])}
    assert json_safe(values) == {'a': [1.5, None], 'b': [None, 'x', None, True, 3], 'c': [[1., None]]}
    numbers = np.random.default_rng(0).normal(size=100).tolist()
    assert json.loads(json.dumps(json_safe(numbers), allow_nan=False)) == numbers
    assert json_safe({'loss': 123.456789}, digits=4) == {'loss': 123.5}


def test_mean_and_spread():
    mean, spread = mean_and_spread([[1, 2], [3, 2]])
    assert mean.tolist() == [2, 2]
    np.testing.assert_allclose(spread, [np.sqrt(2), 0])
    assert mean_and_spread([[5, 6]])[1].tolist() == [0, 0]


def test_cells_of_several_seeds_and_of_one():
    assert mean_cell([1, 2, 3]) == '2.000 ± 1.000'
    assert mean_cell(np.array([0.98765]), digits=4) == '0.9877'
    assert mean_cell([0.5, float('nan')]) == mean_cell([float('inf')]) == 'not finite'
    assert [of_seeds(number) for number in (1, 2)] == ['one seed', 'mean ± standard deviation of 2 seeds']
