"""Messages for an MXNet that is not installed, cannot be, or does not load, with the command to type."""
import contextlib
import platform
import sys

from ..support.invocation import installer
from . import runtime_libraries

_NUMPY_HALF = ("what needs NumPy alone works here (reference, gradient_check, autodiff, data, FullyConnectedNet, MLP, "
               "Solver)")


def why_mxnet_is_missing(system=sys.platform, machine=platform.machine(), version=sys.version_info):  # noqa: B008
    """One sentence for where MXNet is not installed: the command that installs it, or that there is none.

    >>> why_mxnet_is_missing('linux', 'x86_64', (3, 14)).rpartition('install ')[2]
    '--no-deps mxnet==1.9.1'
    >>> print(why_mxnet_is_missing('darwin', 'arm64')[:82])
    this part of gluon_bn needs MXNet 1.9.1, which runs on Linux with an x86-64 proces
    """
    if not has_build(system, machine):
        return ("this part of gluon_bn needs MXNet 1.9.1, which runs on Linux with an x86-64 processor alone, and this "
                f"is {system} with {machine}: {_NUMPY_HALF}.")
    return f"this part of gluon_bn needs MXNet 1.9.1, which is not installed: {install_mxnet(version)}"


def has_build(system=sys.platform, machine=platform.machine()):  # noqa: B008
    """Whether there are builds of MXNet 1.9.1 for this kind of machine."""
    return system == 'linux' and machine.lower() in ('x86_64', 'amd64')


def install_mxnet(version=sys.version_info):
    """The line for the shell that installs MXNet."""
    # From Python 3.13 on, the versions of NumPy that MXNet asks for cannot be installed, and are not needed.
    return f"{installer()} {'--no-deps ' if tuple(version[:2]) >= (3, 13) else ''}mxnet==1.9.1"


@contextlib.contextmanager
def explained():
    """Turn errors of MXNet's import that say nothing to a user into ``ImportError`` of one sentence."""
    try:
        yield
    except OSError as error:
        raise ImportError(_why_library_does_not_load(error)) from error
    except ModuleNotFoundError as error:
        if not error.name or error.name.partition('.')[0] in ('mxnet', 'numpy', 'gluon_bn'):
            raise
        raise ImportError(f"MXNet needs the package {error.name}, which is not installed: {installer()} {error.name}",
                          name=error.name) from error


def _why_library_does_not_load(error):
    if 'libcuda.so' in str(error):
        return ("this is a GPU build of MXNet, and NVIDIA's driver (libcuda.so.1) is not on this machine: install the "
                "driver, or the CPU build (bash scripts/install.sh cpu)")
    return (runtime_libraries.advice(error)
            or f"MXNet is installed, but its native library does not load: {error}")
