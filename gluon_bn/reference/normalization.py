"""Normalisation layers in NumPy alone, forward and backward by hand: the reference for everything else.

Each layer is a pair: ``forward`` returns ``(out, cache)``, ``backward`` takes ``(dout, cache)`` and returns the
gradients of the forward pass's array arguments. The names, the arguments and the meaning of ``bn_param`` are those of
Stanford's cs231n, so that a notebook of that course runs on this module with only its imports changed. The gradient of
a loss with respect to ``v`` is called ``dv``.

Arrays may be lists; integers become float64, an ``x`` of float16 becomes float32, and float32 stays float32. A ``dout``
that has not the shape of ``out`` is a ``ValueError``: NumPy would broadcast it, and the gradients would be those of
something else.

Batch norm stands here three times: ``batchnorm_forward``, ``batchnorm_backward``, which goes back through the graph
node by node, and ``batchnorm_backward_alt``, the same gradient in closed form. Layer norm and group norm are the
comparison. The other layers of a network (affine, ReLU, dropout, softmax) are in ``layers``.
"""
from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING

import numpy as np

from ..support.arguments import BETA_ALONE, floats, integer, mapping, number, shown
from .layers import upstream

if TYPE_CHECKING:
    from typing import Any

# What batch norm's backward pass needs of its forward pass. ``trained`` is False after mode 'test', where the mean and
# the standard deviation are constants.
BatchNormCache = namedtuple('BatchNormCache', 'centered std xhat gamma trained')


def batchnorm_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray,
                      bn_param: dict[str, Any]) -> tuple[np.ndarray, Any]:
    """Batch normalisation of features: Algorithm 1 of Ioffe and Szegedy (2015); with mode 'test', Algorithm 2.

    Parameters
    ----------
    x : array ``(N, D)``, N examples of D features
    gamma, beta : arrays ``(D,)``, scale and shift
    bn_param : dictionary. **Changed in mode 'train'**, where the running values are updated.

        ``mode``
            'train' normalises by the batch, 'test' by the running values
        ``eps``
            added to the variance under the root; 1e-5 if absent
        ``momentum``
            weight of the *old* running value; 0.9 if absent. None makes the running values the mean over all batches so
            far, counted in ``num_batches``.
        ``running_mean``, ``running_var``
            arrays ``(D,)``; zeros if absent. The variance is the biased one (divided by N), as in the batch.

    Returns
    -------
    out : array ``(N, D)``
    cache : for the backward pass

    Raises
    ------
    ValueError : shapes that do not fit, an unknown mode, eps or momentum out of range, a running variance below 0,
        fewer than two examples in mode 'train'
    TypeError : values that are no numbers; ``bn_param`` is no dictionary

    Whatever is refused has changed nothing.

    Example
    -------
    >>> bn_param = {'mode': 'train'}
    >>> out, cache = gbn.reference.batchnorm_forward(np.array([[1.], [3.]]), np.ones(1), np.zeros(1), bn_param)
    >>> out.round(3).tolist()
    [[-1.0], [1.0]]
    >>> (0.9 * 0 + 0.1 * 2).__round__(3), bn_param['running_mean'].round(3).tolist()
    (0.2, [0.2])
    """
    x, gamma, beta = _arrays_of_layer(x, gamma, beta)
    mode, eps, momentum = _read_bn_param(x, bn_param)
    running_mean, running_var = _running_values(x, bn_param)                       # (D,), (D,)
    if mode == 'train':
        mean = _mean(x, axis=0)                                                    # (D,)
        centered = x - mean                                                        # (N, D)
        var = _mean(centered ** 2, axis=0)                                         # (D,)
        if momentum is None:
            num_batches = integer("bn_param['num_batches']", bn_param.get('num_batches', 0), at_least=0)
            bn_param['num_batches'] = num_batches + 1
            momentum = num_batches / (num_batches + 1)
        bn_param['running_mean'] = momentum * running_mean + (1 - momentum) * mean
        bn_param['running_var'] = momentum * running_var + (1 - momentum) * var
    else:
        centered = x - running_mean                                                # (N, D)
        var = running_var                                                          # (D,)
    std = np.sqrt(var + eps)                                                       # (D,)
    xhat = centered / std                                                          # (N, D)
    out = gamma * xhat + beta                                                      # (N, D)
    return out, BatchNormCache(centered, std, xhat, gamma, mode == 'train')


