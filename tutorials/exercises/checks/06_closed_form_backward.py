"""Checks for 06_closed_form_backward."""
import numpy as np

from gluon_bn.autodiff import Node
from gluon_bn.exercises.expect import Wrong, expect, function, statements

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
    'statements': "The value is right; now put it into a single return statement.",
}


def problem():
    rng = np.random.default_rng(0)
    return rng.normal(2, 3, (4, 4)), rng.normal(1, 0.5, 4), rng.normal(size=(4, 4))


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
                'by-variance': front / std * (m * dout - s - t), 'per-row': front * (m * dout - rows)}
    got = function(answer, 'backward')(dout, X_hat, gamma, std)
    expect(got, right(X, gamma, dout), mistakes, 'dX', 1e-7)


def check_one_expression(answer):
    """It is one expression."""
    backward = function(answer, 'backward')
    X, gamma, dout = problem()
    backward(dout, X, gamma, gamma)  # an answer that is not written yet says so here
    if statements(backward) != 1:
        raise Wrong('statements', f"backward has {statements(backward)} statements.")
