"""The backward pass in stages.

Go back through the graph of batch norm one step at a time. ``dv`` is the gradient of the loss with respect to ``v``;
where a value was used for all m rows, the gradients of all rows add up. ``forward`` is given; it returns what you need.

Read first: tutorials/03_backward_by_hand.py
Check with: python -m gluon_bn.exercises check 05_staged_backward
"""
import numpy as np


def forward(X, gamma, beta, eps=1e-5):
    """``X`` (m, D), ``gamma``, ``beta`` (D,) -> the output (m, D) and the cache for ``backward``."""
    mean = X.mean(axis=0)                               # (D,)
    var = ((X - mean) ** 2).mean(axis=0)                # (D,)
    std = np.sqrt(var + eps)                            # (D,)
    X_hat = (X - mean) / std                            # (m, D)
    return gamma * X_hat + beta, {'X': X, 'mean': mean, 'std': std, 'X_hat': X_hat, 'gamma': gamma}


def backward(dout, cache):
    """``dout`` (m, D) -> a dictionary with dbeta, dgamma (D,), dX_hat (m, D), dvar, dmean (D,) and dX (m, D).

    ``dvar`` is the gradient with X and mean held fixed, ``dmean`` the whole one, with the path through the variance.
    """
    X, mean, std, X_hat, gamma = (cache[name] for name in ('X', 'mean', 'std', 'X_hat', 'gamma'))
    # out = gamma * X_hat + beta:      dbeta, dgamma, dX_hat
    # X_hat = (X - mean) / sqrt(var + eps):   dvar, dmean, and the first part of dX
    # var and mean are means over X:   two more parts of dX
    # return {'dbeta': dbeta, 'dgamma': dgamma, 'dX_hat': dX_hat, 'dvar': dvar, 'dmean': dmean, 'dX': dX}
    raise NotImplementedError("backward")
