"""Wrong answers to 01_normalize_matrix: (hint, pieces of the solution and what stands in their place)."""
VAR = "nd.mean((X - mean) ** 2, axis=axis, keepdims=True)    # (1, D) or (D, 1)"
MEAN = "nd.mean(X, axis=axis, keepdims=True)                 # (1, D) or (D, 1)"
RESULT = "return (X - mean) / nd.sqrt(var + eps)"

MISTAKES = [
    ('unbiased', [(VAR, "nd.sum((X - mean) ** 2, axis=axis, keepdims=True) / (X.shape[axis] - 1)")]),
    ('eps-outside', [(RESULT, "return (X - mean) / (nd.sqrt(var) + eps)")]),
    ('eps-ignored', [(RESULT, "return (X - mean) / nd.sqrt(var)")]),
    ('eps-ignored', [(RESULT, "return (X - mean) / nd.sqrt(var + 1e-5)")]),
    ('rows', [(MEAN, "nd.mean(X, axis=1, keepdims=True)"), (VAR, "nd.mean((X - mean) ** 2, axis=1, keepdims=True)")]),
    ('global', [(MEAN, "nd.mean(X).reshape((1, 1))"), (VAR, "nd.mean((X - mean) ** 2).reshape((1, 1))")]),
    ('no-root', [(RESULT, "return (X - mean) / (var + eps)")]),
    ('no-root', [(RESULT, "return (X - mean) / (nd.sqrt(var) ** 2 + eps)")]),
    ('not-centred', [(RESULT, "return X / nd.sqrt(var + eps)")]),
    ('not-scaled', [(RESULT, "return X - mean")]),
    ('cancelled', [(VAR, "nd.mean(X ** 2, axis=axis, keepdims=True) - mean ** 2")]),
    ('axis-ignored', [(MEAN, "nd.mean(X, axis=0, keepdims=True)"),
                      (VAR, "nd.mean((X - mean) ** 2, axis=0, keepdims=True)")]),
    ('summed', [(VAR, "nd.sum((X - mean) ** 2, axis=axis, keepdims=True)")]),
    ('summed', [(RESULT, "return (X - mean) / nd.norm(X - mean, axis=axis, keepdims=True)")]),
    ('absolute', [(VAR, "nd.mean(nd.abs(X - mean), axis=axis, keepdims=True)")]),
    ('uncentred', [(VAR, "nd.mean(X ** 2, axis=axis, keepdims=True)")]),
    ('times-std', [(RESULT, "return (X - mean) * nd.sqrt(var + eps)")]),
    ('min-max', [(RESULT, "low, high = nd.min(X, axis=axis, keepdims=True), nd.max(X, axis=axis, keepdims=True)\n"
                          "    return (X - low) / (high - low)")]),
    ('precedence', [(RESULT, "return X - mean / nd.sqrt(var + eps)")]),
    ('eps-outside', [(RESULT, "return (X - mean) / nd.sqrt(var) + eps")]),
    ('rows-counted', [(MEAN, "nd.sum(X, axis=axis, keepdims=True) / X.shape[0]"),
                      (VAR, "nd.sum((X - mean) ** 2, axis=axis, keepdims=True) / X.shape[0]")]),
    ('arguments', [("eps=1e-5, axis=0", "eps=1e-5"), ("nd.mean(X, axis=axis", "nd.mean(X, axis=0"),
                   ("** 2, axis=axis", "** 2, axis=0")]),
    ('broadcast', [(MEAN, "nd.mean(X, axis=axis)")]),
    ('mxnet-argument', [("from mxnet import nd", "import numpy as np\nfrom mxnet import nd"),
                        (MEAN, "np.mean(X, axis=axis)")]),
    ('several', [(RESULT, "return (X - mean) / nd.sqrt(var + eps), mean, var")]),
    ('changed', [(RESULT, "X -= mean; X /= nd.sqrt(var + eps); return X")]),
    ('none', [(RESULT, "result = (X - mean) / nd.sqrt(var + eps)")]),
    ('type', [(RESULT, "return ((X - mean) / nd.sqrt(var + eps)).asnumpy()")]),
    ('wrong-sign', [("return (X - mean) / nd.sqrt(var + eps)", "return (mean - X) / nd.sqrt(var + eps)")]),
    ('by-range', [("return (X - mean) / nd.sqrt(var + eps)",
                   "return (X - mean) / (nd.max(X, axis=axis, keepdims=True) - nd.min(X, axis=axis, "
                   "keepdims=True))")]),
    ('mean-behind', [("return (X - mean) / nd.sqrt(var + eps)", "return X / nd.sqrt(var + eps) - mean")]),
    ('two-axes', [("nd.mean((X - mean) ** 2, axis=axis,", "nd.mean((X - mean) ** 2, axis=1 - axis,")]),
    ('length', [("return (X - mean) / nd.sqrt(var + eps)", "return X / nd.norm(X, axis=axis, keepdims=True)")]),
    ('eps-twice', [("return (X - mean) / nd.sqrt(var + eps)",
                    "return (X - mean) / (nd.sqrt(var + eps) + eps)")]),
    ('eps-twice', [("nd.mean((X - mean) ** 2, axis=axis, keepdims=True) ",
                    "nd.mean((X - mean) ** 2 + eps, axis=axis, keepdims=True) + eps ")]),
    ('root-twice', [("keepdims=True)    # (1, D) or (D, 1)", "keepdims=True) ** 0.5    # std")]),
    ('global', [("return (X - mean) / nd.sqrt(var + eps)", "return (X - nd.mean(X)) / nd.sqrt(var + eps)")]),
    ('eps-squared', [("return (X - mean) / nd.sqrt(var + eps)", "return (X - mean) / nd.sqrt(var + eps ** 2)")]),
    ('no-root', [("nd.sqrt(var + eps)", "nd.sqrt(var ** 2 + eps)")]),
    ('eps-elsewhere', [(RESULT, "return (X - mean + eps) / nd.sqrt(var)")]),
    ('eps-elsewhere', [(RESULT, "return (X - mean) / nd.sqrt(var * eps)")]),
    ('eps-elsewhere', [(RESULT, "return (X - mean) / (nd.sqrt(var) + nd.sqrt(nd.array([eps])))")]),
    ('eps-elsewhere', [(RESULT, "return (X - mean) / nd.sqrt(var - eps)")]),
]
RIGHT = [
    [(VAR, "nd.mean(nd.square(X - mean), axis=axis, keepdims=True)"),
     (RESULT, "return (X - mean) * nd.rsqrt(var + eps)")],
    [(MEAN, "(nd.sum(X, axis=axis) / X.shape[axis]).expand_dims(axis)"),
     (RESULT, "return nd.broadcast_div(nd.broadcast_sub(X, mean), (var + eps) ** 0.5)")],
    [(MEAN, "nd.moments(X, axes=axis, keepdims=True)[0]"), (VAR, "nd.moments(X, axes=axis, keepdims=True)[1]")],
    [(RESULT, "if axis == 1:\n        return normalize(X.T, eps).T\n    "
              "columns = [X[:, j] for j in range(X.shape[1])]\n"
              "    centred = [column - column.mean() for column in columns]\n"
              "    return nd.stack(*(c / nd.sqrt((c * c).mean() + eps) for c in centred), axis=1)")],
    [(RESULT, "Y = X.copy()\n    Y -= mean\n    Y /= nd.sqrt(var + eps)\n    return Y")],
    [("return (X - mean) / nd.sqrt(var + eps)",
      "return nd.LayerNorm(X, nd.ones(X.shape[axis]), nd.zeros(X.shape[axis]), axis=axis, eps=eps)")],
    [("return (X - mean) / nd.sqrt(var + eps)",
      "import numpy as np\n    x = X.asnumpy()\n    return nd.array((x - x.mean(axis=axis, keepdims=True)) / "
      "np.sqrt(x.var(axis=axis, keepdims=True) + eps))")],
    [("return (X - mean) / nd.sqrt(var + eps)", "return (X - mean) / nd.exp(0.5 * nd.log(var + eps))")],
    [("    mean =",
      "    X = X.T if axis == 1 else X\n    m = X.shape[0]\n    c = X - nd.dot(nd.ones((m, m)), X) / m\n    Y = c / "
      "nd.sqrt(nd.dot(nd.ones((1, m)), c * c) / m + eps)\n    return Y.T if axis == 1 else Y\n    mean =")],
]
