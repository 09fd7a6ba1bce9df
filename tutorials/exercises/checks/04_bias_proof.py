"""Checks for 04_bias_proof."""
import numpy as np

from gluon_bn.exercises.expect import Wrong, expect, function

HINTS = {
    'mean-kept': "The mean does move: each of the m values is larger by b, so their mean is too.",
    'mean-sign': "The mean moves the other way: h + b is larger than h by b.",
    'zeros': "That is 0 for any input; the function has to work for any values that come.",
    'variance-shifted': "b was added to the variance; write out (h_i + b) - (mean + b): what is left?",
    'variance-squared': "b**2 was added to the variance, as if b were random; it is the same for all rows and cancels.",
    'signed': "A difference of -3 is larger than one of 2 here; take the absolute value before the maximum.",
    'mean-difference': "That is the mean of the differences; the proof needs the largest one.",
    'no-effect': "On this layer the effect is 3, not 0: the proof ends with 0 only for a normalised layer. Compare "
                 "layer(h + b) with layer(h).",
    'smallest': "That is the smallest difference; the proof needs the largest one.",
    'summed': "The differences were added up; the proof needs the largest one.",
    'gradient-zero': "This function gets the gradient behind any layer; it is 0 only behind batch norm. Compute it from dx.",
    'gradient-mean': "The gradients of the rows were averaged; b is used in each row, and the paths add up: the sum.",
    'gradient-features': "The sum runs over the features; b has one value a feature, used in m rows: sum over axis 0.",
    'moving-added': "The bias was added; without it the inputs are smaller by b, and so must their average be.",
    'moving-kept': "The average was kept; the inputs are smaller by b now, so it would be subtracted once too often.",
}


def check_statistics(answer):
    """Steps 1 and 2: a bias moves the mean and leaves the variance."""
    h, b = np.random.default_rng(0).normal(2, 3, (7, 3)), np.array([0.5, -4., 10.])
    result = function(answer, 'statistics_with_bias')(h.mean(axis=0), h.var(axis=0), b)
    if not isinstance(result, tuple) or len(result) != 2:
        raise Wrong('type', "statistics_with_bias should return a pair: the mean and the variance.")
    x = h + b
    zeros = np.zeros(3)
    expect(result[0], x.mean(axis=0), {'mean-kept': h.mean(axis=0), 'mean-sign': h.mean(axis=0) - b, 'zeros': zeros},
           'the mean of h + b')
    expect(result[1], x.var(axis=0), {'variance-shifted': h.var(axis=0) + b, 'variance-squared': h.var(axis=0) + b**2, 'zeros': zeros},
           'the variance of h + b')


def check_effect(answer):
    """Step 3: the largest effect of a bias is measured, tried on layers where it is 3 and where it is 0."""
    effect_of_bias = function(answer, 'effect_of_bias')
    h = np.array([[0., 0.], [1., 1.]])
    got = effect_of_bias(lambda x: x * np.array([[1., -3.], [0.5, 2.]]), h, np.array([1., 1.]))
    expect(got, 3., {'signed': 2., 'mean-difference': (0.125, 1.625), 'smallest': (0.5, -3.), 'no-effect': 0.,
                     'summed': (0.5, 6.5)}, 'the effect')
    got = effect_of_bias(lambda x: (x - x.mean(axis=0)) / x.std(axis=0), h, np.array([5., -5.]))
    expect(got, 0., {}, 'the effect on a normalised layer')


def check_gradient(answer):
    """Step 4: the gradient of the bias is the sum of those of the rows, and batch norm makes it 0."""
    rng = np.random.default_rng(1)
    dx = rng.normal(size=(3, 3))
    expect(function(answer, 'bias_gradient')(dx), dx.sum(axis=0),
           {'gradient-mean': dx.mean(axis=0), 'gradient-features': dx.sum(axis=1), 'gradient-zero': np.zeros(3)},
           'the gradient of b')
    x, dy = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    x_hat = (x - x.mean(axis=0)) / x.std(axis=0)
    dx = (dy - dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0)) / x.std(axis=0)
    expect(function(answer, 'bias_gradient')(dx), np.zeros(2), {}, 'the gradient of b behind batch norm')


def check_moving_mean(answer):
    """Step 5: the moving average takes the bias up, so that test mode needs no bias either."""
    moving, b = np.array([1., 2., 3.]), np.array([0.5, -4., 10.])
    expect(function(answer, 'moving_mean_without_bias')(moving, b), moving - b,
           {'moving-added': moving + b, 'moving-kept': moving, 'zeros': np.zeros(3)}, 'the moving average without the bias')
