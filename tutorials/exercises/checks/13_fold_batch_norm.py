"""Checks for 13_fold_batch_norm."""
import numpy as np

from gluon_bn.exercises.expect import expect, expect_unchanged, function, several

HINTS = {
    'wrong-axis': "The inputs were scaled; the scale belongs to the outputs, the last axis of a dense W.",
    'channels-scaled': "The input channels were scaled; the scale belongs to the filters, the first axis of W.",
    'pixels-scaled': "The scale runs along the kernel's pixels; it belongs to the filters: reshape to (-1, 1, 1, 1).",
    'no-root': "The weights were divided by the variance; divide by its square root.",
    'eps-outside': "eps stands outside the root: sqrt(var + eps).",
    'eps-ignored': "eps is missing, so that the folded layer differs a little: sqrt(var + eps).",
    'eps-default': "The argument eps has no effect: sqrt(var + eps).",
    'times-std': "The weights were multiplied by sqrt(var + eps), or by the variance; divide by the root.",
    'root-over-gamma': "gamma stands under the root; only var + eps does: gamma / sqrt(var + eps).",
    'over-scale': "W was divided by the scale; multiply it.",
    'bias-half-scaled': "In the bias gamma or the root is missing: its scale is that of W, gamma / sqrt(var + eps).",
    'gamma-for-beta': "gamma was added; beta is: (b - mean) * scale + beta.",
    'only-beta': "b - mean is missing: (b - mean) * scale + beta.",
    'bias-zero': "The new bias is not 0: (b - mean) * scale + beta.",
    'pair-swapped': "The order of what is returned is W, b.",
    'dot': "W @ scale adds the outputs up; each output has its own scale: W * scale.",
    'scale-of-what': "The weights were multiplied by gamma alone; divide by sqrt(var + eps) as well.",
    'var-as-std': "The weights were divided by the variance; divide by sqrt(var + eps).",
    'beta-for-gamma': "beta stands in the scale where gamma belongs.",
    'shifted-weights': "The weights are only scaled; mean and beta go into the bias.",
    'transposed': "W has been transposed; its shape and order stay (inputs, outputs).",
    'difference-turned': "The difference is turned around: (b - mean) * scale + beta.",
    'mean-unscaled': "The mean is scaled by the whole scale, as b is: (b - mean) * scale + beta.",
    'bias-kept': "The bias has stayed as it was: (b - mean) * scale + beta.",
    'only-mean': "The old bias and beta are missing: (b - mean) * scale + beta.",
    'bias-plain': "Something is missing in the bias; it goes through the whole batch norm: (b - mean) * scale + beta.",
    'beta-subtracted': "beta is added, not subtracted: (b - mean) * scale + beta.",
    'gamma-forgotten': "gamma is missing in the scale.",
    'weights-kept': "W has stayed as it was; it is scaled as the output is.",
    'bias-unscaled': "The old bias goes through batch norm too: (b - mean) * scale + beta.",
    'bias-forgotten': "The old bias is missing: (b - mean) * scale + beta.",
    'mean-forgotten': "The mean is missing: (b - mean) * scale + beta.",
    'bias-over-scale': "b - mean was divided by the scale; multiply it: (b - mean) * scale + beta.",
    'one-scale': "One scale was used for all outputs; each has its own.",
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
    several(result, 2, "a pair: W and b")
    scale = gamma / np.sqrt(var + EPS)
    scales = {'no-root': gamma / (var + EPS), 'eps-outside': gamma / (np.sqrt(var) + EPS),
              'eps-ignored': gamma / np.sqrt(var), 'times-std': gamma * np.sqrt(var + EPS), 'over-scale': 1 / scale,
              'root-over-gamma': np.sqrt(gamma / (var + EPS)), 'scale-of-what': gamma,
              'var-as-std': gamma / var, 'eps-default': gamma / np.sqrt(var + 1e-5),
              'beta-for-gamma': beta / np.sqrt(var + EPS), 'gamma-forgotten': 1 / np.sqrt(var + EPS)}
    wrong = {hint: W * s.reshape(beside) for hint, s in scales.items()}
    wrong['times-std'] = tuple(W * (gamma * s).reshape(beside) for s in (np.sqrt(var + EPS), var + EPS, var))
    wrong['no-root'] = tuple(W * (gamma / s).reshape(beside) for s in (var + EPS, np.sqrt(var**2 + EPS)))
    wrong['one-scale'] = W * scale.mean(), W * scale[0]
    wrong['pair-swapped'] = scale * b - scale * mean + beta
    wrong.update({hint: tuple(W * scale.reshape(s) for s in shapes) for hint, shapes in misplaced.items()})
    s, shift = scale.reshape(beside), beta.reshape(beside)
    wrong['shifted-weights'] = (W - mean.reshape(beside)) * s, W * s + shift, W * (s + shift)
    if W.ndim == 2:
        wrong['dot'] = W @ scale
        wrong['transposed'] = W.T * scale, (W * scale).T
    expect(result[0], W * scale.reshape(beside), {'weights-kept': W, **wrong}, 'the new W', 1e-9)
    expect(result[1], scale * b - scale * mean + beta,
           {'bias-half-scaled': ((b - mean) / np.sqrt(var + EPS) + beta, gamma * (b - mean) + beta),
            'gamma-for-beta': scale * (b - mean) + gamma, 'only-beta': beta, 'bias-zero': 0 * b,
            'bias-unscaled': b - scale * mean + beta, 'bias-forgotten': beta - scale * mean,
            'mean-forgotten': scale * b + beta, 'beta-forgotten': scale * (b - mean),
            'mean-added': (scale * (b + mean) + beta, scale * (b + mean), scale * b + mean + beta, b + mean + beta,
                           b + mean),
            'beta-scaled': (scale * (b - mean + beta), scale * (b - mean) + gamma * beta),
            'bias-over-scale': (b - mean) / scale + beta,
            'one-scale': (scale.mean() * (b - mean) + beta, scale[0] * (b - mean) + beta),
            'difference-turned': scale * (mean - b) + beta, 'mean-unscaled': (scale * b - mean + beta,
                scale * b - gamma * mean + beta), 'bias-kept': b, 'only-mean': -scale * mean, 'bias-plain': (
                b + beta, beta - mean, b - mean + beta, b - mean, scale * b),
            'beta-subtracted': scale * (b - mean) - beta}, 'the new b', 1e-9)
    for what, array, before in zip(('W', 'b'), arguments, problem(shape)):
        expect_unchanged(array, before, what)


def check_dense(answer):
    """A dense layer (3, 3) and its batch norm become one (tried with eps = 0.3)."""
    compare(answer, 'fold_dense', (3, 3), (1, 3), {'wrong-axis': [(3, 1)]})


def check_convolution(answer):
    """A convolution (3, 3, 3, 3) and its batch norm become one."""
    compare(answer, 'fold_convolution', (3, 3, 3, 3), (3, 1, 1, 1),
            {'channels-scaled': [(1, 3, 1, 1)], 'pixels-scaled': [(1, 1, 1, 3), (1, 1, 3, 1)]})
