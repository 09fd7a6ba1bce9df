import numpy as np
import pytest

from gluon_bn import LeNet, data, softmax_cross_entropy
from gluon_bn._mxnet import autograd, mx, nd

UNITS = {'bn1': (20,), 'bn2': (50,), 'bn3': (128,)}


@pytest.fixture(scope='module')
def digits():
    """64 real images, (64, 1, 28, 28), and their labels, (64,), as NumPy arrays."""
    images, labels = data.load('mnist', train=False)
    return images[:64].astype('float32') / 255, labels[:64]


def stored(net):
    return {(kind, name): value.asnumpy() for kind, statistics in (('mean', net.bn_ewv_means), ('var', net.bn_ewv_vars))
            for name, value in statistics.items()}


@pytest.mark.parametrize('scale', [0.01, 0.3])
def test_initial_values_are_normal_with_the_given_scale(scale):
    for name, param in LeNet(weight_scale=scale).params.items():
        values, centre = param.asnumpy().astype('float64').ravel(), 1 if name.startswith('gamma') else 0
        assert abs(values.mean() - centre) < 6 * scale / np.sqrt(values.size), name
        assert abs(values.std() / scale - 1) < 6 / np.sqrt(2 * values.size) + 1 / values.size, name


@pytest.mark.parametrize('scale', [0, 1e-50, -0.1, 1e31, float('nan'), '0.1', nd.array([0.1])], ids=str)
def test_a_scale_that_mxnet_cannot_draw_with_is_refused(scale):
    with pytest.raises((ValueError, TypeError), match='^weight_scale is .*; expected a finite number from 1e-30 to 1e'):
        LeNet(weight_scale=scale)


def test_lives_in_the_current_context_unless_told():
    with mx.cpu(1):
        net = LeNet()
        X = nd.zeros((2, 1, 28, 28))
    assert net.ctx == mx.cpu(1)
    assert net(X).ctx == mx.cpu(1)
    assert {value.ctx for value in (*net.params.values(), *net.bn_ewv_means.values())} == {mx.cpu(1)}


def test_shapes_of_the_layers_as_debug_prints_them(capsys):
    net = LeNet()
    assert net(nd.ones((64, 1, 28, 28)) * nd.arange(64).reshape((64, 1, 1, 1)), debug=True).shape == (64, 10)
    assert capsys.readouterr().out.splitlines() == [
        'h1 shape: (64, 20, 13, 13)', 'h2 shape: (64, 50, 4, 4)', 'flat shape: (64, 800)', 'h3 shape: (64, 128)',
        'yhat_linear shape: (64, 10)']
    net(nd.zeros((2, 1, 28, 28)))
    assert capsys.readouterr().out == ''


def test_the_sizes_of_the_dense_layers_can_be_chosen():
    net = LeNet(num_fc=7, num_outputs=3)
    assert net.params['W3'].shape == (800, 7)
    assert net.params['gamma3'].shape == (7,)
    assert net(nd.zeros((2, 1, 28, 28))).shape == (2, 3)
    assert net.bn_ewv_means['bn3'].shape == (7,)


def as_gluon(net):
    """The same network of Gluon's own layers in float64, its parameter for each of ours, and its layers by name.

    In float32 Gluon's fused batch norm is itself off by 2e-3 on a CPU; in float64 it is good enough to compare with.
    """
    nn = mx.gluon.nn
    layers = {'1': nn.Conv2D(20, 3, in_channels=1), 'bn1': nn.BatchNorm(in_channels=20),
              '2': nn.Conv2D(50, 5, in_channels=20), 'bn2': nn.BatchNorm(in_channels=50),
              '3': nn.Dense(128, in_units=800), 'bn3': nn.BatchNorm(in_channels=128), '4': nn.Dense(10, in_units=128)}
    block = nn.Sequential()
    for name, layer in layers.items():
        block.add(layer)
        if name.startswith('bn'):
            block.add(nn.Activation('relu'))
            if name != 'bn3':
                block.add(nn.AvgPool2D(2, 2))
        if name == 'bn2':
            block.add(nn.Flatten())
    block.initialize(ctx=net.ctx)
    block.cast('float64')
    theirs = {}
    for name, param in net.params.items():
        layer = layers[('bn' if name[:-1] in ('gamma', 'beta') else '') + name[-1]]
        theirs[name] = getattr(layer, {'W': 'weight', 'b': 'bias'}.get(name[:-1], name[:-1]))
        param = param.astype('float64')
        theirs[name].set_data(param.T if name in ('W3', 'W4') else param)
    return block, theirs, layers


