"""Asking and launching through the library gives what MXNet's own interface gives."""
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import batch_norm
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.fast import launch, operators

DTYPES = ('float16', 'float32', 'float64', 'int32', 'uint8')


pytestmark = pytest.mark.usefixtures('library')


def asked(array):
    return array.shape, array.dtype, array.ctx


@given(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=6), min_size=2, max_size=3),
       st.sampled_from(DTYPES), st.sampled_from(DTYPES), st.integers(0, 1))
def test_arrays_are_what_mxnet_says(shapes, dtype, other, cpu):
    arrays = [nd.zeros(shape, dtype=each, ctx=mx.cpu(cpu)) for shape, each in zip(shapes, (dtype, other, dtype))]
    assert [tuple(described) for described in launch.describe(*arrays)] == list(map(asked, arrays))


def test_arrays_that_are_alike_are_described_by_one_object():
    a, b = (launch.describe(nd.zeros((3, 2)), nd.zeros(2))[0] for _ in range(2))
    assert a is b


def test_without_the_library_the_answers_are_the_same(monkeypatch):
    arrays = nd.zeros((3, 2), dtype='float64'), nd.zeros(2)
    found = launch.describe(*arrays)
    monkeypatch.setattr(launch, 'loaded', lambda: False)
    assert launch.describe(*arrays) == found


def call(shape=(4, 3), dtype='float32', cpu=0, old=True, momentum=0.9, eps=1e-5, attached=()):
    X, *others = (nd.ones(each, dtype=dtype, ctx=mx.cpu(cpu)) for each in (shape, *[shape[1:2]] * 4))
    for place in attached:
        (X, *others)[place].attach_grad()
    return X, *others[:2], tuple(others[2:]) if old else None, momentum, eps


OTHER_CALLS = [('shape', (5, 3)), ('shape', (4, 2)), ('shape', (4, 3, 1, 1)), ('dtype', 'float64'), ('cpu', 1),
               ('old', False), ('momentum', 0.8), ('eps', 1e-4), ('attached', (0,)), ('attached', (1,)),
               ('attached', (2,))]


@pytest.fixture
def nothing_remembered(monkeypatch):
    launch._library().gluon_bn_forget()
    monkeypatch.setattr(launch, '_graphs', [])
    yield
    launch._library().gluon_bn_forget()  # the graphs of the other tests are no longer known, but made again


@pytest.mark.parametrize(('name', 'value'), OTHER_CALLS, ids=str)
def test_a_call_that_differs_is_not_launched(nothing_remembered, name, value):
    different = {name: value}
    def graphs(old=True):
        return operators._small_graphs((False,) * 3, not old, 0.9, 1e-5)

    launch.remember(graphs(), *call())
    assert launch.launch(*call(**different)) is None
    launch.remember(graphs(different.get('old', True)), *call(**different))
    for known in (call(), call(**different)):
        out, statistics, *new = launch.launch(*known)
        assert out.shape == known[0].shape
        assert statistics.shape == (4, known[0].shape[1])
        assert [row.shape for row in new] == [known[1].shape] * 2


def test_no_more_than_so_many_are_remembered(nothing_remembered):
    graphs = (nd.CachedOp(mx.sym.var('x') + 1),) * 2
    for number in range(257):
        launch.remember(graphs, *call(eps=number))
    assert len(launch._graphs) == 1
    assert launch.launch(*call(eps=255)) is None


def test_what_mxnet_refuses_is_its_error(nothing_remembered):
    launch.remember((nd.CachedOp(mx.sym.var('x') + 1),) * 2, *call())  # of one input, and a layer has three
    with pytest.raises(mx.base.MXNetError, match='3'):
        launch.launch(*call())


