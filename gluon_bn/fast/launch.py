"""What is asked of MXNet at every call of a layer, in as few calls as can be: ``launch.cc`` for Python.

:func:`describe` is what the checks need to know of arrays. :func:`launch` asks and starts a small layer's graphs in one
call: what arrays have to be like for them, :func:`remember` has noted when such a call had passed all checks.
"""
import ctypes
import functools
import threading
from typing import NamedTuple

import numpy as np

from .._mxnet import mx, nd
from .native import loaded, path

AXES = 4  # of the arrays that are described; launch.cc has the same number
FIELDS = AXES + 4
_Fields = ctypes.c_int * (3 * FIELDS)
_Results = ctypes.c_void_p * 4
_UNKNOWN = 1


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


def launch(X, gamma, beta, old, momentum, eps):
    """Run the graphs that :func:`remember` has for such a call, if any, else return None.

    Returns ``(out, statistics (4, C), new mean, new variance)``, of which only ``out`` is on the tape. ``old`` is the
    pair of stored statistics, or None.
    """
    if not _graphs:
        return None
    results = _Results()
    status = _library().gluon_bn_launch(_functions(), *_handles(X, gamma, beta, old), momentum, eps, results)
    if status == _UNKNOWN:
        return None
    arrays = tuple(nd.NDArray(ctypes.c_void_p(handle)) for handle in results if handle)  # first: now they are freed
    _check(status)
    return arrays


def remember(graphs, X, gamma, beta, old, momentum, eps):
    """From now on ``graphs``, the layer's and its statistics', are what :func:`launch` runs for a call like this one.

    Alike are calls whose arrays have the same shapes, types and contexts, of which the same of the first three have a
    gradient attached, and that have the same ``momentum`` and ``eps``.
    """
    with _remembering:
        if len(_graphs) >= 256:
            _library().gluon_bn_forget()  # no thread is running one of them after this
            _graphs.clear()
        _check(_library().gluon_bn_remember(_functions(), *_handles(X, gamma, beta, old), momentum, eps,
                                            *(graph.handle for graph in graphs)))
        _graphs.append(graphs)


_graphs = []  # the library has their handles
_remembering = threading.Lock()


def _handles(X, gamma, beta, old):
    mean, var = (None, None) if old is None else (old[0].handle, old[1].handle)
    return X.handle, gamma.handle, beta.handle, mean, var


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
def _library():
    library = ctypes.CDLL(str(path()))
    library.gluon_bn_describe.argtypes = [ctypes.c_void_p] * 5
    arguments = [ctypes.c_void_p] * 6 + [ctypes.c_double] * 2
    library.gluon_bn_launch.argtypes = [*arguments, ctypes.c_void_p]
    library.gluon_bn_remember.argtypes = [*arguments, ctypes.c_void_p, ctypes.c_void_p]
    return library


def check_library(file):
    """Raise an ``OSError`` unless the library ``file`` has what this module calls, and MXNet what the library calls."""
    library = ctypes.CDLL(str(file))
    try:
        _addresses(library)
        axes = library.gluon_bn_axes()
    except AttributeError as error:
        raise OSError(f"the library does not fit this version: {error}") from None
    if axes != AXES:
        raise OSError(f"the library does not fit this version: it describes arrays of up to {axes} axes, not {AXES}")


@functools.lru_cache(maxsize=None)
def _functions():
    return _addresses(_library())


def _addresses(library):
    """The addresses of the functions of MXNet's that the library calls, in its order."""
    library.gluon_bn_functions.restype = ctypes.c_char_p
    names = library.gluon_bn_functions().decode('ascii').split()
    return (ctypes.c_void_p * len(names))(*(
        ctypes.cast(getattr(mx.base._LIB, name), ctypes.c_void_p).value for name in names))


def _check(status):
    if status:
        raise mx.base.get_last_ffi_error()
