"""Batch normalization (Ioffe and Szegedy, 2015) on MXNet's ``nd`` arrays.

The mathematics is :func:`normalize_batch` and :func:`normalize_with`, a few lines each, the same for ``(m, D)`` and
``(m, C, H, W)``: a feature of the first is a channel of the second, and what is averaged is every axis but that one.
Around them :func:`batch_norm` keeps the exponentially weighted statistics that stand in for the batch's at test time.

:mod:`gluon_bn.fast` has the same made of quicker operators; ``impl`` chooses between the two.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._mxnet import autograd, nd
from ._mxnet.features import all_but_features, beside, first_values
from .checks import check_layer, stored_statistics
from .fast import batch_norm as fast
from .parallel.shared_layer import part_of_layer
from .shared_batch_norm import batch_norm as shared_batch_norm
from .support.arguments import boolean

if TYPE_CHECKING:
    from typing import Any

    from mxnet.ndarray import NDArray

which_impl = fast.which_impl


def normalize_batch(X, gamma, beta, eps):
    """Algorithm 1, line by line: ``(out, mean, var)`` of a batch, the variance biased (divided by m, or m·H·W).

    A constant is taken from every feature first. Neither ``out`` nor ``var`` depends on it, and a float32 mean of 1e5
    would be rounded to a multiple of 0.008.
    """
    shift = first_values(X)                                                     # (C,)
    X = X - beside(shift, X)                                                    # of a constant feature exactly 0
    mean = nd.mean(X, axis=all_but_features(X))                                 # (C,)  mu      = 1/m sum x_i
    var = nd.mean((X - beside(mean, X)) ** 2, axis=all_but_features(X))         # (C,)  sigma^2 = 1/m sum (x_i - mu)^2
    return normalize_with(X, mean, var, gamma, beta, eps), shift + mean, var


def normalize_with(X, mean, var, gamma, beta, eps):
    """Lines 3 and 4 of Algorithm 1, with any ``mean`` and ``var``: the batch's own, or the stored ones at test time."""
    X_hat = (X - beside(mean, X)) / nd.sqrt(beside(var, X) + eps)               # x_hat = (x - mu) / sqrt(sigma^2 + eps)
    return beside(gamma, X) * X_hat + beside(beta, X)                           # y     = gamma x_hat + beta


def pure_batch_norm(X: NDArray, gamma: NDArray, beta: NDArray, eps: float = 1e-5) -> NDArray:
    """Normalise every feature or channel of a batch, then scale by ``gamma`` and shift by ``beta``.

    Algorithm 1 of Ioffe and Szegedy (2015), with nothing kept for test time; see :func:`batch_norm` for that.

    Parameters
    ----------
    X : NDArray ``(m, D)`` or ``(m, C, H, W)``, float16, float32 or float64
    gamma, beta : NDArray ``(D,)`` or ``(C,)``, in the context of ``X``
    eps : float, at least 0, added to the variance under the root

    Returns
    -------
    NDArray of the shape and type of ``X`` (float16 is normalised in float32). The gradient flows through the mean
    and the variance as well.

    Raises
    ------
    ValueError, TypeError : the shape, type, context or value that came, what was expected, what to do.

    Example
    -------
    >>> A = nd.array([[1, 7], [5, 4], [6, 10]])
    >>> gbn.pure_batch_norm(A, nd.ones(2), nd.zeros(2)).asnumpy().round(4)
    array([[-1.3887,  0.    ],
           [ 0.4629, -1.2247],
           [ 0.9258,  1.2247]], dtype=float32)
    """
    check_layer(X, gamma, beta, 0.0, eps)
    out, _, _ = _by_the_formula(X, gamma, beta, None, 0.0, eps, is_training=True)
    return out


