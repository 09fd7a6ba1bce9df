"""MXNet's files of arrays, ``.params``, read and written in NumPy alone, as ``nd.load`` and ``nd.save`` do.

Such a file is a list of records and a list of their names, little-endian (MXNet's src/ndarray/ndarray.cc):

================ =============================================================================
uint64, uint64   0x112, and 0
uint64           how many arrays; then a record for each
uint64           how many names, none or as many; then each as its length (uint64) and UTF-8
================ =============================================================================

A record begins with 32 bits that say what follows. 0xF993FAC9 is the form of MXNet 0.12 and later; 0xF993FACA the same,
written while shapes could be as NumPy's are, without axes or with a size of 0; 0xF993FAC8 is that of MXNet 0.11. Before
that, the number of axes stood there.
"""
from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .support.arguments import as_array, shown
from .support.arguments import path as as_path
from .support.files import atomic_write
from .support.reading import MOST_BYTES, regular_file

if TYPE_CHECKING:
    from typing import Any, Union

    Array = Union[np.ndarray, 'RowSparse', 'CSR']

_LIST, _V1, _V2, _V3 = 0x112, 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_TYPES = {0: '<f4', 1: '<f8', 2: '<f2', 3: 'u1', 4: '<i4', 5: 'i1', 6: '<i8', 7: '?'}
_LATER_TYPES = {8: '<i2', 9: '<u2', 10: '<u4', 11: '<u8'}  # of MXNet 2: read, but MXNet 1 would not read them
_BOOL, _BFLOAT16 = 7, 12
_CODES = {np.dtype(name): code for code, name in _TYPES.items()}
_DENSE, _ROW_SPARSE, _CSR = 0, 1, 2
_MOST_AXES = 32  # of NumPy's arrays before 2.0
_CPU = struct.pack('<ii', 1, 0)  # kind and number of the device an array was on
_DEVICES = range(1, 7)


class RowSparse(NamedTuple):
    """An array of which only some rows are not zero: row ``indices[i]`` is ``data[i]``."""

    shape: tuple[int, ...]
    indices: np.ndarray
    data: np.ndarray


class CSR(NamedTuple):
    """A matrix by compressed rows: row i has ``data[indptr[i]:indptr[i + 1]]`` in the columns ``indices`` there."""

    shape: tuple[int, ...]
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray


def load(path: str | os.PathLike, most: int = MOST_BYTES) -> dict[str, Array] | list[Array]:
    """The arrays in a file that MXNet wrote: a dict name -> array, or a list where they have no names.

    Dense ones are NumPy arrays, sparse ones :class:`RowSparse` and :class:`CSR`, of which :func:`dense` makes NumPy
    arrays. bfloat16 becomes float32, which holds the same numbers. Names keep their ``arg:`` and ``aux:``. On which
    device an array was does not matter. An empty file of either kind is ``[]``, as it is for MXNet.

    Parameters
    ----------
    path : of a regular file
    most : int, bytes that the file may have at most; no array takes more memory than it has bytes in the file

    Raises ``ValueError``, in one sentence, for a file that is missing, damaged, truncated, or another kind of file.

    >>> save(path, {'arg:conv0_weight': np.ones((8, 1, 3, 3), 'float32')})
    >>> {name: array.shape for name, array in load(path).items()}
    {'arg:conv0_weight': (8, 1, 3, 3)}
    """
    with regular_file(as_path('path', path), ValueError) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"{path} has {size:,} bytes, more than {most:,}: pass most={size} if it is meant.")
        try:
            return _Reader(file, size).everything()
        except (_Damaged, OSError, MemoryError) as problem:
            raise ValueError(f"{path} is not a file of arrays that MXNet wrote, or is damaged: "
                             f"{str(problem) or 'it needs more memory than there is'}.") from problem


def save(path: str | os.PathLike, arrays: Mapping[str, Array] | list[Array] | Array) -> None:
    """Write ``arrays``, a dict name -> array, a list, or one array, as MXNet's ``nd.save`` does, byte for byte.

    The file is written whole or not at all. Types are those of MXNet 1: float16 to float64, int8, uint8, int32, int64
    and bool. If an array has no axes or a size of 0, the records are in the form that MXNet writes and reads under
    ``mx.util.np_shape()``; sparse arrays cannot be in such a file.

    Raises ``TypeError`` or ``ValueError``, in one sentence, for what MXNet could not read; nothing is written then.

    >>> save(path, [np.arange(3)])
    >>> load(path)
    [array([0, 1, 2])]
    """
    path = as_path('path', path)
    names = list(arrays) if isinstance(arrays, Mapping) else []
    values: list[Any] = list(arrays.values()) if isinstance(arrays, Mapping) else (
        list(arrays) if type(arrays) in (list, tuple) else [arrays])
    encoded = [_encoded(name) for name in names]
    values = [_writable(names[i] if names else f"array {i}", value) for i, value in enumerate(values)]
    shapes_like_numpy = any(0 in value.shape or not value.shape for value in values)
    if shapes_like_numpy and any(not isinstance(value, np.ndarray) for value in values):
        raise ValueError("arrays has sparse arrays, and arrays without axes or with a size of 0; MXNet does not write "
                         "both into one file: write two.")
    with atomic_write(path) as file:
        file.write(struct.pack('<3Q', _LIST, 0, len(values)))
        for value in values:
            for part in _record(value, _V3 if shapes_like_numpy else _V2):
                file.write(part)
        file.write(struct.pack('<Q', len(encoded)))
        for name in encoded:
            file.write(struct.pack('<Q', len(name)) + name)


