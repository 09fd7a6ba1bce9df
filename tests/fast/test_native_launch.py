"""Asking and launching through the library gives what MXNet's own interface gives."""
import itertools
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import batch_norm
from gluon_bn._mxnet import arrays, autograd, mx, nd
from gluon_bn.fast import launch, native, operators

MOST_AXES = 4  # of an array that the library describes
DTYPES = ('float16', 'float32', 'float64', 'int32', 'uint8')


pytestmark = pytest.mark.usefixtures('library')


@given(st.lists(st.tuples(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.sampled_from(DTYPES),
                          st.integers(0, 1), st.booleans()), min_size=1, max_size=6))
def test_arrays_are_what_mxnet_says(made_of):
    made, expected = [], []
    for shape, dtype, cpu, is_leaf in made_of:
        made.append(nd.zeros(shape, dtype=dtype, ctx=mx.cpu(cpu)))
        if is_leaf:
            made[-1].attach_grad()
        expected.append((tuple(shape), np.dtype(dtype).type, f'cpu({cpu})', is_leaf))
    assert list(arrays.spec_of(*made)) == expected == list(arrays.describe_by_mxnet(made))


def test_arrays_that_are_alike_are_described_by_one_object():
    """So that it is found in a dictionary without a comparison."""
    described = [describe((nd.zeros((3, 2)), nd.zeros(2))) for describe in
                 (native.calls().describe, arrays.describe_by_mxnet) for _ in range(2)]
    assert len(set(map(id, described))) == 1
    assert len({*described, arrays.spec_of(nd.zeros((3, 2)), nd.zeros(3))}) == 2


def test_mxnets_own_interface_which_takes_longer_is_asked_only_for_what_does_not_fit(monkeypatch):
    monkeypatch.setattr(launch, 'describe_by_mxnet', lambda arrays: 'asked')
    for dims, fits in ((1, True), (2, True), (MOST_AXES, True), (MOST_AXES + 1, False)):
        described = native.calls().describe((nd.zeros((1,) * dims), nd.zeros(1)))
        assert (described != 'asked') is fits
        assert not fits or described[0].shape == (1,) * dims


def test_a_library_that_describes_arrays_in_another_way_is_refused(monkeypatch):
    monkeypatch.setattr(launch, 'describe_by_mxnet', lambda arrays: None)
    with pytest.raises(OSError, match='does not fit this version'):
        launch.Calls(native.path())


def call(shape=(4, 3), dtype='float32', cpu=0, old=True, momentum=0.9, eps=1e-5, attached=()):
    """A training batch of a small layer in double precision by hand, and by the layer: twice, the second one again."""
    rng = np.random.default_rng(0)
    values = [rng.normal(1, 2, shape), *(rng.uniform(1, 2, shape[1]) for _ in range(4))]
    X, gamma, beta, mean, var = (nd.array(value, dtype=dtype, ctx=mx.cpu(cpu)) for value in values)
    for place in attached:
        (X, gamma, beta)[place].attach_grad()
    means, vars_ = ({'': mean}, {'': var}) if old else ({}, {})
    out = batch_norm(X, gamma, beta, means, vars_, momentum, eps)
    X, gamma, beta, mean, var = values
    beside, axes = (1, -1) + (1,) * (X.ndim - 2), (0, *range(2, X.ndim))
    batch = X.mean(axis=axes), X.var(axis=axes)
    X_hat = (X - batch[0].reshape(beside)) / np.sqrt(batch[1].reshape(beside) + eps)
    expected = [gamma.reshape(beside) * X_hat + beta.reshape(beside),
                *(momentum * a + (1 - momentum) * b if old else b for a, b in zip((mean, var), batch))]
    return out, means[''], vars_[''], expected


OTHER_CALLS = [('shape', (5, 3)), ('shape', (4, 2)), ('shape', (4, 3, 1, 1)), ('dtype', 'float64'), ('cpu', 1),
               ('old', False), ('momentum', 0.8), ('eps', 0.5), ('attached', (0,)), ('attached', (1,)),
               ('attached', (2,))]


@pytest.mark.parametrize(('name', 'value'), OTHER_CALLS, ids=str)
def test_a_call_that_differs_is_computed_as_what_it_is(name, value):
    """Graphs are kept for calls that are alike, and a call that differs in anything gets none of another's."""
    for different in ({}, {name: value}, {}, {name: value}):
        *found, expected = call(**different)
        for array, right in zip(found, expected):
            assert array.dtype == np.dtype(different.get('dtype', 'float32'))
            assert array.ctx == mx.cpu(different.get('cpu', 0))
            np.testing.assert_allclose(array.asnumpy(), right, rtol=1e-5, atol=1e-5)


def test_hundreds_of_kinds_of_layers_are_each_computed_right():
    """More than are kept."""
    for number in [*range(300), 0, 299]:
        *found, expected = call(eps=1 + number / 100)
        for array, right in zip(found, expected):
            np.testing.assert_allclose(array.asnumpy(), right, rtol=1e-5, atol=1e-5)


def test_what_mxnet_refuses_is_its_error():
    graph = nd.CachedOp(mx.sym.var('x') + 1)  # of one input, and a layer has three
    with pytest.raises(mx.base.MXNetError, match='3'):
        native.calls().launch(graph, graph, nd.ones((4, 3)), nd.ones(3), nd.ones(3), None)


def test_small_layers_in_several_threads_are_each_computed_right():
    """Each thread has kinds of its own, more than are kept together: what one computes with, no other may free."""
    wrong = []

    def compute(first):
        for number in range(first, first + 150):
            *found, expected = call(eps=1 + number / 100)
            wrong.extend(number for array, right in zip(found, expected)
                         if not np.allclose(array.asnumpy(), right, rtol=1e-5, atol=1e-5))

    threads = [threading.Thread(target=compute, args=(first,)) for first in (1000, 2000, 3000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize('recording', [False, True])
def test_a_launch_leaves_autograd_as_it_was(recording):
    X, one, zero = nd.random.normal(shape=(4, 3)), nd.ones(3), nd.zeros(3)
    means, vars_ = {}, {}
    X.attach_grad()
    with autograd.record() if recording else autograd.pause():
        out = batch_norm(X, one, zero, means, vars_)
        assert autograd.is_recording() == recording
    assert X.size <= operators.SMALL_LAYER
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
