"""Batch norm of a batch that several ranks share, against NumPy in float64 and Gluon's layer on the whole batch."""
import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mxnet import gluon

import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.gradient_check import eval_numerical_gradient_array
from gluon_bn.parallel import group as groups
from gluon_bn.parallel.group import GroupError, OneProcess
from gluon_bn.parallel.shared_layer import NoRows

in_threads = functools.partial(groups.in_threads, pool=ThreadPoolExecutor(4))  # new threads cost memory for ever
EPS = 1e-5
SHARDS = [(2, 10), (0, 12), (1, 1, 62), (5, 0, 3)]


@pytest.fixture(params=['auto', 'plain'])
def impl(request):
    if request.param == 'auto':
        request.getfixturevalue('library')
    return request.param


def numbers(rng, sizes, shape, offset=0., scale=1.):
    """A batch of all shards, the gradient of its output, gamma and beta, in float64."""
    size, C = (sum(sizes), *shape), shape[0]
    wide = (C, *[1] * (len(shape) - 1))
    X = rng.normal(size=size) * scale * rng.uniform(0.5, 3, size=wide) + offset * rng.uniform(0.5, 1, size=wide)
    return X, rng.normal(size=size), rng.normal(1.5, 0.3, size=C), rng.normal(size=C)


def on_the_whole_batch(X, g, gamma, beta):
    """What NumPy has: output, gradients of X, gamma and beta, mean and variance."""
    axes, beside = (0, *range(2, X.ndim)), (1, -1, *[1] * (X.ndim - 2))
    mean, var = X.mean(axis=axes), X.var(axis=axes)
    rstd = 1 / np.sqrt(var + EPS).reshape(beside)
    x_hat = (X - mean.reshape(beside)) * rstd
    dgamma, dbeta = (g * x_hat).sum(axis=axes), g.sum(axis=axes)
    n = X.size / X.shape[1]
    dX = gamma.reshape(beside) * rstd * (g - (dbeta.reshape(beside) + x_hat * dgamma.reshape(beside)) / n)
    return gamma.reshape(beside) * x_hat + beta.reshape(beside), dX, dgamma, dbeta, mean, var


def in_shards(sizes, X, g, gamma, beta, impl='auto', dtype='float64', contexts=None, attach=True, **arguments):
    """The same of all ranks together, and what each of them has stored."""
    bounds = np.cumsum([0, *sizes])

    def work(group):
        rows, ctx = slice(*bounds[group.rank:group.rank + 2]), (contexts or list(map(mx.cpu, range(9))))[group.rank]
        empty = rows.start == rows.stop
        X_, g_ = (np.ones((1, *X.shape[1:])), np.ones((1, *X.shape[1:]))) if empty else (X[rows], g[rows])
        arrays = [nd.array(a, ctx=ctx, dtype=dtype) for a in (X_, gamma, beta)]
        for array in arrays if attach else arrays[1:]:
            array.attach_grad()
        means, variances = {}, {}
        with autograd.record():
            out = gbn.batch_norm(*arrays, means, variances, eps=EPS, layer_name='a', impl=impl,
                                 group=NoRows(group) if empty else group, **arguments)
        out.backward(nd.array(g_, ctx=ctx, dtype=dtype))
        dX, dgamma, dbeta = (None if a.grad is None else a.grad.asnumpy().astype('float64') for a in arrays)
        if empty:
            assert not any(gradient.any() for gradient in (dX, dgamma, dbeta) if gradient is not None)
        return (None if empty else out.asnumpy().astype('float64'), None if empty else dX, dgamma, dbeta,
                means['a'].asnumpy(), variances['a'].asnumpy())

    outs, dXs, dgammas, dbetas, means, variances = zip(*in_threads(len(sizes), work))
    for stored in (means, variances):
        for other in stored[1:]:
            np.testing.assert_array_equal(other, stored[0])  # the same bits on every rank
    joined = [None if all(a is None for a in arrays) else np.concatenate([a for a in arrays if a is not None])
              for arrays in (outs, dXs)]
    return (*joined, sum(dgammas), sum(dbetas), means[0].astype('float64'), variances[0].astype('float64'))


