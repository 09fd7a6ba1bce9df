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
    ('mean-constant', [(X_HAT, "X_hat = (X - mean.value) / (var + eps).sqrt()")]),
    ('variance-constant', [(VAR, "var = Node(X.value.var(axis=0))")]),
    ('gamma-constant', [(RESULT, "return gamma.value * X_hat + beta")]),
    ('type', [(RESULT, "return (gamma * X_hat + beta).value")]),
    ('rows', [(MEAN, "mean = X.mean(axis=1, keepdims=True)"),
              (VAR, "var = ((X - mean) ** 2).mean(axis=1, keepdims=True)")]),
    ('not-grouped', [("parts = X.reshape(m, groups, D // groups)", "parts = X.reshape(m, 1, D)")]),
    ('whole-batch', [("parts.mean(axis=2, keepdims=True)", "parts.mean(axis=(0, 2), keepdims=True)"),
                     ("(centred ** 2).mean(axis=2, keepdims=True)", "(centred ** 2).mean(axis=(0, 2), keepdims=True)")]),
    ('interleaved', [("parts = X.reshape(m, groups, D // groups)", "parts = X.reshape(m, D // groups, groups)"),
                     ("parts.mean(axis=2, keepdims=True)", "parts.mean(axis=1, keepdims=True)"),
                     ("(centred ** 2).mean(axis=2, keepdims=True)", "(centred ** 2).mean(axis=1, keepdims=True)")]),
]
RIGHT = [
    [(MEAN, "mean = X.sum(axis=0) / X.shape[0]"), (VAR, "var = X.var(axis=0)")],
    [(X_HAT, "X_hat = (X - mean) * (var + eps) ** -0.5"),
     ("variance = (centred ** 2).mean(axis=2, keepdims=True)", "variance = parts.var(axis=2, keepdims=True)")],
]
