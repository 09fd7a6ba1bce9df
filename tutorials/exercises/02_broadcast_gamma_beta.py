"""Images: 4-D tensors, and gamma and beta beside them.

Batch norm for dense layers (m, D) and for convolutions (m, C, H, W). A channel of an image is what a feature of a row
is: every channel has one mean, one variance, one gamma and one beta, whatever the pixel. Arrays are broadcast from
their last axis on: beside images a gamma (C,) would run along W, so it has to become (1, C, 1, 1) first:

    y = gamma (x - mu) / sqrt(sigma^2 + eps) + beta

Read first: tutorials/01_batch_norm_by_hand.py
Check with: gluon-bn exercises check 02_broadcast_gamma_beta
"""
import gluon_bn  # before mxnet: it loads MXNet so that it works with today's NumPy
from mxnet import nd


def batch_norm(X, gamma, beta, eps=1e-5):
    """``X`` (m, D) or (m, C, H, W), ``gamma`` and ``beta`` (D,) or (C,) -> an NDArray of the shape of ``X``."""
    # axes: what is averaged, for two axes and for four
    # shape: of gamma and beta beside X; reshape takes -1 for "what is left"
    raise NotImplementedError("batch_norm")
