"""Wrong answers to 08_node_moving_averages: (hint, pieces of the solution and what stands in their place)."""
UPDATE = "momentum * params[name] + (1 - momentum) * new.value"
TEST = "mean, var = Node(params['avg_mean_bn1']), Node(params['avg_variance_bn1'])"
BATCH = "mean, var = X.mean(axis=0), X.var(axis=0)               # (D,)"
RESULT = "    return gamma"
NODES = "gamma, beta = Node(params['gamma_bn1'], 'gamma_bn1'), Node(params['beta_bn1'], 'beta_bn1')"

MISTAKES = [
    ('reversed', [(UPDATE, "(1 - momentum) * params[name] + momentum * new.value")]),
    ('overwritten', [(UPDATE, "new.value")]),
    ('std-stored', [("('avg_variance_bn1', var)", "('avg_variance_bn1', var.sqrt())")]),
    ('unbiased', [("('avg_variance_bn1', var)", "('avg_variance_bn1', var * X.shape[0] / (X.shape[0] - 1))")]),
    ('nodes-stored', [(UPDATE, "momentum * params[name] + (1 - momentum) * new")]),
    ('never-updated', [("params[name] = momentum * params[name]", "average = momentum * params[name]")]),
    ('averages-in-training', [(RESULT, f"    {TEST}\n    return gamma")]),
    ('batch-in-test', [(TEST, "mean, var = X.mean(axis=0), X.var(axis=0)")]),
    ('updated-in-test', [(TEST, TEST + "\n        old, new = params['avg_mean_bn1'], X.value.mean(axis=0)\n"
                                       "        params['avg_mean_bn1'] = momentum * old + (1 - momentum) * new")]),
    ('constants', [(BATCH, "mean, var = Node(X.value.mean(axis=0)), Node(X.value.var(axis=0))")]),
    ('not-trained', [(NODES, "gamma, beta = params['gamma_bn1'], params['beta_bn1']")]),
    ('not-trained', [(NODES, "gamma, beta = Node(params['gamma_bn1']), Node(params['beta_bn1'])")]),
    ('not-trained', [(NODES, "gamma, beta = Node(params['gamma_bn1'], 'gamma'), Node(params['beta_bn1'], 'beta')")]),
    ('eps-ignored', [("(var + eps)", "(var + 1e-5)")]),
    ('swapped', [(NODES, "beta, gamma = Node(params['gamma_bn1'], 'gamma_bn1'), Node(params['beta_bn1'], 'beta_bn1')")]),
]
RIGHT = [
    [(UPDATE, "params[name] + (1 - momentum) * (new.value - params[name])"),
     (TEST, "mean, var = params['avg_mean_bn1'], Node(params['avg_variance_bn1'])")],
    [(BATCH, "mean = X.sum(axis=0) / X.shape[0]\n        var = ((X - mean) ** 2).mean(axis=0)"),
     ("    return gamma * (X - mean) / (var + eps).sqrt() + beta", "    return (X - mean) * (var + eps) ** -0.5 * gamma + beta")],
]
