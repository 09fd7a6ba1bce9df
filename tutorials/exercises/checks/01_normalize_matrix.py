"""Checks for 01_normalize_matrix."""
import numpy as np

from gluon_bn._mxnet import nd
from gluon_bn.exercises.expect import Wrong, as_numpy, expect, expect_unchanged, function, same

HINTS = {
    'unbiased': "The variance is divided by m - 1; batch norm divides by m (the biased variance, Algorithm 1, line 2).",
    'eps-outside': "eps stands outside the root; it is added to the variance: sqrt(var + eps).",
    'eps-ignored': "eps has no effect; add it to the variance under the root.",
    'rows': "Each row was normalised; a feature is a column, so average over the batch: axis 0.",
    'global': "The mean, the variance or both were taken for the whole matrix; each column has its own: axis 0.",
    'no-root': "The differences are divided by the variance; divide by its square root.",
    'not-centred': "The mean is still there; subtract it before you divide.",
    'not-scaled': "The mean is gone, but the scale is as it was: divide by sqrt(var + eps).",
    'cancelled': "The variance was computed as the mean of the squares minus the square of the mean. With a large "
                 "mean these are two huge, almost equal numbers, and float32 keeps none of their difference: average "
                 "(X - mean) ** 2.",
    'axis-ignored': "With axis=1 the columns were normalised; then every row is: use the argument axis in both "
                    "averages.",
    'rows-counted': "With axis=1 there are X.shape[1] examples, and the sum was divided by X.shape[0]: take "
                    "X.shape[axis].",
    'summed': "The squares were added up and not divided by m: the variance is their mean.",
    'absolute': "The absolute differences were averaged; the variance is the mean of their squares.",
    'uncentred': "The variance is the mean of (X - mean) ** 2; the mean was not subtracted there.",
    'times-std': "The differences were multiplied by sqrt(var + eps); divide by it.",
    'min-max': "That brings each column to the range from 0 to 1; batch norm brings it to mean 0 and standard "
               "deviation 1.",
    'by-range': "The differences are divided by the range, max - min; divide by sqrt(var + eps).",
    'mean-behind': "X was divided first, and then the mean was subtracted: subtract the mean first, and divide the "
                   "difference.",
    'two-axes': "The mean and the variance were taken along different axes; use axis=axis for both.",
    'length': "Each column was divided by its length (its norm); subtract the mean, and divide by sqrt(var + eps).",
    'root-twice': "The root was taken twice: divide by sqrt(var + eps), where var is the variance itself.",
    'eps-squared': "eps was squared; it is added as it is: sqrt(var + eps).",
    'eps-elsewhere': "eps is in the wrong place, or used in another way; it is added to the variance, under the root: "
                     "sqrt(var + eps).",
    'eps-twice': "eps is there twice; it is added once, to the variance: sqrt(var + eps).",
    'precedence': "Only the mean was divided: without brackets / comes before -, so write (X - mean) / ....",
}


def normalized(X, eps, axis=0, ddof=0):
    return (X - X.mean(axis=axis, keepdims=True)) / np.sqrt(X.var(axis=axis, keepdims=True, ddof=ddof) + eps)


def mistakes(X, eps):
    centred, var = X - X.mean(axis=0), X.var(axis=0)
    std, absolute = np.sqrt(var + eps), np.abs(centred).mean(axis=0)
    return {'unbiased': normalized(X, eps, ddof=1), 'eps-ignored': normalized(X, 0),
            'eps-outside': (centred / (np.sqrt(var) + eps), centred / np.sqrt(var) + eps),
            'summed': tuple(centred / np.sqrt(len(X) * var + e) for e in (0, eps)),
            'absolute': (centred / np.sqrt(absolute + eps), centred / (absolute + eps), centred / absolute),
            'uncentred': centred / np.sqrt((X**2).mean(axis=0) + eps), 'times-std': centred * std,
            'min-max': (X - X.min(axis=0)) / np.ptp(X, axis=0), 'precedence': X - X.mean(axis=0) / std,
            'rows': normalized(X, eps, axis=1),
            'global': ((X - X.mean()) / np.sqrt(X.var() + eps), (X - X.mean()) / std,
                       centred / np.sqrt(X.var() + eps)),
            'root-twice': (centred / np.sqrt(std), centred / np.sqrt(np.sqrt(var) + eps)),
            'eps-squared': centred / np.sqrt(var + eps**2), 'no-root': centred / (var + eps),
            'eps-elsewhere': (centred / np.sqrt(var * eps), centred / (np.sqrt(var) + np.sqrt(eps)),
                              *((centred + eps) / np.sqrt(v) for v in (var, var + eps)),
                              centred / np.sqrt(np.abs(var - eps))),
            'not-centred': X / std, 'not-scaled': centred, 'by-range': centred / np.ptp(X, axis=0),
            'mean-behind': X / std - X.mean(axis=0), 'length': X / np.sqrt((X**2).sum(axis=0)),
            'two-axes': tuple(centred / np.sqrt((c**2).mean(axis=1, keepdims=True) + eps) for c in (
                centred, X - X.mean(axis=1, keepdims=True))),
            'eps-twice': (centred / (std + eps), *(centred / np.sqrt(var + n * eps) for n in (2, 3)))}