def batchnorm_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of :func:`batchnorm_forward`, staged: one line for each node of the graph, from the end to x.

    ``out`` depends on ``x`` in three ways: directly, through the mean and through the variance. So ``dcentered`` and
    ``dx`` each collect two branches.

    Parameters
    ----------
    dout : array ``(N, D)``, the gradient of the loss with respect to ``out``
    cache : what the forward pass returned

    Returns
    -------
    dx ``(N, D)``, dgamma ``(D,)``, dbeta ``(D,)``

    Example
    -------
    >>> x, gamma, beta = np.array([[1.], [3.], [4.]]), np.array([2.]), np.array([5.])
    >>> out, cache = gbn.reference.batchnorm_forward(x, gamma, beta, {'mode': 'train'})
    >>> dx, dgamma, dbeta = gbn.reference.batchnorm_backward(np.array([[1.], [0.], [0.]]), cache)
    >>> dbeta.tolist(), bool(abs(dx.sum()) < 1e-12)  # moving all of x together changes nothing, so the dx sum to 0
    ([1.0], True)
    """
    centered, std, xhat, gamma, trained = cache
    dout = upstream(dout, xhat.shape)
    N = float(len(dout))  # float32 / int is float64 when the int has more than 16 bits
    # out = scaled + beta
    dbeta = np.sum(dout, axis=0)                            # (D,)
    dscaled = dout                                          # (N, D)
    # scaled = gamma * xhat
    dgamma = np.sum(dscaled * xhat, axis=0)                 # (D,)
    dxhat = dscaled * gamma                                 # (N, D)
    # xhat = centered * inv_std
    dcentered = dxhat / std                                 # (N, D), first branch
    if not trained:
        return dcentered, dgamma, dbeta
    dinv_std = np.sum(dxhat * centered, axis=0)             # (D,)
    # inv_std = 1 / std
    dstd = -dinv_std / std ** 2                             # (D,)
    # std = sqrt(var + eps)
    dvar = dstd / (2 * std)                                 # (D,)
    # var = sum(squared) / N
    dsquared = np.ones_like(dout) * dvar / N                # (N, D)
    # squared = centered ** 2
    dcentered = dcentered + 2 * centered * dsquared         # (N, D), second branch
    # centered = x - mean
    dmean = -np.sum(dcentered, axis=0)                      # (D,)
    dx = dcentered                                          # (N, D), first branch
    # mean = sum(x) / N
    dx = dx + np.ones_like(dout) * dmean / N                # (N, D), second branch
    return dx, dgamma, dbeta


def batchnorm_backward_alt(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of :func:`batchnorm_forward` in closed form: the stages multiplied out, one expression for dx.

    ``dx = gamma / std * (dout - mean(dout) - xhat * mean(dout * xhat))``, means over the batch: dout without its part
    along the ones and its part along xhat, the two directions in which batch norm does not move.

    Arguments and results are those of :func:`batchnorm_backward`.

    Example
    -------
    >>> x, dout = np.array([[1.], [3.], [4.]]), np.array([[1.], [0.], [0.]])
    >>> out, cache = gbn.reference.batchnorm_forward(x, np.array([2.]), np.array([5.]), {'mode': 'train'})
    >>> staged = gbn.reference.batchnorm_backward(dout, cache)[0]
    >>> closed = gbn.reference.batchnorm_backward_alt(dout, cache)[0]
    >>> bool(abs(staged - closed).max() < 1e-12)
    True
    """
    _, std, xhat, gamma, trained = cache
    dout = upstream(dout, xhat.shape)
    N = float(len(dout))
    dbeta = np.sum(dout, axis=0)                                                     # (D,)
    dgamma = np.sum(dout * xhat, axis=0)                                             # (D,)
    if not trained:
        return dout * (gamma / std), dgamma, dbeta
    dx = gamma / std * (dout - dbeta / N - xhat * (dgamma / N))                      # (N, D)
    return dx, dgamma, dbeta


