"""Solution of 07_node_batch_norm."""
from gluon_bn.autodiff import Node


def batch_norm(X, gamma, beta, eps=1e-5):
    """``X`` a Node (m, D), ``gamma`` and ``beta`` Nodes (D,) -> a Node (m, D): gamma x_hat + beta."""
    mean = X.mean(axis=0)                       # (D,)
    var = ((X - mean) ** 2).mean(axis=0)        # (D,)
    X_hat = (X - mean) / (var + eps).sqrt()     # (m, D)
    return gamma * X_hat + beta                 # (m, D)
