"""Gluon blocks: batch norm in the place of ``gluon.nn.BatchNorm``. It uses ``fast`` and ``_mxnet``.

>>> layer = gbn.nn.BatchNorm()
>>> layer.initialize()
>>> layer(mx.nd.ones((2, 3))).shape, layer.gamma.shape
((2, 3), (3,))
"""
from .layer import BatchNorm

__all__ = ['BatchNorm']
