"""Gluon blocks: batch norm in the place of ``gluon.nn.BatchNorm``. It uses ``fast`` and ``_mxnet``,
and ``SyncBatchNorm`` what a batch of several ranks needs.

>>> layer = gbn.nn.BatchNorm()
>>> layer.initialize()
>>> layer(mx.nd.ones((2, 3))).shape, layer.gamma.shape
((2, 3), (3,))
"""
from .layer import BatchNorm
from .synchronised import SyncBatchNorm

__all__ = ['BatchNorm', 'SyncBatchNorm']
