"""Solution of 03_train_test_mode."""
import gluon_bn  # before mxnet: it loads MXNet so that it works with today's NumPy
from mxnet import nd


def batch_norm(X, gamma, beta, means, variances, layer_name, momentum=0.9, eps=1e-5, is_training=True):
    """``X`` (m, D), ``gamma``, ``beta`` (D,) -> (m, D). Training changes ``means`` and ``variances`` [layer_name]."""
    if is_training:
        mean = nd.mean(X, axis=0)                                               # (D,)
        var = nd.mean((X - mean.reshape((1, -1))) ** 2, axis=0)                 # (D,)
        for averages, new in ((means, mean), (variances, var)):
            new = new.detach()
            old = averages.get(layer_name)
            averages[layer_name] = new if old is None else momentum * old + (1 - momentum) * new
    else:
        mean, var = means[layer_name], variances[layer_name]                    # (D,)
    X_hat = (X - mean.reshape((1, -1))) / nd.sqrt(var.reshape((1, -1)) + eps)   # (m, D)
    return gamma.reshape((1, -1)) * X_hat + beta.reshape((1, -1))               # (m, D)
