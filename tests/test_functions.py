import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import relu, softmax, softmax_cross_entropy
from gluon_bn._mxnet import autograd, mx, nd

pytestmark = pytest.mark.usefixtures('formulation')
TOLERANCE = {'float16': 2e-3, 'float32': 1e-5, 'float64': 1e-12}


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


def loss_and_gradient(function, scores, dloss):
    """The losses of ``function(scores)`` and, with the upstream gradient ``dloss``, that of the scores."""
    scores.attach_grad()
    with autograd.record():
        loss = function(scores)
    loss.backward(dloss)
    return loss.asnumpy(), scores.grad.asnumpy()


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
def test_agrees_with_gluons_loss_and_gradient(ctx, rng, dtype):
    scores = nd.array(rng.normal(0, 3, (6, 5)), ctx=ctx, dtype=dtype)
    labels = nd.array(rng.integers(0, 5, 6), ctx=ctx, dtype=dtype)
    dloss = nd.array(rng.normal(0, 1, 6), ctx=ctx, dtype=dtype)
    y = nd.one_hot(labels, 5, dtype=dtype)
    ours = loss_and_gradient(lambda s: softmax_cross_entropy(s, y), scores, dloss)
    gluons = loss_and_gradient(lambda s: mx.gluon.loss.SoftmaxCrossEntropyLoss()(s, labels), scores.copy(), dloss)
    for our, theirs in zip(ours, gluons):
        assert our.dtype == np.dtype(dtype)
        np.testing.assert_allclose(our, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_takes_probabilities_as_labels(rng):
    scores, y = rng.normal(0, 2, (4, 3)), rng.dirichlet([1, 1, 1], 4)
    expected = -(y * np.log(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))).sum(axis=1)
    out = softmax_cross_entropy(nd.array(scores, dtype='float64'), nd.array(y, dtype='float64'))
    np.testing.assert_allclose(out.asnumpy(), expected, rtol=1e-12)


def test_the_gradient_is_softmax_minus_label(rng):
    scores, labels = nd.array(rng.normal(0, 2, (4, 3)), dtype='float64'), nd.array([0, 2, 1, 2])
    y = nd.one_hot(labels, 3, dtype='float64')
    _, dscores = loss_and_gradient(lambda s: softmax_cross_entropy(s, y), scores, nd.ones(4, dtype='float64'))
    np.testing.assert_allclose(dscores, (softmax(scores) - y).asnumpy(), rtol=1e-12, atol=1e-15)


@given(st.integers(1, 6), st.integers(2, 12), st.floats(-1000, 1000, allow_subnormal=False),  # MXNet takes none
       st.integers(0, 2**31))
def test_properties(m, K, shift, number):
    rng = np.random.default_rng(number)
    scores = nd.array(rng.normal(0, 5, (m, K)), dtype='float64')
    y = nd.one_hot(nd.array(rng.integers(0, K, m)), K, dtype='float64')
    loss = softmax_cross_entropy(scores, y).asnumpy()
    assert loss.shape == (m,)                                                       # one an example
    assert (loss >= 0).all()
    np.testing.assert_allclose(softmax_cross_entropy(scores + shift, y).asnumpy(), loss, rtol=1e-9, atol=1e-9)
    guess = softmax_cross_entropy(nd.zeros((m, K), dtype='float64') + shift, y).asnumpy()
    np.testing.assert_allclose(guess, np.log(K), rtol=1e-9)                         # equal scores are a guess
    order = rng.permutation(m)
    np.testing.assert_array_equal(softmax_cross_entropy(scores[order], y[order]).asnumpy(), loss[order])


