"""Solution of 05_staged_backward."""
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
    images = X.ndim == 4
    over = {'axis': (0, 2, 3) if images else 0, 'keepdims': images}
    m = X.size // mean.size                                             # values of a feature: m, or m H W
    dbeta = dout.sum(**over)                                            # (D,) or (1, C, 1, 1)
    dgamma = (dout * X_hat).sum(**over)                                 # (D,) or (1, C, 1, 1)
    dX_hat = dout * gamma                                               # as X
    dvar = -0.5 * (dX_hat * (X - mean)).sum(**over) / std ** 3          # (D,) or (1, C, 1, 1)
    dmean = -dX_hat.sum(**over) / std                                   # through var comes 0: sum(X - mean) = 0
    dX = dX_hat / std + dvar * 2 * (X - mean) / m + dmean / m           # as X
    return {'dbeta': dbeta, 'dgamma': dgamma, 'dX_hat': dX_hat, 'dvar': dvar, 'dmean': dmean, 'dX': dX}
