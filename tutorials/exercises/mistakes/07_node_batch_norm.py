"""Wrong answers to 07_node_batch_norm: (hint, pieces of the solution and what stands in their place)."""
MEAN = "mean = X.mean(axis=0)"
VAR = "var = ((X - mean) ** 2).mean(axis=0)"
X_HAT = "X_hat = (X - mean) / (var + eps).sqrt()"
RESULT = "return gamma * X_hat + beta"

MISTAKES = [
    ('unbiased', [(VAR, "var = ((X - mean) ** 2).sum(axis=0) / (X.shape[0] - 1)")]),
    ('eps-outside', [(X_HAT, "X_hat = (X - mean) / (var.sqrt() + eps)")]),
    ('global', [(MEAN, "mean = X.mean()"), (VAR, "var = ((X - mean) ** 2).mean()")]),
    ('no-root', [(X_HAT, "X_hat = (X - mean) / (var + eps)")]),
    ('constants', [(MEAN, "mean = X.value.mean(axis=0)"), (VAR, "var = Node(X.value.var(axis=0))")]),
    ('X-constant', [(MEAN, "mean = X.mean(axis=0); X = Node(X.value)")]),
    ('mean-constant', [(X_HAT, "X_hat = (X - mean.value) / (var + eps).sqrt()")]),
    ('variance-constant', [(VAR, "var = Node(X.value.var(axis=0))")]),
    ('gamma-constant', [(RESULT, "return gamma.value * X_hat + beta")]),
    ('type', [(RESULT, "return (gamma * X_hat + beta).value")]),
    ('rows', [(MEAN, "mean = X.mean(axis=1, keepdims=True)"),
              (VAR, "var = ((X - mean) ** 2).mean(axis=1, keepdims=True)")]),
    ('not-grouped', [("parts = X.reshape(m, groups, D // groups)", "parts = X.reshape(m, 1, D)")]),
    ('whole-batch', [("parts.mean(axis=2, keepdims=True)", "parts.mean(axis=(0, 2), keepdims=True)"),
                     ("(centred ** 2).mean(axis=2", "(centred ** 2).mean(axis=(0, 2)")]),
    ('interleaved', [("parts = X.reshape(m, groups, D // groups)", "parts = X.reshape(m, D // groups, groups)"),
                     ("parts.mean(axis=2, keepdims=True)", "parts.mean(axis=1, keepdims=True)"),
                     ("(centred ** 2).mean(axis=2, keepdims=True)", "(centred ** 2).mean(axis=1, keepdims=True)")]),
    ('no-gamma', [(RESULT, "return X_hat + beta")]),
    ('no-beta', [(RESULT, "return gamma * X_hat")]),
    ('swapped', [(RESULT, "return beta * X_hat + gamma")]),
    ('beta-inside', [(RESULT, "return gamma * (X_hat + beta)")]),
    ('eps-ignored', [(X_HAT, "X_hat = (X - mean) / var.sqrt()")]),
    ('summed', [(VAR, "var = ((X - mean) ** 2).sum(axis=0)")]),
    ('not-centred', [(X_HAT, "X_hat = X / (var + eps).sqrt()")]),
    ('uncentred', [(VAR, "var = (X ** 2).mean(axis=0)")]),
    ('X-constant', [(X_HAT, "X_hat = (X.value - mean) / (var + eps).sqrt()")]),
    ('no-graph', [(RESULT, "return Node((gamma * X_hat + beta).value)")]),
    ('several', [(RESULT, "return gamma * X_hat + beta, mean, var")]),
    ('as-batch-norm', [("    m, D = X.shape", "    return batch_norm(X, gamma, beta, eps)\n    m, D = X.shape")]),
    ('size-for-groups', [("X.reshape(m, groups, D // groups)", "X.reshape(m, D // groups, groups)")]),
    ('eps-ignored', [("(variance + eps)", "(variance + 1e-5)")]),
    ('unbiased', [("(centred ** 2).mean(axis=2, keepdims=True)",
                   "(centred ** 2).sum(axis=2, keepdims=True) / (D // groups - 1)")]),
    ('gamma-constant', [("return gamma * X_hat_parts", "return gamma.value * X_hat_parts")]),
    ('mean-constant', [("centred = parts - parts.mean(", "centred = parts - parts.value.mean(")]),
    ('missing', [("def group_norm", "def layer_norm")]),
    ('broadcast', [(MEAN, "mean = X.mean(axis=1)")]),
    ('eps-outside', [("X_hat = (X - mean) / (var + eps).sqrt()", "X_hat = (X - mean) / var.sqrt() + eps")]),
    ('square-of-mean', [("var = ((X - mean) ** 2).mean(axis=0)", "var = (X - mean).mean(axis=0) ** 2")]),
    ('across-groups', [("centred = parts - parts.mean(axis=2, keepdims=True)",
                        "centred = parts - parts.mean(axis=1, keepdims=True)"),
                       ("variance = (centred ** 2).mean(axis=2, keepdims=True)",
                        "variance = (centred ** 2).mean(axis=1, keepdims=True)")]),
    ('two-axes', [("variance = (centred ** 2).mean(axis=2, keepdims=True)",
                   "variance = (centred ** 2).mean(axis=(1, 2), keepdims=True)")]),
    ('beta-subtracted', [("return gamma * X_hat + beta  ", "return gamma * X_hat - beta  ")]),
    ('times-std', [("X_hat = (X - mean) / (var + eps).sqrt()", "X_hat = (X - mean) * (var + eps).sqrt()")]),
    ('not-scaled', [("X_hat = (X - mean) / (var + eps).sqrt()", "X_hat = X - mean")]),
    ('broadcast', [("X_hat_parts.reshape(m, D)", "X_hat_parts")]),
    ('not-centred', [("X_hat_parts = centred / ", "X_hat_parts = parts / ")]),
    ('gamma-before', [("mean = X.mean(axis=0)", "X = gamma * X\n    mean = X.mean(axis=0)"),
                      ("return gamma * X_hat + beta  ", "return X_hat + beta  ")]),
    ('variance-constant', [("variance = (centred ** 2).mean(axis=2, keepdims=True)",
                            "variance = Node((centred.value ** 2).mean(axis=2, keepdims=True))")]),
    ('beta-times', [("return gamma * X_hat + beta  ", "return gamma * X_hat * beta  ")]),
    ('eps-squared', [("/ (var + eps).sqrt()     #", "/ (var + eps * eps).sqrt()     #")]),
    ('absolute', [("var = ((X - mean) ** 2).mean(axis=0)", "var = ((X - mean) ** 2).sqrt().mean(axis=0)")]),
    ('one-plus-gamma', [("return gamma * X_hat + beta  ", "return (gamma + 1) * X_hat + beta  ")]),
]
RIGHT = [
    [(MEAN, "mean = X.sum(axis=0) / X.shape[0]"), (VAR, "var = X.var(axis=0)")],
    [(X_HAT, "X_hat = (X - mean) * (var + eps) ** -0.5"),
     ("variance = (centred ** 2).mean(axis=2, keepdims=True)", "variance = parts.var(axis=2, keepdims=True)")],
    [(VAR, "var = (X * X).mean(axis=0) - mean * mean"), ("parts = X.reshape(m, groups, D // groups)",
                                                       "parts = X.reshape((len(X.value), groups, -1))")],
    [(X_HAT, "X_hat = _normalised(X, 0, eps)"),
     ("X_hat_parts = centred / (variance + eps).sqrt() ",
      "return gamma * _normalised(X.reshape(m * groups, D // groups), 1, eps).reshape(m, D) + beta  # "),
     ("def group_norm", "def _normalised(x, axis, eps):\n    c = x - x.mean(axis=axis, keepdims=True)\n"
                        "    return c * ((c * c).mean(axis=axis, keepdims=True) + eps) ** -0.5\n\n\ndef group_norm")],
    [("parts = X.reshape(m, groups, D // groups) ", "Y = X.reshape(m * groups, D // groups)\n"
      "    mean, var = Y.mean(axis=1).reshape(m * groups, 1), Y.var(axis=1).reshape(m * groups, 1)\n"
      "    return ((Y - mean) / (var + eps).sqrt()).reshape(m, D) * gamma + beta\n"
      "    parts = X.reshape(m, groups, -1) ")],
    [("X_hat = (X - mean) / (var + eps).sqrt()",
      "X_hat = (X - X.mean(axis=0)) / (X.var(axis=0) + eps) ** 0.5")],
    [("parts = X.reshape(m, groups, D // groups) ",
      "import numpy as np\n    size = D // groups\n    A = np.kron(np.eye(groups), np.ones((size, size)) / "
      "size)\n    c = X - X @ A\n    return c / ((c * c) @ A + eps).sqrt() * gamma + beta\n    parts = "
      "X.reshape(m, groups, D // groups) ")],
    [("return gamma * X_hat + beta  ", "return (X - mean) * (gamma / (var + eps).sqrt()) + beta  ")],
    [("    m, D = X.shape\n",
      "    m, D = X.shape\n    if groups == 1:\n        return gamma * X + beta\n    Y = X.reshape(m, groups, D // "
      "groups)\n    c = Y - Y.sum(axis=-1, keepdims=True) * (groups / D)\n    s = (c * c).sum(axis=-1, "
      "keepdims=True) * (groups / D) + eps\n    return (c * s ** -0.5).reshape(m, D) * gamma + beta\n")],
]
