"""Trainings on MNIST that are measured on the way: the landscape, the shift of the layers' inputs, the effect of noise.

A *job* is one training of the sigmoid MLP or of LeNet; what it measures at every so many steps is what
``landscape.py`` defines. Its result is one file, so that an interrupted run goes on. Run as a module, this is a worker.
"""
import math
import sys
from dataclasses import asdict, dataclass
from itertools import islice, repeat
from pathlib import Path

import numpy as np

from . import data
from ._mxnet import autograd, mx
from .landscape import MULTIPLES, Objective, along_gradient, covariate_shift, layers_of, parameters
from .noise import DisturbedLeNet, DisturbedMLP, Noise
from .parallel import serve_jobs
from .resumable import file_name, fingerprint_of, run_missing
from .training import MovingLoss, evaluate_accuracy, stored_statistics_kept, train_step

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
    results = run_missing('gluon_bn.landscape_runs', [] if data_dir is None else [str(Path(data_dir).resolve())],
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

    ``job``; ``losses``, of every batch, before its update; ``measured``, a list of what :func:`measured_step` gives, at
    every ``measure_every`` steps from 0; ``test_acc``, without noise, with the stored statistics, and
    ``test_acc_batch``, with the statistics of each test batch; ``diverged``, the step at which the loss was no longer
    finite, else None. Nothing is trained or measured after that.
    """
    train, (images, labels) = splits
    net, measured, moving_loss = make_network(job), [], MovingLoss()
    for step, (batch, label) in enumerate(_batches(job, train)):
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


def measured_step(net, batch, label, lr):
    """A step of training as :func:`gluon_bn.train_step` does it, with what is measured before and after.

    ``lr`` is the learning rate on the mean loss. All is measured on the batch of the step itself, with its noise.

    Returns the batch's mean loss as ``train_step`` does, and a dict: the fields of
    :class:`gluon_bn.landscape.Landscape` (step lengths: ``MULTIPLES`` of ``lr``); ``shift``, a list from
    :func:`gluon_bn.landscape.covariate_shift`; and ``inputs``, for each activation what :func:`moved` gives.
    """
    objective, before = Objective(net, batch, label), parameters(net)
    found = asdict(along_gradient(objective, before, [multiple * lr for multiple in MULTIPLES]))
    inputs = activation_inputs(net, batch)
    loss = train_step(net, batch, label, lr / len(label))
    found['shift'] = covariate_shift(objective, before, parameters(net), layers_of(net))
    if net.noise is not None:
        net.noise.step += 1  # what the next step will meet
    found['inputs'] = {number: moved(moments, after) for (number, moments), after
                       in zip(inputs.items(), activation_inputs(net, batch).values())}
    return loss, found


def activation_inputs(net, batch):
    """For each activation of ``net``: mean and standard deviation of its inputs, ``(2, units)``, over the batch.

    As in training, but the network is not changed. Channels count as units.
    """
    seen = {}
    net.watch = seen.__setitem__
    try:
        with stored_statistics_kept(net), autograd.pause():
            net(batch, is_training=True)
    finally:
        net.watch = None
    arrays = {number: h.asnumpy().astype(np.float64) for number, h in seen.items()}
    return {number: np.array([f(h, axis=(0, *range(2, h.ndim))) for f in (np.mean, np.std)])
            for number, h in arrays.items()}


def moved(before, after):
    """How far the distributions of the inputs of one layer's activations moved, in standard deviations.

    ``before`` and ``after`` are ``(2, units)``, means and standard deviations. Returns a dict: ``mean_shift`` and
    ``std_shift``, root mean squares over the units of the difference of the means and of the standard deviations,
    each over the root mean square of the standard deviations before; and ``unit``, mean and standard deviation of the
    first unit before.

    >>> moved(np.array([[0., 0.], [2., 2.]]), np.array([[3., -3.], [2., 2.]]))
    {'mean_shift': 1.5, 'std_shift': 0.0, 'unit': [0.0, 2.0]}
    """
    size = _rms(before[1])
    mean_shift, std_shift = (_rms(after[i] - before[i]) / size if size else float('nan') for i in (0, 1))
    return {'mean_shift': mean_shift, 'std_shift': std_shift, 'unit': before[:, 0].tolist()}


def _batches(job, train):
    """The first ``steps`` batches of passes over the images in ever new order, each of the whole batch size."""
    if len(train[0]) < job.batch_size:  # else this would look for a whole batch without end
        raise ValueError(f"{len(train[0])} images are no batch of {job.batch_size}; take more, or a smaller batch.")
    passes = data.batches(*train, job.batch_size, shuffle=True, seed=job.seed)
    whole = (pair for one_pass in repeat(passes) for pair in one_pass if len(pair[1]) == job.batch_size)
    return islice(whole, job.steps)


def _rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


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
