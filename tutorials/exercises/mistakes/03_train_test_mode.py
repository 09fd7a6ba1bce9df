"""Wrong answers to 03_train_test_mode: (hint, pieces of the solution and what stands in their place)."""
UPDATE = "new if old is None else momentum * old + (1 - momentum) * new"
TEST = "mean, var = means[layer_name], variances[layer_name]                    # (D,)"
X_HAT = "    X_hat = "
STORED = "means[layer_name], variances[layer_name]"
RESULT = "return gamma.reshape((1, -1)) * X_hat + beta.reshape((1, -1))"
ROOT = "nd.sqrt(var.reshape((1, -1)) + eps)"

MISTAKES = [
    ('averages-in-training', [(X_HAT, f"    mean, var = {STORED}\n    X_hat = ")]),
    ('reversed', [(UPDATE, "new if old is None else (1 - momentum) * old + momentum * new")]),
    ('from-zero', [(UPDATE, "momentum * (nd.zeros_like(new) if old is None else old) + (1 - momentum) * new")]),
    ('zeros-stored', [(UPDATE, "nd.zeros_like(new) if old is None else momentum * old + (1 - momentum) * new")]),
    ('overwritten', [(UPDATE, "new")]),
    ('std-stored', [("(variances, var))", "(variances, nd.sqrt(var)))")]),
    ('batch-in-test', [(TEST, "mean = nd.mean(X, axis=0)\n"
                              "        var = nd.mean((X - mean.reshape((1, -1))) ** 2, axis=0)")]),
    ('updated-in-test', [(TEST, f"mean, var = {STORED}\n"
                                "        means[layer_name] = momentum * mean + (1 - momentum) * nd.mean(X, axis=0)")]),
    ('one-for-all', [("averages.get(layer_name)", "averages.get('bn1')"),
                     ("averages[layer_name] = new", "averages['bn1'] = new"),
                     (TEST, "mean, var = means['bn1'], variances['bn1']")]),
    ('one-for-all', [("averages.get(layer_name)", "averages.get('layer')"),
                     ("averages[layer_name] = new", "averages['layer'] = new"),
                     (TEST, "mean, var = means['layer'], variances['layer']")]),
    ('not-stored', [("    if is_training:",
                     "    means, variances = dict(means), dict(variances)\n    if is_training:")]),
    ('unbiased', [("(variances, var))", "(variances, var * X.shape[0] / (X.shape[0] - 1)))")]),
    ('momentum-ignored', [(UPDATE, "new if old is None else 0.9 * old + 0.1 * new")]),
    ('on-tape', [("            new = new.detach()\n", "")]),
    ('read-first', [("    if is_training:", "    if autograd.is_training():"),
                    ("from mxnet import nd", "from mxnet import autograd, nd")]),
    ('read-first', [("old = averages.get(layer_name)", "old = averages[layer_name]")]),
    ('squares-stored', [("(variances, var))", "(variances, nd.mean(X ** 2, axis=0)))")]),
    ('exchanged', [("((means, mean), (variances, var))", "((means, var), (variances, mean))")]),
    ('exchanged', [(TEST, "var, mean = means[layer_name], variances[layer_name]")]),
    ('batch-in-test', [(TEST, "mean = means[layer_name]\n        var = nd.mean((X - mean) ** 2, axis=0)")]),
    ('unbiased-in-test', [(TEST, f"mean, var = {STORED}\n        var = var * X.shape[0] / (X.shape[0] - 1)")]),
    ('no-gamma', [(RESULT, "return X_hat + beta")]),
    ('no-beta', [(RESULT, "return gamma * X_hat")]),
    ('swapped', [(RESULT, "return beta * X_hat + gamma")]),
    ('no-root', [(ROOT, "(var.reshape((1, -1)) + eps)")]),
    ('eps-ignored', [(ROOT, "nd.sqrt(var.reshape((1, -1)))")]),
    ('eps-outside', [(ROOT, "(nd.sqrt(var.reshape((1, -1))) + eps)")]),
    ('eps-stored', [("(variances, var))", "(variances, var + eps))")]),
    ('constants',
     [("    else:\n        mean, var",
       "        mean, var = mean.detach(), var.detach()\n    else:\n        mean, var")]),
    ('constants', [("    if is_training:", "    X = X.detach()\n    if is_training:")]),
    ('cancelled', [("nd.mean((X - mean.reshape((1, -1))) ** 2, axis=0)", "nd.mean(X ** 2, axis=0) - mean ** 2")]),
    ('not-stored', [("in ((means, mean), (variances, var))", "in [(means, mean)]"),
                    (TEST, "mean = means[layer_name]\n        var = nd.mean((X - mean) ** 2, axis=0)")]),
    ('variance-of-what', [("        for averages, new in",
                           "        var = nd.mean((X - means.get(layer_name, mean).reshape((1, -1))) ** 2, "
                           "axis=0)\n        for averages, new in")]),
    ('no-weights', [("momentum * old + (1 - momentum) * new", "old + new")]),
    ('no-gamma-beta', [("    X_hat = ",
                        "    if not is_training:\n        return (X - mean) / nd.sqrt(var + eps)\n    X_hat = ")]),
    ('on-tape', [("new = new.detach()", "new = new.copy()")]),
    ('no-weights', [("momentum * old + (1 - momentum) * new", "momentum * old + new")]),
    ('from-one', [("new if old is None else",
                   "(1 - momentum) * new + momentum * nd.ones_like(new) if old is None else")]),
    ('turned', [("X_hat = (X - mean.reshape((1, -1)))", "X_hat = (mean.reshape((1, -1)) - X)")]),
    ('not-centred', [("X_hat = (X - mean.reshape((1, -1)))", "X_hat = X")]),
    ('not-scaled', [(" / " + ROOT, "")]),
    ('first-kept', [("new if old is None else momentum * old + (1 - momentum) * new", "new if old is None else old")]),
    ('momentum-ignored', [("momentum * old + (1 - momentum) * new", "(old + new) / 2")]),
    ('eps-ignored', [("nd.sqrt(var.reshape((1, -1)) + eps)",
                      "nd.sqrt(var.reshape((1, -1)) + (eps if is_training else 0))")]),
    ('overwritten', [("        for averages, new in",
                      "        means[layer_name], variances[layer_name] = mean, var\n        for averages, new in")]),
]
RIGHT = [
    [("            new = new.detach()\n", ""),
     (UPDATE, "(new if old is None else momentum * old + (1 - momentum) * new).detach()")],
    [("            new = new.detach()\n", "            new = nd.array(new.asnumpy())\n"),
     (UPDATE, "new if old is None else old + (1 - momentum) * (new - old)")],
    [("    if is_training:", "    if is_training:\n        # as the package does it\n        import gluon_bn as gbn\n"
      "        return gbn.batch_norm(X, gamma, beta, means, variances, momentum, eps, layer_name)\n"
      "    if is_training:")],
    [("        for averages, new in ((means, mean), (variances, var)):\n            new = new.detach()\n",
      "        from mxnet import autograd\n        pairs = ((means, mean.detach()), (variances, var.detach()))\n"
      "        for averages, new in pairs:\n"),
     ("averages[layer_name] = new if old",
      "with autograd.pause():\n                averages[layer_name] = new if old")],
    [("mean = nd.mean(X, axis=0)  ", "mean, var = nd.moments(X, axes=0)  #"), (RESULT, "return X_hat * gamma + beta")],
    [("old = averages.get(layer_name)", "old = averages.get(layer_name, new)"),
     ("new if old is None else ", "")],
    [("            averages[layer_name] = new if old is None else momentum * old + (1 - momentum) * new",
      "            if layer_name not in averages:\n                averages[layer_name] = new\n            "
      "else:\n                averages[layer_name] *= momentum\n                averages[layer_name] += (1 - "
      "momentum) * new")],
    [("            new = new.detach()\n            old = averages.get(layer_name)\n            averages[layer_name] "
      "= new if old is None else momentum * old + (1 - momentum) * new",
      "            if layer_name in averages:\n                averages[layer_name][:] = momentum * "
      "averages[layer_name] + (1 - momentum) * new.detach()\n            else:\n                averages[layer_name] "
      "= new.copy().detach()")],
    [("            new = new.detach()\n            old = averages.get(layer_name)\n            averages[layer_name] "
      "= new if old is None else momentum * old + (1 - momentum) * new",
      "            new = nd.array(new.asnumpy())\n            old = averages.setdefault(layer_name, new)\n           "
      " averages[layer_name] = momentum * old + (1 - momentum) * new")],
]
