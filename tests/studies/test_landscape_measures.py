import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import LeNet, SigmoidMLP, softmax_cross_entropy
from gluon_bn._mxnet import mx, nd
from gluon_bn.studies.landscape.measures import (
    Objective,
    along_gradient,
    covariate_shift,
    layers_of,
    parameters,
    set_parameters,
)

LENGTHS = (0.01, 0.05, 0.2)


def parabola(H, c):
    """``(x - c)^T H (x - c) / 2`` and its gradient."""
    return lambda x: (0.5 * (x - c) @ H @ (x - c), H @ (x - c))


def symmetric(rng, n):
    A = rng.normal(size=(n, n))
    return A @ A.T


# ---- against closed forms ----------------------------------------------------------------------------------------

def test_along_the_gradient_of_a_parabola(rng):
    H, c, x = symmetric(rng, 6), rng.normal(size=6), rng.normal(size=6)
    kept = x.copy()
    found = along_gradient(parabola(H, c), x, LENGTHS)
    g = H @ (x - c)
    assert (x == kept).all()
    assert found.loss == pytest.approx(0.5 * (x - c) @ g)
    assert found.gradient_norm == pytest.approx(np.sqrt(g @ g))
    for length, loss, change in zip(LENGTHS, found.losses, found.gradient_changes):
        assert loss == pytest.approx(found.loss - length * g @ g + length ** 2 / 2 * g @ H @ g)
        assert change == pytest.approx(length * np.sqrt(g @ H @ H @ g))
    assert found.smoothness == pytest.approx(np.sqrt(g @ H @ H @ g / (g @ g)))


@given(st.integers(0, 2**31), st.integers(1, 8))
def test_smoothness_of_a_parabola_is_between_its_eigenvalues(seed, n):
    rng = np.random.default_rng(seed)
    H = symmetric(rng, n)
    eigenvalues, vectors = np.linalg.eigh(H)
    found = along_gradient(parabola(H, np.zeros(n)), rng.normal(size=n), LENGTHS)
    assert eigenvalues[0] * (1 - 1e-6) - 1e-9 <= found.smoothness <= eigenvalues[-1] * (1 + 1e-6) + 1e-9
    steepest = along_gradient(parabola(H, np.zeros(n)), vectors[:, -1], LENGTHS)
    assert steepest.smoothness == pytest.approx(eigenvalues[-1])


def test_smoothness_is_the_largest_ratio_where_the_curvature_changes():
    def quartic(x):
        return float(x[0] ** 4), 4 * x ** 3       # at 1 the gradient is 4; at 1 - 4 s, 4 (1 - 4 s)^3

    found = along_gradient(quartic, np.array([1.]), (0.05, 0.1))
    ratios = [(4 - 4 * (1 - 4 * s) ** 3) / (4 * s) for s in (0.05, 0.1)]
    assert ratios[0] > ratios[1]
    assert found.smoothness == pytest.approx(ratios[0])


def test_where_the_gradient_is_zero_there_is_no_direction():
    found = along_gradient(parabola(np.eye(2), np.zeros(2)), np.zeros(2), LENGTHS)
    assert np.isnan(found.smoothness)
    assert found.losses == [0] * 3


@pytest.mark.parametrize('lengths', [(), (0.1, 0), (-1,)])
def test_step_lengths_that_are_none(lengths):
    with pytest.raises(ValueError, match='expected at least one, all above 0'):
        along_gradient(parabola(np.eye(2), np.zeros(2)), np.ones(2), lengths)


def test_covariate_shift_on_a_parabola(rng):
    """The gradient of layer i changes by the blocks of the Hessian left of the diagonal, times the earlier moves."""
    H, before, after = symmetric(rng, 7), rng.normal(size=7), rng.normal(size=7)
    layers = [slice(0, 2), slice(2, 5), slice(5, 7)]
    kept = before.copy(), after.copy()
    found = covariate_shift(parabola(H, np.zeros(7)), before, after, layers)
    assert (before == kept[0]).all()
    assert (after == kept[1]).all()
    move, G = after - before, H @ before
    assert found[0]['change'] == 0
    for shift, layer in zip(found, layers):
        change = H[layer, :layer.start] @ move[:layer.start]
        assert shift['norm'] == pytest.approx(np.linalg.norm(G[layer]))
        assert shift['change'] == pytest.approx(np.linalg.norm(change))
        new = G[layer] + change
        assert shift['cosine'] == pytest.approx(G[layer] @ new / np.linalg.norm(G[layer]) / np.linalg.norm(new))


def test_covariate_shift_where_a_gradient_is_zero_has_no_angle():
    layers = [slice(0, 1), slice(1, 2)]
    found = covariate_shift(parabola(np.diag([1., 0]), np.zeros(2)), np.ones(2), np.zeros(2), layers)
    assert found[1]['change'] == 0
    assert np.isnan(found[1]['cosine'])


# ---- on a network whose mathematics is known ---------------------------------------------------------------------

class SoftmaxRegression:
    """Scores ``X W + b`` in double precision: the smallest network there is."""

    def __init__(self, rng, inputs, classes):
        self.params = {'W1': nd.array(rng.normal(size=(inputs, classes)), dtype=np.float64),
                       'b1': nd.array(rng.normal(size=classes), dtype=np.float64)}
        for param in self.params.values():
            param.attach_grad()

    def __call__(self, X, is_training=True):
        return nd.dot(X, self.params['W1']) + self.params['b1']


