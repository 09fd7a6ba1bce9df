"""Population statistics for test time, as in Algorithm 2 of Ioffe and Szegedy (2015): :func:`recalibrate`.

Exponentially weighted statistics are an estimate that is made while the weights move: it lags behind them, and it
remembers about ``1 / (1 - momentum)`` batches. Once the weights stand still, a pass over many examples gives better
ones. Which, is a choice:

- Here, as in Algorithm 2, every layer sees what it sees in training: the layers before it normalise each batch by the
  batch's own statistics. One pass gives the statistics of all layers.
- The alternative fixes the layers one after the other, each behind layers that use their population statistics
  already. It is exact for the network as it will be used at test time, and takes a pass for each layer. The mean of the
  first layer is the same in both; after it they differ by what the statistics of a batch scatter: little in batches of
  64, much in batches of 4.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._mxnet import autograd, nd
from .checks import check_floats, check_net_and_batches, pair
from .network_state import stored_statistics_kept

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from mxnet.ndarray import NDArray


def recalibrate(net: Any, batches: Iterable[tuple[NDArray, NDArray]]) -> None:
    """Replace the stored statistics by those of a data set: exact means and unbiased variances, fixed from then on.

    Algorithm 2, lines 7 to 10, of Ioffe and Szegedy (2015). Every batch B goes through the network in training mode,
    which gives each layer the means mu_B and biased variances sigma²_B of its n_B values a feature (m, or m·H·W: the
    paper's m and m'). Stored are::

        E[x]   = sum of n_B mu_B      / sum of n_B
        Var[x] = sum of n_B sigma²_B  / sum of (n_B - 1)

    which for batches of one size is the paper's ``E_B[mu_B]`` and ``n / (n - 1) E_B[sigma²_B]``; a smaller last batch
    has the weight of its values. The variance is that *within* batches, unbiased where a batch is a random draw: so
    shuffle, and train and recalibrate with batches of about the same size.

    Parameters
    ----------
    net : a network as :class:`gluon_bn.LeNet` is: ``net(X, is_training=True)``, ``net.params``,
        ``net.bn_ewv_means`` and ``net.bn_ewv_vars``, whose entries are **replaced**; it need not have been trained.
        Training it further makes exponentially weighted statistics of them again. A network with convolutions says in
        ``net.bn_values_per_image`` how many values (H·W) an image gives a feature, layer name -> int.
    batches : an iterable of batches of at least two examples, ``(data, label)`` as from ``gbn.data.batches`` (labels
        are not looked at), or ``data`` alone, in the context of ``net``

    Raises
    ------
    ValueError : no batch, a batch of one, a network without batch norm, a layer whose H·W is unknown, statistics that
        are not finite. After these and any other exception nothing is changed.

    Example
    -------
    >>> images, labels = gbn.data.load('mnist')
    >>> net = gbn.LeNet(momentum=0.99)
    >>> batches = gbn.data.batches(images[:640], labels[:640], 64)
    >>> loss = gbn.train_epoch(net, batches, lr=0.001)          # ten steps: 0.99 still holds on to the first batch
    >>> gbn.recalibrate(net, batches)
    >>> pixels = images[:640].astype(np.float64) / 255          # the first layer's 3×3 sums, of all the images at once
    >>> windows = np.lib.stride_tricks.sliding_window_view(pixels[:, 0], (3, 3), axis=(1, 2))
    >>> h1 = np.einsum('mhwij,kij->mkhw', windows, net.params['W1'].asnumpy()[:, 0])          # (640, 20, 26, 26)
    >>> exact = h1.mean(axis=(0, 2, 3)) + net.params['b1'].asnumpy()
    >>> bool(np.allclose(net.bn_ewv_means['bn1'].asnumpy(), exact, rtol=1e-4, atol=1e-6))
    True
    """
    if not hasattr(net, 'bn_ewv_means'):
        raise ValueError(f"a {type(net).__name__} has no bn_ewv_means: there is no batch norm to recalibrate.")
    check_net_and_batches(net, batches, 'batches')
    sums = {}
    with stored_statistics_kept(net), autograd.pause(train_mode=True):
        for number, batch in enumerate(batches):
            _add_batch(sums, net, pair(batch)[0] if isinstance(batch, (tuple, list)) else batch, number)
    if not sums:
        raise ValueError("batches gave no batch: there is nothing to compute statistics of.")
    new = {layer: layer_sums.statistics(layer) for layer, layer_sums in sums.items()}
    for layer, (mean, var) in new.items():
        net.bn_ewv_means[layer], net.bn_ewv_vars[layer] = mean, var


class _Sums:
    """Sums over the batches of one layer, in double precision."""

    def __init__(self, like):
        self.like = like  # the type and context of what is stored
        self.values = self.degrees = 0  # sum of n_B, and of n_B - 1
        self.mean = self.var = 0.0  # sum of n_B mu_B, and of n_B sigma²_B

    def add(self, mean, var, n):
        self.values += n
        self.degrees += n - 1
        self.mean = self.mean + n * mean.asnumpy().astype(np.float64)                 # (C,)
        self.var = self.var + n * var.asnumpy().astype(np.float64)                    # (C,)

    def statistics(self, layer):
        """``(mean, var)`` as the layer stores them, each ``(C,)``."""
        mean, var = self.mean / self.values, self.var / self.degrees
        if not (np.isfinite(mean).all() and np.isfinite(var).all()):
            raise ValueError(f"the statistics of layer {layer!r} are not finite: the network's parameters or the "
                             "images are not, or they overflow; recalibrate a network whose loss is finite.")
        return tuple(nd.array(value, ctx=self.like.ctx, dtype=self.like.dtype) for value in (mean, var))


def _add_batch(sums, net, X, number):
    """Add the statistics of batch ``number`` to ``sums``, layer name -> _Sums."""
    check_floats(data=X)
    if X.shape[0] < 2:
        raise ValueError(f"batch {number} has shape {X.shape}: a batch of one has no unbiased variance; leave it out, "
                         "or choose a batch_size that leaves no single example over.")
    # A layer without stored statistics stores a batch's as they are, whatever the momentum.
    net.bn_ewv_means.clear()
    net.bn_ewv_vars.clear()
    net(X, is_training=True)
    if not net.bn_ewv_means:
        raise ValueError(f"the {type(net).__name__} stored no statistics in training mode: it has no batch norm to "
                         "recalibrate (batch_norm=False?).")
    for layer, mean in net.bn_ewv_means.items():
        n = X.shape[0] * _values_per_image(net, layer)
        sums.setdefault(layer, _Sums(mean)).add(mean, net.bn_ewv_vars[layer], n)


def _values_per_image(net, layer):
    """How many values of one image are averaged in each feature of ``layer``: H·W of a convolution, else 1."""
    known = getattr(net, 'bn_values_per_image', None)
    if known is None and not any(param.ndim > 2 for param in net.params.values()):
        return 1  # all weights are matrices
    if known is None or layer not in known:
        raise ValueError(f"the {type(net).__name__}'s bn_values_per_image does not say how many values (H·W) an image "
                         f"gives a feature of layer {layer!r}: an unbiased variance needs it where there are "
                         "convolutions; set it, layer name -> int.")
    return known[layer]