def compare(answer, X, eps):
    normalize = function(answer, 'normalize')
    expect(normalize(nd.array(X), eps), nd.array(normalized(X, eps)), mistakes(X, eps), 'normalize(X)')


def check_the_matrix_of_the_tutorial(answer):
    """[[1, 7], [5, 4], [6, 10]] becomes [[-1.3887, 0], [0.4629, -1.2247], [0.9258, 1.2247]]."""
    compare(answer, np.array([[1., 7.], [5., 4.], [6., 10.]]), 1e-5)


def check_another_matrix(answer):
    """Every column of a matrix of 8 rows and 3 columns has mean 0 and standard deviation 1."""
    compare(answer, np.random.default_rng(0).normal(3, [1., 4., 9.], (8, 3)), 1e-5)


def check_eps(answer):
    """eps is added to the variance, under the root (tried with eps = 0.5)."""
    X = np.random.default_rng(1).normal(1, 2, (5, 3))
    wrong = {**mistakes(X, 0.5), 'eps-ignored': (normalized(X, 0), normalized(X, 1e-5))}
    expect(function(answer, 'normalize')(nd.array(X), 0.5), nd.array(normalized(X, 0.5)), wrong, 'normalize(X)')


def check_large_mean(answer):
    """A column with mean 10,000 and standard deviation 1 comes out as well as one with mean 0."""
    normalize = function(answer, 'normalize')
    X = np.array([[-1.25], [-0.25], [0.5], [1.], [1.25], [0.25]])  # these and 10,000 more are exact in float32
    compare(answer, X, 1e-5)
    got = normalize(nd.array(X + 1e4), 1e-5)
    if not same(as_numpy(got), normalized(X, 1e-5), 0.01):
        raise Wrong('cancelled', f"{(X + 1e4)[:, 0]} becomes {as_numpy(got)[:, 0]}, and should become "
                                 f"{normalized(X, 1e-5)[:, 0].round(2)}.")


def check_examples_in_columns(answer):
    """With axis=1 every row of a matrix (3, 5) has mean 0 and standard deviation 1."""
    X = np.random.default_rng(2).normal(3, [[1.], [4.], [9.]], (3, 5))
    centred, count, examples = X - X.mean(axis=1, keepdims=True), *X.shape
    var, by_rows = X.var(axis=1, keepdims=True), X - X.sum(axis=1, keepdims=True) / count
    wrong = {'rows-counted': (by_rows / np.sqrt((by_rows**2).sum(axis=1, keepdims=True) / count + 1e-5),
                              *(centred / np.sqrt(var * examples / n + 1e-5) for n in (count, count - 1))),
             'unbiased': normalized(X, 1e-5, axis=1, ddof=1), 'axis-ignored': normalized(X, 1e-5)}
    expect(function(answer, 'normalize')(nd.array(X), 1e-5, axis=1), nd.array(normalized(X, 1e-5, axis=1)), wrong,
           'normalize(X, axis=1)')


def check_nothing_else_is_changed(answer):
    """The array that is passed stays as it is."""
    X = nd.array([[1., 7.], [5., 4.], [6., 10.]])
    before = X.asnumpy()
    function(answer, 'normalize')(X)
    expect_unchanged(X, before, 'X')
