"""Activation functions: :func:`relu` and :func:`softmax`."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ._mxnet import nd

if TYPE_CHECKING:
    from mxnet.ndarray import NDArray


def relu(X: NDArray) -> NDArray:
    """``max(X, 0)`` for each value; shape and type stay.

    >>> relu(nd.array([-2, 0, 3])).asnumpy().tolist()
    [0.0, 0.0, 3.0]
    """
    return nd.maximum(X, 0)


def softmax(y_linear: NDArray) -> NDArray:
    """Turn each row of scores ``(m, K)`` into probabilities ``(m, K)`` that sum to 1.

    Each row's own maximum is subtracted first. It changes nothing in exact arithmetic, and no exponential overflows;
    with the maximum of the whole matrix in its place, a row far below it would become 0 / 0.

    >>> softmax(nd.array([[0, 0], [1000, 0]])).asnumpy().tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    if y_linear.ndim != 2:
        raise ValueError(f"y_linear has shape {y_linear.shape}; softmax expects (m, K), one row of scores an example.")
    exp = nd.exp(y_linear - nd.max(y_linear, axis=1, keepdims=True))    # (m, K), at most 1
    return exp / nd.sum(exp, axis=1, keepdims=True)                     # (m, K)
