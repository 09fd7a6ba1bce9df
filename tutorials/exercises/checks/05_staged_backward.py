"""Checks for 05_staged_backward."""
import numpy as np

from gluon_bn.autodiff import Node
from gluon_bn.exercises.expect import Wrong, expect, expect_unchanged, function

HINTS = {
    'not-summed': "That is one gradient a row; the same value was used in all m rows, so sum over the batch: axis 0.",
    'batch-mean': "The gradients of the rows were averaged; paths add up: sum over the batch.",
    'x-for-x-hat': "gamma multiplies X_hat, so its gradient is the sum of dout * X_hat, not of dout * X.",
    'gamma-forgotten': "gamma is missing: out = gamma * X_hat + beta, so dX_hat = dout * gamma.",
    'dvar-sign': "The sign is wrong: the derivative of v ** (-1/2) is -1/2 * v ** (-3/2).",
    'dvar-half': "The factor 1/2 is missing: the derivative of v ** (-1/2) is -1/2 * v ** (-3/2).",
    'dvar-power': "Check the power: the derivative of v ** (-1/2) has v ** (-3/2), and std is v ** (1/2): divide by "
                  "std ** 3.",
    'dmean-sign': "The sign is wrong: the mean is subtracted.",
    'no-variance-term': "The variance was treated as a constant; X is in it too: + dvar * 2 * (X - mean) / m.",
    'no-mean-term': "The mean was treated as a constant; X is in it too: + dmean / m.",
    'constants': "Mean and variance were both treated as constants; X goes into them too: two terms are missing.",
    'no-mean-share': "Each of the m values has only 1/m of the mean: + dmean / m, not + dmean.",
    'no-variance-share': "Each of the m values has only 1/m of the variance: the term of the variance is divided by m.",
    'images-m': "For images the mean is taken over all m H W values of a channel: divide by that number.",
    'no-two': "The factor 2 is missing: the derivative of (X - mean) ** 2 is 2 * (X - mean).",
    'no-dictionary': "Return a dictionary with all six: {'dbeta': dbeta, 'dgamma': dgamma, ...}.",
    'wrong-sum': "The sum runs over the features, or over everything; sum over the batch, axis 0, to get one value a "
                 "feature.",
    'as-dbeta': "That is dbeta; gamma multiplies X_hat, so X_hat stands in the sum: dout * X_hat.",
    'gamma-for-x-hat': "There is a gamma too many: the derivative of gamma * X_hat with respect to gamma is X_hat.",
    'std-too-early': "std belongs to the next step; out = gamma * X_hat + beta, so dX_hat = dout * gamma.",
    'dgamma-for-gamma': "dout was multiplied by dgamma; the derivative of gamma * X_hat with respect to X_hat is "
                        "gamma.",
    'dvar-not-centred': "X_hat = (X - mean) * v ** (-1/2), so the factor beside dX_hat is X - mean.",
    'dmean-std': "X_hat = (X - mean) / std, so that the mean gets -1 / std of each dX_hat: divide by std once.",
    'no-shares': "Both terms lack the 1/m: each of the m values has only 1/m of the mean and of the variance.",
    'no-std': "The first term is dX_hat / std; it was not divided by std, or multiplied by it.",
    'product-of-sums': "Two sums were multiplied; multiply first, row by row, and then sum.",
    'no-direct': "The first term is missing: + dX_hat / std.",
    'minus': "The three terms are added; one of them was subtracted. (The signs are in dvar and dmean already.)",
    'not-centred': "The derivative of (X - mean) ** 2 is 2 * (X - mean): neither X nor X_hat stands there.",
    'other-count': "A mean over the batch was taken, so divide both terms by m, the number of rows; not by m - 1 or D.",
    'gamma-in-dbeta': "There is a gamma in it; the derivative of gamma * X_hat + beta with respect to beta is 1.",
    'x-hat-in-dX-hat': "X_hat is the variable here; the derivative of gamma * X_hat with respect to it is gamma.",
    'dvar-factor': "The derivative of v ** (-1/2) is -1/2 * v ** (-3/2): the factor in front is -1/2, not -3/2.",
    'm-twice': "The term of the mean or of the variance is divided by m twice; once is right.",
    'images-as-rows': "Images need other axes: sum over (0, 2, 3), with keepdims, so that (1, C, 1, 1) is left.",
}


