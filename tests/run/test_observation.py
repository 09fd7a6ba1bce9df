"""What is observed is what training computes, and observing changes nothing."""
import numpy as np
import pytest

from gluon_bn import LeNet
from gluon_bn._mxnet import autograd, nd
from gluon_bn.functions import softmax_cross_entropy
from gluon_bn.optimizers import joined
from gluon_bn.run.observation import dead_units, observe, update_ratios
from gluon_bn.sigmoid_mlp import SigmoidMLP
from gluon_bn.training import train_step

NETS = {'lenet': lambda: LeNet(weight_scale=0.1),
        'lenet without': lambda: LeNet(weight_scale=0.1, batch_norm=False),
        'mlp': lambda: SigmoidMLP(weight_scale=0.1),
        'mlp without': lambda: SigmoidMLP(weight_scale=0.1, batch_norm=False)}


@pytest.fixture
def batch(rng):
    return nd.array(rng.uniform(size=(32, 1, 28, 28))), nd.array(rng.integers(0, 10, 32))


def state(net):
    """All that a network holds, bit for bit, its gradients among it."""
    groups = {'params': net.params, 'gradients': {name: param.grad for name, param in net.params.items()},
              'means': net.bn_ewv_means, 'vars': net.bn_ewv_vars}
    return {(group, name): array.asnumpy().tobytes() for group, arrays in groups.items()
            for name, array in arrays.items()}


@pytest.mark.parametrize('trained', [False, True], ids=['new', 'trained'])
@pytest.mark.parametrize('name', NETS)
def test_observing_changes_nothing(name, trained, batch, rng):
    net = NETS[name]()
    if trained:
        train_step(net, *batch, lr=0.01)
    before = state(net)
    observe(net, nd.array(rng.uniform(size=(16, 1, 28, 28))), batch[1][:16])
    assert state(net) == before


def test_training_that_is_observed_ends_with_the_same_bits(batch):
    nets = [LeNet(weight_scale=0.1) for _ in range(2)]
    for name, param in nets[0].params.items():
        param[:] = nets[1].params[name]
    for _ in range(3):
        for net in nets:
            train_step(net, *batch, lr=0.01)
        observe(nets[0], *batch)
    assert state(nets[0]) == state(nets[1])


@pytest.mark.parametrize('in_one_array', [False, True], ids=['separate', 'joined'])
@pytest.mark.parametrize('name', NETS)
def test_weights_and_gradients_are_those_of_training(name, in_one_array, batch):
    """In float64: the two formulations round otherwise, and in float32 one ReLU in a hundred runs is on its other side.
    """
    net, (X, y) = NETS[name](), batch
    X = X.astype('float64')
    for key, param in net.params.items():
        net.params[key] = param.astype('float64')
        net.params[key].attach_grad()
    if in_one_array:
        joined(net.params)
    observed = observe(net, X, y)
    with autograd.record():
        loss = softmax_cross_entropy(net(X), nd.one_hot(y, 10, dtype='float64')).mean()
    loss.backward()
    assert set(observed) == {'pre-activations', 'weights', 'gradients'}
    assert list(observed['weights']) == list(observed['gradients']) == list(net.params)
    for key, param in net.params.items():
        np.testing.assert_array_equal(observed['weights'][key], param.asnumpy())
        expected = param.grad.asnumpy()
        scale = max(np.abs(net.params['W' + key[-1]].grad.asnumpy()).max(), np.abs(expected).max())
        np.testing.assert_allclose(observed['gradients'][key], expected, rtol=0, atol=1e-9 * scale, err_msg=key)


