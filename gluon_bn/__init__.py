"""Batch normalization from scratch on Apache MXNet.

A map; the first lines of each module say the rest.

======================================================  ================================================================
``batch_norm``, ``functions``, ``optimizers``           the layer; activations and the loss; SGD and its kin
``lenet``, ``sigmoid_mlp``                              networks by hand
``training``, ``recalibration``                         an epoch, and exact statistics for test time
``checks``, ``network_state``                           what arguments must be; copies and stored statistics of networks
``gradient_check``                                      gradients by differences, with which the others are compared
``reference``                                           NumPy alone: layers with gradients by hand, and their networks
``autodiff``                                            reverse-mode differentiation, and a network of its ``Node`` s
``data``                                                MNIST, Fashion-MNIST and CIFAR-10 as arrays, batches of them
``fast``                                                what makes all of this quick: C++ operators and their build
``params``, ``exchange``                                MXNet's files without MXNet; trained networks carried in and out
``run``                                                 a training in a folder: settings, checkpoints, events, pictures
``studies``                                             experiments with several seeds, and benchmarks
``exercises``                                           assignments that mark themselves
``commands``                                            ``gluon-bn``, a module a subcommand
``_mxnet``, ``support``                                 MXNet made to run on this machine; helpers
======================================================  ================================================================

Importing the package loads neither MXNet nor NumPy: each name below does so when it is first asked for. Where MXNet
cannot run, everything of ``_NUMPY_HALF`` works.

>>> import gluon_bn as gbn
"""
import importlib
import importlib.util
import sys
from types import ModuleType

from ._mxnet import hook
from .support.python_version import check_python

check_python()
hook.install()  # whoever imports MXNet from now on gets one that runs here

TYPE_CHECKING = False  # typing's own takes longer to import than all of this
if TYPE_CHECKING:  # the table below, as type checkers and editors read it; a test compares the two
    from . import autodiff as autodiff
    from . import data as data
    from . import gradient_check as gradient_check
    from . import params as params
    from . import reference as reference
    from ._mxnet.devices import try_all_gpus as try_all_gpus
    from ._mxnet.devices import try_gpu as try_gpu
    from .batch_norm import batch_norm as batch_norm
    from .batch_norm import pure_batch_norm as pure_batch_norm
    from .batch_norm import which_impl as which_impl
    from .exchange.fold import fold_batch_norm as fold_batch_norm
    from .exchange.onnx import export_onnx as export_onnx
    from .exchange.torch import from_torch as from_torch
    from .exchange.torch import to_torch as to_torch
    from .fast.native import native_status as native_status
    from .functions import relu as relu
    from .functions import softmax as softmax
    from .functions import softmax_cross_entropy as softmax_cross_entropy
    from .lenet import LeNet as LeNet
    from .optimizers import sgd as sgd
    from .recalibration import recalibrate as recalibrate
    from .reference.fully_connected import FullyConnectedNet as FullyConnectedNet
    from .reference.mlp import MLP as MLP
    from .reference.solver import Solver as Solver
    from .run.job import load_network as load_network
    from .sigmoid_mlp import SigmoidMLP as SigmoidMLP
    from .training import evaluate_accuracy as evaluate_accuracy
    from .training import train_epoch as train_epoch
    from .training import train_step as train_step

__version__ = "0.1.0"

# Each public name, and the module it comes from; None for a module that is public itself.
_NUMPY_HALF = {
    'autodiff': None, 'data': None, 'gradient_check': None, 'reference': None, 'params': None,
    'FullyConnectedNet': 'reference.fully_connected', 'MLP': 'reference.mlp', 'Solver': 'reference.solver',
}
_MXNET_HALF = {
    'LeNet': 'lenet', 'SigmoidMLP': 'sigmoid_mlp',
    'batch_norm': 'batch_norm', 'pure_batch_norm': 'batch_norm', 'which_impl': 'batch_norm',
    'native_status': 'fast.native', 'relu': 'functions', 'softmax': 'functions', 'softmax_cross_entropy': 'functions',
    'sgd': 'optimizers', 'train_epoch': 'training', 'train_step': 'training', 'evaluate_accuracy': 'training',
    'recalibrate': 'recalibration', 'load_network': 'run.job', 'fold_batch_norm': 'exchange.fold',
    'export_onnx': 'exchange.onnx', 'to_torch': 'exchange.torch', 'from_torch': 'exchange.torch',
    'try_gpu': '_mxnet.devices', 'try_all_gpus': '_mxnet.devices',
}
_MODULE_OF = {**_NUMPY_HALF, **_MXNET_HALF}


def __getattr__(name):
    """A public name, when it is first asked for; from then on it is an ordinary attribute (PEP 562)."""
    if name == '__all__':
        return _names_that_work_here()
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        if name in _MXNET_HALF:
            hook.load()  # first, so that where MXNet cannot run its sentence comes, and no other error
        module = importlib.import_module(f'.{_MODULE_OF[name] or name}', __name__)
    except ImportError as error:
        if error.name == 'mxnet':
            raise ImportError(f"{__name__}.{name} is not there: {error}", name='mxnet') from None
        raise
    value = getattr(module, name) if _MODULE_OF[name] else module
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_names_that_work_here()})


def _names_that_work_here():
    """All public names where MXNet is installed, else those of the NumPy half: ``import *`` and ``help`` ask for each.
    """
    has_mxnet = 'mxnet' in sys.modules or importlib.util.find_spec('mxnet')
    return sorted(_MODULE_OF if has_mxnet else _NUMPY_HALF)


class _Package(ModuleType):
    """This module's type. A function and its module may share a name, as ``batch_norm`` do: the function has it.

    Whoever imports the module ``gluon_bn.batch_norm``, the import system sets it as an attribute of this package
    afterwards, at any time and in any thread.
    """

    def __setattr__(self, name, value):
        if isinstance(value, ModuleType) and _MODULE_OF.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
