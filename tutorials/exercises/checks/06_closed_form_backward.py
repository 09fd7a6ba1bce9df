"""Checks for 06_closed_form_backward."""
import numpy as np

from gluon_bn.autodiff import Node
from gluon_bn.exercises.expect import Wrong, expect, expect_unchanged, function, has_loop

HINTS = {
    'no-variance-term': "The term of the variance is missing: - X_hat * sum(dout * X_hat).",
    'no-mean-term': "The term of the mean is missing: - sum(dout).",
    'constants': "Mean and variance were treated as constants: both sums in the bracket are missing.",
    'gamma-forgotten': "gamma is missing in front.",
    'm-in-front': "The 1/m in front is missing: the whole result is m times too large.",
    'm-in-bracket': "The first term in the bracket is m * dout: the m is missing.",
    'plus': "Both sums are subtracted; one was added.",
    'by-variance': "The result was divided by the variance; divide by std once.",
    'per-row': "The sums run over the features; sum over the batch: axis 0.",
    'sums-without-m': "Only the first term has lost its m; where the 1/m in front is left out, both sums are divided "
                      "by m.",
    'gamma-twice': "gamma is there twice: it stands in front of the bracket, so it is not in the bracket as well.",
    'times-std': "The result was not divided by std, or multiplied by it: divide by std once.",
    'means-and-m': "The sums have become means, but the m before dout and the 1/m in front have stayed: have one or "
                   "the other.",
    'loop': "Do it without a loop: sums along an axis and broadcasting do all rows at once.",
    'gamma-outside': "gamma stands in front, as in batch norm; in layer norm it differs along the row that is summed: "
                     "use dout * gamma inside the sums.",
    'm-for-D': "The sums were divided by the number of rows; in layer norm a mean is taken over the D features of a "
               "row.",
    'per-column': "The sums run over the batch; in layer norm they run over the features of a row: axis 1.",
    'one-sum-without-m': "One of the two sums is not divided by m: where the 1/m in front is left out, both are.",
    'factor-X-hat': "The last term is X_hat * sum(dout * X_hat): X_hat in the sum, and once more in front of it.",
    'total': "The sums run over everything; sum over the batch, axis 0, so that each feature has a sum of its own.",
    'other-count': "Mean and variance are means over m rows: m stands there, not m - 1, and not the number of "
                   "features.",
    'bracket-lost': "The factor in front belongs to all three terms: put them into one pair of brackets.",
    'std-in-bracket': "std is there twice: it stands in front of the bracket, so it is not in the bracket as well.",
    'two-in-bracket': "A factor 2 is in the bracket; the 1/2 of the root and the 2 of the square have cancelled.",
    'negative': "The sign of the whole is wrong: the first term, dout, is positive.",
    'gamma-in-one-term': "gamma must be in all three terms of the bracket or, in batch norm, in front of it; not in "
                         "some.",
    'sums-without-D': "Only the first term has lost its D; where the 1/D in front is left out, both sums are divided "
                      "by D.",
    'D-in-front': "The 1/D in front is missing: the whole result is D times too large.",
}


def problem():
    rng = np.random.default_rng(0)
    return rng.normal(2, 3, (5, 3)), rng.normal(1, 0.5, 3), rng.normal(size=(5, 3))


def right(X, gamma, dout):
    """By automatic differentiation."""
    x = Node(X, 'X')
    return (gamma * (x - x.mean(axis=0)) / (x.var(axis=0) + 1e-5).sqrt()).grad(dout)['X']


def check_dX(answer):
    """dX agrees with automatic differentiation."""
    X, gamma, dout = problem()
    std = np.sqrt(X.var(axis=0) + 1e-5)
    X_hat = (X - X.mean(axis=0)) / std
    m, s, t = len(X), dout.sum(axis=0), X_hat * (dout * X_hat).sum(axis=0)
    front = gamma / (m * std)
    rows = dout.sum(axis=1, keepdims=True) + X_hat * (dout * X_hat).sum(axis=1, keepdims=True)
    mistakes = {'no-variance-term': front * (m * dout - s), 'no-mean-term': front * (m * dout - t),
                'constants': front * m * dout, 'gamma-forgotten': (m * dout - s - t) / (m * std),
                'm-in-front': m * front * (m * dout - s - t), 'm-in-bracket': front * (dout - s - t),
                'plus': tuple(front * wrong for wrong in (m * dout + s - t, m * dout - s + t, m * dout + s + t)),
                'by-variance': front / std * (m * dout - s - t), 'per-row': front * (m * dout - rows),
                'sums-without-m': m * front * (dout - s - t), 'gamma-twice': gamma * front * (m * dout - s - t),
                'times-std': (front * std**2 * (m * dout - s - t), front * std * (m * dout - s - t)),
                'one-sum-without-m': (m * front * (dout - s / m - t), m * front * (dout - s - t / m)),
                'factor-X-hat': tuple(front * (m * dout - s - wrong) for wrong in (
                    (dout * X_hat).sum(axis=0), dout * (dout * X_hat).sum(axis=0), X_hat * s, X_hat * t,
                    (dout * X).sum(axis=0) * X_hat, (dout * X_hat**2).sum(axis=0))) + (
                        front * (m * dout - X_hat * s - (dout * X_hat).sum(axis=0)),),
                'means-and-m': front * (m * dout - (s + t) / m),
                'total': front * (m * dout - dout.sum() - X_hat * (dout * X_hat).sum()),
                'other-count': (front * m / (m - 1) * (m * dout - s - t), front * (m * dout - s - m / (m - 1) * t),
                                *(gamma / (n * std) * (n * dout - s - t) for n in (3, m - 1))),
                'bracket-lost': (front * m * dout - s - t, front * (m * dout - s) - t, front * m * dout - (s + t) / m),
                'std-in-bracket': (front * (m * dout - s - t / std), front * (m * dout - s / std - t)),
                'two-in-bracket': (front * (m * dout - s - 2 * t), front * (m * dout - s - t / 2)),
                'negative': -front * (m * dout - s - t), 'gamma-in-one-term': (front * (m * dout - s - gamma * t),
                                                                              front * (m * dout - gamma * s - t))}
    given = [array.copy() for array in (dout, X_hat, gamma, std)]
    expect(function(answer, 'backward')(*given), right(X, gamma, dout), mistakes, 'dX', 1e-7)
    for name, array, before in zip(('dout', 'X_hat', 'gamma', 'std'), given, (dout, X_hat, gamma, std)):
        expect_unchanged(array, before, name)


