"""CIFAR-10 in its binary format: a record is one label byte and 3,072 pixel bytes, channels first, and nothing else.

Krizhevsky: *Learning Multiple Layers of Features from Tiny Images*, 2009. The first 1,000 training and the first 500
test images come with the package; the whole set is read from a folder or the archive, or downloaded.
"""
import lzma
import tarfile
import zlib
from pathlib import Path

import numpy as np

from ..support.arguments import boolean, shown
from ..support.arguments import path as as_path
from ..support.files import cache_dir
from ..support.reading import content, unpacked_file
from .download import download
from .idx import DataError, check_sha256

_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32
_NUM_CLASSES = 10
_MOST_RECORDS = 100_000  # of a file; the published ones have 10,000
_MOST_UNPACKED = 2**29   # bytes of the archive, decompressed; the published one has 184,380,000
_FILES = {True: tuple(f'data_batch_{i}.bin' for i in range(1, 6)), False: ('test_batch.bin',)}
_ARCHIVE = 'cifar-10-binary.tar.gz'
_ARCHIVE_FOLDER = 'cifar-10-batches-bin'
_ARCHIVE_URL = 'https://www.cs.toronto.edu/~kriz/' + _ARCHIVE
_ARCHIVE_SHA256 = 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd'
_EMBEDDED = {  # the file, and the SHA-256 of its decompressed bytes
    True: ('data_batch_1.bin.gz', '1c5f9ea0fc1111d586f29115efd3db25eecf7db27b29aaebbe84721446b052cc'),
    False: ('test_batch.bin.gz', 'ba456e78b292ef2a6e366d304e587255370906951905b2e06af8e9f54f412f62')}

CLASSES = ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck')


def load_cifar10(train=True, data_dir=None):
    """CIFAR-10: ``(images uint8 (n, 3, 32, 32), labels int32 (n,))``.

    Parameters
    ----------
    train : True for the training images, False for the test images
    data_dir : None for the 1,000 training or 500 test images that come with the package; else the archive
        ``cifar-10-binary.tar.gz``, or a folder with it or with its files, gzipped or not, of up to 100,000 records each

    Raises ``DataError`` for files that are missing, truncated, of another size or with labels over 9.

    >>> images, labels = load_cifar10()
    >>> images.shape, [CLASSES[label] for label in labels[:3]]
    ((1000, 3, 32, 32), ['frog', 'truck', 'truck'])
    """
    train = boolean('train', train)
    if data_dir is None:
        name, checksum = _EMBEDDED[train]
        return read_records(Path(__file__).parent / 'cifar10' / name, checksum)
    data_dir = as_path('data_dir', data_dir, 'a folder, or of the archive')
    archive = _archive_of(data_dir)
    if archive is not None:
        parts = [_parse(data, f'{archive}:{name}') for name, data in _read_archive(archive, _FILES[train])]
    else:
        parts = [read_records(_in_folder(data_dir, name)) for name in _FILES[train]]
    images, labels = zip(*parts)
    return np.concatenate(images), np.concatenate(labels)


def download_cifar10(folder=None, context=None):
    """Download the whole of CIFAR-10 (170 MB), unless it is there; returns the archive's path, for ``data_dir``.

    ``folder`` is the user's cache folder if None. The archive appears there only when its SHA-256 is right. Raises
    ``DataError``. ``context`` is the ``ssl.SSLContext``, None for the default one.
    """
    path = (cache_dir() / 'cifar10' if folder is None else Path(folder)) / _ARCHIVE
    if not path.exists():
        download([_ARCHIVE_URL], path, _ARCHIVE_SHA256, context, as_it_is=True,
                 advice=f"get {_ARCHIVE} yourself and pass its path as data_dir.")
    return path


def cifar10_splits(data_dir=None, num_training=None, num_validation=None, num_test=None):
    """Training, validation and test images as cs231n's exercise makes them: the training images' mean is subtracted.

    Parameters
    ----------
    data_dir : as in :func:`load_cifar10`
    num_training, num_validation, num_test : int
        The first training images, the last training images, and the first test images; None for what the exercise
        takes, 1,000 validation and 1,000 test images and all other training images (49,000 of the whole set).
        The set that comes with the package is small: there all 1,000 training images train, and the 500 test images
        are divided, 250 for validation and then 250 for testing.

    Returns
    -------
    dict with ``X_train``, ``X_val``, ``X_test``, float32 ``(n, 3, 32, 32)`` in units of pixel values (0 to 255 before
    the mean image is subtracted), ``y_train``, ``y_val``, ``y_test``, int32 ``(n,)``, and ``mean_image``

    >>> data = gbn.data.cifar10_splits()
    >>> {name: len(array) for name, array in data.items() if name.startswith('X')}
    {'X_train': 1000, 'X_val': 250, 'X_test': 250}
    """
    images, labels = load_cifar10(True, data_dir)
    test_images, test_labels = load_cifar10(False, data_dir)
    if data_dir is None:
        num_validation = _count('num_validation', num_validation, 250, len(test_images) - 1)
        val = test_images[:num_validation], test_labels[:num_validation]
        test = test_images[num_validation:], test_labels[num_validation:]
        available = len(images)
    else:
        num_validation = _count('num_validation', num_validation, 1000, len(images) - 1)
        available = len(images) - num_validation
        val = images[available:], labels[available:]
        test = test_images, test_labels
    num_training = _count('num_training', num_training, available, available)
    num_test = _count('num_test', num_test, min(1000, len(test[0])), len(test[0]))

    mean_image = images[:num_training].mean(axis=0)                                # (3, 32, 32), in float64
    splits = {'train': (images[:num_training], labels[:num_training]), 'val': val,
              'test': (test[0][:num_test], test[1][:num_test])}
    result = {'mean_image': mean_image.astype(np.float32)}
    for name, (x, y) in splits.items():
        result['X_' + name] = (x - mean_image).astype(np.float32)
        result['y_' + name] = y
    return result


