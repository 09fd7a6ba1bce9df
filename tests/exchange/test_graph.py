"""Networks as graphs: saved files of every version, Gluon blocks and networks by hand, and back into MXNet."""
import json
import re

import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn import params
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.exchange import attributes, conversion, gluon, networks, running, saved
from gluon_bn.exchange.graph import Node
from gluon_bn.exchange.layer import Layer

nn, vision = mx.gluon.nn, mx.gluon.model_zoo.vision


def small_net():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, padding=1), nn.BatchNorm(), nn.Activation('relu'), nn.MaxPool2D(), nn.Flatten(),
            nn.Dense(5), nn.BatchNorm(scale=False, epsilon=1e-3), nn.LeakyReLU(0.1), nn.Dropout(0.5), nn.Dense(3))
    return net


@pytest.mark.parametrize('name', ['resnet18_v1', 'resnet18_v2', 'mobilenet0_25'])
def test_a_block_as_a_graph_and_back_computes_the_same(name, rng, randomized, same):
    net = randomized(getattr(vision, name)(classes=7), (1, 3, 64, 64))
    X = nd.array(rng.normal(size=(2, 3, 64, 64)))
    before = {key: param.data().asnumpy() for key, param in net.collect_params().items()}
    graph = networks.of_network(net)
    assert (graph.inputs, graph.unused) == (['data'], [])
    found = gluon.to_block(graph)(X).asnumpy()
    assert all((param.data().asnumpy() == before[key]).all() for key, param in net.collect_params().items())
    same(found, net(X).asnumpy())


def test_a_symbol_block_and_a_hybridized_block_are_taken(rng, randomized, same):
    net = randomized(small_net(), (2, 2, 8, 8))
    net.hybridize()
    X = nd.array(rng.normal(size=(3, 2, 8, 8)))
    block = gluon.to_block(networks.of_network(net))
    again = gluon.to_block(networks.of_network(block))
    same(net(X).asnumpy(), again(X).asnumpy())
    assert all(param.grad_req == 'null' for param in again.collect_params().values())


