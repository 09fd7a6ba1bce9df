"""Trainings of deep fully connected nets on CIFAR-10: four experiments with several seeds.

They are those of cs231n's exercise, repeated with several seeds, so that each has a mean and a spread.
"""
from dataclasses import asdict, dataclass
from typing import Optional, Tuple

import numpy as np

from ...data import cifar10_splits
from ...reference.fully_connected import FullyConnectedNet
from ...reference.solver import Solver

WEIGHT_SCALES = tuple(float(scale) for scale in np.logspace(-4, 0, 20))
BATCH_SIZES = (5, 10, 50)
SMALL_BATCH_SIZES = (2, 5, 10)
FIVE_LAYERS, SEVEN_LAYERS = (100,) * 5, (50,) * 7
NUM_TRAINING = 1000  # images, as in the exercise


@dataclass(frozen=True)
class Job:
    """One training."""

    seed: int
    normalization: Optional[str] = None
    hidden: Tuple[int, ...] = FIVE_LAYERS
    weight_scale: float = 2e-2
    batch_size: int = 50
    learning_rate: float = 1e-3
    epochs: int = 10


def deep_net_jobs(seeds, epochs=10):
    """Experiment 1: five hidden layers of 100 units, with and without batch norm."""
    return [Job(seed, normalization, epochs=epochs) for normalization in ('batchnorm', None) for seed in seeds]


def weight_scale_jobs(seeds, epochs=10, scales=WEIGHT_SCALES):
    """Experiment 2: seven hidden layers of 50 units, initial weights of many scales, with and without batch norm."""
    return [Job(seed, normalization, SEVEN_LAYERS, scale, epochs=epochs)
            for scale in scales for normalization in ('batchnorm', None) for seed in seeds]


def batch_size_jobs(seeds, epochs=10, sizes=BATCH_SIZES):
    """Experiment 3: batches of 5, 10 and 50 images, with and without batch norm, at a third of the learning rate."""
    return [Job(seed, normalization, batch_size=size, learning_rate=10 ** -3.5, epochs=epochs)
            for size in sizes for normalization in ('batchnorm', None) for seed in seeds]


def small_batch_jobs(seeds, epochs=10, sizes=SMALL_BATCH_SIZES):
    """Experiment 4: batches of 2, 5 and 10 images, batch norm against layer norm."""
    return [Job(seed, normalization, batch_size=size, learning_rate=10 ** -3.5, epochs=epochs)
            for size in sizes for normalization in ('batchnorm', 'layernorm') for seed in seeds]


EXPERIMENTS = {'deep_net': deep_net_jobs, 'weight_scales': weight_scale_jobs, 'batch_sizes': batch_size_jobs,
               'small_batches': small_batch_jobs}

QUICK = {  # as little as shows that everything works
    'deep_net': {'epochs': 3}, 'weight_scales': {'epochs': 5, 'scales': (2e-3, 0.5)},
    'batch_sizes': {'epochs': 1, 'sizes': (5, 50)}, 'small_batches': {'epochs': 1, 'sizes': (2, 10)}}


def train(job, splits):
    """Train one network; returns what :func:`.report.summary` needs, as JSON can hold it.

    ``splits`` is what :func:`load_images` returns. A loss that is no longer finite ends the training;
    ``diverged`` says so.
    """
    net = FullyConnectedNet(list(job.hidden), weight_scale=job.weight_scale, normalization=job.normalization,
                            seed=job.seed)
    solver = Solver(net, splits, update_rule='adam', optim_config={'learning_rate': job.learning_rate},
                    batch_size=job.batch_size, num_epochs=job.epochs, verbose=False, progress=False, seed=job.seed)
    diverged = None
    try:
        solver.train()
    except FloatingPointError as error:
        diverged = str(error)
    return {'job': asdict(job), 'losses': [float(f'{loss:.5g}') for loss in solver.loss_history],
            'train_acc': solver.train_acc_history, 'val_acc': solver.val_acc_history, 'diverged': diverged}


def load_images(data_dir=None):
    """CIFAR-10 to train and validate with: dict ``X_train``, ``y_train``, ``X_val``, ``y_val``.

    ``data_dir`` is a folder or archive with the whole of it, None for the images that come with the package.
    """
    splits = cifar10_splits(data_dir, num_training=NUM_TRAINING)
    return {name: splits[name] for name in ('X_train', 'y_train', 'X_val', 'y_val')}


def words(job):
    """What the file with the result of ``job`` is called."""
    return f"{job.normalization or 'none'}-scale{job.weight_scale:.3g}-batch{job.batch_size}-seed{job.seed}"


def cost(job):
    """About proportional to the time that ``job`` takes: the steps."""
    return job.epochs / job.batch_size
