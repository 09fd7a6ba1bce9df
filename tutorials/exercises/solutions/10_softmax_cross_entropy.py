"""Solution of 10_softmax_cross_entropy."""
import gluon_bn  # before mxnet: it loads MXNet so that it works with today's NumPy
from mxnet import nd


def softmax_cross_entropy(yhat_linear, y):
    """Scores ``yhat_linear`` (m, K) and one-hot labels ``y`` (m, K), NDArrays -> the loss of each row, (m,)."""
    z = yhat_linear - nd.max(yhat_linear, axis=1, keepdims=True)                    # (m, K)
    log_softmax = z - nd.log(nd.sum(nd.exp(z), axis=1, keepdims=True))              # (m, K)
    return -nd.sum(y * log_softmax, axis=1)                                         # (m,)
