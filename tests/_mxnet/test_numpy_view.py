"""The names of NumPy that MXNet gets, against what the last version that had them documented."""
import math

import numpy
import pytest

from gluon_bn._mxnet import mx
from gluon_bn._mxnet.numpy_view import _lost_names, view

NAMES = ['PZERO', 'NZERO', 'PINF', 'NINF', 'Inf', 'NaN', 'NAN', 'alltrue', 'sometrue', 'product', 'round_', 'msort',
         'in1d', 'trapz', 'compat', 'int', 'bool', 'mirr', 'npv', 'pmt', 'ppmt', 'pv', 'rate']


@pytest.mark.parametrize('name', NAMES)
def test_each_name_that_mxnet_looks_up_is_there(name):
    assert name in vars(view())
    assert name in _lost_names()


def test_constants():
    names = _lost_names()
    assert (names['PINF'], names['NINF'], names['Inf']) == (math.inf, -math.inf, math.inf)
    assert math.isnan(names['NaN'])
    assert math.isnan(names['NAN'])
    assert (math.copysign(1, names['PZERO']), math.copysign(1, names['NZERO'])) == (1, -1)
    assert (names['bool'], names['int']) == (numpy.bool_, int)
    assert names['compat'].basestring is str


@pytest.mark.filterwarnings('ignore::DeprecationWarning')  # NumPy's, where it still has the function
@pytest.mark.parametrize(('name', 'arguments', 'expected'), [
    ('alltrue', ([[1, 0], [1, 1]], 0), [True, False]),
    ('sometrue', ([[1, 0], [0, 0]], 1), [True, False]),
    ('product', ([[1, 2], [3, 4]], 1), [2, 12]),
    ('round_', ([1.26, -0.55], 1), [1.3, -0.6]),
    ('msort', ([[3, 1], [2, 4]],), [[2, 1], [3, 4]]),
    ('in1d', ([[1, 2], [3, 4]], [2, 3]), [False, True, True, False]),
    ('trapz', ([[0, 1, 2], [3, 4, 5]], None, 1.0, 0), [1.5, 2.5, 3.5]),
    ('trapz', ([1, 2, 3], [4, 6, 8]), 8),
])
def test_functions(name, arguments, expected):
    numpy.testing.assert_allclose(_lost_names()[name](*arguments), expected, rtol=1e-15)
    numpy.testing.assert_allclose(getattr(view(), name)(*arguments), expected, rtol=1e-15)


def test_in1d_inverts():
    assert _lost_names()['in1d']([1, 2, 3], [2], invert=True).tolist() == [True, False, True]


@pytest.mark.parametrize('name', ['mirr', 'npv', 'pmt', 'ppmt', 'pv', 'rate'])
def test_finance_raises_when_called(name):
    with pytest.raises(RuntimeError, match=f'numpy.{name} left NumPy'):
        getattr(mx.np.fallback, name)(0.1, 2)


@pytest.mark.parametrize(('old', 'new'), [('sometrue', 'any'), ('product', 'prod'), ('round_', 'round')])
def test_numpys_functions_stay_registered_for_mxnets_arrays(old, new):
    """With aliases for the old names, NumPy's function would give MXNet's implementation of another name."""
    if old == 'round_' and tuple(map(int, numpy.__version__.split('.')[:2])) < (1, 25):
        pytest.skip('this NumPy has round_ itself, and MXNet registers it last')
    registered = mx.numpy.multiarray._NUMPY_ARRAY_FUNCTION_DICT
    assert registered[getattr(numpy, new)] is getattr(mx.np, new)
    assert _lost_names()[old] is not getattr(numpy, new)
    assert type(getattr(numpy, new)(mx.np.array([1., 2.]))) in (mx.np.ndarray, float)


def test_everything_else_is_numpys():
    assert view().float32 is numpy.float32
    assert view().random is numpy.random
    assert view().testing is numpy.testing
    assert 'float32' in dir(view())
    with pytest.raises(AttributeError, match='no_such_name'):
        view().no_such_name  # noqa: B018


@pytest.mark.filterwarnings('ignore::DeprecationWarning')  # NumPy's, where it still has the function
def test_functions_without_their_optional_arguments():
    for names in (_lost_names(), vars(view())):
        assert names['trapz']([1, 2, 3]) == 4
        assert names['trapz']([[1, 2], [3, 6]]).tolist() == [1.5, 4.5]
        assert names['trapz']([1, 2, 3], dx=2) == 8
        assert names['in1d']([1, 1, 2], [1]).tolist() == [True, True, False]
        assert names['in1d']([1, 2], [2, 2, 3]).tolist() == [False, True]
        assert names['in1d']([4., 4.], numpy.arange(40) + 0.5).tolist() == [False, False]
    assert _lost_names()['in1d']([[3, 1], [2, 4]], [2, 1], assume_unique=True).tolist() == [False, True, True, False]
    assert _lost_names()['compat'].basestring is str


def test_zeros_have_their_signs():
    names = _lost_names()
    assert [(value, math.copysign(1, value)) for value in (names['PZERO'], names['NZERO'])] == [(0, 1), (0, -1)]
