"""The IDX format of the MNIST files: a magic number, the sizes (big-endian), then one byte a value."""
import math
import struct
from hashlib import sha256

import numpy as np

from ..support.reading import MOST_BYTES, unpacked_file, up_to

_KINDS = {2049: 'labels', 2051: 'images'}
_TYPES = {0x08: 'unsigned bytes', 0x09: 'signed bytes', 0x0B: 'int16', 0x0C: 'int32', 0x0D: 'float32', 0x0E: 'float64'}


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
    """All values of the file as a flat uint8 array, and its sizes.

    The header is read first, and then no more bytes than it calls for.
    """
    header = 4 * (1 + magic % 256)
    with unpacked_file(path, DataError) as file:
        start = up_to(file, max(header, 512))
        sizes = _sizes(start, magic, path)
        expected = header + math.prod(sizes)
        if expected > MOST_BYTES:
            raise DataError(f"{path} has a header ({'x'.join(map(str, sizes))}) that calls for {expected:,} bytes, and "
                            f"at most {MOST_BYTES:,} are held in memory: it is truncated, damaged or too large.")
        data = start + up_to(file, max(0, expected + 1 - len(start)))
    if len(data) != expected:
        found = f"{len(data):,} bytes" if len(data) < expected else "more bytes"
        raise DataError(f"{path} has {found} where its header ({'x'.join(map(str, sizes))}) calls for {expected:,}: it "
                        f"is {'truncated' if len(data) < expected else 'too long'}.")
    if 0 in sizes:
        raise DataError(f"{path} is empty: its header says {'x'.join(map(str, sizes))}.")
    check_sha256(data, checksum, path)
    return np.frombuffer(data, np.uint8, offset=header), sizes


def check_sha256(data, checksum, path):
    """``DataError`` unless the decompressed bytes of the file ``path`` have this SHA-256, if it is not None."""
    if checksum is not None and sha256(data).hexdigest() != checksum:
        raise DataError(f"{path} is altered: the SHA-256 of its decompressed bytes is not {checksum}; get the file "
                        "again.")


def _sizes(start, magic, path):
    """The sizes in the header, with which the file begins; ``DataError`` if it is not one of the kind ``magic``."""
    if start.lstrip()[:1] == b'<':
        raise DataError(f"{path} is a web page (HTML), not an IDX file: the download went wrong; get the file again.")
    if len(start) < 4:
        raise DataError(f"{path} has only {len(start)} bytes; expected {_KINDS[magic]} (magic number {magic}).")
    found, = struct.unpack('>I', start[:4])
    if found != magic:
        raise DataError(f"{path} {_described(found)}; expected {_KINDS[magic]} (magic number {magic}).")
    header = 4 * (1 + magic % 256)
    if len(start) < header:
        raise DataError(f"{path} ends inside its header, after {len(start)} of {header} bytes.")
    return struct.unpack(f'>{magic % 256}I', start[4:header])


def _described(magic):
    """What a file with this magic number is: the third byte of an IDX file's is its type, the last its axes."""
    kind, axes = divmod(magic, 256)
    if magic in _KINDS:
        return f"is an IDX file of {_KINDS[magic]}"
    if kind not in _TYPES or axes == 0:
        return f"is not an IDX file (magic number {magic})"
    advice = '' if (kind, axes) != (0x0C, 2) else (
        " (QMNIST's labels are so: the first of its columns are the digits; write these as unsigned bytes)")
    return f"is an IDX file of {_TYPES[kind]} with {axes} {'axis' if axes == 1 else 'axes'}{advice}"
