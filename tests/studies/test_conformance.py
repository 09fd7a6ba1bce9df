"""Batch norm here and elsewhere: what the table says of each, and ONNX's own test cases for all of them."""
import warnings

import numpy as np
import pytest

from gluon_bn.studies.conformance import measure
from gluon_bn.studies.conformance.ways import Way, ways

WAYS = {way.name: way for way in ways()}
# What the documentation of each says: divisor, weight, momentum, eps, beginning, batch of one.
DOCUMENTED = {
    'gluon_bn.batch_norm': ['m', 'the old value', '0.9', '1e-05', 'the first batch', 'refused'],
    'gluon_bn.nn.BatchNorm': ['m', 'the old value', '0.9', '1e-05', '0 and 1', 'gives beta'],
    'gluon_bn.reference': ['m', 'the old value', '0.9', '1e-05', '0 and 0', 'refused'],
    'MXNet gluon.nn.BatchNorm': ['m', 'the old value', '0.9', '1e-05', '0 and 1', 'gives beta'],
    'MXNet nd.BatchNorm': ['m', 'the old value', '0.9', '0.001', 'what the caller passes', 'gives beta'],
    'PyTorch BatchNorm1d, 2d': ['m − 1', 'the new value', '0.1', '1e-05', '0 and 1', 'refused'],
    'Flax linen.BatchNorm': ['m', 'the old value', '0.99', '1e-05', '0 and 1', 'gives beta'],
    "Keras's formulas": ['m', 'the old value', '0.99', '0.001', '0 and 1', 'gives beta'],
    'ONNX reference': ['m', 'the old value', '0.9', '1e-05', 'what the caller passes', 'gives beta']}


@pytest.fixture(params=DOCUMENTED)
def way(request):
    if request.param not in WAYS:
        pytest.skip(f'{request.param} is not installed')
    return WAYS[request.param]


def test_a_row_says_what_is_documented_and_differs_by_rounding_alone(way, rng):
    name, *conventions, forward, backward, statistics = measure.row(way, rng)
    assert (name, conventions) == (way.name, DOCUMENTED[name])
    assert float(forward) < 1e-6
    assert float(statistics) < 1e-6
    if backward == '–':
        assert name in ("Keras's formulas", 'ONNX reference')
    else:
        assert float(backward) < 1e-5


def test_every_way_that_is_installed_has_a_row():
    assert set(WAYS) <= set(DOCUMENTED)
    assert [row[0] for row in measure.rows()] == list(WAYS)
    assert all(len(row) == len(measure.COLUMNS) for row in measure.rows())


# ---- a layer that is not right is seen ------------------------------------------------------------------------------

def other(train, test=None):
    """The row of Keras's formulas with another training or test."""
    keras = WAYS["Keras's formulas"]
    return measure.row(Way('other', lambda *args, **settings: train(keras.train, *args, **settings),
                           test or keras.test), np.random.default_rng(0))


def test_an_output_that_is_wrong_is_seen():
    assert float(other(lambda train, *args, **settings: train(*args, **settings)._replace(
        y=train(*args, **settings).y * 1.001))[7]) > 5e-4
    assert float(other(lambda train, *args, **settings: train(*args, **settings), lambda *args: 1.001 * WAYS[
        "Keras's formulas"].test(*args))[7]) > 5e-4


def test_a_gradient_that_is_wrong_is_seen():
    def train(keras, x, gamma, beta, dy, stored, **settings):
        _, dx, dgamma, dbeta, *_ = measure.formula(x, gamma, beta, dy, settings.get('eps', 1e-3))
        return keras(x, gamma, beta, dy, stored, **settings)._replace(dx=dx, dgamma=dgamma, dbeta=dbeta * 1.01)
    assert float(other(train)[8]) > 5e-3


def test_statistics_by_no_convention_are_seen():
    def train(keras, x, gamma, beta, dy, stored, **settings):
        found = keras(x, gamma, beta, dy, stored, **settings)
        return found._replace(var=found.var * 1.1)
    assert float(other(train)[9]) > 1e-2


def test_other_conventions_are_seen():
    def train(keras, x, gamma, beta, dy, stored, momentum=0.25, eps=1e-2):
        mean, var = measure.formula(x, gamma, beta, dy, eps)[4:]
        m = x.size // x.shape[1]
        if m == 1:
            return keras(x, gamma, beta, dy, stored, eps=eps)._replace(y=np.zeros_like(x))
        stored = (np.ones_like(gamma), np.ones_like(gamma)) if stored is None else stored
        moved = [(1 - momentum) * old + momentum * new for old, new in zip(stored, (mean, var * m / (m - 1)))]
        return keras(x, gamma, beta, dy, stored, eps=eps)._replace(mean=moved[0], var=moved[1])
    assert other(train)[1:7] == ['m − 1', 'the new value', '0.25', '0.01', 'other values', 'gives other values']


# ---- ONNX's own test cases -------------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def cases():
    pytest.importorskip('onnx', reason="onnx, which has the test cases, is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # it makes the cases of all operators, and computes with infinities for some
        from onnx.backend.test.case.node import collect_testcases
        found = {case.name: case for case in collect_testcases('BatchNormalization')}
    return {name: ({attribute.name: attribute for attribute in case.model.graph.node[0].attribute}, *case.data_sets[0])
            for name, case in found.items()}


@pytest.mark.parametrize('name', ['test_batchnorm_example', 'test_batchnorm_epsilon'])
def test_onnxs_cases_with_stored_statistics_hold(way, cases, name):
    attributes, (x, gamma, beta, mean, var), (y,) = cases[name]
    eps = attributes['epsilon'].f if 'epsilon' in attributes else 1e-5
    np.testing.assert_allclose(way.test(x, gamma, beta, (mean, var), eps), y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name', ['test_batchnorm_example_training_mode', 'test_batchnorm_epsilon_training_mode'])
def test_onnxs_cases_of_training_hold(way, cases, name):
    """PyTorch stores what its variance, divided by m − 1, and its momentum, of the new value, make of these numbers."""
    attributes, (x, gamma, beta, mean, var), (y, new_mean, new_var) = cases[name]
    eps = attributes['epsilon'].f if 'epsilon' in attributes else 1e-5
    divisor, weight, *_ = DOCUMENTED[way.name]
    momentum = 0.9 if weight == 'the old value' else 0.1
    found = way.train(x, gamma, beta, np.ones_like(x), (mean, var), momentum=momentum, eps=eps)
    if divisor == 'm − 1':
        m = x.size // x.shape[1]
        new_var = 0.9 * var + (new_var - 0.9 * var) * m / (m - 1)
    np.testing.assert_allclose(found.y, y, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.mean, new_mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.var, new_var, rtol=1e-4, atol=1e-6)
