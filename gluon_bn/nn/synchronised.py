"""The block ``SyncBatchNorm``: batch norm of a batch that several ranks share."""
from __future__ import annotations

from typing import Any

import numpy as np

from .._mxnet import autograd, mx, nd
from ..parallel.shared_layer import part_of_layer
from ..shared_batch_norm import batch_norm
from . import graphs
from .layer import BatchNorm


class SyncBatchNorm(BatchNorm):
    """:class:`BatchNorm` with the statistics of all ranks of a group, as :func:`gluon_bn.batch_norm` has them.

    In train mode ``x`` is this rank's shard of a batch: of any size, also another one than the others'. Forward it is
    normalised by the mean and variance of the whole batch, which also move the running statistics, the same on every
    rank; backward the two sums over the batch are those of all ranks. Add up the gradients of all parameters over the
    ranks, for the summed loss. (``gluon.contrib.nn.SyncBatchNorm`` averages the means of devices with equal weights.)

    Parameters
    ----------
    *args, **kwargs : as of :class:`BatchNorm`
    group : None, or a group of :mod:`gluon_bn.parallel`; also an attribute
        Without one, and in predict mode, it is :class:`BatchNorm`. A rank that has no rows gives all its layers
        ``NoRows(group)`` for that step, and the network one row of anything.

    All ranks build the same network: layers are known by their names. A network with this block cannot be compiled:
    ``hybridize`` is a ``TypeError`` at the next call, if the layer has a group.

    >>> layer = SyncBatchNorm(momentum=0.5)
    >>> layer.initialize()
    >>> layer(mx.nd.ones((2, 3))).shape
    (2, 3)
    """

    def __init__(self, *args: Any, group: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        part_of_layer(group, self.name)  # refuses what is none
        self.group = group

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any) -> Any:
        """The layer's output, of the shape of ``x``; called by Gluon."""
        part = part_of_layer(self.group, self.name)
        if part is not None and isinstance(x, mx.sym.Symbol):
            return mx.sym.BatchNorm(x, gamma, beta, running_mean, running_var, name='fwd', attr=graphs.mark_of_ranks(),
                                    **self._kwargs)  # for the inference of shapes
        if part is None or not autograd.is_training() or self._kwargs['use_global_stats']:
            return super().hybrid_forward(F, x, gamma, beta, running_mean, running_var)
        return self._of_all_ranks(part, x, gamma, beta, (running_mean, running_var))

    def _of_all_ranks(self, part, x, gamma, beta, running):
        """The output in train mode; moves the two ``running`` statistics."""
        axis, momentum = self._kwargs['axis'] % x.ndim, self._kwargs['momentum']
        part.announce(self._kwargs['eps'], momentum, x.dtype)
        gamma = nd.ones_like(gamma) if self._kwargs['fix_gamma'] else gamma
        swapped = nd.swapaxes(x, 1, axis) if axis != 1 else x                                # (m, C, ...)
        flat = swapped.reshape((*swapped.shape[:2], -1, 1)) if x.ndim > 2 else swapped       # (m, C, S, 1) or (m, C)
        out, statistics = batch_norm(part, flat.astype(gamma.dtype, copy=False), gamma, beta, self._kwargs['eps'],
                                     'auto')
        with autograd.pause():
            for old, new in zip(running, statistics):
                old[:] = (momentum * old.astype(np.float64) + (1 - momentum) * new).astype(old.dtype)
        out = out.astype(x.dtype, copy=False).reshape(swapped.shape)
        return nd.swapaxes(out, 1, axis) if axis != 1 else out
