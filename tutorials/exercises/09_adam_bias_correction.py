"""Adam and its bias correction.

Algorithm 1 of Kingma and Ba (2015). The moments m and v start at 0, so that after t steps they are too small by factors
of 1 - beta1^t and 1 - beta2^t; a *copy* of them is corrected and used, and what is kept stays as it is:

    m = beta1 m + (1 - beta1) dw          m_hat = m / (1 - beta1^t)
    v = beta2 v + (1 - beta2) dw^2        v_hat = v / (1 - beta2^t)
    w = w - lr m_hat / (sqrt(v_hat) + eps)

t is 1 in the first step.

Read first: tutorials/06_an_mlp_that_ended_in_nan.py
Check with: gluon-bn exercises check 09_adam_bias_correction
"""
import numpy as np


def adam_step(w, dw, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """NumPy arrays of one shape, and the number ``t`` of this step -> the new ``(w, m, v)``; the old ones stay."""
    raise NotImplementedError("adam_step")
