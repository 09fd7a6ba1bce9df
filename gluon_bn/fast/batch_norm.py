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
import numpy as np

from .._mxnet import autograd, nd
from . import native, operators


def applies_to(X):
    """Whether these operators compute ``X``'s layer, and quicker than the plain formula; ``X`` may be described."""
    return operators.apply_to(X) or _plain_operators_apply_to(X)


def why_not(X):
    """The end of a sentence: what ``impl='fast'`` is for, and what ``X`` is."""
    what = "float32 and float64 on a CPU" if native.available() else (
        f"(m, C, H, W) in float32 on a CPU ({native.native_status()[:-1]})")
    return f"for {what}, and X is {np.dtype(X.dtype).name} {X.shape} on {X.ctx}"


def train(X, gamma, beta, old, momentum, eps, described):
    """A training batch: ``(out, (mean, var), new)``, ``new`` the pair of stored statistics after ``old``, or None.

    None means that they are to be computed from the mean and the variance. ``described`` is what X is.
    """
    if operators.apply_to(described):
        return operators.layer(X, gamma, beta, old, momentum, eps, described)
    out, *batch_statistics = normalize_batch(X, gamma, beta, eps)
    return out, batch_statistics, None


def train_again(X, gamma, beta, means, vars_, layer_name, momentum, eps):
    """A small layer's training batch, ``(out, (new mean, new variance))``; None unless one like it passed all checks.

    A small layer is computed sooner than its arguments are checked. So what a call has to be like is noted when one has
    passed, and compared in one native call.
    """
    if not type(means) is type(vars_) is dict or means is vars_ or not type(momentum) is type(eps) is float:
        return None
    if type(layer_name).__hash__ is None:  # no key of a dictionary
        return None
    old = means.get(layer_name), vars_.get(layer_name)
    if not type(X) is type(gamma) is type(beta) is type(old[0]) is type(old[1]) is nd.NDArray:
        return None
    return operators.layer_again(X, gamma, beta, old, momentum, eps)


def _plain_operators_apply_to(X):
    return len(X.shape) == 4 and X.dtype == np.float32 and X.ctx.device_type.startswith('cpu')


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
    if operators.apply_to(X):
        return operators.layer_with(X, gamma, beta, mean, var, eps)
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
