"""Training and scoring a network: :func:`train_epoch` and :func:`evaluate_accuracy`.

MXNet works asynchronously: an operator returns at once and the engine computes later. Reading a number waits for it,
so the loops here read each number a few batches late, when it is there anyway. That also keeps the queue short, and
with it the memory of the batches in it.
"""
from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from ._mxnet import autograd, nd
from .checks import check_batch, check_classes, check_net, check_net_and_batches, pair
from .functions import softmax_cross_entropy
from .network_state import stored_statistics_kept
from .optimizers import sgd
from .support.arguments import boolean, number, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from mxnet.ndarray import NDArray

BATCHES_IN_FLIGHT = 8


class MovingLoss:
    """Two moving averages of the loss, ``0.99 * old + 0.01 * new``, in double precision: they begin differently.

    ``value`` begins with the first batch's loss, as notebooks have it: that loss counts a hundred times as much as
    the next one, so for some hundred batches ``value`` is far above the losses that it is the average of. ``average``
    begins with nothing, and is divided by the sum of its weights (as Adam's averages are, Kingma and Ba, 2015): after
    one batch it is that batch's loss, after two about the mean of both, and after many as good as ``value``.

    ``add`` takes a loss that the engine may still be computing; it is read ``BATCHES_IN_FLIGHT`` batches later, or by
    ``finish``. Every loss that has been read goes to the list ``losses``, and then ``on_read(loss)`` is called.

    >>> moving_loss = MovingLoss()
    >>> for value in (2., 1.):
    ...     moving_loss.add(nd.array([value]))
    >>> moving_loss.finish()
    1.99
    >>> round(moving_loss.average, 4)
    1.4975
    """

    def __init__(self, losses=()):
        self.losses = []
        self.value = float('nan')
        self.on_read = lambda loss: None
        self._sum, self._weights = 0., 0.
        self._waiting = deque()
        for loss in losses:
            self.read(loss)

    @property
    def average(self):
        """The average that begins with nothing, over the sum of its weights; NaN before the first loss."""
        return self._sum / self._weights if self.losses else float('nan')

    def add(self, loss):
        """Take the mean loss of one batch, an NDArray of one value."""
        self._waiting.append(loss)
        if len(self._waiting) > BATCHES_IN_FLIGHT:
            self.read(self._waiting.popleft().asscalar())

    def finish(self):
        """Read the losses that are still in flight, and return ``value``."""
        while self._waiting:
            self.read(self._waiting.popleft().asscalar())
        return self.value

    def read(self, loss):
        """Fold in the loss of one batch, a number."""
        loss = float(loss)
        self.value = 0.99 * self.value + 0.01 * loss if self.losses else loss
        self._sum, self._weights = 0.99 * self._sum + 0.01 * loss, 0.99 * self._weights + 0.01
        self.losses.append(loss)
        self.on_read(loss)


def train_step(net: Any, data: NDArray, label: NDArray, lr: float, update: Callable[..., None] = sgd) -> NDArray:
    """One step of training on one batch, in place; returns the batch's mean loss, ``(1,)``, without waiting for it.

    ``data`` is an NDArray ``(m, C, H, W)``, ``label`` ``(m,)`` with class numbers; ``update(params, lr)`` is the
    optimiser. The gradient is that of the *summed* loss, so that a step is proportional to the size of the batch.
    Raises ``ValueError`` or ``TypeError`` for other data and for a label outside the classes, and nothing is changed.
    """
    check_net(net, needed=['params'])
    if not callable(update):
        raise TypeError(f"update is {shown(update)}; expected a function update(params, lr), such as gbn.sgd.")
    with stored_statistics_kept(net, only_if_refused=True):
        loss = recorded_losses(net, data, label)                                          # (m,)
        loss.backward()
        update(net.params, lr)
    return nd.mean(loss)