def read_records(path, checksum=None):
    """The images and labels of one file of the binary format, gzipped or not; ``DataError`` if anything is wrong.

    ``checksum`` is the SHA-256 that the decompressed bytes must have, None for any.
    """
    data = content(path, DataError, _MOST_RECORDS * _RECORD)
    check_sha256(data, checksum, path)
    return _parse(data, path)


def _parse(data, path):
    """The records in the bytes ``data``; ``path`` is for messages."""
    num_records, rest = divmod(len(data), _RECORD)
    if rest:
        raise DataError(f"{path} has {len(data):,} bytes, {num_records:,} records of {_RECORD:,} bytes and {rest:,} "
                        "bytes more; expected whole records (label, then 3x32x32 pixels): it is truncated, or "
                        "not a CIFAR-10 file of the binary format.")
    if not num_records:
        raise DataError(f"{path} is empty; expected records of {_RECORD:,} bytes.")
    records = np.frombuffer(data, np.uint8).reshape(num_records, _RECORD)          # (n, 1 + 3072)
    labels = records[:, 0].astype(np.int32)                                        # (n,)
    if labels.max() >= _NUM_CLASSES:
        raise DataError(f"{path} has the label {labels.max()} in record {labels.argmax()}; expected 0 to "
                        f"{_NUM_CLASSES - 1}.")
    return records[:, 1:].reshape(num_records, *_SHAPE), labels                    # (n, 3, 32, 32)


def _archive_of(path):
    """The archive that ``path`` is or holds, None if it is a folder with the files themselves."""
    if not path.exists():
        raise DataError(f"{path} does not exist; expected a folder with {_FILES[True][0]} and so on, or {_ARCHIVE}.")
    if not path.is_dir():
        return path
    archive = path / _ARCHIVE
    return archive if archive.exists() and not archive.is_dir() else None


def _read_archive(path, names):
    """The content of the files ``names`` of the archive, as (name, bytes); nothing is written to the disk."""
    found = {}
    with unpacked_file(path, DataError) as file:
        try:
            with tarfile.open(fileobj=_Limited(file, path), mode='r|') as archive:
                for member in archive:  # one after the other: nothing behind the last of the names is looked at
                    name = Path(member.name).name
                    if member.isfile() and name in names and name not in found:
                        found[name] = _read_member(archive, member, f'{path}:{name}')
                    if len(found) == len(names):
                        break
        except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise DataError(f"{path} is not a valid archive of CIFAR-10: it is truncated or damaged, or another kind "
                            f"of file ({error}).") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(f"{path} has no {', '.join(missing)}; expected the archive {_ARCHIVE}.")
    return [(name, found[name]) for name in names]


def _read_member(archive, member, name):
    if member.size > _MOST_RECORDS * _RECORD:
        raise DataError(f"{name} claims {member.size:,} bytes; expected at most {_MOST_RECORDS:,} records of "
                        f"{_RECORD:,}.")
    return archive.extractfile(member).read()


class _Limited:
    """A file that gives no more than ``_MOST_UNPACKED`` bytes: a compressed archive may hold any number."""

    def __init__(self, file, path):
        self._file, self._path, self._left = file, path, _MOST_UNPACKED

    def read(self, size):
        """Up to ``size`` bytes."""
        self._left -= size
        if self._left < 0:
            raise DataError(f"{self._path} contains more than {_MOST_UNPACKED:,} bytes; expected the archive "
                            f"{_ARCHIVE}.")
        return self._file.read(size)


def _in_folder(folder, name):
    for candidate in (folder / name, folder / f'{name}.gz', folder / _ARCHIVE_FOLDER / name):
        if candidate.exists() and not candidate.is_dir():
            return candidate
    raise DataError(f"{folder} has no {name}; expected the files {', '.join(_FILES[True] + _FILES[False])} of "
                    f"CIFAR-10's binary format, or {_ARCHIVE}.")


def _count(name, wanted, default, available):
    number = default if wanted is None else wanted
    if not (isinstance(number, (int, np.integer)) and not isinstance(number, bool) and 1 <= number <= available):
        raise DataError(f"{name} is {shown(number)}; expected a whole number from 1 to {available}, the number of "
                        "examples in the data.")
    return number
