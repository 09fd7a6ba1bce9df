"""Networks of the model zoo, converted, against themselves before."""
import copy

import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.fast import native

gluon = mx.gluon
zoo = gluon.model_zoo.vision


def resnet(version):
    return zoo.get_resnet(version, 18, classes=5, thumbnail=True, prefix='net_')


def mobilenet():
    return zoo.MobileNet(0.25, classes=5, prefix='net_')


def densenet():
    """DenseNet-121 for small images: a global pool in the place of one of 7x7."""
    whole = zoo.DenseNet(64, 32, [6, 12, 24, 16], classes=5, prefix='net_')
    net = gluon.nn.HybridSequential(prefix='net_')
    net.add(*whole.features[:-2], gluon.nn.GlobalAvgPool2D(), gluon.nn.Flatten(), whole.output)
    return net


def built(make, dtype, hybridized):
    """The same network at each call; its gamma and beta are none of the usual ones."""
    net = make()
    net.initialize(mx.init.Zero())
    net(nd.zeros((1, 3, 32, 32)))
    rng = np.random.default_rng(1)
    for name, value in net.collect_params().items():
        if 'running' not in name:
            size = np.prod(value.shape[1:]) if len(value.shape) > 1 else 16
            value.set_data(nd.array(rng.normal('gamma' in name, (2 / size)**0.5, value.shape)))
    net.cast(dtype)
    if hybridized:
        net.hybridize()
    return net


def seen(net, images, upstream):
    """Outputs, gradients and statistics of a step in train mode, and the outputs in predict mode after it."""
    images.attach_grad()
    with autograd.record():
        y = net(images)
    y.backward(upstream)
    values = net.collect_params()
    gradients = {name: value.grad() for name, value in values.items() if value.grad_req != 'null'}
    statistics = {name: value.data() for name, value in values.items() if 'running' in name}
    return [{name: array.asnumpy().copy() for name, array in group.items()}
            for group in ({'y': y, 'predicted': net(images), **statistics}, {'images': images.grad, **gradients})]


def compare(make, dtype, hybridized, batch=4):
    """Assert that the converted network does what the network did, to the project's bounds."""
    rng = np.random.default_rng(0)  # float32 alone would not be the same for each: a rounded ReLU is on or off
    nets = [built(make, dtype, hybridized) for _ in range(2)]
    assert gbn.convert(nets[1]) is nets[1]
    images, upstream = (nd.array(rng.normal(size=shape), dtype=dtype) for shape in ((batch, 3, 32, 32), (batch, 5)))
    theirs, ours = [seen(net, images, upstream) for net in nets]
    for group, tolerance in ((0, 1e-5), (1, 1e-4)):
        assert theirs[group].keys() == ours[group].keys()
        for name, expected in theirs[group].items():
            error = abs(ours[group][name] - expected).max() / max(abs(expected).max(), 1e-3)
            assert error <= tolerance, (name, error)


COMPUTED = pytest.mark.parametrize(('dtype', 'hybridized'), [('float32', True), ('float64', False), ('float64', True)])


@COMPUTED
def test_a_mobilenet_computes_what_it_did(dtype, hybridized):
    compare(mobilenet, dtype, hybridized)


@pytest.mark.slow
@COMPUTED
@pytest.mark.parametrize('make', [lambda: resnet(1), densenet], ids=['resnet18_v1', 'densenet121'])
def test_larger_networks_compute_what_they_did(make, dtype, hybridized):
    compare(make, dtype, hybridized)


@pytest.mark.slow
@pytest.mark.parametrize('hybridized', [False, True])
def test_resnet_v2_begins_with_a_batch_norm_without_scale_and_shift(hybridized):
    compare(lambda: resnet(2), 'float64', hybridized)


def small(*more):
    net = gluon.nn.HybridSequential(prefix='net_')
    with net.name_scope():
        net.add(gluon.nn.Dense(4), gluon.nn.BatchNorm(), *more)
    return net


