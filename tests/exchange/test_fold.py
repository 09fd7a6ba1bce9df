"""Batch norm folded into its neighbours: the outputs are those of MXNet in predict mode, and what stays is said."""
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.exchange import attributes, fold, gluon, networks
from gluon_bn.exchange.graph import Graph, Node

nn, vision = mx.gluon.nn, mx.gluon.model_zoo.vision


def left(graph):
    return [node.name for node in graph.layers() if node.op == 'BatchNorm']


def sequential(*layers):
    net = nn.HybridSequential()
    net.add(*layers)
    return net


class Branch(mx.gluon.HybridBlock):
    """A convolution whose output two take, as in a residual block."""

    def __init__(self, *after):
        super().__init__()
        self.first, self.second = nn.Conv2D(3, 1), sequential(*after)

    def hybrid_forward(self, F, x):
        h = self.first(x)
        return h + self.second(h)


# Networks, and how many of their batch norms stay: those before an activation that nothing but a sum is before.
MODELS = {'resnet18_v1': (lambda: vision.resnet18_v1(classes=5), 0),
          'resnet18_v2': (lambda: vision.resnet18_v2(classes=5), 10),
          'mobilenet': (lambda: vision.mobilenet0_25(classes=5), 0),
          'mobilenet_v2': (lambda: vision.mobilenet_v2_0_25(classes=5), 0),
          'densenet': (lambda: vision.DenseNet(8, 4, [2, 2, 2, 2], classes=5), 12)}


@pytest.mark.parametrize('name', MODELS)
def test_networks_of_the_model_zoo(name, randomized, rng, same):
    make, staying = MODELS[name]
    size = 224 if name == 'densenet' else 32  # its last pooling is 7 by 7
    net = randomized(make(), (1, 3, size, size))
    X = nd.array(rng.normal(size=(2, 3, size, size)))
    expected = net(X).asnumpy()
    before = {key: param.data().asnumpy() for key, param in net.collect_params().items()}
    block = gbn.fold_batch_norm(net)
    same(block(X), expected)
    block.hybridize(static_alloc=True, static_shape=True)
    same(block(X), expected)
    graph = fold.folded(networks.of_network(net))
    assert len(left(graph)) == len(graph.notes) == staying
    assert sum(name.endswith('running_var') for name in block.collect_params()) == staying
    assert all((param.data().asnumpy() == before[key]).all() for key, param in net.collect_params().items())
    same(net(X), expected)