def batch_norm(X: NDArray, gamma: NDArray, beta: NDArray, bn_ewv_means: dict[str, NDArray],
               bn_ewv_vars: dict[str, NDArray], momentum: float = 0.9, eps: float = 1e-5, layer_name: str = '',
               is_training: bool = True, debug: bool = False, impl: str = 'auto', group: Any = None) -> NDArray:
    """Batch normalization as a layer: normalise by the batch while training, by the stored statistics afterwards.

    Algorithms 1 and 2 of Ioffe and Szegedy (2015), with exponentially weighted averages for Algorithm 2's statistics
    (section 3.1) and, unlike there, the biased variance, as in MXNet, Keras and cs231n.

    Parameters
    ----------
    X : NDArray ``(m, D)`` or ``(m, C, H, W)``, float16, float32 or float64
    gamma, beta : NDArray ``(D,)`` or ``(C,)``, in the context of ``X``
    bn_ewv_means, bn_ewv_vars : dict, layer name -> NDArray ``(D,)`` or ``(C,)``
        The exponentially weighted means and variances of all layers; the caller's, **changed while training**: the
        first batch's statistics are stored as they are, after that ``momentum * old + (1 - momentum) * new``. A stored
        array is replaced, never written into, and is not on the autograd tape.
    momentum : float from 0 to 1, the weight of the *old* value (as in MXNet and Keras; PyTorch's is that of the new)
    eps : float, at least 0, added to the variance under the root
    layer_name : the key of this layer in the two dictionaries
    is_training : bool
        False normalises with the stored values and changes nothing.
    debug : bool
        True prints the layer's name, mean, variance, stored values and output.
    impl : 'auto', 'plain' or 'fast'
        Which formulation computes it (the numbers agree); see :func:`which_impl`.
    group : None, or a group of :mod:`gluon_bn.parallel`
        With a group, ``X`` is this rank's shard of a batch. While training, mean and variance are those of all ranks'
        shards together, and so are the two sums in the gradient of ``X``. The shards may differ in their rows; a rank
        that has none passes one row of anything, and ``NoRows(group)``. The gradients of ``gamma`` and ``beta`` are the
        shard's: add them up over the ranks, as those of all parameters. Every rank calls the same layers, with the same
        ``momentum`` and ``eps``, in the same order; they compare this, and differences are a ``GroupError``. MXNet
        computes the backward pass later: read all gradients before the group is used for anything else. Layers have to
        be one behind the other: of two side by side, as in ``bn(x) + bn(y)``, MXNet may compute any first backward.
        This call waits for the other ranks; what goes wrong in the exchange is raised here, and in the backward pass
        where a gradient is read: then as MXNet's own error, which quotes it.

    Returns
    -------
    NDArray of the shape and type of ``X`` (float16 is normalised in float32, and its statistics kept in float32).

    Raises
    ------
    ValueError, TypeError : the shape, type, context or value that came, what was expected, what to do; among them
        a training batch with one value per feature, and testing a layer that has seen no training batch.

    Example
    -------
    >>> means, vars_ = {}, {}
    >>> X, one, zero = nd.array([[1.], [3.]]), nd.ones(1), nd.zeros(1)
    >>> gbn.batch_norm(X, one, zero, means, vars_, layer_name='bn1').asnumpy().round(3).tolist()
    [[-1.0], [1.0]]
    >>> means['bn1'].asnumpy().tolist(), vars_['bn1'].asnumpy().tolist()
    ([2.0], [1.0])
    >>> gbn.batch_norm(X + 2, one, zero, means, vars_, layer_name='bn1', is_training=False).asnumpy().round(3).tolist()
    [[1.0], [3.0]]
    """
    boolean('debug', debug)
    stored = stored_statistics(bn_ewv_means, bn_ewv_vars, layer_name, is_training)
    part = part_of_layer(group, layer_name) if is_training else None
    specs = check_layer(X, gamma, beta, momentum, eps, is_training and part is None, stored, layer_name)
    if part is not None:
        quick = None
        out, statistics, new = _shared(part, X, gamma, beta, stored, momentum, eps, impl)
    else:
        quick = fast.batch_norm(specs, X, gamma, beta, stored, momentum, eps, is_training, impl, debug)
        out, statistics, new = quick or _by_the_formula(X, gamma, beta, stored, momentum, eps, is_training)
    if is_training:
        bn_ewv_means[layer_name], bn_ewv_vars[layer_name] = new or _averages(stored, statistics, momentum)
    if debug:
        mean, var = statistics
        print(f"== batch_norm {layer_name!r} ({'training' if is_training else 'testing'}, "
              f"{'fast' if quick else 'plain'})\nmean = {mean}\nvar = {var}\n"
              f"bn_ewv_means[{layer_name!r}] = {bn_ewv_means[layer_name]}\n"
              f"bn_ewv_vars[{layer_name!r}] = {bn_ewv_vars[layer_name]}\nout = {out}\n== end {layer_name!r}")
    return out


def _by_the_formula(X, gamma, beta, stored, momentum, eps, is_training):
    """The layer's output, the statistics that it was normalised by, and None: the averages are not made yet."""
    dtype, (X, gamma, beta) = X.dtype, _at_least_float32(X, gamma, beta)
    if is_training:
        out, *statistics = normalize_batch(X, gamma, beta, eps)
    else:
        out, statistics = normalize_with(X, *stored, gamma, beta, eps), stored
    return out.astype(dtype, copy=False), statistics, None


def _shared(part, X, gamma, beta, stored, momentum, eps, impl):
    """Output, statistics and averages of a batch of which ``X`` is this rank's part.

    Averages are made in float64 of what all ranks have, so that they do not differ from rank to rank.
    """
    which_impl(X, impl)  # refuses what it is not
    part.announce(eps, momentum, X.dtype)
    dtype, (X, gamma, beta) = X.dtype, _at_least_float32(X, gamma, beta)
    out, statistics = shared_batch_norm(part, X, gamma, beta, eps, impl)
    with autograd.pause():
        exact = [value.astype(X.dtype) for value in statistics]
        new = [value if old is None else
               (momentum * old.astype(np.float64) + (1 - momentum) * value64).astype(X.dtype)
               for old, value, value64 in zip(stored or (None, None), exact, statistics)]
    return out.astype(dtype, copy=False), exact, new


def _averages(old, new, momentum):
    """The exponentially weighted averages after a batch's statistics ``new``, not on the tape; ``old`` may be None."""
    with autograd.pause():  # the averages are not part of the function that is differentiated
        return [b.detach() if old is None else momentum * a + (1 - momentum) * b for a, b in zip(old or new, new)]


def _at_least_float32(X, *others):
    """The arrays, float16 made float32: a sum of float16 overflows at 65,504, and stalls before."""
    if X.dtype != np.float16:  # then the others have X's type
        return X, *others
    return tuple(array.astype(np.float32, copy=False) for array in (X, *others))
