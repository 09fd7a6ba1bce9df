"""Argument checks of layers, networks and losses: every message says what came, what was expected and what to do.

They take ``mxnet.nd.NDArray`` of floats alone: no array of NumPy or ``mx.np``, no integers. (Labels may be of any kind,
see :mod:`gluon_bn.support.arguments`, where the rules for numbers, booleans and labels stand.) What is refused has
changed nothing.

The checks look at shapes, types and contexts alone, never at values: reading a value would wait for the engine. Labels
are the exception. Nothing is computed for them that could be waited for, and a label outside the classes would
otherwise be a loss of 0.
"""
import functools
import operator
from collections.abc import Iterable, Mapping, MutableMapping

import numpy as np

from ._mxnet import mx, nd
from ._mxnet.arrays import spec_of
from .support.arguments import BETA_ALONE, boolean, labels, number, one_of, shown

NDArray = nd.NDArray
MOST_VALUES = 2 ** 31 - 1  # of an array: MXNet counts them in 31 bits
SMALLEST_SCALE = 1e-30  # MXNet's generator takes no 0, which less would be in float32
LARGEST_SCALE = 1e30  # a normal number times more could be infinite in float32
_DTYPES = (np.float16, np.float32, np.float64)


def check_layer(X, gamma, beta, momentum, eps, is_training=True, stored=None, layer_name=''):
    """Raise unless the arguments fit together as the layer's contract has it; returns the arrays' specs as a tuple.

    ``stored`` is the pair of stored statistics, None before the first batch; :func:`stored_statistics` has found them.
    """
    arrays = (X, gamma, beta) if stored is None else (X, gamma, beta, *stored)
    for array in arrays:
        if type(array) is not NDArray:
            _check_kind(next(name for name, each in zip(_names(layer_name), arrays) if each is array), array)
    if not type(momentum) is type(eps) is float:
        check_settings(momentum, eps)
        momentum, eps = float(momentum), float(eps)
    specs = spec_of(*arrays)
    _check_fit(specs, momentum, eps, is_training, layer_name)
    return specs


@functools.lru_cache(maxsize=1024)
def _check_fit(specs, momentum, eps, is_training, layer_name):
    """Raise unless all of this fits. What has passed once is remembered: nothing but these values is looked at."""
    names, (X, gamma, beta, *stored) = _names(layer_name), specs
    for name, spec in zip(names, specs):
        _check_dtype(name, spec)
    _check_X(X)
    for name, spec in zip(names[1:], (gamma, beta)):
        _check_parameter(name, spec, X)
    check_settings(momentum, eps)
    for name, spec in zip(names[3:], stored):
        _check_stored(name, spec, X)
    if is_training and all(length == 1 for axis, length in enumerate(X.shape) if axis != 1):
        raise ValueError(f"X has shape {X.shape}, one value per {'feature' if len(X.shape) == 2 else 'channel'}: "
                         f"{BETA_ALONE}. Train with at least two examples a batch, or pass is_training=False to use "
                         "the stored statistics.")


def _names(layer_name):
    return 'X', 'gamma', 'beta', f'bn_ewv_means[{layer_name!r}]', f'bn_ewv_vars[{layer_name!r}]'


