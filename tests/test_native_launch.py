"""Asking and launching through the library gives what MXNet's own interface gives."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import batch_norm, native
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.native import launch
from gluon_bn.native.operators import SMALL

DTYPES = ('float16', 'float32', 'float64', 'int32', 'uint8')


@pytest.fixture(autouse=True)
def library():
    if not native.available():
        pytest.skip(native.native_status())


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


def test_what_mxnet_refuses_is_its_error():
    x = mx.sym.var('x')
    graph = nd.CachedOp(x + 1)  # of one input, and a layer has six
    X = nd.ones((4, 3))
    described = launch.describe(X, X)[0]
    with pytest.raises(mx.base.MXNetError, match='6'):
        launch.launch(graph, X, X, X, None, described)


@pytest.mark.parametrize('recording', [False, True])
def test_a_launch_leaves_autograd_as_it_was(recording):
    X, one, zero = nd.random.normal(shape=(4, 3)), nd.ones(3), nd.zeros(3)
    means, vars_ = {}, {}
    X.attach_grad()
    with autograd.record() if recording else autograd.pause():
        out = batch_norm(X, one, zero, means, vars_)
        assert autograd.is_recording() == recording
    assert X.size <= SMALL
    np.testing.assert_allclose(means[''].asnumpy(), X.asnumpy().mean(axis=0), rtol=1e-5, atol=1e-6)
    if recording:
        out.backward()
        with pytest.raises(mx.base.MXNetError):  # the statistics are not on the tape
            means[''].backward()
