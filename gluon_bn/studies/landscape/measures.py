"""The loss around a step of training: how far it can be trusted, and how much the layers disturb one another.

After Santurkar, Tsipras, Ilyas and Madry (2018), 'How Does Batch Normalization Help Optimization?'. The measures here
are functions of a function: ``objective(x)`` gives the loss at the parameters ``x``, a vector, and its gradient.
:class:`Objective` makes one of a network and a batch, and leaves the network as it was.
"""
import re
from dataclasses import dataclass
from typing import List

import numpy as np

from ...network_state import stored_statistics_kept
from ...run.observation import gradients_of, mean_loss

MULTIPLES = (0.5, 1, 2, 3, 4)  # step lengths in learning rates: from half a step of training to four, as theirs


@dataclass(frozen=True)
class Landscape:
    """What is met along the negative gradient from one point."""

    loss: float                    # at the point itself
    losses: List[float]            # after each step length
    gradient_norm: float           # l2, at the point itself
    gradient_changes: List[float]  # l2 distance of the gradient after each step length from that at the point
    smoothness: float              # the largest of gradient change / distance moved: the 'effective' beta-smoothness


def along_gradient(objective, x, step_lengths):
    """Walk from ``x`` against its gradient; measure loss and gradient at each of ``step_lengths``.

    Santurkar et al. (2018), section 3.1: the loss at ``x - s g`` with ``g`` the gradient at ``x``, how far the gradient
    there is from ``g`` (their gradient predictiveness), and the largest ratio of that to the distance ``s |g|`` (their
    effective beta-smoothness; a gradient descent step of less than ``2 / beta`` lowers the loss, of a function that has
    this beta everywhere).

    Parameters
    ----------
    objective : function of a vector ``(P,)``: ``(loss, gradient (P,))``
    x : array ``(P,)``, not changed
    step_lengths : positive numbers, factors of the gradient as a learning rate is

    Returns
    -------
    :class:`Landscape`. At a point where the gradient is 0 there is no direction: smoothness is NaN.

    Example
    -------
    >>> parabola = lambda x: (1.5 * float(x @ x), 3 * x)        # its smoothness is 3 everywhere
    >>> along_gradient(parabola, np.array([2.0]), (0.25, 0.5)).smoothness
    3.0
    """
    if not len(step_lengths) or min(step_lengths) <= 0:
        raise ValueError(f"step_lengths are {step_lengths}; expected at least one, all above 0.")
    loss, gradient = objective(x)
    norm = float(np.linalg.norm(gradient))
    met = [objective(x - length * gradient) for length in step_lengths]
    changes = [float(np.linalg.norm(there - gradient)) for _, there in met]
    ratios = [change / (length * norm) for change, length in zip(changes, step_lengths)] if norm else [float('nan')]
    return Landscape(loss, [float(there) for there, _ in met], norm, changes, max(ratios))


def covariate_shift(objective, before, after, layers):
    """How much the update of the layers below changes each layer's gradient: 'internal covariate shift'.

    Definition 2.1 of Santurkar et al. (2018): the gradient of layer ``i`` with all layers as they were, against the
    one with the layers before ``i`` updated. If the first layer's differ, something other than the update does it.

    Parameters
    ----------
    objective : as for :func:`along_gradient`
    before, after : arrays ``(P,)``, the parameters before and after one update of all layers; not changed
    layers : slices of the vectors, from the first layer to the last

    Returns
    -------
    list of dict, one a layer: ``norm`` of its gradient before, ``change`` (l2 distance) and ``cosine`` (of the angle
    between the two; NaN if one of them is 0).
    """
    _, old = objective(before)
    shifts, x = [], before.copy()
    for number, layer in enumerate(layers):
        new = objective(x)[1] if number else old
        a, b = old[layer], new[layer]
        norms = float(np.linalg.norm(a)), float(np.linalg.norm(b))
        shifts.append({'norm': norms[0], 'change': float(np.linalg.norm(b - a)),
                       'cosine': float(a @ b / (norms[0] * norms[1])) if all(norms) else float('nan')})
        x[layer] = after[layer]
    return shifts


class Objective:
    """The mean loss of ``net`` on one batch as a function of all its parameters, and its gradient.

    Parameters
    ----------
    net : a network as :class:`gluon_bn.LeNet` is; while training, that is with the batch's own statistics
    data, label : ``(m, ...)`` and ``(m,)``, as for :func:`gluon_bn.train_step`

    A call ``objective(x)`` takes ``x (P,)`` for the parameters and gives ``(loss, gradient (P,))``, both in double
    precision (computed in the network's). The network's parameters with their gradients, and its stored statistics, are
    the same afterwards, bit for bit.

    >>> net = LeNet(weight_scale=0.1)
    >>> objective = Objective(net, nd.random.uniform(shape=(8, 1, 28, 28)), nd.arange(8))
    >>> loss, gradient = objective(parameters(net))
    >>> gradient.shape == parameters(net).shape
    True
    """

    def __init__(self, net, data, label):
        self.net, self.data, self.label = net, data, label

    def __call__(self, x):
        """Mean loss and gradient ``(P,)`` at the parameters ``x (P,)``."""
        here = parameters(self.net)
        set_parameters(self.net, x)
        try:
            with stored_statistics_kept(self.net):
                loss = mean_loss(self.net, self.data, self.label)
            return float(loss.asscalar()), _as_vector(gradients_of(loss, self.net).values())
        finally:
            set_parameters(self.net, here)


def parameters(net):
    """All parameters of ``net`` as one vector ``(P,)`` in double precision, in the order of ``net.params``."""
    return _as_vector(net.params.values())


def set_parameters(net, x):
    """Give the parameters of ``net`` the values of the vector ``x (P,)``, in place; the inverse of ``parameters``."""
    begin = 0
    for param in net.params.values():
        param[:] = x[begin:begin + param.size].reshape(param.shape)
        begin += param.size


def layers_of(net):
    """Where in the vector of :func:`parameters` each layer is, as slices, from the first layer to the last.

    The names of parameters end in the number of their layer, and those of one layer stand together.

    >>> layers_of(LeNet(batch_norm=False))
    [slice(0, 200, None), slice(200, 25250, None), slice(25250, 127778, None), slice(127778, 129068, None)]
    """
    ends, begin = {}, 0
    for name, param in net.params.items():
        begin += param.size
        ends[re.sub(r'\D', '', name)] = begin
    return [slice(start, end) for start, end in zip([0, *ends.values()], ends.values())]


def _as_vector(arrays):
    return np.concatenate([array.asnumpy().ravel() for array in arrays]).astype(np.float64)
