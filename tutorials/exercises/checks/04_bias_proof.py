"""Checks for 04_bias_proof."""
import numpy as np

from gluon_bn.exercises.expect import Wrong, expect, expect_unchanged, function, several

HINTS = {
    'mean-kept': "The mean does move: each of the m values is larger by b, so their mean is too.",
    'mean-sign': "The mean moves the other way: h + b is larger than h by b.",
    'zeros': "That is 0 for any input; the function has to work for any values that come.",
    'variance-shifted': "b was added to the variance, or to its root; write out (h_i + b) - (mean + b): what is left?",
    'variance-squared': "b**2 was added to the variance, as if b were random; it is the same for all rows and cancels.",
    'signed': "A difference of -3 is larger than one of 1.7 here; take the absolute value before the maximum.",
    'mean-difference': "That is a mean of the differences; the proof needs the largest one.",
    'no-effect': "On this layer the effect is 3, not 0: the proof ends with 0 only for a normalised layer. Compare "
                 "layer(h + b) with layer(h).",
    'smallest': "That is the smallest difference; the proof needs the largest one.",
    'summed': "The differences were added up; the proof needs the largest one.",
    'gradient-zero': "This function gets the gradient behind any layer; it is 0 only behind batch norm. Compute it "
                     "from dx.",
    'gradient-mean': "The gradients of the rows were averaged; b is used in each row, and the paths add up: the sum.",
    'gradient-features': "The sum runs over the features; b has one value a feature, used in m rows: sum over axis 0.",
    'moving-added': "The bias was added; without it the inputs are smaller by b, and so must their average be.",
    'moving-kept': "The average was kept; the inputs are smaller by b now, so it would be subtracted once too often.",
    'pair-swapped': "The first of the pair is the mean, the second the variance.",
    'one-bias': "Each feature has a bias of its own, which may be negative: add or subtract b as it is.",
    'standard-deviation': "That is the standard deviation; return the variance.",
    'only-with-bias': "That is a value of the layer; the effect is the difference of layer(h + b) and layer(h).",
    'squared': "The differences were squared; take their absolute values, and the largest of them.",
    'inputs-compared': "That is how much the input changes; compare the outputs, layer(h + b) and layer(h).",
    'gradient-sign': "The sign is wrong: x = h + b, so x grows by as much as b does.",
    'gradient-ones': "That is the derivative of x; by the chain rule dx stands in it: add up its rows.",
    'gradient-not-summed': "That is one gradient a row; b is used in each row, and the paths add up: sum over axis 0.",
    'gradient-absolute': "Gradients of different signs cancel: add them up as they are, without absolute values.",
    'moving-turned': "The difference is turned around: moving_mean - b.",
    'mean-share': "b is added to every row, so the mean moves by the whole of b, not by a part of it.",
    'maxima': "That is the difference of two maxima; take the maximum of the differences.",
    'range': "That is the distance from the smallest difference to the largest; take the largest absolute value.",
    'other-pair': "Another pair was compared; the effect of b is the difference of layer(h + b) and layer(h).",
    'gradient-total': "All gradients were added up to one number; b has one value a feature: sum over axis 0.",
    'gradient-squared': "The gradients were squared; add them up as they are.",
    'multiplied': "b is added to h, so nothing is multiplied by it: the mean moves by b.",
    'gradient-one-row': "That is the gradient of one row, or the largest or smallest of all rows; b is used in each of "
                        "them: add them up.",
    'moving-multiplied': "b was multiplied or divided by; taking the bias away makes the average smaller by b.",
    'moving-missing': "That is b alone; the average that is asked for is the old one, moved by b: moving_mean - b.",
    'turned-around': "The effect of -b was measured; on a layer that is not linear it is another one than that of b.",
    'momentum': "No batch is seen here, so that no momentum is needed: the average itself is moved by b.",
}


def check_statistics(answer):
    """Steps 1 and 2: a bias moves the mean and leaves the variance."""
    h, b = np.random.default_rng(0).normal(2, 3, (7, 3)), np.array([0.5, -4., 10.])
    mean, var, x, zeros = h.mean(axis=0), h.var(axis=0), h + b, np.zeros(3)
    arguments = [mean.copy(), var.copy(), b.copy()]
    result = several(function(answer, 'statistics_with_bias')(*arguments), 2, "a pair: the mean and the variance")
    expect(result[0], x.mean(axis=0), {'mean-kept': mean, 'mean-sign': mean - b, 'zeros': zeros, 'pair-swapped': var,
                                       'multiplied': (mean * b, mean * (1 + b)),
                                       'mean-share': tuple(mean + b / n for n in (2, 3, 7)),
                                       'one-bias': (mean + b.mean(), mean + b.sum(), mean + np.abs(b))},
           'the mean of h + b')
    expect(result[1], x.var(axis=0), {'variance-shifted': (var + b, (np.sqrt(var) + b)**2),
                                      'variance-squared': (var + b**2, var * b**2),
                                      'zeros': zeros, 'standard-deviation': np.sqrt(var)}, 'the variance of h + b')
    for name, array, before in zip(('mean', 'var', 'b'), arguments, (mean, var, b)):
        expect_unchanged(array, before, name)


