"""The loss: :func:`softmax_cross_entropy`."""
import numpy as np

from ._mxnet import nd
from .native import operators


def softmax_cross_entropy(yhat_linear, y):
    """The cross entropy of the softmax of ``yhat_linear`` with the labels ``y``, one loss an example.

    Parameters
    ----------
    yhat_linear : NDArray ``(m, K)``, scores before the softmax
    y : NDArray ``(m, K)``, one-hot labels (or probabilities) of the same type

    Returns
    -------
    NDArray ``(m,)``: ``-sum_k y_k log softmax(yhat_linear)_k``; its gradient is ``softmax(yhat_linear) - y``. It is
    finite for any finite scores (beyond a quarter of the type's largest number they are taken as that), NaN for NaN.

    Example
    -------
    >>> round(softmax_cross_entropy(nd.array([[0, 0]]), nd.array([[1, 0]])).asscalar().item(), 4)   # log 2
    0.6931
    """
    if yhat_linear.ndim != 2 or yhat_linear.shape != y.shape:
        raise ValueError(f"yhat_linear has shape {yhat_linear.shape} and y {y.shape}; expected (m, K) for both: "
                         "turn class numbers into one-hot rows with nd.one_hot(labels, K).")
    if operators.cross_entropy_applies_to(yhat_linear, y):
        return operators.cross_entropy(yhat_linear, y)                                 # the following, in one operator
    # A quarter of the largest number on either side leaves room for differences: no inf arises, and no 0 * inf.
    limit = float(np.finfo(yhat_linear.dtype).max) / 4
    # (nd.clip would do for float32 alone: it takes no bounds beyond float32's range.)
    scores = nd.maximum(nd.minimum(yhat_linear, limit), -limit)                        # (m, K)
    log_probabilities = nd.log_softmax(scores, axis=1)                                 # (m, K)
    return -nd.sum(y * log_probabilities, axis=1)                                      # (m,)