def dense(array: Array) -> np.ndarray:
    """A dense or sparse array of :func:`load` as a NumPy array; ``ValueError`` if it had more than 2 GiB.

    >>> dense(RowSparse((3, 2), np.array([1]), np.array([[5., 6.]])))
    array([[0., 0.],
           [5., 6.],
           [0., 0.]])
    """
    if isinstance(array, np.ndarray):
        return array
    if math.prod(array.shape) * array.data.itemsize > MOST_BYTES:
        raise ValueError(f"a sparse array has the shape {array.shape}, and would take more than {MOST_BYTES:,} bytes "
                         "as a dense one; work with its values.")
    full = np.zeros(array.shape, array.data.dtype)
    if isinstance(array, RowSparse):
        full[array.indices] = array.data
    else:
        full[np.repeat(np.arange(array.shape[0]), np.diff(array.indptr)), array.indices] = array.data
    return full


class _Damaged(ValueError):
    """What is wrong with a file, without its name."""


class _Reader:
    """Reads the parts of a file one after the other, and never more than it still has."""

    def __init__(self, file, size):
        self.file, self.left, self.what = file, size, "its beginning"

    def everything(self):
        """All arrays: a dict, or a list."""
        if self.numbers('Q')[0] != _LIST:
            self.file.seek(0)
            raise _Damaged(_kind(self.file.read(8)))
        self.numbers('Q')
        count, = self.numbers('Q')
        arrays = []
        while len(arrays) < count:  # a count may be any number: the file ends before memory does
            self.what = f"array {len(arrays)} of {count}"
            arrays.append(self.record())
        self.what = "the names"
        number, = self.numbers('Q')
        if number not in (0, count):
            raise _Damaged(f"it has {count} arrays and {number} names")
        names = [self.name() for _ in range(number)]
        if self.left:
            raise _Damaged(f"{self.left:,} bytes follow after its end")
        if len(set(names)) != len(names):
            raise _Damaged("two arrays have the same name")
        return dict(zip(names, arrays)) if number else arrays

    def record(self):
        """One array."""
        magic, = self.numbers('I')
        if magic not in (_V2, _V3):
            shape = self.shape() if magic == _V1 else self.numbers('I' * self.axes(magic))
            if not shape:
                raise _Damaged(f"{self.what} has no values: MXNet wrote it before it had a shape")
            return self.array(self.header(), shape)
        storage, = self.numbers('i')
        if storage not in (_DENSE, _ROW_SPARSE, _CSR):
            raise _Damaged(f"{self.what} is stored in a way {storage} that MXNet does not have")
        if storage:  # the shape of the values: MXNet may write it before they are there, and it says nothing new
            self.shape()
        shape = self.shape()
        code = self.header()
        if not storage:
            return self.array(code, shape)
        # As many index arrays as the number of the storage: their types and shapes, then all values.
        parts = [(self.numbers('i')[0], self.shape()) for _ in range(storage)]
        number = parts[-1][1]  # as many values as the last of them has, or as many rows
        data = self.array(code, number + shape[1:] if storage == _ROW_SPARSE else number)
        indices = [self.array(*part) for part in parts]
        return self.sparse(RowSparse if storage == _ROW_SPARSE else CSR, shape, indices, data)

    def sparse(self, kind, shape, indices, data):
        """A sparse array whose parts fit together."""
        array = kind(shape, *indices, data)
        if not _fits(array):
            raise _Damaged(f"{self.what} is a sparse array of shape {shape} whose parts do not fit together")
        return array

    def header(self):
        """The type that stands behind a shape; between the two, the device."""
        device, _, code = self.numbers('3i')
        if device not in _DEVICES:
            raise _Damaged(f"{self.what} was on a device of kind {device}, which there is not")
        return code

    def array(self, code, shape):
        """The values of an array of the type ``code``."""
        name = '<u2' if code == _BFLOAT16 else {**_TYPES, **_LATER_TYPES}.get(code)
        if name is None:
            raise _Damaged(f"{self.what} has the type {code}, which MXNet does not have")
        dtype = np.dtype(name)
        size = math.prod(shape) * dtype.itemsize
        if size > self.left:
            raise _Damaged(f"{self.what} has the shape {shape} and the type {dtype.name}, {size:,} bytes, and the file "
                           f"has {self.left:,} more: it is truncated")
        try:
            values = np.empty(shape, dtype)
        except ValueError as error:  # 0 times more than there can be
            raise _Damaged(f"{self.what} has the shape {shape}") from error
        self.left -= size
        if size and self.file.readinto(values.reshape(-1).view('u1')) != size:
            raise _Damaged(f"{self.what} ends too early")
        if code == _BFLOAT16:
            return (values.astype('<u4') << 16).view('<f4')
        return values.view('u1') != 0 if code == _BOOL else values  # a bool that is neither 0 nor 1 is none

    def shape(self):
        """A shape: 32 bits for the number of axes, 64 for each."""
        shape = self.numbers('q' * self.axes(self.numbers('i')[0]))
        if min(shape, default=0) < 0:
            raise _Damaged(f"{self.what} has the shape {shape}")
        return shape

    def axes(self, number):
        """The number of axes, if an array can have it."""
        if not 0 <= number <= _MOST_AXES:
            raise _Damaged(f"{self.what} has {number} axes; there can be 0 to {_MOST_AXES}")
        return number

    def name(self):
        """The name of an array."""
        length, = self.numbers('Q')
        try:
            return self.bytes(length).decode()
        except UnicodeDecodeError as error:
            raise _Damaged("a name is no UTF-8") from error

    def numbers(self, form):
        """Numbers as ``struct`` has them."""
        return struct.unpack(f'<{form}', self.bytes(struct.calcsize(f'<{form}')))

    def bytes(self, size):
        """The next bytes of the file."""
        if size > self.left:
            raise _Damaged(f"it ends in {self.what}")
        self.left -= size
        data = self.file.read(size)
        if len(data) != size:  # somebody shortens the file just now
            raise _Damaged(f"it ends in {self.what}")
        return data


