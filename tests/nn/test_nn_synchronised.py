"""The block SyncBatchNorm in a Gluon network whose batch several ranks share, against one with all of the batch."""
import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from mxnet import gluon

import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.parallel import group as groups
from gluon_bn.parallel.shared_layer import NoRows

in_threads = functools.partial(groups.in_threads, pool=ThreadPoolExecutor(4))  # new threads cost memory for ever
BOUNDS = (0, 2, 2, 9, 10)  # the second rank has no rows, the last one a single one


def network(ctx, group=None, **settings):
    """A network with two batch norms, and parameters that do not depend on anything."""
    net = gluon.nn.Sequential(prefix='net_')
    with net.name_scope():
        for layer in (gluon.nn.Conv2D(3, 3, in_channels=2), gbn.nn.SyncBatchNorm(group=group, **settings),
                      gluon.nn.Activation('softrelu'), gluon.nn.Flatten(), gluon.nn.Dense(4, in_units=27),
                      gbn.nn.SyncBatchNorm(group=group, momentum=0.75)):
            net.add(layer)
    net.initialize(ctx=ctx)
    net(nd.ones((1, 2, 5, 5), ctx=ctx))
    rng = np.random.default_rng(5)
    for param in net.collect_params().values():
        if 'running' not in param.name:  # also a gamma that counts as 1
            param.set_data(nd.array(rng.normal(0.5, 1, size=param.shape)))
    return net


def step(net, ctx, X, g):
    """Output and all parameters' gradients of a step, and the running statistics after it."""
    with autograd.record():
        out = net(nd.array(X, ctx=ctx))
    out.backward(nd.array(g, ctx=ctx))
    params = net.collect_params().values()
    return (out.asnumpy(), {p.name: p.grad().asnumpy() for p in params if p.grad_req != 'null'},
            {p.name: p.data().asnumpy() for p in params if 'running' in p.name})


@pytest.fixture
def batch(rng):
    return rng.normal(3, 2, size=(10, 2, 5, 5)).astype('float32'), rng.normal(size=(10, 4)).astype('float32')


@pytest.mark.parametrize('settings', [{}, {'scale': False, 'momentum': 0.5, 'epsilon': 1e-2}], ids=['default', 'set'])
def test_ranks_train_as_one_does(batch, settings):
    X, g = batch
    whole = step(network(mx.cpu(), **settings), mx.cpu(), X, g)

    def work(group):
        ctx, rows = mx.cpu(group.rank), slice(*BOUNDS[group.rank:group.rank + 2])
        empty = rows.start == rows.stop
        net = network(ctx, NoRows(group) if empty else group, **settings)
        out, gradients, running = step(net, ctx, *((np.ones_like(X[:1]), np.ones_like(g[:1])) if empty else (
            X[rows], g[rows])))
        return out[:0] if empty else out, gradients, running

    outs, gradients, running = zip(*in_threads(4, work))
    np.testing.assert_allclose(np.concatenate(outs), whole[0], rtol=1e-5, atol=1e-5)
    largest = max(np.abs(gradient).max() for gradient in whole[1].values())
    last = 'net_syncbatchnorm1_beta'  # behind it there is no layer that would take away what the empty rank adds
    for name, gradient in whole[1].items():
        total = sum(rank[name] for rank in gradients)
        np.testing.assert_allclose(total, gradient, rtol=1e-4, atol=1e-5 * largest, err_msg=name)
    assert last in whole[1]
    for rank in running:
        for name, value in whole[2].items():
            np.testing.assert_allclose(rank[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
            np.testing.assert_array_equal(rank[name], running[0][name])


@pytest.mark.parametrize(('shape', 'axis'), [((6, 4), 1), ((6, 4), -1), ((6, 3, 4), 1), ((6, 3, 4), 2),
                                             ((6, 2, 3, 4), 3), ((6, 2, 3, 4), -1), ((6, 4, 2, 3, 2), 1)], ids=str)
@pytest.mark.parametrize('dtype', ['float32', 'float64', 'float16'])
def test_any_axis_of_any_array(rng, shape, axis, dtype):
    X, g = rng.normal(size=shape), rng.normal(size=shape)
    exact = {'float32': 1e-5, 'float64': 1e-11, 'float16': 1e-2}[dtype]

    def work(group, rows=(slice(0, 1), slice(1, 6))):
        ctx = mx.cpu(group.rank)
        layer = gbn.nn.SyncBatchNorm(axis=axis, group=group, in_channels=shape[axis], prefix='a_')
        layer.initialize(ctx=ctx)
        layer.cast(dtype)
        mine = nd.array(X[rows[group.rank]], ctx=ctx, dtype=dtype)
        mine.attach_grad()
        with autograd.record():
            out = layer(mine)
        out.backward(nd.array(g[rows[group.rank]], ctx=ctx, dtype=dtype))
        assert out.dtype == mine.dtype
        return out.asnumpy(), mine.grad.asnumpy()

    out, dX = map(np.concatenate, zip(*in_threads(2, work)))
    axes = tuple(i for i in range(len(shape)) if i != axis % len(shape))
    rstd = 1 / np.sqrt(X.var(axis=axes, keepdims=True) + 1e-5)
    x_hat = (X - X.mean(axis=axes, keepdims=True)) * rstd
    np.testing.assert_allclose(out, x_hat, rtol=exact, atol=5 * exact)
    expected = rstd * (g - g.mean(axis=axes, keepdims=True) - x_hat * (g * x_hat).mean(axis=axes, keepdims=True))
    np.testing.assert_allclose(dX, expected, rtol=exact, atol=5 * exact)


def test_alone_and_in_predict_mode_it_is_the_plain_block(batch):
    ours, plain = gbn.nn.SyncBatchNorm(prefix='a_'), gbn.nn.BatchNorm(prefix='a_')
    X = nd.array(batch[0])
    outs = []
    for layer in (ours, plain):
        layer.initialize()
        with autograd.record():
            layer(X)
        outs.append([layer(X).asnumpy(), layer.running_var.data().asnumpy()])
    for one, other in zip(*outs):
        np.testing.assert_array_equal(one, other)

    def work(group):
        ours.group = group
        return ours(X).asnumpy() if group.rank == 0 else None

    np.testing.assert_array_equal(in_threads(2, work)[0], outs[0][0])


def test_a_compiled_graph_is_refused():
    def work(group):
        layer = gbn.nn.SyncBatchNorm(group=group, prefix='a_', in_channels=3)
        layer.initialize()
        layer.hybridize()
        with pytest.raises(TypeError, match=r"a_fwd exchanges numbers .* call hybridize\(False\)"):
            layer(nd.ones((4, 3)))

    in_threads(2, work)


def test_what_is_no_group_is_refused():
    with pytest.raises(TypeError, match='group is a int'):
        gbn.nn.SyncBatchNorm(group=2)
