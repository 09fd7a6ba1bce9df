"""Training the sigmoid MLP for tens of thousands of steps, and looking at it on the way: :func:`train`.

The network is so small that calling operators takes most of the time. So the images are in memory as one NDArray, the
parameters are joined, the softmax and its gradient are one operator, and nothing waits for a number between two looks.
"""
from dataclasses import dataclass
from typing import Union

import numpy as np

from ... import data
from ..._mxnet import autograd, mx, nd
from ...functions import softmax_cross_entropy
from ...network_state import stored_statistics_kept
from ...optimizers import joined, rmsprop, sgd
from ...sigmoid_mlp import SigmoidMLP

PERCENTILES = (15, 50, 85)
LOOKED_AT = 1000        # test images, with which the inputs of the sigmoids are looked at
TRAIN_SCORED = 10_000   # training images, on which the training accuracy is measured
STEPS_IN_FLIGHT = 32


@dataclass(frozen=True)
class Job:
    """One training. ``lr`` is a learning rate on the mean loss of a batch for RMSprop, on the summed one for SGD."""

    seed: int
    batch_norm: bool
    optimizer: str
    lr: float
    weight_scale: Union[float, str]
    momentum: float = 0.9   # batch norm's
    eps: float = 1e-5       # batch norm's
    steps: int = 50_000
    batch_size: int = 60

    def network(self):
        """The network as it begins; the same weights with and without batch norm."""
        mx.random.seed(self.seed)
        return SigmoidMLP(weight_scale=self.weight_scale, batch_norm=self.batch_norm, momentum=self.momentum,
                          eps=self.eps)


def recorded_steps(steps):
    """The steps after which a training of so many is looked at: each hundredth, and more within the first.

    In a training of less than 10,000 steps it is each twentieth: to look takes as long as thirty steps.

    >>> recorded_steps(50_000)[:8], len(recorded_steps(50_000))
    ([8, 16, 31, 62, 125, 250, 500, 1000], 106)
    """
    parts = 100 if steps >= 10_000 else 20
    within = [steps / parts / 2 ** halvings for halvings in range(1, 7)]
    return sorted({round(step) for step in [*within, *(steps * k / parts for k in range(1, parts + 1))]} - {0})


def load_digits(data_dir=None):
    """MNIST as NumPy arrays: dict ``X_train``, ``y_train``, ``X_test``, ``y_test``; see :func:`gluon_bn.data.load`."""
    arrays = {}
    for name, train in (('train', True), ('test', False)):
        arrays['X_' + name], arrays['y_' + name] = data.load('mnist', train, data_dir)
    return arrays


class Digits:
    """MNIST in memory: NDArrays ``X`` ``(n, 784)`` in [0, 1] and NumPy arrays ``y`` ``(n,)``, for training and test.

    ``arrays`` is what :func:`load_digits` returns.
    """

    def __init__(self, arrays):
        self.X_train, self.X_test = (self._rows(arrays['X_' + name]) for name in ('train', 'test'))
        self.y_train, self.y_test = arrays['y_train'], arrays['y_test']

    @staticmethod
    def _rows(images):
        return nd.array(images.reshape(len(images), -1), dtype=np.uint8).astype(np.float32) / 255

    def batches(self, seed, batch_size):
        """Batches ``X`` ``(m, 784)``, ``y`` ``(m,)`` without end; each pass's order is a function of seed and pass.

        A pass has whole batches only; the images beyond the last one are others in each. ``ValueError`` if there are
        fewer images than a batch has.
        """
        n, epoch = len(self.y_train) // batch_size * batch_size, 0
        if n == 0:
            raise ValueError(f"there are {len(self.y_train)} training images; expected at least a batch, {batch_size}.")
        while True:
            order = np.random.default_rng([seed, epoch]).permutation(len(self.y_train))[:n]
            rows, labels = nd.array(order, dtype=np.int32), nd.array(self.y_train[order])
            for start in range(0, n, batch_size):
                chosen = slice(start, start + batch_size)
                yield nd.take(self.X_train, rows[chosen]), labels[chosen]
            epoch += 1


def train(job, digits, on_record=None):
    """Train one network; returns ``(net, records)``.

    Parameters
    ----------
    job : :class:`Job`
    digits : :class:`Digits`
    on_record : function ``(step, net, record)``, called after each of :func:`recorded_steps`

    A record is a dict: ``step``, ``loss`` (the mean of the step's batch, before it was made), ``train_acc`` and
    ``test_acc``, and ``percentiles``, for each of ``PERCENTILES`` a list over the units of the last hidden layer.
    Raises ``FloatingPointError`` when the loss is no longer finite.
    """
    net = job.network()
    update = _optimizer(job, joined(net.params))
    recorded, records = set(recorded_steps(job.steps)), []
    for step, (X, y) in zip(range(1, job.steps + 1), digits.batches(job.seed, job.batch_size)):
        scores = _step(net, X, y, update)                                                      # (m, K)
        if step in recorded:
            loss = float(nd.mean(softmax_cross_entropy(scores, nd.one_hot(y, scores.shape[1]))).asscalar())
            if not np.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} after {step} steps of {job}.")
            records.append({'step': step, 'loss': loss, **look(net, digits)})
            if on_record is not None:
                on_record(step, net, records[-1])
        elif step % STEPS_IN_FLIGHT == 0:
            scores.wait_to_read()  # now and then, so that the queue of the engine stays short
    return net, records


def look(net, digits):
    """Accuracies of ``net``, with the stored statistics, and the percentiles of what its last sigmoids get in training.

    For the percentiles ``LOOKED_AT`` test images, the same at every look, are one batch, normalised by its own
    statistics as in training. ``net`` is as before in the end. See :func:`train`.
    """
    with stored_statistics_kept(net):
        inputs = net.sigmoid_inputs(digits.X_test[:LOOKED_AT], is_training=True)
        percentiles = np.percentile(inputs[net.hidden_numbers[-1]].asnumpy(), PERCENTILES, axis=0)       # (3, units)
    return {'train_acc': _accuracy(net, digits.X_train[:TRAIN_SCORED], digits.y_train[:TRAIN_SCORED]),
            'test_acc': _accuracy(net, digits.X_test, digits.y_test), 'percentiles': percentiles.tolist()}


def _accuracy(net, X, y):
    """One large batch: it fits into memory, and nothing else is needed of :func:`gluon_bn.evaluate_accuracy`."""
    return float(np.mean(nd.argmax(net(X, is_training=False), axis=1).asnumpy() == y))


def _step(net, X, y, update):
    """A step as :func:`gluon_bn.train_step` makes it, the loss left out; returns the scores, ``(m, K)``.

    ``nd.SoftmaxOutput`` is the softmax, and gives backward the gradient of the summed cross entropy.
    """
    with autograd.record():
        scores = net(X, is_training=True)                                                      # (m, K)
        probabilities = nd.SoftmaxOutput(scores, y)                                            # (m, K)
    probabilities.backward()
    update()
    return scores


def _optimizer(job, params):
    """A function without arguments that makes the job's step of ``params``, one array."""
    if job.optimizer == 'sgd':
        return lambda: sgd([params], job.lr)
    if job.optimizer == 'rmsprop':
        mean_squares = {}
        return lambda: rmsprop({'all': params}, mean_squares, job.lr, rescale_grad=1 / job.batch_size)
    raise ValueError(f"there is no optimizer {job.optimizer!r}; expected 'sgd' or 'rmsprop'.")