def regression_in_numpy(X, y, x, classes):
    """Loss and gradient of softmax regression at ``x``, from the definition, example by example."""
    W, b = x[:-classes].reshape(X.shape[1], classes), x[-classes:]
    loss, dW, db = 0, np.zeros_like(W), np.zeros_like(b)
    for features, label in zip(X, y):
        scores = features @ W + b
        p = np.exp(scores - scores.max())
        p /= p.sum()
        loss -= np.log(p[label]) / len(X)
        p[label] -= 1
        dW += np.outer(features, p) / len(X)
        db += p / len(X)
    return loss, np.concatenate([dW.ravel(), db])


def test_softmax_regression_against_numpy(rng):
    X, y, net = rng.normal(size=(12, 4)), rng.integers(3, size=12), SoftmaxRegression(rng, 4, 3)
    x = parameters(net)
    found = along_gradient(Objective(net, nd.array(X, dtype=np.float64), nd.array(y)), x, LENGTHS)
    loss, g = regression_in_numpy(X, y, x, 3)
    there = [regression_in_numpy(X, y, x - length * g, 3) for length in LENGTHS]
    changes = [np.linalg.norm(gradient - g) for _, gradient in there]
    np.testing.assert_allclose(found.loss, loss, rtol=1e-12)
    np.testing.assert_allclose(found.gradient_norm, np.linalg.norm(g), rtol=1e-12)
    np.testing.assert_allclose(found.losses, [value for value, _ in there], rtol=1e-12)
    np.testing.assert_allclose(found.gradient_changes, changes, rtol=1e-9)
    np.testing.assert_allclose(found.smoothness, np.max(changes / (np.array(LENGTHS) * np.linalg.norm(g))), rtol=1e-9)
    # The Hessian of the softmax loss is at most half the identity, so that of the mean at most half of A^T A / m.
    A = np.hstack([X, np.ones((12, 1))])
    assert found.smoothness <= 0.5 * np.linalg.eigvalsh(A.T @ A / 12)[-1]


@pytest.mark.parametrize('make', [lambda: LeNet(weight_scale=0.1), lambda: LeNet(weight_scale=0.1, batch_norm=False),
                                  lambda: SigmoidMLP(weight_scale=0.1), lambda: SigmoidMLP(batch_norm=False)])
def test_the_losses_are_those_of_a_network_with_these_parameters(make, seed):
    """Plain evaluation: a second network, moved by hand, without the functions under test."""
    data, label = nd.random.uniform(shape=(16, 1, 28, 28)), nd.array(np.arange(16) % 10)
    mx.random.seed(seed)
    net = make()
    found = along_gradient(Objective(net, data, label), parameters(net), LENGTHS)
    mx.random.seed(seed)
    other = make()
    with mx.autograd.record():
        loss = softmax_cross_entropy(other(data), nd.one_hot(label, 10)).mean()
    loss.backward()
    gradient = {name: param.grad.copy() for name, param in other.params.items()}
    assert found.loss == pytest.approx(loss.asscalar(), rel=1e-5)
    start = {name: param.copy() for name, param in other.params.items()}
    for length, value in zip(LENGTHS, found.losses):
        for name, param in other.params.items():
            param[:] = start[name] - length * gradient[name]
        there = softmax_cross_entropy(other(data), nd.one_hot(label, 10)).mean().asscalar()
        assert value == pytest.approx(there, rel=1e-4)


# ---- the network is left as it was -------------------------------------------------------------------------------

def state(net):
    arrays = {**net.params, **{'mean ' + k: v for k, v in net.bn_ewv_means.items()},
              **{'var ' + k: v for k, v in net.bn_ewv_vars.items()}}
    return {name: array.asnumpy() for name, array in arrays.items()}


def same(a, b):
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


@pytest.mark.parametrize('before', [0, 1], ids=['without stored statistics', 'with stored statistics'])
def test_an_objective_leaves_the_network_as_it_was(before):
    net, data = LeNet(weight_scale=0.1), nd.random.uniform(shape=(8, 1, 28, 28))
    for _ in range(before):
        net(data)
    kept, x = state(net), parameters(net)
    objective = Objective(net, data * 2, nd.arange(8))
    here, there = objective(x)[0], objective(x + 0.1)[0]
    assert here != there
    assert same(state(net), kept)
    with pytest.raises(ValueError, match='expects'):
        Objective(net, data.reshape((8, -1)), nd.arange(8))(x + 0.1)
    assert same(state(net), kept)


def test_parameters_and_back(rng):
    net = LeNet()
    x = rng.normal(size=parameters(net).size).astype(np.float32).astype(np.float64)
    set_parameters(net, x)
    assert (parameters(net) == x).all()
    assert (net.params['b4'].asnumpy() == x[-10:]).all()


@pytest.mark.parametrize(('network', 'options'), [
    (LeNet, {}), (LeNet, {'batch_norm': False}), (SigmoidMLP, {}), (SigmoidMLP, {'hidden': [4] * 11})],
    ids=['LeNet', 'plain LeNet', 'MLP', 'deep MLP'])
def test_layers_hold_each_parameter_once(network, options):
    net = network(**options)
    layers, names = layers_of(net), list(net.params)
    assert layers[0].start == 0
    assert layers[-1].stop == parameters(net).size
    assert [layer.stop for layer in layers[:-1]] == [layer.start for layer in layers[1:]]
    for number, layer in enumerate(layers, 1):
        sizes = [net.params[name].size for name in names if name.strip('Wbgamet') == str(number)]
        assert layer.stop - layer.start == sum(sizes) > 0


def test_covariate_shift_where_a_gradient_becomes_zero_has_no_angle():
    """The second layer's gradient is what the first one holds, before its step and after it."""
    def objective(x):
        return x[0] * x[1], np.array([x[1], x[0]])

    found = covariate_shift(objective, np.array([1., 1.]), np.array([0., 1.]), [slice(0, 1), slice(1, 2)])
    assert (found[1]['norm'], found[1]['change']) == (1, 1)
    assert np.isnan(found[1]['cosine'])