@pytest.mark.parametrize('hybridized', [False, True])
def test_a_trainer_and_files_made_before_go_on(hybridized, tmp_path, rng):
    net = small(gluon.nn.Dense(2))
    net.initialize()
    if hybridized:
        net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), 'sgd', {'learning_rate': 0.1, 'momentum': 0.9})
    X = nd.array(rng.normal(size=(8, 3)))

    def step():
        with autograd.record():
            loss = (net(X) ** 2).sum()
        loss.backward()
        trainer.step(8)
        return loss.asscalar()

    first = step()
    net.save_parameters(str(tmp_path / 'before.params'))
    before = net(X).asnumpy()
    parameters = net.collect_params()
    gbn.convert(net)
    assert all(value is parameters[name] for name, value in net.collect_params().items())
    np.testing.assert_allclose(net(X).asnumpy(), before, rtol=1e-5, atol=1e-6)
    assert [step() for _ in range(20)][-1] < first / 2
    net.load_parameters(str(tmp_path / 'before.params'))
    np.testing.assert_allclose(net(X).asnumpy(), before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(('settings', 'error', 'message'), [
    ({'use_global_stats': 1}, TypeError, 'use_global_stats is 1; expected True or False'),  # a graph took it for False
    ({'momentum': 2}, ValueError, 'momentum is 2; expected a finite number from 0 to 1'),
    ({'epsilon': -1}, ValueError, 'epsilon is -1; expected a finite number, at least 0'),
])
def test_settings_that_are_none_are_refused_and_nothing_is_converted(settings, error, message):
    net = small(gluon.nn.BatchNorm(prefix='last_', **settings))
    with pytest.raises(error, match=f'last cannot be converted: {message}'):
        gbn.convert(net)
    assert type(net[1]) is gluon.nn.BatchNorm


def test_what_was_compiled_is_compiled_anew(library, rng):
    net = small()
    net.initialize()
    net.hybridize()
    X = nd.array(rng.normal(size=(8, 3)))
    net(X)
    gbn.convert(net)
    mx.library.load(str(native.path()), verbose=False)  # makes MXNet's modules anew
    before = net[1].running_mean.data().asnumpy().copy()
    with autograd.record():
        net(X)
    assert (net[1].running_mean.data().asnumpy() != before).all()  # in forward: as ours do


def test_a_network_that_is_not_initialized_and_blocks_of_ones_own(rng):
    class Own(gluon.Block):
        def __init__(self):
            super().__init__()
            self.parts = gluon.nn.Sequential()
            self.norm = gluon.nn.BatchNorm()
            self.parts.add(self.norm, gluon.nn.Dense(2), gluon.nn.BatchNorm())
            self.shared = self.norm

        def forward(self, x):
            return self.parts(x)

    net = gbn.convert(Own())
    assert isinstance(net.norm, gbn.nn.BatchNorm)
    assert net.norm is net.parts[0] is net.shared
    assert isinstance(net.parts[2], gbn.nn.BatchNorm)
    net.initialize()
    assert net(nd.ones((2, 3))).shape == (2, 2)
    assert gbn.convert(net) is net  # again: nothing to do
    assert isinstance(gbn.convert(gluon.nn.BatchNorm()), gbn.nn.BatchNorm)


def test_a_network_of_float16_computes_in_it(rng):
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.BatchNorm(in_channels=3), gluon.nn.Dense(2, in_units=3))
    net.initialize()
    net.cast('float16')
    assert gbn.convert(net)[0](nd.ones((2, 3), dtype='float16')).dtype == np.float16
    net[0].hybridize()
    assert net[0](nd.ones((2, 3), dtype='float16')).dtype == np.float16


def test_layers_that_are_something_else_stay_and_are_named():
    class Mine(gluon.nn.BatchNorm):
        pass

    net = small(Mine(), gluon.nn.BatchNormReLU(), gluon.contrib.nn.SyncBatchNorm())
    with pytest.warns(UserWarning, match='BatchNormReLU, Mine, SyncBatchNorm') as warned:
        gbn.convert(net)
    assert warned[0].filename == __file__  # whose network it is
    assert [type(block).__name__ for block in net] == ['Dense', 'BatchNorm', 'Mine', 'BatchNormReLU', 'SyncBatchNorm']
    assert [isinstance(block, gbn.nn.BatchNorm) for block in net] == [False, True, False, False, False]


def test_the_batch_norms_of_a_symbol_block_stay_and_are_named(recwarn):
    x = mx.sym.var('data', dtype='float32')
    # Ours first: Python says the same sentence from the same line once.
    for layer, said in ((gbn.nn.BatchNorm(in_channels=3), False), (gluon.nn.BatchNorm(in_channels=3), True)):
        recwarn.clear()
        gbn.convert(gluon.SymbolBlock(layer(x), [x]))
        assert any('no plain BatchNorm as it is: SymbolBlock.' in str(each.message) for each in recwarn) is said


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match='net is a dict; expected a gluon.Block'):
        gbn.convert({})


def test_a_converted_network_is_copied(rng):
    net = gbn.convert(small())
    net.initialize()
    X = nd.array(rng.normal(size=(8, 3)))
    net(X)
    twin = copy.deepcopy(net)
    with autograd.record():
        twin(X)
    assert (twin[1].running_mean.data().asnumpy() != net[1].running_mean.data().asnumpy()).any()
