"""The native dense layer and update against NumPy in float64, for every shape; and what the kernels refuse."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import LeNet
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.native import operators
from gluon_bn.optimizers import momentum_sgd, sgd

SIZES = st.integers(1, 70)


pytestmark = pytest.mark.usefixtures('library')


@given(SIZES, SIZES, SIZES, st.integers(0, 2 ** 32 - 1))
def test_a_dense_layer_is_the_product_and_the_bias_and_has_their_gradients(m, D, K, seed):
    compare_dense(m, D, K, seed)


@pytest.mark.parametrize(('m', 'D', 'K'), [(64, 800, 128), (65, 801, 129), (200, 128, 10)])  # by several threads
def test_a_large_dense_layer(m, D, K, seed):
    compare_dense(m, D, K, seed)


def compare_dense(m, D, K, seed):
    rng = np.random.default_rng(seed)
    X, W, b, dout = (rng.normal(size=size).astype('float32') for size in ((m, D), (D, K), K, (m, K)))
    arrays = [nd.array(a) for a in (X, W, b)]
    for array in arrays:
        array.attach_grad()
    with autograd.record():
        out = operators.dense(*arrays)
    out.backward(nd.array(dout))
    X, W, b, dout = (a.astype('float64') for a in (X, W, b, dout))
    expected = X @ W + b, dout @ W.T, X.T @ dout, dout.sum(axis=0)
    terms = (D + 1) ** 0.5, K ** 0.5, m ** 0.5, m ** 0.5  # about what a sum of so many normal numbers is
    for found, value, scale in zip((out, *(a.grad for a in arrays)), expected, terms):
        assert found.shape == value.shape
        np.testing.assert_allclose(found.asnumpy() / scale, value / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize('momentum', [None, 0.0, 0.75])
@pytest.mark.parametrize('sizes', [(1,), (3, 1, 7), (300000, 5, 20), (2,) * 100], ids=len)
def test_updates_of_parameters_of_any_size_and_number(ctx, rng, sizes, momentum):
    """Two steps, so that the second one has a velocity."""
    params = {str(i): nd.array(rng.normal(size=size), ctx=ctx) for i, size in enumerate(sizes)}
    lr, velocities = 0.37, {}
    expected = {name: [param.asnumpy().astype('float64'), 0] for name, param in params.items()}
    for _ in range(2):
        for name, param in params.items():
            param.attach_grad()
            param.grad[:] = nd.array(rng.normal(size=param.shape), ctx=ctx)
            velocity = (momentum or 0) * expected[name][1] - lr * param.grad.asnumpy().astype('float64')
            expected[name] = [expected[name][0] + velocity, velocity]
        if momentum is None:
            sgd(params, lr)
        else:
            momentum_sgd(params, velocities, lr, momentum)
    for name, (value, velocity) in expected.items():
        np.testing.assert_allclose(params[name].asnumpy(), value, rtol=1e-5, atol=1e-6)
        if momentum is not None:
            np.testing.assert_allclose(velocities[name].asnumpy(), velocity, rtol=1e-5, atol=1e-6)


def test_an_update_while_recording_is_refused_as_ever():
    w = nd.ones(3)
    w.attach_grad()
    with autograd.record():
        assert not operators.sgd_applies_to(w)
        with pytest.raises(mx.base.MXNetError, match='record|graph'):
            sgd([w], 0.1)


@pytest.mark.parametrize('is_training', [True, False])
@pytest.mark.parametrize(('what', 'value'), [
    ('has shape', nd.ones(19)), ('has type', nd.ones(20, dtype='float64')), ('is on', nd.ones(20, ctx=mx.cpu(1)))],
    ids=lambda value: value if isinstance(value, str) else '')
def test_a_network_refuses_stored_statistics_that_do_not_fit(is_training, what, value):
    net, X = LeNet(mx.cpu()), nd.random.normal(shape=(16, 1, 28, 28))
    net(X)
    net.bn_ewv_vars['bn1'] = value
    means = {name: mean.asnumpy() for name, mean in net.bn_ewv_means.items()}
    with pytest.raises((ValueError, TypeError), match=f"bn_ewv_vars\\['bn1'\\] {what}"):
        net(X, is_training)
    for name, mean in means.items():
        np.testing.assert_array_equal(net.bn_ewv_means[name].asnumpy(), mean)


def test_a_network_without_one_layers_statistics_names_it():
    net, X = LeNet(mx.cpu()), nd.random.normal(shape=(16, 1, 28, 28))
    net(X)
    del net.bn_ewv_means['bn2'], net.bn_ewv_vars['bn2']
    with pytest.raises(ValueError, match="layer 'bn2'"):
        net(X, is_training=False)
    net(X)
    assert net(X, is_training=False).shape == (16, 10)
