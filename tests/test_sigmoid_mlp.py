import numpy as np
import pytest

from gluon_bn import SigmoidMLP, data, evaluate_accuracy, reference, train_epoch, train_step
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.gradient_check import check_gradients

HIDDEN = {'1': 784, '2': 100, '3': 100}


@pytest.fixture(scope='module')
def digits():
    """64 real images, (64, 1, 28, 28), and their labels, (64,), as NumPy arrays."""
    images, labels = data.load('mnist', train=False)
    return images[:64].astype('float32') / 255, labels[:64]


def small(rng, batch_norm=True, **options):
    """A network of float64 with random parameters, none of them special."""
    net = SigmoidMLP(hidden=(5, 4), num_inputs=6, num_outputs=3, batch_norm=batch_norm, **options)
    for name, param in net.params.items():
        net.params[name] = nd.array(rng.normal(1 if 'gamma' in name else 0, 0.7, param.shape), dtype='float64')
        net.params[name].attach_grad()
    return net


def in_numpy(params, X, running=None):
    """Scores and inputs of the sigmoids, by NumPy's own operators and ``gluon_bn.reference``."""
    h, inputs = X, []
    for number in '12':
        h = h @ params['W' + number].T + params['b' + number]
        if 'gamma1' in params:
            mode = {'mode': 'train'} if running is None else {'mode': 'test', **running[number]}
            h = reference.batchnorm_forward(h, params['gamma' + number], params['beta' + number], mode)[0]
        inputs.append(h)
        h = 1 / (1 + np.exp(-h))
    return h @ params['W3'].T + params['b3'], inputs


@pytest.mark.parametrize('scale', [0.01, 0.3])
def test_weights_are_normal_with_the_given_scale(scale):
    for name, param in SigmoidMLP(weight_scale=scale).params.items():
        values = param.asnumpy().astype('float64').ravel()
        if name.startswith('W'):
            assert abs(values.mean()) < 6 * scale / np.sqrt(values.size), name
            assert abs(values.std() / scale - 1) < 6 / np.sqrt(2 * values.size), name
        else:
            assert (values == name.startswith('gamma')).all(), name


def test_glorot_is_uniform_between_the_limits_of_the_layer():
    params = SigmoidMLP(weight_scale='glorot').params
    for number, inputs in HIDDEN.items():
        values, limit = params['W' + number].asnumpy().ravel().astype('float64'), np.sqrt(6 / (inputs + 100))
        assert limit * (1 - 20 / values.size) < np.abs(values).max() <= limit * (1 + 1e-6)
        assert abs(values.mean()) < 6 * limit / np.sqrt(3 * values.size)
        assert abs(values.var() / (limit ** 2 / 3) - 1) < 6 / np.sqrt(values.size)


