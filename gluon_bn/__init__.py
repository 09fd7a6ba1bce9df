"""Batch normalization from scratch on Apache MXNet.

The package reads in this order, each module about one idea.

The layer and a network around it:

===================  ==================================================================================================
``batch_norm``       the layer: the paper's formula in ``nd``, and the dictionaries of exponentially weighted statistics
``checks``           what the layer refuses, and in which words
``fast``             the same mathematics in operators that are quick on a CPU
``native``           the operators in C++, built by the user's compiler on first use
``copied``           networks that were copied or pickled train on
``activations``      ReLU and softmax
``losses``           softmax cross entropy
``lenet``            a convolutional network by hand
``fast_lenet``       the same network's forward pass from native operators
``sigmoid_mlp``      dense layers with sigmoids, the network of the paper's Figure 1
``optimizers``       SGD and others, in place
``training``         an epoch, and the accuracy
``recalibration``    statistics for test time that are exact: the paper's Algorithm 2
===================  ==================================================================================================

Data, and the main job:

===================  ==================================================================================================
``data``             MNIST, Fashion-MNIST and CIFAR-10 as arrays, and batches of them
``context``          GPUs that work
``checkpoint``       arrays and a description in one file, whole and checked
``plots``            the curves of a run
``observation``      pre-activations, weights and gradients at one moment
``tensorboard``      event files for TensorBoard: histograms, filters, hyper-parameters
``config``           what a run computes
``run_events``       the main job in TensorBoard
``run``              the main job in a folder, resumable
===================  ==================================================================================================

Backward by hand, in NumPy alone:

===================  ==================================================================================================
``reference``        normalisation layers, forward and backward by hand: staged, and in closed form
``numpy_layers``     the other layers: affine, ReLU, dropout, softmax
``gradient_check``   gradients by differences, with which the others are compared
``fully_connected``  a network of any depth
``update_rules``     SGD, momentum, RMSprop, Adam
``solver``           training of NumPy models
``mlp``              a multilayer perceptron with batch norm on every layer
``mlp_run``          that perceptron on MNIST, in a folder
``live``             a picture of training that grows while it runs
===================  ==================================================================================================

Why it works, and how far its knobs can be turned:

===================  ==================================================================================================
``deep_nets``        cs231n's four experiments with deep nets, several seeds
``paper_figure``     Figure 1 of the paper: a sigmoid MLP with batch norm and without, several seeds
``landscape``        what batch norm does to the loss along the gradient, and to the layers' inputs; noise behind it
``experiments``      named sweeps: learning rate, scale, batch size, position, momentum, eps, statistics at test time
``sweeps``           one of their trainings, their claims, their tables and figures
===================  ==================================================================================================

Differentiable programming, and exercises:

===================  ==================================================================================================
``autodiff``         ``Node``: reverse-mode differentiation of NumPy arrays, for batch norm without a backward pass
``breast_cancer``    a network in Nodes, with batch norm or without
``exercises``        assignments that mark themselves: ``python -m gluon_bn.exercises``
``notebooks``        the tutorials as Jupyter notebooks
===================  ==================================================================================================

``_mxnet`` is how MXNet 1.9.1 is imported on Python 3.8 to 3.12 and NumPy 1.20 to 1.26; ``threads``, ``files``,
``progress``, ``machine``, ``extras``, ``parallel``, ``resumable``, ``results``, ``command_line``, ``python_version``,
``running_statistics``, ``benchmarks`` and ``gpu_probe`` are helpers.

>>> import gluon_bn as gbn
"""
from .python_version import check_python

check_python()  # before anything that other versions cannot import

from . import data, gradient_check, reference
from .activations import relu, softmax
from .batch_norm import batch_norm, pure_batch_norm, which_impl
from .context import try_all_gpus, try_gpu
from .fully_connected import FullyConnectedNet
from .lenet import LeNet
from .losses import softmax_cross_entropy
from .mlp import MLP
from .native import native_status
from .optimizers import sgd
from .recalibration import recalibrate
from .run import load_network
from .sigmoid_mlp import SigmoidMLP
from .solver import Solver
from .training import evaluate_accuracy, train_epoch, train_step

__version__ = "0.1.0"

__all__ = ['FullyConnectedNet', 'LeNet', 'MLP', 'SigmoidMLP', 'Solver', 'batch_norm', 'data', 'evaluate_accuracy',
           'gradient_check', 'load_network', 'native_status', 'pure_batch_norm', 'recalibrate', 'reference', 'relu',
           'sgd', 'softmax', 'softmax_cross_entropy', 'train_epoch', 'train_step', 'try_all_gpus', 'try_gpu',
           'which_impl']
