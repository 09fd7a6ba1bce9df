"""Files that are written whole or not at all, folders that one process has for itself, and the folder for the cache."""
import os
import warnings
from contextlib import contextmanager
from pathlib import Path

from .locks import lock


@contextmanager
def atomic_write(path, mode='wb'):
    """Open a temporary file beside ``path``; it takes that name when the block ends without an exception.

    The bytes are on the disk before the name changes, so that whoever reads ``path``, at any moment and after any
    crash, finds the old file or the new one, never a part. ``OSError`` for a folder, a device or a pipe.

    >>> with atomic_write(path, 'w') as file:
    ...     _ = file.write('all of it')
    """
    path = Path(path)
    if path.exists() and not path.is_file():  # root would put a file into the place of /dev/null
        what = 'a folder' if path.is_dir() else 'a device or a pipe'
        raise OSError(f"{path} is {what}, and is left as it is; choose another name for the file.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        text = {} if 'b' in mode else {'encoding': 'utf-8', 'newline': '\n'}  # the same bytes on every system
        with open(temporary, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)  # it is missing when it could not be opened
        raise


@contextmanager
def writing(path, error):
    """Raise an ``OSError`` of the block as ``error``, with a sentence that ``path`` cannot be written.

    Nothing belongs in the block but what writes there: of another file, or of a pipe, the sentence would be wrong.

    >>> with writing('runs/1', ValueError):
    ...     raise OSError(28, 'No space left on device')
    Traceback (most recent call last):
    ValueError: runs/1 cannot be written: No space left on device.
    """
    try:
        yield
    except OSError as problem:
        raise error(f"{path} cannot be written: {problem.strerror or problem}.") from problem


class FolderInUse(RuntimeError):
    """Another process holds the folder's lock."""


@contextmanager
def folder_locked(folder):
    """Hold the folder's lock, so that two processes never do the same work in it; the kernel frees it after a kill.

    Makes the folder if need be. Raises ``FolderInUse`` at once if another process has the lock.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open(Path(folder) / '.lock', 'ab') as file:
        try:
            lock(file, wait=False)
        except BlockingIOError:
            raise FolderInUse(f"another process is at work in {folder}; wait for it, or choose another "
                              "folder.") from None
        yield


def remove_leftovers(folder):
    """Delete the temporary files that killed processes left in ``folder``."""
    for path in Path(folder).glob('.*.tmp'):
        path.unlink()


def cache_dir():
    """The folder for downloaded data: ``$GLUON_BN_CACHE``, else ``gluon_bn`` in the user's cache folder.

    Code is built below it, too, so a relative path in ``GLUON_BN_CACHE`` or ``XDG_CACHE_HOME`` does not count: what the
    current folder happens to be must not decide.
    """
    own = os.environ.get('GLUON_BN_CACHE', '')
    if os.path.isabs(own):
        return Path(own)
    if own:
        warnings.warn(f"GLUON_BN_CACHE is {own!r}, which is not an absolute path, and is not used.", RuntimeWarning,
                      stacklevel=2)
    base = os.environ.get('XDG_CACHE_HOME', '')
    return (Path(base) if os.path.isabs(base) else Path(os.path.expanduser('~')) / '.cache') / 'gluon_bn'
