"""Training of LeNet on MNIST for the sweeps: :class:`Job` says what is trained, :func:`train` trains it.

The learning rates here are those for the *mean* loss of a batch, so that they can be compared over batch sizes: the
main job's 0.001 on the summed loss of 64 images is 0.064.
"""
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Optional, Tuple

import numpy as np

from ... import data
from ..._mxnet import mx
from ...functions import relu
from ...lenet import LeNet
from ...network_state import stored_statistics_kept
from ...recalibration import recalibrate
from ...support.options import Kind, check_options, choice, option, real, whole, yes_or_no
from ...support.results import json_safe
from ...training import MovingLoss, evaluate_accuracy, train_step

POSITIONS = ('before', 'after', None)  # of batch norm, beside the activation; None is a network without it
EVALUATION_BATCH = 250


def _rising(name, steps):
    if not steps or steps[0] < 1 or not all(a < b for a, b in zip(steps, steps[1:])):
        raise ValueError(f"{name} is {steps}; expected rising numbers of steps, each at least 1.")
    return steps


@dataclass(frozen=True)
class Job:
    """What one training computes: nothing else has a part in its result.

    ``batch_norm`` is its position beside the activation, None for none. The network is scored on ``test_images`` after
    each of the steps ``score_after``, and the last of them ends the training. With ``recalibrate``, a number of
    training images, it is also scored with statistics made from these, and with those of each test batch.

    :class:`~gluon_bn.LeNet` draws gamma and beta with the scale of the weights. With ``gamma_one`` gamma begins at 1
    and beta at 0 instead, so that ``weight_scale`` is that of the weights and biases alone.
    """

    seed: int = option(kind=whole(at_least=0, at_most=2**31 - 1), optional=False)
    batch_norm: Optional[str] = option('before', choice('before', 'after'), optional=True)
    lr: float = option(0.1, real(above=0))
    weight_scale: float = option(0.1, real(above=0))
    batch_size: int = option(64, whole(at_least=1, at_most=60_000))
    momentum: float = option(0.9, real(at_least=0, at_most=1))
    eps: float = option(1e-5, real(at_least=0))
    score_after: Tuple[int, ...] = option((100,), Kind(_rising, {}))
    test_images: int = option(2000, whole(at_least=1, at_most=10_000))
    recalibrate: int = option(0, whole(at_least=0, at_most=60_000))
    gamma_one: bool = option(False, yes_or_no('store_true'))

    def __post_init__(self):
        check_options(self)
        for name, nothing in (('recalibrate', 0), ('gamma_one', False)):
            if self.batch_norm is None and getattr(self, name):
                raise ValueError(f"{name} is {getattr(self, name)}; expected {nothing} for a network without batch "
                                 "norm.")
        if self.recalibrate == 1:
            raise ValueError("recalibrate is 1; expected 0, or from 2 to 60,000 images.")

    @property
    def steps(self):
        """How many steps of training."""
        return self.score_after[-1]


class NormAfterActivation(LeNet):
    """LeNet with ReLU first and batch norm after it, in every layer."""

    def activate(self, h, number, is_training):
        """ReLU, then the batch norm of layer ``number``."""
        return self._normalize(relu(h), number, is_training)


def make_network(job):
    """The network of a job before its first step: initial values drawn by MXNet's generator, seeded with the seed."""
    mx.random.seed(job.seed)
    net = (NormAfterActivation if job.batch_norm == 'after' else LeNet)(
        mx.cpu(), weight_scale=job.weight_scale, batch_norm=job.batch_norm is not None, momentum=job.momentum,
        eps=job.eps)
    for name, param in net.params.items():
        if job.gamma_one and name.startswith(('gamma', 'beta')):
            param[:] = name.startswith('gamma')
    return net


def train(job, digits):
    """Train and score; returns a dict that JSON can hold, the same for the same job (on one machine, with one thread).

    ``digits`` is what :func:`gluon_bn.studies.study.load_mnist` returns. In the result, ``status`` is

    - 'finished': ``scores`` has a dict for each of ``job.score_after``, with ``step`` and ``test_acc``, and in one
      that recalibrates ``recalibrated_acc`` and ``batch_acc``; ``loss`` is the mean over the last tenth of the steps;
    - 'diverged', if the loss or a parameter was no longer finite, which ended the training: the last of ``scores`` has
      the accuracy as it stood then, and ``loss`` is None;
    - 'refused', if the network does not train on such batches, for the ``reason`` it gave: no scores, no loss.
    """
    net, moving_loss, scores, diverged, step = make_network(job), MovingLoss(), [], False, 0
    result = {'job': asdict(job), 'status': 'finished', 'reason': None, 'scores': scores, 'loss': None}
    for step, (X, y) in enumerate(islice(_batches(digits, job, job.seed), job.steps), 1):
        try:
            moving_loss.add(train_step(net, X, y, job.lr / job.batch_size))
        except ValueError as error:
            if step > 1:  # a batch like the others: that is no refusal
                raise
            return {**result, 'status': 'refused', 'reason': str(error)}
        scoring = step in job.score_after
        diverged = not np.isfinite(moving_loss.losses[-1:]).all() or scoring and not _finite_parameters(net)
        if diverged:
            break
        if scoring:
            scores.append(_scores(net, job, digits, step))
    moving_loss.finish()
    if diverged or not np.isfinite(moving_loss.losses).all():
        scores[:] = [score for score in scores if score['step'] < step]
        scores.append({'step': step, 'test_acc': evaluate_accuracy(_test_batches(digits, job), net)})
        return {**result, 'status': 'diverged'}
    return json_safe({**result, 'loss': float(np.mean(moving_loss.losses[-max(1, job.steps // 10):]))})


def _scores(net, job, digits, step):
    """The test accuracy with the stored statistics; if asked for, also with recalibrated ones and the batch's own."""
    scores = {'step': step, 'test_acc': evaluate_accuracy(_test_batches(digits, job), net)}
    if job.recalibrate:
        scores['batch_acc'] = evaluate_accuracy(_test_batches(digits, job), net, is_training=True)
        batches = -(-job.recalibrate // job.batch_size)
        with stored_statistics_kept(net):
            recalibrate(net, islice(_batches(digits, job, job.seed + 2**16), batches))
            scores['recalibrated_acc'] = evaluate_accuracy(_test_batches(digits, job), net)
    return scores


def _batches(digits, job, seed):
    return data.whole_batches(digits['X_train'], digits['y_train'], job.batch_size, seed)


def _test_batches(digits, job):
    """Every so many-th of the test images: the first half of MNIST's is easier than the second."""
    every = len(digits['X_test']) // job.test_images
    chosen = (array[::every][:job.test_images] for array in (digits['X_test'], digits['y_test']))
    return data.batches(*chosen, EVALUATION_BATCH, ctx=mx.cpu())


def _finite_parameters(net):
    return all(np.isfinite(param.asnumpy()).all() for param in net.params.values())


def words(job):
    """What the file with the result of ``job`` is called."""
    return f"{job.batch_norm or 'none'}-lr{job.lr:g}-scale{job.weight_scale:g}-batch{job.batch_size}-seed{job.seed}"


def cost(job):
    """About how long ``job`` takes: the images, and what every step costs besides."""
    return job.steps * (job.batch_size + 10) * (1 if job.batch_norm == 'before' else 2)
