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
    ('no-weight', [(M, "m = beta1 * m + dw")]),
    ('no-weight', [(V, "v = beta2 * v + dw ** 2")]),
    ('order', [(RESULT, "return w - lr * m_hat / (np.sqrt(v_hat) + eps), v, m")]),
    ('v-of-what', [(V, "v = beta2 * v + (1 - beta2) * m ** 2")]),
    ('v-of-what', [(V, "v = beta2 * v + (1 - beta2) * np.abs(dw)")]),
    ('not-a-power', [(M_HAT, "m_hat = m / (1 - beta1)"), (V_HAT, "v_hat = v / (1 - beta2)")]),
    ('power-of-what', [(M_HAT, "m_hat = m / beta1 ** t"), (V_HAT, "v_hat = v / beta2 ** t")]),
    ('power-of-what', [(M_HAT, "m_hat = m / (1 - beta1) ** t"), (V_HAT, "v_hat = v / (1 - beta2) ** t")]),
    ('multiplied', [(M_HAT, "m_hat = m * (1 - beta1 ** t)"), (V_HAT, "v_hat = v * (1 - beta2 ** t)")]),
    ('betas-mixed', [(V_HAT, "v_hat = v / (1 - beta1 ** t)")]),
    ('betas-swapped', [(V, "v = beta1 * v + (1 - beta1) * dw ** 2")]),
    ('raw-gradient', [(RESULT, "return w - lr * dw / (np.sqrt(v_hat) + eps), m, v")]),
    ('old-moments', [(M, "m_hat, v_hat = m / (1 - beta1 ** t), v / (1 - beta2 ** t)\n    " + M), (M_HAT + "\n    ", ""),
                     (V_HAT + "\n    ", "")]),
    ('no-moments', [(RESULT, "return w - lr * dw, m, v")]),
    ('lr-ignored', [(RESULT, "return w - m_hat / (np.sqrt(v_hat) + eps), m, v")]),
    ('lr-ignored', [(RESULT, "return w - 1e-3 * m_hat / (np.sqrt(v_hat) + eps), m, v")]),
    ('eps-twice', [(RESULT, "return w - lr * m_hat / (np.sqrt(v_hat + eps) + eps), m, v")]),
    ('eps-added', [(RESULT, "return w - lr * m_hat / np.sqrt(v_hat) + eps, m, v")]),
    ('one-step-off', [(M_HAT, "m_hat = m / (1 - beta1 ** (t - 1))"), (V_HAT, "v_hat = v / (1 - beta2 ** (t - 1))")]),
    ('type', [(RESULT, "return w - lr * m_hat / (np.sqrt(v_hat) + eps)")]),
    ('changed', [(RESULT, "w -= lr * m_hat / (np.sqrt(v_hat) + eps)\n    return w, m, v")]),
]
RIGHT = [
    [(M, "m = m + (1 - beta1) * (dw - m)"), (V, "v = v + (1 - beta2) * (dw * dw - v)")],
    [(RESULT, "new_w = np.copy(w)\n    new_w -= lr * m_hat / (v_hat ** 0.5 + eps)\n    return (new_w, m, v)")],
    [(RESULT, "step = lr * np.sqrt(1 - beta2 ** t) / (1 - beta1 ** t)\n"
              "    return [w - step * m / (np.sqrt(v) + eps * np.sqrt(1 - beta2 ** t)), m, v]")],
    [(M_HAT, "m_hat = m / (1 - np.power(beta1, t))"), (V_HAT, "v_hat = np.divide(v, 1 - pow(beta2, t))")],
    [(RESULT, "new = w.copy()\n    for i in range(len(w)):\n        new[i] -= lr * m_hat[i] / (v_hat[i] ** 0.5 + eps)\n"
              "    return new, m, v")],
]
