"""What a batch norm does, found out by calling it: conventions from small inputs, differences from float64 formulas."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .ways import ways

if TYPE_CHECKING:
    from .ways import Step, Way

COLUMNS = ('way', 'stored variance divided by', 'momentum is the weight of', 'momentum', 'eps', 'statistics begin with',
           'batch of one', 'forward', 'backward', 'statistics')
MOMENTUM, EPS = 0.7, 1e-4  # of the comparison; no library's defaults


def rows(seed: int = 0) -> list[list[str]]:
    """A row of ``COLUMNS`` for each way that is installed."""
    return [row(way, np.random.default_rng(seed)) for way in ways()]


def row(way: Way, rng: np.random.Generator) -> list[str]:
    """What there is to know of a way, as text; the last three are differences relative to the largest value."""
    x, gamma, beta, dy, stored = example(rng)
    found = way.train(x, gamma, beta, dy, stored, momentum=MOMENTUM, eps=EPS)
    exact = formula(x, gamma, beta, dy, EPS)
    divisor, weight = conventions(found, exact, stored, x.size // x.shape[1])
    mean, var = expected(exact, stored, divisor, weight, x.size // x.shape[1])
    forward = max(apart(found.y, exact[0]), apart(way.test(x, gamma, beta, stored, EPS),
                                                  stored_formula(x, gamma, beta, stored)))
    backward = max((apart(one, other) for one, other in zip(found[1:4], exact[1:4]) if one is not None), default=None)
    return [way.name, divisor, weight, f'{default_momentum(way, weight):.2g}', f'{default_eps(way):.1g}',
            beginning(way), batch_of_one(way), f'{forward:.1e}', '–' if backward is None else f'{backward:.1e}',
            f'{max(apart(found.mean, mean), apart(found.var, var)):.1e}']


def example(rng):
    """``(x, gamma, beta, dy, (mean, var))``, float32, away from 0 and 1.

    The stored means have the sign of the batch's: a sum of both that is next to 0 would have no digit that is right.
    """
    def draw(low, high, *shape):
        return rng.uniform(low, high, shape).astype(np.float32)
    x = rng.normal(2, 3, (4, 3, 5, 5)).astype(np.float32)
    return x, draw(0.5, 2, 3), draw(-1, 1, 3), draw(-1, 1, *x.shape), (draw(1.5, 3, 3), draw(0.5, 2, 3))


def formula(x, gamma, beta, dy, eps):
    """``(y, dx, dgamma, dbeta, mean, var)`` in float64; the variance is divided by the number of values."""
    x, gamma, beta, dy = (value.astype(np.float64) for value in (x, gamma, beta, dy))
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    mean, var = x.mean(axis=axes), x.var(axis=axes)
    spread = [slice(None), *[None] * (x.ndim - 2)]
    std = np.sqrt(var + eps)[tuple(spread)]
    xhat = (x - mean[tuple(spread)]) / std
    centred = dy - dy.mean(axis=axes)[tuple(spread)] - xhat * (dy * xhat).mean(axis=axes)[tuple(spread)]
    return (gamma[tuple(spread)] * xhat + beta[tuple(spread)], gamma[tuple(spread)] / std * centred,
            (dy * xhat).sum(axis=axes), dy.sum(axis=axes), mean, var)


def stored_formula(x, gamma, beta, stored):
    """The output with stored statistics, in float64."""
    gamma, beta, mean, var = (value.astype(np.float64).reshape(-1, *[1] * (x.ndim - 2))
                              for value in (gamma, beta, *stored))
    return gamma * (x - mean) / np.sqrt(var + EPS) + beta


def expected(exact, stored, divisor, weight, m):
    """The stored mean and variance after a step, by these conventions."""
    old = MOMENTUM if weight == 'the old value' else 1 - MOMENTUM
    var = exact[5] * (m / (m - 1) if divisor == 'm − 1' else 1)
    return [old * before + (1 - old) * now for before, now in zip(stored, (exact[4], var))]


def conventions(found: Step, exact, stored, m):
    """What the stored variance is divided by, and whose weight momentum is: whichever comes nearest."""
    def distance(pair):
        mean, var = expected(exact, stored, *pair, m)
        return apart(found.mean, mean) + apart(found.var, var)
    return min(((divisor, weight) for divisor in ('m', 'm − 1') for weight in ('the old value', 'the new value')),
               key=distance)


def apart(one, other):
    """The largest difference relative to the largest value."""
    return float(np.abs(np.asarray(one, np.float64) - other).max() / np.abs(other).max())


_ONE = np.ones(1, np.float32)


def default_momentum(way, weight):
    """Its default: the stored mean goes from 0 towards 1 by the weight of the new value."""
    x = np.array([[0.5], [1.5]], np.float32)
    new = float(way.train(x, _ONE, _ONE, x, (0 * _ONE, _ONE)).mean[0])
    return 1 - new if weight == 'the old value' else new


def default_eps(way):
    """Its default: values a and −a become ±a / sqrt(a² + eps)."""
    a = 1e-3
    x = np.array([[a], [-a]], np.float32)
    y = float(way.train(x, _ONE, 0 * _ONE, x, (0 * _ONE, _ONE)).y[0, 0])
    return a**2 / y**2 - a**2


def beginning(way):
    """What a new layer has stored, as its first step shows."""
    x = np.array([[3.], [7.]], np.float32)                                       # (2, 1): mean 5, variance 4
    found = way.train(x, _ONE, _ONE, x, None)
    if way.name in ('MXNet nd.BatchNorm', 'ONNX reference'):
        return 'what the caller passes'
    if abs(found.mean[0] - 5) < 1e-5 and abs(found.var[0] - 4) < 1e-5:
        return 'the first batch'
    new = float(found.mean[0]) / 5  # if it began with 0
    for batch in (4, 8):
        if abs(found.var[0] - (1 - new + new * batch)) < 1e-5:
            return '0 and 1'
    return '0 and 0' if any(abs(found.var[0] - new * batch) < 1e-5 for batch in (4, 8)) else 'other values'


def batch_of_one(way):
    """What it does with one example, of which every output would be beta."""
    x, beta = np.array([[3.]], np.float32), np.array([0.5], np.float32)
    try:
        y = way.train(x, _ONE, beta, x, (0 * _ONE, _ONE)).y
    except ValueError:
        return 'refused'
    return 'gives beta' if abs(y - beta).max() < 1e-6 else 'gives other values'
