"""Trainings on MNIST that are measured while they run: landscape, shift of the layers' inputs, effect of noise.

A *job* is one training of the sigmoid MLP or of LeNet; what it measures at every so many steps is what
``step.py`` measures. Its result is one file: an interrupted run can continue. Run as a module, this is a worker.
"""
import math
import sys
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from ... import data
from ..._mxnet import mx
from ...support.parallel import serve_jobs
from ...training import MovingLoss, evaluate_accuracy, train_step
from ..resumable import file_name, fingerprint_of, run_missing
from .noise import DisturbedLeNet, DisturbedMLP, Noise
from .step import measured_step

KINDS = ('plain', 'batch_norm', 'noisy_batch_norm', 'noisy_plain')
SETTINGS = {  # learning rates are those on the mean loss of a batch
    'sigmoid_mlp': {'network': 'sigmoid_mlp', 'batch_size': 60, 'weight_scale': 0.1, 'steps': 1500,
                    'measure_every': 25},
    'lenet': {'network': 'lenet', 'batch_size': 64, 'weight_scale': 0.05, 'steps': 400, 'measure_every': 12}}
LEARNING_RATES = {'sigmoid_mlp': (0.5, 2., 8.), 'lenet': (0.064, 0.256, 1.024)}


@dataclass(frozen=True)
class Job:
    """One training; ``learning_rate`` is that on the mean loss of a batch."""

    seed: int
    network: str
    kind: str
    learning_rate: float
    batch_size: int
    weight_scale: float
    steps: int
    measure_every: int
    test_images: int = 10_000


def learning_rate_jobs(network, seeds, **changes):
    """Experiment 1: with and without batch norm, each at three learning rates, a factor of 4 apart."""
    return [Job(seed, kind=kind, learning_rate=rate, **{**SETTINGS[network], **changes})
            for rate in LEARNING_RATES[network] for kind in ('plain', 'batch_norm') for seed in seeds]


def noise_jobs(network, seeds, **changes):
    """Experiment 2: with noise and without, with batch norm and without, at the smallest of the learning rates."""
    return [Job(seed, kind=kind, learning_rate=LEARNING_RATES[network][0], **{**SETTINGS[network], **changes})
            for kind in KINDS for seed in seeds]


def small_weight_jobs(network, seeds, **changes):
    """Experiment 3: initial weights of 0.01, with which a net without batch norm begins on a plateau."""
    return [Job(seed, kind=kind, learning_rate=LEARNING_RATES[network][0],
                **{**SETTINGS[network], 'weight_scale': 0.01, **changes})
            for kind in ('plain', 'batch_norm') for seed in seeds]


EXPERIMENTS = {  # the jobs, and the networks for which they are done
    'learning_rates': (learning_rate_jobs, ('sigmoid_mlp', 'lenet')),
    'noise': (noise_jobs, ('sigmoid_mlp', 'lenet')),
    'small_weights': (small_weight_jobs, ('sigmoid_mlp',))}


def run(folder, jobs, data_dir=None, processes=None, report=print):
    """Do the jobs that have no result in ``folder`` yet, in parallel processes; returns all results, in their order.

    ``folder`` gets a file in ``jobs`` for each, as soon as it is there; ``data_dir`` is a folder with MNIST, None for
    the files that come with the package. A job that stands in ``jobs`` twice is done once. For a result see
    :func:`run_job`.

    Raises ``DataError`` for bad data, and for a folder whose results are of other data; ``parallel.WorkerError``.
    """
    train, test = load_splits(data_dir)  # here first: bad data are one sentence then, not a traceback
    fingerprint = fingerprint_of(dict(zip(('X_train', 'y_train', 'X_test', 'y_test'), (*train, *test))))
    # The longest first: so the processes end at about the same time.
    paths = {job: _result_path(Path(folder), job) for job in sorted(dict.fromkeys(jobs), key=_duration, reverse=True)}
    results = run_missing(__name__, [] if data_dir is None else [str(Path(data_dir).resolve())],
                          {path: asdict(job) for job, path in paths.items()}, fingerprint, processes, report)
    return [results[paths[job]] for job in jobs]


def load_splits(data_dir=None):
    """MNIST for :func:`run_job`: ``(images, labels)`` for training, and the same for testing."""
    return data.load('mnist', data_dir=data_dir), data.load('mnist', train=False, data_dir=data_dir)


def make_network(job):
    """The network of ``job``, before its first step."""
    mx.random.seed(job.seed)
    network = {'lenet': DisturbedLeNet, 'sigmoid_mlp': DisturbedMLP}[job.network]
    net = network(batch_norm=job.kind.endswith('batch_norm'), weight_scale=job.weight_scale)
    net.noise = Noise(job.seed) if job.kind.startswith('noisy') else None
    return net


def run_job(job, splits):
    """Train one network and measure it; returns a dict that JSON can hold, with None for numbers that are not finite.

    ``job``; ``losses``, of every batch, before its update; ``measured``, a list of what ``measured_step`` gives, each
    ``measure_every`` steps from 0; ``test_acc``, without noise, with the stored statistics, and
    ``test_acc_batch``, with the statistics of each test batch; ``diverged``, the step at which the loss was no longer
    finite, else None. Nothing is trained or measured after that.
    """
    train, (images, labels) = splits
    net, measured, moving_loss = make_network(job), [], MovingLoss()
    for step, (batch, label) in enumerate(islice(data.whole_batches(*train, job.batch_size, job.seed), job.steps)):
        if net.noise is not None:
            net.noise.step = step
        if step % job.measure_every == 0:
            if step and not math.isfinite(moving_loss.finish()):
                break
            loss, record = measured_step(net, batch, label, job.learning_rate)
            measured.append({'step': step, **record})
        else:
            loss = train_step(net, batch, label, job.learning_rate / len(label))
        moving_loss.add(loss)
    moving_loss.finish()
    net.noise = None
    test_batches = data.batches(images[:job.test_images], labels[:job.test_images], 500)
    return _finite({
        'job': asdict(job), 'losses': moving_loss.losses, 'measured': measured,
        'diverged': next((i for i, loss in enumerate(moving_loss.losses) if not math.isfinite(loss)), None),
        'test_acc': evaluate_accuracy(test_batches, net),
        'test_acc_batch': evaluate_accuracy(test_batches, net, is_training=True)})


def _result_path(folder, job):
    return folder / 'jobs' / file_name(f'{job.network}-{job.kind}-lr{job.learning_rate:g}-seed{job.seed}', asdict(job))


def _duration(job):
    """About proportional to the time that ``job`` takes: a measured step is worth a dozen others."""
    return ({'lenet': 8, 'sigmoid_mlp': 1}[job.network] * (2 if job.kind.startswith('noisy') else 1)
            * job.steps * (1 + 12 / job.measure_every))


def _finite(value):
    """The same with six digits, and None for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return float(f'{value:.6g}') if math.isfinite(value) else None
    return value


def _work(arguments):
    splits = load_splits(*arguments)
    serve_jobs(lambda description: run_job(Job(**description), splits))


if __name__ == '__main__':
    _work(sys.argv[1:])
