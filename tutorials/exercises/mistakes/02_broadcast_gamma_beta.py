"""Wrong answers to 02_broadcast_gamma_beta: (hint, pieces of the solution and what stands in their place)."""
AXES = "else (0, 2, 3)"
VAR = "var = nd.mean((X - mean) ** 2, axis=axes, keepdims=True)"
X_HAT = "X_hat = (X - mean) / nd.sqrt(var + eps)"
RESULT = "return gamma.reshape(shape) * X_hat + beta.reshape(shape)"

MISTAKES = [
    ('batch-only', [(AXES, "else (0,)")]),
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
    ('eps-outside', [(X_HAT, "X_hat = (X - mean) / (nd.sqrt(var) + eps)")]),
]
RIGHT = [
    [("axes = 0 if X.ndim == 2 else (0, 2, 3)", "axes = tuple(i for i in range(X.ndim) if i != 1)")],
    [(RESULT, "return nd.broadcast_add(nd.broadcast_mul(X_hat, gamma.reshape(shape)), beta.reshape(shape))"),
     (X_HAT, "X_hat = (X - mean) * (var + eps) ** -0.5")],
]