@pytest.mark.parametrize('batch_norm', [True, False])
@pytest.mark.parametrize('impl', ['auto', 'plain'])
def test_scores_are_those_of_numpy(rng, batch_norm, impl):
    net, X = small(rng, batch_norm, impl=impl), rng.normal(size=(7, 6))
    params = {name: param.asnumpy() for name, param in net.params.items()}
    scores, inputs = in_numpy(params, X)
    X = nd.array(X, dtype='float64')
    np.testing.assert_allclose(net(X).asnumpy(), scores, rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(net.sigmoid_inputs(X, is_training=True).values(), inputs):
        np.testing.assert_allclose(ours.asnumpy(), theirs, rtol=1e-9, atol=1e-9)


def test_testing_uses_the_stored_statistics_and_changes_nothing(rng):
    net, X = small(rng, eps=1e-3), rng.normal(size=(9, 6))
    for _ in range(3):
        net(nd.array(rng.normal(size=(7, 6)), dtype='float64'))
    before = [{name: value.asnumpy() for name, value in stored.items()}
              for stored in (net.bn_ewv_means, net.bn_ewv_vars)]
    params = {name: param.asnumpy() for name, param in net.params.items()}
    running = {number: {'running_mean': before[0]['bn' + number], 'running_var': before[1]['bn' + number], 'eps': 1e-3}
               for number in '12'}
    scores, inputs = in_numpy(params, X, running)
    X = nd.array(X, dtype='float64')
    np.testing.assert_allclose(net(X, is_training=False).asnumpy(), scores, rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(net.sigmoid_inputs(X).values(), inputs):
        np.testing.assert_allclose(ours.asnumpy(), theirs, rtol=1e-9, atol=1e-9)
    for stored, old in zip((net.bn_ewv_means, net.bn_ewv_vars), before):
        assert all((stored[name].asnumpy() == value).all() for name, value in old.items())


@pytest.mark.parametrize('batch_norm', [True, False])
def test_gradients_are_those_of_central_differences(rng, batch_norm):
    net, X, dscores = small(rng, batch_norm), rng.normal(size=(7, 6)), rng.normal(size=(7, 3))
    with autograd.record():
        scores = net(nd.array(X, dtype='float64'))
    scores.backward(nd.array(dscores, dtype='float64'))
    params = {name: param.asnumpy() for name, param in net.params.items()}
    gradients = {name: param.grad.asnumpy() for name, param in net.params.items()}
    check_gradients(lambda: in_numpy(params, X)[0], params, gradients, dscores)
    if batch_norm:  # it takes these biases away
        assert max(np.abs(gradients[name]).max() for name in ('b1', 'b2')) < 1e-12


def test_images_and_rows_are_the_same(digits):
    net, X = SigmoidMLP(weight_scale=0.1), nd.array(digits[0])
    np.testing.assert_array_equal(net(X).asnumpy(), net(X.reshape((64, 784))).asnumpy())


def test_it_learns_by_the_package_s_own_training(digits):
    images, labels = data.load('mnist')
    test_batches = data.batches(*data.load('mnist', train=False), 1000)
    mx.random.seed(0)
    net = SigmoidMLP(weight_scale='glorot')
    train_epoch(net, data.batches(images[:12000], labels[:12000], 60, shuffle=True, seed=0), lr=0.01)
    assert evaluate_accuracy(test_batches, net) > 0.85
    X, y = (nd.array(array) for array in digits)
    losses = [train_step(net, X, y, lr=0.01).asscalar() for _ in range(20)]
    assert losses[-1] < losses[0]


class Noisy(SigmoidMLP):
    def before_sigmoid(self, h, number, is_training):
        return super().before_sigmoid(h, number, is_training) + 100


class Linear(SigmoidMLP):
    def activate(self, h, number, is_training):
        return 2 * h


def test_a_subclass_may_change_what_lies_before_the_sigmoid_and_the_sigmoid(digits):
    X = nd.array(digits[0])
    net = Noisy(weight_scale=0.1)
    # every sigmoid is 1: the scores are the sums of the last weights
    sums = nd.sum(net.params['W4'], axis=1).asnumpy()
    np.testing.assert_allclose(net(X).asnumpy(), np.tile(sums, (64, 1)), rtol=1e-4, atol=1e-4)
    assert all(inputs.asnumpy().mean() > 90 for inputs in net.sigmoid_inputs(X).values())
    net = Linear(weight_scale=0.1, batch_norm=False)
    p = {name: param.asnumpy().astype('float64') for name, param in net.params.items()}
    product = 8 * digits[0].reshape(64, 784) @ p['W1'].T @ p['W2'].T @ p['W3'].T @ p['W4'].T
    np.testing.assert_allclose(net(X).asnumpy(), product, rtol=1e-3, atol=1e-3)


def test_summaries_count_what_is_there():
    for batch_norm, trainable, stored in ((False, '99,710', '0'), (True, '100,310', '600')):
        net = SigmoidMLP(batch_norm=batch_norm)
        *_, line, last = net.summary().splitlines()
        assert line.split() == ['trainable', 'parameters', trainable]
        assert last.split()[-1] == stored
        assert sum(param.size for param in net.params.values()) == int(trainable.replace(',', ''))
        net(nd.random.normal(shape=(2, 784)))
        sizes = [value.size for statistics in (net.bn_ewv_means, net.bn_ewv_vars) for value in statistics.values()]
        assert sum(sizes) == int(stored)
    assert [row.split()[-1] for row in SigmoidMLP(batch_norm=False).summary().splitlines() if 'dense' in row] == [
        '78,500', '10,100', '10,100', '1,010']


@pytest.mark.parametrize(('options', 'said'), [
    ({'hidden': ()}, 'at least one hidden layer'), ({'hidden': 100}, 'a list of whole numbers'),
    ({'hidden': b'ab'}, 'a list of whole numbers'), ({'hidden': {5, 6}}, 'a list of whole numbers'),
    ({'hidden': (10, 0)}, r'hidden\[1\] is 0; expected a whole number, at least 1'), ({'num_outputs': 2.5}, '2.5'),
    ({'hidden': (10 ** 5,), 'num_inputs': 10 ** 5}, 'weights a layer'),
    ({'weight_scale': 'he'}, "weight_scale is 'he'; expected a finite number"), ({'weight_scale': -1}, 'from 1e-30 to'),
    ({'weight_scale': 0}, 'weight_scale is 0; expected a finite number from 1e-30 to'),
    ({'weight_scale': nd.array([.1])}, 'weight_scale is .*expected a finite number'),
    ({'weight_scale': float('nan')}, 'weight_scale is nan')])
def test_sizes_and_scales_that_make_no_sense_are_refused(options, said):
    with pytest.raises((ValueError, TypeError), match=said):
        SigmoidMLP(**options)


@pytest.mark.parametrize('shape', [(784,), (2, 783), (2, 3, 28, 28), (2, 1, 28, 27), (0, 784)])
def test_examples_of_another_size_are_refused(shape):
    net = SigmoidMLP()
    with pytest.raises(ValueError, match=r'this network expects \(m, 784\)|there is no example in it'):
        net(nd.array(np.zeros(shape)))
    assert net.bn_ewv_means == {}


def test_the_hidden_layers_come_in_any_iterable():
    for hidden in ([5, 6], np.array([5, 6]), (units for units in (5, 6))):
        assert SigmoidMLP(hidden=hidden).sizes == (784, 5, 6, 10)


def test_training_batch_norm_on_one_example_is_refused():
    net = SigmoidMLP()
    with pytest.raises(ValueError, match='batch'):
        net(nd.ones((1, 784)))
    assert net.bn_ewv_means == net.bn_ewv_vars == {}
