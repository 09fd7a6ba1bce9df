"""Why a bias before batch norm can be left out.

Let x_i = h_i + b go into batch norm, with a bias b. Each function below is a step of the proof that b has no effect.
NumPy arrays; h and x are (m, D), everything for each feature is (D,).

Read first: tutorials/07_differentiable_programming.py
Check with: gluon-bn exercises check 04_bias_proof
"""
import numpy as np


def statistics_with_bias(mean, var, b):
    """The mean and variance of h are ``mean`` and ``var`` (D,); return those of h + b, a pair of arrays (D,)."""
    raise NotImplementedError("statistics_with_bias")


def effect_of_bias(layer, h, b):
    """The largest difference, a number, that adding ``b`` makes to any value of ``layer(h)``, whatever its sign."""
    raise NotImplementedError("effect_of_bias")


def bias_gradient(dx):
    """The gradient with respect to b (D,), when that with respect to x = h + b is ``dx`` (m, D)."""
    raise NotImplementedError("bias_gradient")


def moving_mean_without_bias(moving_mean, b):
    """The moving average (D,) that gives the same output in test mode once a trained bias ``b`` is taken away."""
    raise NotImplementedError("moving_mean_without_bias")
