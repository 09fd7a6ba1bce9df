"""Checks for 07_node_batch_norm."""
import numpy as np

from gluon_bn.autodiff import Node
from gluon_bn.exercises.expect import Wrong, expect, expect_kind, function

HINTS = {
    'unbiased': "The variance is divided by one less than the number of values; divide by their number.",
    'eps-outside': "eps stands outside the root; it is added to the variance: (var + eps).sqrt().",
    'global': "One mean and variance were taken for the whole matrix; each column has its own: axis=0.",
    'no-root': "The differences are divided by the variance; divide by its square root.",
    'constants': "Mean and variance are constants in your graph; compute them from X, not from X.value.",
    'mean-constant': "The mean is a constant in your graph; compute it from X, not from X.value.",
    'variance-constant': "The variance is a constant in your graph; compute it from X, not from X.value.",
    'rows': "Each row was normalised; in batch norm a feature is a column, so average over the batch: axis=0.",
    'not-grouped': "Each row was normalised as a whole (that is layer norm); here every group has a mean of its own.",
    'whole-batch': "The averages of a group run over the batch as well; every row is normalised by itself: the last "
                   "axis only.",
    'interleaved': "The groups are parts of a row that lie side by side: reshape to (m, groups, D / groups).",
    'gamma-constant': "gamma or beta is a constant in your graph; use the Node, not its .value.",
    'no-gamma': "gamma has no effect: gamma * x_hat + beta.",
    'no-beta': "beta has no effect: gamma * x_hat + beta.",
    'swapped': "gamma and beta have changed places: gamma scales, beta shifts.",
    'beta-inside': "beta was added before the scaling: gamma * x_hat + beta, not gamma * (x_hat + beta).",
    'eps-ignored': "eps has no effect; add it to the variance under the root.",
    'summed': "The squares were added up and not divided by their number: the variance is their mean.",
    'not-centred': "The mean is still there; subtract it before you divide.",
    'square-of-mean': "The differences were averaged and then squared, which gives 0: square first, then average.",
    'across-groups': "The averages run across the groups; the features of a group lie along the last axis, axis=2.",
    'two-axes': "The variance was averaged over other axes than the mean; in group norm both are taken over axis=2.",
    'beta-subtracted': "beta was subtracted; it is added: gamma * x_hat + beta.",
    'times-std': "The differences were multiplied by the root; divide by it.",
    'not-scaled': "The mean is gone, but the scale is as it was: divide by (var + eps).sqrt().",
    'gamma-before': "gamma was multiplied before the normalisation, which divides it out again: multiply x_hat by it.",
    'beta-times': "beta was multiplied; it is added: gamma * x_hat + beta.",
    'eps-squared': "eps was squared; it is added as it is: (var + eps).sqrt().",
    'one-plus-gamma': "1 was added to gamma; here gamma is the whole factor: gamma * x_hat + beta.",
    'absolute': "The absolute differences were averaged; the variance is the mean of their squares.",
    'uncentred': "The variance is the mean of (X - mean) ** 2; the mean was not subtracted there.",
    'X-constant': "X is a constant where the mean is subtracted; use X there, not X.value.",
    'no-graph': "Node(array) of a result begins a new graph; compute with the Nodes themselves, without .value.",
    'as-batch-norm': "That is batch norm; in group norm every row is normalised by itself, in groups of its features.",
    'size-for-groups': "There are as many groups as groups says; it is not the number of features in each.",
}
EPS = 0.5


def problem():
    rng = np.random.default_rng(0)
    return rng.normal(2, 3, (6, 3)), rng.normal(1, 0.5, 3), rng.normal(size=3), rng.normal(size=(6, 3))


def run(answer):
    X, gamma, beta, _ = problem()
    result = function(answer, 'batch_norm')(Node(X, 'X'), Node(gamma, 'gamma'), Node(beta, 'beta'), EPS)
    expect_kind(result, Node(X), 'the result')
    return result


def of_last_lines(hat, raw, centred, var, gamma, beta, count):
    """What mistakes behind the right mean lead to; ``hat`` puts a normalised array into the shape of the result."""
    std, unbiased = np.sqrt(var + EPS), var * count / (count - 1)
    x_hat = hat(centred / std)
    return {'unbiased': gamma * hat(centred / np.sqrt(unbiased + EPS)) + beta, 'no-gamma': (x_hat + beta, x_hat),
            'square-of-mean': gamma * hat(centred / np.sqrt(EPS + 0 * var)) + beta,
            'beta-subtracted': gamma * x_hat - beta, 'times-std': gamma * hat(centred * std) + beta,
            'not-scaled': gamma * hat(centred) + beta, 'not-centred': gamma * hat(raw / std) + beta,
            'eps-outside': (gamma * hat(centred / (np.sqrt(var) + EPS)) + beta,
                            gamma * (hat(centred / np.sqrt(var)) + EPS) + beta), 'no-beta': gamma * x_hat,
            'no-root': gamma * hat(centred / (var + EPS)) + beta, 'swapped': beta * x_hat + gamma,
            'eps-ignored': tuple(gamma * hat(centred / np.sqrt(var + e)) + beta for e in (0, 1e-5)),
            'beta-times': gamma * x_hat * beta, 'one-plus-gamma': (gamma + 1) * x_hat + beta,
            'eps-squared': gamma * hat(centred / np.sqrt(var + EPS**2)) + beta,
            'beta-inside': gamma * (x_hat + beta), 'summed': gamma * hat(centred / np.sqrt(count * var + EPS)) + beta}


