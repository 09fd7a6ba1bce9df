"""A step of training that is measured: the landscape before it, and what it does to the layers' inputs."""
from dataclasses import asdict

import numpy as np

from ..._mxnet import autograd
from ...network_state import activations_watched, stored_statistics_kept
from ...training import train_step
from .measures import MULTIPLES, Objective, along_gradient, covariate_shift, layers_of, parameters


def measured_step(net, batch, label, lr):
    """A step of training as :func:`gluon_bn.train_step` does it, with what is measured before and after.

    ``lr`` is the learning rate on the mean loss. All is measured on the batch of the step itself, with its noise.

    Returns the batch's mean loss as ``train_step`` does, and a dict: the fields of
    :class:`.measures.Landscape` (step lengths: ``MULTIPLES`` of ``lr``); ``shift``, a list from
    :func:`.measures.covariate_shift`; and ``inputs``, for each activation what :func:`moved` gives.
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
    with stored_statistics_kept(net), autograd.pause(), activations_watched(net) as seen:
        net(batch, is_training=True)
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


def _rms(values):
    return float(np.sqrt(np.mean(np.square(values))))
