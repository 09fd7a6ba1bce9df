"""Checks of ``gluon-bn doctor``: a function for each thing, which never raises and needs Python alone."""
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import signal
import stat
import sys
from collections import namedtuple
from pathlib import Path

from .._mxnet.missing import has_build, install_mxnet
from .._mxnet.runtime_libraries import SYSTEM_PACKAGES
from .._mxnet.surroundings import gpu_build_command, installed_builds
from ..support.invocation import install_command, installer, quoted
from ..support.subprocesses import ask, environment

PROBE_SECONDS = 240
EXTRAS = {'tensorboard': 'tensorboardX', 'scikit-learn': 'sklearn', 'notebooks': 'jupytext'}
_ROOT = Path(__file__).resolve().parent.parent.parent

Check = namedtuple('Check', 'name state found advice')
Check.__doc__ = """One thing. ``state``: 'ok'; 'wrong', needed and not as it should be; 'note', it could be better; '-',
a fact, or something that is not needed here. ``advice``: what to do, a line for the shell or a sentence, or None."""


def all_checks():
    """A list of ``Check``."""
    answer = probe() if has_build() and is_installed('mxnet') else {}
    return [check for looked_at in (
        [package(), python()], [library(name) for name in ('numpy', 'matplotlib', 'tqdm')],
        [mxnet(answer)], runtime_libraries(answer), native(answer), [threads(answer)], graphics(answer),
        [cache_folder(), data_folder()], [extra(name, module) for name, module in EXTRAS.items()])
        for check in looked_at]


def package():
    """This package."""
    from .. import __version__
    return Check('gluon_bn', 'ok', f"{__version__}, {_ROOT / 'gluon_bn'}", None)


def python():
    """The interpreter."""
    version, found = sys.version_info[:2], f"{platform.python_version()}, {sys.executable}"
    if version < (3, 8):
        return Check('Python', 'wrong', found, "Install Python 3.8 or newer, and make a new environment with it.")
    if version > (3, 14):
        return Check('Python', 'note', found, "Newer than the newest that was tried, 3.14: it may work.")
    return Check('Python', 'ok', found, None)


def library(name):
    """A package that is always needed."""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = None
    if version is None or not is_installed(name):
        return Check(name, 'wrong', "not installed", f"{installer()} {name}")
    return Check(name, 'ok', version, None)


