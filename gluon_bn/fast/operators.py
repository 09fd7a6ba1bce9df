"""The native operators as functions of NDArrays. (``lenet.py`` makes a graph of them, and of those for a block.)

MXNet's extension interface does not tell an operator that a gradient is to be *added* (``grad_req='add'``): it always
writes. So no array with a gradient attached is given to an operator directly; each passes through one of MXNet's own
operators first (``reshape``, ``identity``), whose backward adds where it should.

Statistics leave the operators through an input that they write, or come from an operator of their own. A second output
would be on the autograd tape, and backward would fill an array of zeros for its gradient.

A small layer takes less time to compute than to launch, so it has operators with few inputs, launched as static graphs.
"""
import functools
import math
from itertools import chain

import numpy as np

from .._mxnet import autograd, mx, nd
from .._mxnet.arrays import spec_of
from .native import available, calls

SMALL_LAYER = 1 << 14  # values; with fewer, launching takes longer than computing
_DTYPES = (np.float32, np.float64)
_STATIC = [('static_alloc', True), ('static_shape', True)]


def supports(spec):
    """Whether these operators can compute with an array of this :class:`gluon_bn._mxnet.arrays.ArraySpec`."""
    return spec.dtype in _DTYPES and spec.device.startswith('cpu') and available()


def layer(specs, X, gamma, beta, stored, momentum, eps, debug):
    """Batch norm of a batch, ``X`` of ``(m, C, H, W)`` or ``(m, C)``: ``(out, (mean, var), (new mean, new variance))``.

    ``stored`` is the pair of stored statistics, None before the first batch; ``specs`` are those of X, gamma, beta and
    ``stored``. All but ``out`` is off the tape. The batch's mean and variance may be None, unless ``debug`` asks for
    them.
    """
    small = None if debug else _small_layer(specs, momentum, eps)
    if small:
        out, new = small(X, gamma, beta, stored)
        return out, None, new
    statistics, rows = statistics_of(specs[0].shape[1], X)
    old = stored or rows[2:]  # of the first batch there is nothing old, and it is not read
    out = nd._internal._gluon_bn_layer(
        as_result(X), as_result(gamma), as_result(beta), *old, statistics, training=1, first=int(stored is None),
        momentum=momentum, eps=eps)
    return out, rows[:2], rows[2:]


def layer_with(X, gamma, beta, mean, var, eps):
    """Batch norm with the given ``mean`` and ``var`` of ``(C,)``, which are constants to autograd."""
    statistics = nd.empty((5, gamma.shape[0]), ctx=X.ctx, dtype=X.dtype)
    return nd._internal._gluon_bn_layer(as_result(X), as_result(gamma), as_result(beta), mean, var, statistics,
                                        training=0, eps=eps)


def dense(X, W, b):
    """A dense layer ``X W + b`` in float32: ``(m, D), (D, K), (K,) -> (m, K)``."""
    return nd._internal._gluon_bn_dense(*map(as_result, (X, W, b)))


def cross_entropy(scores, labels):
    """The cross entropy of the softmax of ``scores`` with ``labels``, both ``(m, K)``: ``(m,)``, or None."""
    if not supports(*spec_of(scores)):
        return None
    return nd._internal._gluon_bn_cross_entropy(as_result(scores), as_result(labels))


def sgd(together, lr, **momentum):
    """One step for ``(param, grad)`` pairs of float32 arrays, all in one CPU context, in one operator.

    With the keyword ``momentum`` they are triples, ``(param, grad, velocity)``. Returns whether it was done: it is not
    where this operator does not apply, and not while recording, when MXNet's own are to refuse.
    """
    if autograd.is_recording() or not supports(*spec_of(together[0][0])):
        return False
    nd._internal._gluon_bn_sgd(*chain(*together), num_weights=len(together), lr=lr, **momentum)
    return True


def as_result(X):
    """``X``; if it has a gradient attached, as the result of an operator of MXNet's, which knows how to add to it."""
    return X if X.grad is None else X.reshape(X.shape)  # forward this is a view and copies nothing


@functools.lru_cache(maxsize=256)
def _small_layer(specs, momentum, eps):
    """A function of X, gamma, beta and the stored pair that launches a small layer and its statistics as graphs.

    None for a large layer. It is for arrays of these ``specs``, the stored ones last if there are any: such a graph
    plans its memory once, for one shape. An input with a gradient attached passes through ``identity``: it copies
    without threads, which would spin for a while after each call and take the time of a processor from the engine.
    """
    if math.prod(specs[0].shape) > SMALL_LAYER:
        return None
    X, *others = (mx.sym.var(name) for name in ('X', 'gamma', 'beta', 'mean', 'var'))
    inputs = [mx.sym.identity(array) if spec.is_leaf else array for array, spec in zip((X, *others), specs[:3])]
    layer = mx.sym._internal._gluon_bn_small_layer(*inputs, eps=float(eps))
    first = len(specs) == 3
    statistics = mx.sym._internal._gluon_bn_small_statistics(X, *([] if first else others[2:]), first=int(first),
                                                             momentum=float(momentum))
    return functools.partial(calls().launch, nd.CachedOp(layer, _STATIC), nd.CachedOp(statistics, _STATIC))


def statistics_of(C, X):
    """An array for an operator's statistics, and its rows: batch mean and variance, new stored mean and variance."""
    statistics = nd.empty((5, C), ctx=X.ctx, dtype=X.dtype)
    with autograd.pause():  # a row taken while recording would be on the tape
        return statistics, tuple(statistics._at(row) for row in range(4))
