"""Observation of a network at one moment of its training: inputs of activations, weights and gradients as arrays."""
import numpy as np

from .._mxnet import autograd, nd
from ..checks import check_net
from ..network_state import activations_watched, stored_statistics_kept
from ..support.arguments import number
from ..training import recorded_losses


def observe(net, data, label):
    """Pre-activations, weights and gradients of ``net`` for one batch, as training would compute them.

    Parameters
    ----------
    net : a network with ``params`` and ``watch``, as :class:`gluon_bn.LeNet` has. Its parameters, the gradients kept
        in them and its stored statistics are **not changed**, bit for bit.
    data, label : ``(m, ...)`` and ``(m,)``, as for :func:`gluon_bn.train_step`

    Returns
    -------
    dict of dicts name -> NumPy array: ``pre-activations`` (the inputs of the activations, under the numbers of their
    layers; where the net has batch norm, normalised by this batch), ``weights`` (all parameters) and ``gradients``
    (of this batch's *mean* loss by each parameter, so that batches of different sizes can be compared).

    >>> observed = observe(LeNet(), nd.random.uniform(shape=(8, 1, 28, 28)), nd.arange(8))
    >>> {name: array.shape for name, array in observed['pre-activations'].items()}
    {'1': (8, 20, 26, 26), '2': (8, 50, 9, 9), '3': (8, 128)}
    """
    check_net(net, needed=('params', 'watch'))
    with stored_statistics_kept(net):
        with activations_watched(net) as inputs:
            loss = mean_loss(net, data, label)
        gradients = gradients_of(loss, net)
    return {'pre-activations': _as_arrays(inputs), 'weights': _as_arrays(net.params),
            'gradients': _as_arrays(gradients)}


def mean_loss(net, data, label):
    """The mean loss of a batch in training, ``(1,)``, recorded for :func:`gradients_of`; ``label`` is ``(m,)``."""
    losses = recorded_losses(net, data, label)                                                      # (m,)
    with autograd.record():
        return nd.mean(losses)                                                                      # (1,)


def gradients_of(loss, net):
    """The gradient of a recorded ``loss`` by each parameter, name -> NDArray; those kept in ``param.grad`` stay."""
    return dict(zip(net.params, autograd.grad(loss, list(net.params.values()))))


def dead_units(observed):
    """The share of units, or of channels, that a ReLU would give 0 for every example: layer number -> from 0 to 1.

    ``observed`` is what :func:`observe` returns. Nothing comes back through such a unit: it does not learn from this
    batch. Of a layer with a NaN nobody can say: its share is NaN.

    >>> dead_units({'pre-activations': {'1': np.array([[-1., 2.], [-3., -4.]])}})
    {'1': 0.5}
    """
    largest = {number: inputs.max(axis=(0, *range(2, inputs.ndim)))
               for number, inputs in observed['pre-activations'].items()}                    # (units,), NaN stays
    return {number: float(np.where(np.isnan(of_unit), np.nan, of_unit <= 0).mean())
            for number, of_unit in largest.items()}


def update_ratios(observed, lr):
    """How long a step of SGD is beside the weights that it changes: parameter name -> root mean square over that.

    ``lr``, at least 0, is the learning rate on the *mean* loss of a batch. Of arrays with two axes and more: the
    weights.

    >>> update_ratios({'weights': {'W1': np.full((2, 2), 2.), 'b1': np.zeros(2)},
    ...                'gradients': {'W1': np.full((2, 2), 4.), 'b1': np.zeros(2)}}, lr=0.1)
    {'W1': 0.2}
    """
    lr = number('lr', lr, at_least=0)
    return {name: float(lr * np.sqrt((gradient ** 2).mean() / (observed['weights'][name] ** 2).mean()))
            for name, gradient in observed['gradients'].items() if gradient.ndim > 1}


def _as_arrays(named):
    return {name: array.asnumpy() for name, array in named.items()}
