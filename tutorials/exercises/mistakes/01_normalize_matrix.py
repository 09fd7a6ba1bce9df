"""Wrong answers to 01_normalize_matrix: (hint, pieces of the solution and what stands in their place)."""
VAR = "nd.mean((X - mean) ** 2, axis=0, keepdims=True)       # (1, D)"
MEAN = "nd.mean(X, axis=0, keepdims=True)                    # (1, D)"
RESULT = "return (X - mean) / nd.sqrt(var + eps)"

MISTAKES = [
    ('unbiased', [(VAR, "nd.sum((X - mean) ** 2, axis=0, keepdims=True) / (X.shape[0] - 1)")]),
    ('eps-outside', [(RESULT, "return (X - mean) / (nd.sqrt(var) + eps)")]),
    ('eps-ignored', [(RESULT, "return (X - mean) / nd.sqrt(var)")]),
    ('rows', [(MEAN, "nd.mean(X, axis=1, keepdims=True)"), (VAR, "nd.mean((X - mean) ** 2, axis=1, keepdims=True)")]),
    ('global', [(MEAN, "nd.mean(X).reshape((1, 1))"), (VAR, "nd.mean((X - mean) ** 2).reshape((1, 1))")]),
    ('no-root', [(RESULT, "return (X - mean) / (var + eps)")]),
    ('not-centred', [(RESULT, "return X / nd.sqrt(var + eps)")]),
    ('changed', [(RESULT, "X -= mean; X /= nd.sqrt(var + eps); return X")]),
    ('none', [(RESULT, "result = (X - mean) / nd.sqrt(var + eps)")]),
    ('type', [(RESULT, "return ((X - mean) / nd.sqrt(var + eps)).asnumpy()")]),
]
