"""Wrong answers to 03_train_test_mode: (hint, pieces of the solution and what stands in their place)."""
UPDATE = "new if old is None else momentum * old + (1 - momentum) * new"
TEST = "mean, var = means[layer_name], variances[layer_name]                    # (D,)"
X_HAT = "    X_hat = "
STORED = "means[layer_name], variances[layer_name]"

MISTAKES = [
    ('averages-in-training', [(X_HAT, f"    mean, var = {STORED}\n    X_hat = ")]),
    ('reversed', [(UPDATE, "new if old is None else (1 - momentum) * old + momentum * new")]),
    ('from-zero', [(UPDATE, "momentum * (nd.zeros_like(new) if old is None else old) + (1 - momentum) * new")]),
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
    ('not-stored', [("    if is_training:", "    means, variances = dict(means), dict(variances)\n    if is_training:")]),
    ('unbiased', [("(variances, var))", "(variances, var * X.shape[0] / (X.shape[0] - 1)))")]),
    ('momentum-ignored', [(UPDATE, "new if old is None else 0.9 * old + 0.1 * new")]),
    ('on-tape', [("            new = new.detach()\n", "")]),
]
RIGHT = [
    [("            new = new.detach()\n", ""), ("        for averages, new in", "        for averages, new in"),
     (UPDATE, "(new if old is None else momentum * old + (1 - momentum) * new).detach()")],
    [("            new = new.detach()\n", "            new = nd.array(new.asnumpy())\n"),
     (UPDATE, "new if old is None else old + (1 - momentum) * (new - old)")],
]