def stored_statistics(bn_ewv_means, bn_ewv_vars, layer_name, is_training):
    """The stored statistics of a layer as a pair, or None before its first batch.

    Raise unless the two are the dictionaries of one network, with values for ``layer_name`` if they are needed.
    """
    if type(is_training) is not bool:
        boolean('is_training', is_training)
    if type(layer_name).__hash__ is None:
        raise TypeError(f"layer_name is {shown(layer_name)}; expected the layer's key in bn_ewv_means and bn_ewv_vars, "
                        "such as 'bn1'.")
    for name, statistics in (('bn_ewv_means', bn_ewv_means), ('bn_ewv_vars', bn_ewv_vars)):
        if type(statistics) is not dict and not isinstance(statistics, MutableMapping):  # the first is quicker
            raise TypeError(f"{name} is a {type(statistics).__name__}; expected a dictionary, layer name -> NDArray: "
                            "start with an empty one, {}.")
    if bn_ewv_means is bn_ewv_vars:
        raise ValueError("bn_ewv_means and bn_ewv_vars are the same dictionary; the variances would overwrite the "
                         "means: pass two.")
    if (layer_name in bn_ewv_means) != (layer_name in bn_ewv_vars):
        raise ValueError(f"only one of bn_ewv_means and bn_ewv_vars knows layer {layer_name!r}; pass the two "
                         "dictionaries of the same network, or two empty ones.")
    if layer_name in bn_ewv_means:
        return bn_ewv_means[layer_name], bn_ewv_vars[layer_name]
    if not is_training:
        known = ', '.join(repr(key) for key in bn_ewv_means) or 'none'
        raise ValueError(f"no stored statistics for layer {layer_name!r}; known layers: {known}. Train the layer "
                         "first, load a checkpoint, or correct layer_name.")
    return None


def check_settings(momentum, eps):
    """Raise unless these are a weight of the old value in the stored statistics, and what is added to a variance."""
    number('eps', eps, at_least=0, hint='1e-5 is the usual one')
    number('momentum', momentum, at_least=0, at_most=1, hint='the weight of the old value; 0.9 is the usual one')


def check_floats(**arrays):
    """Raise for an array that is no NDArray of floats."""
    for name, array in arrays.items():
        _check_kind(name, array)
        _check_dtype(name, array)


def check_network(momentum, eps, impl, **switches):
    """Raise unless these are settings of a network; ``switches`` are booleans."""
    check_settings(momentum, eps)
    one_of('impl', impl, ('auto', 'plain', 'fast'))
    for name, value in switches.items():
        boolean(name, value)


def check_params(params, shapes, checked=()):
    """Raise unless ``params`` has an NDArray of each name and shape in ``shapes``; returns them as a list.

    ``checked`` is the list of an earlier call with the same ``shapes``: an array's shape stays, so the same arrays are
    not looked at again.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params is {shown(params)}; expected a dictionary, name -> NDArray: put it back, or make a "
                        "new network.")
    arrays = [params.get(name) for name in shapes]
    if len(arrays) == len(checked) and all(map(operator.is_, arrays, checked)):
        return checked
    for (name, shape), array in zip(shapes.items(), arrays):
        if array is None:
            raise ValueError(f"params has no {name!r}; expected {', '.join(shapes)}: put it back, or make a new "
                             "network.")
        check_floats(**{name: array})
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}; this network expects {shape}: put an array of that "
                             "shape into params, or make a new network.")
        check_beside(name, array, next(iter(shapes)), arrays[0])
    return arrays


def check_examples(X, param):
    """Raise unless ``X`` is an NDArray of examples beside the network's parameter ``param``."""
    _check_kind('X', X)
    shape = X.shape
    if 0 in shape or not shape:
        raise ValueError(f"X has shape {shape}: there is no example in it; leave empty batches out.")
    check_beside('X', X, "the network's parameters", param)


def check_net_and_batches(net, batches, name='data_iterator', needed=()):
    """Raise unless :func:`check_net` takes ``net``, and ``batches`` can be iterated over."""
    check_net(net, needed)
    if not isinstance(batches, Iterable):
        raise TypeError(f"{name} is {shown(batches)}; expected batches (data, label), as gbn.data.batches gives them.")


def check_net(net, needed=()):
    """Raise unless ``net`` is called as :class:`gluon_bn.LeNet` is and has the attributes ``needed``."""
    if not callable(net) or isinstance(net, mx.gluon.Block) or not all(hasattr(net, each) for each in needed):
        raise TypeError(f"net is a {type(net).__module__}.{type(net).__name__}; expected a network as gbn.LeNet is, "
                        "with net(X, is_training=True) and net.params.")