@pytest.mark.parametrize('recording', [False, True])
def test_a_launch_leaves_autograd_as_it_was(recording):
    X, one, zero = nd.random.normal(shape=(4, 3)), nd.ones(3), nd.zeros(3)
    means, vars_ = {}, {}
    X.attach_grad()
    with autograd.record() if recording else autograd.pause():
        out = batch_norm(X, one, zero, means, vars_)
        assert autograd.is_recording() == recording
    assert X.size <= operators.SMALL
    np.testing.assert_allclose(means[''].asnumpy(), X.asnumpy().mean(axis=0), rtol=1e-5, atol=1e-6)
    if recording:
        out.backward()
        with pytest.raises(mx.base.MXNetError):  # the statistics are not on the tape
            means[''].backward()


@pytest.mark.parametrize(('name', 'value'), [
    ('gamma', nd.ones(2)), ('gamma', nd.ones(3, dtype='float64')), ('gamma', np.ones(3)),
    ('beta', nd.zeros(3, ctx=mx.cpu(1))), ('X', nd.ones((1, 3))), ('X', np.ones((4, 3))), ('momentum', 1.5),
    ('momentum', float('nan')), ('eps', -1.0), ('impl', 'quick'), ('bn_ewv_means', None),
    ('bn_ewv_means', {'bn': np.zeros(3)}), ('bn_ewv_vars', {})], ids=lambda value: type(value).__name__)
def test_a_layer_that_was_launched_before_refuses_what_it_refused(name, value):
    right = {'X': nd.random.normal(shape=(4, 3)), 'gamma': nd.ones(3), 'beta': nd.zeros(3), 'bn_ewv_means': {},
             'bn_ewv_vars': {}, 'layer_name': 'bn'}
    for _ in range(3):
        batch_norm(**right)
    before = {key: right[key]['bn'].asnumpy() for key in ('bn_ewv_means', 'bn_ewv_vars')}
    with pytest.raises((ValueError, TypeError), match='expected|expects|give|one value|pass'):
        batch_norm(**{**right, name: value})
    for key, stored in before.items():
        np.testing.assert_array_equal(right[key]['bn'].asnumpy(), stored)


def test_the_first_call_and_the_ones_after_it_compute_the_same():
    X, gamma, beta = nd.random.normal(shape=(6, 3)), nd.array([0.5, 2, -1]), nd.array([1, 0, 3])
    X.attach_grad()
    gradients = []
    means, vars_ = {}, {}
    for _ in range(3):
        with autograd.record():
            out = batch_norm(X, gamma, beta, means, vars_, momentum=0.5, layer_name='bn')
        out.backward(nd.arange(18).reshape((6, 3)))
        gradients.append((out.asnumpy(), X.grad.asnumpy(), means['bn'].asnumpy(), vars_['bn'].asnumpy()))
    for again in gradients[1:]:
        for value, first in zip(again[:2], gradients[0]):
            np.testing.assert_array_equal(value, first)
        for value, first in zip(again[2:], gradients[0][2:]):  # the average of equal values
            np.testing.assert_allclose(value, first, rtol=1e-6)


@pytest.mark.parametrize('requests', list(itertools.product(("write", "add", "null"), repeat=3)), ids='-'.join)
def test_each_gradient_is_written_added_or_left_out_as_asked(requests):
    """Three batches, the first checked, the others launched at once; compared with the plain formula in float64."""
    found = {impl: gradients_of_three_batches(requests, impl) for impl in ('fast', 'plain')}
    for mine, plain in zip(*found.values()):
        np.testing.assert_allclose(mine, plain, rtol=1e-10, atol=1e-12)


def gradients_of_three_batches(requests, impl):
    rng = np.random.default_rng(0)
    arrays = [nd.array(rng.normal(size=shape), dtype='float64') for shape in ((6, 3), 3, 3)]
    for array, request in zip(arrays, requests):
        if request != 'null':
            array.attach_grad(request)
    means, vars_ = {}, {}
    for _ in range(3):
        dout = nd.array(rng.normal(size=(6, 3)), dtype='float64')
        with autograd.record():
            out = batch_norm(*arrays, means, vars_, layer_name='bn', impl=impl)
        if set(requests) != {'null'}:
            out.backward(dout)
    return [array.grad.asnumpy() for array in arrays if array.grad is not None] + [out.asnumpy()]