def spatial_batchnorm_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray,
                              bn_param: dict[str, Any]) -> tuple[np.ndarray, Any]:
    """Batch normalisation of channels, section 3.2 of the paper: :func:`batchnorm_forward` over N, H and W together.

    ``x`` is ``(N, C, H, W)``; gamma, beta and the running values are ``(C,)``. Returns ``(out (N, C, H, W), cache)``.

    >>> x = np.array([[[[1., 3.]]]])
    >>> out, _ = gbn.reference.spatial_batchnorm_forward(x, np.ones(1), np.zeros(1), {'mode': 'train'})
    >>> out.round(3).tolist()
    [[[[-1.0, 1.0]]]]
    """
    x = floats('x', x)
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; spatial batch norm expects (N, C, H, W), each at least 1; for "
                         "(N, D) take batchnorm_forward.")
    out, cache = batchnorm_forward(_channels_last(x), gamma, beta, bn_param)         # (N*H*W, C)
    return _channels_first(out, x.shape), (cache, x.shape)


def spatial_batchnorm_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of :func:`spatial_batchnorm_forward`: dx ``(N, C, H, W)``, dgamma ``(C,)``, dbeta ``(C,)``."""
    cache, shape = cache
    dout = upstream(dout, shape)
    dx, dgamma, dbeta = batchnorm_backward_alt(_channels_last(dout), cache)          # (N*H*W, C)
    return _channels_first(dx, shape), dgamma, dbeta


def layernorm_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray,
                      ln_param: dict[str, Any]) -> tuple[np.ndarray, Any]:
    """Layer normalisation (Ba, Kiros and Hinton, 2016): each example by the mean and variance of its own features.

    ``x`` is ``(N, D)``, gamma and beta ``(D,)``; ``ln_param`` may hold ``eps`` (1e-5 if absent) and is not changed:
    nothing depends on the batch, so training and testing are the same. Returns ``(out (N, D), cache)``.

    >>> out, _ = gbn.reference.layernorm_forward(np.array([[1., 3.], [10., 30.]]), np.ones(2), np.zeros(2), {})
    >>> out.round(3).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    x, gamma, beta = _arrays_of_layer(x, gamma, beta)
    xhat, std = _standardize(x, (1,), _read_eps(ln_param))                           # (N, D), (N, 1)
    return gamma * xhat + beta, (xhat, std, gamma)