def test_a_block_of_two_arguments(rng, same):
    class Sum(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(3)

        def hybrid_forward(self, F, a, b):
            return self.dense(a) + b, a

    net = Sum()
    net.initialize()
    a, b = nd.array(rng.normal(size=(2, 4))), nd.array(rng.normal(size=(2, 3)))
    expected = net(a, b)
    graph = networks.of_network(net, [(2, 4), (2, 3)])
    assert graph.inputs == ['data0', 'data1']
    for ours, theirs in zip(gluon.to_block(graph)(a, b), expected):
        same(ours.asnumpy(), theirs.asnumpy())


def test_a_block_without_values_or_without_symbols_is_refused():
    net = nn.Dense(3)
    with pytest.raises(ValueError, match='has no values yet: initialize the network'):
        networks.of_network(net)
    net.initialize()
    with pytest.raises(ValueError, match='has no values yet'):
        networks.of_network(net)

    class Imperative(mx.gluon.Block):
        def forward(self, x):
            return x.asnumpy()

    with pytest.raises(ValueError, match='Imperative cannot be traced with symbols'):
        networks.of_network(Imperative())
    with pytest.raises(TypeError, match='net is a dict; expected a Gluon block'):
        networks.of_network({})


@pytest.mark.parametrize('batch_norm', [True, False])
def test_lenet_as_a_graph(batch_norm, rng, ctx, same):
    net = gbn.LeNet(ctx, weight_scale=0.3, num_fc=12, num_outputs=4, batch_norm=batch_norm, eps=1e-3)
    X = nd.array(rng.uniform(size=(6, 1, 28, 28)), ctx)
    with autograd.record():
        net(X)
    graph = networks.of_network(net)
    assert graph.params['dense3_weight'].shape == (12, 800)
    assert ('bn2_moving_var' in graph.params) == batch_norm
    same(gluon.to_block(graph, ctx)(X).asnumpy(), net(X, is_training=False).asnumpy())


def test_a_sigmoid_mlp_as_a_graph(rng, same):
    net = gbn.SigmoidMLP(hidden=(7, 6), num_inputs=5, num_outputs=3)
    X = nd.array(rng.normal(size=(9, 5)))
    net(X)
    same(gluon.to_block(networks.of_network(net))(X).asnumpy(), net(X, is_training=False).asnumpy())


@pytest.mark.parametrize('make', [
    lambda: gbn.MLP([5, 7, 3], eps=1e-3), lambda: gbn.FullyConnectedNet([7, 6], 5, 3, normalization='batchnorm'),
    lambda: gbn.FullyConnectedNet([7], 5, 3, normalization='layernorm'), lambda: gbn.FullyConnectedNet([7], 5, 3, 0.5)])
def test_the_numpy_networks_as_graphs(make, rng, same):
    net = make()
    for name, param in net.params.items():
        net.params[name] = (param + rng.normal(0, 0.3, param.shape)).astype(param.dtype)
    X = rng.normal(size=(9, 5)).astype('float32')
    net.loss(X, rng.integers(0, 3, 9))
    same(gluon.to_block(networks.of_network(net))(nd.array(X)).asnumpy(), net.loss(X))


def test_a_network_by_hand_that_is_not_ready_is_refused():
    with pytest.raises(ValueError, match='bn1 has no stored statistics; expected a network that was trained'):
        networks.of_network(gbn.LeNet())

    class Other(gbn.LeNet):
        def activate(self, h, number, is_training):
            return h

    with pytest.raises(ValueError, match='Other has its own activate'):
        networks.of_network(Other(batch_norm=False))


def test_the_graph_keeps_its_numbers_when_the_network_trains_on(rng):
    net = gbn.MLP([5, 3], seed=0)
    net.loss(rng.normal(size=(4, 5)), np.arange(4) % 3)
    graph = networks.of_network(net)
    kept = graph.params['dense1_weight'].copy()
    net.params['W1'] += 1
    assert (graph.params['dense1_weight'] == kept).all()


# ---- saved files -----------------------------------------------------------------------------------------------------

def test_exported_files_are_read_and_written_so_that_mxnet_reads_them(rng, tmp_path, randomized, same):
    net = randomized(small_net(), (2, 2, 8, 8))
    net.hybridize()
    X = nd.array(rng.normal(size=(3, 2, 8, 8)))
    expected = net(X).asnumpy()
    net.export(str(tmp_path / 'net'), epoch=3)
    graph = saved.read(tmp_path / 'net-symbol.json', tmp_path / 'net-0003.params')
    same(gluon.to_block(graph)(X).asnumpy(), expected)
    saved.write(graph, tmp_path / 'ours-symbol.json', tmp_path / 'ours-0000.params')
    block = nn.SymbolBlock.imports(str(tmp_path / 'ours-symbol.json'), ['data'], str(tmp_path / 'ours-0000.params'))
    same(block(X).asnumpy(), expected)
    assert set(nd.load(str(tmp_path / 'ours-0000.params'))) == set(nd.load(str(tmp_path / 'net-0003.params')))


OLD = {  # as MXNet 0.7 wrote it: attributes under 'param', the user's under 'attr', and no stored statistics
    'nodes': [
        {'op': 'null', 'param': {}, 'name': 'data', 'inputs': [], 'backward_source_id': -1},
        {'op': 'null', 'param': {}, 'name': 'conv_weight', 'inputs': [], 'backward_source_id': -1,
         'attr': {'lr_mult': '2'}},
        {'op': 'Convolution', 'param': {'kernel': '(3,3)', 'num_filter': '2', 'no_bias': 'True', 'stride': '(1L, 1L)',
                                        'pad': '(0, 0)', 'num_group': '1', 'workspace': '512', 'dilate': '(1,1)'},
         'name': 'conv', 'inputs': [[0, 0], [1, 0]], 'backward_source_id': -1},
        {'op': 'null', 'param': {}, 'name': 'bn_gamma', 'inputs': [], 'backward_source_id': -1},
        {'op': 'null', 'param': {}, 'name': 'bn_beta', 'inputs': [], 'backward_source_id': -1},
        {'op': 'BatchNorm', 'param': {'eps': '0.001', 'momentum': '0.9', 'fix_gamma': 'False'}, 'name': 'bn',
         'inputs': [[2, 0], [3, 0], [4, 0]], 'backward_source_id': -1},
        {'op': '_Plus', 'param': {}, 'name': 'twice', 'inputs': [[5, 0], [5, 0]], 'backward_source_id': -1},
        {'op': 'Flatten', 'param': {}, 'name': 'flat', 'inputs': [[6, 0]], 'backward_source_id': -1},
        {'op': 'null', 'param': {}, 'name': 'softmax_label', 'inputs': [], 'backward_source_id': -1},
        {'op': 'SoftmaxOutput', 'param': {'grad_scale': '1', 'multi_output': 'False'}, 'name': 'softmax',
         'inputs': [[7, 0], [8, 0]], 'backward_source_id': 4}],
    'arg_nodes': [0, 1, 3, 4, 8], 'heads': [[9, 0]]}


@pytest.fixture
def old_params(rng):
    return {'arg:conv_weight': rng.normal(size=(2, 1, 3, 3)).astype('f'),
            'arg:bn_gamma': rng.uniform(1, 2, 2).astype('f'), 'arg:bn_beta': rng.normal(size=2).astype('f'),
            'aux:bn_moving_mean': rng.normal(size=2).astype('f'), 'aux:bn_moving_var': rng.uniform(1, 2, 2).astype('f')}


def mxnets_own(text, params, X):
    """What MXNet computes for a symbol's text: bound by itself, in test mode."""
    symbol = mx.sym.load_json(text)
    bound = symbol.simple_bind(mx.cpu(), data=X.shape, grad_req='null')
    bound.copy_params_from({name[4:]: nd.array(value) for name, value in params.items() if name.startswith('arg:')},
                           {name[4:]: nd.array(value) for name, value in params.items() if name.startswith('aux:')})
    return bound.forward(is_train=False, data=nd.array(X))[0].asnumpy()


def test_a_file_of_before_0_9_gets_its_stored_statistics(old_params, rng, monkeypatch, same):
    monkeypatch.setenv('MXNET_SUBGRAPH_BACKEND', 'NONE')  # oneDNN's cannot bind a symbol that MXNet has upgraded
    X = rng.normal(size=(3, 1, 5, 5)).astype('f')
    expected = mxnets_own(json.dumps(OLD), old_params, X)
    graph = saved.read(json.dumps(OLD), old_params)
    assert graph.inputs == ['data']
    assert graph.auxiliary() == {'bn_moving_mean', 'bn_moving_var'}
    same(gluon.to_block(graph)(nd.array(X)).asnumpy(), expected)
    same(mxnets_own(saved.to_json(graph), saved.marked(graph), X), expected)


def test_a_file_of_before_0_9_is_converted(old_params, rng, tmp_path):
    (tmp_path / 'old-symbol.json').write_text(json.dumps(OLD))
    params.save(tmp_path / 'old-0010.params',
                {name.replace('moving', 'running'): value for name, value in old_params.items()})
    said = []
    paths = conversion.convert(str(tmp_path / 'old-symbol.json'), str(tmp_path / 'old-0010.params'), 'folded',
                               [(None, (2, 1, 5, 5))], say=said.append)
    assert "note: bn_moving_var has the array that the parameters call bn_running_var." in said
    graph = saved.read(*paths)
    assert [node.op for node in graph.layers()] == ['Convolution', 'elemwise_add', 'Flatten', 'softmax']


def test_mxnet_computes_the_text_of_a_symbol_as_it_reads_it(old_params, rng, monkeypatch, same):
    monkeypatch.setenv('MXNET_SUBGRAPH_BACKEND', 'NONE')
    X = rng.normal(size=(3, 1, 5, 5)).astype('f')
    run = running.mxnet_of_symbol(saved.read(json.dumps(OLD), old_params), json.dumps(OLD))
    same(run({'data': X})[0], mxnets_own(json.dumps(OLD), old_params, X))


def test_attributes_for_placing_and_training_a_layer_are_left_out(old_params, rng, same):
    X = rng.normal(size=(3, 1, 5, 5)).astype('f')
    expected = running.by_mxnet(saved.read(json.dumps(OLD), old_params))({'data': X})[0]
    described = json.loads(json.dumps(OLD))
    described['nodes'][2]['attr'] = {'ctx_group': 'dev1', 'weight_lr_mult': '0.1', 'wd_mult': '0'}
    graph = saved.read(json.dumps(described), old_params)
    same(running.by_mxnet(graph)({'data': X})[0], expected)
    assert Layer(next(graph.layers())).unread == Layer(next(saved.read(json.dumps(OLD)).layers())).unread


@pytest.mark.parametrize('name', ['Schicht ä', '层', 'a"b', 'a\\b', 'a/b.c'])
def test_any_name_is_written_as_mxnet_reads_it(name, rng, same):
    graph = saved.read(mx.sym.FullyConnected(mx.sym.var('data'), num_hidden=2, name=name).tojson(), {
        f'{name}_weight': rng.normal(size=(2, 3)).astype('f'), f'{name}_bias': rng.normal(size=2).astype('f')})
    X = rng.normal(size=(4, 3)).astype('f')
    same(gluon.to_block(graph)(nd.array(X)), X @ graph.params[f'{name}_weight'].T + graph.params[f'{name}_bias'])


def test_each_output_is_compared_by_its_own_values():
    first = [np.array([1e6, 1.]), np.array([0.5, 0.25])]
    difference, largest = running.largest_difference(first, [first[0], np.array([0.5, 0.5])])
    assert (difference, largest) == (0.25, 0.5)
    assert running.largest_difference(first, first)[0] == 0
    assert running.largest_difference([], []) == (0, 0)


def test_attributes_of_the_version_between_are_under_attr(old_params):
    described = json.loads(json.dumps(OLD))
    for node in described['nodes']:
        node['attr'] = {**node.get('attr', {}), **node.pop('param')}
        node['inputs'] = [[*entry, 0] for entry in node['inputs']]
    described['attrs'] = {'mxnet_version': ['int', 1000]}
    conv = next(node for node in saved.read(json.dumps(described), old_params).layers() if node.name == 'conv')
    assert attributes.attribute(conv, 'stride') == (1, 1)
    assert attributes.attribute(conv, 'no_bias') is True


def test_names_that_differ_are_matched_and_said(old_params):
    wrong = {name.replace('moving', 'running'): value for name, value in old_params.items()}
    graph = saved.read(json.dumps(OLD), {**wrong, 'arg:fc9_weight': np.ones(1)})
    assert (graph.params['bn_moving_var'] == old_params['aux:bn_moving_var']).all()
    assert graph.notes == ["bn_moving_mean has the array that the parameters call bn_running_mean.",
                           "bn_moving_var has the array that the parameters call bn_running_var."]
    assert graph.unused == ['fc9_weight']


def test_missing_parameters_are_named(old_params):
    del old_params['arg:conv_weight'], old_params['aux:bn_moving_var']
    with pytest.raises(ValueError, match='the file of parameters does not: conv_weight, bn_moving_var;'):
        saved.read(json.dumps(OLD), old_params)
    with pytest.raises(ValueError, match='names that net.save_parameters gives; net.export writes the pair'):
        saved.read(json.dumps(OLD), {'features.0.weight': np.ones(1)})
    with pytest.raises(ValueError, match='two arrays of the name bn_gamma'):
        saved.read(json.dumps(OLD), {**old_params, 'bn_gamma': np.ones(2)})


@pytest.mark.parametrize(('change', 'message'), [
    (lambda d: d.pop('heads'), 'KeyError'), (lambda d: d['nodes'][2].update(inputs=[[2, 0]]), 'an input is'),
    (lambda d: d['nodes'][2].update(inputs=[[-1, 0]]), 'an input is'), (lambda d: d.update(heads=[]), 'no outputs'),
    (lambda d: d['nodes'][2].update(inputs=[[0.5, 0]]), 'an input is'), (lambda d: d.update(nodes=3), 'TypeError'),
    (lambda d: d['nodes'][2].update(inputs=[[]]), 'IndexError'), (lambda d: d['nodes'][2].update(name=[1]), 'no text'),
    (lambda d: d['nodes'][2].update(subgraphs=[{}]), 'networks of its own'),
    (lambda d: d['nodes'][2].update(inputs=[[0, 1], [1, 0]]), 'an input is'),
    (lambda d: d['nodes'][2].update(inputs=[[0, 0]]), 'conv .Convolution. has 1 inputs, and needs 2'),
    (lambda d: d['nodes'][5].update(inputs=[[2, 0]]), 'bn .BatchNorm. has 1 inputs, and needs 3'),
    (lambda d: d['nodes'][5].update(inputs=[[2, 5], *d['nodes'][5]['inputs'][1:]]), 'output 5 of conv .*, which has 1'),
    (lambda d: d.update(heads=[[5, 3]]), 'output 3 of bn .BatchNorm., which has 3'),
    (lambda d: d['nodes'][2].update(attr=[1]), 'AttributeError')])
def test_damaged_symbols_are_refused(change, message, tmp_path):
    described = json.loads(json.dumps(OLD))
    change(described)
    path = tmp_path / 'net-symbol.json'
    path.write_text(json.dumps(described))
    with pytest.raises(ValueError, match=message) as error:
        saved.read(path)
    assert str(error.value).startswith(f'{path} is not a symbol that MXNet saved')


def test_a_network_without_parameters_and_a_list_without_names(tmp_path):
    text = mx.sym.relu(mx.sym.var('data')).tojson()
    params.save(tmp_path / 'none.params', {})
    assert saved.read(text, tmp_path / 'none.params').inputs == ['data']
    params.save(tmp_path / 'list.params', [np.ones(1)])
    with pytest.raises(ValueError, match='list.params is a list of arrays without names'):
        saved.read(text, tmp_path / 'list.params')


def test_other_files_are_refused(tmp_path):
    path = tmp_path / 'x'
    for data in (b'', b'[]', b'{"nodes": [', b'\xff\xfe', b'[' * 100_000):
        path.write_bytes(data)
        with pytest.raises(ValueError, match='is not a symbol that MXNet saved'):
            saved.read(path)
    with pytest.raises(ValueError, match='is not a regular file'):
        saved.read(tmp_path)


# ---- attributes ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('text', 'value'), [
    ('(3, 3)', (3, 3)), ('[3,3]', (3, 3)), ('(2L, 2L)', (2, 2)), ('()', ()), ('3', 3), ('1e-05', 1e-5), ('inf', np.inf),
    ('True', True), ('None', None), ('relu', 'relu'), ('(None, 2)', (None, 2)), ('open("x")', 'open("x")'),
    ('(' * 5000, '(' * 5000), ('1' * 10_001, '1' * 10_001), ('256L', 256), ('NCHW', 'NCHW')])
