"""The layer's mathematics, quick on a CPU: native operators where they can be built, else MXNet's quickest.

``nd.mean`` over several axes and the backward pass of broadcasting are slow there: 30 and 120 ms for a layer that moves
3.5 MB. ``src/layer.cc`` reads X once for both statistics (a piece in the cache gives its mean, then its squared
deviations; pieces join in double precision) and uses the closed form of the backward pass. Without a compiler the same
sums and products stand here as operators with quick kernels, for ``(m, C, H, W)`` in float32:

- a sum over the pixels is a matrix product with a vector of ones, so is the sum over the batch after it;
- a scale and a shift of each channel is a 1×1 convolution with one group a channel.

As in the plain formula, X is shifted first by a constant on which no result depends, and which needs no gradient. Here
it is the mean as float32 has it, so that the variance can be ``mean(X²) - mean(X)²`` of what is left: the mean of that
is almost 0, and nothing cancels.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._mxnet import autograd, nd
from .._mxnet.arrays import spec_of
from ..checks import check_floats
from . import native, operators

if TYPE_CHECKING:
    from mxnet.ndarray import NDArray


def batch_norm(specs, X, gamma, beta, stored, momentum, eps, is_training, impl, debug):
    """The layer for arguments that have passed the checks: ``(out, (mean, var), new)``; None where this is not for it.

    ``specs`` are those of X, gamma, beta and of the pair ``stored``, if there is one. ``new`` is that pair after this
    batch, or None: it is to be averaged from the mean and the variance then. These may be None if there is ``new``, and
    unless ``debug`` asks for them. ``ValueError`` for ``impl='fast'`` where this does not apply.
    """
    if impl in ('auto', 'fast') and operators.supports(specs[0]):
        if is_training:
            return operators.layer(specs, X, gamma, beta, stored, momentum, eps, debug)
        return operators.layer_with(X, gamma, beta, *stored, eps), stored, None
    if _which(specs[0], impl) == 'plain':
        return None
    if is_training:
        out, *statistics = normalize_batch(X, gamma, beta, eps)
        return out, statistics, None
    return normalize_with(X, *stored, gamma, beta, eps), stored, None


def which_impl(X: NDArray, impl: str = 'auto') -> str:
    """The formulation that computes the layer for ``X``: ``'plain'`` or ``'fast'``.

    ``'plain'`` is the formula as it stands in :mod:`gluon_bn.batch_norm`, ``'fast'`` the same mathematics in quicker
    operators, native ones where :func:`gluon_bn.native_status` says so; ``'auto'`` is ``'fast'`` wherever that is right
    and quicker, else ``'plain'``. Asking for ``'fast'`` where it does not apply is a ``ValueError``, what is no NDArray
    of floats a ``TypeError``.
    """
    check_floats(X=X)
    return _which(spec_of(X)[0], impl)


def _which(spec, impl):
    if impl == 'plain' or impl == 'auto' and not supports(spec):
        return 'plain'
    if impl not in ('auto', 'fast'):
        raise ValueError(f"impl is {impl!r}; expected 'auto', 'plain' or 'fast'.")
    if not supports(spec):
        what = "float32 and float64 on a CPU" if native.available() else (
            f"(m, C, H, W) in float32 on a CPU ({native.native_status()[:-1]})")
        raise ValueError(f"impl='fast' is for {what}, and X is {np.dtype(spec.dtype).name} {spec.shape} on "
                         f"{spec.device}; use impl='auto' or 'plain'.")
    return 'fast'


def supports(spec):
    """Whether these operators compute the layer of such an ``X``, and quicker than the plain formula."""
    return operators.supports(spec) or (
        len(spec.shape) == 4 and spec.dtype == np.float32 and spec.device.startswith('cpu'))


def normalize_batch(X, gamma, beta, eps):
    """As :func:`gluon_bn.batch_norm.normalize_batch`, in MXNet's operators: ``(out, mean, var)`` of a batch."""
    with autograd.pause():
        first = X[0].reshape((X.shape[1], -1))[:, 0]                               # (C,), all of a constant channel
        shift = first + _channel_mean(nd.broadcast_sub(X, first.reshape((1, -1, 1, 1))))           # (C,)
    X_c = nd.broadcast_sub(X, shift.reshape((1, -1, 1, 1)))                        # (m, C, H, W), mean almost 0
    rest = _channel_mean(X_c)                                                      # (C,)
    var = _channel_mean(nd.square(X_c)) - nd.square(rest)                          # (C,), nothing cancels: rest ~ 0
    scale = gamma / nd.sqrt(var + eps)                                             # (C,)
    return _scale_and_shift(X_c, scale, beta - scale * rest), shift + rest, var


def normalize_with(X, mean, var, gamma, beta, eps):
    """As :func:`gluon_bn.batch_norm.normalize_with`, the mean subtracted first: a large one would cost digits later."""
    X_c = nd.broadcast_sub(X, mean.reshape((1, -1, 1, 1)))                         # (m, C, H, W)
    return _scale_and_shift(X_c, gamma / nd.sqrt(var + eps), beta)


def _channel_mean(X):
    """The mean of each channel, ``(m, C, H, W) -> (C,)``, as two matrix products with ones."""
    m, C, H, W = X.shape
    pixels = nd.ones((1, H * W), ctx=X.ctx)
    images = nd.ones((1, m), ctx=X.ctx)
    rows = nd.FullyConnected(X.reshape((m * C, H * W)), pixels, num_hidden=1, no_bias=True)        # (m*C, 1)
    return nd.dot(images, rows.reshape((m, C))).reshape((C,)) / (m * H * W)                        # (C,)


def _scale_and_shift(X, scale, shift):
    """``scale * X + shift`` with one value of each a channel, as a 1×1 convolution with one group a channel."""
    C = X.shape[1]
    return nd.Convolution(X, scale.reshape((C, 1, 1, 1)), shift, kernel=(1, 1), num_filter=C, num_group=C)
