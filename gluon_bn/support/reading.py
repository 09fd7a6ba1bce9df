"""Reading of files that may be damaged or hostile: regular files only, and no more bytes than are allowed.

A pipe or a device would make the reader wait for ever, a small gzip file can contain more bytes than there is memory,
and the header of an array can claim any size. Each function takes the class of the ``ValueError`` that it raises,
``error``; the message is one sentence that names the file.
"""
import bz2
import gzip
import io
import json
import lzma
import math
import os
import stat
import struct
import warnings
import zipfile
import zlib
from contextlib import contextmanager

import numpy as np

MOST_BYTES = 2**31  # of a data set or a checkpoint: they are held in memory whole
_LONGEST_HEADER = 10_000  # bytes of an array's header; NumPy's own have fewer than 200
_DECOMPRESSORS = {b'\x1f\x8b': lambda file: gzip.GzipFile(fileobj=file), b'BZ': bz2.BZ2File, b'\xfd7': lzma.LZMAFile}
_DAMAGED = EOFError, OSError, zlib.error, lzma.LZMAError
DAMAGED_ARCHIVE = (EOFError, OSError, ValueError, KeyError, TypeError, OverflowError, NotImplementedError,
                   RuntimeError, IndexError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


@contextmanager
def regular_file(path, error):
    """Open ``path`` for reading bytes, if it is a regular file; a pipe, a device or a folder is not even waited for."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise error(f"{path} is not a regular file; expected a file with data, not a folder, a pipe or a device.")
        # It may become a pipe this very moment: O_NONBLOCK does not wait for whoever would write into it.
        flags = os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0)
        file = os.fdopen(os.open(path, flags), 'rb')
    except (OSError, ValueError) as problem:
        if isinstance(problem, error):
            raise
        raise error(f"{path} cannot be read: {getattr(problem, 'strerror', None) or problem}.") from problem
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise error(f"{path} is not a regular file any more.")
        yield file


@contextmanager
def unpacked_file(path, error):
    """Open ``path`` for reading bytes as :func:`regular_file` does, decompressed if it is compressed.

    Whoever reads says how many bytes: a compressed file may hold any number.
    """
    with regular_file(path, error) as file:
        magic = file.read(2)
        file.seek(0)
        if magic not in _DECOMPRESSORS:
            yield file
            return
        try:
            with _DECOMPRESSORS[magic](file) as unpacked:
                yield unpacked
        except _DAMAGED as problem:
            raise error(f"{path} is a damaged or truncated {'gzip ' if magic[0] == 0x1f else 'compressed '}file "
                        f"({problem}).") from problem


def content(path, error, most=MOST_BYTES):
    """The bytes of the file ``path``, decompressed if it is compressed; ``error`` if there are more than ``most``.

    >>> with gzip.open(path, 'wb') as file:
    ...     _ = file.write(bytes(10**6))
    >>> len(content(path, ValueError))
    1000000
    """
    with unpacked_file(path, error) as file:
        too_long = os.fstat(file.fileno()).st_size > most  # as it lies there: a sparse file is not read
        data = b'' if too_long else up_to(file, most + 1)
    if too_long or len(data) > most:
        raise error(f"{path} has more than {most:,} bytes, decompressed if it is compressed: it is another kind of "
                    "file, or damaged.")
    return data


def json_of(data):
    """What the bytes ``data`` say as JSON; ``ValueError`` for what is none, and for lists in lists beyond all measure.

    A name that an object has twice is an error as well: readers differ in which value they take.

    >>> json_of(b'[1, null]')
    [1, None]
    """
    try:
        return json.loads(data.decode(), object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("lists or objects stand too deep in one another") from None


def _object(pairs):
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} occurs twice")
    return values


def up_to(file, size):
    """Up to ``size`` bytes of ``file``, fewer only at its end; memory is taken as they come, not as they are promised.
    """
    parts, missing = [], size
    while missing:
        part = file.read(min(missing, 1 << 22))
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return b''.join(parts)


def read_npz(path, error, most=MOST_BYTES, what='archive of arrays'):
    """The arrays of numbers in an ``.npz`` file that ``numpy.savez`` wrote, name -> array; nothing is unpickled.

    ``error`` for a file that is damaged, has more than ``most`` bytes, is compressed, or holds other things than arrays
    of numbers. Each array's size must be that of its bytes, which are in the file: so none takes more memory than the
    file has bytes. ``what`` the file should be is for the message.

    >>> with open(path, 'wb') as file:
    ...     np.savez(file, a=np.arange(3))
    >>> read_npz(path, ValueError)
    {'a': array([0, 1, 2])}
    """
    with regular_file(path, error) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            if size > most:
                raise ValueError(f"it has {size:,} bytes, more than {most:,}")
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                if len({member.filename for member in members}) != len(members):
                    raise ValueError("a name occurs twice")
                if sum(member.file_size for member in members) > size:
                    raise ValueError("its members claim more bytes than it has")
                return {member.filename[:-len('.npy')]: _read_member(archive, member) for member in members}
        except DAMAGED_ARCHIVE as problem:
            raise error(f"{path} is not a valid {what}: it is truncated or altered, or another kind of file "
                        f"({problem}).") from problem


def _read_member(archive, member):
    """The array in a member of an archive."""
    if not member.filename.endswith('.npy') or member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
        raise ValueError(f"{member.filename!r} is not an array, or is compressed")
    with archive.open(member) as file:
        start = file.read(12)
        major = {b'\x93NUMPY\1\0': 1, b'\x93NUMPY\2\0': 2}.get(start[:8]) if len(start) == 12 else None
        if major is None:
            raise ValueError(f"{member.filename!r} is not an array")
        length = int.from_bytes(start[8:10] if major == 1 else start[8:12], 'little')
        if not 10 <= length <= _LONGEST_HEADER:
            raise ValueError(f"the header of {member.filename!r} has {length} bytes")
        header = start[8:] + file.read(length - (2 if major == 1 else 0))
        shape, in_columns, dtype = _described(header, major)
        if dtype.kind not in 'biufc' or min(shape, default=0) < 0:
            raise ValueError(f"{member.filename!r} is of type {dtype} and shape {shape}")
        size = math.prod(shape) * dtype.itemsize
        if 8 + len(header) + size != member.file_size:
            raise ValueError(f"{member.filename!r} has {member.file_size} bytes, and {shape} of {dtype} do not")
        values = np.frombuffer(bytearray(file.read(size)), dtype)
        if file.read(1):  # also: at the end the sum of all bytes is checked
            raise ValueError(f"{member.filename!r} continues after its end")
        return values.reshape(shape, order='F' if in_columns else 'C')


def _described(header, major):
    """Shape, order and type of an array, as version ``major`` of NumPy's header says; ``ValueError`` if it does not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # NumPy warns of a header that it has to read twice
            return getattr(np.lib.format, f'read_array_header_{major}_0')(io.BytesIO(header))
    except Exception as error:  # NumPy parses it as Python: that raises SyntaxError, TokenError, MemoryError and others
        raise ValueError(f"a header cannot be read: {type(error).__name__}") from error