def layernorm_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of :func:`layernorm_forward`: dx ``(N, D)``, dgamma ``(D,)``, dbeta ``(D,)``."""
    xhat, std, gamma = cache
    dout = upstream(dout, xhat.shape)
    dx = _standardize_backward(dout * gamma, xhat, std, (1,))                        # (N, D)
    return dx, np.sum(dout * xhat, axis=0), np.sum(dout, axis=0)


def spatial_groupnorm_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, G: int,
                              gn_param: dict[str, Any]) -> tuple[np.ndarray, Any]:
    """Group normalisation (Wu and He, 2018): each example by the mean and variance of G groups of its channels.

    ``x`` is ``(N, C, H, W)``, G divides C; gamma and beta are ``(C,)`` or ``(1, C, 1, 1)``; ``gn_param`` may hold
    ``eps`` (1e-5 if absent) and is not changed. Returns ``(out (N, C, H, W), cache)``.

    >>> x = np.array([1., 3., 10., 30.]).reshape(1, 4, 1, 1)
    >>> gbn.reference.spatial_groupnorm_forward(x, np.ones(4), np.zeros(4), 2, {})[0].ravel().round(3).tolist()
    [-1.0, 1.0, -1.0, 1.0]
    """
    x, gamma, beta = _wide(floats('x', x)), floats('gamma', gamma), floats('beta', beta)
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; group norm expects (N, C, H, W), each at least 1.")
    N, C, H, W = x.shape
    if not (isinstance(G, (int, np.integer)) and not isinstance(G, bool) and G >= 1 and C % G == 0):
        raise ValueError(f"G is {shown(G)}; expected a number of groups that divides the {C} channels of x {x.shape}.")
    for name, array in (('gamma', gamma), ('beta', beta)):
        if array.shape not in ((C,), (1, C, 1, 1)):
            raise ValueError(f"{name} has shape {array.shape}; x {x.shape} needs ({C},) or (1, {C}, 1, 1).")
    xhat, std = _standardize(x.reshape(N, G, C // G, H, W), (2, 3, 4), _read_eps(gn_param))    # std (N, G, 1, 1, 1)
    xhat = xhat.reshape(x.shape)                                                               # (N, C, H, W)
    out = gamma.reshape(1, C, 1, 1) * xhat + beta.reshape(1, C, 1, 1)                          # (N, C, H, W)
    return out, (xhat, std, gamma, beta.shape)


def spatial_groupnorm_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of :func:`spatial_groupnorm_forward`: dx ``(N, C, H, W)``, dgamma, dbeta shaped as gamma, beta."""
    xhat, std, gamma, beta_shape = cache
    dout = upstream(dout, xhat.shape)
    N, C, H, W = dout.shape
    grouped = (N, std.shape[1], C // std.shape[1], H, W)
    dxhat = dout * gamma.reshape(1, C, 1, 1)                                                   # (N, C, H, W)
    dx = _standardize_backward(dxhat.reshape(grouped), xhat.reshape(grouped), std, (2, 3, 4))
    dgamma = np.sum(dout * xhat, axis=(0, 2, 3)).reshape(gamma.shape)                          # (C,)
    dbeta = np.sum(dout, axis=(0, 2, 3)).reshape(beta_shape)                                   # (C,)
    return dx.reshape(dout.shape), dgamma, dbeta


def _standardize(x, axes, eps):
    """``x`` minus its mean over ``axes``, divided by the root of its variance + eps; and that root."""
    centered = x - _mean(x, axes, keepdims=True)
    std = np.sqrt(_mean(centered ** 2, axes, keepdims=True) + eps)
    return centered / std, std


def _standardize_backward(dxhat, xhat, std, axes):
    """The gradient of :func:`_standardize`: the closed form of :func:`batchnorm_backward_alt` over other axes."""
    mean = np.mean(dxhat, axes, keepdims=True)
    return (dxhat - mean - xhat * np.mean(dxhat * xhat, axes, keepdims=True)) / std


def _mean(x, axis, keepdims=False):
    """The mean in the type of ``x``, summed in float64: NumPy adds rows one by one, and float32 would lose digits."""
    return np.mean(x, axis=axis, keepdims=keepdims, dtype=np.float64).astype(x.dtype)


def _wide(x):
    """``x``, or in float32 what is float16: there the square of 256 is infinite, and 1e-8 is 0."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _channels_last(x):
    """``(N, C, H, W)`` as ``(N*H*W, C)``."""
    return x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])


def _channels_first(rows, shape):
    """``(N*H*W, C)`` as ``(N, C, H, W)``, the given shape."""
    N, C, H, W = shape
    return rows.reshape(N, H, W, C).transpose(0, 3, 1, 2)


def _read_eps(param):
    mapping("the layer's dictionary", param, "a dictionary, {} for the usual ones")
    return number('eps', param.get('eps', 1e-5), at_least=0, hint='1e-5 is the usual one')


def _read_bn_param(x, bn_param):
    """Check what stands in ``bn_param``; returns mode, eps and momentum."""
    eps, momentum, mode = _read_eps(bn_param), bn_param.get('momentum', 0.9), bn_param.get('mode')
    if not (isinstance(mode, str) and mode in ('train', 'test')):
        raise ValueError(f"bn_param['mode'] is {shown(mode)}; expected 'train' or 'test'.")
    if mode == 'train' and len(x) < 2:
        raise ValueError(f"x has shape {x.shape}, one example: {BETA_ALONE}. Train with at least two "
                         "examples a batch, or take mode 'test'.")
    if momentum is not None:
        momentum = number('momentum', momentum, at_least=0, at_most=1,
                          hint='the weight of the old value; 0.9 is the usual one, None the mean over all batches')
    return mode, eps, momentum


def _running_values(x, bn_param):
    """The running mean and variance in ``bn_param``, zeros if there are none."""
    values = []
    for name in ('running_mean', 'running_var'):
        value = bn_param.get(name)
        value = np.zeros(x.shape[1], x.dtype) if value is None else floats(f"bn_param['{name}']", value, x.shape[1:])
        values.append(value)
    if (values[1] < 0).any():
        raise ValueError(f"bn_param['running_var'] has {values[1].min()}; expected variances, at least 0.")
    return values


def _arrays_of_layer(x, gamma, beta):
    """``x``, ``gamma`` and ``beta`` as arrays of floats that fit together."""
    x, gamma, beta = _wide(floats('x', x)), floats('gamma', gamma), floats('beta', beta)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; expected (N, D) with at least one example and one feature.")
    for name, array in (('gamma', gamma), ('beta', beta)):
        if array.shape != x.shape[1:]:
            raise ValueError(f"{name} has shape {array.shape}; x {x.shape} has {x.shape[1]} features: give {name} the "
                             f"shape ({x.shape[1]},).")
    return x, gamma, beta
