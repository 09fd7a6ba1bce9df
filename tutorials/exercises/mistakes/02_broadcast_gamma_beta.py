"""Wrong answers to 02_broadcast_gamma_beta: (hint, pieces of the solution and what stands in their place)."""
AXES = "else (0, 2, 3)"
VAR = "var = nd.mean((X - mean) ** 2, axis=axes, keepdims=True)"
X_HAT = "X_hat = (X - mean) / nd.sqrt(var + eps)"
RESULT = "return gamma.reshape(shape) * X_hat + beta.reshape(shape)"

MISTAKES = [
    ('batch-only', [(AXES, "else (0,)")]),
    ('roots-added', [(X_HAT, "X_hat = (X - mean) / (nd.sqrt(var) + eps ** 0.5)")]),
    ('gamma-added', [(RESULT, "return gamma.reshape(shape) + X_hat + beta.reshape(shape)")]),
    ('instance', [(AXES, "else (2, 3)")]),
    ('layer', [(AXES, "else (1, 2, 3)")]),
    ('all-axes', [(AXES, "else (0, 1, 2, 3)")]),
    ('last-axis', [("else (1, -1, 1, 1)", "else (1, 1, 1, -1)")]),
    ('swapped', [(RESULT, "return beta.reshape(shape) * X_hat + gamma.reshape(shape)")]),
    ('beta-inside', [(RESULT, "return gamma.reshape(shape) * (X_hat + beta.reshape(shape))")]),
    ('no-gamma-beta', [(RESULT, "return X_hat")]),
    ('no-gamma', [(RESULT, "return X_hat + beta.reshape(shape)")]),
    ('no-beta', [(RESULT, "return gamma.reshape(shape) * X_hat")]),
    ('unbiased', [(VAR, "var = nd.sum((X - mean) ** 2, axis=axes, keepdims=True) / (X.size / gamma.size - 1)")]),
    ('no-root', [(X_HAT, "X_hat = (X - mean) / (var + eps)")]),
    ('eps-ignored', [(X_HAT, "X_hat = (X - mean) / nd.sqrt(var)")]),
    ('eps-ignored', [(X_HAT, "X_hat = (X - mean) / nd.sqrt(var + 1e-5)")]),
    ('some-axes', [(AXES, "else (0, 1)")]),
    ('some-axes', [(AXES, "else (0, 2)")]),
    ('images-counted', [(VAR, "var = nd.sum((X - mean) ** 2, axis=axes, keepdims=True) / X.shape[0]")]),
    ('as-rows', [(AXES, "else 0"), ("else (1, -1, 1, 1)", "else (1, 1, 1, -1)")]),
    ('no-transpose', [(RESULT, RESULT + """ if X.ndim == 2 else batch_norm(
        X.reshape((-1, X.shape[1])), gamma, beta, eps).reshape(X.shape)""")]),
    ('no-transpose', [(RESULT, RESULT + """ if X.ndim == 2 else batch_norm(
        X.transpose((0, 2, 3, 1)).reshape((-1, X.shape[1])), gamma, beta, eps).reshape(X.shape)""")]),
    ('rows', [("axes = 0 if", "axes = 1 if")]),
    ('gamma-twice', [(RESULT, "return gamma.reshape(shape) ** 2 * X_hat + beta.reshape(shape)")]),
    ('beta-subtracted', [(RESULT, "return gamma.reshape(shape) * X_hat - beta.reshape(shape)")]),
    ('summed', [(VAR, "var = nd.sum((X - mean) ** 2, axis=axes, keepdims=True)")]),
    ('not-centred', [(X_HAT, "X_hat = X / nd.sqrt(var + eps)")]),
    ('not-scaled', [(X_HAT, "X_hat = X - mean")]),
    ('times-std', [(X_HAT, "X_hat = (X - mean) * nd.sqrt(var + eps)")]),
    ('not-normalised', [(RESULT, "return gamma.reshape(shape) * X + beta.reshape(shape)")]),
    ('not-normalised',
     [(RESULT, "return nd.BatchNorm(X, gamma, beta, nd.zeros_like(gamma), nd.ones_like(gamma), eps=eps)")]),
    ('cancelled', [(VAR, "var = nd.mean(X ** 2, axis=axes, keepdims=True) - mean ** 2")]),
    ('changed', [(RESULT, "X[:] = gamma.reshape(shape) * X_hat + beta.reshape(shape)\n    return X")]),
    ('eps-outside', [(X_HAT, "X_hat = (X - mean) / (nd.sqrt(var) + eps)")]),
    ('two-axes', [("var = nd.mean((X - mean) ** 2, axis=axes, keepdims=True)",
                   "var = nd.mean((X - mean) ** 2, axis=axes if X.ndim == 2 else (2, 3), keepdims=True)")]),
    ('gamma-before', [("mean = nd.mean(X", "X = gamma.reshape(shape) * X\n    mean = nd.mean(X"),
                      ("return gamma.reshape(shape) * X_hat + beta.reshape(shape)",
                       "return X_hat + beta.reshape(shape)")]),
    ('beta-times', [("return gamma.reshape(shape) * X_hat + beta.reshape(shape)",
                     "return gamma.reshape(shape) * X_hat * beta.reshape(shape)")]),
    ('turned', [("X_hat = (X - mean)", "X_hat = (mean - X)")]),
    ('eps-twice', [("nd.sqrt(var + eps)", "(nd.sqrt(var + eps) + eps)")]),
    ('broadcast', [("else (1, -1, 1, 1)", "else (1, 1, -1, 1)")]),
    ('by-gamma', [("return gamma.reshape(shape) * X_hat + beta.reshape(shape)",
                   "return X_hat / gamma.reshape(shape) + beta.reshape(shape)")]),
    ('one-plus-gamma', [("return gamma.reshape(shape) * X_hat", "return (1 + gamma.reshape(shape)) * X_hat")]),
    ('root-twice', [("X_hat = (X - mean) / nd.sqrt(var + eps)", "X_hat = (X - mean) / nd.sqrt(nd.sqrt(var + eps))")]),
    ('one-for-all', [("gamma.reshape(shape) * X_hat", "gamma[0] * X_hat")]),
    ('beta-scaled', [("+ beta.reshape(shape)", "+ beta.reshape(shape) / nd.sqrt(var + eps)")]),
    ('mean-added', [("X_hat = (X - mean) /", "X_hat = (X + mean) /")]),
    ('one-for-all', [("+ beta.reshape(shape)", "+ beta.sum()")]),
]
RIGHT = [
    [("axes = 0 if X.ndim == 2 else (0, 2, 3)", "axes = tuple(i for i in range(X.ndim) if i != 1)")],
    [(RESULT, "return nd.broadcast_add(nd.broadcast_mul(X_hat, gamma.reshape(shape)), beta.reshape(shape))"),
     (X_HAT, "X_hat = (X - mean) * (var + eps) ** -0.5")],
    [("axes = 0 if X.ndim == 2 else (0, 2, 3)",
      "if X.ndim == 4:\n        channels_last = X.transpose((0, 2, 3, 1))\n"
      "        rows = batch_norm(channels_last.reshape((-1, X.shape[1])), gamma, beta, eps)\n"
      "        return rows.reshape(channels_last.shape).transpose((0, 3, 1, 2))\n    axes = 0")],
    [(VAR, "var = nd.moments(X, axes=(0,) if X.ndim == 2 else axes, keepdims=True)[1]")],
    [(RESULT, "channels = []\n    for c in range(X.shape[1]):\n        "
              "x = nd.slice_axis(X, axis=1, begin=c, end=c + 1)\n"
              "        x = x - x.mean()\n        channels.append(x / nd.sqrt((x * x).mean() + eps) * "
              "gamma[c] + beta[c])\n"
              "    return nd.concat(*channels, dim=1)")],
    [("return gamma.reshape(shape) * X_hat + beta.reshape(shape)",
      "from mxnet import autograd\n    with autograd.train_mode():\n        return nd.BatchNorm(X, gamma, "
      "beta, nd.zeros_like(gamma), nd.ones_like(gamma), eps=eps, fix_gamma=False)")],
    [("return gamma.reshape(shape) * X_hat + beta.reshape(shape)",
      "C = X.shape[1]\n    rows = X.swapaxes(0, 1).reshape((C, -1))\n    rows = rows - rows.mean(axis=1, "
      "keepdims=True)\n    rows = rows / nd.sqrt(nd.square(rows).mean(axis=1, keepdims=True) + eps) * "
      "gamma.reshape((C, 1)) + beta.reshape((C, 1))\n    return rows.reshape(X.swapaxes(0, "
      "1).shape).swapaxes(0, 1)")],
    [("return gamma.reshape(shape) * X_hat + beta.reshape(shape)",
      "return ((X_hat.swapaxes(1, X.ndim - 1) * gamma) + beta).swapaxes(1, X.ndim - 1)")],
    [("    axes = 0 if",
      "    if X.ndim == 2:\n        return batch_norm(X.reshape((0, 0, 1, 1)), gamma, beta, eps).reshape(X.shape)\n  "
      "  axes = 0 if")],
]
