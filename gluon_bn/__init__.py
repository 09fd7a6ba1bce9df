"""Batch normalization from scratch on Apache MXNet.

A map; the first line of each module says the rest.

=================================================  ====================================================================
``batch_norm``, ``checks``, ``fast``, ``native``   the layer: the paper's formula, what it refuses, and how it gets fast
``activations``, ``losses``, ``optimizers``        what a network has besides
``lenet``, ``fast_lenet``, ``sigmoid_mlp``         networks by hand; ``copied``: their copies train on
``training``, ``recalibration``                    an epoch, and exact statistics for test time
``data``                                           MNIST, Fashion-MNIST and CIFAR-10 as arrays, and batches of them
``run``, ``config``, ``checkpoint``, ``plots``     the main job in a folder, resumable
``observation``, ``tensorboard``, ``run_events``   the inside of a network, in TensorBoard
``reference``, ``numpy_layers``                    layers forward and backward by hand, in NumPy alone
``gradient_check``                                 gradients by differences, with which the others are compared
``fully_connected``, ``solver``, ``mlp``           networks of those layers, and their training
``autodiff``, ``breast_cancer``                    reverse-mode differentiation, and a network of its ``Node`` objects
``paper_figure``, ``landscape``, ``deep_nets``     why it works: experiments with several seeds
``experiments``, ``sweeps``                        how far its knobs can be turned
``exercises``, ``notebooks``                       assignments that mark themselves; the tutorials for Jupyter
``_mxnet``, ``support``                            MXNet made to run on this machine; helpers
=================================================  ====================================================================

Importing the package loads neither MXNet nor NumPy: each name below does so when it is first asked for. Where MXNet
cannot run, everything of ``_NUMPY_HALF`` works.

>>> import gluon_bn as gbn
"""
import importlib
import importlib.util
import sys
from types import ModuleType

from ._mxnet import hook
from .python_version import check_python

check_python()
hook.install()  # whoever imports MXNet from now on gets one that runs here

TYPE_CHECKING = False  # typing's own takes longer to import than all of this
if TYPE_CHECKING:  # the table below, as type checkers and editors read it; a test compares the two
    from . import autodiff as autodiff
    from . import data as data
    from . import gradient_check as gradient_check
    from . import reference as reference
    from ._mxnet.devices import try_all_gpus as try_all_gpus
    from ._mxnet.devices import try_gpu as try_gpu
    from .activations import relu as relu
    from .activations import softmax as softmax
    from .batch_norm import batch_norm as batch_norm
    from .batch_norm import pure_batch_norm as pure_batch_norm
    from .batch_norm import which_impl as which_impl
    from .fully_connected import FullyConnectedNet as FullyConnectedNet
    from .lenet import LeNet as LeNet
    from .losses import softmax_cross_entropy as softmax_cross_entropy
    from .mlp import MLP as MLP
    from .native import native_status as native_status
    from .optimizers import sgd as sgd
    from .recalibration import recalibrate as recalibrate
    from .run import load_network as load_network
    from .sigmoid_mlp import SigmoidMLP as SigmoidMLP
    from .solver import Solver as Solver
    from .training import evaluate_accuracy as evaluate_accuracy
    from .training import train_epoch as train_epoch
    from .training import train_step as train_step

__version__ = "0.1.0"

# Each public name, and the module it comes from; None for a module that is public itself.
_NUMPY_HALF = {
    'autodiff': None, 'data': None, 'gradient_check': None, 'reference': None,
    'FullyConnectedNet': 'fully_connected', 'MLP': 'mlp', 'Solver': 'solver',
}
_MXNET_HALF = {
    'LeNet': 'lenet', 'SigmoidMLP': 'sigmoid_mlp',
    'batch_norm': 'batch_norm', 'pure_batch_norm': 'batch_norm', 'which_impl': 'batch_norm',
    'native_status': 'native', 'relu': 'activations', 'softmax': 'activations', 'softmax_cross_entropy': 'losses',
    'sgd': 'optimizers', 'train_epoch': 'training', 'train_step': 'training', 'evaluate_accuracy': 'training',
    'recalibrate': 'recalibration', 'load_network': 'run',
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
