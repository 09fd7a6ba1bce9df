import numpy as np
import pytest

from gluon_bn import LeNet, SigmoidMLP
from gluon_bn._mxnet import mx, nd

SHAPES = {
    LeNet: {'W1': (20, 1, 3, 3), 'b1': (20,), 'gamma1': (20,), 'beta1': (20,),
            'W2': (50, 20, 5, 5), 'b2': (50,), 'gamma2': (50,), 'beta2': (50,),
            'W3': (800, 128), 'b3': (128,), 'gamma3': (128,), 'beta3': (128,),
            'W4': (128, 10), 'b4': (10,)},
    SigmoidMLP: {'W1': (100, 784), 'b1': (100,), 'gamma1': (100,), 'beta1': (100,),
                 'W2': (100, 100), 'b2': (100,), 'gamma2': (100,), 'beta2': (100,),
                 'W3': (100, 100), 'b3': (100,), 'gamma3': (100,), 'beta3': (100,),
                 'W4': (10, 100), 'b4': (10,)},
}
networks = pytest.mark.parametrize('network', [LeNet, SigmoidMLP])


@networks
def test_parameters_have_the_names_the_shapes_and_gradients(ctx, network, rng):
    net, shapes = network(ctx), SHAPES[network]
    assert {name: param.shape for name, param in net.params.items()} == shapes
    assert list(net.params) == list(shapes)
    assert all(param.ctx == ctx and param.grad.shape == param.shape for param in net.params.values())
    assert net.bn_ewv_means == net.bn_ewv_vars == {}
    assert net(nd.array(rng.normal(size=(3, 1, 28, 28)), ctx=ctx)).ctx == ctx
    for stored in (net.bn_ewv_means, net.bn_ewv_vars):
        assert {name: value.shape for name, value in stored.items()} == {
            'bn' + number: shapes['gamma' + number] for number in '123'}


@networks
def test_without_batch_norm_gamma_and_beta_are_left_out(network, rng):
    net = network(batch_norm=False)
    assert list(net.params) == ['W1', 'b1', 'W2', 'b2', 'W3', 'b3', 'W4', 'b4']
    X = nd.array(rng.uniform(size=(64, 1, 28, 28)))
    np.testing.assert_array_equal(net(X, is_training=True).asnumpy(), net(X, is_training=False).asnumpy())
    assert net(X[:1]).shape == (1, 10)
    assert net.bn_ewv_means == net.bn_ewv_vars == {}


@networks
def test_the_same_seed_gives_the_same_parameters(network):
    first, second, other = (mx.random.seed(seed) or network().params for seed in (7, 7, 8))
    assert all((first[name] == second[name]).asnumpy().all() for name in first)
    assert all((first[name] != other[name]).asnumpy().any() for name in first if name.startswith('W'))


@pytest.mark.parametrize(('options', 'said'), [
    ({'eps': -1}, 'eps is -1'), ({'impl': 'foo'}, 'impl is'), ({'momentum': 2}, 'momentum is 2'),
    ({'batch_norm': 'no'}, "batch_norm is 'no'"), ({'ctx': 'cpu'}, "ctx is 'cpu'")])
@networks
def test_settings_that_make_no_sense_are_refused(network, options, said):
    with pytest.raises((ValueError, TypeError), match=said):
        network(**options)
