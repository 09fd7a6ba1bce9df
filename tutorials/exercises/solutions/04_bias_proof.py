"""Solution of 04_bias_proof."""
import numpy as np


def statistics_with_bias(mean, var, b):
    """The mean and variance of h are ``mean`` and ``var`` (D,); return those of h + b, a pair of arrays (D,)."""
    return mean + b, var            # the shift moves the mean and cancels in every difference from it


def effect_of_bias(layer, h, b):
    """The largest difference, a number, that adding ``b`` makes to any value of ``layer(h)``, whatever its sign."""
    return np.abs(layer(h + b) - layer(h)).max()


def bias_gradient(dx):
    """The gradient with respect to b (D,), when that with respect to x = h + b is ``dx`` (m, D)."""
    return dx.sum(axis=0)           # b is added to each of the m rows: m paths. After batch norm the sum is 0


def moving_mean_without_bias(moving_mean, b):
    """The moving average (D,) that gives the same output in test mode once a trained bias ``b`` is taken away."""
    return moving_mean - b
