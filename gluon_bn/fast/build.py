"""The build on first use: compiled in a folder of its own, tried, and only then put into the cache.

A library is named after all that it depends on. Beside it is its digest: a file that is not whole, or not what was
built here, is built anew.
"""
import os
import platform
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from .._mxnet import mx
from ..support.files import cache_dir
from ..support.locks import lock
from . import compiler, trust
from .compiler import BuildError

_PACKAGE = Path(__file__).resolve().parents[2]
DAY = 24 * 60 * 60  # seconds after which a build that failed is tried again


def library(target):
    """``(path, compiler)``: a library for the processor ``target`` (``'native'``: this one), built if need be."""
    words = compiler.find()
    said = compiler.version(words)
    folder = trust.own_folder(cache_dir() / 'native')
    path = folder / f'gluon_bn-{_key(words, said, target)}.so'
    if not trust.is_whole(path):
        with _locked(path.with_suffix('.lock')):  # another process may be building the same; it has a time limit
            if not trust.is_whole(path):
                _build(words, target, path)
    return path, _first_line(said)


def _key(words, said, target):
    """What the library depends on, in 20 digits."""
    mxnet = Path(mx.__file__).parent
    key = sha256(repr((words, compiler.FLAGS, compiler.ZIG_FLAGS, target, mx.__version__, said, _processor())).encode())
    for path in compiler.files(mxnet):
        key.update(path.read_bytes())
    return key.hexdigest()[:20]


def _build(words, target, path):
    """Put the library to ``path``, or the reason why there is none beside it."""
    failed = path.with_suffix('.failed')
    if failed.exists() and time.time() - failed.stat().st_mtime < DAY:  # what failed may have been a busy machine
        raise BuildError(f"the build failed before; what was said is in {failed} (delete it to try again at once)")
    seconds = compiler.seconds_allowed()
    for left in path.parent.glob(f'{path.stem}.*.tmp'):  # by a process that was killed: this one has the lock
        shutil.rmtree(left, ignore_errors=True)
    print("gluon_bn: building the native operators (once, up to a minute) ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix=f'{path.stem}.', suffix='.tmp', dir=path.parent) as private:
        try:
            _compile(words, target, Path(private), seconds)
            built = Path(private) / 'library.so'
            _try(built)
        except BuildError as error:
            failed.write_text(f'{error}\n', encoding='utf-8', errors='replace')
            raise BuildError(f"{str(error).splitlines()[0]}; what was said is in {failed}") from None
        with open(built, 'rb') as file:
            os.fchmod(file.fileno(), 0o700)
            os.fsync(file.fileno())
        os.replace(built, path)
    trust.seal(path)  # last: without it the library does not count


def _compile(words, target, private, seconds):
    built = private / 'library.so'
    status, said = compiler.run(compiler.command(words, Path(mx.__file__).parent, target, built), seconds,
                                ZIG_GLOBAL_CACHE_DIR=str(private), ZIG_LOCAL_CACHE_DIR=str(private))
    said = said.decode('utf-8', 'replace').strip()
    if status != 0:
        raise BuildError(f"the compiler failed with status {status}\n{said}")
    if built.is_symlink() or not built.is_file():
        raise BuildError(f"the compiler ended with status 0 and wrote no library\n{said}")


def _try(built):
    """Load the library in a process of its own and compute with it there: a bad one may end the process."""
    status, said = compiler.run([sys.executable, '-m', f'{__package__}.trial', str(built)], 100, GLUON_BN_NATIVE='0',
                                PYTHONPATH=os.pathsep.join([str(_PACKAGE), *filter(None, sys.path)]))
    said = said.decode('utf-8', 'replace').strip()
    if status != 0:
        raise BuildError("the library that the compiler wrote does not work "
                         f"({(said.splitlines() or [f'status {status}'])[-1]})\n{said}")


@contextmanager
def _locked(path):
    with open(path, 'w', encoding='ascii') as file:
        lock(file, wait=True)
        yield


def _first_line(said):
    line = (said.splitlines() or [''])[0].strip()
    return line if line.isprintable() else ''


def _processor():
    """What ``-march=native`` depends on."""
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            return sorted({line for line in file if line.startswith(('model name', 'flags'))})
    except OSError:
        return platform.machine()
