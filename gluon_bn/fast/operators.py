"""The native operators as functions of NDArrays. (``lenet.py`` makes a graph of them, and of those for a block.)

MXNet's extension interface does not tell an operator that a gradient is to be *added* (``grad_req='add'``): it always
writes. So no array with a gradient attached is given to an operator directly; each passes through one of MXNet's own
operators first (``reshape``, ``identity``), whose backward adds where it should.

Statistics leave the operators through an input that they write, or come from an operator of their own. A second output
would be on the autograd tape, and backward would fill an array of zeros for its gradient.

A small layer takes less time to compute than to launch, so it has operators with few inputs, launched as static graphs.
"""
import math
from itertools import chain

import numpy as np

from .._mxnet import autograd, mx, nd
from .launch import launch, remember
from .native import available

SMALL = 1 << 14  # values; ALONE in layer.cc


def apply_to(X):
    """Whether these operators can compute with ``X``: its type and context; ``X`` may be described."""
    return X.dtype in (np.float32, np.float64) and X.ctx.device_type.startswith('cpu') and available()


def layer(X, gamma, beta, old, momentum, eps, described):
    """Batch norm of a batch, ``X`` of ``(m, C, H, W)`` or ``(m, C)``: ``(out, statistics, (new mean, new variance))``.

    ``old`` is the pair of stored statistics, None before the first batch. The first two rows of ``statistics`` are the
    batch's mean and variance. All but ``out`` is off the tape. ``described`` is what X is.
    """
    if math.prod(described.shape) <= SMALL:
        return _small_layer(X, gamma, beta, old, momentum, eps)
    statistics, rows = statistics_of(described.shape[1], X)
    mean, var = old or rows[2:]  # of the first batch there is nothing old, and it is not read
    out = nd._internal._gluon_bn_layer(
        off_the_leaf(X), off_the_leaf(gamma), off_the_leaf(beta), mean, var, statistics, training=1,
        first=int(old is None), momentum=momentum, eps=eps)
    return out, rows, rows[2:]


def layer_with(X, gamma, beta, mean, var, eps):
    """Batch norm with the given ``mean`` and ``var`` of ``(C,)``, which are constants to autograd."""
    statistics = nd.empty((5, gamma.shape[0]), ctx=X.ctx, dtype=X.dtype)
    return nd._internal._gluon_bn_layer(off_the_leaf(X), off_the_leaf(gamma), off_the_leaf(beta), mean, var, statistics,
                                        training=0, eps=eps)


def dense(X, W, b):
    """A dense layer ``X W + b`` in float32: ``(m, D), (D, K), (K,) -> (m, K)``."""
    return nd._internal._gluon_bn_dense(*map(off_the_leaf, (X, W, b)))


def cross_entropy_applies_to(scores, labels):
    """Whether :func:`cross_entropy` can compute the loss of these scores."""
    return labels.dtype == scores.dtype and apply_to(scores)


def cross_entropy(scores, labels):
    """The cross entropy of the softmax of ``scores`` with ``labels``, both ``(m, K)``: ``(m,)``."""
    return nd._internal._gluon_bn_cross_entropy(off_the_leaf(scores), off_the_leaf(labels))


def sgd_applies_to(param):
    """Whether :func:`sgd` can update this float32 parameter here and now. While recording MXNet's own are to refuse."""
    return apply_to(param) and not autograd.is_recording()


def sgd(together, lr, **momentum):
    """One step for ``(param, grad)`` pairs of float32 arrays, all in one CPU context, in one operator.

    With the keyword ``momentum`` they are triples, ``(param, grad, velocity)``.
    """
    nd._internal._gluon_bn_sgd(*chain(*together), num_weights=len(together), lr=lr, **momentum)


def off_the_leaf(X):
    """``X``, as a result of MXNet's own if it has a gradient attached."""
    return X if X.grad is None else X.reshape(X.shape)  # forward this is a view and copies nothing


def layer_again(X, gamma, beta, old, momentum, eps):
    """``(out, (new mean, new variance))`` if :func:`layer` has computed such a small layer before, else None.

    What alike means, :func:`gluon_bn.fast.launch.remember` says; all of the arguments that checks look at is in it.
    """
    launched = launch(X, gamma, beta, old, momentum, eps)
    return launched and (launched[0], launched[2:])


def _small_layer(X, gamma, beta, old, momentum, eps):
    arguments = X, gamma, beta, old, float(momentum), float(eps)
    if (launched := launch(*arguments)) is None:
        leaves = tuple(array.grad is not None for array in (X, gamma, beta))
        remember(_small_graphs(leaves, old is None, momentum, eps), *arguments)
        launched = launch(*arguments)
    out, statistics, *new = launched
    return out, statistics, new


def _small_graphs(leaves, first, momentum, eps):
    """A small layer and its statistics as graphs; ``leaves``: which of the layer's inputs have a gradient attached.

    Such an input passes through ``identity``: it copies without threads, which would spin for a while after each call
    and take the time of a processor from the engine.
    """
    X, *others = (mx.sym.var(name) for name in ('X', 'gamma', 'beta', 'mean', 'var'))
    inputs = [mx.sym.identity(array) if leaf else array for array, leaf in zip((X, *others), leaves)]
    layer = mx.sym._internal._gluon_bn_small_layer(*inputs, eps=eps)
    statistics = mx.sym._internal._gluon_bn_small_statistics(X, *([] if first else others[2:]), first=int(first),
                                                             momentum=momentum)
    return tuple(nd.CachedOp(graph, [('static_alloc', True), ('static_shape', True)]) for graph in (layer, statistics))


def statistics_of(C, X):
    """An array for an operator's statistics, and its rows: batch mean and variance, new stored mean and variance."""
    statistics = nd.empty((5, C), ctx=X.ctx, dtype=X.dtype)
    with autograd.pause():  # a row taken while recording would be on the tape
        return statistics, tuple(statistics._at(row) for row in range(4))