def _fits(array):
    """Whether the parts of a sparse array are one: as many values as indices, and none outside of the shape."""
    shape, *indices, data = array
    if any(part.dtype.kind != 'i' or part.ndim != 1 for part in indices):
        return False
    if isinstance(array, RowSparse):
        rows, = indices
        return data.shape == (len(rows), *shape[1:]) and _within(rows, shape[0] if shape else 0)
    indptr, columns = indices
    return (len(shape) == 2 and data.shape == columns.shape and _within(columns, shape[1])
            and len(indptr) in (0, shape[0] + 1) and (np.diff(indptr) >= 0).all()
            and (len(indptr) == 0 or (indptr[0], indptr[-1]) == (0, len(data))))


def _within(indices, size):
    return len(indices) == 0 or (indices.min() >= 0 and indices.max() < size)


def _kind(start):
    """What a file is that begins with these bytes."""
    if start[:2] == b'PK':
        return "it is a zip archive, as numpy.savez and MXNet 2 write: numpy.load reads it"
    if start[:1] == b'<':
        return "it is a web page (HTML): the download went wrong; get the file again"
    if start[:8] == struct.pack('<Q', 0xF7E58D4F05049CB7):
        return "it is TVM's"
    if start[:8] == b'version ':
        return "it is a pointer of Git LFS: get the file itself with git lfs pull"
    return f"it begins with {start.hex()}"


def _encoded(name):
    if not isinstance(name, str):
        raise TypeError(f"the name of an array is {shown(name)}; expected a string.")
    if '\0' in name:
        raise ValueError(f"the name {name!r} contains a null character; MXNet's names end there.")
    return name.encode()


def _writable(name, value):
    """``value`` as it is written: an array of a type that MXNet has, in this order of bytes, row by row."""
    if isinstance(value, (RowSparse, CSR)):
        return _writable_sparse(name, value)
    array = as_array(name, value, "numbers of a type that MXNet has")
    return np.ascontiguousarray(array, _type_of(name, array)).reshape(array.shape)


def _writable_sparse(name, value):
    parts = [np.ascontiguousarray(part, _type_of(name, np.asarray(part))) for part in value[1:]]
    shape = tuple(int(size) for size in value.shape)
    array = type(value)(shape, *parts)
    if not _fits(array):
        raise ValueError(f"{name} is a sparse array of shape {shape} whose parts do not fit together; expected whole "
                         "numbers within the shape as indices, and values for each of them.")
    return array


def _type_of(name, array):
    """The type that ``array`` has in the file; ``TypeError`` if MXNet has none."""
    dtype = array.dtype.newbyteorder('<')
    if dtype not in _CODES:
        raise TypeError(f"{name} is of type {array.dtype}; MXNet has {', '.join(d.name for d in _CODES)}: convert it.")
    return dtype


def _record(value, magic):
    """The parts of the record of an array, as bytes."""
    if isinstance(value, np.ndarray):
        yield struct.pack('<Ii', magic, _DENSE) + _shape(value.shape) + _CPU + struct.pack('<i', _CODES[value.dtype])
        yield memoryview(value).cast('B') if value.size else b''
        return
    *indices, data = value[1:]
    yield struct.pack('<Ii', magic, _CSR if isinstance(value, CSR) else _ROW_SPARSE) + _shape(data.shape)
    yield _shape(value.shape) + _CPU + struct.pack('<i', _CODES[data.dtype])
    for part in indices:
        yield struct.pack('<i', _CODES[part.dtype]) + _shape(part.shape)
    for part in (data, *indices):
        yield part.tobytes()


def _shape(shape):
    return struct.pack(f'<i{len(shape)}q', len(shape), *shape)