def check_effect(answer):
    """Step 3: the largest effect of a bias is measured, tried on layers where it is 3, 1.5 and 0."""
    effect_of_bias = function(answer, 'effect_of_bias')
    h, b = np.array([[0.3, -1.4], [1.2, 0.2]]), np.array([1., 1.])
    weights = np.array([[1., -3.], [0.5, 1.7]])
    for w in (weights, -weights):  # the largest difference is -3, and 3
        d, size, shifted, plain = w * b, np.abs(w), w * (h + b), w * h
        expect(effect_of_bias(lambda x, w=w: x * w, h.copy(), b.copy()), 3.,
               {'mean-difference': (d.mean(), size.mean()), 'smallest': (size.min(), -3.), 'no-effect': 0.,
                'signed': (d.max(), (-d).max()), 'summed': (d.sum(), size.sum()),
                'maxima': tuple(s * (f(shifted) - f(plain)) for f in (np.max, lambda x: np.abs(x).max())
                                for s in (1, -1)),
                'range': np.ptp(d), 'other-pair': tuple(np.abs(x).max() for x in (
                    shifted - h, shifted - w * b, shifted - h - b, plain - h)),
                'only-with-bias': ((w * (h + b)).max(),
                np.abs(w * (h + b)).max()), 'squared': tuple(f(d**2) for f in (np.sum, np.mean)) + (
                    np.sqrt((d**2).sum()), np.sqrt((d**2).mean()), 9.,
                    *(f(np.sqrt((d**2).sum(axis=axis))) for f in (np.max, np.mean) for axis in (0, 1))),
                'inputs-compared': 1.}, 'the effect')
    expect(effect_of_bias(lambda x: np.maximum(x, 0), np.array([[0.5], [-0.5]]), np.array([1.5])), 1.5,
           {'turned-around': 0.5}, 'the effect on a ReLU')
    got = effect_of_bias(lambda x: (x - x.mean(axis=0)) / x.std(axis=0), h, np.array([5., -5.]))
    expect(got, 0., {'only-with-bias': 1.}, 'the effect on a normalised layer')


def check_gradient(answer):
    """Step 4: the gradient of the bias is the sum of those of the rows, and batch norm makes it 0."""
    rng = np.random.default_rng(1)
    dx = rng.normal(size=(3, 3))
    got = function(answer, 'bias_gradient')(dx)
    if np.ndim(got) == 0 and isinstance(got, (float, np.floating)) and np.isclose(got, dx.sum()):
        raise Wrong('gradient-total', f"the gradient of b is one number, {got:.6g}.")
    expect(got, dx.sum(axis=0),
           {'gradient-mean': dx.mean(axis=0), 'gradient-features': dx.sum(axis=1),
            'gradient-zero': (np.zeros(3), 0., 0 * dx),
            'gradient-sign': -dx.sum(axis=0), 'gradient-ones': (np.ones(3), np.full(3, 3.)), 'gradient-not-summed': dx,
            'gradient-one-row': (*dx, dx.max(axis=0), dx.min(axis=0)),
            'gradient-squared': (dx**2).sum(axis=0), 'gradient-absolute': np.abs(dx).sum(axis=0)},
           'the gradient of b')
    x, dy = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    x_hat = (x - x.mean(axis=0)) / x.std(axis=0)
    dx = (dy - dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0)) / x.std(axis=0)
    expect(function(answer, 'bias_gradient')(dx), np.zeros(2), {}, 'the gradient of b behind batch norm')


def check_moving_mean(answer):
    """Step 5: the moving average takes the bias up, so that test mode needs no bias either."""
    moving, b = np.array([1., 2., 3.]), np.array([0.5, -4., 10.])
    arguments = [moving.copy(), b.copy()]
    expect(function(answer, 'moving_mean_without_bias')(*arguments), moving - b,
           {'moving-added': moving + b, 'moving-kept': moving, 'moving-turned': b - moving,
            'moving-missing': (b, -b),
            'moving-multiplied': (moving * b, moving / b),
            'zeros': np.zeros(3),
            'one-bias': (moving - b.mean(), moving - b.sum()), 'momentum': tuple(
                w * moving - (1 - w) * b for w in (0.9, 0.1, 0.99, 0.5)) + tuple(
                moving - w * b for w in (0.9, 0.1, 0.99, 0.01, 0.5))}, 'the moving average without the bias')
    for name, array, before in zip(('moving_mean', 'b'), arguments, (moving, b)):
        expect_unchanged(array, before, name)