def test_what_attributes_say(text, value):
    assert attributes.parsed(text) == value


def node(op, **attrs):
    return Node(op, 'layer', attrs)


def test_what_is_missing_is_mxnets_default():
    conv = node('Convolution', kernel='(3, 5)', num_filter='8')
    assert [attributes.attribute(conv, name) for name in ('stride', 'dilate', 'pad', 'num_group', 'no_bias')] == [
        (1, 1), (1, 1), (0, 0), 1, False]
    assert attributes.attribute(node('Convolution', kernel='3'), 'pad') == (0,)
    assert attributes.attribute(node('Deconvolution', kernel='(2, 2)'), 'no_bias') is True
    bn = node('BatchNorm')
    assert [attributes.attribute(bn, name) for name in ('eps', 'fix_gamma', 'axis')] == [1e-3, True, 1]
    assert attributes.attribute(node('BatchNorm', fix_gamma='0'), 'fix_gamma') is False
    assert attributes.attribute(node('Pooling', count_include_pad='None'), 'count_include_pad') is True
    assert attributes.attribute(node('anything'), 'at_all') is None


@pytest.mark.parametrize('op', ['Convolution', 'Deconvolution', 'FullyConnected', 'BatchNorm', 'Pooling', 'LeakyReLU',
                                'softmax', 'Dropout', 'LayerNorm', 'InstanceNorm', 'L2Normalization', 'LRN', 'Concat',
                                'UpSampling', 'SliceChannel', 'Pad', 'mean', 'SoftmaxOutput', 'dot', 'transpose'])
