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
    ('changed', [(RESULT, "X -= mean; X /= nd.sqrt(var + eps); return X")]),
    ('none', [(RESULT, "result = (X - mean) / nd.sqrt(var + eps)")]),
    ('type', [(RESULT, "return ((X - mean) / nd.sqrt(var + eps)).asnumpy()")]),
]
RIGHT = [
    [(VAR, "nd.mean(nd.square(X - mean), axis=axis, keepdims=True)"), (RESULT, "return (X - mean) * nd.rsqrt(var + eps)")],
    [(MEAN, "(nd.sum(X, axis=axis) / X.shape[axis]).expand_dims(axis)"),
     (RESULT, "return nd.broadcast_div(nd.broadcast_sub(X, mean), (var + eps) ** 0.5)")],
]
