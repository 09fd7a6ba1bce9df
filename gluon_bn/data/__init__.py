"""Data sets as whole arrays in memory, and batches of them: :func:`load`, :func:`batches`, :func:`whole_batches`.

It uses ``support``; ``batching`` uses ``_mxnet`` as well, the other modules never import MXNet.
"""
from .batching import batches, whole_batches
from .cifar10 import cifar10_splits, download_cifar10
from .datasets import DATASETS, MNIST_LIKE, load
from .idx import DataError

__all__ = ['DATASETS', 'MNIST_LIKE', 'DataError', 'batches', 'cifar10_splits', 'download_cifar10', 'load',
           'whole_batches']