@st.composite
def chains(draw):
    """Layers for images of 8 by 8, ``(channels, layers)``; the batch norms among them are where they fall."""
    channels = first = draw(st.integers(1, 4))
    layers = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(['conv', 'deconv', 'bn', 'bn', 'relu', 'pool', 'dropout']))
        if kind in ('conv', 'deconv'):
            groups = draw(st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0]))
            filters = groups * draw(st.integers(1, 3))
            size = draw(st.sampled_from([1, 3]))
            padding = draw(st.integers(0, size // 2)) if kind == 'conv' else size // 2
            make = nn.Conv2D if kind == 'conv' else nn.Conv2DTranspose
            layers.append(make(filters, size, padding=padding, groups=groups, use_bias=draw(st.booleans()),
                               in_channels=channels))
            channels = filters
        else:
            layers.append({'bn': lambda: nn.BatchNorm(scale=draw(st.booleans()), center=draw(st.booleans()),
                                                      epsilon=draw(st.sampled_from([1e-5, 1e-2]))),
                           'relu': lambda: nn.Activation('relu'), 'dropout': lambda: nn.Dropout(0.5),
                           'pool': lambda: nn.AvgPool2D(3, 1, 1)}[kind]())
    for _ in range(draw(st.integers(0, 2))):
        layers += [*([nn.Flatten()] if draw(st.booleans()) else []), nn.Dense(draw(st.integers(1, 4)),
                                                                              use_bias=draw(st.booleans()))]
        layers += [nn.BatchNorm()] * draw(st.integers(0, 1))
    return first, layers


@given(chains())
def test_chains_of_layers(randomized, same, chain):
    channels, layers = chain
    net = randomized(sequential(*layers), (2, channels, 12, 12))
    X = nd.random.normal(shape=(2, channels, 12, 12))
    expected = net(X)
    graph = networks.of_network(net)
    less = fold.folded(graph)
    if expected.asnumpy().any():
        same(gluon.to_block(less)(X), expected, 2e-5)
    assert {node.op for node in less.layers()} <= {node.op for node in graph.layers()} | {'Pad'}
    mergeable = ('Convolution', 'Deconvolution', 'FullyConnected')
    assert not [node for node in less.layers() if node.op == 'BatchNorm' and node.inputs[0][0].op in mergeable]


# ---- before it -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('layers', 'shape'), [
    ([nn.Conv2D(6, 3, groups=2, use_bias=False), nn.BatchNorm()], (2, 4, 6, 6)),
    ([nn.Conv2D(4, 3, groups=4), nn.BatchNorm()], (2, 4, 6, 6)),
    ([nn.Conv2DTranspose(6, 3, strides=2, groups=2, in_channels=4), nn.BatchNorm()], (2, 4, 5, 5)),
    ([nn.Conv1D(5, 3), nn.BatchNorm()], (2, 4, 7)), ([nn.Conv3D(5, 2), nn.BatchNorm()], (2, 3, 4, 4, 4)),
    ([nn.Dense(5, use_bias=False), nn.BatchNorm()], (3, 2, 4, 4)),
    ([nn.Dense(5, flatten=False), nn.BatchNorm(axis=-1)], (3, 2, 4)),
    ([nn.Dense(5), nn.Dropout(0.5), nn.BatchNorm(axis=-1)], (3, 4)),
    ([nn.Conv2D(5, 1), nn.BatchNorm(), nn.Activation('relu'), nn.BatchNorm(), nn.Conv2D(3, 2)], (2, 3, 4, 4))])
def test_into_the_layer_before(layers, shape, randomized, rng, same):
    net = randomized(sequential(*layers), shape)
    X = nd.array(rng.normal(size=shape))
    graph = fold.folded(networks.of_network(net))
    assert (left(graph), graph.notes) == ([], [])
    assert not any(node.op == 'Dropout' for node in graph.layers())
    same(gluon.to_block(graph)(X), net(X))


@pytest.mark.parametrize(('layers', 'shape'), [
    ([nn.BatchNorm(), nn.Conv2D(6, 3, groups=2, use_bias=False)], (2, 4, 6, 6)),
    ([nn.BatchNorm(), nn.Conv2D(4, 3, groups=4)], (2, 4, 6, 6)), ([nn.BatchNorm(), nn.Conv1D(5, 3)], (2, 4, 7)),
    ([nn.BatchNorm(), nn.Dense(5, use_bias=False)], (3, 2, 4, 4)),
    ([nn.BatchNorm(), nn.Flatten(), nn.Dense(5)], (3, 2, 4)),
    ([nn.BatchNorm(axis=-1), nn.Dense(5, flatten=False)], (3, 2, 4)),
    ([nn.BatchNorm(center=False), nn.Conv2D(4, 3, padding=1)], (2, 1, 6, 6)),
    ([nn.BatchNorm(), nn.Conv2D(4, (3, 5), padding=(1, 2), strides=2)], (2, 1, 6, 6))])
def test_into_the_layers_after(layers, shape, randomized, rng, same):
    net = randomized(sequential(*layers), shape)
    X = nd.array(rng.normal(size=shape))
    graph = fold.folded(networks.of_network(net))
    assert (left(graph), graph.notes) == ([], [])
    same(gluon.to_block(graph)(X), net(X))


def test_a_batch_norm_that_shifts_nothing_is_merged_into_a_layer_that_pads(randomized, rng, same):
    net = randomized(sequential(nn.BatchNorm(), nn.Conv2D(4, 3, padding=1)), (2, 3, 6, 6))
    bn = net[0]
    bn.running_mean.set_data(nd.zeros(3))
    bn.beta.set_data(nd.zeros(3))
    graph = fold.folded(networks.of_network(net))
    assert [node.op for node in graph.layers()] == ['Convolution']
    X = nd.array(rng.normal(size=(2, 3, 6, 6)))
    same(gluon.to_block(graph)(X), net(X))


