"""Checks for 02_broadcast_gamma_beta."""
import numpy as np

from gluon_bn._mxnet import nd
from gluon_bn.exercises.expect import expect, function

HINTS = {
    'batch-only': "Each pixel has a mean of its own here; a channel has one for all images and pixels: axes (0, 2, 3).",
    'instance': "Each image was normalised by itself (that is instance norm); average over axes (0, 2, 3).",
    'layer': "Each image was normalised over all its channels (that is layer norm); average over axes (0, 2, 3).",
    'all-axes': "One mean was taken for all channels; the channel axis, 1, is the one that stays: axes (0, 2, 3).",
    'last-axis': "gamma and beta run along the last axis, W; they belong to channels: reshape them to (1, C, 1, 1).",
    'swapped': "gamma and beta have changed places: gamma scales, beta shifts.",
    'beta-inside': "beta was added before the scaling: gamma * x_hat + beta, not gamma * (x_hat + beta).",
    'no-gamma-beta': "gamma and beta have no effect: return gamma * x_hat + beta.",
    'no-gamma': "gamma has no effect: return gamma * x_hat + beta.",
    'no-beta': "beta has no effect: return gamma * x_hat + beta.",
    'unbiased': "The variance is divided by one less than the number of values; batch norm divides by their number.",
    'no-root': "The differences are divided by the variance; divide by its square root.",
    'eps-ignored': "eps has no effect; add it to the variance under the root.",
    'eps-outside': "eps stands outside the root; it is added to the variance: sqrt(var + eps).",
}


def normalized(X, axes, eps=1e-5, ddof=0):
    return (X - X.mean(axis=axes, keepdims=True)) / np.sqrt(X.var(axis=axes, keepdims=True, ddof=ddof) + eps)


def compare(answer, X, gamma, beta, eps=1e-5):
    shape = (1, -1) + (1,) * (X.ndim - 2)
    g, b = gamma.reshape(shape), beta.reshape(shape)
    axes = (0,) if X.ndim == 2 else (0, 2, 3)
    X_hat, std = normalized(X, axes, eps), X.std(axis=axes, keepdims=True)
    centred = X - X.mean(axis=axes, keepdims=True)
    mistakes = {'swapped': b * X_hat + g, 'beta-inside': g * (X_hat + b), 'no-gamma-beta': X_hat, 'no-gamma': X_hat + b,
                'no-beta': g * X_hat, 'unbiased': g * normalized(X, axes, eps, 1) + b,
                'no-root': (g * centred / (std**2 + eps) + b, g * centred / std**2 + b)}
    if eps > 0.1:  # so large that its place is seen
        mistakes.update({'eps-ignored': (g * centred / std + b, g * normalized(X, axes) + b),
                         'eps-outside': g * centred / (std + eps) + b})
    if X.ndim == 4:
        others = {'batch-only': (0,), 'instance': (2, 3), 'layer': (1, 2, 3), 'all-axes': None}
        mistakes.update({hint: g * normalized(X, a, eps) + b for hint, a in others.items()})
        mistakes['last-axis'] = gamma * X_hat + beta
    got = function(answer, 'batch_norm')(nd.array(X), nd.array(gamma), nd.array(beta), eps)
    expect(got, nd.array(g * X_hat + b), mistakes, f'the result for X {X.shape}', 1e-3)


def check_rows(answer):
    """A matrix (6, 3) is normalised by column, scaled by gamma and shifted by beta."""
    rng = np.random.default_rng(0)
    compare(answer, rng.normal(2, 3, (6, 3)), np.array([1.5, -0.5, 2.]), np.array([0.3, 1., -2.]))


def check_images(answer):
    """Images (4, 3, 5, 3) are normalised by channel, scaled by gamma and shifted by beta."""
    rng = np.random.default_rng(1)
    X = rng.normal(0, 1, (4, 3, 5, 3)) * rng.uniform(1, 3, (4, 3, 1, 1)) + rng.normal(0, 3, (4, 3, 5, 3))
    compare(answer, X, np.array([1.5, -0.5, 2.]), np.array([0.3, 1., -2.]))


def check_eps(answer):
    """eps is added to the variance, under the root, for rows and for images (tried with eps = 0.5)."""
    rng = np.random.default_rng(3)
    gamma, beta = np.array([1.5, -0.5, 2.]), np.array([0.3, 1., -2.])
    compare(answer, rng.normal(2, 1, (6, 3)), gamma, beta, 0.5)
    compare(answer, rng.normal(2, 1, (4, 3, 5, 3)), gamma, beta, 0.5)


def check_one_pixel(answer):
    """Images of one pixel, (6, 3, 1, 1), come out as rows do."""
    rng = np.random.default_rng(2)
    compare(answer, rng.normal(2, 3, (6, 3, 1, 1)), np.array([1.5, -0.5, 2.]), np.array([0.3, 1., -2.]))