@pytest.mark.parametrize('name', NETS)
def test_pre_activations_are_normalised_where_there_is_batch_norm(name, batch):
    """Mean beta and standard deviation gamma in every unit, by Algorithm 1; without it, those of layer 1 by NumPy."""
    net = NETS[name]()
    observed = observe(net, *batch)['pre-activations']
    shapes = ({'1': (32, 20, 26, 26), '2': (32, 50, 9, 9), '3': (32, 128)} if isinstance(net, LeNet) else
              dict.fromkeys('123', (32, 100)))
    assert {number: h.shape for number, h in observed.items()} == shapes
    if net.batch_norm:
        for number, h in observed.items():
            axes = (0, *range(2, h.ndim))
            beta, gamma = (net.params[name + number].asnumpy() for name in ('beta', 'gamma'))
            np.testing.assert_allclose(h.mean(axis=axes, dtype=np.float64), beta, atol=1e-4)
            np.testing.assert_allclose(h.std(axis=axes, dtype=np.float64), np.abs(gamma), rtol=0.05)  # eps counts
    else:
        X, W, b = (array.asnumpy().astype(np.float64) for array in (batch[0], net.params['W1'], net.params['b1']))
        if isinstance(net, LeNet):
            patches = np.lib.stride_tricks.sliding_window_view(X[:, 0], (3, 3), axis=(1, 2))    # (32, 26, 26, 3, 3)
            expected = np.einsum('mhwij,nij->mnhw', patches, W[:, 0]) + b[:, None, None]
        else:
            expected = X.reshape(32, -1) @ W.T + b
        np.testing.assert_allclose(observed['1'], expected, rtol=1e-4, atol=1e-5)


def test_a_network_that_activates_otherwise_is_refused(batch):
    class Tanh(LeNet):
        def activate(self, h, number, is_training):
            return nd.tanh(h)

    with pytest.raises(ValueError, match='Tanh activates its layers in its own way.*call network_state.watched'):
        observe(Tanh(), *batch)


def test_a_unit_is_dead_if_no_example_and_no_place_gets_through():
    images = np.full((2, 4, 3, 3), -1.)
    images[1, 0, 2, 2], images[0, 1, 0, 0], images[0, 2] = 5, 0, 1     # channel 0 once, 1 up to 0, 2 often, 3 never
    found = dead_units({'pre-activations': {'1': images, '2': np.array([[1., -1.], [-1., -1.]])}})
    assert found == {'1': 0.5, '2': 0.5}


def test_the_update_ratio_is_that_of_a_step_of_training(rng):
    """Taken from what a step really changes, in LeNet."""
    net = LeNet(weight_scale=0.1)
    X, y = nd.array(rng.uniform(size=(16, 1, 28, 28))), nd.array(rng.integers(0, 10, 16))
    ratios = update_ratios(observe(net, X, y), lr=0.16)
    before = {name: param.asnumpy() for name, param in net.params.items()}
    train_step(net, X, y, 0.01)  # on the summed loss
    assert list(ratios) == ['W1', 'W2', 'W3', 'W4']
    for name, ratio in ratios.items():
        change = net.params[name].asnumpy() - before[name]
        assert ratio == pytest.approx(np.linalg.norm(change) / np.linalg.norm(before[name]), rel=1e-3)


@pytest.mark.parametrize('net', [None, 'a', nd.ones(3), LeNet, lambda X, is_training: X],
                         ids=['None', 'a string', 'an array', 'a class', 'a function'])
def test_what_is_no_network_is_refused(net):
    with pytest.raises(TypeError, match='^net is a .*; expected a network as gbn.LeNet is'):
        observe(net, nd.ones((2, 1, 28, 28)), nd.arange(2))


def test_what_is_not_known_of_a_layer_is_no_share():
    shares = dead_units({'pre-activations': {'1': np.array([[np.nan, -1.], [1., -1.]]), '2': np.array([[-1., 2.]])}})
    assert np.isnan(shares['1'])
    assert shares['2'] == 0.5


@pytest.mark.parametrize('lr', ['0.1', True, -1, np.array([0.1]), None])
def test_the_learning_rate_of_the_update_ratio_is_a_number(lr):
    ones = {'W': np.ones((2, 2))}
    with pytest.raises((ValueError, TypeError), match='^lr is .*; expected a finite number, at least 0'):
        update_ratios({'weights': ones, 'gradients': ones}, lr)
