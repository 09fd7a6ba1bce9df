"""Checks for 02_broadcast_gamma_beta."""
import numpy as np

from gluon_bn._mxnet import nd
from gluon_bn.exercises.expect import Wrong, as_numpy, expect, expect_unchanged, function, same

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
    'some-axes': "The averages run over other axes than they should; only the channel axis, 1, is left out: (0, 2, 3).",
    'images-counted': "The sum over a channel was divided by the number of images; it has m H W values: use nd.mean.",
    'as-rows': "Images were treated as rows are: each pixel has a mean of its own, and gamma and beta run along W. A "
               "channel has one of each: axes (0, 2, 3), and gamma and beta (1, C, 1, 1).",
    'no-transpose': "reshape keeps the order of the values, so that those of different channels are mixed: the "
                    "channels must be the last axis when you reshape to (-1, C), and go back to their place "
                    "afterwards (transpose).",
    'rows': "Each row of the matrix was normalised; a feature is a column, so average over the batch: axis 0.",
    'gamma-twice': "gamma was multiplied twice: gamma * x_hat + beta.",
    'beta-subtracted': "beta was subtracted; it is added: gamma * x_hat + beta.",
    'summed': "The squares were added up and not divided by their number: the variance is their mean.",
    'not-centred': "The mean is still there; subtract it before you divide.",
    'not-scaled': "The mean is gone, but the scale is as it was: divide by sqrt(var + eps).",
    'times-std': "The differences were multiplied by sqrt(var + eps); divide by it.",
    'not-normalised': "X was not normalised by the batch: gamma * x_hat + beta. (nd.BatchNorm does so outside of "
                      "training, and takes gamma as 1; write the formula out.)",
    'gamma-before': "gamma was multiplied before the normalisation, which divides it out again: multiply X_hat by it.",
    'beta-times': "beta was multiplied; it is added: gamma * x_hat + beta.",
    'turned': "The difference is turned around: X - mean.",
    'by-gamma': "X_hat was divided by gamma; multiply it: gamma * x_hat + beta.",
    'root-twice': "The root was taken twice: divide by sqrt(var + eps), where var is the variance itself.",
    'one-plus-gamma': "1 was added to gamma; here gamma is the whole factor: gamma * x_hat + beta.",
    'one-for-all': "One gamma or one beta was used for all channels; each channel has its own.",
    'beta-scaled': "beta was scaled as well; it is added at the end: gamma * x_hat + beta.",
    'mean-added': "The mean was added; subtract it: X - mean.",
    'eps-twice': "eps is there twice; it is added once, to the variance: sqrt(var + eps).",
    'roots-added': "The roots of the variance and of eps were taken one by one; eps is added to the variance first, "
                   "under one root: sqrt(var + eps).",
    'gamma-added': "gamma was added; it is multiplied: gamma * x_hat + beta.",
    'two-axes': "The variance was averaged over other axes than the mean; both are taken over (0, 2, 3).",
    'cancelled': "The variance was computed as the mean of the squares minus the square of the mean; with a large "
                 "mean float32 keeps nothing of the difference: average (X - mean) ** 2.",
}


def normalized(X, axes, eps=1e-5, ddof=0):
    return (X - X.mean(axis=axes, keepdims=True)) / np.sqrt(X.var(axis=axes, keepdims=True, ddof=ddof) + eps)


def first(array):
    return array.flat[0]


def mistakes(X, g, b, eps):
    """What mistakes lead to for rows and images alike; gamma ``g`` and beta ``b`` have the axes of ``X``."""
    axes = (0,) if X.ndim == 2 else (0, 2, 3)
    X_hat, var = normalized(X, axes, eps), X.var(axis=axes, keepdims=True)
    centred, count = X - X.mean(axis=axes, keepdims=True), X.size // var.size
    std = np.sqrt(var + eps)
    found = {'swapped': b * X_hat + g, 'beta-inside': g * (X_hat + b), 'no-gamma-beta': X_hat, 'no-gamma': X_hat + b,
             'no-beta': g * X_hat, 'gamma-twice': g**2 * X_hat + b, 'beta-subtracted': g * X_hat - b,
             'unbiased': g * normalized(X, axes, eps, 1) + b, 'summed': g * centred / np.sqrt(count * var + eps) + b,
             'no-root': (g * centred / (var + eps) + b, g * centred / var + b), 'not-centred': g * X / std + b,
             'gamma-before': g * centred / np.sqrt(g**2 * var + eps) + b, 'beta-times': g * X_hat * b,
             'turned': b - g * X_hat, 'by-gamma': X_hat / g + b, 'not-scaled': g * centred + b,
             'times-std': g * centred * std + b, 'root-twice': g * centred / np.sqrt(std) + b,
             'roots-added': g * centred / (np.sqrt(var) + np.sqrt(eps)) + b, 'gamma-added': g + X_hat + b,
             'one-plus-gamma': (1 + g) * X_hat + b, 'beta-scaled': g * X_hat + b / std,
             'mean-added': g * (2 * X - centred) / std + b,
             'one-for-all': (*(f(g) * X_hat + b for f in (first, np.sum, np.mean)),
                             *(g * X_hat + f(b) for f in (first, np.sum, np.mean))),
             'not-normalised': tuple(c * X / d + b for c in (g, 1) for d in (1, np.sqrt(1 + eps)))}
    if eps > 0.1:  # so large that its place is seen
        std = np.sqrt(var)
        found.update({'eps-ignored': (g * centred / std + b, g * normalized(X, axes) + b),
                      'eps-twice': (g * centred / (np.sqrt(var + eps) + eps) + b,
                                    g * centred / np.sqrt(var + 2 * eps) + b),
                      'eps-outside': (g * centred / (std + eps) + b, g * centred / std + b + eps)})
    return found