def recorded_losses(net, data, label, whole_batch=None):
    """The loss of each example of a batch in training, ``(m,)``, recorded for the backward pass; checks both first.

    Of a network that shares its batches with other ranks, see :class:`gluon_bn.LeNet`, a rank without examples gives
    None for both: it gets a loss of 0 that has gradients of 0, ``(1,)``. ``whole_batch`` are the class numbers of all
    ranks, so that all refuse one that is no class, and none goes on alone; None for ``label`` alone.
    """
    if data is None and label is None and getattr(net, 'group', None) is not None:
        numbers = np.empty(0)
    else:
        label, numbers = check_batch(data, label)
    with autograd.record():
        yhat_linear = net(data, is_training=True)                                         # (m, K)
        num_classes = yhat_linear.shape[-1]
        check_classes(numbers if whole_batch is None else whole_batch, num_classes)
        if data is None:
            return nd.sum(yhat_linear, axis=1)                                            # (1,)
        return softmax_cross_entropy(yhat_linear, nd.one_hot(label, num_classes, dtype=yhat_linear.dtype))


def train_epoch(net: Any, data_iterator: Iterable[tuple[NDArray, NDArray]], lr: float) -> float:
    """Train for one pass over ``data_iterator`` with SGD; returns the moving average of the loss.

    It is that of many notebooks, ``0.99 * old + 0.01 * new`` from the first batch's loss on. So after less than some
    300 batches it is far above the losses of the last ones: 200 batches leave the first loss a weight of 0.13.

    Parameters
    ----------
    net : a network as :class:`gluon_bn.LeNet` is: ``net(X, is_training=True)`` and ``net.params``, **changed in place**
    data_iterator : batches ``(data, label)``, for example ``gbn.data.batches(...)``: an NDArray of examples in the
        context of ``net``, and their class numbers ``(m,)``, an NDArray, another array or a list
    lr : float, at least 0, learning rate on the summed loss of a batch

    Raises
    ------
    ValueError, TypeError : there is no batch; a batch of another form; a label that is no class of the network. The
        step with that batch has changed nothing.

    Example
    -------
    >>> images, labels = gbn.data.load('mnist')
    >>> net = gbn.LeNet()
    >>> gbn.train_epoch(net, gbn.data.batches(images[:6400], labels[:6400], 64), lr=0.001) < 2
    True
    """
    number('lr', lr, at_least=0)
    check_net_and_batches(net, data_iterator, needed=['params'])
    moving_loss = MovingLoss()
    for batch in data_iterator:
        data, label = pair(batch)
        moving_loss.add(train_step(net, data, label, lr))
    moving_loss.finish()
    if not moving_loss.losses:
        raise ValueError("data_iterator gave no batch: nothing to train on.")
    return moving_loss.value


def evaluate_accuracy(data_iterator: Iterable[tuple[NDArray, NDArray]], net: Any, is_training: bool = False) -> float:
    """The share of examples whose largest score is at their label; one with a score that is NaN has no largest.

    Parameters
    ----------
    data_iterator : batches ``(data, label)``, as for :func:`train_epoch`
    net : ``net(X, is_training)`` returns scores ``(m, K)``; its stored statistics are **not changed**, bit for bit
    is_training : bool
        False scores as after training, with the stored statistics; True with each batch's own.

    Raises
    ------
    ValueError, TypeError : there is no batch; a batch of another form; a label that is no class of the network
    """
    boolean('is_training', is_training)
    check_net_and_batches(net, data_iterator)
    correct, examples, in_flight = None, 0, deque()
    with stored_statistics_kept(net):
        for batch in data_iterator:
            data, label = pair(batch)
            label, numbers = check_batch(data, label)
            yhat_linear = net(data, is_training=is_training)                                  # (m, K)
            check_classes(numbers, yhat_linear.shape[-1])
            predictions = nd.argmax(yhat_linear, axis=1)                                      # (m,)
            hits = predictions == label.astype(predictions.dtype, copy=False)                 # (m,)
            hits = nd.sum(hits * nd.min(yhat_linear == yhat_linear, axis=1))                  # (1,), NaN is no hit
            correct = hits if correct is None else correct + hits
            examples += data.shape[0]
            in_flight.append(correct)
            if len(in_flight) > BATCHES_IN_FLIGHT:
                in_flight.popleft().wait_to_read()
    if correct is None:
        raise ValueError("data_iterator gave no batch: there is nothing to score.")
    return float(np.float64(correct.asscalar()) / examples)
