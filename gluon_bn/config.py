"""What a run computes: :class:`Config`, as a file and back."""
import json
import math
import os
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Optional, Union

import numpy as np

from . import _mxnet
from .data import MNIST_LIKE
from .files import written_whole

SCHEDULES = ('constant', 'one-cycle')

# Learning rates and batch sizes were chosen on the last training images (--validation 5000 for 'fast', 10000 for
# 'best'), never on the test images.
PRESETS = {
    'fast': {'epochs': 1, 'batch_size': 96, 'lr': 0.003, 'sgd_momentum': 0.9, 'schedule': 'one-cycle',
             'target': 0.99},
    'best': {'epochs': 20, 'batch_size': 64, 'lr': 0.001, 'sgd_momentum': 0.9, 'schedule': 'one-cycle', 'max_shift': 2,
             'target': 0.995},
}


@dataclass(frozen=True)
class Config:
    """What a run computes. The defaults are those of the main job."""

    dataset: str = 'mnist'
    data_dir: Optional[str] = None
    ctx: str = 'auto'
    epochs: int = 1
    batch_size: int = 64
    lr: float = 0.001
    weight_scale: float = 0.01
    momentum: float = 0.9
    batch_norm: bool = True
    impl: str = 'auto'
    seed: int = 0
    limit: Optional[int] = None
    validation: int = 0            # so many training images, the last ones, are scored instead of the test images
    sgd_momentum: float = 0.0
    schedule: str = 'constant'
    max_shift: int = 0
    target: Optional[float] = None  # tell when this accuracy was first reached
    tensorboard: Union[bool, str] = False  # a folder for TensorBoard's files; True: tensorboard in the run's own
    checkpoint_seconds: float = 10

    def __post_init__(self):
        for name, expected, right in (
                ('dataset', f"one of {', '.join(MNIST_LIKE)}", self.dataset in MNIST_LIKE),
                ('epochs', 'at least 1', self.epochs >= 1),
                ('batch_size', 'at least 1', self.batch_size >= 1),
                ('lr', 'a finite number above 0', 0 < self.lr < math.inf),
                ('weight_scale', 'a finite number above 0', 0 < self.weight_scale < math.inf),
                ('momentum', 'from 0 to 1', 0 <= self.momentum <= 1),
                ('seed', 'from 0 to 2147483647', 0 <= self.seed < 2**31),
                ('limit', 'at least 1', self.limit is None or self.limit >= 1),
                ('validation', 'at least 0', self.validation >= 0),
                ('sgd_momentum', 'from 0 up to, not including, 1', 0 <= self.sgd_momentum < 1),
                ('schedule', f"one of {', '.join(SCHEDULES)}", self.schedule in SCHEDULES),
                ('max_shift', 'from 0 to 27 pixels', 0 <= self.max_shift < 28),
                ('target', 'from 0 to 1', self.target is None or 0 <= self.target <= 1),
                ('tensorboard', 'true, false or a folder',
                 isinstance(self.tensorboard, (bool, str)) and self.tensorboard != ''),
                ('checkpoint_seconds', 'at least 0', self.checkpoint_seconds >= 0)):
            if not right:
                raise RunError(f"{name} is {getattr(self, name)!r}; expected {expected}.")


class RunError(ValueError):
    """A run that cannot be started or resumed as asked; one sentence says why."""


def write_config(path, config, ctx):
    """Write ``config`` to the JSON file ``path``, with the versions, the context and the threads it runs with."""
    environment = {'python': sys.version.split()[0], 'mxnet': _mxnet.mx.__version__, 'numpy': np.__version__,
                   'ctx': str(ctx), 'threads': os.environ.get('OMP_NUM_THREADS')}
    with written_whole(path, 'w') as file:
        json.dump({**asdict(config), 'environment': environment}, file, indent=2)
        file.write('\n')


def read_config(folder):
    """The configuration in the folder of a run; ``RunError`` if there is none or it cannot be used."""
    path = Path(folder) / 'config.json'
    try:
        with open(path, encoding='utf-8') as file:
            values = json.load(file)
    except OSError as error:
        raise RunError(f"{folder} holds no run to resume ({path}: {error.strerror}).") from error
    except ValueError as error:
        raise RunError(f"{path} is not valid JSON ({error}).") from error
    return config_from(values, path)


def config_from(values, path):
    """A ``Config`` from the dictionary ``values`` that stood in ``path``; ``RunError`` if its names are not right."""
    known = {f.name for f in fields(Config)}
    try:
        missing = known - set(values)
        unknown = set(values) - known - {'environment'}
        if missing or unknown:
            raise RunError(f"{path} is not the configuration of a run (missing {sorted(missing)}, unknown "
                           f"{sorted(unknown)}).")
        return Config(**{name: values[name] for name in known})
    except TypeError as error:
        raise RunError(f"{path} is not the configuration of a run ({error}).") from error
