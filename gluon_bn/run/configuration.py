"""What a run computes: :class:`Config`, as a file and back."""
import json
import os
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Optional, Union

import numpy as np

from .. import _mxnet
from ..data import MNIST_LIKE
from ..support import arguments
from ..support.files import written_whole
from ..support.reading import content, json_of

SCHEDULES = ('constant', 'one-cycle')
IMPLS = ('auto', 'plain', 'fast')
LONGEST_FILE = 10**6  # bytes of a config.json; they are a thousand

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
        try:
            for name, value in self._checked().items():
                object.__setattr__(self, name, value)  # as Python's own types, which JSON has
        except (TypeError, ValueError) as error:
            raise RunError(str(error)) from None

    def _checked(self):
        """The values by name; raises for one that is of another kind or out of range."""
        def checked(check, name, **limits):
            values[name] = check(name, getattr(self, name), **limits)

        values = {}
        for name, choices in (('dataset', MNIST_LIKE), ('impl', IMPLS), ('schedule', SCHEDULES)):
            checked(arguments.one_of, name, choices=choices)
        for name, low, high in (('epochs', 1, None), ('batch_size', 1, None), ('validation', 0, None),
                                ('seed', 0, 2**31 - 1), ('max_shift', 0, 27)):
            checked(arguments.integer, name, at_least=low, at_most=high)
        for name, limits in (('lr', {'above': 0}), ('weight_scale', {'above': 0, 'below': 1e30}),
                             ('momentum', {'at_least': 0, 'at_most': 1}), ('sgd_momentum', {'at_least': 0, 'below': 1}),
                             ('checkpoint_seconds', {'at_least': 0})):
            checked(arguments.number, name, **limits)
        checked(arguments.boolean, 'batch_norm')
        if self.limit is not None:
            checked(arguments.integer, 'limit', at_least=1)
        if self.target is not None:
            checked(arguments.number, 'target', at_least=0, at_most=1)
        for name, right, expected in (
                ('ctx', _is_text(self.ctx), 'auto, cpu, cpu:N, gpu or gpu:N'),
                ('data_dir', self.data_dir is None or _is_text(self.data_dir), 'a folder, or None'),
                ('tensorboard', isinstance(self.tensorboard, bool) or _is_text(self.tensorboard),
                 'true, false or a folder')):
            if not right:
                raise RunError(f"{name} is {arguments.shown(getattr(self, name))}; expected {expected}.")
        return values


def _is_text(value):
    return isinstance(value, str) and value != '' and '\0' not in value


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
    if not path.exists():
        raise RunError(f"{folder} holds no run to resume ({path}: No such file or directory).")
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
        raise RunError(f"{path} is not the configuration of a run (it holds {arguments.shown(values)}; expected an "
                       "object).")
    missing = known - set(values)
    unknown = set(values) - known - {'environment'}
    if missing or unknown:
        raise RunError(f"{path} is not the configuration of a run (missing {sorted(missing)}, unknown "
                       f"{arguments.shown(sorted(map(str, unknown)))}).")
    try:
        return Config(**{name: values[name] for name in known})
    except RunError as error:
        raise RunError(f"{path} is not the configuration of a run ({str(error)[:-1]}).") from None
