"""Activation functions: :func:`relu` and :func:`softmax`."""
from ._mxnet import nd
from .checks import check_floats


def relu(X):
    """``max(X, 0)`` for each value of an NDArray of floats; shape and type stay. Others are a ``TypeError``.

    >>> relu(nd.array([-2, 0, 3])).asnumpy().tolist()
    [0.0, 0.0, 3.0]
    """
    check_floats(X=X)
    return nd.maximum(X, 0)


def softmax(y_linear):
    """Turn each row of scores ``(m, K)`` into probabilities ``(m, K)`` that sum to 1.

    Each row's own maximum is subtracted first. It changes nothing in exact arithmetic, and no exponential overflows;
    with the maximum of the whole matrix in its place, a row far below it would become 0 / 0.

    ``TypeError`` for what is no NDArray of floats, ``ValueError`` for another number of axes.

    >>> softmax(nd.array([[0, 0], [1000, 0]])).asnumpy().tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    check_floats(y_linear=y_linear)
    if y_linear.ndim != 2:
        raise ValueError(f"y_linear has shape {y_linear.shape}; softmax expects (m, K), one row of scores an example.")
    exp = nd.exp(y_linear - nd.max(y_linear, axis=1, keepdims=True))    # (m, K), at most 1
    return exp / nd.sum(exp, axis=1, keepdims=True)                     # (m, K)
