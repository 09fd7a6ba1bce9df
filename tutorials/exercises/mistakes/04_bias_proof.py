"""Wrong answers to 04_bias_proof: (hint, pieces of the solution and what stands in their place)."""
STATISTICS = "return mean + b, var "
EFFECT = "np.abs(layer(h + b) - layer(h)).max()"
GRADIENT = "dx.sum(axis=0)"
MOVING = "return moving_mean - b"

MISTAKES = [
    ('mean-kept', [(STATISTICS, "return mean, var ")]),
    ('variance-shifted', [(STATISTICS, "return mean + b, var + b ")]),
    ('variance-squared', [(STATISTICS, "return mean + b, var + b ** 2 ")]),
    ('signed', [(EFFECT, "(layer(h + b) - layer(h)).max()")]),
    ('mean-difference', [(EFFECT, "(layer(h + b) - layer(h)).mean()")]),
    ('gradient-mean', [(GRADIENT, "dx.mean(axis=0)")]),
    ('gradient-features', [(GRADIENT, "dx.sum(axis=1)")]),
    ('moving-added', [(MOVING, "return moving_mean + b")]),
    ('moving-kept', [(MOVING, "return moving_mean")]),
    ('mean-sign', [(STATISTICS, "return mean - b, var ")]),
    ('zeros', [(STATISTICS, "return 0 * mean, var ")]),
    ('zeros', [(MOVING, "return np.zeros_like(moving_mean)")]),
    ('mean-difference', [(EFFECT, "np.abs(layer(h + b) - layer(h)).mean()")]),
    ('smallest', [(EFFECT, "np.abs(layer(h + b) - layer(h)).min()")]),
    ('summed', [(EFFECT, "np.abs(layer(h + b) - layer(h)).sum()")]),
    ('no-effect', [(EFFECT, "0.")]),
    ('no-effect', [(EFFECT, "np.abs(layer(h) + b - layer(h) - b).max()")]),
    ('gradient-zero', [(GRADIENT, "np.zeros(dx.shape[1])")]),
]
RIGHT = [
    [(EFFECT, "max(abs(layer(h + b) - layer(h)).ravel())"), (GRADIENT, "np.ones(len(dx)) @ dx")],
    [(STATISTICS, "return b + mean, var.copy() "), (EFFECT, "np.linalg.norm((layer(h) - layer(h + b)).ravel(), np.inf)"),
     (GRADIENT, "np.einsum('ij->j', dx)")],
]
