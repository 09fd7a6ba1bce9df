"""Checks for 09_adam_bias_correction."""
import numpy as np

from gluon_bn.exercises.expect import expect, expect_unchanged, function, several

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
    'no-weight': "The new gradient lacks its weight: beta * m + (1 - beta) * dw.",
    'order': "The order of what is returned is w, m, v.",
    'v-of-what': "v averages the squares of dw, not of m, and not absolute values: dw ** 2.",
    'not-a-power': "The correction is the same in every step here: it has t in it, 1 - beta ** t.",
    'power-of-what': "The moments are divided by 1 - beta ** t: first the power of beta, then one minus that.",
    'multiplied': "The moments were multiplied by 1 - beta ** t; they are too small, so divide by it.",
    'betas-mixed': "m is corrected with beta1, and v with beta2; they are mixed up here.",
    'raw-gradient': "The step goes along dw; it goes along m_hat, the corrected average of the gradients.",
    'old-moments': "The step was made with the old moments; update m and v first.",
    'precedence': "Without brackets / comes before -: write m / (1 - beta1 ** t).",
    'eps-early': "eps was added to the root of v before the correction; here it is added to sqrt(v_hat).",
    'step-alone': "That is the step alone; the new weights are w minus the step.",
    'root-kept': "What is kept is v itself, not its root.",
    'm-of-what': "m averages the gradients themselves: dw, not dw ** 2.",
    'old-kept': "The old moments were returned; return the new ones.",
    'times-w': "The weights were multiplied; the step is subtracted from them.",
    'no-moments': "That is gradient descent, plain or with an average of the gradients; Adam divides m_hat by "
                  "sqrt(v_hat) + eps.",
    'lr-ignored': "lr has no effect: w - lr * m_hat / (sqrt(v_hat) + eps).",
    'eps-twice': "eps is there twice; it is added to the root alone: sqrt(v_hat) + eps.",
    'decay': "The weights were made smaller by themselves as well (weight decay); Adam only subtracts the step.",
    'sign-alone': "Only the sign of m_hat is used; divide m_hat by sqrt(v_hat) + eps.",
    'v-hat-root': "The correction comes before the root: sqrt(v_hat), and v_hat = v / (1 - beta2 ** t).",
    'lr-decay': "lr becomes smaller with t here; in Adam it stays, and only the moments are corrected with t.",
    'eps-added': "eps was added to the weights; it belongs to the root below the line: / (sqrt(v_hat) + eps).",
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
    return several(result, 3, "three arrays: w, m, v")


def check_moments(answer):
    """The moments that are returned are the averages themselves (step 3)."""
    w, dw, m, v = problem()
    _, new_m, new_v = right(w, dw, m, v, 3)
    _, got_m, got_v = run(answer, 3)
    expect(got_m, new_m, {'corrected-kept': new_m / (1 - B1**3), 'betas-swapped': B2 * m + (1 - B2) * dw,
                          'weights-swapped': (1 - B1) * m + B1 * dw, 'no-weight': (B1 * m + dw, B1 * (m + dw)),
                          'order': (new_v, w),
                          'old-kept': m, 'm-of-what': (B1 * m + (1 - B1) * dw**2, B1 * m + (1 - B1) * np.abs(dw))},
           'm', 1e-7)
    expect(got_v, new_v, {'corrected-kept': new_v / (1 - B2**3), 'not-squared': B2 * v + (1 - B2) * dw,
                          'weights-swapped': (1 - B2) * v + B2 * dw**2, 'no-weight': (B2 * v + dw**2, B2 * (v + dw**2)),
                          'root-kept': np.sqrt(new_v), 'old-kept': v, 'betas-swapped': B1 * v + (1 - B1) * dw**2,
                          'v-of-what': (B2 * v + (1 - B2) * dw * w, B2 * v + (1 - B2) * dw * m,
                              B2 * v + (1 - B2) * new_m**2, B2 * v + (1 - B2) * np.abs(dw))}, 'v', 1e-7)


