import numpy as np
import pytest

from gluon_bn import relu, softmax
from gluon_bn._mxnet import autograd, nd


def test_relu_keeps_positive_values_and_zeroes_the_others(ctx):
    out = relu(nd.array([[-2., 0.], [0.5, 3.]], ctx=ctx))
    assert out.ctx == ctx
    np.testing.assert_array_equal(out.asnumpy(), [[0, 0], [0.5, 3]])


def test_relu_has_gradient_one_above_zero_and_zero_below(ctx):
    X = nd.array([-1., 2.], ctx=ctx)
    X.attach_grad()
    with autograd.record():
        y = relu(X)
    y.backward(nd.array([3., 5.], ctx=ctx))
    np.testing.assert_array_equal(X.grad.asnumpy(), [0, 5])


def test_relu_shows_nan():
    assert np.isnan(relu(nd.array([float('nan')])).asscalar())


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
def test_softmax_agrees_with_numpy(ctx, rng, dtype):
    scores = rng.normal(0, 5, (7, 4)).astype(dtype)
    exp = np.exp(scores.astype('float64'))
    out = softmax(nd.array(scores, ctx=ctx, dtype=dtype))
    assert out.dtype == np.dtype(dtype).type
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(out.asnumpy(), exp / exp.sum(axis=1, keepdims=True), rtol=tolerance * 10, atol=tolerance)


def test_softmax_subtracts_each_rows_own_maximum(ctx):
    """With the maximum of the whole matrix the first row would be 0 / 0."""
    out = softmax(nd.array([[-500., -500.], [1e4, -1e4]], ctx=ctx)).asnumpy()
    np.testing.assert_array_equal(out, [[0.5, 0.5], [1, 0]])


def test_softmax_refuses_other_shapes():
    with pytest.raises(ValueError, match=r'\(3,\).*\(m, K\)'):
        softmax(nd.zeros(3))
