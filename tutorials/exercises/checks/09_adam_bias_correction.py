"""Checks for 09_adam_bias_correction."""
import numpy as np

from gluon_bn.exercises.expect import Wrong, expect, expect_unchanged, function

HINTS = {
    'no-correction': "The moments were not corrected: divide by 1 - beta1 ** t and 1 - beta2 ** t.",
    'one-step-off': "The correction is one step off: t is already 1 in the first step.",
    'corrected-kept': "The corrected moments were kept, and would be corrected again in every step; keep m and v.",
    'eps-inside': "eps stands under the root; in Adam it is added to the root (in batch norm it is the other way).",
    'betas-swapped': "beta1 and beta2 have changed places: beta1 is for m, beta2 for v.",
    'weights-swapped': "beta is the weight of the old moment: beta * m + (1 - beta) * dw.",
    'not-squared': "v is the average of the squared gradients: dw ** 2.",
    'uphill': "The step goes up; subtract it.",
    'm-only': "Only m was corrected; v is too small in the first steps as well: divide it by 1 - beta2 ** t.",
    'v-only': "Only v was corrected; m is too small in the first steps as well: divide it by 1 - beta1 ** t.",
    'eps-forgotten': "eps has no effect; it is added to the root: sqrt(v_hat) + eps.",
    'times-t': "The correction has beta * t; it is a power: 1 - beta ** t.",
    'no-root': "The step was divided by v_hat; divide by its square root.",
}
LR, B1, B2, EPS = 0.1, 0.8, 0.95, 0.05


def right(w, dw, m, v, t, b1=B1, b2=B2):
    m, v = m * b1 + dw * (1 - b1), v * b2 + dw * dw * (1 - b2)
    return w - LR * (m / (1 - b1**t)) / ((v / (1 - b2**t)) ** 0.5 + EPS), m, v


def problem():
    rng = np.random.default_rng(0)
    return rng.normal(size=4), rng.normal(size=4), rng.normal(size=4), rng.uniform(1, 2, 4)


def run(answer, t):
    result = function(answer, 'adam_step')(*problem(), t, lr=LR, beta1=B1, beta2=B2, eps=EPS)
    if not isinstance(result, tuple) or len(result) != 3:
        raise Wrong('type', "adam_step should return three arrays: w, m, v.")
    return result


def check_moments(answer):
    """The moments that are returned are the averages themselves (step 3)."""
    w, dw, m, v = problem()
    _, new_m, new_v = right(w, dw, m, v, 3)
    _, got_m, got_v = run(answer, 3)
    expect(got_m, new_m, {'corrected-kept': new_m / (1 - B1**3), 'betas-swapped': B2 * m + (1 - B2) * dw,
                          'weights-swapped': (1 - B1) * m + B1 * dw}, 'm', 1e-7)
    expect(got_v, new_v, {'corrected-kept': new_v / (1 - B2**3), 'not-squared': B2 * v + (1 - B2) * dw,
                          'weights-swapped': (1 - B2) * v + B2 * dw**2}, 'v', 1e-7)


def check_weights(answer):
    """The new weights follow from the corrected moments (steps 1 and 3)."""
    w, dw, m, v = problem()
    for t in (1, 3):
        new_w, new_m, new_v = right(w, dw, m, v, t)

        def moved(t, new_m=new_m, new_v=new_v):
            return w - LR * new_m / (1 - B1**t) / (np.sqrt(new_v / (1 - B2**t)) + EPS)
        m_hat, v_hat = new_m / (1 - B1**t), new_v / (1 - B2**t)
        wrong = {'no-correction': w - LR * new_m / (np.sqrt(new_v) + EPS), 'one-step-off': moved(t + 1),
                 'eps-inside': w - LR * m_hat / np.sqrt(v_hat + EPS), 'uphill': 2 * w - new_w,
                 'no-root': w - LR * m_hat / (v_hat + EPS), 'm-only': w - LR * m_hat / (np.sqrt(new_v) + EPS),
                 'v-only': w - LR * new_m / (np.sqrt(v_hat) + EPS),
                 'eps-forgotten': (w - LR * m_hat / np.sqrt(v_hat), w - LR * m_hat / (np.sqrt(v_hat) + 1e-8)),
                 'times-t': w - LR * new_m / (1 - B1 * t) / (np.sqrt(new_v / (1 - B2 * t)) + EPS)}
        expect(run(answer, t)[0], new_w, wrong, f'w after step {t}', 1e-7)


def check_arguments(answer):
    """The arrays that are passed stay as they are."""
    arguments = problem()
    function(answer, 'adam_step')(*arguments, 1)
    for name, array, before in zip(('w', 'dw', 'm', 'v'), arguments, problem()):
        expect_unchanged(array, before, name)
