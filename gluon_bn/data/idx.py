"""The IDX format of the MNIST files: a magic number, the sizes (big-endian), then one byte a value."""
import gzip
import io
import math
import struct
import zlib
from hashlib import sha256

import numpy as np

_KINDS = {2049: 'labels', 2051: 'images'}
_GZIP_MAGIC = b'\x1f\x8b'


class DataError(ValueError):
    """A data file that is missing or wrong; the message names the file and what is wrong with it."""


def read_images(path, shape=(28, 28), checksum=None):
    """The images in an IDX file, gzipped or not, as uint8 ``(n, 1, H, W)``; ``DataError`` if anything is wrong with it.

    ``checksum`` is the SHA-256 that the decompressed bytes must have, None for any.
    """
    values, (n, *found) = _read(path, 2051, checksum)
    if tuple(found) != tuple(shape):
        raise DataError(f"{path} has images of {found[0]}x{found[1]} pixels; expected {shape[0]}x{shape[1]}.")
    return values.reshape((n, 1, *shape))


def read_labels(path, num_classes=10, checksum=None):
    """The labels in an IDX file, gzipped or not, as int32 ``(n,)``; ``DataError`` if anything is wrong with it."""
    values, _ = _read(path, 2049, checksum)
    if values.max() >= num_classes:
        raise DataError(f"{path} has the label {values.max()} at index {values.argmax()}; expected 0 to "
                        f"{num_classes - 1}.")
    return values.astype(np.int32)


def _read(path, magic, checksum):
    """All values of the file as a flat uint8 array, and its sizes."""
    data = decompress(_read_bytes(path), path)
    if data[:512].lstrip()[:1] == b'<':
        raise DataError(f"{path} is a web page (HTML), not an IDX file: the download went wrong; get the file again.")
    num_sizes = magic % 256
    header = 4 * (1 + num_sizes)
    found = struct.unpack('>I', data[:4])[0] if len(data) >= 4 else None
    if found != magic:
        what = f"is an IDX file of {_KINDS[found]}" if found in _KINDS else (
            f"is no IDX file (magic number {found})" if found is not None else f"has only {len(data)} bytes")
        raise DataError(f"{path} {what}; expected {_KINDS[magic]} (magic number {magic}).")
    if len(data) < header:
        raise DataError(f"{path} ends inside its header, after {len(data)} of {header} bytes.")
    sizes = struct.unpack(f'>{num_sizes}I', data[4:header])
    expected = header + math.prod(sizes)
    if len(data) != expected:
        raise DataError(f"{path} has {len(data):,} bytes where its header ({'x'.join(map(str, sizes))}) calls for "
                        f"{expected:,}: it is {'truncated' if len(data) < expected else 'too long'}.")
    if 0 in sizes:
        raise DataError(f"{path} is empty: its header says {'x'.join(map(str, sizes))}.")
    if checksum is not None and sha256(data).hexdigest() != checksum:
        raise DataError(f"{path} is altered: the SHA-256 of its decompressed bytes is not {checksum}; get the file "
                        "again.")
    return np.frombuffer(data, np.uint8, offset=header), sizes


def _read_bytes(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def decompress(data, path):
    """The bytes ``data`` of the file ``path``, decompressed if they are gzipped; ``DataError`` if they are damaged."""
    if data[:2] != _GZIP_MAGIC:
        return data
    try:
        with gzip.open(io.BytesIO(data)) as file:
            return file.read()
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path} is a damaged or truncated gzip file ({error}).") from error