def distance_from_kinks(net, X):
    """The smallest absolute value that any ReLU gets, in float64."""
    block, _, layers = as_gluon(net)
    distances = []
    for layer in layers.values():
        layer.register_forward_hook(lambda block, inputs, out: distances.append(nd.min(nd.abs(out)).asscalar()))
    with autograd.train_mode():
        block(X.astype('float64'))
    return min(distances)


@pytest.mark.parametrize('impl', ['plain', 'fast', 'auto'])
def test_agrees_with_gluons_layers_in_both_modes_and_in_every_gradient(ctx, rng, impl):
    """Weights large enough that every layer matters; gamma and beta away from 1 and 0; a random upstream gradient.

    Within float32's rounding of the kink of ReLU, float32 and float64 may take different sides, and one unit on the
    other side is a different gradient. So the images are noise (the black background of digits puts thousands of units
    on the same value), few, and drawn until no unit is that near.
    """
    net = LeNet(ctx, weight_scale=0.1, impl=impl)
    block, theirs, layers = as_gluon(net)
    X = next(X for X in (nd.array(rng.normal(0, 1, (4, 1, 28, 28)), ctx=ctx) for _ in range(1000))
             if distance_from_kinks(net, X) > 1e-5)
    dscores = nd.array(rng.normal(0, 1, (4, 10)), ctx=ctx)
    with autograd.record():
        ours = net(X, is_training=True)
    ours.backward(dscores)
    with autograd.record():
        gluons = block(X.astype('float64'))
    gluons.backward(dscores.astype('float64'))
    np.testing.assert_allclose(ours.asnumpy(), gluons.asnumpy(), rtol=1e-4, atol=1e-5)
    for name, param in net.params.items():
        expected = theirs[name].grad(ctx).asnumpy()
        expected = expected.T if name in ('W3', 'W4') else expected
        scale = np.abs(expected).max()
        if name in ('b1', 'b2', 'b3'):              # zero, but for rounding in a float32 sum of up to 43,264 terms
            assert scale < 1e-10
            assert np.abs(param.grad.asnumpy()).max() < 1e-3 * np.abs(net.params['W' + name[1]].grad.asnumpy()).max()
        else:
            np.testing.assert_allclose(param.grad.asnumpy() / scale, expected / scale, atol=1e-4, err_msg=name)
    for name in UNITS:                              # Gluon's averages begin at 0 and 1, ours at the first batch
        mean, var = layers[name].running_mean.data(ctx).asnumpy(), layers[name].running_var.data(ctx).asnumpy()
        np.testing.assert_allclose(0.1 * net.bn_ewv_means[name].asnumpy(), mean, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(0.9 + 0.1 * net.bn_ewv_vars[name].asnumpy(), var, rtol=1e-5)
        layers[name].running_mean.set_data(net.bn_ewv_means[name].astype('float64'))
        layers[name].running_var.set_data(net.bn_ewv_vars[name].astype('float64'))
    expected = block(X.astype('float64')).asnumpy()
    np.testing.assert_allclose(net(X, is_training=False).asnumpy(), expected, rtol=1e-4, atol=1e-5)


def test_training_stores_statistics_and_testing_changes_nothing(ctx, digits):
    net, X = LeNet(ctx), nd.array(digits[0], ctx=ctx)
    net(X, is_training=True)
    first = stored(net)
    assert {name: value.shape for (_, name), value in first.items()} == UNITS
    net(X[:7], is_training=False)
    assert all((value == first[key]).all() for key, value in stored(net).items())
    net(1 - X, is_training=True)
    assert all((value != first[key]).any() for key, value in stored(net).items())


@pytest.mark.parametrize('momentum', [0, 0.5, 1])
def test_momentum_is_the_weight_of_the_old_value(digits, momentum):
    net, X = LeNet(momentum=momentum), nd.array(digits[0])
    net(X)
    first = stored(net)
    net.bn_ewv_means.clear(), net.bn_ewv_vars.clear()
    net(1 - X)
    second = stored(net)
    net.bn_ewv_means.clear(), net.bn_ewv_vars.clear()
    net(X), net(1 - X)
    for key, value in stored(net).items():
        np.testing.assert_allclose(value, momentum * first[key] + (1 - momentum) * second[key], rtol=1e-5, atol=1e-7)


def test_in_test_mode_an_image_does_not_depend_on_its_batch(digits):
    net, X = LeNet(), nd.array(digits[0])
    net(X)
    together = net(X, is_training=False).asnumpy()
    one_by_one = np.concatenate([net(X[i:i + 1], is_training=False).asnumpy() for i in range(5)])
    np.testing.assert_allclose(one_by_one, together[:5], rtol=1e-4, atol=1e-5)
    mixed = net(nd.concat(X[:5], 100 * X[5:10], dim=0), is_training=False).asnumpy()
    np.testing.assert_allclose(mixed[:5], together[:5], rtol=1e-4, atol=1e-5)


def test_biases_before_batch_norm_are_without_effect(digits):
    net, X = LeNet(weight_scale=0.1), nd.array(digits[0])
    y = nd.one_hot(nd.array(digits[1]), 10)
    with autograd.record():
        loss = softmax_cross_entropy(net(X), y)
    loss.backward()
    before = loss.asnumpy()
    for name in ('b1', 'b2', 'b3'):
        largest = {kind: nd.max(nd.abs(net.params[kind + name[1]].grad)).asscalar() for kind in ('b', 'W')}
        assert largest['b'] < 1e-3 * largest['W']               # rounding errors
        net.params[name][:] = net.params[name] + 3
    assert nd.max(nd.abs(net.params['b4'].grad)).asscalar() > 0.1
    np.testing.assert_allclose(softmax_cross_entropy(net(X), y).asnumpy(), before, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('shape', [(2, 28, 28), (2, 3, 28, 28), (2, 1, 32, 32), (2, 784)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r'expects \(m, 1, 28, 28\): reshape or crop') as error:
        LeNet()(nd.zeros(shape))
    assert str(shape) in str(error.value)


def test_a_training_batch_of_one_is_refused_before_anything_changes(digits):
    net, X = LeNet(), nd.array(digits[0])
    with pytest.raises(ValueError, match='batch of one.*at least two images'):
        net(X[:1], is_training=True)
    assert net.bn_ewv_means == net.bn_ewv_vars == {}
    net(X)
    before = stored(net)
    with pytest.raises(ValueError, match='batch of one'):
        net(X[:1], is_training=True)
    assert all((value == before[key]).all() for key, value in stored(net).items())


def test_testing_before_training_names_the_layer():
    with pytest.raises(ValueError, match="no stored statistics for layer 'bn1'; known layers: none"):
        LeNet()(nd.zeros((2, 1, 28, 28)), is_training=False)


def test_a_subclass_may_activate_otherwise(rng):
    class Tanh(LeNet):
        def activate(self, h, number, is_training):
            return nd.tanh(h)

    X = nd.array(rng.uniform(size=(16, 1, 28, 28)))
    net = Tanh(mx.cpu(), weight_scale=0.1)
    assert np.abs(net(X).asnumpy()).max() <= 128 * np.abs(net.params['W4'].asnumpy()).max() + 0.5  # |tanh| is below 1
    assert net.bn_ewv_means == {}  # and no batch norm ran
