"""Wrong answers to 13_fold_batch_norm: (hint, pieces of the solution and what stands in their place)."""
SCALE = "scale = gamma / np.sqrt(var + eps)"
RESULT = "return W * scale, (b - mean) * scale + beta"
FACTOR = "factor.reshape((-1, 1, 1, 1))"

MISTAKES = [
    ('wrong-axis', [(RESULT, "return W * scale[:, np.newaxis], (b - mean) * scale + beta")]),
    ('channels-scaled', [(FACTOR, "factor.reshape((1, -1, 1, 1))")]),
    ('pixels-scaled', [(FACTOR, "factor")]),
    ('no-root', [(SCALE, "scale = gamma / (var + eps)")]),
    ('eps-outside', [(SCALE, "scale = gamma / (np.sqrt(var) + eps)")]),
    ('eps-ignored', [(SCALE, "scale = gamma / np.sqrt(var)")]),
    ('gamma-forgotten', [(SCALE, "scale = 1 / np.sqrt(var + eps)")]),
    ('weights-kept', [(RESULT, "return W, (b - mean) * scale + beta")]),
    ('bias-unscaled', [(RESULT, "return W * scale, b - mean * scale + beta")]),
    ('bias-forgotten', [(RESULT, "return W * scale, beta - mean * scale")]),
    ('mean-forgotten', [(RESULT, "return W * scale, b * scale + beta")]),
    ('beta-forgotten', [(RESULT, "return W * scale, (b - mean) * scale")]),
    ('mean-added', [(RESULT, "return W * scale, (b + mean) * scale + beta")]),
    ('beta-scaled', [(RESULT, "return W * scale, (b - mean + beta) * scale")]),
]
RIGHT = [
    [(RESULT, "return W @ np.diag(scale), scale * b + (beta - mean * scale)"), (FACTOR, "factor[:, None, None, None]")],
    [(SCALE, "scale = gamma * (var + eps) ** -0.5"),
     ("W * factor.reshape((-1, 1, 1, 1))", "np.einsum('f,fchw->fchw', factor, W)")],
]
