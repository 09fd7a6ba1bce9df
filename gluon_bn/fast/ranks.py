"""Batch norm of a batch that several processes share, inside of native operators: they call Python for the exchange.

The operator itself stops where it needs the numbers of the other ranks (``src/ranks.h``), forward and backward, in a
thread of MXNet's engine. So all else is the same operators as ever, also in a graph. Two things are to be known of it:

- Nothing of MXNet's may be called in the exchange: the thread that would do it is the one that waits.
- It is for ranks that are processes. Operators of one process share MXNet's work space, whatever their contexts: one
  that waits there for another rank may keep just that one from beginning. Threads have ``shared_batch_norm.py``.
"""
import ctypes

import numpy as np

from .._mxnet import mx
from ..parallel.shared_layer import by_number
from . import native


def numbers_of(parts):
    """What the attribute ``ranks`` of operators is for these layers, each a Part."""
    native.calls().exchange_by(_exchange)
    return tuple(part.layer.number for part in parts)


def wait(parts, *arrays):
    """Wait for ``arrays``, and raise what an exchange of ``parts`` has raised meanwhile.

    Before a forward pass it is for the gradients that the last backward pass writes, so that no exchange of the one
    comes between those of the other; after it for the statistics, so that an exchange that fails has changed nothing.
    """
    failure = None
    try:
        for array in arrays:
            array.wait_to_read()
    except mx.base.MXNetError as error:
        failure = error
    for part in parts:  # asked in any case: of exceptions in two threads at once MXNet may lose one
        if part.layer.error is not None:
            exchange, part.layer.error = part.layer.error, None
            raise exchange from None
    if failure is not None:
        raise failure


def _replace(number, backward, size, address):
    """Called by an operator; what is returned other than 0 makes it fail."""
    try:
        numbers = np.ctypeslib.as_array(address, (size,))
        by_number(number).exchange(numbers, bool(backward))
    except BaseException:  # SharedLayer.error has it; no exception gets through C++
        return -1
    return 0


_exchange = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                             ctypes.POINTER(ctypes.c_double))(_replace)  # for the life of the process
