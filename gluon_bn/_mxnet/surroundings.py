"""Preparations that MXNet 1.9.1 needs before it loads, made by :func:`prepare`:

- one OpenMP thread for each physical core, where MXNet by itself takes half of them (``threads``);
- ``distutils``, which left the standard library in Python 3.12: setuptools brings its own copy;
- GCC's libraries where the system has none (``runtime_libraries``);
- NVIDIA's libraries from PyPI (``nvidia-*-cu11``), which GPU builds link to but whose folders no loader searches;
- the import hook in child processes (``child_processes``).
"""
import ctypes
import importlib
import importlib.metadata
import importlib.util
from pathlib import Path

from ..support.invocation import installer, quoted
from ..support.python_version import warn_of_new_python
from ..support.threads import set_default_threads
from . import child_processes, runtime_libraries

_ROOT = Path(__file__).resolve().parent.parent.parent
_GPU_BUILDS = ("mxnet-cu112", "mxnet-cu116", "mxnet-cu117")
# In the order in which they need each other.
NVIDIA_LIBRARIES = ("cuda_runtime", "cuda_nvrtc", "cublas", "cudnn", "cufft", "curand", "cusparse", "cusolver",
                     "nccl", "nvtx")


def prepare():
    """Supply all of it; ``ImportError`` where ``distutils`` is nowhere, the other things MXNet may do without."""
    warn_of_new_python()
    set_default_threads()
    _supply_distutils()
    runtime_libraries.preload()
    if {*_GPU_BUILDS} & {*installed_builds()}:
        _load_nvidia_libraries()
    child_processes.pass_on()


def _supply_distutils():
    try:
        importlib.import_module("distutils.version")
    except ImportError:
        try:
            importlib.import_module("setuptools")  # puts its own distutils in place of the missing one
            importlib.import_module("distutils.version")
        except ImportError:
            raise ImportError("MXNet needs distutils, which Python 3.12 no longer has, and setuptools, which brings "
                              f"it, is not installed: {installer()} setuptools") from None


def installed_builds():
    """The builds of MXNet that are installed from PyPI: name -> version."""
    found = {}
    for name in ('mxnet', *_GPU_BUILDS):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def gpu_build_command():
    """The line for the shell that installs a build with GPU support: of a checkout's script, or of pip."""
    script = _ROOT / 'scripts' / 'install.sh'
    if script.is_file():
        return f"bash {quoted(script)} cu117"
    libraries = [f"nvidia-{name.replace('_', '-')}-cu11{'<9' if name == 'cudnn' else ''}" for name in NVIDIA_LIBRARIES]
    return f"{installer()} --no-deps mxnet-cu117==1.9.1 {' '.join(map(quoted, libraries))}"


def _load_nvidia_libraries():
    """Load NVIDIA's libraries that are installed as Python packages, where a GPU build of MXNet will find them."""
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    for package in NVIDIA_LIBRARIES:
        for folder in folders:
            for library in sorted(folder.glob(f"{package}/lib/*.so.*")):
                try:
                    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
                except OSError:
                    pass  # one that MXNet does not need, or for another CUDA: its own import says what is missing
