"""Algorithm 2 against float64 NumPy: the network by hand, and the definition of an unbiased variance."""
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd


class Dense:
    """One dense layer with batch norm, and no more attributes than are asked for."""

    def __init__(self, units=3, inputs=4, ctx=None, dtype='float32'):
        self.momentum = 0.9
        self.bn_ewv_means, self.bn_ewv_vars = {}, {}
        self.params = {'W': nd.random.normal(0, 1, (inputs, units), ctx=ctx, dtype=dtype),
                       'gamma': nd.ones(units, ctx=ctx, dtype=dtype), 'beta': nd.zeros(units, ctx=ctx, dtype=dtype)}

    def __call__(self, X, is_training=True):
        return gbn.batch_norm(nd.dot(X, self.params['W']), self.params['gamma'], self.params['beta'], self.bn_ewv_means,
                              self.bn_ewv_vars, self.momentum, layer_name='bn', is_training=is_training)


def lenet_statistics(params, X, eps=1e-5):
    """Each layer's means, biased variances and values a feature for one training batch, in float64, without MXNet."""
    p = {name: param.asnumpy().astype(np.float64) for name, param in params.items()}
    statistics = {}

    def norm_relu(h, number, axes):
        mean, var = h.mean(axis=axes, keepdims=True), h.var(axis=axes, keepdims=True)
        statistics['bn' + number] = mean.ravel(), var.ravel(), h.size // h.shape[1]
        gamma, beta = (p[name + number].reshape(mean.shape) for name in ('gamma', 'beta'))
        return np.maximum(gamma * (h - mean) / np.sqrt(var + eps) + beta, 0)

    def convolve(X, number):
        W = p['W' + number]
        windows = np.lib.stride_tricks.sliding_window_view(X, W.shape[2:], axis=(2, 3))
        return np.einsum('mchwij,kcij->mkhw', windows, W, optimize=True) + p['b' + number].reshape(1, -1, 1, 1)

    def pool(h):
        m, C, H, W = h.shape
        return h[:, :, :H // 2 * 2, :W // 2 * 2].reshape(m, C, H // 2, 2, W // 2, 2).mean(axis=(3, 5))

    h1 = pool(norm_relu(convolve(X, '1'), '1', (0, 2, 3)))
    h2 = pool(norm_relu(convolve(h1, '2'), '2', (0, 2, 3)))
    norm_relu(h2.reshape(len(X), -1) @ p['W3'] + p['b3'], '3', 0)
    return statistics


def stored(net):
    return {layer: (net.bn_ewv_means[layer].asnumpy(), net.bn_ewv_vars[layer].asnumpy()) for layer in net.bn_ewv_means}


def trained(images, labels, **arguments):
    net = gbn.LeNet(weight_scale=0.1, **arguments)
    gbn.train_epoch(net, gbn.data.batches(images[:128], labels[:128], 32), lr=0.001)
    return net


@pytest.fixture(scope='module')
def digits():
    return gbn.data.load('mnist')


@pytest.mark.parametrize(('impl', 'batch_size', 'examples'), [
    ('auto', 32, 32 * 3), ('auto', 16, 16 * 2 + 9),  # the native operators, where there are any
    ('plain', 16, 16 * 2 + 9), ('plain', 2, 8),
    ('auto', 8, 8 + 3)])  # one batch on either path
def test_lenet_gets_the_statistics_of_algorithm_2(digits, impl, batch_size, examples):
    images, labels = digits[0][:examples], digits[1][:examples]
    net = trained(*digits, impl=impl)
    before = stored(net)
    gbn.recalibrate(net, gbn.data.batches(images, labels, batch_size))
    batches = [lenet_statistics(net.params, images[start:start + batch_size].astype(np.float64) / 255)
               for start in range(0, examples, batch_size)]
    for layer, (mean, var) in stored(net).items():
        means, variances, n = (np.array(values) for values in zip(*(batch[layer] for batch in batches)))
        expected_mean = np.average(means, axis=0, weights=n)
        expected_var = (n[:, None] * variances).sum(axis=0) / (n - 1).sum()
        if examples % batch_size == 0:  # the paper's own formula
            np.testing.assert_allclose(expected_var, n[0] / (n[0] - 1) * variances.mean(axis=0))
        size = np.abs(expected_mean).max()
        np.testing.assert_allclose(mean / size, expected_mean / size, atol=1e-4, err_msg=layer)
        np.testing.assert_allclose(var, expected_var, rtol=1e-3, atol=1e-6, err_msg=layer)
        assert not np.array_equal(mean, before[layer][0])
    assert net.momentum == 0.9


def test_the_factor_is_that_of_values_a_feature_not_of_images(digits):
    """In batches of two, n / (n - 1) is 2 for the dense layer, 162 / 161 and 1352 / 1351 for the convolutions."""
    X = digits[0][:2].astype(np.float64) / 255
    net = gbn.LeNet(weight_scale=0.1)
    gbn.recalibrate(net, [nd.array(X)])
    for layer, n in (('bn1', 1352), ('bn2', 162), ('bn3', 2)):
        biased = lenet_statistics(net.params, X)[layer][1]
        large = biased > 0.1 * biased.max()  # where rounding is far smaller than the factor's difference from 1
        ratio = (stored(net)[layer][1][large] / biased[large])
        np.testing.assert_allclose(np.median(ratio), n / (n - 1), atol=0.3 / n)


def test_over_all_pairs_of_a_data_set_the_variance_is_the_data_sets_unbiased_one(rng):
    """Not an estimate: the mean of the unbiased variances of all pairs *is* the unbiased variance of the whole."""
    X = rng.normal(2, 3, (7, 4))
    net = Dense(dtype='float64')
    gbn.recalibrate(net, (nd.array(X[list(pair)], dtype='float64') for pair in itertools.combinations(range(7), 2)))
    h = X @ net.params['W'].asnumpy()
    np.testing.assert_allclose(net.bn_ewv_means['bn'].asnumpy(), h.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(net.bn_ewv_vars['bn'].asnumpy(), h.var(axis=0, ddof=1), rtol=1e-12)


@given(sizes=st.lists(st.integers(2, 9), min_size=1, max_size=6), seed=st.integers(0, 2**31 - 1))
def test_however_the_examples_are_divided_the_mean_of_the_first_layer_is_that_of_all(sizes, seed):
    X = np.random.default_rng(seed).normal(1, 2, (sum(sizes), 4))
    parts = np.split(X, np.cumsum(sizes)[:-1])
    net = Dense(dtype='float64')
    gbn.recalibrate(net, [nd.array(part, dtype='float64') for part in parts])
    h = X @ net.params['W'].asnumpy()
    np.testing.assert_allclose(net.bn_ewv_means['bn'].asnumpy(), h.mean(axis=0), rtol=1e-9, atol=1e-9)
    within = sum(((part @ net.params['W'].asnumpy() - (part @ net.params['W'].asnumpy()).mean(axis=0)) ** 2).sum(axis=0)
                 for part in parts)
    np.testing.assert_allclose(net.bn_ewv_vars['bn'].asnumpy(), within / (len(X) - len(parts)), rtol=1e-9)


def test_a_large_mean_does_not_spoil_the_variance(rng):
    X = rng.normal(1e4, 1, (64, 4))
    net = Dense()
    gbn.recalibrate(net, [nd.array(X[:32]), nd.array(X[32:])])
    h = X.astype(np.float32).astype(np.float64) @ net.params['W'].asnumpy().astype(np.float64)
    within = (31 * h[:32].var(axis=0, ddof=1) + 31 * h[32:].var(axis=0, ddof=1)) / 62
    np.testing.assert_allclose(net.bn_ewv_vars['bn'].asnumpy(), within, rtol=0.02)  # the product itself is in float32


def test_type_and_context_stay_and_nothing_is_recorded(ctx):
    net = Dense(ctx=ctx)
    net(nd.random.normal(shape=(5, 4), ctx=ctx))
    with autograd.record():
        gbn.recalibrate(net, [(nd.random.normal(shape=(5, 4), ctx=ctx), None)])
        assert autograd.is_recording()
    mean = net.bn_ewv_means['bn']
    assert mean.ctx == ctx
    assert mean.dtype == np.float32
    assert net(nd.ones((1, 4), ctx=ctx), is_training=False).shape == (1, 3)


def test_statistics_that_were_lost_are_replaced(digits):
    """What is stored does not enter: not even a nan."""
    net = trained(*digits)
    net.bn_ewv_means['bn1'][:] = np.nan
    gbn.recalibrate(net, gbn.data.batches(digits[0][:64], digits[1][:64], 32))
    assert np.isfinite(net(nd.zeros((2, 1, 28, 28)), is_training=False).asnumpy()).all()


def failing(batches):
    yield from batches
    raise OSError('the disk is gone')


@pytest.mark.parametrize(('batches', 'error', 'message'), [
    ([], ValueError, 'gave no batch'),
    ([(8, 1, 28, 28), (1, 1, 28, 28)], ValueError, r'batch 1 has shape \(1, 1, 28, 28\): a batch of one'),
    ([(8, 1, 28, 28), (8, 3, 28, 28)], ValueError, 'expects'),
    (failing([(8, 1, 28, 28)]), OSError, 'disk')], ids=['none', 'one', 'shape', 'disk'])
def test_after_an_error_nothing_is_changed(digits, batches, error, message):
    net = trained(*digits)
    before = {name: dict(getattr(net, name)) for name in ('bn_ewv_means', 'bn_ewv_vars')}
    with pytest.raises(error, match=message):
        gbn.recalibrate(net, (nd.random.uniform(shape=shape) for shape in batches))
    for name, arrays in before.items():
        assert all(getattr(net, name)[layer] is array for layer, array in arrays.items())
    assert net.momentum == 0.9


def test_statistics_that_are_not_finite_are_refused(digits):
    net = trained(*digits)
    before = stored(net)
    net.params['W2'][:] = np.inf
    with pytest.raises(ValueError, match="statistics of layer 'bn2' are not finite"):
        gbn.recalibrate(net, gbn.data.batches(digits[0][:64], digits[1][:64], 32))
    for layer, arrays in stored(net).items():
        np.testing.assert_array_equal(arrays, before[layer])


def test_a_network_without_batch_norm_is_refused():
    with pytest.raises(ValueError, match='stored no statistics.*no batch norm'):
        gbn.recalibrate(gbn.LeNet(mx.cpu(), batch_norm=False), [nd.zeros((2, 1, 28, 28))])
    with pytest.raises(ValueError, match='FullyConnectedNet has no bn_ewv_means'):
        gbn.recalibrate(gbn.FullyConnectedNet([3]), [nd.zeros((2, 5))])


def test_convolutions_that_do_not_say_how_many_values_they_average_are_refused():
    net = Dense()
    net.params['kernel'] = nd.zeros((2, 2, 3, 3))
    with pytest.raises(ValueError, match="Dense's bn_values_per_image does not say .* of layer 'bn'"):
        gbn.recalibrate(net, [nd.zeros((2, 4))])
    net.bn_values_per_image = {'bn': 1}
    gbn.recalibrate(net, [nd.zeros((2, 4))])
    assert net.bn_ewv_vars['bn'].asnumpy().tolist() == [0, 0, 0]


def test_the_networks_own_layers_are_in_training_mode_too():
    class Watched(Dense):
        def __call__(self, X, is_training=True):
            modes.append((is_training, autograd.is_training(), autograd.is_recording()))
            return super().__call__(X, is_training)

    modes, net = [], Watched()
    gbn.recalibrate(net, [nd.random.normal(shape=(5, 4))] * 2)
    assert modes == [(True, True, False)] * 2


def test_variances_that_overflow_are_refused_and_nothing_has_changed():
    net = Dense()
    net(nd.random.normal(shape=(5, 4)))
    before = stored(net)
    X = np.zeros((4, 4))
    X[0] = 1e25  # its square is more than float32 holds, and its mean is not
    with pytest.raises(ValueError, match="the statistics of layer 'bn' are not finite"):
        gbn.recalibrate(net, [nd.array(X)])
    for layer, arrays in stored(net).items():
        np.testing.assert_array_equal(arrays, before[layer])


@pytest.mark.parametrize(('mean', 'var'), [(np.inf, 1), (1, np.nan)])
def test_one_statistic_of_a_network_of_ones_own_that_is_not_finite_is_refused(mean, var):
    class Own(Dense):
        def __call__(self, X, is_training=True):
            self.bn_ewv_means['bn'], self.bn_ewv_vars['bn'] = nd.array([0, mean, 0]), nd.array([1, var, 1])

    net = Own()
    with pytest.raises(ValueError, match="the statistics of layer 'bn' are not finite"):
        gbn.recalibrate(net, [nd.zeros((4, 4))])
    assert stored(net) == {}


def test_stored_variances_do_not_enter_either():
    net, X = Dense(dtype='float64'), nd.random.normal(shape=(6, 4), dtype='float64')
    net(nd.random.normal(shape=(5, 4), dtype='float64'))
    net.bn_ewv_vars['bn'][:] = np.nan
    gbn.recalibrate(net, [X])
    h = X.asnumpy() @ net.params['W'].asnumpy()
    np.testing.assert_allclose(net.bn_ewv_vars['bn'].asnumpy(), h.var(axis=0, ddof=1), rtol=1e-9)


def test_what_a_network_says_of_its_values_counts_also_without_convolutions():
    net, X = Dense(dtype='float64'), nd.random.normal(shape=(6, 4), dtype='float64')
    net.bn_values_per_image = {'bn': 4}
    gbn.recalibrate(net, [X])
    h = X.asnumpy() @ net.params['W'].asnumpy()
    np.testing.assert_allclose(net.bn_ewv_vars['bn'].asnumpy(), h.var(axis=0) * 24 / 23, rtol=1e-9)
    net.bn_values_per_image = {'another': 4}
    with pytest.raises(ValueError, match="Dense's bn_values_per_image does not say .* of layer 'bn'"):
        gbn.recalibrate(net, [X])


@pytest.mark.parametrize('X', [np.ones((4, 4), np.float32), [[1., 2.]], None, nd.ones((4, 4), dtype='int32')], ids=type)
def test_batches_of_another_kind_are_refused(X):
    net = Dense()
    with pytest.raises((TypeError, ValueError), match='expected'):
        gbn.recalibrate(net, iter([X]))
    assert net.bn_ewv_means == {}


def test_batches_that_are_none_are_refused_by_name():
    with pytest.raises((TypeError, ValueError), match='^batches'):
        gbn.recalibrate(Dense(), 3)
