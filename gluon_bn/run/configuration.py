"""Configuration of the main job: :class:`Config`, and its file."""
import json
import os
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Optional, Union

import numpy as np

from .. import _mxnet
from ..data import MNIST_LIKE
from ..support.arguments import shown
from ..support.command_line import folder
from ..support.files import atomic_write, writing
from ..support.options import Kind, check_options, choice, option, real, text, whole, yes_or_no
from ..support.reading import content, json_of

LONGEST_FILE = 10**6  # bytes of a config.json; they are a thousand

# Learning rates and batch sizes were chosen on the last training images (--validation 5000 for 'fast', 10000 for
# 'best'), never on the test images.
PRESETS = {
    'fast': {'epochs': 1, 'batch_size': 96, 'lr': 0.003, 'sgd_momentum': 0.9, 'schedule': 'one-cycle',
             'target': 0.99},
    'best': {'epochs': 20, 'batch_size': 64, 'lr': 0.001, 'sgd_momentum': 0.9, 'schedule': 'one-cycle', 'max_shift': 2,
             'target': 0.995},
}


class RunError(ValueError):
    """A run that cannot be started or resumed as asked; one sentence says why."""


def _folder_or_boolean(name, value):
    if isinstance(value, bool):
        return value
    return text('true, false or a folder').check(name, value)


def _absolute(name):
    return str(Path(folder(name)).resolve())


_FOLDER = {'type': _absolute, 'metavar': 'DIR'}


@dataclass(frozen=True)
class Config:
    """What a run computes. The defaults are those of the main job."""

    dataset: str = option('mnist', choice(*MNIST_LIKE), "(default: {})")
    data_dir: Optional[str] = option(
        None, text('a folder, or None'), "folder with files of the MNIST format, gzipped or not", **_FOLDER)
    ctx: str = option('auto', text('auto, cpu, cpu:N, gpu or gpu:N'), "device (default: {})",
                      metavar='auto|cpu|cpu:N|gpu|gpu:N')
    epochs: int = option(1, whole(at_least=1), "passes over the training images (default: {})", metavar='N')
    batch_size: int = option(64, whole(at_least=1), "images in a batch (default: {})", metavar='N')
    lr: float = option(0.001, real(above=0), "learning rate on a batch's summed loss (default: {})")
    weight_scale: float = option(0.01, real(above=0, below=1e30),
                                 "standard deviation of initial weights (default: {})")
    momentum: float = option(0.9, real(at_least=0, at_most=1),
                             "weight of the old value in the stored statistics (default: {})")
    batch_norm: bool = option(True, yes_or_no('store_false'), "train without batch norm", flag='--no-batch-norm')
    impl: str = option('auto', choice('auto', 'plain', 'fast'), "formulation of batch norm (default: {})")
    seed: int = option(0, whole(at_least=0, at_most=2**31 - 1),
                       "of the initial weights and the order of the images (default: {})")
    limit: Optional[int] = option(None, whole(at_least=1), "use the first N training images (default: all)",
                                  metavar='N')
    validation: int = option(
        0, whole(at_least=0), "hold out the last N training images and score them instead of the test images",
        metavar='N')
    sgd_momentum: float = option(0.0, real(at_least=0, below=1), "of the optimiser (default: {})")
    schedule: str = option('constant', choice('constant', 'one-cycle'), "of the learning rate (default: {})")
    max_shift: int = option(0, whole(at_least=0, at_most=27),
                            "move training images by up to N pixels at random (default: {})", metavar='N')
    workers: int = option(1, whole(at_least=1), "processes that share each batch, through MPI (default: {})",
                          metavar='N')
    statistics: str = option('synchronised', choice('synchronised', 'local'), "of batch norm, over each batch, or over "
                             "each worker's part of it (default: {})")
    target: Optional[float] = option(None, real(at_least=0, at_most=1),
                                     "tell after how much training this accuracy was reached")
    tensorboard: Union[bool, str] = option(
        False, Kind(_folder_or_boolean, {'nargs': '?', 'const': True}),
        "write TensorBoard's files to DIR as well (without DIR: to tensorboard in the run's folder)", **_FOLDER)
    checkpoint_seconds: float = option(10.0, real(at_least=0), "time between checkpoints within an epoch (default: {})",
                                       metavar='S')

    def __post_init__(self):
        check_options(self, RunError)

    @property
    def scored(self):
        """What the accuracy beside the training images' is called: that of the test images, or of held-out ones."""
        return 'valid_acc' if self.validation else 'test_acc'


# What a run's result does not depend on; the other options are the run's row in TensorBoard.
BESIDE_THE_RESULT = ('data_dir', 'ctx', 'impl', 'target', 'tensorboard', 'checkpoint_seconds')
ADDED = {'workers': 1, 'statistics': 'synchronised'}  # what runs that are older than these options had
HYPERPARAMETERS = tuple(added.name for added in fields(Config) if added.name not in BESIDE_THE_RESULT)


def write_config(path, config, ctx):
    """Write ``config`` to the JSON file ``path``, with the versions, the context and the threads it runs with.

    ``RunError`` if it cannot be written.
    """
    environment = {'python': sys.version.split()[0], 'mxnet': _mxnet.mx.__version__, 'numpy': np.__version__,
                   'ctx': str(ctx), 'threads': os.environ.get('OMP_NUM_THREADS')}
    with writing(Path(path).parent, RunError), atomic_write(path, 'w') as file:
        json.dump({**asdict(config), 'environment': environment}, file, indent=2)
        file.write('\n')


def read_config(folder):
    """The configuration in the folder of a run; ``RunError`` if there is none or it cannot be used."""
    path = Path(folder) / 'config.json'
    if not path.exists():
        raise RunError(f"{folder} contains no run to resume ({path}: No such file or directory).")
    try:
        values = json_of(content(path, RunError, LONGEST_FILE))
    except RunError:
        raise
    except ValueError as error:
        raise RunError(f"{path} is not valid JSON ({error}).") from None
    return config_from(values, path)


def config_from(values, path):
    """A ``Config`` from the dictionary ``values`` that stood in ``path``; ``RunError`` if its names are not right."""
    known = {f.name for f in fields(Config)}
    if not isinstance(values, dict):
        raise RunError(f"{path} is not the configuration of a run (it contains {shown(values)}; expected an "
                       "object).")
    values = {**ADDED, **values}
    missing = known - set(values)
    unknown = set(values) - known - {'environment'}
    if missing or unknown:
        raise RunError(f"{path} is not the configuration of a run (missing {sorted(missing)}, unknown "
                       f"{shown(sorted(map(str, unknown)))}).")
    try:
        return Config(**{name: values[name] for name in known})
    except RunError as error:
        raise RunError(f"{path} is not the configuration of a run ({str(error)[:-1]}).") from None
