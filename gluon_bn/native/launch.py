"""What is asked of MXNet at every call of a layer, in as few calls as can be: ``launch.cc`` for Python.

:func:`describe` is what the checks need to know of arrays, :func:`launch` starts a small layer's graph.
"""
import ctypes
import functools
from typing import NamedTuple

import numpy as np

from .._mxnet import mx, nd
from . import loaded, path

FUNCTIONS = ('MXNDArrayGetShapeEx', 'MXNDArrayGetDType', 'MXNDArrayGetContext', 'MXNDArrayCreateEx', 'MXNDArrayAt',
             'MXAutogradSetIsRecording', 'MXInvokeCachedOpEx')
FIELDS, AXES = 8, 4  # as in launch.cc
_Fields = ctypes.c_int * (3 * FIELDS)
_Results = ctypes.c_void_p * 4


class Described(NamedTuple):
    """What there is to know of an array without reading it."""

    shape: tuple
    dtype: type
    ctx: object


def describe(a, b, c=None):
    """:class:`Described` of two or three NDArrays; equal ones are the same object wherever the library is loaded."""
    if not loaded():
        return tuple(_ask(array) for array in (a, b, c) if array is not None)
    fields = _Fields()
    _check(_library().gluon_bn_describe(_functions(), a.handle, b.handle, None if c is None else c.handle, fields))
    described = _described(bytes(fields))
    return tuple(_ask(array) if one is None else one for one, array in zip(described, (a, b, c)))


def launch(graph, X, gamma, beta, old, described):
    """Run ``graph``, a layer for the ``described`` X: ``(out, statistics (5, C), new mean, new variance)``.

    ``old`` is the pair of stored statistics, or None. Only ``out`` is on the tape.
    """
    results, ctx = _Results(), described.ctx
    mean, var = (None, None) if old is None else (old[0].handle, old[1].handle)
    status = _library().gluon_bn_launch(
        _functions(), graph.handle, X.handle, gamma.handle, beta.handle, mean, var,
        described.shape[1], _type_number(described.dtype), ctx.device_typeid, ctx.device_id, results)
    arrays = tuple(nd.NDArray(ctypes.c_void_p(handle)) for handle in results if handle)  # first: now they are freed
    _check(status)
    return arrays


def _ask(array):
    return Described(array.shape, array.dtype, array.ctx)


@functools.lru_cache(maxsize=1024)
def _described(fields):
    """From the library's integers; None for an array that does not fit into them, nothing for one that is not there."""
    rows = np.frombuffer(fields, np.intc).reshape(3, FIELDS).tolist()
    return tuple(None if not 1 <= dims <= AXES else Described(
        tuple(rest[:dims]), mx.nd.ndarray._DTYPE_MX_TO_NP[rest[AXES]],
        mx.Context(mx.Context.devtype2str[rest[AXES + 1]], rest[AXES + 2]))
        for dims, *rest in rows if any((dims, *rest)))


@functools.lru_cache(maxsize=None)
def _type_number(dtype):
    return mx.nd.ndarray._DTYPE_NP_TO_MX[dtype]


@functools.lru_cache(maxsize=None)
def _library():
    library = ctypes.CDLL(str(path()))
    library.gluon_bn_describe.argtypes = [ctypes.c_void_p] * 5
    library.gluon_bn_launch.argtypes = [ctypes.c_void_p] * 7 + [ctypes.c_int] * 4 + [ctypes.c_void_p]
    return library


@functools.lru_cache(maxsize=None)
def _functions():
    """The addresses of MXNet's functions, one after the other."""
    return (ctypes.c_void_p * len(FUNCTIONS))(*(
        ctypes.cast(getattr(mx.base._LIB, name), ctypes.c_void_p).value for name in FUNCTIONS))


def _check(status):
    if status:
        raise mx.base.get_last_ffi_error()
