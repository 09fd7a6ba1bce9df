"""The multilayer perceptron on MNIST, in a folder: curves, frames and numbers. The script ``train_mlp.py`` calls it."""
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional, Tuple

import numpy as np

from .. import data
from ..reference.mlp import INITIALIZATIONS, MLP
from ..support.arguments import integer, sizes
from ..support.command_line import folder, number, whole_number
from ..support.files import atomic_write
from ..support.markdown import markdown_table
from ..support.options import Kind, check_options, choice, option, real, text, whole
from .curves import save_history
from .live import LivePlot

NUM_DEV = 5000  # the last training images choose the epoch, so that the test images have no part in it


def _hidden_sizes(name, value):
    return tuple(sizes(name, value))


def _number_or_none(value):
    return None if value == 'none' else number(value)


@dataclass(frozen=True)
class Config:
    """What a run computes."""

    dataset: str = option('mnist', choice(*data.MNIST_LIKE), "(default: {})")
    data_dir: Optional[str] = option(None, text('a folder, or None'),
                                     "folder with files of the MNIST format, gzipped or not", type=folder,
                                     metavar='DIR')
    hidden: Tuple[int, ...] = option((25, 10), Kind(_hidden_sizes, {'type': whole_number, 'nargs': '*'}),
                                     "units of the hidden layers (default: {})", metavar='N')
    epochs: int = option(1000, whole(at_least=1), "(default: {})", metavar='N')
    batch_size: int = option(1000, whole(at_least=2), "(default: {})", metavar='N')
    lr: float = option(0.03, real(above=0), "learning rate of Adam (default: {})")
    momentum: Optional[float] = option(
        0.9, real(at_least=0, at_most=1, hint='or none'),
        "weight of the old value in the statistics, or none for their mean over all batches (default: {})",
        optional=True, type=_number_or_none, metavar='M')
    init: str = option('he', choice(*INITIALIZATIONS), "of the weights (default: {})")
    seed: int = option(0, whole(at_least=0, at_most=2**31 - 1), "(default: {})")
    limit: Optional[int] = option(None, whole(at_least=2), "use the first N training images (default: all)",
                                  metavar='N')

    def __post_init__(self):
        check_options(self)


def splits(dataset='mnist', data_dir=None, limit=None):
    """MNIST as ``MLP.fit`` takes it: 'train', 'dev' and 'test' -> (X float32 ``(n, 784)`` in [0, 1], y int32 ``(n,)``).

    dev is the last 5,000 training images; ``limit`` keeps the first training images of the others.

    >>> {part: X.shape for part, (X, y) in splits(limit=1000).items()}
    {'train': (1000, 784), 'dev': (5000, 784), 'test': (10000, 784)}
    """
    images, labels = data.load(dataset, True, data_dir)
    test_images, test_labels = data.load(dataset, False, data_dir)
    if len(images) < NUM_DEV + 2:
        raise data.DataError(f"there are {len(images):,} training images; expected at least {NUM_DEV + 2:,}, of which "
                             f"{NUM_DEV:,} choose the epoch.")
    if limit is not None and integer('limit', limit, at_least=2) > len(images) - NUM_DEV:
        raise ValueError(f"limit is {limit}; expected at most the {len(images) - NUM_DEV} training images.")
    parts = {'train': (images[:-NUM_DEV][:limit], labels[:-NUM_DEV][:limit]),
             'dev': (images[-NUM_DEV:], labels[-NUM_DEV:]), 'test': (test_images, test_labels)}
    return {part: ((X.reshape(len(X), -1) / np.float32(255)).astype(np.float32), y) for part, (X, y) in parts.items()}


def train(config, folder, report=print):
    """Train as ``config`` says and write ``result.json``, ``curves.png`` and ``frames/`` to ``folder``.

    Returns the result: ``best_epoch`` (from 0, by dev accuracy), the six metrics there and in the last epoch,
    ``seconds``, the configuration, and the history. Raises ``DataError``, ``ValueError``, ``FloatingPointError``.
    """
    folder, parts = Path(folder), splits(config.dataset, config.data_dir, config.limit)
    net = MLP([parts['train'][0].shape[1], *config.hidden, 10], config.init, config.momentum, seed=config.seed)
    title = (f"MLP {'-'.join(str(units) for units in config.hidden)} with batch norm on {config.dataset}, "
             f"batch {config.batch_size}, learning rate {config.lr:g}, seed {config.seed}")
    began = time.perf_counter()
    history = net.fit(parts, config.epochs, config.batch_size, config.lr, config.seed,
                      live=LivePlot(folder / 'frames', every=max(1, config.epochs // 20), title=title))
    best = history['best_epoch']
    metrics = [name for name in history if name != 'best_epoch']
    result = {'config': asdict(config), 'best_epoch': best, 'best': {name: history[name][best] for name in metrics},
              'last': {name: history[name][-1] for name in metrics},
              'seconds': round(time.perf_counter() - began, 1), 'history': history}
    save_history(folder / 'curves.png', history, title)
    with atomic_write(folder / 'result.json', 'w') as file:
        json.dump(result, file, indent=1)
    report(f"{config.epochs} epochs in {result['seconds']} s. Test accuracy {result['best']['test_acc']:.4f} in epoch "
           f"{best}, the best on the dev images; {result['last']['test_acc']:.4f} in the last one.")
    return result


def table(result):
    """What :func:`train` returned as a table in Markdown."""
    config = result['config']
    net = (f"{' and '.join(map(str, config['hidden']))} hidden units, batch {config['batch_size']:,}, Adam at "
           f"{config['lr']:g}, {config['epochs']:,} epochs, seed {config['seed']}")
    best, last = (f"{result[when]['test_acc']:.4f}" for when in ('best', 'last'))
    return markdown_table(['network', 'epoch, the best on the dev images', 'test accuracy then', 'in the last epoch'],
                          [[net, result['best_epoch'], best, last]])
