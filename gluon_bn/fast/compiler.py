"""The C++ compiler: which one there is, what it is told, and how long and how much it may work.

This needs the standard library alone, and no MXNet: ``scripts/build_wheel.sh`` takes it, too.
"""
import collections
import importlib.util
import math
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / 'src'
SOURCES = ('library.cc', 'layer.cc', 'moving.cc', 'block.cc', 'dense.cc', 'loss.cc', 'update.cc', 'launch.cc',
           'ranks.cc', 'kmpc.cc')
HEADERS = ('common.h', 'passes.h', 'convolution.h', 'halves.h', 'ranks.h', 'shared_loop.h', 'openmp/omp.h',
           'exports.map')
# -ffp-contract=fast, GCC's default: a product and a sum are rounded once where the processor can. What is compiled once
# rounds the same way ever after, so each library's results are the same bits from run to run.
FLAGS = ('-O3', '-ffp-contract=fast', '-fopenmp', '-shared', '-fPIC', '-std=c++11', '-s', '-Wl,-z,defs',
         f'-Wl,--version-script={FOLDER / "exports.map"}')
ZIG_FLAGS = ('-target', 'x86_64-linux-gnu.2.17', '-fno-sanitize=undefined', '-w', '-Wl,--gc-sections',
             f'-I{FOLDER / "openmp"}')
NO_COMPILER = "there is no C++ compiler"
SECONDS = 300
_LIMITS = 'ulimit -t "$0"; ulimit -f 1048576; exec "$@"'  # seconds of processor time, and files of at most 512 MB
_MOST_SECONDS = 10**9  # that a shell knows as a limit


class BuildError(Exception):
    """Why there is no library; the message is the end of a sentence."""


def find():
    """The compiler's words: ``$CXX``, else ``g++``, else the one of the package ``ziglang`` if that is installed."""
    chosen = os.environ.get('CXX', '').strip()
    if not chosen:
        if shutil.which('g++'):
            return [shutil.which('g++')]
        if importlib.util.find_spec('ziglang'):
            return [sys.executable, '-m', 'ziglang', 'c++']
        raise BuildError(f"{NO_COMPILER} (g++); with one, training LeNet takes about a quarter of the "
                         "processor time: install g++, or the one from PyPI, "
                         f"{shlex.quote(sys.executable)} -m pip install ziglang")
    try:
        words = [chosen] if shutil.which(chosen) else shlex.split(chosen)
    except ValueError as error:
        raise BuildError(f"CXX is {chosen!r}, which is no command ({error})") from None
    program = shutil.which(words[0])
    if program is None:
        raise BuildError(f"{NO_COMPILER} ({words[0]})")
    return [program, *words[1:]]


def version(compiler):
    """What the compiler says of itself."""
    status, said = run([*compiler, '--version'], 20)
    if status != 0:
        raise BuildError(f"{' '.join(compiler)} --version failed with status {status}")
    return said.decode('utf-8', 'replace')


def command(compiler, mxnet, target, output):
    """The words that make the library for the processor ``target``, a name as in GCC's ``-march``."""
    sources = [str(FOLDER / name) for name in SOURCES]  # library.cc includes MXNet's own lib_api.cc
    if 'ziglang' in compiler:
        processor = [*ZIG_FLAGS, f"-mcpu={target.replace('-', '_')}"]
    else:
        processor = [f'-march={target}']
    return [*compiler, *FLAGS, *processor, f'-I{Path(mxnet) / "include"}', *sources, '-o', str(output)]


def files(mxnet):
    """What the library is made of; ``mxnet`` is the folder of the installed package, whose interface is among it."""
    mxnet = Path(mxnet)
    found = [*(FOLDER / name for name in (*SOURCES, *HEADERS)), mxnet / 'src' / 'lib_api.cc',
             mxnet / 'include' / 'mxnet' / 'lib_api.h']
    for path in found:
        if not path.is_file():
            raise BuildError(f"{path} is missing")
    return found


def seconds_allowed():
    """How long a build may take: ``$GLUON_BN_BUILD_SECONDS``."""
    value = os.environ.get('GLUON_BN_BUILD_SECONDS', '').strip()
    try:
        seconds = float(value) if value else SECONDS
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise BuildError(f"GLUON_BN_BUILD_SECONDS is {value!r}, and it must be a number of seconds, such as {SECONDS}")
    return seconds


def run(words, seconds, **variables):
    """``(status, the end of what it said)`` of a command that is killed, with all it started, after so many seconds.

    It may write no file of more than 512 MB, and has so much processor time, also when this process is killed.
    """
    limited = ['/bin/sh', '-c', _LIMITS, str(math.ceil(min(seconds, _MOST_SECONDS)) + 1), *words]
    try:
        process = subprocess.Popen(limited, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True, env={**os.environ, **variables})
    except OSError as error:
        raise BuildError(f"{words[0]} cannot be started ({error.strerror})") from None
    said = collections.deque(maxlen=64)  # the last 256 KB

    def read():
        with process.stdout as stream:
            said.extend(iter(lambda: stream.read1(4096), b''))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        status = process.wait(seconds)
        reader.join(1)
        if reader.is_alive():  # something that it started lives on
            _end(process)
    except BaseException as error:
        _end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise BuildError(f"{Path(words[0]).name} did not end within {seconds:g} s") from None
        raise
    finally:
        reader.join(1)
    return status, b''.join(said)


def _end(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
