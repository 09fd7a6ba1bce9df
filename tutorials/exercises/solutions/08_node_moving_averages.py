"""Solution of 08_node_moving_averages."""
from gluon_bn.autodiff import Node


def forward(X, params, train=True, momentum=0.9, eps=1e-5):
    """``X`` a Node (m, D) -> a Node (m, D).

    ``params``: gamma_bn1, beta_bn1, avg_mean_bn1 and avg_variance_bn1, arrays (D,). Training replaces the last two.
    """
    gamma, beta = Node(params['gamma_bn1'], 'gamma_bn1'), Node(params['beta_bn1'], 'beta_bn1')
    if train:
        mean, var = X.mean(axis=0), X.var(axis=0)               # (D,)
        for name, new in (('avg_mean_bn1', mean), ('avg_variance_bn1', var)):
            params[name] = momentum * params[name] + (1 - momentum) * new.value
    else:
        mean, var = Node(params['avg_mean_bn1']), Node(params['avg_variance_bn1'])
    return gamma * (X - mean) / (var + eps).sqrt() + beta       # (m, D)