@pytest.mark.parametrize('shape', [(7,), (3, 4, 5)], ids=len)
@pytest.mark.parametrize('sizes', SHARDS, ids=str)
@pytest.mark.parametrize(('dtype', 'tolerance'), [('float32', 1e-5), ('float64', 1e-11)])
def test_it_is_the_layer_of_the_whole_batch(rng, impl, sizes, shape, dtype, tolerance):
    X, g, gamma, beta = numbers(rng, sizes, shape, offset=1e4)
    X = X.astype(dtype).astype('float64')  # what float32 cannot hold is no matter of the layer
    expected = on_the_whole_batch(X, g, gamma, beta)
    found = in_shards(sizes, X, g, gamma, beta, impl, dtype)
    for value, right in zip(found, expected):
        np.testing.assert_allclose(value, right, rtol=tolerance, atol=tolerance * max(1, np.abs(g).sum() / g[0].size))


@settings(max_examples=15)
@given(sizes=st.lists(st.integers(0, 5), min_size=2, max_size=4).filter(lambda sizes: sum(sizes) > 1),
       spatial=st.booleans(), offset=st.sampled_from([0, 1e4]), scale=st.sampled_from([1e-2, 1, 1e2]),
       seed=st.integers(0, 2 ** 32 - 1))
@pytest.mark.usefixtures('library')
def test_shards_of_any_size_offset_and_scale(sizes, spatial, offset, scale, seed):
    arrays = X, g, gamma, _ = numbers(np.random.default_rng(seed), sizes, (2, 2, 3) if spatial else (3,), offset, scale)
    expected = on_the_whole_batch(*arrays)
    # Sums may cancel (of two rows, all of dX but what eps leaves): errors are measured by what is added up.
    gradients = np.abs(g).sum(), np.abs(gamma).max() * np.abs(g).max() / np.sqrt(expected[-1].min() + EPS)
    terms = 1, gradients[1], gradients[0] * np.sqrt(len(X)), gradients[0], np.abs(X).max(), expected[-1].max()
    for value, right, size in zip(in_shards(sizes, *arrays), expected, terms):
        np.testing.assert_allclose(value, right, rtol=1e-8, atol=1e-8 * size)


@pytest.mark.parametrize('shape', [(3,), (2, 2, 2)], ids=len)
def test_the_gradient_is_that_of_differences(rng, impl, shape):
    X, g, gamma, beta = numbers(rng, (1, 4, 2), shape)
    _, dX, dgamma, dbeta, _, _ = in_shards((1, 4, 2), X, g, gamma, beta, impl)

    def output(X=X, gamma=gamma, beta=beta):
        return on_the_whole_batch(X, g, gamma, beta)[0]

    for found, argument, at in ((dX, 'X', X), (dgamma, 'gamma', gamma), (dbeta, 'beta', beta)):
        by_differences = eval_numerical_gradient_array(lambda v, name=argument: output(**{name: v}), at, g)
        np.testing.assert_allclose(found, by_differences, rtol=1e-6, atol=1e-7)


