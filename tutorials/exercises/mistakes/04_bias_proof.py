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
    ('inputs-compared', [(EFFECT, "np.abs(layer(h) + b - layer(h)).max()")]),
    ('gradient-zero', [(GRADIENT, "np.zeros(dx.shape[1])")]),
    ('pair-swapped', [(STATISTICS, "return var, mean + b ")]),
    ('one-bias', [(STATISTICS, "return mean + b.mean(), var ")]),
    ('one-bias', [(STATISTICS, "return mean + abs(b), var ")]),
    ('standard-deviation', [(STATISTICS, "return mean + b, var ** 0.5 ")]),
    ('changed', [(STATISTICS, "mean += b\n    return mean, var ")]),
    ('type', [(STATISTICS, "return mean + b ")]),
    ('signed', [(EFFECT, "(layer(h) - layer(h + b)).max()")]),
    ('signed', [(EFFECT, "abs((layer(h + b) - layer(h)).max())")]),
    ('only-with-bias', [(EFFECT, "layer(h + b).max()")]),
    ('only-with-bias', [(EFFECT, "np.abs(layer(b)).max()")]),
    ('squared', [(EFFECT, "np.linalg.norm(layer(h + b) - layer(h))")]),
    ('squared', [(EFFECT, "((layer(h + b) - layer(h)) ** 2).mean()")]),
    ('inputs-compared', [(EFFECT, "np.abs((h + b) - h).max()")]),
    ('type', [(EFFECT, "np.allclose(layer(h + b), layer(h))")]),
    ('gradient-sign', [(GRADIENT, "-dx.sum(axis=0)")]),
    ('gradient-ones', [(GRADIENT, "np.ones(dx.shape[1])")]),
    ('gradient-not-summed', [(GRADIENT, "dx")]),
    ('gradient-absolute', [(GRADIENT, "np.abs(dx).sum(axis=0)")]),
    ('moving-turned', [(MOVING, "return b - moving_mean")]),
    ('momentum', [(MOVING, "return 0.9 * moving_mean - 0.1 * b")]),
]
RIGHT = [
    [(EFFECT, "max(abs(layer(h + b) - layer(h)).ravel())"), (GRADIENT, "np.ones(len(dx)) @ dx")],
    [(STATISTICS, "return b + mean, var.copy() "),
     (EFFECT, "np.linalg.norm((layer(h) - layer(h + b)).ravel(), np.inf)"),
     (GRADIENT, "np.einsum('ij->j', dx)")],
    [(STATISTICS, "return [mean + b, var] "), (EFFECT, "np.array(max((layer(h + b) - layer(h)).max(), "
                                                       "(layer(h) - layer(h + b)).max()))")],
    [(STATISTICS, "shifted = np.empty_like(mean)\n    for i in range(len(b)):\n        shifted[i] = mean[i] + b[i]\n"
                  "    return shifted, var "), (GRADIENT, "sum(row for row in dx)")],
    [(MOVING, "return np.subtract(moving_mean, b)"), (EFFECT, "float(np.amax(np.absolute(layer(h) - layer(h + b))))")],
]
