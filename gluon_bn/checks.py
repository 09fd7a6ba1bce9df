"""What the layer refuses: every message says what came, what was expected and what to do.

The checks look at shapes, types and contexts alone, never at values: reading a value would wait for the engine.
"""
from collections.abc import MutableMapping

import numpy as np

from ._mxnet import nd
from .native.launch import describe

_DTYPES = (np.float16, np.float32, np.float64)


def check_layer_arguments(X, gamma, beta, eps, momentum=0.0):
    """Raise unless ``X``, ``gamma``, ``beta``, ``eps`` and ``momentum`` fit together as the layer's contract has it.

    Returns what X is, a :class:`gluon_bn.native.launch.Described`.
    """
    X, *others = _described({'X': X, 'gamma': gamma, 'beta': beta})
    if len(X.shape) not in (2, 4):
        raise ValueError(f"X has shape {X.shape}; batch norm expects (m, D) for dense layers or (m, C, H, W) for "
                         "convolutions: reshape X to one of these.")
    if 0 in X.shape:
        raise ValueError(f"X has shape {X.shape}: an empty batch has no mean and no variance; leave empty batches out.")
    num_features = X.shape[1]
    for name, array in zip(('gamma', 'beta'), others):
        if array.shape != (num_features,):
            raise ValueError(f"{name} has shape {array.shape}; X {X.shape} has {num_features} "
                             f"{'features' if len(X.shape) == 2 else 'channels'}: give {name} the shape "
                             f"({num_features},).")
        _check_beside_X(name, array, X)
    if not 0 <= eps < float('inf'):
        raise ValueError(f"eps is {eps}; expected a finite number, at least 0 (1e-5 is the usual one).")
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum is {momentum}; expected a number from 0 to 1, the weight of the old value "
                         "(0.9 is the usual one).")
    return X


def check_more_than_one_value(X):
    """Raise for a training batch with one value per feature: minus its own mean it is 0, so all outputs are beta.

    ``X`` is described.
    """
    if all(length == 1 for axis, length in enumerate(X.shape) if axis != 1):
        raise ValueError(f"X has shape {X.shape}, one value per {'feature' if len(X.shape) == 2 else 'channel'}: "
                         "normalised by itself every output would be beta. Train with at least two examples a batch, "
                         "or pass is_training=False to use the stored statistics.")


def check_dictionaries(bn_ewv_means, bn_ewv_vars, layer_name, X, is_training):
    """Raise unless the two are the dictionaries of one network, with values for ``layer_name`` that fit ``X``.

    ``X`` is described.
    """
    for name, statistics in (('bn_ewv_means', bn_ewv_means), ('bn_ewv_vars', bn_ewv_vars)):
        if type(statistics) is not dict and not isinstance(statistics, MutableMapping):  # the first is much quicker
            raise TypeError(f"{name} is a {type(statistics).__name__}; expected a dictionary, layer name -> NDArray: "
                            "start with an empty one, {}.")
    if bn_ewv_means is bn_ewv_vars:
        raise ValueError("bn_ewv_means and bn_ewv_vars are the same dictionary; the variances would overwrite the "
                         "means: pass two.")
    if (layer_name in bn_ewv_means) != (layer_name in bn_ewv_vars):
        raise ValueError(f"only one of bn_ewv_means and bn_ewv_vars knows layer {layer_name!r}; pass the two "
                         "dictionaries of the same network, or two empty ones.")
    if layer_name in bn_ewv_means:
        stored = {'bn_ewv_means': bn_ewv_means[layer_name], 'bn_ewv_vars': bn_ewv_vars[layer_name]}
        for name, array in zip(stored, _described(stored)):
            _check_stored(name, layer_name, array, X)
    elif not is_training:
        known = ', '.join(repr(key) for key in bn_ewv_means) or 'none'
        raise ValueError(f"no stored statistics for layer {layer_name!r}; known layers: {known}. Train the layer "
                         "first, load a checkpoint, or correct layer_name.")


def _described(arrays):
    """What the arrays are, in their order; raise for one that is no NDArray of floats. ``arrays``: name -> array."""
    for name, array in arrays.items():
        if type(array) is not nd.NDArray:
            raise TypeError(f"{name} is a {type(array).__module__}.{type(array).__name__}; expected an "
                            "mxnet.nd.NDArray: convert it, nd.array(...) for NumPy's or .as_nd_ndarray() for mx.np's.")
    described = describe(*arrays.values())
    for name, array in zip(arrays, described):
        if array.dtype not in _DTYPES:
            raise TypeError(f"{name} has type {_name(array.dtype)}; expected float16, float32 or float64: "
                            "convert it, for example with .astype('float32').")
    return described


def _check_beside_X(name, array, X):
    """gamma and beta: in X's context and of X's type; beside a float16 X, float32 is fine as well."""
    if array.ctx != X.ctx:
        raise ValueError(f"{name} is on {array.ctx} and X on {X.ctx}; expected one context: "
                         f"move one with .as_in_context(...).")
    if array.dtype != X.dtype and (X.dtype, array.dtype) != (np.float16, np.float32):
        raise TypeError(f"{name} has type {_name(array.dtype)} and X {_name(X.dtype)}; expected the same type: "
                        f"convert one with .astype(...).")


def _check_stored(name, layer_name, array, X):
    dtype = np.float64 if X.dtype == np.float64 else np.float32
    if array.shape != X.shape[1:2]:
        raise ValueError(f"{name}[{layer_name!r}] has shape {array.shape}; X {X.shape} needs ({X.shape[1]},): give "
                         "each layer a layer_name of its own.")
    if array.ctx != X.ctx:
        raise ValueError(f"{name}[{layer_name!r}] is on {array.ctx} and X on {X.ctx}; expected one context: move the "
                         "stored values with .as_in_context(...).")
    if array.dtype != dtype:
        raise TypeError(f"{name}[{layer_name!r}] has type {_name(array.dtype)}; beside an X of {_name(X.dtype)} "
                        f"statistics are {dtype.__name__}: convert them with .astype({dtype.__name__!r}).")


def _name(dtype):
    return getattr(dtype, '__name__', str(dtype))
