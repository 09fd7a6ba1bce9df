"""The block ``BatchNorm``: Gluon's own in all but the computation."""
from __future__ import annotations

from typing import Any

import numpy as np

from .._mxnet import mx
from ..support.arguments import boolean, integer, number
from . import formulations, graphs

graphs.install()


class BatchNorm(mx.gluon.nn.BatchNorm):
    """Batch normalization as a Gluon block, a drop-in for :class:`mxnet.gluon.nn.BatchNorm`.

    It *is* one: the constructor's arguments, parameters (``gamma``, ``beta``, ``running_mean``, ``running_var``, each
    of ``(C,)``) and their names, files, ``cast`` and ``repr`` are Gluon's. What differs:

    - The running statistics move in forward, once for each call in train mode, however often ``backward`` runs. (On a
      CPU, Gluon's own move in backward: twice if it runs twice, never without it.)
    - Where the native operators apply (:func:`gluon_bn.native_status`), they compute, any axis and any number of axes
      in one read of memory for the statistics. Behind a convolution of a hybridized network MXNet's kernels do: they
      take its memory layout as it is.

    In train mode, ``running = momentum * running + (1 - momentum) * batch``, with the biased variance of the batch. In
    predict mode and with ``use_global_stats`` nothing changes. One value for each channel gives ``beta``, as it does in
    Gluon; :func:`gluon_bn.batch_norm` refuses such a batch.

    ``export`` writes MXNet's operator ``BatchNorm``, so that every MXNet reads the file.

    Parameters are those of Gluon's: ``axis`` (of the channels, 1), ``momentum`` (weight of the old value, from 0 to 1,
    0.9), ``epsilon`` (at least 0, 1e-5), ``center`` and ``scale`` (with False, ``beta`` is not trained, ``gamma``
    counts as 1), ``use_global_stats`` (False), the four initializers, ``in_channels`` (0: found at the first call),
    ``prefix`` and ``params``. A number out of range is a ``ValueError``, another kind a ``TypeError``: Gluon's own
    takes anything.

    >>> net = mx.gluon.nn.HybridSequential()
    >>> net.add(mx.gluon.nn.Dense(3), gbn.nn.BatchNorm(momentum=0.5))
    >>> net.initialize()
    >>> net.hybridize()
    >>> with mx.autograd.record():
    ...     y = net(mx.nd.random.normal(shape=(8, 2)))
    >>> bool(abs(y.mean(axis=0).asnumpy()).max() < 1e-6)
    True
    """

    _is_half = False  # whether its data are float16, which a graph does not say

    def __init__(self, axis: int = 1, momentum: float = 0.9, epsilon: float = 1e-5, center: bool = True,
                 scale: bool = True, use_global_stats: bool = False, *args: Any, **kwargs: Any) -> None:
        settings = checked_settings(axis, momentum, epsilon, use_global_stats)
        center, scale = boolean('center', center), boolean('scale', scale)
        super().__init__(axis, momentum, epsilon, center, scale, use_global_stats, *args, **kwargs)
        self._kwargs.update(settings)

    def cast(self, dtype: Any) -> None:
        """Cast the parameters; float16 is for the data alone, and leaves them in float32."""
        self._is_half = np.dtype(dtype) == np.float16
        super().cast(dtype)

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any) -> Any:
        """The layer's output, of the shape of ``x``; called by Gluon."""
        if isinstance(x, (mx.np.ndarray, mx.sym.numpy._Symbol)):
            raise TypeError("gluon_bn.nn.BatchNorm got an array of mx.np and expected one of mx.nd; call "
                            "mx.npx.reset_np() before the network is made.")
        arrays = (x, gamma, beta, running_mean, running_var)
        if isinstance(x, mx.sym.Symbol):
            return mx.sym.BatchNorm(*arrays, name='fwd', attr=graphs.mark(self._is_half), **self._kwargs)
        return formulations.of_arrays(*arrays, self._kwargs)


def checked_settings(axis, momentum, epsilon, use_global_stats):
    """These as Python's own types, under the names that MXNet's operator has for them; raises for others."""
    return {'axis': integer('axis', axis),
            'momentum': number('momentum', momentum, at_least=0, at_most=1,
                               hint='the weight of the old value; 0.9 is the usual one'),
            'eps': number('epsilon', epsilon, at_least=0, hint='1e-5 is the usual one'),
            'use_global_stats': boolean('use_global_stats', use_global_stats)}
