"""The backward pass in stages.

Go back through the graph of batch norm one step at a time. ``dv`` is the gradient of the loss with respect to ``v``;
where a value was used for all m rows, the gradients of all rows add up. ``forward`` is given; it returns what you need.

The same stages serve images: there a channel is what a column is, and a value of it was used for every image and pixel.
One ``backward`` can do both, as ``forward`` does.

Read first: tutorials/03_backward_by_hand.py
Check with: gluon-bn exercises check 05_staged_backward
"""
import numpy as np


def forward(X, gamma, beta, eps=1e-5):
    """``X`` (m, D), ``gamma``, ``beta`` (D,) -> the output (m, D) and the cache for ``backward``.

    Or images: ``X`` (m, C, H, W), ``gamma``, ``beta`` (1, C, 1, 1) -> (m, C, H, W) and the cache.
    """
    images = X.ndim == 4
    over = {'axis': (0, 2, 3) if images else 0, 'keepdims': images}
    mean = X.mean(**over)                               # (D,) or (1, C, 1, 1)
    var = ((X - mean) ** 2).mean(**over)                # (D,) or (1, C, 1, 1)
    std = np.sqrt(var + eps)                            # (D,) or (1, C, 1, 1)
    X_hat = (X - mean) / std                            # as X
    return gamma * X_hat + beta, {'X': X, 'mean': mean, 'std': std, 'X_hat': X_hat, 'gamma': gamma}


def backward(dout, cache):
    """``dout`` (m, D) -> a dictionary with dbeta, dgamma (D,), dX_hat (m, D), dvar, dmean (D,) and dX (m, D).

    ``dout`` (m, C, H, W) -> the same for images: (1, C, 1, 1) where there was (D,), and (m, C, H, W) for dX_hat and dX.
    ``dvar`` is the gradient with X and mean held fixed, ``dmean`` the whole one, with the path through the variance.
    """
    X, mean, std, X_hat, gamma = (cache[name] for name in ('X', 'mean', 'std', 'X_hat', 'gamma'))
    # which axes are summed, and over how many values of a feature a mean was taken
    # out = gamma * X_hat + beta:      dbeta, dgamma, dX_hat
    # X_hat = (X - mean) / sqrt(var + eps):   dvar, dmean, and the first part of dX
    # var and mean are means over X:   two more parts of dX
    # return {'dbeta': dbeta, 'dgamma': dgamma, 'dX_hat': dX_hat, 'dvar': dvar, 'dmean': dmean, 'dX': dX}
    raise NotImplementedError("backward")