def check_layer_norm(answer):
    """dX of layer norm agrees with automatic differentiation."""
    rng = np.random.default_rng(1)
    X, gamma, dout = rng.normal(2, 3, (4, 3)), rng.normal(1, 0.5, 3), rng.normal(size=(4, 3))
    mean, std = X.mean(axis=1, keepdims=True), np.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
    X_hat, x, (m, D) = (X - mean) / std, Node(X, 'X'), X.shape
    right = (gamma * (x - x.mean(axis=1, keepdims=True)) / (x.var(axis=1, keepdims=True) + 1e-5).sqrt()).grad(dout)['X']

    def closed_form(dy, n=D, axis=1):
        return n * dy - dy.sum(axis=axis, keepdims=True) - X_hat * (dy * X_hat).sum(axis=axis, keepdims=True)
    g = gamma * dout
    total, by_var = g.sum(axis=1, keepdims=True), X_hat * (g * X_hat).sum(axis=1, keepdims=True)
    given = [array.copy() for array in (dout, X_hat, gamma, std)]
    expect(function(answer, 'layernorm_backward')(*given), right,
           {'gamma-outside': gamma * closed_form(dout) / (D * std), 'gamma-forgotten': closed_form(dout) / (D * std),
            'm-for-D': closed_form(g, m) / (m * std), 'per-column': (closed_form(g, m, 0) / (m * std),
            closed_form(g, D, 0) / (D * std)), 'times-std': (closed_form(g) / D, closed_form(g) * std / D),
            'negative': -closed_form(g) / (D * std), 'means-and-m': (D * g - (total + by_var) / D) / (D * std),
            'factor-X-hat': tuple((D * g - wrong) / (D * std) for wrong in (
                X_hat * total + (g * X_hat).sum(axis=1, keepdims=True), total * (1 + X_hat),
                total + (g * X_hat).sum(axis=1, keepdims=True), total + g * (g * X_hat).sum(axis=1, keepdims=True),
                total + (g * X_hat**2).sum(axis=1, keepdims=True))),
            'no-variance-term': (D * g - g.sum(axis=1, keepdims=True)) / (D * std),
            'no-mean-term': (D * g - X_hat * (g * X_hat).sum(axis=1, keepdims=True)) / (D * std),
            'constants': g / std, 'sums-without-D': (g - total - by_var) / std, 'D-in-front': closed_form(g) / std,
            'plus': tuple(wrong / (D * std) for wrong in (D * g + total - by_var, D * g - total + by_var,
                                                          D * g + total + by_var)),
            'gamma-in-one-term': (D * g + closed_form(dout) - D * dout) / (D * std),
            'bracket-lost': (g - total - by_var / (D * std), g / std - total - by_var, g / std - (total + by_var) / D,
                             (D * g - total) / (D * std) - by_var),
            'std-in-bracket': (D * g - total - by_var / std) / (D * std),
            'two-in-bracket': ((D * g - total - 2 * by_var) / (D * std), (D * g - total - by_var / 2) / (D * std)),
            'by-variance': closed_form(g) / (D * std**2),
            'gamma-twice': gamma * closed_form(g) / (D * std)}, 'dX of layer norm', 1e-7)
    for name, array, before in zip(('dout', 'X_hat', 'gamma', 'std'), given, (dout, X_hat, gamma, std)):
        expect_unchanged(array, before, name)


def check_no_loop(answer):
    """There is no loop in it."""
    X, gamma, dout = problem()
    for name, std in (('backward', gamma), ('layernorm_backward', np.ones((5, 1)))):
        function(answer, name)(dout, X, gamma, std)  # an answer that is not written yet says so here
        if has_loop(answer, name):
            raise Wrong('loop', f"{name} has a loop, or something that works as one.")
