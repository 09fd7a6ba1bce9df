"""Batch normalization from scratch on Apache MXNet.

The package reads in this order, each module about one idea:

===================  ==================================================================================================
``batch_norm``       the layer: the paper's formula in ``nd``, and the dictionaries of exponentially weighted statistics
``checks``           what the layer refuses, and in which words
``fast``             the same mathematics in operators that are quick on a CPU
``native``           these operators in C++, built on first use
``activations``      ReLU and softmax
``losses``           softmax cross entropy
``lenet``            a convolutional network by hand
``fast_lenet``       the same network's forward pass from native operators
``optimizers``       SGD, in place
``training``         an epoch, and the accuracy
``data``             MNIST and its like as arrays, and batches of them
``context``          GPUs that work
``checkpoint``       arrays and a description in one file, whole and checked
``plots``            the curves of a run
``tensorboard``      the scalars of a run for TensorBoard
``config``           what a run computes
``run``              the main job in a folder, resumable
===================  ==================================================================================================

``_mxnet`` is how MXNet 1.9.1 is imported on Python 3.8 to 3.12 and NumPy 1.20 to 1.26; ``threads``, ``files``,
``progress``, ``machine``, ``extras`` and ``gpu_probe`` are small helpers.

>>> import gluon_bn as gbn
"""
from . import data
from .activations import relu, softmax
from .batch_norm import batch_norm, pure_batch_norm, which_impl
from .context import try_all_gpus, try_gpu
from .lenet import LeNet
from .losses import softmax_cross_entropy
from .native import native_status
from .optimizers import sgd
from .run import load_network
from .training import evaluate_accuracy, train_epoch, train_step

__version__ = "0.1.0"

__all__ = ['LeNet', 'batch_norm', 'data', 'evaluate_accuracy', 'load_network', 'native_status', 'pure_batch_norm',
           'relu', 'sgd', 'softmax', 'softmax_cross_entropy', 'train_epoch', 'train_step', 'try_all_gpus', 'try_gpu',
           'which_impl']
