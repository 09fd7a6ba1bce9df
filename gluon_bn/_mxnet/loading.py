"""The one place where MXNet is imported: everything else says ``from ._mxnet import mx, nd, autograd``.

MXNet 1.9.1 is older than the Python and the NumPy it runs on here. What it lacks is supplied while it loads, and
only to MXNet itself, so that nobody else's NumPy changes:

- ``numpy.bool``, an alias that NumPy 1.24 removed: present during the import, afterwards only in MXNet's own view
  of NumPy;
- ``distutils``, which left the standard library in Python 3.12: setuptools brings its own copy;
- one OpenMP thread for each physical core, where MXNet by itself takes half of them;
- NVIDIA's libraries from PyPI (``nvidia-*-cu11``), which GPU builds link to but whose folders no loader searches.

When MXNet was imported earlier by somebody else, it is used as it is.
"""
import ctypes
import importlib
import importlib.metadata
import importlib.util
import sys
import types
from pathlib import Path

import numpy

from .threads import set_default_threads

# The modules of MXNet 1.9.1 that look up ``bool`` in NumPy after they have been imported.
_MODULES_THAT_USE_NUMPY_BOOL = ("mxnet.numpy.multiarray", "mxnet.ndarray.numpy._op", "mxnet.symbol.numpy._symbol",
                                "mxnet.test_utils")
_GPU_BUILDS = ("mxnet-cu112", "mxnet-cu116", "mxnet-cu117")
# In the order in which they need each other.
_NVIDIA_LIBRARIES = ("cuda_runtime", "cuda_nvrtc", "cublas", "cudnn", "cufft", "curand", "cusparse", "cusolver",
                     "nccl", "nvtx")


class _NumPyWithBool(types.ModuleType):
    """NumPy as MXNet expects it: all of the installed one, and ``bool``."""

    bool = numpy.bool_

    def __getattr__(self, name):
        return getattr(numpy, name)


def _supply_distutils():
    try:
        importlib.import_module("distutils.version")
    except ImportError:
        try:
            importlib.import_module("setuptools")  # puts its own distutils in place of the missing one
            importlib.import_module("distutils.version")
        except ImportError:
            raise ImportError("MXNet needs distutils, which Python 3.12 no longer has, and setuptools, which brings "
                              "it, is not installed: pip install setuptools") from None


def _is_gpu_build():
    for build in _GPU_BUILDS:
        try:
            importlib.metadata.distribution(build)
        except importlib.metadata.PackageNotFoundError:
            continue
        return True
    return False


def _load_nvidia_libraries():
    """Load NVIDIA's libraries that are installed as Python packages, where a GPU build of MXNet will find them."""
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    for package in _NVIDIA_LIBRARIES:
        for folder in folders:
            for library in sorted(folder.glob(f"{package}/lib/*.so.*")):
                try:
                    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
                except OSError:
                    pass  # one that MXNet does not need, or for another CUDA: its own import says what is missing


def _import_mxnet():
    if "mxnet" in sys.modules:
        return sys.modules["mxnet"]
    set_default_threads()
    _supply_distutils()
    if _is_gpu_build():
        _load_nvidia_libraries()
    lacks_bool = "bool" not in vars(numpy)
    if lacks_bool:
        numpy.bool = numpy.bool_
    try:
        mxnet = importlib.import_module("mxnet")
        if lacks_bool:
            for name in _MODULES_THAT_USE_NUMPY_BOOL:
                module = importlib.import_module(name)
                for alias, value in list(vars(module).items()):
                    if value is numpy:
                        setattr(module, alias, _NumPyWithBool("numpy"))
    except OSError as error:
        if 'libcuda.so' in str(error):
            raise ImportError("this is a GPU build of MXNet, and NVIDIA's driver (libcuda.so.1) is not on this "
                              "machine: install the driver, or the CPU build (bash scripts/install.sh cpu)") from error
        raise ImportError(f"MXNet is installed, but its native library does not load: {error}") from error
    finally:
        if lacks_bool:
            del numpy.bool
    return mxnet


mx = _import_mxnet()
nd = mx.nd
autograd = mx.autograd