def test_one_number_for_all_channels_is_padded_with(randomized, rng, same):
    net = randomized(sequential(nn.BatchNorm(), nn.Conv2D(4, 3, padding=1)), (2, 3, 6, 6))
    bn = net[0]
    bn.running_mean.set_data(nd.ones(3) * 0.75)
    bn.beta.set_data(nd.zeros(3))  # then 0.75 becomes 0 in each channel
    graph = fold.folded(networks.of_network(net))
    assert [node.op for node in graph.layers()] == ['Pad', 'Convolution']
    X = nd.array(rng.normal(size=(2, 3, 6, 6)))
    same(gluon.to_block(graph)(X), net(X))


def test_into_several_layers_after(randomized, rng, same):
    class Two(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.bn, self.one, self.two = nn.BatchNorm(), nn.Conv2D(3, 1), nn.Conv2D(3, 1, use_bias=False)

        def hybrid_forward(self, F, x):
            h = self.bn(x)
            return self.one(h) * self.two(h)

    net = randomized(Two(), (2, 4, 5, 5))
    graph = fold.folded(networks.of_network(net))
    assert left(graph) == []
    X = nd.array(rng.normal(size=(2, 4, 5, 5)))
    same(gluon.to_block(graph)(X), net(X))


def test_shared_weights_are_merged_into_for_each_layer_alone(randomized, rng, same):
    first = nn.Dense(4, in_units=4)
    second = nn.Dense(4, in_units=4, params=first.params)
    net = randomized(sequential(first, nn.BatchNorm(), nn.Activation('relu'), second, nn.BatchNorm()), (3, 4))
    graph = fold.folded(networks.of_network(net))
    assert (left(graph), len(graph.params)) == ([], 4)
    X = nd.array(rng.normal(size=(3, 4)))
    same(gluon.to_block(graph)(X), net(X))


class Repeated(mx.gluon.HybridBlock):
    """One layer several times, each time with a batch norm of its own; the layers have the same name in the graph."""

    def __init__(self, layer, times):
        super().__init__()
        self.layer, self.times, self.norms = layer, times, sequential(*[nn.BatchNorm() for _ in range(times)])

    def hybrid_forward(self, F, x):
        for norm in self.norms:
            x = F.tanh(norm(self.layer(x)))
        return x


@pytest.mark.parametrize('times', [2, 3, 5])
@pytest.mark.parametrize('biases', [True, False])
def test_a_layer_that_is_called_several_times(times, biases, randomized, rng, same):
    net = randomized(Repeated(nn.Conv2D(4, 1, in_channels=4, use_bias=biases), times), (2, 4, 3, 3))
    X = nd.array(rng.normal(size=(2, 4, 3, 3)))
    graph = fold.folded(networks.of_network(net))
    assert (left(graph), len(graph.params)) == ([], 2 * times)
    same(gluon.to_block(graph)(X), net(X))


# ---- what stays ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('net', 'why'), [
    (Branch(nn.BatchNorm()), r'others take the output of \w+ as well, and behind it is \w+ \(elemwise_add\)'),
    (sequential(nn.BatchNorm(), nn.Conv2D(3, 3, padding=1)),
     r'before it is data \(an input\), and \w+ pads its input, which would need another number in each channel'),
    (sequential(nn.Activation('relu'), nn.BatchNorm()),
     r"before it is \w+ \(Activation\), and its output is one of the network's"),
    (sequential(nn.Conv2D(3, 1), nn.BatchNorm(axis=2), nn.Activation('relu')),
     'its axis 2 is not that of the channels'),
    (sequential(nn.BatchNorm(axis=2), nn.Conv2D(3, 1)), 'its axis 2 is not that of the channels of'),
    (sequential(nn.BatchNorm(axis=2), nn.Dense(3)), 'its axis 2 is not that of the inputs of'),
    (sequential(nn.Conv2D(3, 1), nn.Flatten(), nn.BatchNorm(), nn.Activation('relu')),
     r'before it is \w+ \(Flatten\)')])
