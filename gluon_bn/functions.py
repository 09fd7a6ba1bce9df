"""Activation functions and the loss: :func:`relu`, :func:`softmax`, :func:`softmax_cross_entropy`."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._mxnet import nd
from .checks import check_beside, check_floats
from .fast import operators as fast

if TYPE_CHECKING:
    from mxnet.ndarray import NDArray


def relu(X: NDArray) -> NDArray:
    """``max(X, 0)`` for each value of an NDArray of floats; shape and type stay. Others are a ``TypeError``.

    >>> gbn.relu(nd.array([-2, 0, 3])).asnumpy().tolist()
    [0.0, 0.0, 3.0]
    """
    check_floats(X=X)
    return nd.maximum(X, 0)


def softmax(y_linear: NDArray) -> NDArray:
    """Turn each row of scores ``(m, K)`` into probabilities ``(m, K)`` that sum to 1.

    Each row's own maximum is subtracted first. It changes nothing in exact arithmetic, and no exponential overflows;
    with the maximum of the whole matrix in its place, a row far below it would become 0 / 0.

    ``TypeError`` for what is no NDArray of floats, ``ValueError`` for another number of axes.

    >>> gbn.softmax(nd.array([[0, 0], [1000, 0]])).asnumpy().tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    check_floats(y_linear=y_linear)
    if y_linear.ndim != 2:
        raise ValueError(f"y_linear has shape {y_linear.shape}; softmax expects (m, K), one row of scores an example.")
    exp = nd.exp(y_linear - nd.max(y_linear, axis=1, keepdims=True))    # (m, K), at most 1
    return exp / nd.sum(exp, axis=1, keepdims=True)                     # (m, K)


def softmax_cross_entropy(yhat_linear: NDArray, y: NDArray) -> NDArray:
    """The cross entropy of the softmax of ``yhat_linear`` with the labels ``y``, one loss an example.

    Parameters
    ----------
    yhat_linear : NDArray ``(m, K)``, scores before the softmax
    y : NDArray ``(m, K)``, one-hot labels (or probabilities) of the same type

    Returns
    -------
    NDArray ``(m,)``: ``-sum_k y_k log softmax(yhat_linear)_k``; its gradient is ``softmax(yhat_linear) - y``. It is
    finite for any finite scores (beyond a quarter of the type's largest number they are taken as that), NaN for NaN.

    Raises
    ------
    ValueError, TypeError : other shapes, or class numbers; no NDArrays of floats, two types, two contexts

    Example
    -------
    >>> round(gbn.softmax_cross_entropy(nd.array([[0, 0]]), nd.array([[1, 0]])).asscalar().item(), 4)   # log 2
    0.6931
    """
    check_floats(yhat_linear=yhat_linear, y=y)
    if yhat_linear.ndim != 2 or yhat_linear.shape != y.shape:
        raise ValueError(f"yhat_linear has shape {yhat_linear.shape} and y {y.shape}; expected (m, K) for both: "
                         "turn class numbers into one-hot rows with nd.one_hot(labels, K).")
    check_beside('yhat_linear', yhat_linear, 'y', y)
    quick = fast.cross_entropy(yhat_linear, y)                                         # the following, in one operator
    if quick is not None:
        return quick
    # A quarter of the largest number on either side leaves room for differences: no inf arises, and no 0 * inf.
    limit = float(np.finfo(yhat_linear.dtype).max) / 4
    # (nd.clip would do for float32 alone: it takes no bounds beyond float32's range.)
    scores = nd.maximum(nd.minimum(yhat_linear, limit), -limit)                        # (m, K)
    # Not nd.log_softmax: on a CPU it loses digits of scores around 1,000, and the loss can be negative.
    shifted = scores - nd.BlockGrad(nd.max(scores, axis=1, keepdims=True))             # (m, K), at most 0
    log_probabilities = shifted - nd.log(nd.sum(nd.exp(shifted), axis=1, keepdims=True))  # (m, K)
    return -nd.sum(y * log_probabilities, axis=1)                                      # (m,)
