"""The data sets by name: where their files are, what their checksums are, and :func:`load`."""
from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..support.arguments import boolean, shown
from ..support.arguments import path as as_path
from ..support.files import cache_dir
from .cifar10 import load_cifar10
from .download import download
from .idx import DataError, read_images, read_labels

if TYPE_CHECKING:
    import numpy as np

_FILES = {True: ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte'),
          False: ('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte')}


class Source(NamedTuple):
    """The four files of a data set in the MNIST format: what they are, and where they may be."""

    sha256: dict[str, str]         # of the decompressed bytes: mirrors compress anew, and then the .gz differs
    folder: Path                   # where they are on this machine, if there is such a folder
    mirrors: tuple[str, ...] = ()  # else they are downloaded from the first of these that has them, gzipped


SOURCES = {  # a row is all that a further one needs
    'mnist': Source({
        'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
        'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
        't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
        't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
    }, Path(__file__).parent / 'mnist'),
    'fashion-mnist': Source({
        'train-images-idx3-ubyte': 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
        'train-labels-idx1-ubyte': 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
        't10k-images-idx3-ubyte': '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
        't10k-labels-idx1-ubyte': '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
    }, Path('/usr/share/datasets/fashion-mnist'), (  # Debian's package dataset-fashion-mnist
        'https://storage.googleapis.com/tensorflow/tf-keras-datasets/',
        'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
        'https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/',
    )),
}
MNIST_LIKE = tuple(SOURCES)
DATASETS = (*MNIST_LIKE, 'cifar-10')


def load(name: str, train: bool = True,
         data_dir: str | os.PathLike[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A whole data set: ``(images uint8 (n, C, H, W), labels int32 (n,))``.

    Parameters
    ----------
    name : 'mnist' (comes with the package), 'fashion-mnist', or 'cifar-10' ('cifar10' as well), of which 1,000
        training and 500 test images come with the package
    train : True for the training examples (60,000 of MNIST), False for the test examples (10,000)
    data_dir : a folder with files of the same names and format, gzipped or not, to read instead; for CIFAR-10 also the
        archive, which :func:`gluon_bn.data.download_cifar10` brings. Without it Fashion-MNIST is read from Debian's
        package ``dataset-fashion-mnist``, or from the user's cache folder, into which it is downloaded if need be.

    Raises
    ------
    ValueError, TypeError : an unknown name, or none
    DataError : a file that is missing or wrong (a ``ValueError`` as well); the message names it

    Example
    -------
    >>> images, labels = gbn.data.load('mnist', train=False)
    >>> images.shape, str(images.dtype), labels[:5].tolist()
    ((10000, 1, 28, 28), 'uint8', [7, 2, 1, 0, 4])
    """
    boolean('train', train)
    if not isinstance(name, str):
        raise TypeError(f"name is {shown(name)}; expected the name of a data set, one of {', '.join(DATASETS)}.")
    if data_dir is not None:
        data_dir = as_path('data_dir', data_dir, 'a folder')
    if name in ('cifar-10', 'cifar10'):
        return load_cifar10(train, data_dir)
    if name not in SOURCES:
        raise ValueError(f"there is no data set {name!r}; expected one of {', '.join(DATASETS)}.")
    (images_path, images_sum), (labels_path, labels_sum) = (
        _locate(name, file, data_dir) for file in _FILES[bool(train)])
    images = read_images(images_path, checksum=images_sum)
    labels = read_labels(labels_path, checksum=labels_sum)
    if len(images) != len(labels):
        raise DataError(f"{labels_path} has {len(labels):,} labels and {images_path} {len(images):,} images; "
                        "expected one label an image: these files do not belong together.")
    return images, labels


def _locate(name, file, data_dir):
    """The path of a file, and the SHA-256 it must have (None in the user's own folder: any content of the format)."""
    if data_dir is not None:
        return _in_folder(data_dir, file), None
    sha256, folder, mirrors = SOURCES[name]
    if folder.is_dir() or not mirrors:
        return _in_folder(folder, file), sha256[file]
    path = cache_dir() / name / f'{file}.gz'
    if not path.exists():
        download([mirror + f'{file}.gz' for mirror in mirrors], path, sha256[file])
    return path, sha256[file]


def _in_folder(folder, file):
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; expected one with {file} or {file}.gz in it.")
    names = file, file.replace('-idx', '.idx')
    # The last two are how one well-known archive unpacks: each file in a folder of its own name.
    for candidate in (folder / f'{file}.gz', *(folder / name for name in names), *(folder / n / n for n in names)):
        if candidate.exists() and not candidate.is_dir():
            return candidate
    raise DataError(f"{folder} has neither {file} nor {file}.gz; expected the four files of the MNIST format.")
