"""The native operators: C++, from the wheel or built by the user's compiler on first use, loaded into MXNet.

``layer.cc`` is batch norm alone, ``block.cc`` a convolution with batch norm, ReLU and pooling, ``dense.cc`` a dense
layer, ``loss.cc`` the cross entropy, ``update.cc`` SGD, ``launch.cc`` saves calls from Python; each file's first lines
say what it does. They use MXNet's own extension interface (``lib_api.h``, which its wheels ship) and OpenMP.

Nothing here raises: without a compiler, after a failed build, or with ``GLUON_BN_NATIVE=0`` in the environment,
:func:`available` is False, :func:`native_status` says why, and ``fast.py`` uses MXNet's operators instead.
"""
from __future__ import annotations

import ctypes
import functools
import os
import re

from .._mxnet import mx
from . import variants
from .compiler import NO_COMPILER, BuildError
from .trust import Untrusted

MXNET = '1.9.1'  # the last release: its interface for operators is what the libraries are made for


def available():
    """Whether the native operators are loaded; the first call builds them if need be."""
    return _load()[2] is None


def loaded():
    """Whether they are loaded already: this builds nothing."""
    return _load.cache_info().currsize == 1 and available()


def only_a_compiler_is_missing():
    """Whether they were looked for, and a compiler would bring them: this builds nothing."""
    return _load.cache_info().currsize == 1 and (_load()[2] or '').startswith(NO_COMPILER)


def path():
    """The file of the loaded library."""
    return _load()[0]


def native_status() -> str:
    """One sentence: whether the native operators are in use and which, and if not, why.

    >>> gbn.native_status().startswith('native operators: ')
    True
    """
    _, origin, reason = _load()
    return f"native operators: {f'in use, {origin}' if reason is None else f'not in use, {reason}'}."


@functools.lru_cache(maxsize=None)
def _load():
    """Load the library, built if need be: its path, where it is from and None, or None, None and why that cannot be."""
    if os.environ.get('GLUON_BN_NATIVE', '1') == '0':
        return None, None, 'GLUON_BN_NATIVE is 0'
    if mx.__version__ != MXNET:
        return None, None, f'they are made for MXNet {MXNET}, and this is {mx.__version__}'
    try:
        library, origin = variants.choose()
        ctypes.CDLL(str(library))  # says what is wrong in one line, which MXNet does not
        mx.library.load(str(library), verbose=False)
        from .launch import check_library  # it imports this module
        check_library(library)
    except (BuildError, Untrusted, OSError, ValueError, Warning, mx.base.MXNetError) as error:
        return None, None, _sentence(error)
    return library, origin, None


def _sentence(error):
    """The end of a sentence that says what an exception says: MXNet's begin with a traceback, the last line counts."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    return re.sub(r'^(\w+Error: )?(\[[\d:]+\] \S+: )?', '', last).rstrip('.')