def pair(batch):
    """``(data, label)`` of what an iterator gave."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise TypeError(f"a batch is a {type(batch).__name__}; expected a pair (data, label), as gbn.data.batches "
                        "gives them.")
    return batch


def check_batch(data, label):
    """``(label, numbers)``: the labels as an NDArray, and as NumPy's.

    Raises unless ``data`` is an NDArray and ``label`` (of any kind) is one whole number, at least 0, an example.
    Reading the labels waits for them, and for nothing else.
    """
    _check_kind('data', data)
    numbers = labels('label', label, n=data.shape[0])
    return label if type(label) is nd.NDArray else nd.array(numbers, ctx=data.ctx), numbers


def check_classes(numbers, num_classes):
    """Raise for a label that the network has no score for."""
    if numbers.size and numbers.max() >= num_classes:
        labels('label', numbers, num_classes=num_classes)


def _check_kind(name, array):
    if type(array) is not NDArray:
        raise TypeError(f"{name} is a {type(array).__module__}.{type(array).__name__}; expected an "
                        "mxnet.nd.NDArray: convert it, nd.array(...) for NumPy's or .as_nd_ndarray() for mx.np's.")


def _check_dtype(name, array):
    if array.dtype not in _DTYPES:
        raise TypeError(f"{name} has type {_name(array.dtype)}; expected float16, float32 or float64: convert it, for "
                        "example with .astype('float32').")


def _check_X(X):
    """Raise unless this is the shape of a batch that is not empty."""
    if len(X.shape) not in (2, 4):
        raise ValueError(f"X has shape {X.shape}; batch norm expects (m, D) for dense layers or (m, C, H, W) for "
                         "convolutions: reshape X to one of these.")
    if 0 in X.shape:
        raise ValueError(f"X has shape {X.shape}: an empty batch has no mean and no variance; leave empty batches out.")


def _check_parameter(name, spec, X):
    """gamma and beta: in X's context and of X's type; beside a float16 X, float32 is fine as well."""
    num_features = X.shape[1]
    if spec.shape != (num_features,):
        raise ValueError(f"{name} has shape {spec.shape}; X {X.shape} has {num_features} "
                         f"{'features' if len(X.shape) == 2 else 'channels'}: give {name} the shape "
                         f"({num_features},).")
    if spec.device != X.device:
        raise ValueError(f"{name} is on {spec.device} and X on {X.device}; expected one context: move one with "
                         ".as_in_context(...).")
    if spec.dtype != X.dtype and (X.dtype, spec.dtype) != (np.float16, np.float32):
        raise TypeError(f"{name} has type {_name(spec.dtype)} and X {_name(X.dtype)}; expected the same type: convert "
                        "one with .astype(...).")


def check_beside(name, array, others, other):
    """Raise unless ``array`` is of the type and in the context of ``other``."""
    if array.dtype != other.dtype:
        raise TypeError(f"{name} has type {_name(array.dtype)} and {others} {_name(other.dtype)}; expected the same "
                        f"type: convert with .astype({_name(other.dtype)!r}).")
    if array.ctx != other.ctx:
        raise ValueError(f"{name} is on {array.ctx} and {others} on {other.ctx}; expected one context: move it with "
                         ".as_in_context(...).")


def _check_stored(name, spec, X):
    dtype = np.float64 if X.dtype == np.float64 else np.float32
    if spec.shape != X.shape[1:2]:
        raise ValueError(f"{name} has shape {spec.shape}; X {X.shape} needs ({X.shape[1]},): give each layer a "
                         "layer_name of its own.")
    if spec.device != X.device:
        raise ValueError(f"{name} is on {spec.device} and X on {X.device}; expected one context: move the stored "
                         "values with .as_in_context(...).")
    if spec.dtype != dtype:
        raise TypeError(f"{name} has type {_name(spec.dtype)}; beside an X of {_name(X.dtype)} statistics are "
                        f"{dtype.__name__}: convert them with .astype({dtype.__name__!r}).")


def _name(dtype):
    return getattr(dtype, '__name__', str(dtype))
