"""Solution of 02_broadcast_gamma_beta."""
import gluon_bn  # before mxnet: it loads MXNet so that it works with today's NumPy
from mxnet import nd


def batch_norm(X, gamma, beta, eps=1e-5):
    """``X`` (m, D) or (m, C, H, W), ``gamma`` and ``beta`` (D,) or (C,) -> an NDArray of the shape of ``X``."""
    axes = 0 if X.ndim == 2 else (0, 2, 3)
    shape = (1, -1) if X.ndim == 2 else (1, -1, 1, 1)
    mean = nd.mean(X, axis=axes, keepdims=True)                 # (1, D) or (1, C, 1, 1)
    var = nd.mean((X - mean) ** 2, axis=axes, keepdims=True)    # (1, D) or (1, C, 1, 1)
    X_hat = (X - mean) / nd.sqrt(var + eps)                     # as X
    return gamma.reshape(shape) * X_hat + beta.reshape(shape)   # as X