def test_it_is_gluons_layer_of_the_whole_batch(rng):
    X, g, gamma, beta = (a.astype('float32') for a in numbers(rng, (3, 8, 1), (4, 3, 3)))
    layer = gluon.nn.BatchNorm(epsilon=EPS, in_channels=4)
    layer.initialize()
    layer.gamma.set_data(nd.array(gamma))
    layer.beta.set_data(nd.array(beta))
    whole = nd.array(X)
    whole.attach_grad()
    with autograd.record():
        out = layer(whole)
    out.backward(nd.array(g))
    expected = [a.asnumpy() for a in (out, whole.grad, layer.gamma.grad(), layer.beta.grad())]
    for value, right in zip(in_shards((3, 8, 1), X, g, gamma, beta, dtype='float32'), expected):
        np.testing.assert_allclose(value, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('dtype', ['float16', 'float32'])
def test_without_native_operators(rng, monkeypatch, ctx, dtype):
    from gluon_bn.fast import operators
    monkeypatch.setattr(operators, 'available', lambda: False)
    others = [mx.cpu(i) for i in range(2, 5)]
    arrays = numbers(rng, (2, 0, 6), (3, 2, 2))
    tolerance = 1e-5 if dtype == 'float32' else 2e-2
    for value, right in zip(in_shards((2, 0, 6), *arrays, dtype=dtype, contexts=[ctx, *others]),
                            on_the_whole_batch(*arrays)):
        np.testing.assert_allclose(value, right, rtol=tolerance, atol=10 * tolerance)


def test_two_ranks_may_compute_in_one_context_and_one_with_native_operators_the_other_without(rng, library):
    X, g, gamma, beta = numbers(rng, (3, 5), (6,))
    expected = on_the_whole_batch(X, g, gamma, beta)
    for value, right in zip(in_shards((3, 5), X, g, gamma, beta, contexts=[mx.cpu(0)] * 2), expected):
        np.testing.assert_allclose(value, right, rtol=1e-11, atol=1e-11)

    def work(group):
        arrays = [nd.array(a, dtype='float64') for a in ((X[:3], X[3:])[group.rank], gamma, beta)]
        arrays[0].attach_grad()
        with autograd.record():
            out = gbn.batch_norm(*arrays, {}, {}, eps=EPS, group=group, impl=('auto', 'plain')[group.rank])
        out.backward(nd.array((g[:3], g[3:])[group.rank], dtype='float64'))
        return out.asnumpy(), arrays[0].grad.asnumpy()

    for found, right in zip(zip(*in_threads(2, work)), expected):
        np.testing.assert_allclose(np.concatenate(found), right, rtol=1e-11, atol=1e-11)


def test_data_need_no_gradient(rng):
    arrays = numbers(rng, (2, 0, 6), (3,))
    found, right = in_shards((2, 0, 6), *arrays, attach=False), on_the_whole_batch(*arrays)
    for i in (0, 2, 3):
        np.testing.assert_allclose(found[i], right[i], rtol=1e-11, atol=1e-11)
    assert found[1] is None


def test_stored_statistics_are_averaged_as_ever(rng):
    batches = [numbers(rng, (2, 6), (3,))[0] for _ in range(3)]

    def work(group, rows=(slice(0, 2), slice(2, 8))):
        means, variances = {}, {}
        for X in batches:
            before = dict(means)
            gbn.batch_norm(nd.array(X[rows[group.rank]], dtype='float64'), nd.ones(3, dtype='float64'),
                           nd.zeros(3, dtype='float64'), means, variances, momentum=0.75, layer_name='a', group=group)
            assert before.get('a') is not means['a']
        return means['a'].asnumpy(), variances['a'].asnumpy()

    for mean, var in in_threads(2, work):
        for found, values in ((mean, [X.mean(axis=0) for X in batches]), (var, [X.var(axis=0) for X in batches])):
            expected = 0.75 * (0.75 * values[0] + 0.25 * values[1]) + 0.25 * values[2]
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_group_of_one_is_no_group(rng):
    X, g, gamma, beta = (nd.array(a) for a in numbers(rng, (9,), (4, 3, 3)))
    results = []
    for group in (None, OneProcess()):
        means, variances = {}, {}
        X.attach_grad()
        with autograd.record():
            out = gbn.batch_norm(X, gamma, beta, means, variances, group=group)
        out.backward(g)
        results.append([a.asnumpy() for a in (out, X.grad, means[''], variances[''])])
    for one, other in zip(*results):
        np.testing.assert_array_equal(one, other)


def test_testing_asks_nobody(rng):
    X = nd.array(rng.normal(size=(4, 3)))
    stored = {'a': nd.array(rng.normal(size=3))}, {'a': nd.array(rng.uniform(1, 2, size=3))}
    layer = (nd.ones(3), nd.zeros(3), *stored)
    expected = gbn.batch_norm(X, *layer, layer_name='a', is_training=False).asnumpy()
    found, = (r for r in in_threads(2, lambda group: group.rank == 0 and gbn.batch_norm(
        X, *layer, layer_name='a', is_training=False, group=group).asnumpy()) if r is not False)
    np.testing.assert_array_equal(found, expected)


def test_gradients_are_added_where_they_should_be(rng, impl):
    X, g, gamma, beta = numbers(rng, (2, 3), (4,))
    expected = on_the_whole_batch(X, g, gamma, beta)

    def work(group):
        rows = (slice(0, 2), slice(2, 5))[group.rank]
        arrays = [nd.array(a, ctx=mx.cpu(group.rank), dtype='float64') for a in (X[rows], gamma, beta)]
        for array in arrays:
            array.attach_grad('add')
        for _ in range(2):
            with autograd.record():
                out = gbn.batch_norm(*arrays, {}, {}, eps=EPS, group=group, impl=impl)
            out.backward(nd.array(g[rows], ctx=out.ctx, dtype='float64'))
        return [a.grad.asnumpy() for a in arrays]

    dXs, dgammas, dbetas = zip(*in_threads(2, work))
    for found, right in ((np.concatenate(dXs), expected[1]), (sum(dgammas), expected[2]), (sum(dbetas), expected[3])):
        np.testing.assert_allclose(found, 2 * right, rtol=1e-10, atol=1e-10)


def layer_of(group, X, name='a', stored=None, **settings):
    means, variances = stored if stored is not None else ({}, {})
    one, zero = (nd.full(X.shape[1], value, X.ctx, X.dtype) for value in (1, 0))
    return gbn.batch_norm(X, one, zero, means, variances, layer_name=name, group=group, **settings)


def test_one_value_per_feature_in_all_is_refused_and_nothing_is_stored():
    stored = [({}, {}), ({}, {})]

    def work(group):
        with pytest.raises(ValueError, match="layer 'a' has 1 value per feature on all 2 ranks together"):
            layer_of(NoRows(group) if group.rank else group, nd.ones((1, 3), ctx=mx.cpu(group.rank)), 'a',
                     stored[group.rank])

    in_threads(2, work)
    assert stored == [({}, {}), ({}, {})]


def test_ranks_in_different_layers_are_told_so_and_nothing_is_stored():
    stored = [({}, {}), ({}, {})]

    def work(group):
        with pytest.raises(GroupError, match="rank 1 is not where rank 0 is .*'b forward .*'a forward "):
            layer_of(group, nd.ones((4, 3), ctx=mx.cpu(group.rank)), 'ab'[group.rank], stored[group.rank])

    in_threads(2, work)
    assert stored == [({}, {}), ({}, {})]


@pytest.mark.parametrize(('setting', 'values', 'message'), [
    ('eps', (1e-5, 1e-3), r"eps 0\.001, .*eps 1e-05, "), ('momentum', (0.9, 0.5), r"momentum 0\.5, .*momentum 0\.9, "),
    ('dtype', ('float32', 'float64'), r", float64\)', .*, float32\)', ")])
@pytest.mark.parametrize('layer', ['function', 'block'])
def test_ranks_with_other_settings_are_told_so_and_nothing_is_stored(setting, values, message, layer):
    def work(group):
        ctx, given, means = mx.cpu(group.rank), {setting: values[group.rank]}, {}
        x = nd.array(np.arange(12).reshape(4, 3), ctx=ctx, dtype=given.pop('dtype', 'float32'))
        if layer == 'block':
            named = {name.replace('eps', 'epsilon'): value for name, value in given.items()}
            block = gbn.nn.SyncBatchNorm(in_channels=3, group=group, prefix='a_', **named)
            block.initialize(ctx=ctx)
            block.cast(x.dtype)
        call = block if layer == 'block' else lambda x: layer_of(group, x, 'a', (means, {}), **given)
        with autograd.record(), pytest.raises(GroupError, match='rank 1 is not where rank 0 is .*' + message):
            call(x)
        assert not means
        assert layer == 'function' or not block.running_mean.data(ctx).asnumpy().any()

    in_threads(2, work)


def test_a_rank_that_ends_is_told_to_the_others():
    def work(group):
        if group.rank == 1:
            raise ZeroDivisionError("rank 1's own")
        with pytest.raises(GroupError, match=r"rank 1 has ended \(ZeroDivisionError: rank 1's own\)"):
            layer_of(group, nd.ones((4, 3)))

    with pytest.raises(ZeroDivisionError):
        in_threads(2, work)


def test_a_rank_that_ends_before_the_backward_pass_is_told_when_a_gradient_is_read():
    def work(group):
        X = nd.array(np.arange(12.).reshape(4, 3), ctx=mx.cpu(group.rank))
        X.attach_grad()
        with autograd.record():
            out = layer_of(group, X)
        if group.rank == 0:
            out.backward()
            with pytest.raises(mx.base.MXNetError):
                X.grad.asnumpy()
            with pytest.raises(GroupError, match=r"rank 1 has ended \(its work is done\)"):
                layer_of(group, X)

    in_threads(2, work)


@pytest.mark.parametrize('group', [3, 'mpi', object()], ids=['number', 'string', 'object'])
def test_what_is_no_group_is_refused(group):
    with pytest.raises(TypeError, match=r"group is a \w+; expected None or a group of gluon_bn.parallel"):
        layer_of(group, nd.ones((4, 3)))


@pytest.mark.parametrize('runs', [8, pytest.param(200, marks=pytest.mark.slow)])
def test_several_layers_forward_and_backward_do_not_hang(rng, runs):
    """Three layers, three ranks, one of them without rows, and parameters that are changed in place after each step."""
    data = rng.normal(size=(runs, 3, 4, 5)).astype('float32')

    def work(group):
        ctx = mx.cpu(group.rank % 2)
        params = [nd.ones(5, ctx=ctx), nd.zeros(5, ctx=ctx)]
        for param in params:
            param.attach_grad()
        for run in range(runs):
            means, variances = {}, {}
            with autograd.record():
                h = nd.array(data[run, group.rank], ctx=ctx)
                for layer in 'abc':
                    h = gbn.batch_norm(h, *params, means, variances, layer_name=layer,
                                       group=NoRows(group) if group.rank == 1 else group)
                loss = nd.sum(h * h)
            loss.backward()
            gbn.sgd(params, 1e-3)
        return [param.asnumpy() for param in params]

    for gamma, beta in in_threads(3, work):
        assert np.isfinite([gamma, beta]).all()


def test_a_step_begins_when_the_gradients_of_the_last_one_are_there(rng):
    """On rank 1 they come late; its exchanges are nevertheless in the order of rank 0's."""
    X, g, gamma, beta = numbers(rng, (3, 5), (2,))
    expected = on_the_whole_batch(X, g, gamma, beta)

    def work(group):
        rows, ctx = (slice(0, 3), slice(3, 8))[group.rank], mx.cpu(group.rank)
        arrays = [nd.array(a, ctx=ctx, dtype='float64') for a in (X[rows], gamma, beta)]
        for array in arrays:
            array.attach_grad()
        for _ in range(2):
            late = nd.ones((400, 400), ctx=ctx) / 400
            for _ in range(40 * group.rank):
                late = nd.dot(late, late)
            with autograd.record():
                out = gbn.batch_norm(*arrays, {}, {}, eps=EPS, layer_name='a', group=group)
            out.backward(nd.array(g[rows], ctx=ctx, dtype='float64') + (late[0, 0] - late[0, 0]).astype('float64'))
        return [array.grad.asnumpy() for array in arrays]

    dXs, dgammas, dbetas = zip(*in_threads(2, work))
    for found, right in ((np.concatenate(dXs), expected[1]), (sum(dgammas), expected[2]), (sum(dbetas), expected[3])):
        np.testing.assert_allclose(found, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_what_is_not_finite_on_one_rank_is_so_on_all_and_stops_nobody(rng, impl, value):
    X, g, gamma, beta = numbers(rng, (3, 5), (2,))
    X[0, 0] = value
    out, dX, dgamma, _, mean, _ = in_shards((3, 5), X, g, gamma, beta, impl)
    for array in (out, dX):
        assert np.isnan(array[3:, 0]).all()
        assert np.isfinite(array[:, 1]).all()
    assert np.isnan(dgamma[0])
    assert not np.isfinite(mean[0])


def test_two_rows_are_enough_for_all_ranks_together(rng, impl):
    batch = numbers(rng, (1, 1), (3,))
    for found, expected in zip(in_shards((1, 1), *batch, impl), on_the_whole_batch(*batch)):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_what_only_has_a_size_is_no_group():
    class Sized:
        size = 2

    with pytest.raises(TypeError, match='group is a Sized; expected None or a group'):
        layer_of(Sized(), nd.ones((4, 3)))
