"""A run's picture in TensorBoard: event files, written by tensorboardX (the extra ``tensorboard``).

The folder of a run holds one event file a part of the run, for example what is known before training, then one an
epoch. TensorBoard reads them in order as one run. A part is written whole or not at all, under a name made of its
number: a part that is computed again after a kill takes the place of what it was, and no point is missing or doubled.
"""
import multiprocessing
import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from matplotlib import colormaps

from ..support.extras import import_extra
from ..support.files import atomic_write, remove_leftovers, writing

BINS = 64
GREY = 128
TILE = 28  # pixels that a filter is enlarged to, at least


def part_path(folder, number):
    """The event file of part ``number``; TensorBoard reads what has ``tfevents`` in its name, in order."""
    return Path(folder) / f'events.out.tfevents.{number:010d}.part'


def working_tensorboardx():
    """The module tensorboardX; ``ImportError`` naming the extra without it, ``OSError`` where it would not work.

    Each file that it writes has a queue between processes, and that has semaphores; Linux keeps them in ``/dev/shm``.
    """
    module = import_extra('tensorboardX', 'tensorboard')
    try:
        multiprocessing.Semaphore()
    except OSError as error:
        raise OSError(f"tensorboardX needs semaphores, and this user cannot make one ({error.strerror}): leave out "
                      "--tensorboard, or let the user write in /dev/shm.") from error
    return module


@contextmanager
def event_file(folder, number):
    """Part ``number`` of the run in ``folder``: a tensorboardX ``SummaryWriter``, whose file is there after the block.

    An exception leaves the folder as it was. Raises ``ImportError`` naming the extra without tensorboardX, and
    ``OSError`` if files cannot be written.

    >>> with event_file(path, 0) as writer:
    ...     writer.add_scalar('loss', 2.3, 1)
    >>> [file.name for file in path.iterdir()]
    ['events.out.tfevents.0000000000.part']
    """
    tensorboardx = working_tensorboardx()
    with TemporaryDirectory() as elsewhere:
        with tensorboardx.SummaryWriter(elsewhere) as writer:
            yield writer
        written = b''.join(path.read_bytes() for path in Path(elsewhere).iterdir())
        with writing(folder, OSError):
            unfinished = Path(folder) / '.unfinished' / 'part'  # not named as what TensorBoard reads, at any moment
            remove_leftovers(unfinished.parent)
            with atomic_write(unfinished) as file:
                file.write(written)
            os.replace(unfinished, part_path(folder, number))
            unfinished.parent.rmdir()


def add_histograms(writer, kind, arrays, step):
    """A histogram ``kind/name`` of the finite values of each array of ``arrays`` (dict name -> NumPy array)."""
    for name, array in arrays.items():
        finite = array[np.isfinite(array)]
        if finite.size:
            writer.add_histogram(f'{kind}/{name}', finite, step, bins=BINS)


def add_filters(writer, weights, step):
    """An image ``filters`` of the first layer's weights, units first: ``(n, 1, h, w)``, or ``(n, h * h)`` if dense."""
    side = round(weights[0].size ** 0.5)
    writer.add_image('filters', filter_grid(weights.reshape(-1, side, side)), step, dataformats='HWC')


def filter_grid(filters, gap=4):
    """Filters side by side: white is 0, red above, blue below, as far as the largest absolute value of all of them.

    Parameters
    ----------
    filters : array ``(n, h, w)``
    gap : int, pixels of grey around each

    Returns
    -------
    array ``(H, W, 3)`` of uint8: a grid as square as can be, row by row; each weight is a square of pixels.

    >>> filter_grid(np.ones((20, 3, 3))).shape    # 4 rows of 5; a tile is 30 pixels and a gap of 4
    (140, 174, 3)
    """
    n, h, w = filters.shape
    zoom = -(-TILE // max(h, w))
    columns = int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    largest = np.abs(filters).max() or 1
    colours = colormaps['RdBu_r'](0.5 + 0.5 * filters / largest, bytes=True)[..., :3]                  # (n, h, w, 3)
    tiles = np.full((rows * columns, h * zoom + gap, w * zoom + gap, 3), GREY, np.uint8)
    tiles[:n, gap:, gap:] = colours.repeat(zoom, axis=1).repeat(zoom, axis=2)
    grid = tiles.reshape(rows, columns, *tiles.shape[1:]).transpose(0, 2, 1, 3, 4)
    grid = grid.reshape(rows * tiles.shape[1], columns * tiles.shape[2], 3)
    return np.pad(grid, ((0, gap), (0, gap), (0, 0)), constant_values=GREY)


def add_observation(writer, observed, step):
    """Histograms of what ``observation.observe`` gave, at ``step``, and the first layer's filters."""
    for kind, arrays in observed.items():
        add_histograms(writer, kind, arrays, step)
    add_filters(writer, observed['weights']['W1'], step)


def add_hparams(writer, hparams, metrics):
    """Begin the run's row in the HParams tab: its ``hparams`` (dict), and the tags of the scalars in ``metrics``.

    The tab shows the last value of each of these scalars. ``SummaryWriter.add_hparams`` would make another run in a
    subfolder, at every call; this is the run itself, and one row.
    """
    experiment, start, _ = import_extra('tensorboardX.summary', 'tensorboard').hparams(hparams, dict.fromkeys(metrics))
    writer.file_writer.add_summary(experiment)
    writer.file_writer.add_summary(start)


def add_end(writer):
    """Mark the run's row in the HParams tab as finished."""
    writer.file_writer.add_summary(import_extra('tensorboardX.summary', 'tensorboard').hparams({}, {})[2])
