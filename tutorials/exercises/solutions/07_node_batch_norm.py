"""Solution of 07_node_batch_norm."""
from gluon_bn.autodiff import Node


def batch_norm(X, gamma, beta, eps=1e-5):
    """``X`` a Node (m, D), ``gamma`` and ``beta`` Nodes (D,) -> a Node (m, D): gamma x_hat + beta."""
    mean = X.mean(axis=0)                       # (D,)
    var = ((X - mean) ** 2).mean(axis=0)        # (D,)
    X_hat = (X - mean) / (var + eps).sqrt()     # (m, D)
    return gamma * X_hat + beta                 # (m, D)


def group_norm(X, gamma, beta, groups, eps=1e-5):
    """As ``batch_norm``, but each row is normalised by itself, in ``groups`` parts of D / groups features each."""
    m, D = X.shape
    parts = X.reshape(m, groups, D // groups)                           # (m, groups, D / groups)
    centred = parts - parts.mean(axis=2, keepdims=True)                 # (m, groups, D / groups)
    variance = (centred ** 2).mean(axis=2, keepdims=True)               # (m, groups, 1)
    X_hat_parts = centred / (variance + eps).sqrt()                     # (m, groups, D / groups)
    return gamma * X_hat_parts.reshape(m, D) + beta                     # (m, D)
