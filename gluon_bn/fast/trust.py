"""Trust in code that lies on a disk: only the user can have written it, and it is whole.

Whoever can write a file that is loaded, or a folder above it, can run code as the user. So a folder for libraries is
used when it is the user's own and closed to others, and nobody but the user and root can put another one in its place.
"""
import os
import stat
from hashlib import sha256

from ..support.files import atomic_write


class Untrusted(Exception):
    """Why something is not used; the message is the end of a sentence."""


def own_folder(path):
    """Make the folder if need be and return its real path, which only this user can write to."""
    if not path.is_absolute():
        raise Untrusted(f"the folder {path} is not an absolute path")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    path = path.resolve()
    if not path.is_dir():
        raise Untrusted(f"{path} is not a folder")
    _check_own(path)
    for parent in path.parents:
        found = parent.stat()
        if found.st_uid not in (0, os.getuid()):
            raise Untrusted(f"{path} is not safe: {parent} belongs to another user (set GLUON_BN_CACHE to a folder of "
                            "your own)")
        if _open_to_others(found) and not found.st_mode & stat.S_ISVTX:  # in /tmp others cannot rename it
            raise Untrusted(f"{path} is not safe: others may write to {parent} (chmod go-w '{parent}')")
    return path


def is_whole(library):
    """Whether there is such a file of the user's own with the content that :func:`seal` saw."""
    try:
        for path in (library, digest_file(library)):
            _check_own(path)
        return digest_file(library).read_text(encoding='ascii', errors='replace').strip() == digest(library)
    except FileNotFoundError:
        return False


def seal(library):
    """Note the library's digest beside it."""
    with atomic_write(digest_file(library), 'w') as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(digest(library) + '\n')


def digest(path):
    """The SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


def digest_file(library):
    """Where a library's digest is."""
    return library.with_name(library.name + '.sha256')


def _check_own(path):
    found = path.lstat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise Untrusted(f"{path} is neither a file nor a folder")
    if found.st_uid != os.getuid():
        raise Untrusted(f"{path} belongs to another user (set GLUON_BN_CACHE to a folder of your own)")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Untrusted(f"others may write to {path} (chmod go-w '{path}')")


def _open_to_others(found):
    """Whether others than the owner may write there. A group with the user's own number has no other member."""
    return bool(found.st_mode & stat.S_IWOTH
                or found.st_mode & stat.S_IWGRP and not found.st_gid == os.getuid() == os.getgid())
