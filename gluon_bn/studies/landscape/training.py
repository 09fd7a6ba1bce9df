"""Trainings on MNIST that are measured while they run: landscape, shift of the layers' inputs, effect of noise.

A *job* is one training of the sigmoid MLP or of LeNet; what it measures at every so many steps is what
``step.py`` measures.
"""
import math
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice

from ... import data
from ..._mxnet import mx
from ...support.results import json_safe
from ...training import MovingLoss, evaluate_accuracy, train_step
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


NAMES = ('learning_rates', 'noise', 'small_weights')
EXPERIMENTS = {f'{name}-{network}': partial(jobs, network) for network, name, jobs in (
    ('sigmoid_mlp', 'learning_rates', learning_rate_jobs), ('sigmoid_mlp', 'noise', noise_jobs),
    ('sigmoid_mlp', 'small_weights', small_weight_jobs),
    ('lenet', 'learning_rates', learning_rate_jobs), ('lenet', 'noise', noise_jobs))}
QUICK = dict.fromkeys(EXPERIMENTS, {'steps': 60, 'measure_every': 20, 'test_images': 1000})


def make_network(job):
    """The network of ``job``, before its first step."""
    mx.random.seed(job.seed)
    network = {'lenet': DisturbedLeNet, 'sigmoid_mlp': DisturbedMLP}[job.network]
    net = network(batch_norm=job.kind.endswith('batch_norm'), weight_scale=job.weight_scale)
    net.noise = Noise(job.seed) if job.kind.startswith('noisy') else None
    return net


def train(job, digits):
    """Train one network and measure it; returns a dict that JSON can hold, with None for numbers that are not finite.

    ``digits`` is what :func:`gluon_bn.studies.study.load_mnist` returns.

    ``job``; ``losses``, of every batch, before its update; ``measured``, a list of what ``measured_step`` gives, each
    ``measure_every`` steps from 0; ``test_acc``, without noise, with the stored statistics, and
    ``test_acc_batch``, with the statistics of each test batch; ``diverged``, the step at which the loss was no longer
    finite, else None. Nothing is trained or measured after that.
    """
    net, measured, moving_loss = make_network(job), [], MovingLoss()
    batches = data.whole_batches(digits['X_train'], digits['y_train'], job.batch_size, job.seed)
    for step, (batch, label) in enumerate(islice(batches, job.steps)):
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
    test_batches = data.batches(digits['X_test'][:job.test_images], digits['y_test'][:job.test_images], 500)
    return json_safe({
        'job': asdict(job), 'losses': moving_loss.losses, 'measured': measured,
        'diverged': next((i for i, loss in enumerate(moving_loss.losses) if not math.isfinite(loss)), None),
        'test_acc': evaluate_accuracy(test_batches, net),
        'test_acc_batch': evaluate_accuracy(test_batches, net, is_training=True)}, digits=6)


def words(job):
    """What the file with the result of ``job`` is called."""
    return f'{job.network}-{job.kind}-lr{job.learning_rate:g}-seed{job.seed}'


def cost(job):
    """About proportional to the time that ``job`` takes: a measured step is worth a dozen others."""
    return ({'lenet': 8, 'sigmoid_mlp': 1}[job.network] * (2 if job.kind.startswith('noisy') else 1)
            * job.steps * (1 + 12 / job.measure_every))
