"""Locks between processes that hold on every system: the kernel frees them when their process ends, or is killed."""
import os
import time
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows has msvcrt instead; a browser has neither, and one process alone
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:
    msvcrt = None  # type: ignore[assignment]

_SECONDS_BETWEEN_TRIES = 0.1


def lock(file, wait):
    """Lock the open ``file`` until it is closed; ``BlockingIOError`` if another has it and ``wait`` is false."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    elif msvcrt is not None:
        _lock_on_windows(file, wait)


@contextmanager
def locked_alone(path):
    """Wait until nobody else is in such a block with the same ``path``; the file is there only for that time.

    >>> with locked_alone(path):
    ...     path.exists()
    True
    >>> path.exists()
    False
    """
    while True:
        with open(path, 'ab') as file:
            lock(file, wait=True)
            if not _has_the_name(file, path):
                continue  # the one before has deleted the file that this one was waiting for
            try:
                yield
            finally:
                try:
                    os.unlink(path)
                except OSError:  # Windows keeps what somebody has open: then the empty file stays
                    pass
            return


def _has_the_name(file, path):
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _lock_on_windows(file, wait):
    """The first byte, in a file of which nobody needs the content: nobody else can read it meanwhile."""
    while True:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            if not wait:
                raise BlockingIOError("another process has the lock") from None
            time.sleep(_SECONDS_BETWEEN_TRIES)
        else:
            return
