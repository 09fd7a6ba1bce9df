"""What batch norm does to deep fully connected nets: four experiments on CIFAR-10, with several seeds.

They are those of cs231n's exercise, repeated with several seeds, so that each has a mean and a spread. A *job* is one
training; its result is one file, so that an interrupted run can continue. Run as a module, this is a worker.
"""
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional, Tuple

import numpy as np

from ...data import cifar10_splits
from ...reference.fully_connected import FullyConnectedNet
from ...reference.solver import Solver
from ...support.parallel import serve_jobs
from ...support.results import by_kind
from ..resumable import file_name, fingerprint_of, run_missing

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


def run_job(job, splits):
    """Train one network; returns what :func:`summary` needs, as JSON can hold it.

    ``splits`` is what :func:`gluon_bn.data.cifar10_splits` returns. A loss that is no longer finite ends the training;
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


def run(folder, jobs, data_dir=None, processes=None, report=print):
    """Do the jobs that have no result in ``folder`` yet, in parallel processes; returns all results, in their order.

    Parameters
    ----------
    folder : path; each result is written to ``folder/jobs`` as soon as it is there
    jobs : list of :class:`Job`; one that stands in it twice is done once
    data_dir : a folder or archive with the whole of CIFAR-10; None for the images that come with the package
    processes : int, None for one a physical core

    Raises ``DataError`` for bad data, and for a folder whose results are of other data; ``parallel.WorkerError``.
    """
    fingerprint = fingerprint_of(_splits(data_dir))  # here first: bad data are one sentence then, not a traceback
    # The longest first: so the processes end at about the same time.
    ordered = sorted(dict.fromkeys(jobs), key=lambda job: job.epochs / job.batch_size, reverse=True)
    paths = {job: _result_path(Path(folder), job) for job in ordered}
    results = run_missing(__name__, [] if data_dir is None else [str(Path(data_dir).resolve())],
                          {path: asdict(job) for job, path in paths.items()}, fingerprint, processes, report)
    return [results[paths[job]] for job in jobs]


def summary(results):
    """Bring the results of the seeds together: one dict for each kind of job, in the order of their coming.

    Each has ``job`` (without the seed), ``seeds``, and lists over the seeds: ``losses`` (every batch), ``train_acc``,
    ``val_acc`` (after the first batch, then each epoch), ``best_train_acc``, ``best_val_acc``, and ``final_loss``, the
    mean over the last epoch. A training that diverged has an infinite final loss.
    """
    return [{'job': job, 'seeds': [result['job']['seed'] for result in of_job],
             **{name: [result[name] for result in of_job] for name in ('losses', 'train_acc', 'val_acc')},
             'best_train_acc': [max(result['train_acc'], default=0) for result in of_job],
             'best_val_acc': [max(result['val_acc'], default=0) for result in of_job],
             'final_loss': [_final_loss(result) for result in of_job]} for job, of_job in by_kind(results, 'job')]


def _final_loss(result):
    last_epoch = result['losses'][-(NUM_TRAINING // result['job']['batch_size']):]
    return float('inf') if result['diverged'] else float(np.mean(last_epoch))


def _splits(data_dir):
    splits = cifar10_splits(data_dir, num_training=NUM_TRAINING)
    return {name: splits[name] for name in ('X_train', 'y_train', 'X_val', 'y_val')}


def _result_path(folder, job):
    kind = f"{job.normalization or 'none'}-scale{job.weight_scale:.3g}-batch{job.batch_size}-seed{job.seed}"
    return folder / 'jobs' / file_name(kind, asdict(job))


def _job_from(description):
    return Job(**{**description, 'hidden': tuple(description['hidden'])})


def _work(arguments):
    splits = _splits(arguments[0] if arguments else None)
    serve_jobs(lambda description: run_job(_job_from(description), splits))


if __name__ == '__main__':
    _work(sys.argv[1:])
