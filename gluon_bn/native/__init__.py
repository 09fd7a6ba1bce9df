"""The native operators: C++ built by the user's compiler on first use, kept in the cache folder, loaded into MXNet.

``layer.cc`` is batch norm alone, ``block.cc`` a convolution with batch norm, ReLU and pooling, ``dense.cc`` a dense
layer, ``loss.cc`` the cross entropy, ``update.cc`` SGD, ``launch.cc`` saves calls from Python; each file's first lines
say what it does. They use MXNet's own extension interface (``lib_api.h``, which its wheels ship) and OpenMP.

Nothing here raises: without a compiler, after a failed build, or with ``GLUON_BN_NATIVE=0`` in the environment,
:func:`available` is False, :func:`native_status` says why, and ``fast.py`` uses MXNet's operators instead.
"""
import fcntl
import functools
import os
import platform
import shutil
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from .._mxnet import mx
from ..data.download import cache_dir

SOURCES = ('library.cc', 'layer.cc', 'block.cc', 'dense.cc', 'loss.cc', 'update.cc', 'launch.cc')
HEADERS = ('common.h', 'convolution.h', 'shared_loop.h')
FLAGS = ('-O3', '-march=native', '-fopenmp', '-shared', '-fPIC', '-std=c++11')
_FOLDER = Path(__file__).parent


class BuildError(Exception):
    """Why there is no library; the message is the end of a sentence."""


def available():
    """Whether the native operators are loaded; the first call builds them if need be."""
    return _load()[1] is None


def loaded():
    """Whether they are loaded already: this builds nothing."""
    return _load.cache_info().currsize == 1 and available()


def path():
    """The file of the loaded library."""
    return _load()[0]


def native_status():
    """One sentence: whether the native operators are in use, and if not, why.

    >>> native_status().startswith('native operators: ')
    True
    """
    _, reason = _load()
    return 'native operators: in use.' if reason is None else f'native operators: not in use, {reason}.'


@functools.lru_cache(maxsize=None)
def _load():
    """Load the library, built if need be: its path and None, or None and the reason why that cannot be."""
    if os.environ.get('GLUON_BN_NATIVE', '1') == '0':
        return None, 'GLUON_BN_NATIVE is 0'
    try:
        library = _library()
        mx.library.load(str(library), verbose=False)
    except BuildError as error:
        return None, str(error)
    except (OSError, mx.base.MXNetError) as error:
        return None, f"{(str(error).strip().splitlines() or [type(error).__name__])[0]}"
    return library, None


def _library():
    """The path of the library for these sources, this compiler, this processor and this MXNet."""
    compiler = shutil.which(os.environ.get('CXX') or 'g++')
    if compiler is None:
        raise BuildError(f"there is no C++ compiler ({os.environ.get('CXX') or 'g++'})")
    mxnet = Path(mx.__file__).parent
    sources = [_FOLDER / name for name in SOURCES]
    headers = [*(_FOLDER / name for name in HEADERS), mxnet / 'include' / 'mxnet' / 'lib_api.h',
               mxnet / 'src' / 'lib_api.cc']  # which library.cc includes
    key = sha256(repr((compiler, FLAGS, mx.__version__, _compiler_version(compiler), _processor())).encode())
    for path in (*sources, *headers):
        if not path.exists():
            raise BuildError(f"{path} is missing")
        key.update(path.read_bytes())
    library = cache_dir() / 'native' / f'gluon_bn-{key.hexdigest()[:20]}.so'
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        with open(library.with_suffix('.lock'), 'w', encoding='ascii') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be building the same; it has a time limit
            if not library.exists():
                _build([compiler, *FLAGS, f'-I{mxnet / "include"}', *map(str, sources)], library)
    return library


def _build(command, library):
    """Compile to a file beside ``library`` and give it that name when it is whole."""
    failed = library.with_suffix('.failed')
    if failed.exists():
        raise BuildError(f"the compiler failed before; what it said is in {failed} (delete it to try again)")
    print("gluon_bn: building the native operators (once, up to a minute) ...", file=sys.stderr, flush=True)
    beside = library.with_suffix(f'.{os.getpid()}.tmp')
    try:
        status, said = _run([*command, '-o', str(beside)], float(os.environ.get('GLUON_BN_BUILD_SECONDS', 300)))
        if status != 0 or not beside.exists():
            failed.write_bytes(said)
            raise BuildError(f"the compiler failed with status {status}; what it said is in {failed}")
        os.replace(beside, library)
    finally:
        if beside.exists():
            beside.unlink()


def _run(command, seconds):
    """``(status, output)`` of a command that is killed, with all it started, after so many seconds."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        said, _ = process.communicate(timeout=seconds)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise BuildError(f"the compiler did not end within {seconds:g} s") from None
        raise
    return process.returncode, said


def _compiler_version(compiler):
    status, said = _run([compiler, '--version'], 20)
    if status != 0:
        raise BuildError(f"{compiler} --version failed with status {status}")
    return said


def _processor():
    """What ``-march=native`` depends on."""
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            return sorted({line for line in file if line.startswith(('model name', 'flags'))})
    except OSError:
        return platform.machine()
