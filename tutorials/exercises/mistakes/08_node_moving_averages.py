"""Wrong answers to 08_node_moving_averages: (hint, pieces of the solution and what stands in their place)."""
UPDATE = "momentum * params[name] + (1 - momentum) * new.value"
TEST = "mean, var = Node(params['avg_mean_bn1']), Node(params['avg_variance_bn1'])"
BATCH = "mean, var = X.mean(axis=0), X.var(axis=0)               # (D,)"
RESULT = "    return gamma"
LAST = "return gamma * (X - mean) / (var + eps).sqrt() + beta"
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
    ('swapped', [(LAST, "return beta * (X - mean) / (var + eps).sqrt() + gamma")]),
    ('exchanged', [("(('avg_mean_bn1', mean), ('avg_variance_bn1', var))",
                    "(('avg_mean_bn1', var), ('avg_variance_bn1', mean))")]),
    ('eps-stored', [("('avg_variance_bn1', var)", "('avg_variance_bn1', var + eps)")]),
    ('momentum-ignored', [(UPDATE, "0.9 * params[name] + 0.1 * new.value")]),
    ('no-gamma', [(LAST, "return (X - mean) / (var + eps).sqrt() + beta")]),
    ('no-beta', [(LAST, "return gamma * (X - mean) / (var + eps).sqrt()")]),
    ('no-root', [("(var + eps).sqrt()", "(var + eps)")]),
    ('eps-outside', [("(var + eps).sqrt()", "(var.sqrt() + eps)")]),
    ('parameters-replaced', [("    if train:", "    params['gamma_bn1'] = gamma\n    if train:")]),
    ('constants', [(BATCH, "mean, var = X.mean(axis=0), Node(X.value.var(axis=0))")]),
    ('unbiased', [(BATCH, "mean = X.mean(axis=0)\n        var = ((X - mean) ** 2).sum(axis=0) / (X.shape[0] - 1)")]),
    ('never-updated', [("params[name] = momentum * params[name]", "params[name + '_new'] = momentum * params[name]")]),
    ('never-updated', [("(('avg_mean_bn1', mean), ('avg_variance_bn1', var))", "[('avg_mean_bn1', mean)]")]),
    ('type', [(LAST, "return (gamma * (X - mean) / (var + eps).sqrt() + beta).value")]),
    ('no-weights', [("momentum * params[name] + (1 - momentum) * new.value",
                     "momentum * params[name] + new.value")]),
    ('eps-stored', [("mean, var = X.mean(axis=0), X.var(axis=0)               # (D,)",
                     "mean, var = X.mean(axis=0), X.var(axis=0) + eps")]),
    ('summed', [("mean, var = X.mean(axis=0), X.var(axis=0)               # (D,)",
                 "mean = X.mean(axis=0)\n        var = ((X - mean) ** 2).sum(axis=0)")]),
    ('global', [("mean, var = X.mean(axis=0), X.var(axis=0)               # (D,)",
                 "mean, var = X.mean(), X.var()")]),
    ('not-centred', [("return gamma * (X - mean) / (var + eps).sqrt() + beta",
                      "return gamma * X / (var + eps).sqrt() + beta")]),
    ('beta-subtracted', [("return gamma * (X - mean) / (var + eps).sqrt() + beta",
                          "return gamma * (X - mean) / (var + eps).sqrt() - beta")]),
    ('rows', [("mean, var = X.mean(axis=0), X.var(axis=0)               # (D,)",
               "mean, var = X.mean(axis=1, keepdims=True), X.var(axis=1, keepdims=True)")]),
    ('squares-stored', [("('avg_variance_bn1', var)", "('avg_variance_bn1', (X * X).mean(axis=0))")]),
    ('no-root', [("    else:\n",
                  "    else:\n        return gamma * (X - params['avg_mean_bn1']) / params['avg_variance_bn1'] "
                  "+ beta\n")]),
    ('eps-ignored', [("    else:\n",
                      "    else:\n        return gamma * (X - params['avg_mean_bn1']) / "
                      "params['avg_variance_bn1'] ** 0.5 + beta\n")]),
    ('not-scaled', [(" / (var + eps).sqrt()", "")]),
    ('turned', [("(X - mean)", "(mean - X)")]),
    ('eps-twice', [("(var + eps).sqrt()", "((var + eps).sqrt() + eps)")]),
    ('beta-inside', [("return gamma * (X - mean) / (var + eps).sqrt() + beta",
                      "return gamma * ((X - mean) / (var + eps).sqrt() + beta)")]),
    ('exchanged', [("    else:\n        mean, var = Node(params['avg_mean_bn1']), Node(params['avg_variance_bn1'])",
                    "    else:\n        var, mean = Node(params['avg_mean_bn1']), Node(params['avg_variance_bn1'])")]),
    ('updated-twice', [("for name, new in (('avg_mean_bn1', mean), ('avg_variance_bn1', var)):",
                        "params['avg_mean_bn1'] = params['avg_mean_bn1'] * momentum + (1 - momentum) * mean.value\n  "
                        "      for name, new in (('avg_mean_bn1', mean), ('avg_variance_bn1', var)):")]),
    ('global', [("momentum * params[name] + (1 - momentum) * new.value",
                 "momentum * params[name] + (1 - momentum) * new.value.mean()")]),
]
RIGHT = [
    [(UPDATE, "params[name] + (1 - momentum) * (new.value - params[name])"),
     (TEST, "mean, var = params['avg_mean_bn1'], Node(params['avg_variance_bn1'])")],
    [(BATCH, "mean = X.sum(axis=0) / X.shape[0]\n        var = ((X - mean) ** 2).mean(axis=0)"),
     (LAST, "return (X - mean) * (var + eps) ** -0.5 * gamma + beta")],
    [(UPDATE, "momentum * params[name] + (1 - momentum) * new"), ("(('avg_mean_bn1', mean), ('avg_variance_bn1', var))",
      "(('avg_mean_bn1', X.value.mean(axis=0)), ('avg_variance_bn1', X.value.var(axis=0)))")],
    [("    if train:", "    if not train:\n        scale = gamma / (params['avg_variance_bn1'] + eps) ** 0.5\n"
      "        return X * scale + (beta - params['avg_mean_bn1'] * scale)\n    if train:")],
    [(LAST, "x_hat = (X - mean) / (var + eps) ** 0.5\n    return x_hat * gamma + beta"),
     (TEST, "mean, var = (Node(params[f'avg_{name}_bn1'], f'avg_{name}_bn1') for name in ('mean', 'variance'))")],
    [("            params[name] = momentum * params[name] + (1 - momentum) * new.value",
      "            params[name] *= momentum\n            params[name] += (1 - momentum) * new.value")],
    [("        for name, new in (('avg_mean_bn1', mean), ('avg_variance_bn1', var)):\n            params[name] "
      "= momentum * params[name] + (1 - momentum) * new.value",
      "        params.update(avg_mean_bn1=momentum * params['avg_mean_bn1'] + (1 - momentum) * mean.value,\n   "
      "                   avg_variance_bn1=params['avg_variance_bn1'] * momentum + var.value * (1 - momentum))")],
    [("            params[name] = momentum * params[name] + (1 - momentum) * new.value",
      "            params[name] = sum(w * a for w, a in ((momentum, params[name]), (1 - momentum, new.value)))")],
    [("    else:\n        mean, var = Node(params['avg_mean_bn1']), Node(params['avg_variance_bn1'])",
      "    else:\n        mean, var = params['avg_mean_bn1'], params['avg_variance_bn1']\n        return gamma * ((X "
      "- mean) / (var + eps) ** 0.5) + beta")],
]
