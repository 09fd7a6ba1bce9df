"""Solution of 05_staged_backward."""
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
    m = X.shape[0]
    dbeta = dout.sum(axis=0)                                            # (D,)
    dgamma = (dout * X_hat).sum(axis=0)                                 # (D,)
    dX_hat = dout * gamma                                               # (m, D)
    dvar = -0.5 * (dX_hat * (X - mean)).sum(axis=0) / std ** 3          # (D,)
    dmean = -dX_hat.sum(axis=0) / std                                   # (D,); through var comes 0: sum(X - mean) = 0
    dX = dX_hat / std + dvar * 2 * (X - mean) / m + dmean / m           # (m, D)
    return {'dbeta': dbeta, 'dgamma': dgamma, 'dX_hat': dX_hat, 'dvar': dvar, 'dmean': dmean, 'dX': dX}