def mistakes_with_axes(X, gamma, g, b, eps):
    """What averages over wrong axes lead to, and a gamma (C,) that nobody has reshaped."""
    if X.ndim == 2:
        return {'rows': g * normalized(X, (1,), eps) + b, 'all-axes': g * normalized(X, None, eps) + b}
    axes = {'batch-only': (0,), 'instance': (2, 3), 'layer': (1, 2, 3), 'all-axes': None}
    found = {hint: g * normalized(X, a, eps) + b for hint, a in axes.items()}
    found['some-axes'] = tuple(g * normalized(X, a, eps) + b for a in ((1,), (0, 1), (0, 2), (0, 3), (0, 1, 2),
                                                                       (0, 1, 3)))
    X_hat, centred = normalized(X, (0, 2, 3), eps), X - X.mean(axis=(0, 2, 3), keepdims=True)
    found['images-counted'] = tuple(g * centred / np.sqrt((centred**2).sum(axis=(0, 2, 3), keepdims=True) / n + eps) + b
                                    for n in (len(X), len(X) - 1))
    found['two-axes'] = tuple(g * centred / np.sqrt((c**2).mean(axis=a, keepdims=True) + eps) + b for a in axes.values()
                              for c in (centred, X - X.mean(axis=a, keepdims=True)))
    beta = b.ravel()
    if X.shape[3] == len(gamma):
        found['last-axis'] = gamma * X_hat + beta
        found['as-rows'] = gamma * normalized(X, (0,), eps) + beta
    rows = gamma * normalized(X.reshape(-1, len(gamma)), (0,), eps) + beta  # no transpose before, or none behind
    back = gamma * normalized(X.transpose(0, 2, 3, 1).reshape(-1, len(gamma)), (0,), eps) + beta
    found['no-transpose'] = (rows.reshape(X.shape), back.reshape(X.shape))
    return found


def compare(answer, X, gamma, beta, eps=1e-5, axes_known=True):
    shape = (1, -1) + (1,) * (X.ndim - 2)
    g, b = gamma.reshape(shape), beta.reshape(shape)
    right = g * normalized(X, (0,) if X.ndim == 2 else (0, 2, 3), eps) + b
    wrong = {**mistakes(X, g, b, eps), **(mistakes_with_axes(X, gamma, g, b, eps) if axes_known else {})}
    x = nd.array(X)
    before = x.asnumpy()
    got = function(answer, 'batch_norm')(x, nd.array(gamma), nd.array(beta), eps)
    expect(got, nd.array(right), wrong, f'the result for X {X.shape}', 1e-3)
    expect_unchanged(x, before, 'X')


def check_rows(answer):
    """A matrix (6, 3) is normalised by column, scaled by gamma and shifted by beta."""
    rng = np.random.default_rng(0)
    compare(answer, rng.normal(2, 3, (6, 3)), np.array([1.5, -0.5, 2.5]), np.array([0.3, 1., -2.]))


def check_images(answer):
    """Images (4, 3, 5, 3) are normalised by channel, scaled by gamma and shifted by beta."""
    rng = np.random.default_rng(1)
    X = rng.normal(0, 1, (4, 3, 5, 3)) * rng.uniform(1, 3, (4, 3, 1, 1)) + rng.normal(0, 3, (4, 3, 5, 3))
    compare(answer, X, np.array([1.5, -0.5, 2.5]), np.array([0.3, 1., -2.]))


def check_eps(answer):
    """eps is added to the variance, under the root, for rows and for images (tried with eps = 0.5)."""
    rng = np.random.default_rng(3)
    gamma, beta = np.array([1.5, -0.5, 2.5]), np.array([0.3, 1., -2.])
    compare(answer, rng.normal(2, 1, (6, 3)), gamma, beta, 0.5)
    compare(answer, rng.normal(2, 1, (4, 3, 5, 3)), gamma, beta, 0.5)


def check_large_mean(answer):
    """A channel with mean 10,000 and standard deviation 1 comes out as well as one with mean 0."""
    x = np.tile([-1.25, -0.25, 0.5, 1., 1.25, 0.25], 4).reshape(4, 1, 2, 3)  # exact in float32, also with 10,000 more
    right = normalized(x, (0, 2, 3))
    got = [function(answer, 'batch_norm')(nd.array(x + more), nd.ones(1), nd.zeros(1)) for more in (0, 1e4)]
    expect(got[0], nd.array(right), {}, 'the result', 1e-3)
    if not same(as_numpy(got[1]), right, 0.01):
        raise Wrong('cancelled',
                    f"with 10,000 added to X the first value is {as_numpy(got[1]).flat[0]:.6g}, and should stay "
                                 f"{right.flat[0]:.6g}.")


def check_one_pixel(answer):
    """Images of one pixel, (6, 3, 1, 1), come out as rows do."""
    rng = np.random.default_rng(2)
    compare(answer, rng.normal(2, 3, (6, 3, 1, 1)), np.array([1.5, -0.5, 2.5]), np.array([0.3, 1., -2.]),
            axes_known=False)