def problem():
    rng = np.random.default_rng(0)
    return rng.normal(2, 3, (6, 3)), rng.normal(1, 0.5, 3), rng.normal(size=3), rng.normal(size=(6, 3))


def right():
    """Every gradient by automatic differentiation, each stage cut free in turn."""
    X, gamma, beta, dout = problem()
    mean, var = X.mean(axis=0), X.var(axis=0)
    X_hat = (X - mean) / np.sqrt(var + 1e-5)
    found = (Node(gamma, 'dgamma') * Node(X_hat, 'dX_hat') + Node(beta, 'dbeta')).grad(dout)
    found.update((gamma * (X - mean) / (Node(var, 'dvar') + 1e-5).sqrt()).grad(dout))
    centred = X - Node(mean, 'dmean')
    found.update((gamma * centred / ((centred * centred).mean(axis=0) + 1e-5).sqrt()).grad(dout))
    whole = Node(X, 'dX')
    found.update((gamma * (whole - whole.mean(axis=0)) / (whole.var(axis=0) + 1e-5).sqrt()).grad(dout))
    return found


def compare(answer, name, mistakes):
    X, gamma, beta, dout = problem()
    mean, std = X.mean(axis=0), np.sqrt(X.var(axis=0) + 1e-5)
    cache = {'X': X, 'mean': mean, 'std': std, 'X_hat': (X - mean) / std, 'gamma': gamma}
    result = function(answer, 'backward')(dout, cache)
    if not isinstance(result, dict) or name not in result:
        raise Wrong('no-dictionary', f"backward returns a {type(result).__name__} without {name}.")
    expect_unchanged(dout, problem()[3], 'dout')
    expect(result[name], right()[name], mistakes(X - mean, std, dout, gamma), name, 1e-7)


def check_dbeta(answer):
    """dbeta"""
    compare(answer, 'dbeta', lambda centred, std, dout, gamma: {
        'not-summed': dout, 'batch-mean': dout.mean(axis=0), 'gamma-in-dbeta': (dout * gamma).sum(axis=0),
        'wrong-sum': (dout.sum(axis=1), dout.sum())})


def check_dgamma(answer):
    """dgamma"""
    compare(answer, 'dgamma', lambda centred, std, dout, gamma: {
        'not-summed': dout * centred / std, 'batch-mean': (dout * centred / std).mean(axis=0),
        'x-for-x-hat': tuple((dout * x).sum(axis=0) for x in (problem()[0], centred)), 'as-dbeta': dout.sum(axis=0),
        'product-of-sums': (0 * gamma, dout.sum(axis=0) * centred.sum(axis=0)),
        'gamma-for-x-hat': tuple((dout * gamma * x).sum(axis=0) for x in (1, centred / std)),
        'wrong-sum': ((dout * centred / std).sum(axis=1), (dout * centred / std).sum())})


def check_dX_hat(answer):
    """dX_hat"""
    compare(answer, 'dX_hat', lambda centred, std, dout, gamma: {
        'x-hat-in-dX-hat': (dout * gamma * centred / std, dout * centred / std),
        'gamma-forgotten': dout, 'std-too-early': dout * gamma / std,
        'dgamma-for-gamma': dout * (dout * centred / std).sum(axis=0)})


def check_dvar(answer):
    """dvar"""
    def mistakes(centred, std, dout, gamma):
        total = (dout * gamma * centred).sum(axis=0)
        powers = tuple(-0.5 * total / std**power for power in (1, 1.5, 2, 6, -1, -3))
        half, X = -0.5 * dout * gamma / std**3, problem()[0]
        return {'product-of-sums': 0 * gamma,
                'dvar-not-centred': tuple((half * x).sum(axis=0) for x in (X, centred / std, 1)),
                'batch-mean': (half * centred).mean(axis=0), 'not-summed': half * centred,
                'gamma-forgotten': (half * centred / gamma).sum(axis=0), 'dvar-sign': 0.5 * total / std**3,
                'dvar-half': -total / std**3, 'dvar-factor': (-1.5 * total / std**3, 1.5 * total / std**3),
                'dvar-power': powers}
    compare(answer, 'dvar', mistakes)


