"""Batches for MXNet of arrays in memory: :func:`batches`, and :func:`whole_batches` without end."""
from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING

import numpy as np

from .. import _mxnet
from ..parallel.group import part_of
from ..support import arguments
from .augmentation import shift_images

if TYPE_CHECKING:
    from mxnet import Context

# Copying to the device waits until the engine has nothing left to do, so it is done for many batches at once.
EXAMPLES_TOGETHER = 2048
LABELS = 2 ** 24  # float32, as batches have them, tells no more whole numbers apart


def batches(images: np.ndarray, labels: np.ndarray, batch_size: int, shuffle: bool = False, seed: int | None = None,
            ctx: Context | None = None, max_shift: int = 0) -> Batches:
    """An iterable of batches ``(data, label)``; each pass over it gives all examples once.

    Parameters
    ----------
    images : array uint8 ``(n, C, H, W)``
    labels : class numbers ``(n,)``, whole and at least 0: an array, a list or a pandas Series, taken by position
    batch_size : int; the last batch holds what remains
    shuffle : True for another order in each pass
    seed : int, at least 0; the same seed gives the same orders, pass by pass. None draws one from NumPy's global
        generator.
    ctx : Context of the batches; None is ``mx.current_context()``
    max_shift : int, each image is moved by up to so many pixels, fewer than it has, anew in each pass; for training

    Returns
    -------
    :class:`Batches`: ``len()`` is the number of batches, iterating gives ``data`` float32 in [0, 1] of
    ``(m, C, H, W)`` and ``label`` float32 ``(m,)``.

    Raises
    ------
    ValueError, TypeError : what came, what was expected, what to do

    Example
    -------
    >>> images, labels = np.zeros((5, 1, 28, 28), np.uint8), np.arange(5)
    >>> [label.asnumpy().tolist() for data, label in gbn.data.batches(images, labels, 2)]
    [[0.0, 1.0], [2.0, 3.0], [4.0]]
    """
    return Batches(images, labels, batch_size, shuffle, seed, ctx, max_shift)


def whole_batches(images, labels, batch_size, seed):
    """Batches of exactly ``batch_size`` without end, as :func:`batches` gives them, in a new order in each pass.

    The examples beyond the last whole batch are left out. They are on ``mx.current_context()``. Raises ``ValueError``
    if there are fewer examples than a batch has, and what :func:`batches` raises.

    >>> images, labels = np.zeros((5, 1, 28, 28), np.uint8), np.arange(5)
    >>> [len(label) for (data, label), step in zip(gbn.data.whole_batches(images, labels, 2, seed=0), range(5))]
    [2, 2, 2, 2, 2]
    """
    every = batches(images, labels, batch_size)
    n = len(every.images) // every.batch_size * every.batch_size
    if n == 0:
        raise ValueError(f"{len(every.images)} images are fewer than a batch of {batch_size}; take more, or a smaller "
                         "batch.")
    passes = batches(every.images[:n], every.labels[:n], batch_size, shuffle=True, seed=seed)
    return chain.from_iterable(repeat(passes))


class Batches:
    """What :func:`batches` returns. The order of pass ``e`` is a function of ``(seed, e)`` alone, and a batch's shifts
    of ``(seed, e)`` and where it begins, so that any pass can be gone on with from any batch: ``from_batch(e, k)``."""

    def __init__(self, images, labels, batch_size, shuffle, seed, ctx, max_shift):
        self.images = arguments.as_array('images', images, 'uint8, (n, C, H, W)')
        if self.images.dtype != np.uint8:
            raise TypeError(f"images are {self.images.dtype}; expected uint8, 0 to 255, as gbn.data.load returns them.")
        if self.images.ndim != 4 or 0 in self.images.shape[1:]:
            raise ValueError(f"images have shape {self.images.shape}; expected (n, C, H, W), with at least one value "
                             "an image: reshape them.")
        self.labels = arguments.labels('labels', labels, n=len(self.images), num_classes=LABELS)
        self.batch_size = arguments.integer('batch_size', batch_size, at_least=1)
        self.shuffle = arguments.boolean('shuffle', shuffle)
        self.max_shift = arguments.integer('max_shift', max_shift, at_least=0, at_most=min(self.images.shape[2:]) - 1,
                                           hint='an image moved by its whole size is black')
        from .._mxnet.devices import check_context  # it loads MXNet, which batches alone need of this module

        self.ctx = check_context(_mxnet.mx.current_context() if ctx is None else ctx)
        self.seed = int(np.random.randint(2**31)) if seed is None else arguments.integer('seed', seed, at_least=0)
        self._passes = 0

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __iter__(self):
        self._passes += 1
        return self.from_batch(self._passes - 1, 0)

    def from_batch(self, epoch, first, part=(0, 1)):
        """An iterator over the batches of pass ``epoch`` (from 0), beginning with batch number ``first``.

        ``part`` is ``(rank, size)``: of each batch come those rows that worker ``rank`` of ``size`` has, see
        :func:`gluon_bn.parallel.group.part_of`; where it has none, ``(None, None)``. Raises ``ValueError`` or
        ``TypeError`` for numbers that are none, or below 0.
        """
        return self._batches(arguments.integer('epoch', epoch, at_least=0),
                             arguments.integer('first', first, at_least=0, at_most=len(self)), part)

    def _batches(self, epoch, first, part):
        n, size = len(self.images), self.batch_size
        order = np.random.default_rng([self.seed, epoch]).permutation(n) if self.shuffle else np.arange(n)
        together = max(1, EXAMPLES_TOGETHER // size)
        for batch in range(first, len(self), together):
            starts = range(batch * size, min(n, (batch + together) * size), size)
            rows = [order[start:start + size] for start in starts]
            parts = [part_of(len(of_batch), *part) for of_batch in rows]
            images = np.concatenate([self._images(of_batch, mine, epoch, start)
                                     for of_batch, mine, start in zip(rows, parts, starts)])
            chosen = np.concatenate([of_batch[mine] for of_batch, mine in zip(rows, parts)])
            data, label = self._on_device(images, self.labels[chosen]) if len(chosen) else (None, None)
            begin = 0
            for mine in parts:
                end = begin + mine.stop - mine.start
                yield (data[begin:end], label[begin:end]) if end > begin else (None, None)
                begin = end

    def _images(self, rows, part, epoch, start):
        """The ``part`` of a batch that begins at ``start``. Shifts are drawn for all of it: they depend on no part."""
        if not self.max_shift:
            return self.images[rows[part]]
        return self._shifted(self.images[rows], epoch, start)[part]

    def _shifted(self, images, epoch, start):
        return shift_images(images, self.max_shift, np.random.default_rng([self.seed, epoch, start]))

    def _on_device(self, images, labels):
        # The bytes travel, and the device makes floats of them: a quarter of the memory traffic on the host.
        nd = _mxnet.nd
        data = nd.array(images, ctx=self.ctx, dtype=np.uint8).astype(np.float32) / 255
        return data, nd.array(labels, ctx=self.ctx, dtype=np.float32)
