"""The features of a batch, ``(m, D)`` or ``(m, C, H, W)``, and what there is one of for each, ``(C,)``."""
from . import nd


def all_but_features(X):
    """The axes that are averaged: ``(0,)`` for ``(m, D)``, ``(0, 2, 3)`` for ``(m, C, H, W)``."""
    return (0, *range(2, X.ndim))


def beside(v, X):
    """``v`` of shape ``(C,)`` as ``(1, C)`` or ``(1, C, 1, 1)``, so that it broadcasts along the features of ``X``."""
    return v.reshape((1, -1) + (1,) * (X.ndim - 2))


def first_values(X):
    """One value of each feature, ``(C,)``, a constant to autograd."""
    one = nd.slice(X, begin=(0,) * X.ndim, end=(1, None) + (1,) * (X.ndim - 2))  # (1, C) or (1, C, 1, 1)
    return nd.BlockGrad(one).reshape((-1,))