def check_dmean(answer):
    """dmean"""
    def mistakes(centred, std, dout, gamma):
        total = -(dout * gamma).sum(axis=0)
        by_var = (dout * gamma * centred).sum(axis=0) / std**3 * centred
        return {'dmean-sign': -total / std, 'not-summed': (-dout * gamma / std, total / std + by_var,
                                                           -dout * gamma / std + by_var),
                'batch-mean': total / std / len(dout),
                'dmean-std': (total, total * std, total / std**2), 'gamma-forgotten': -dout.sum(axis=0) / std}
    compare(answer, 'dmean', mistakes)


def check_dX(answer):
    """dX"""
    def mistakes(centred, std, dout, gamma):
        direct, m = dout * gamma / std, len(dout)
        by_mean = -direct.sum(axis=0) / m
        by_var = -(direct * centred).sum(axis=0) * centred / std**2 / m
        return {'no-variance-term': direct + by_mean, 'no-mean-term': direct + by_var, 'constants': direct,
                'no-two': direct + by_mean + by_var / 2, 'no-mean-share': direct + m * by_mean + by_var,
                'no-variance-share': direct + by_mean + m * by_var, 'no-shares': direct + m * (by_mean + by_var),
                'm-twice': (direct + by_mean / m + by_var, direct + by_mean + by_var / m,
                            direct + (by_mean + by_var) / m),
                'no-std': (direct * std + by_mean + by_var, direct * std**2 + by_mean + by_var),
                'gamma-forgotten': dout / std + by_mean + by_var, 'no-direct': by_mean + by_var,
                'minus': (direct - by_mean + by_var, direct + by_mean - by_var,
                                                                    direct - by_mean - by_var),
                'not-centred': tuple(direct + by_mean + by_var / centred * x for x in (problem()[0], centred / std)),
                'other-count': tuple(direct + a * by_mean + b * by_var for a in (1, m / (m - 1), 1 / 3) for b in (
                    1, m / (m - 1), 1 / 3) if (a, b) != (1, 1))}
    compare(answer, 'dX', mistakes)


def check_images(answer):
    """All six for images (4, 3, 5, 2): a channel takes the place of a column."""
    rng = np.random.default_rng(1)
    X, dout = rng.normal(2, 3, (4, 3, 5, 2)), rng.normal(size=(4, 3, 5, 2))
    gamma, over = rng.normal(1, 0.5, (1, 3, 1, 1)), {'axis': (0, 2, 3), 'keepdims': True}
    mean, std = X.mean(**over), np.sqrt(X.var(**over) + 1e-5)
    X_hat, g = (X - mean) / std, dout * gamma
    axes = ({'axis': 0}, {'axis': 0, 'keepdims': True}, {'axis': (0, 2, 3)})
    summed = {'dbeta': tuple(dout.sum(**a) for a in axes), 'dgamma': tuple((dout * X_hat).sum(**a) for a in axes)}
    before = dout.copy()
    result = function(answer, 'backward')(dout, {'X': X, 'mean': mean, 'std': std, 'X_hat': X_hat, 'gamma': gamma})

    if not isinstance(result, dict):
        raise Wrong('no-dictionary', f"backward returns a {type(result).__name__} for images.")
    expect_unchanged(dout, before, 'dout')

    def rows(x):
        return x.transpose(0, 2, 3, 1).reshape(-1, 3)           # (m H W, C): what was a channel is a column
    x = Node(rows(X), 'x')
    dX = (gamma.ravel() * (x - x.mean(axis=0)) / (x.var(axis=0) + 1e-5).sqrt()).grad(rows(dout))['x']
    by_mean, by_var = -g.mean(**over) / std, -(g * X_hat).mean(**over) * X_hat / std
    right = {'dbeta': dout.sum(**over), 'dgamma': (dout * X_hat).sum(**over), 'dX_hat': g,
             'dvar': -(g * (X - mean)).sum(**over) / (2 * std**3), 'dmean': -g.sum(**over) / std,
             'dX': dX.reshape(4, 5, 2, 3).transpose(0, 3, 1, 2)}
    for name, value in right.items():
        if name not in result:
            raise Wrong('no-dictionary', f"backward returns no {name} for images.")
        expect(result[name], value, {'images-m': tuple(g / std + n * (by_mean + by_var) for n in (10, 5, 2, 10 / 3))}
               if name == 'dX' else {'images-as-rows': summed.get(name, ())}, f'{name} of images', 1e-7)
