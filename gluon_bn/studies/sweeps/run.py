"""One training of LeNet on MNIST for the experiments: :class:`Run` says what is trained, :func:`result_of` trains it.

The learning rates here are those for the *mean* loss of a batch, so that they can be compared over batch sizes: the
main job's 0.001 on the summed loss of 64 images is 0.064. Run as a module, this is a worker.
"""
import math
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
from ...support.parallel import serve_jobs
from ...support.results import finite
from ...training import MovingLoss, evaluate_accuracy, train_step

POSITIONS = ('before', 'after', None)  # of batch norm, beside the activation; None is a network without it
EVALUATION_BATCH = 250


@dataclass(frozen=True)
class Run:
    """What one training computes: nothing else has a part in its result.

    ``batch_norm`` is its position beside the activation, None for none. The network is scored on ``test_images`` after
    each of the steps ``score_after``, and the last of them ends the training. With ``recalibrate``, a number of
    training images, it is also scored with statistics made from these, and with those of each test batch.

    :class:`~gluon_bn.LeNet` draws gamma and beta with the scale of the weights. With ``gamma_one`` gamma begins at 1
    and beta at 0 instead, so that ``weight_scale`` is that of the weights and biases alone.
    """

    seed: int
    batch_norm: Optional[str] = 'before'
    lr: float = 0.1
    weight_scale: float = 0.1
    batch_size: int = 64
    momentum: float = 0.9
    eps: float = 1e-5
    score_after: Tuple[int, ...] = (100,)
    test_images: int = 2000
    recalibrate: int = 0
    gamma_one: bool = False

    def __post_init__(self):
        steps = self.score_after
        for name, expected, right in (
                ('seed', 'from 0 to 2147483647', 0 <= self.seed < 2**31),
                ('batch_norm', "'before', 'after' or None", self.batch_norm in POSITIONS),
                ('lr', 'a finite number above 0', 0 < self.lr < math.inf),
                ('weight_scale', 'a finite number above 0', 0 < self.weight_scale < math.inf),
                ('batch_size', 'from 1 to 60,000', 1 <= self.batch_size <= 60000),
                ('momentum', 'from 0 to 1', 0 <= self.momentum <= 1),
                ('eps', 'a finite number, at least 0', 0 <= self.eps < math.inf),
                ('score_after', 'rising numbers of steps, each at least 1',
                 steps and steps[0] >= 1 and all(a < b for a, b in zip(steps, steps[1:]))),
                ('test_images', 'from 1 to 10,000', 1 <= self.test_images <= 10000),
                ('recalibrate', '0, or from 2 to 60,000 images for a network with batch norm',
                 self.recalibrate == 0 or self.batch_norm and 2 <= self.recalibrate <= 60000),
                ('gamma_one', 'False, or True for a network with batch norm',
                 self.gamma_one in (True, False) and (self.batch_norm is not None or not self.gamma_one))):
            if not right:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected {expected}.")

    @property
    def steps(self):
        """How many steps of training."""
        return self.score_after[-1]


def run_from(description):
    """The run that ``asdict(run)`` describes, also after a way through JSON."""
    return Run(**{**description, 'score_after': tuple(description['score_after'])})


class NormAfterActivation(LeNet):
    """LeNet with ReLU first and batch norm after it, in every layer."""

    def activate(self, h, number, is_training):
        """ReLU, then the batch norm of layer ``number``."""
        return self._normalize(relu(h), number, is_training)


def load_images():
    """MNIST: ``{'train': (images, labels), 'test': (images, labels)}``."""
    return {name: data.load('mnist', train) for name, train in (('train', True), ('test', False))}


def network_of(run):
    """The network of a run before its first step: initial values drawn by MXNet's generator, seeded with the seed."""
    mx.random.seed(run.seed)
    net = (NormAfterActivation if run.batch_norm == 'after' else LeNet)(
        mx.cpu(), weight_scale=run.weight_scale, batch_norm=run.batch_norm is not None, momentum=run.momentum,
        eps=run.eps)
    for name, param in net.params.items():
        if run.gamma_one and name.startswith(('gamma', 'beta')):
            param[:] = name.startswith('gamma')
    return net


def result_of(run, images):
    """Train and score; returns a dict that JSON can hold, the same for the same run (on one machine, with one thread).

    ``images`` is what :func:`load_images` returns. In the result, ``status`` is

    - 'finished': ``scores`` has a dict for each of ``run.score_after``, with ``step`` and ``test_acc``, and in a run
      that recalibrates ``recalibrated_acc`` and ``batch_acc``; ``loss`` is the mean over the last tenth of the steps;
    - 'diverged', if the loss or a parameter was no longer finite, which ended the training: the last of ``scores`` has
      the accuracy as it stood then, and ``loss`` is None;
    - 'refused', if the network does not train on such batches, for the ``reason`` it gave: no scores, no loss.
    """
    net, moving_loss, scores, diverged, step = network_of(run), MovingLoss(), [], False, 0
    result = {'run': asdict(run), 'status': 'finished', 'reason': None, 'scores': scores, 'loss': None}
    for step, (X, y) in enumerate(islice(data.whole_batches(*images['train'], run.batch_size, run.seed), run.steps), 1):
        try:
            moving_loss.add(train_step(net, X, y, run.lr / run.batch_size))
        except ValueError as error:
            if step > 1:  # a batch like the others: that is no refusal
                raise
            return {**result, 'status': 'refused', 'reason': str(error)}
        scoring = step in run.score_after
        diverged = not np.isfinite(moving_loss.losses[-1:]).all() or scoring and not _finite_parameters(net)
        if diverged:
            break
        if scoring:
            scores.append(_scores(net, run, images, step))
    moving_loss.finish()
    if diverged or not np.isfinite(moving_loss.losses).all():
        scores[:] = [score for score in scores if score['step'] < step]
        scores.append({'step': step, 'test_acc': evaluate_accuracy(_test_batches(images, run), net)})
        return {**result, 'status': 'diverged'}
    return finite({**result, 'loss': float(np.mean(moving_loss.losses[-max(1, run.steps // 10):]))})


def _scores(net, run, images, step):
    """The test accuracy with the stored statistics; if asked for, also with recalibrated ones and the batch's own."""
    scores = {'step': step, 'test_acc': evaluate_accuracy(_test_batches(images, run), net)}
    if run.recalibrate:
        scores['batch_acc'] = evaluate_accuracy(_test_batches(images, run), net, is_training=True)
        batches = -(-run.recalibrate // run.batch_size)
        with stored_statistics_kept(net):
            others = data.whole_batches(*images['train'], run.batch_size, run.seed + 2**16)
            recalibrate(net, islice(others, batches))
            scores['recalibrated_acc'] = evaluate_accuracy(_test_batches(images, run), net)
    return scores


def _test_batches(images, run):
    """Every so many-th of the test images: the first half of MNIST's is easier than the second."""
    every = len(images['test'][0]) // run.test_images
    chosen = (array[::every][:run.test_images] for array in images['test'])
    return data.batches(*chosen, EVALUATION_BATCH, ctx=mx.cpu())


def _finite_parameters(net):
    return all(np.isfinite(param.asnumpy()).all() for param in net.params.values())


def _serve():
    images = load_images()
    serve_jobs(lambda description: result_of(run_from(description), images))


if __name__ == '__main__':
    _serve()
