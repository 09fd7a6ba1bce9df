"""Wrong answers to 09_adam_bias_correction: (hint, pieces of the solution and what stands in their place)."""
M = "m = beta1 * m + (1 - beta1) * dw"
V = "v = beta2 * v + (1 - beta2) * dw ** 2"
M_HAT, V_HAT = "m_hat = m / (1 - beta1 ** t)", "v_hat = v / (1 - beta2 ** t)"
RESULT = "return w - lr * m_hat / (np.sqrt(v_hat) + eps), m, v"

MISTAKES = [
    ('no-correction', [(M_HAT, "m_hat = m"), (V_HAT, "v_hat = v")]),
    ('one-step-off', [(M_HAT, "m_hat = m / (1 - beta1 ** (t + 1))"), (V_HAT, "v_hat = v / (1 - beta2 ** (t + 1))")]),
    ('corrected-kept', [(RESULT, "return w - lr * m_hat / (np.sqrt(v_hat) + eps), m_hat, v_hat")]),
    ('eps-inside', [(RESULT, "return w - lr * m_hat / np.sqrt(v_hat + eps), m, v")]),
    ('betas-swapped', [(M, "m = beta2 * m + (1 - beta2) * dw"), (V, "v = beta1 * v + (1 - beta1) * dw ** 2")]),
    ('weights-swapped', [(M, "m = (1 - beta1) * m + beta1 * dw"), (V, "v = (1 - beta2) * v + beta2 * dw ** 2")]),
    ('not-squared', [(V, "v = beta2 * v + (1 - beta2) * dw")]),
    ('uphill', [(RESULT, "return w + lr * m_hat / (np.sqrt(v_hat) + eps), m, v")]),
    ('no-root', [(RESULT, "return w - lr * m_hat / (v_hat + eps), m, v")]),
    ('changed', [(M, "m *= beta1; m += (1 - beta1) * dw")]),
    ('m-only', [(V_HAT, "v_hat = v")]),
    ('v-only', [(M_HAT, "m_hat = m")]),
    ('eps-forgotten', [(RESULT, "return w - lr * m_hat / np.sqrt(v_hat), m, v")]),
    ('times-t', [(M_HAT, "m_hat = m / (1 - beta1 * t)"), (V_HAT, "v_hat = v / (1 - beta2 * t)")]),
]
RIGHT = [
    [(M, "m = m + (1 - beta1) * (dw - m)"), (V, "v = v + (1 - beta2) * (dw * dw - v)")],
    [(RESULT, "new_w = np.copy(w)\n    new_w -= lr * m_hat / (v_hat ** 0.5 + eps)\n    return (new_w, m, v)")],
]
