"""Folding a trained batch norm into the layer before it.

In test mode batch norm is a fixed scale and shift for each channel, which a linear layer can do as well. The
two become one layer that gives the same output:

    gamma ((W x + b) - mean) / sqrt(var + eps) + beta  =  W' x + b'

Find W' and b'. NumPy arrays; mean and var are the moving averages.

Read first: tutorials/02_lenet_on_mnist.py
Check with: gluon-bn exercises check 13_fold_batch_norm
"""
import numpy as np


def fold_dense(W, b, gamma, beta, mean, var, eps=1e-5):
    """A dense layer x @ W + b, ``W`` (inputs, outputs), everything else (outputs,) -> the new ``(W, b)``."""
    raise NotImplementedError("fold_dense")


def fold_convolution(W, b, gamma, beta, mean, var, eps=1e-5):
    """A convolution, ``W`` (filters, channels, kh, kw), everything else (filters,) -> the new ``(W, b)``."""
    raise NotImplementedError("fold_convolution")
