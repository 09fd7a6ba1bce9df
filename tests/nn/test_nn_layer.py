"""The block against Gluon's own, which is an independent source, and against formulas in float64."""
import copy
import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.gradient_check import eval_numerical_gradient_array

gluon = mx.gluon
OWN = gluon.nn.BatchNorm
SHAPES = [((8, 5), 1), ((4, 5, 3, 3), 1), ((2, 20, 7, 9), 1), ((4, 3, 3, 5), -1), ((4, 5, 6), 1), ((2, 5, 3, 2, 4), 1),
          ((3, 4, 5), 0), ((40, 70), -1)]
MODES = {'arrays': None, 'hybridized': {}, 'static': {'static_alloc': True, 'static_shape': True}}


@pytest.fixture(params=MODES)
def mode(request):
    """How the network is computed: the options of ``hybridize``, or None."""
    return MODES[request.param]


def network(layer, mode, ctx=None, dtype='float32'):
    """A network of one layer."""
    net = gluon.nn.HybridSequential(prefix='net_')
    with net.name_scope():
        net.add(layer)
    net.initialize(ctx=ctx or mx.cpu())
    net.cast(dtype)
    if mode is not None:
        net.hybridize(**mode)
    return net


class Waves(mx.init.Initializer):
    """Numbers away from 0 and 1, others for each parameter, the same for each network."""

    def _init_weight(self, name, array):
        waves = np.sin(np.arange(array.size) + (2 if 'gamma' in name else 3))
        array[:] = nd.array((waves + 1.3 * np.where(waves < 0, -1, 1)).reshape(array.shape))


def make(cls=None, **options):
    return (cls or gbn.nn.BatchNorm)(beta_initializer=Waves(), gamma_initializer=Waves(), **options)


def array(rng, shape, ctx=None, dtype='float32'):
    return nd.array(rng.normal(3, 2, shape), ctx=ctx or mx.cpu(), dtype=dtype)


def running(net):
    return [value.data(value.list_ctx()[0]).asnumpy().copy() for name, value in sorted(net.collect_params().items())
            if 'running' in name]


def three_steps(net, rng, shape, ctx=None, dtype='float32'):
    """All that can be seen of three steps of training, each with a look in predict mode."""
    seen = []
    for _ in range(3):
        X, upstream = array(rng, shape, ctx, dtype), array(rng, shape, ctx, dtype)
        X.attach_grad()
        with autograd.record():
            y = net(X)
        y.backward(upstream)
        values = net.collect_params().values()
        seen += [y, X.grad, *(value.grad() for value in values if value.grad_req != 'null'), net(X),
                 *(value.data() for name, value in net.collect_params().items() if 'gamma' not in name)]
        seen = [each if isinstance(each, np.ndarray) else each.asnumpy().copy() for each in seen]
    return seen


def assert_close(ours, theirs, tolerance):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        a, b = a.astype('f8'), b.astype('f8')
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, abs(b).max()))


@pytest.mark.parametrize(('shape', 'axis'), SHAPES)
def test_computes_what_gluons_own_does(formulation, mode, shape, axis, ctx, rng):
    nets = [network(make(cls, axis=axis, momentum=0.7, epsilon=1e-3), mode, ctx) for cls in (None, OWN)]
    draws = [np.random.default_rng(rng.integers(2**31))] * 2
    draws[1] = copy.deepcopy(draws[0])
    assert_close(*[three_steps(net, draw, shape, ctx) for net, draw in zip(nets, draws)], 1e-4)


@pytest.mark.parametrize(('dtype', 'tolerance'), [('float64', 1e-6), ('float16', 2e-3)])
@pytest.mark.parametrize('options', [{}, {'scale': False}, {'center': False}, {'use_global_stats': True}])
def test_its_options_and_types_are_gluons(formulation, mode, dtype, tolerance, options, rng):
    nets = [network(make(cls, **options), mode, dtype=dtype) for cls in (None, OWN)]
    draw = np.random.default_rng(rng.integers(2**31))
    results = [three_steps(net, copy.deepcopy(draw), (4, 6, 3, 2), dtype=dtype) for net in nets]
    assert_close(*results, tolerance)


