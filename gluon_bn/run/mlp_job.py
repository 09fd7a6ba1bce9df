"""The multilayer perceptron on MNIST, in a folder: curves, frames and numbers. The script ``train_mlp.py`` calls it."""
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional, Tuple

import numpy as np

from .. import data
from ..reference.mlp import INITIALIZATIONS, MLP
from ..support.files import written_whole
from ..support.markdown import markdown_table
from .live import LivePlot, save_history

NUM_DEV = 5000  # the last training images choose the epoch, so that the test images have no part in it


@dataclass(frozen=True)
class Config:
    """What a run computes."""

    dataset: str = 'mnist'
    data_dir: Optional[str] = None
    hidden: Tuple[int, ...] = (25, 10)
    epochs: int = 1000
    batch_size: int = 1000
    lr: float = 0.03
    momentum: Optional[float] = 0.9
    init: str = 'he'
    seed: int = 0
    limit: Optional[int] = None

    def __post_init__(self):
        for name, expected, right in (
                ('dataset', f"one of {', '.join(data.MNIST_LIKE)}", self.dataset in data.MNIST_LIKE),
                ('hidden', 'sizes of layers, each at least 1', all(units >= 1 for units in self.hidden)),
                ('epochs', 'at least 1', self.epochs >= 1),
                ('batch_size', 'at least 2', self.batch_size >= 2),
                ('lr', 'a finite number above 0', 0 < self.lr < math.inf),
                ('momentum', 'from 0 to 1, or none', self.momentum is None or 0 <= self.momentum <= 1),
                ('init', f"one of {', '.join(INITIALIZATIONS)}", self.init in INITIALIZATIONS),
                ('seed', 'from 0 to 2147483647', 0 <= self.seed < 2**31),
                ('limit', 'at least 2', self.limit is None or self.limit >= 2)):
            if not right:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected {expected}.")


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
    if limit is not None and limit > len(images) - NUM_DEV:
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
    with written_whole(folder / 'result.json', 'w') as file:
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