def is_installed(module):
    """Whether Python finds a top-level module, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # a module that somebody half removed, or blocked
        return False


def probe(seconds=PROBE_SECONDS):
    """What ``doctor_probe.py`` says, as one dictionary; 'died' is in it if it crashed or had to be ended."""
    limits = {'GLUON_BN_GPU_SECONDS': '60', 'GLUON_BN_BUILD_SECONDS': '120'}
    answer, status = ask([sys.executable, '-m', 'gluon_bn.commands.doctor_probe'], seconds,
                         {**limits, **environment()})
    if status is None:
        answer['died'] = f"the process that tried it did not end within {seconds:g} s"
    elif status:
        answer['died'] = f"the process that tried it {_how_it_ended(status)}"
    return answer


def _how_it_ended(status):
    return f"was ended by signal {-status} ({signal.Signals(-status).name})" if status < 0 else f"ended with {status}"


def mxnet(answer):
    """MXNet: its version, build, place, and whether it computes."""
    if not has_build():
        return Check('MXNet', '-', f"has no build for {sys.platform} on {platform.machine()}; the NumPy half works",
                     None)
    if not is_installed('mxnet'):
        return Check('MXNet', 'wrong', "not installed", install_mxnet())
    if 'mxnet' not in answer:
        reason = answer.get('mxnet_error') or answer.get('died', "no answer")
        advice = None if answer.get('missing_libraries') else f"{install_mxnet()} --force-reinstall"
        return Check('MXNet', 'wrong', f"does not load: {reason}", advice)
    builds = ', '.join(map(' '.join, installed_builds().items())) or 'not from PyPI'
    found = (f"{answer['mxnet']['version']} ({builds}: "
             f"{', '.join(answer.get('features', ['no features known']))}), {answer['mxnet']['file']}")
    if not answer.get('computes'):
        reason = f"a product of two matrices is {answer['product']}" if 'product' in answer else answer.get('died', '')
        return Check('MXNet', 'wrong', f"{found}; computes wrongly: {reason}", f"{install_mxnet()} --force-reinstall")
    if answer['mxnet']['version'] != '1.9.1':
        return Check('MXNet', 'note', found, f"{install_mxnet()}  # the version that gluon_bn is made for")
    return Check('MXNet', 'ok', found, None)


def runtime_libraries(answer):
    """The libraries of the compiler that MXNet links to."""
    if answer.get('missing_libraries'):
        names = [SYSTEM_PACKAGES[name][bool(shutil.which('dnf'))] for name in answer['missing_libraries']]
        command = f"{'dnf' if shutil.which('dnf') else 'apt-get'} install {' '.join(names)}"
        return [Check('runtime libraries', 'wrong', f"missing: {', '.join(answer['missing_libraries'])}", command)]
    if answer.get('libraries'):
        places = ', '.join(answer['libraries'].values())
        return [Check('runtime libraries', 'ok', places, None)]
    return []


def native(answer):
    """The native operators."""
    if 'native' in answer:
        status = answer['native']['status'].replace('native operators: ', '')
        if answer['native']['available']:
            return [Check('native operators', 'ok', status, None)]
        return [Check('native operators', 'note', status, _native_advice(status))]
    if 'computes' in answer:
        reason = answer.get('native_error') or answer.get('died', "no answer")
        return [Check('native operators', 'note', f"not in use: {reason}", "export GLUON_BN_NATIVE=0")]
    return []


def _native_advice(status):
    if 'GLUON_BN_NATIVE' in status:
        return "unset GLUON_BN_NATIVE"
    if 'no C++ compiler' in status:
        return "dnf install gcc-c++" if shutil.which('dnf') else "apt-get install g++"
    return None


def threads(answer):
    """How many threads MXNet takes."""
    try:
        from ..support.threads import physical_cores
        cores = physical_cores()
    except (ImportError, OSError, AttributeError):
        cores = os.cpu_count() or 1
    given = os.environ.get('OMP_NUM_THREADS')
    if given is None:
        return Check('threads', 'ok', f"{answer.get('threads') or cores}, one a physical core", None)
    found = f"OMP_NUM_THREADS is {given!r}; this process may use {cores} physical cores"
    if not given.split(',')[0].strip().isdecimal() or not 1 <= int(given.split(',')[0]) <= (os.cpu_count() or 1):
        return Check('threads', 'note', found, "unset OMP_NUM_THREADS")
    return Check('threads', 'ok', found, None)


def graphics(answer):
    """NVIDIA's devices, and why each can or cannot be used."""
    devices = sorted(str(path) for path in Path('/dev').glob('nvidia[0-9]*'))
    if 'CUDA' not in answer.get('features', ()):
        if not devices:
            return [Check('GPU', '-', "no NVIDIA device on this machine", None)]
        found = f"{', '.join(devices)}: not used, this build of MXNet has no GPU support"
        return [Check('GPU', 'note', found, gpu_build_command())]
    if 'gpus' not in answer:
        reason = answer.get('gpus_error') or answer.get('died', "no answer")
        return [Check('GPU', 'note', f"not usable: {reason}", "nvidia-smi  # does the driver itself answer?")]
    return [Check(f'gpu({i})', 'ok', "computes correctly", None) if reason is None else
            Check(f'gpu({i})', 'note' if devices else '-', f"not usable: {reason}",
                  "nvidia-smi  # does the driver itself answer?" if devices else None)
            for i, reason in enumerate(answer['gpus'])]


def cache_folder():
    """Where downloads and native operators are kept."""
    try:
        from ..support.files import cache_dir
        folder = cache_dir()
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        return Check('cache folder', 'note', f"not known: {error}", None)
    return _folder('cache folder', folder)


def _folder(name, folder):
    """A folder that should be the user's own and writable; one that is not there should be possible to make."""
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        status = there.stat()
    except (OSError, StopIteration) as error:
        return Check(name, 'note', f"{folder}: {error}", "export GLUON_BN_CACHE=$HOME/gluon_bn_cache")
    found = str(folder) if there == folder else f"{folder}, not there yet"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = "is not a folder" if not there.is_dir() else "cannot be written"
        return Check(name, 'note', f"{found}: {there} {what}", "export GLUON_BN_CACHE=$HOME/gluon_bn_cache")
    if there == folder and hasattr(os, 'getuid') and status.st_uid != os.getuid():
        return Check(name, 'note', f"{found}: belongs to user {status.st_uid}, you are {os.getuid()}",
                     "export GLUON_BN_CACHE=$HOME/gluon_bn_cache")
    if there == folder and os.name == 'posix' and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Check(name, 'note', f"{found}: others may write there", f"chmod go-w {quoted(folder)}")
    return Check(name, 'ok', f"{found}, writable", None)


def data_folder():
    """The data that come with the package."""
    folder = _ROOT / 'gluon_bn' / 'data'
    missing = [name for name, pattern in (('MNIST', 'mnist/*.gz'), ('CIFAR-10', 'cifar10/*.gz'))
               if not list(folder.glob(pattern))]
    if missing:
        return Check('data folder', 'wrong', f"{folder}: {' and '.join(missing)} missing",
                     f"{installer()} --force-reinstall --no-deps gluon_bn")
    return Check('data folder', 'ok', f"{folder}, MNIST and CIFAR-10's small part", None)


def extra(name, module):
    """One of the optional sets of libraries."""
    if not is_installed(module):
        return Check(f'[{name}]', '-', f"{module} is not installed", install_command(name))
    return Check(f'[{name}]', 'ok', "installed", None)