def check_weights(answer):
    """The new weights follow from the corrected moments (steps 3 and 1)."""
    w, dw, m, v = problem()
    for t in (3, 1):
        new_w, new_m, new_v = right(w, dw, m, v, t)
        got = run(answer, t)[0]

        def moved(t, new_m=new_m, new_v=new_v):
            return w - LR * new_m / (1 - B1**t) / (np.sqrt(new_v / (1 - B2**t)) + EPS)
        m_hat, v_hat = new_m / (1 - B1**t), new_v / (1 - B2**t)
        m_rough, v_rough = new_m - B1**t, new_v - B2**t  # m / 1 - beta1 ** t
        wrong = {'no-correction': w - LR * new_m / (np.sqrt(new_v) + EPS),
                 'one-step-off': tuple(moved(n) for n in (t - 1, t + 1) if n),
                 'eps-inside': w - LR * m_hat / np.sqrt(v_hat + EPS), 'uphill': 2 * w - new_w,
                 'no-root': w - LR * m_hat / (v_hat + EPS), 'm-only': w - LR * m_hat / (np.sqrt(new_v) + EPS),
                 'v-only': w - LR * new_m / (np.sqrt(v_hat) + EPS),
                 'eps-forgotten': (w - LR * m_hat / np.sqrt(v_hat), w - LR * m_hat / (np.sqrt(v_hat) + 1e-8)),
                 **{hint: tuple(w - LR * a / (np.sqrt(b) + EPS) for a, b in pairs) for hint, pairs in {
                     'not-a-power': [(new_m / (1 - B1), new_v / (1 - B2))] * (t > 1),
                     'power-of-what': [(new_m / B1**t, new_v / B2**t),
                                       (new_m / (1 - B1)**t, new_v / (1 - B2)**t)][:1 + (t > 1)],
                     'multiplied': [(new_m * (1 - B1**t), new_v * (1 - B2**t))],
                     'betas-mixed': [(m_hat, new_v / (1 - B1**t)), (new_m / (1 - B2**t), v_hat),
                                     (new_m / (1 - B2**t), new_v / (1 - B1**t))],
                     'raw-gradient': [(dw, v_hat), (dw, new_v)], 'old-moments': [(m / (1 - B1**t), v / (1 - B2**t))],
                     'no-moments': [(dw, (1 - EPS)**2), (m_hat, (1 - EPS)**2), (new_m, (1 - EPS)**2)],
                     'precedence': [(m_rough, v_rough), (m_rough, v_hat), (m_hat, v_rough)]}.items()},
                 'eps-early': w - LR * np.sqrt(1 - B2**t) / (1 - B1**t) * new_m / (np.sqrt(new_v) + EPS),
                 'step-alone': (new_w - w, w - new_w), 'times-w': (w * (1 + new_w - w), w * (w - new_w)),
                 'lr-ignored': tuple(w + (new_w - w) * c for c in (1 / LR, 1e-3 / LR)),
                 'eps-twice': w - LR * m_hat / (np.sqrt(v_hat + EPS) + EPS),
                 'decay': tuple(new_w - c * w for c in (0.01 * LR, 0.1 * LR, 0.001 * LR, 0.01, 0.1, LR)),
                 'sign-alone': w - LR * np.sign(m_hat),
                 'v-hat-root': w - LR * m_hat / (np.sqrt(new_v) / (1 - B2**t) + EPS),
                 'lr-decay': tuple(w + (new_w - w) / c for c in (t, np.sqrt(t)) if t > 1),
                 'eps-added': w - LR * m_hat / np.sqrt(v_hat) + EPS,
                 'times-t': w - LR * new_m / (1 - B1 * t) / (np.sqrt(new_v / (1 - B2 * t)) + EPS)}
        expect(got, new_w, wrong, f'w after step {t}', 1e-7)


def check_arguments(answer):
    """The arrays that are passed stay as they are."""
    arguments = problem()
    function(answer, 'adam_step')(*arguments, 1)
    for name, array, before in zip(('w', 'dw', 'm', 'v'), arguments, problem()):
        expect_unchanged(array, before, name)
