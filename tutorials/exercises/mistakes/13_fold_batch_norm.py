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
    ('eps-default', [(SCALE, "scale = gamma / np.sqrt(var + 1e-5)")]),
    ('times-std', [(SCALE, "scale = gamma * np.sqrt(var + eps)")]),
    ('scale-of-what', [(SCALE, "scale = gamma")]),
    ('var-as-std', [(SCALE, "scale = gamma / var")]),
    ('beta-for-gamma', [(SCALE, "scale = beta / np.sqrt(var + eps)")]),
    ('shifted-weights', [(RESULT, "return W * scale + beta, (b - mean) * scale")]),
    ('transposed', [(RESULT, "return W.T * scale, (b - mean) * scale + beta")]),
    ('difference-turned', [(RESULT, "return W * scale, (mean - b) * scale + beta")]),
    ('mean-unscaled', [(RESULT, "return W * scale, b * scale - mean + beta")]),
    ('mean-unscaled', [(RESULT, "return W * scale, b * scale - gamma * mean + beta")]),
    ('bias-kept', [(RESULT, "return W * scale, b")]),
    ('only-mean', [(RESULT, "return W * scale, -mean * scale")]),
    ('bias-plain', [(RESULT, "return W * scale, b + beta")]),
    ('beta-subtracted', [(RESULT, "return W * scale, (b - mean) * scale - beta")]),
    ('pixels-scaled', [(FACTOR, "factor[:, np.newaxis]")]),
    ('changed', [(RESULT, "W *= scale\n    return W, (b - mean) * scale + beta")]),
    ('type', [(RESULT, "return {'W': W * scale, 'b': (b - mean) * scale + beta}")]),
]
RIGHT = [
    [(RESULT, "return W @ np.diag(scale), scale * b + (beta - mean * scale)"), (FACTOR, "factor[:, None, None, None]")],
    [(SCALE, "scale = gamma * (var + eps) ** -0.5"),
     ("W * factor.reshape((-1, 1, 1, 1))", "np.einsum('f,fchw->fchw', factor, W)")],
    [(RESULT, "return [np.einsum('io,o->io', W, scale), beta - (mean - b) * scale]")],
    [("W * factor.reshape((-1, 1, 1, 1))", "(W.T * factor).T")],
    [("return W * factor.reshape((-1, 1, 1, 1)), (b - mean) * factor + beta",
      "W_rows, new_b = fold_dense(W.reshape(len(W), -1).T, b, gamma, beta, mean, var, eps)\n"
      "    return W_rows.T.reshape(W.shape), new_b")],
]