@pytest.mark.parametrize('scale', [1, 30, 1000, 1e5, 1e8])
def test_large_scores_lose_no_digit(ctx, rng, scale):
    """Of float32 scores, every loss is that of float64 to its last digits, and none is below 0."""
    scores = nd.array(rng.normal(rng.choice([0, -scale, scale]), scale, (50, 4)), ctx=ctx)
    exact, y = scores.asnumpy().astype(np.float64), np.eye(4)[rng.integers(0, 4, 50)]
    exact -= exact.max(axis=1, keepdims=True)
    probabilities = np.exp(exact) / np.exp(exact).sum(axis=1, keepdims=True)
    expected = np.log(np.exp(exact).sum(axis=1)) - (y * exact).sum(axis=1)
    loss, dscores = loss_and_gradient(lambda s: softmax_cross_entropy(s, nd.array(y, ctx=ctx)), scores,
                                      nd.ones(50, ctx=ctx))
    assert (loss >= 0).all()
    np.testing.assert_allclose(loss, expected, rtol=5e-7, atol=5e-7)
    np.testing.assert_allclose(dscores, probabilities - y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
@pytest.mark.parametrize('row', [(1, -1, 0), (-1, -1, -1), (1, 1, 1), (-1, 1, 1), (0, 0, 1)])
def test_is_finite_for_the_largest_scores(ctx, dtype, row):
    scores = nd.array(np.array([row], dtype) * np.finfo(dtype).max, ctx=ctx, dtype=dtype)
    for k in range(3):
        y = nd.array([np.eye(3)[k]], ctx=ctx, dtype=dtype)
        loss, dscores = loss_and_gradient(lambda s, y=y: softmax_cross_entropy(s, y), scores,
                                          nd.ones(1, ctx=ctx, dtype=dtype))
        assert np.isfinite(loss).all()
        assert np.isfinite(dscores).all()
        if row[k] == max(row) and row.count(max(row)) == 1:
            assert abs(loss) < 1e-5                                                 # sure, and right


def test_shows_nan():
    loss = softmax_cross_entropy(nd.array([[float('nan'), 0], [0, 0]]), nd.array([[1, 0], [1, 0]])).asnumpy()
    assert np.isnan(loss[0])
    assert np.isfinite(loss[1])


@pytest.mark.parametrize(('scores', 'y'), [((4, 3), (4,)), ((4, 3), (4, 2)), ((4,), (4,)), ((2, 3, 1), (2, 3, 1))])
def test_refuses_other_shapes_and_says_what_to_do(scores, y):
    with pytest.raises(ValueError, match=r'expected \(m, K\) for both.*one_hot'):
        softmax_cross_entropy(nd.zeros(scores), nd.zeros(y))


def test_the_labels_have_a_gradient_too(rng):
    scores, y, dloss = (nd.array(a, dtype='float64') for a in (
        rng.normal(0, 2, (4, 3)), rng.dirichlet([1, 1, 1], 4), rng.normal(size=4)))
    _, dy = loss_and_gradient(lambda y: softmax_cross_entropy(scores, y), y, dloss)
    np.testing.assert_allclose(dy, -dloss.asnumpy()[:, None] * nd.log_softmax(scores).asnumpy(), rtol=1e-10)


def test_a_score_below_the_limit_has_no_gradient_either():
    scores = nd.array([[-3e38, 0, 1]])
    loss, dscores = loss_and_gradient(lambda s: softmax_cross_entropy(s, nd.array([[1, 0, 0]])), scores, nd.ones(1))
    np.testing.assert_allclose(loss, np.finfo('float32').max / 4, rtol=1e-6)
    np.testing.assert_allclose(dscores, [[0, 1 / (1 + np.e), np.e / (1 + np.e)]], rtol=1e-5)


@pytest.mark.parametrize('request_', ['write', 'add'])
def test_a_score_beyond_the_limit_has_no_gradient(request_):
    scores = nd.array([[3e38, 0, 1], [0.5, 0.25, 0]])
    scores.attach_grad(request_)
    with autograd.record():
        loss = softmax_cross_entropy(scores, nd.array([[0, 1, 0], [0, 0, 1]]))
    loss.backward()
    assert scores.grad[0].asnumpy().tolist() == [0, -1, 0]
    np.testing.assert_allclose(scores.grad[1].asnumpy(), nd.softmax(scores[1]).asnumpy() - [0, 0, 1], rtol=1e-5)


def test_many_examples_by_several_threads(rng):
    scores, labels = rng.normal(0, 3, (5000, 10)), rng.integers(0, 10, 5000)
    y = np.eye(10)[labels]
    loss, dscores = loss_and_gradient(lambda s: softmax_cross_entropy(s, nd.array(y, dtype='float64')),
                                      nd.array(scores, dtype='float64'), nd.ones(5000, dtype='float64'))
    exp = np.exp(scores)
    p = exp / exp.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loss, -np.log(p[np.arange(5000), labels]), rtol=1e-10)
    np.testing.assert_allclose(dscores, p - y, rtol=1e-10, atol=1e-14)


def test_gradients_for_rows_of_labels_that_do_not_sum_to_1(ctx, rng, formulation):
    """The derivative of -sum_k y_k log p_k is p sum_k y_k - y, whatever the sum."""
    scores, labels, dloss = rng.normal(size=(5, 4)), rng.uniform(0, 2, size=(5, 4)), rng.normal(size=5)
    x, y = (nd.array(a, ctx=ctx, dtype='float64') for a in (scores, labels))
    x.attach_grad()
    with autograd.record():
        loss = softmax_cross_entropy(x, y)
    loss.backward(nd.array(dloss, ctx=ctx, dtype='float64'))
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loss.asnumpy(), -(labels * np.log(p)).sum(axis=1), rtol=1e-10)
    expected = dloss[:, None] * (p * labels.sum(axis=1, keepdims=True) - labels)
    np.testing.assert_allclose(x.grad.asnumpy(), expected, rtol=1e-9, atol=1e-10)
