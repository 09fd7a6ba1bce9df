"""Checks for 13_fold_batch_norm."""
import numpy as np

from gluon_bn.exercises.expect import Wrong, expect, expect_unchanged, function

HINTS = {
    'wrong-axis': "The inputs were scaled; the scale belongs to the outputs, the last axis of a dense W.",
    'channels-scaled': "The input channels were scaled; the scale belongs to the filters, the first axis of W.",
    'pixels-scaled': "The scale runs along the kernel's columns; it belongs to the filters: reshape to (-1, 1, 1, 1).",
    'no-root': "The weights were divided by the variance; divide by its square root.",
    'eps-outside': "eps stands outside the root: sqrt(var + eps).",
    'eps-ignored': "eps is missing, so that the folded layer differs a little: sqrt(var + eps).",
    'gamma-forgotten': "gamma is missing in the scale.",
    'weights-kept': "W has stayed as it was; it is scaled as the output is.",
    'bias-unscaled': "The old bias goes through batch norm too: (b - mean) * scale + beta.",
    'bias-forgotten': "The old bias is missing: (b - mean) * scale + beta.",
    'mean-forgotten': "The mean is missing: (b - mean) * scale + beta.",
    'mean-added': "The mean is added; it is subtracted: (b - mean) * scale + beta.",
    'beta-scaled': "beta was scaled as well; it is added at the end: (b - mean) * scale + beta.",
    'beta-forgotten': "beta is missing: (b - mean) * scale + beta.",
}
EPS = 0.3


def problem(shape):
    rng = np.random.default_rng(0)
    return (rng.normal(size=shape), rng.normal(size=3), rng.normal(1, 0.5, 3), rng.normal(size=3), rng.normal(size=3),
            rng.uniform(0.5, 2, 3))


def compare(answer, name, shape, beside, misplaced):
    """``beside`` is the shape of the scale beside W; ``misplaced`` are shapes in which mistakes put it."""
    W, b, gamma, beta, mean, var = problem(shape)
    arguments = problem(shape)
    result = function(answer, name)(*arguments, EPS)
    if not isinstance(result, tuple) or len(result) != 2:
        raise Wrong('type', f"{name} should return a pair: W and b.")
    scale = gamma / np.sqrt(var + EPS)
    scales = {'no-root': gamma / (var + EPS), 'eps-outside': gamma / (np.sqrt(var) + EPS),
              'eps-ignored': gamma / np.sqrt(var), 'gamma-forgotten': 1 / np.sqrt(var + EPS)}
    wrong = {hint: W * s.reshape(beside) for hint, s in scales.items()}
    wrong.update({hint: W * scale.reshape(s) for hint, s in misplaced.items()})
    expect(result[0], W * scale.reshape(beside), {'weights-kept': W, **wrong}, 'the new W', 1e-9)
    expect(result[1], scale * b - scale * mean + beta,
           {'bias-unscaled': b - scale * mean + beta, 'bias-forgotten': beta - scale * mean,
            'mean-forgotten': scale * b + beta, 'beta-forgotten': scale * (b - mean),
            'mean-added': scale * (b + mean) + beta, 'beta-scaled': scale * (b - mean + beta)}, 'the new b', 1e-9)
    for what, array, before in zip(('W', 'b'), arguments, problem(shape)):
        expect_unchanged(array, before, what)


def check_dense(answer):
    """A dense layer (3, 3) and its batch norm become one (tried with eps = 0.3)."""
    compare(answer, 'fold_dense', (3, 3), (1, 3), {'wrong-axis': (3, 1)})


def check_convolution(answer):
    """A convolution (3, 3, 3, 3) and its batch norm become one."""
    compare(answer, 'fold_convolution', (3, 3, 3, 3), (3, 1, 1, 1),
            {'channels-scaled': (1, 3, 1, 1), 'pixels-scaled': (1, 1, 1, 3)})
