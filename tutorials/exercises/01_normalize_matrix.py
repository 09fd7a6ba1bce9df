"""Normalise a matrix.

Lines 1 to 3 of Algorithm 1 of Ioffe and Szegedy (2015), for a batch of m rows and D features: each column is brought to
mean 0 and standard deviation 1,

    mu = 1/m sum_i x_i,   sigma^2 = 1/m sum_i (x_i - mu)^2,   x_hat_i = (x_i - mu) / sqrt(sigma^2 + eps)

Some programs keep an example in a column instead of a row. Then a feature is a row, and the averages run along axis 1:
the argument ``axis`` says along which axis the examples lie.

Read first: tutorials/01_batch_norm_by_hand.py
Check with: gluon-bn exercises check 01_normalize_matrix
"""
import gluon_bn  # before mxnet: it loads MXNet so that it works with today's NumPy
from mxnet import nd


def normalize(X, eps=1e-5, axis=0):
    """``X`` an NDArray (m, D), or (D, m) with ``axis`` 1 -> a new NDArray of that shape. ``X`` stays as it is."""
    # mean: shape (1, D), with axis 1 (D, 1); nd.mean has axis= and keepdims=
    # var: of the same shape
    raise NotImplementedError("normalize")