@given(shape=st.lists(st.integers(1, 5), min_size=2, max_size=5), data=st.data())
def test_any_shape_and_axis(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    X = nd.array(np.random.default_rng(len(shape)).normal(3, 2, shape), dtype='float64')
    layer = gbn.nn.BatchNorm(axis=axis)
    layer.initialize()
    layer.cast('float64')
    with autograd.record():
        y = layer(X).asnumpy()
    x = np.moveaxis(X.asnumpy(), axis, -1).reshape(-1, shape[axis])                                # (n, C)
    expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    np.testing.assert_allclose(np.moveaxis(y, axis, -1).reshape(x.shape), expected, atol=1e-10)
    np.testing.assert_allclose(layer.running_var.data().asnumpy(), 0.9 + 0.1 * x.var(0), rtol=1e-6)
    np.testing.assert_allclose(layer.running_mean.data().asnumpy(), 0.1 * x.mean(0), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(('shape', 'axis'), [((6, 3), 1), ((3, 2, 2, 2), 1), ((2, 2, 3, 3), -1), ((3, 2, 2, 2, 1), 1)])
@pytest.mark.parametrize('train_mode', [True, False])
def test_gradients_are_those_of_differences(formulation, mode, shape, axis, train_mode, rng):
    net = network(make(axis=axis, running_mean_initializer=mx.init.Uniform(1)), mode, dtype='float64')
    upstream = array(rng, shape, dtype='float64')
    values = {'X': array(rng, shape, dtype='float64')}
    net(values['X'])
    values.update({name: value.data() for name, value in net.collect_params('.*(gamma|beta)').items()})
    values['X'].attach_grad()
    start = running(net)

    def forward(_):
        for value, old in zip([v for _, v in sorted(net.collect_params('.*running').items())], start):
            value.set_data(nd.array(old, dtype='float64'))
        with autograd.record(train_mode=train_mode):
            return net(values['X'])

    forward(None).backward(upstream)  # and not backward(train_mode=False): the mode of forward counts
    for value in values.values():
        def of(numbers, value=value):
            value[:] = nd.array(numbers, dtype='float64')
            return forward(None).asnumpy()
        numbers = value.asnumpy()
        expected = eval_numerical_gradient_array(of, numbers, upstream.asnumpy(), h=1e-5)
        of(numbers)
        np.testing.assert_allclose(value.grad.asnumpy(), expected, rtol=1e-6, atol=1e-7)


def test_running_statistics_move_in_forward_once_whatever_backward_does(formulation, mode, rng):
    net = network(make(momentum=0.5), mode)
    X = array(rng, (6, 3, 2, 2))
    with autograd.record():
        y = net(X)
    after_forward = running(net)
    x = X.asnumpy().astype('f8')
    np.testing.assert_allclose(after_forward[0], 0.5 * x.mean((0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(after_forward[1], 0.5 + 0.5 * x.var((0, 2, 3)), rtol=1e-5)
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_array_equal(running(net), after_forward)
    with autograd.train_mode():
        net(X)  # no recording
    assert (running(net)[0] != after_forward[0]).all()


@pytest.mark.parametrize('filters', [5, 8])  # behind 8 filters MXNet's kernels compute
def test_a_layer_that_is_called_several_times_moves_its_running_statistics_each_time(formulation, mode, filters, rng):
    class Repeated(gluon.HybridBlock):
        def __init__(self):
            super().__init__(prefix='net_')
            with self.name_scope():
                self.conv, self.norm = gluon.nn.Conv2D(filters, 1), make(momentum=0.5)

        def hybrid_forward(self, F, x):
            y = self.norm(self.conv(x))
            return y, self.norm(y), self.norm(y * 3 + 1)

    net = Repeated()
    net.initialize(mx.init.Xavier())
    if mode is not None:
        net.hybridize(**mode)
    X = array(rng, (6, 3, 4, 4))
    expected = [0, 1]
    for _ in range(2):
        with autograd.record():
            y, *_ = net(X)
        first = net.conv(X).asnumpy().astype('f8')
        second = y.asnumpy().astype('f8')
        for batch in (first, second, second * 3 + 1):
            moments = batch.mean((0, 2, 3)), batch.var((0, 2, 3))
            expected = [0.5 * old + 0.5 * new for old, new in zip(expected, moments)]
    for found, right in zip(running(net), expected):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5)


def test_gluons_own_running_statistics_move_in_backward_on_a_cpu_and_twice_if_it_runs_twice(rng):
    net = network(make(OWN, momentum=0.5), None, mx.cpu())
    X = array(rng, (6, 3, 2, 2))
    with autograd.record():
        y = net(X)
    np.testing.assert_array_equal(running(net)[0], 0)
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(running(net)[0], 0.75 * X.asnumpy().mean((0, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize('recording', [False, True])
def test_predict_mode_changes_nothing_and_uses_the_running_statistics(formulation, mode, recording, rng):
    net = network(make(), mode)
    three_steps(net, rng, (5, 4))
    before = {name: value.data().asnumpy().copy() for name, value in net.collect_params().items()}
    X = array(rng, (5, 4))
    with autograd.record(train_mode=False) if recording else autograd.pause():
        y = net(X)
    if recording:
        y.backward()
    for name, value in net.collect_params().items():
        np.testing.assert_array_equal(value.data().asnumpy(), before[name])
    gamma, beta, mean, var = [before[getattr(net[0], name).name] for name in (
        'gamma', 'beta', 'running_mean', 'running_var')]
    expected = (X.asnumpy() - mean) / np.sqrt(var + 1e-5) * gamma + beta
    np.testing.assert_allclose(y.asnumpy(), expected, rtol=1e-4, atol=1e-5)


def test_gluons_own_takes_the_gradient_of_training_after_a_recording_in_predict_mode(rng):
    X, upstream = array(rng, (5, 4)), array(rng, (5, 4))
    gradients = {}
    for cls in (OWN, gbn.nn.BatchNorm):
        net = network(make(cls), None)
        X.attach_grad()
        with autograd.record(train_mode=False):
            y = net(X)
        y.backward(upstream)
        gradients[cls] = X.grad.asnumpy()
    gamma = net[0].gamma.data().asnumpy()
    np.testing.assert_allclose(gradients[gbn.nn.BatchNorm], upstream.asnumpy() * gamma / np.sqrt(1 + 1e-5), rtol=1e-5)
    assert abs(gradients[OWN] - gradients[gbn.nn.BatchNorm]).max() > 0.1


@pytest.mark.parametrize('req', ['write', 'add', 'null'])
def test_grad_req(formulation, mode, req, rng):
    nets = [network(make(cls), mode) for cls in (None, OWN)]
    X, upstream = array(rng, (6, 3, 2, 2)), array(rng, (6, 3, 2, 2))
    results = []
    for net in nets:
        net.collect_params('.*(gamma|beta)').setattr('grad_req', req)
        X.attach_grad('add' if req == 'add' else 'write')
        for _ in range(3):
            with autograd.record():
                y = net(X) + 2 * X  # the data have a second use
            y.backward(upstream)
        grads = [net[0].gamma.grad(), net[0].beta.grad()] if req != 'null' else []
        results.append([each.asnumpy() for each in (X.grad, *grads)])
    assert_close(*results, 1e-4)


def test_a_frozen_layer_with_global_statistics_is_fine_tuned_as_gluons(formulation, mode, rng):
    results = []
    draw = np.random.default_rng(rng.integers(2**31))
    for cls in (None, OWN):
        net = network(make(cls, use_global_stats=True), mode)
        net.collect_params().setattr('grad_req', 'null')
        numbers, X = copy.deepcopy(draw), None
        X = array(numbers, (4, 3))
        X.attach_grad()
        with autograd.record():
            y = net(X)
        y.backward(array(numbers, (4, 3)))
        results.append([y.asnumpy(), X.grad.asnumpy(), *running(net)])
    assert_close(*results, 1e-5)
    np.testing.assert_array_equal(results[0][-1], 1)


def test_one_value_for_each_channel_gives_beta(formulation, mode, rng):
    net = network(make(), mode)
    X = array(rng, (1, 3))
    X.attach_grad()
    with autograd.record():
        y = net(X)
    y.backward()
    np.testing.assert_array_equal(y.asnumpy()[0], net[0].beta.data().asnumpy())
    np.testing.assert_array_equal(X.grad.asnumpy(), 0)


@pytest.mark.parametrize('shape', [(512, 3), (32, 3, 8, 8)])
def test_a_large_mean_costs_no_digits(library, mode, shape, rng):
    net = network(gbn.nn.BatchNorm(), mode)
    X = nd.array(rng.normal(1e4, 1, shape))
    with autograd.record():
        y = net(X)
    x = X.asnumpy().astype('f8')
    axes = tuple(i for i in range(len(shape)) if i != 1)
    expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(y.asnumpy(), expected, atol=2e-5)
    np.testing.assert_allclose(running(net)[1], 0.9 + 0.1 * x.var(axes), rtol=1e-5)


def test_two_devices_have_their_own_statistics(formulation, mode, rng):
    contexts = [mx.cpu(0), mx.cpu(1)]
    net = network(make(momentum=0), mode, contexts)
    trainer = gluon.Trainer(net.collect_params(), 'sgd', {'learning_rate': 0.1})
    parts = gluon.utils.split_and_load(array(rng, (9, 3)), contexts, even_split=False)
    with autograd.record():
        losses = [(net(part) ** 2).sum() for part in parts]
    autograd.backward(losses)
    for ctx, part in zip(contexts, parts):
        np.testing.assert_allclose(net[0].running_mean.data(ctx).asnumpy(), part.asnumpy().mean(0), rtol=1e-5)
    trainer.step(9)
    np.testing.assert_array_equal(*[net[0].gamma.data(ctx).asnumpy() for ctx in contexts])


class TestGluonsMachinery:
    """What a Gluon layer has to stand: files, copies, descriptions."""

    def test_is_one_of_gluons_with_its_names_and_words(self):
        ours, theirs = [cls(axis=2, prefix='bn_') for cls in (gbn.nn.BatchNorm, OWN)]
        assert isinstance(ours, OWN)
        assert repr(ours) == repr(theirs)
        assert list(ours.collect_params()) == list(theirs.collect_params())
        assert {name: value.grad_req for name, value in ours.collect_params().items()} == {
            'bn_gamma': 'write', 'bn_beta': 'write', 'bn_running_mean': 'null', 'bn_running_var': 'null'}
        assert [*gbn.nn.BatchNorm(scale=False, prefix='bn_').collect_params('.*gamma').values()][0].grad_req == 'null'

    def test_half_leaves_the_parameters_in_single(self):
        layer = gbn.nn.BatchNorm(in_channels=3)
        layer.initialize()
        layer.cast('float16')
        assert layer.gamma.data().dtype == np.float32
        assert layer(nd.ones((2, 3), dtype='float16')).dtype == np.float16

    def test_parameter_files_go_both_ways(self, tmp_path, rng):
        nets = [network(make(cls), None) for cls in (None, OWN)]
        X = array(rng, (4, 3))
        for net in nets:
            three_steps(net, rng, (4, 3))
        for source, target in (nets, nets[::-1]):
            three_steps(source, rng, (4, 3))
            source.save_parameters(str(tmp_path / 'net.params'))
            target.load_parameters(str(tmp_path / 'net.params'))
            assert_close([target(X).asnumpy()], [source(X).asnumpy()], 1e-5)

    def test_export_writes_the_file_of_gluons_own_but_for_a_mark(self, formulation, tmp_path, rng):
        X = array(rng, (4, 8, 5, 5))
        graphs = []
        for cls in (gbn.nn.BatchNorm, OWN):
            net = gluon.nn.HybridSequential(prefix='net_')
            with net.name_scope():
                net.add(gluon.nn.Conv2D(8, 3), cls(scale=False), gluon.nn.Activation('relu'), gluon.nn.Dense(4), cls())
            net.initialize()
            net.hybridize()
            three_steps(net, rng, X.shape) if cls is OWN else net(X)
            net.export(str(tmp_path / cls.__module__))
            text = (tmp_path / f'{cls.__module__}-symbol.json').read_text()
            graphs.append(text)
        ours = json.loads(graphs[0])
        marks = [node['attrs'].pop('__gluon_bn__') for node in ours['nodes'] if node['op'] == 'BatchNorm']
        assert len(marks) == 2
        assert ours == json.loads(graphs[1])

    @pytest.mark.parametrize('imported', ['block', 'executor'])
    def test_an_exported_file_is_read_and_computed(self, imported, tmp_path, rng):
        net = gluon.nn.HybridSequential()
        net.add(gluon.nn.Dense(4), make(), gluon.nn.Dense(3))
        net.initialize()
        net.hybridize()
        X = array(rng, (6, 5))
        for _ in range(3):
            with autograd.record():
                net(X)
        net.export(str(tmp_path / 'net'))
        if imported == 'block':
            files = [str(tmp_path / name) for name in ('net-symbol.json', 'net-0000.params')]
            y = gluon.SymbolBlock.imports(files[0], ['data'], files[1])(X)
        else:  # MXNet alone: no class of ours is on this way
            symbol, arguments, states = mx.model.load_checkpoint(str(tmp_path / 'net'), 0)
            assert len(states) == 2
            y = symbol.bind(mx.cpu(), {'data': X, **arguments}, aux_states=states).forward(is_train=False)[0]
        np.testing.assert_allclose(y.asnumpy(), net(X).asnumpy(), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize('prefix', ['Schicht ä ', '层_', 'a"b_'])
    def test_any_name_is_compiled(self, formulation, prefix, rng):
        layer = gbn.nn.BatchNorm(prefix=prefix)
        layer.initialize()
        layer.hybridize()
        with autograd.record():
            y = layer(array(rng, (5, 3)))
        np.testing.assert_allclose(y.asnumpy().mean(0), 0, atol=1e-6)

    def test_a_symbol_is_mxnets_operator(self):
        symbol = gbn.nn.BatchNorm(prefix='bn_')(mx.sym.var('data'))
        assert symbol.list_auxiliary_states() == ['bn_running_mean', 'bn_running_var']
        assert {node['op'] for node in json.loads(symbol.tojson())['nodes']} == {'null', 'BatchNorm'}

    def test_copies_hooks_and_summary(self, formulation, mode, rng, capsys):
        net = network(make(), None)
        X = array(rng, (4, 3))
        net(X)
        net.summary(X)
        assert 'BatchNorm' in capsys.readouterr().out
        twin = copy.deepcopy(net)
        if mode is not None:
            twin.hybridize(**mode)
        three_steps(twin, rng, (4, 3))
        assert (running(twin)[0] != running(net)[0]).all()
        seen = []
        net.hybridize()
        net.register_op_hook(lambda name, op, value: seen.append(op))
        net(X)
        with autograd.record():
            net(X)
        nd.waitall()
        assert seen

    def test_a_network_with_several_outputs(self, formulation, rng):
        class Both(gluon.nn.HybridSequential):
            def hybrid_forward(self, F, x):
                y = self[0](x)
                return y, self[1](y), x

        results = []
        draw = array(rng, (5, 3))
        for cls in (None, OWN):
            net = Both(prefix='both_')
            with net.name_scope():
                net.add(make(cls), make(cls))
            net.initialize()
            net.hybridize()
            with autograd.record():
                outputs = net(draw)
            assert len(outputs) == 3
            autograd.backward(outputs)
            results.append([*(each.asnumpy() for each in outputs), *running(net)])
        assert_close(*results, 1e-5)

    def test_arrays_of_numpys_kind_are_refused(self):
        layer = gbn.nn.BatchNorm(in_channels=3)
        layer.initialize()
        with pytest.raises(TypeError, match='mx.np'):
            layer(mx.np.ones((2, 3)))

    @pytest.mark.parametrize('mode', MODES.values(), ids=MODES)
    def test_memory_of_statistics_is_off_the_tape(self, formulation, mode, rng):
        net = network(make(), mode)
        X = array(rng, (4, 3))
        with autograd.record():
            net(X)
            net(X)
        assert all(value.data().grad is None for value in net.collect_params('.*running').values())
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            with autograd.record():
                y = net(X)
            y.backward()


def test_beside_gluons_own_layer_each_is_computed_as_what_it_is(mode, rng):
    """Gluon's moves its statistics when ``backward`` runs, ours in forward, also where both are in one graph."""
    net = gluon.nn.HybridSequential(prefix='net_')
    with net.name_scope():
        net.add(gbn.nn.BatchNorm(in_channels=3), OWN(in_channels=3))
    net.initialize()
    net[0].beta.set_data(nd.full(3, 2))
    if mode is not None:
        net.hybridize(**mode)
    X = array(rng, (8, 3))
    with autograd.record():
        y = net(X)
    y.wait_to_read()
    before = [layer.running_mean.data().asnumpy().copy() for layer in net]
    y.backward()
    assert before[0].any()
    np.testing.assert_array_equal(net[0].running_mean.data().asnumpy(), before[0])
    np.testing.assert_allclose(before[0], 0.1 * X.asnumpy().mean(axis=0), rtol=1e-5)
    assert not before[1].any()
    np.testing.assert_allclose(net[1].running_mean.data().asnumpy(), 0.2, rtol=1e-5)


def test_the_operators_of_a_compiled_network_are_shown_in_both_modes(rng):
    net = gluon.nn.HybridSequential(prefix='net_')
    with net.name_scope():
        net.add(gluon.nn.Dense(3, in_units=2), gbn.nn.BatchNorm(in_channels=3))
    net.initialize()
    net.hybridize()
    X, seen = array(rng, (8, 2)), []
    net(X)  # compiled
    net.register_op_hook(lambda name, *_: seen.append(name.decode() if isinstance(name, bytes) else name))
    for shown in (lambda: net(X), lambda: recorded(net, X)):
        seen.clear()
        shown().wait_to_read()
        assert any('dense0_fwd' in name for name in seen), seen


def recorded(net, X):
    with autograd.record():
        return net(X)


@pytest.mark.parametrize('cls', [gbn.nn.BatchNorm, gbn.nn.SyncBatchNorm])
@pytest.mark.parametrize(('settings', 'error', 'message'), [
    ({'momentum': 2}, ValueError, 'momentum is 2; expected a finite number from 0 to 1'),
    ({'momentum': True}, TypeError, 'momentum is True; expected a finite number'),
    ({'momentum': np.array([0.9])}, TypeError, r'momentum is an array .*; expected a finite number'),
    ({'epsilon': -1e-5}, ValueError, 'epsilon is -1e-05; expected a finite number, at least 0'),
    ({'epsilon': 'a'}, TypeError, "epsilon is 'a'; expected a finite number"),
    ({'epsilon': float('nan')}, ValueError, 'epsilon is nan; expected a finite number'),
    ({'axis': 1.5}, TypeError, 'axis is 1.5; expected a whole number'),
    ({'scale': 'no'}, TypeError, "scale is 'no'; expected True or False"),
    ({'center': 0}, TypeError, 'center is 0; expected True or False'),
    ({'use_global_stats': 1}, TypeError, 'use_global_stats is 1; expected True or False'),
], ids=str)
def test_settings_that_are_none_are_refused_when_the_layer_is_made(cls, settings, error, message):
    with mx.name.NameManager():
        with pytest.raises(error, match=message):
            cls(**settings)
        assert cls().name.endswith('0')  # nor has a name been used up


def test_settings_are_taken_by_position_and_of_numpys_types():
    layer = gbn.nn.BatchNorm(-1, np.float32(0.5), np.float64(1e-3), False, np.bool_(False), True, 'ones')
    assert layer._kwargs == {'axis': -1, 'momentum': 0.5, 'eps': 1e-3, 'fix_gamma': True, 'use_global_stats': True}
    assert {type(value) for value in layer._kwargs.values()} == {int, float, bool}
    assert (layer.beta.grad_req, layer.gamma.grad_req, layer.beta.init) == ('null', 'null', 'ones')
