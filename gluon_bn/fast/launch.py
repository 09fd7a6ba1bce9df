"""The library's calls for Python (``launch.cc``): what a layer asks of MXNet every time, in as few calls as can be."""
import ctypes
import functools
import operator

import numpy as np

from .._mxnet import mx, nd
from .._mxnet.arrays import ArraySpec, describe_by_mxnet, same_specs


class Calls:
    """The calls of a library that is loaded into MXNet; ``OSError`` if it and this version do not fit together."""

    def __init__(self, file):
        library = ctypes.CDLL(str(file))
        try:
            library.gluon_bn_interface.restype = ctypes.c_char_p
            *calls, functions = library.gluon_bn_interface().decode('ascii').split('\n')
            if {name: arguments.count(',') + 1 for name, arguments in (call.split(' ', 1) for call in calls)} != CALLS:
                raise AttributeError('its functions have other arguments')
            addresses = [ctypes.cast(getattr(mx.base._LIB, name), c_void_p).value for name in functions.split()]
            self._functions = (c_void_p * len(addresses))(*addresses)
            self._describe, self._launch = library.gluon_bn_describe, library.gluon_bn_launch
            self.exchange_by = library.gluon_bn_exchange_by  # a function of ranks.py, from now on
            self._axes, self._fields = library.gluon_bn_axes(), ctypes.c_int * (MOST * (library.gluon_bn_axes() + 5))
        except AttributeError as error:
            raise OSError(f"the library does not fit this version: {error}") from None
        sample = nd.ones((1, 2), mx.cpu()), nd.ones(3, mx.cpu(), 'int32')
        if self.describe(sample) != describe_by_mxnet(sample):
            raise OSError("the library does not fit this version: it describes arrays in another way")

    def describe(self, arrays):
        """What :func:`gluon_bn._mxnet.arrays.spec_of` returns."""
        if len(arrays) > MOST:
            return same_specs((*self.describe(arrays[:MOST]), *self.describe(arrays[MOST:])))
        fields = self._fields()
        if self._describe(self._functions, fields, *map(_handle, arrays), *_NOTHING[len(arrays):]):
            raise mx.base.get_last_ffi_error()
        return _specs(bytes(fields), self._axes) or describe_by_mxnet(arrays)

    def launch(self, layer, statistics, X, gamma, beta, stored):
        """Run the graphs of a small layer and of its statistics: ``(out, [new mean, new variance])``.

        Only ``out`` is on the tape. ``stored`` is the pair of stored statistics, or None.
        """
        mean, var = (None, None) if stored is None else (stored[0].handle, stored[1].handle)
        results = _Results()
        failed = self._launch(self._functions, layer.handle, statistics.handle, X.handle, gamma.handle, beta.handle,
                              mean, var, results)
        out, *new = [handle and NDArray(c_void_p(handle)) for handle in results]  # first: now they are freed
        if failed:
            raise mx.base.get_last_ffi_error()
        return out, new


NDArray, c_void_p = nd.NDArray, ctypes.c_void_p
_handle = operator.attrgetter('handle')
MOST = 5  # arrays that are described in one call
# Each function has so many arguments, all pointers. ctypes is not told so: to convert what is a pointer already would
# take a third of a microsecond a call.
CALLS = {'describe': 2 + MOST, 'launch': 9}
_NOTHING = (None,) * MOST
_Results = c_void_p * 3


@functools.lru_cache(maxsize=1024)
def _specs(fields, axes):
    """From the library's integers; None if one of the arrays does not fit into them."""
    rows = [row for row in np.frombuffer(fields, np.intc).reshape(MOST, axes + 5).tolist() if any(row)]
    if not all(1 <= dims <= axes for dims, *_ in rows):
        return None
    return same_specs(tuple(ArraySpec(
        tuple(rest[:dims]), mx.nd.ndarray._DTYPE_MX_TO_NP[rest[axes]],
        str(mx.Context(mx.Context.devtype2str[rest[axes + 1]], rest[axes + 2])), bool(rest[axes + 3]))
        for dims, *rest in rows))