def test_the_defaults_are_those_of_mxnets_own_documentation(op):
    """MXNet says of each parameter ``optional, default=...`` in the docstring that it makes of its C++ code."""
    text = getattr(mx.sym, op).__doc__
    for name, default in attributes.DEFAULTS[op].items():
        found = re.search(rf'^{name} : .*?optional, default=(\S+)', text, re.M)
        if name == 'count_include_pad':  # 'None' there; the operator takes it as True
            continue
        if name == 'num_args':  # set by the frontend
            continue
        if found is None:
            assert re.search(rf'^{name} : .*required', text, re.M), (op, name)
            assert default is attributes._REQUIRED, (op, name)
        else:
            documented = attributes.parsed(found.group(1).strip("'"))
            if isinstance(default, bool):
                documented = bool(documented)
            if documented == [] or documented == '[]':
                documented = ()
            assert documented == pytest.approx(default) if isinstance(default, float) else documented == default, (
                op, name)


@pytest.mark.parametrize(('op', 'attrs', 'name', 'message'), [
    ('Convolution', {}, 'kernel', r'layer \(Convolution\) has no attribute kernel, which it needs'),
    ('BatchNorm', {'fix_gamma': 'maybe'}, 'fix_gamma', "has fix_gamma='maybe'; expected True or False"),
    ('BatchNorm', {'eps': 'small'}, 'eps', "has eps='small'; expected a number"),
    ('Convolution', {'kernel': '(3, x)'}, 'kernel', r"has kernel='\(3, x\)'; expected whole numbers"),
    ('FullyConnected', {'num_hidden': 'ten'}, 'num_hidden', "expected a number")])
def test_attributes_that_cannot_be_are_refused(op, attrs, name, message):
    with pytest.raises(ValueError, match=message):
        attributes.attribute(node(op, **attrs), name)