def check_value(answer):
    """The value is that of batch norm (tried with eps = 0.5)."""
    X, gamma, beta, _ = problem()
    c, var = X - X.mean(axis=0), X.var(axis=0)
    right = gamma * c / np.sqrt(var + EPS) + beta
    expect(run(answer), Node(right), {
        **of_last_lines(lambda x: x, X, c, var, gamma, beta, 6),
        'gamma-before': gamma * c / np.sqrt(gamma**2 * var + EPS) + beta,
        'absolute': tuple(gamma * c / divisor + beta for a in [np.abs(c).mean(axis=0)] for divisor in (
            np.sqrt(a + EPS), a + EPS)),
        'uncentred': gamma * c / np.sqrt((X**2).mean(axis=0) + EPS) + beta,
        'global': gamma * (X - X.mean()) / np.sqrt(X.var() + EPS) + beta,
        'rows': gamma * (X - X.mean(axis=1, keepdims=True)) / np.sqrt(X.var(axis=1, keepdims=True) + EPS) + beta},
        'the value', 1e-7)


def check_gradient_of_X(answer):
    """The gradient of X is that of the closed form, with the terms of the mean and of the variance."""
    X, gamma, _, dout = problem()
    m, std = len(X), np.sqrt(X.var(axis=0) + EPS)
    X_hat, direct = (X - X.mean(axis=0)) / std, gamma * dout / std
    by_mean, by_var = -gamma / std * dout.mean(axis=0), -gamma / std * X_hat * (dout * X_hat).sum(axis=0) / m
    got = run(answer).grad(dout).get('X')
    if got is None:
        raise Wrong('no-graph', "the result does not depend on the Node X.")
    expect(got, direct + by_mean + by_var,
           {'constants': direct, 'mean-constant': direct + by_var, 'variance-constant': direct + by_mean,
            'X-constant': (by_mean + by_var, by_mean + 0 * X)},
           'the gradient of X', 1e-7)


def check_gradients_of_gamma_and_beta(answer):
    """The gradients of gamma and beta are right."""
    X, gamma, beta, dout = problem()
    X_hat = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + EPS)
    gradients = run(answer).grad(dout)
    for name, right in (('gamma', (dout * X_hat).sum(axis=0)), ('beta', dout.sum(axis=0))):
        if name not in gradients:
            raise Wrong('gamma-constant' if 'X' in gradients else 'no-graph', f"the result does not depend on {name}.")
        expect(gradients[name], right, {}, f'the gradient of {name}', 1e-7)


def check_group_norm(answer):
    """Group norm of (5, 6) in 2 groups has the right value and the right gradient of X."""
    rng = np.random.default_rng(1)
    X, gamma, beta, dout = (rng.normal(size=shape) * 2 + 1 for shape in ((5, 6), 6, 6, (5, 6)))

    def normalised(x, shape, axes):
        parts = x.reshape(shape)
        return ((parts - parts.mean(axis=axes, keepdims=True)) / np.sqrt(parts.var(axis=axes, keepdims=True) + EPS)
                ).reshape(5, 6)
    across = X.reshape(5, 3, 2).transpose(0, 2, 1)
    wrong = {'not-grouped': normalised(X, (5, 1, 6), 2), 'whole-batch': normalised(X, (5, 2, 3), (0, 2)),
             'as-batch-norm': (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + EPS),
             'interleaved': ((across - across.mean(axis=2, keepdims=True)) / np.sqrt(
                 across.var(axis=2, keepdims=True) + EPS)).transpose(0, 2, 1).reshape(5, 6)}
    got = function(answer, 'group_norm')(Node(X, 'X'), Node(gamma, 'gamma'), Node(beta, 'beta'), 2, EPS)
    X_hat = normalised(X, (5, 2, 3), 2)
    parts = X.reshape(5, 2, 3)
    centred = parts - parts.mean(axis=2, keepdims=True)
    wrong['across-groups'] = normalised(X, (5, 2, 3), 1)
    wrong['two-axes'] = tuple((centred / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + EPS)).reshape(5, 6)
                              for axes in ((1, 2), 1, 0, (0, 2), None))
    other = of_last_lines(lambda x: x.reshape(5, 6), parts, parts - parts.mean(axis=2, keepdims=True),
                          parts.var(axis=2, keepdims=True), gamma, beta, 3)
    expect(got, Node(gamma * X_hat + beta), {**other, **{
        hint: tuple(gamma * x + beta for x in (w if isinstance(w, tuple) else (w,))) for hint, w in wrong.items()},
                                             'size-for-groups': gamma * normalised(X, (5, 3, 2), 2) + beta},
           'the value', 1e-7)
    g, hat = (gamma * dout).reshape(5, 2, 3), X_hat.reshape(5, 2, 3)
    std = np.sqrt(X.reshape(5, 2, 3).var(axis=2, keepdims=True) + EPS)
    dX = (g - g.mean(axis=2, keepdims=True) - hat * (g * hat).mean(axis=2, keepdims=True)) / std
    gradients = got.grad(dout)
    if 'X' not in gradients:
        raise Wrong('no-graph', "the result of group_norm does not depend on the Node X.")
    by_mean, by_var = -g.mean(axis=2, keepdims=True) / std, -hat * (g * hat).mean(axis=2, keepdims=True) / std
    expect(gradients['X'], dX.reshape(5, 6),
           {hint: wrong.reshape(5, 6) for hint, wrong in {
               'constants': g / std, 'mean-constant': g / std + by_var, 'variance-constant': g / std + by_mean,
               'X-constant': by_mean + by_var}.items()}, 'the gradient of X', 1e-7)
    for name, right in (('gamma', (dout * X_hat).sum(axis=0)), ('beta', dout.sum(axis=0))):
        if name not in gradients:
            raise Wrong('gamma-constant', f"the result of group_norm does not depend on {name}.")
        expect(gradients[name], right, {}, f'the gradient of {name}', 1e-7)
