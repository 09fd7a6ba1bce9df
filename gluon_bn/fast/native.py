"""The native operators: C++, from the wheel or built by the user's compiler on first use, loaded into MXNet.

``layer.cc`` is batch norm alone, ``moving.cc`` the same for Gluon blocks, ``block.cc`` a convolution with batch norm,
ReLU and pooling, ``dense.cc`` a dense layer, ``loss.cc`` the cross entropy, ``update.cc`` SGD, ``launch.cc`` saves
calls from Python; each file's first lines say what it does. They use MXNet's own extension interface (``lib_api.h``,
which its wheels ship) and OpenMP.

Nothing here raises: without a compiler, after a failed build, or with ``GLUON_BN_NATIVE=0`` in the environment,
:func:`available` is False, :func:`native_status` says why, and MXNet's operators or the formula compute instead.
"""
from __future__ import annotations

import ctypes
import functools
import os
import re
from pathlib import Path
from typing import NamedTuple

from .._mxnet import arrays, mx
from . import variants
from .compiler import NO_COMPILER, BuildError
from .launch import Calls
from .trust import Untrusted

MXNET = '1.9.1'  # the last release: its interface for operators is what the libraries are made for


class Native(NamedTuple):
    """The operators as they were found: the calls of ``launch.py``, the file, its origin; or why there are none."""

    calls: Calls | None
    path: Path | None
    origin: str | None
    reason: str | None


def available():
    """Whether the native operators are loaded; the first call builds them if need be."""
    return _found().reason is None


def only_a_compiler_is_missing():
    """Whether they were looked for, and a compiler would bring them: this builds nothing."""
    return _found.cache_info().currsize == 1 and (_found().reason or '').startswith(NO_COMPILER)


def path():
    """The file of the loaded library."""
    return _found().path


def calls():
    """The library's :class:`gluon_bn.fast.launch.Calls`."""
    return _found().calls


def native_status() -> str:
    """One sentence: whether the native operators are in use and which, and if not, why.

    >>> gbn.native_status().startswith('native operators: ')
    True
    """
    found = _found()
    return f"native operators: {f'in use, {found.origin}' if found.reason is None else f'not in use, {found.reason}'}."


def load():
    """Load the library into MXNet, built if need be: what there is then, a :class:`Native`."""
    if os.environ.get('GLUON_BN_NATIVE', '1') == '0':
        return Native(None, None, None, 'GLUON_BN_NATIVE is 0')
    if mx.__version__ != MXNET:
        return Native(None, None, None, f'they are made for MXNet {MXNET}, and this is {mx.__version__}')
    try:
        library, origin = variants.choose()
        ctypes.CDLL(str(library))  # says what is wrong in one line, which MXNet does not
        mx.library.load(str(library), verbose=False)
        found = Native(Calls(library), library, origin, None)
    except (BuildError, Untrusted, OSError, ValueError, Warning, mx.base.MXNetError) as error:
        return Native(None, None, None, _sentence(error))
    arrays.describe_by(found.calls.describe)
    return found


_found = functools.lru_cache(maxsize=None)(load)  # once a process: MXNet unloads no library


def _sentence(error):
    """The end of a sentence that says what an exception says: MXNet's begin with a traceback, the last line counts."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    return re.sub(r'^(\w+Error: )?(\[[\d:]+\] \S+: )?', '', last).rstrip('.')
