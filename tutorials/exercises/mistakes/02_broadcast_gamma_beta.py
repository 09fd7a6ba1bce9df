"""Wrong answers to 02_broadcast_gamma_beta: (hint, pieces of the solution and what stands in their place)."""
AXES = "else (0, 2, 3)"
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
]