def test_what_cannot_be_merged_stays_and_is_named(net, why, randomized, rng, same):
    net = randomized(net, (2, 3, 3, 3))
    graph = fold.folded(networks.of_network(net))
    name, = left(graph)
    note, = graph.notes
    assert note.startswith(f'{name} (BatchNorm) stays: ')
    assert re.search(why, note)
    X = nd.array(rng.normal(size=(2, 3, 3, 3)))
    same(gluon.to_block(graph)(X), net(X))


def test_a_batch_norm_whose_input_is_an_output_too_stays(randomized, rng, same):
    conv, bn = nn.Conv2D(3, 1), nn.BatchNorm()

    class Both(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = conv, bn

        def hybrid_forward(self, F, x):
            h = self.conv(x)
            return h, self.bn(h)

    net = randomized(Both(), (2, 3, 4, 4))
    block = gbn.fold_batch_norm(net)
    X = nd.array(rng.normal(size=(2, 3, 4, 4)))
    for ours, theirs in zip(block(X), net(X)):
        same(ours, theirs)


def test_numbers_that_are_not_finite_are_not_merged():
    def variable(name):
        return Node('null', name), 0
    params = {'w': np.ones((2, 2, 1, 1), 'f'), 'gamma': np.ones(2, 'f'), 'beta': np.ones(2, 'f'),
              'mean': np.ones(2, 'f'), 'var': np.array([1, 0], 'f')}
    data, weight = variable('data'), variable('w')
    rest = [variable(name) for name in ('gamma', 'beta', 'mean', 'var')]
    conv = Node('Convolution', 'conv', {'kernel': '(1, 1)', 'num_filter': '2', 'no_bias': 'True'}, [data, weight])
    bn = Node('BatchNorm', 'bn', {'eps': '0', 'fix_gamma': 'False'}, [(conv, 0), *rest])
    graph = Graph([data[0], weight[0], conv, *(node for node, _ in rest), bn], [(bn, 0)], params)
    assert fold.folded(graph).notes == ['bn (BatchNorm) stays: it does not give finite numbers.']
    del params['mean']
    assert fold.folded(Graph(graph.nodes, graph.heads, params)).notes == [
        'bn (BatchNorm) stays: its parameters are computed by the network.']
    assert (conv.attrs['no_bias'], params['w'].sum()) == ('True', 4)  # the first graph is as it was


# ---- networks by hand ------------------------------------------------------------------------------------------------

def test_lenet_folded(ctx, rng, same):
    net = gbn.LeNet(ctx, weight_scale=0.2, num_fc=16)
    X = nd.array(rng.uniform(size=(5, 1, 28, 28)), ctx)
    with autograd.record():
        net(X)
    block = gbn.fold_batch_norm(net)
    scores = block(X)
    assert scores.ctx == ctx
    assert sorted(block.collect_params()) == ['conv1_bias', 'conv1_weight', 'conv2_bias', 'conv2_weight', 'dense3_bias',
                                              'dense3_weight', 'dense4_bias', 'dense4_weight']
    same(scores, net(X, is_training=False))


def test_nothing_is_warned_of(recwarn):
    net = gbn.MLP([6, 3], seed=0)
    net.loss(np.eye(6), np.arange(6) % 3)
    block = gbn.fold_batch_norm(net)
    block(nd.ones((2, 6))).wait_to_read()
    assert not [warning for warning in recwarn if 'decide type' in str(warning.message)]


def test_a_numpy_network_folded_has_biases(rng, same):
    net = gbn.MLP([6, 5, 3])
    X = rng.normal(size=(8, 6)).astype('f')
    net.loss(X, rng.integers(0, 3, 8))
    block = gbn.fold_batch_norm(net)
    assert sorted(block.collect_params()) == ['dense1_bias', 'dense1_weight', 'dense2_bias', 'dense2_weight']
    same(block(nd.array(X)), net.loss(X))


def test_half_precision_keeps_its_type(randomized):
    net = randomized(sequential(nn.Dense(4), nn.BatchNorm()), (2, 3))
    net.cast('float16')
    graph = fold.folded(networks.of_network(net))
    assert {value.dtype for value in graph.params.values()} == {np.dtype('float16')}
    assert attributes.attribute(next(graph.layers()), 'no_bias') is False
