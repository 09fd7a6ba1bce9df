"""Networks in memory as graphs: Gluon blocks, and this package's networks by hand, whose layers are written down here.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .graph import Graph, Node

if TYPE_CHECKING:
    from typing import Any, Sequence


def of_network(net: Any, shape: Sequence | None = None) -> Graph:
    """The graph of a network, for inference, with copies of its parameters; the network is not changed.

    Parameters
    ----------
    net : a Gluon block that can be hybridized and has values, or a :class:`gluon_bn.LeNet`, ``SigmoidMLP``,
        ``FullyConnectedNet`` or ``MLP``; of these, the last two need no MXNet
    shape : of the input, or for a block of several arguments a list of shapes; nothing but their number is used

    The parameters of the networks by hand get the names that Gluon would give them: conv1_weight, bn1_gamma,
    dense3_bias. Raises ``TypeError`` for what is none of these, ``ValueError`` for a network that is not ready: without
    values, without stored statistics, or with layers of its own that no graph can have.

    >>> graph = of_network(gbn.MLP([4, 3, 2], seed=0))
    Traceback (most recent call last):
    ValueError: bn1 has no stored statistics; expected a network that was trained, or called in training mode.
    """
    for kind in type(net).__mro__:
        make = _BY_HAND.get((kind.__module__, kind.__name__))
        if make is not None:
            return make(net, _Builder(net, kind))
    if not hasattr(net, 'collect_params'):
        raise TypeError(f"net is a {type(net).__name__}; expected a Gluon block, a LeNet, SigmoidMLP, "
                        "FullyConnectedNet or MLP.")
    from .gluon import of_block
    several = shape is not None and len(shape) > 0 and not np.isscalar(shape[0])
    return of_block(net, [f'data{i}' for i in range(len(shape))] if several and len(shape) > 1 else ['data'])


class _Builder:
    """Puts a network together, layer by layer."""

    def __init__(self, net, kind):
        below = type(net).__mro__[:type(net).__mro__.index(kind)]
        own = [name for name in ('__call__', 'loss', 'activate', 'before_sigmoid', '_scores', '_normalize')
               if any(name in vars(subclass) for subclass in below)]
        if own:
            raise ValueError(f"{type(net).__name__} has its own {own[0]}, and what it computes is known only there; "
                             f"expected the layers of {kind.__name__}.")
        self.net, self.graph = net, Graph([Node('null', 'data')], [], {})
        self.head = self.graph.nodes[0]

    def layer(self, op, name, arrays=(), **attrs):
        """Put the layer ``name`` on top: ``op`` with its parameters ``(name, array)`` and its attributes."""
        inputs = [(self.head, 0)]
        for slot, array in arrays:
            inputs.append((Node('null', f'{name}_{slot}'), 0))
            self.graph.nodes.append(inputs[-1][0])
            self.graph.params[f'{name}_{slot}'] = _as_numpy(array)
        self.head = Node(op, name, {key: str(value) for key, value in attrs.items()}, inputs)
        self.graph.nodes.append(self.head)

    def dense(self, number, weight, bias):
        """A dense layer, with MXNet's weights: ``(units, inputs)``."""
        arrays = [('weight', weight)] if bias is None else [('weight', weight), ('bias', bias)]
        self.layer('FullyConnected', f'dense{number}', arrays, num_hidden=len(weight), no_bias=bias is None,
                   flatten=True)

    def batch_norm(self, number, gamma, beta, mean, var, eps, momentum=0.9):
        """Batch norm with the statistics that the network has stored."""
        if mean is None or var is None:
            raise ValueError(f"bn{number} has no stored statistics; expected a network that was trained, or called in "
                             "training mode.")
        self.layer('BatchNorm', f'bn{number}', [('gamma', gamma), ('beta', beta), ('moving_mean', mean),
                                                ('moving_var', var)],
                   eps=eps, momentum=momentum, fix_gamma=False, use_global_stats=False, axis=1)

    def finished(self):
        """The graph, whose output is the last layer's."""
        self.graph.heads = [(self.head, 0)]
        return self.graph


def _as_numpy(array):
    return array.asnumpy() if hasattr(array, 'asnumpy') else np.array(array, order='C')


def _statistics(net, number):
    return {'mean': net.bn_ewv_means.get(f'bn{number}'), 'var': net.bn_ewv_vars.get(f'bn{number}')}


def _lenet(net, build):
    p = net.params
    for number in ('1', '2'):
        filters, _, *kernel = p['W' + number].shape
        build.layer('Convolution', 'conv' + number, [('weight', p['W' + number]), ('bias', p['b' + number])],
                    kernel=tuple(kernel), num_filter=filters)
        _normalized(net, build, number)
        build.layer('Activation', 'relu' + number, act_type='relu')
        build.layer('Pooling', 'pool' + number, pool_type='avg', kernel=(2, 2), stride=(2, 2))
    build.layer('Flatten', 'flatten')
    build.dense('3', _as_numpy(p['W3']).T, p['b3'])
    _normalized(net, build, '3')
    build.layer('Activation', 'relu3', act_type='relu')
    build.dense('4', _as_numpy(p['W4']).T, p['b4'])
    return build.finished()


def _normalized(net, build, number):
    if net.batch_norm:
        build.batch_norm(number, net.params['gamma' + number], net.params['beta' + number], eps=net.eps,
                         momentum=net.momentum, **_statistics(net, number))


def _sigmoid_mlp(net, build):
    for number in net.hidden_numbers:
        build.dense(number, net.params['W' + number], net.params['b' + number])
        _normalized(net, build, number)
        build.layer('Activation', 'sigmoid' + number, act_type='sigmoid')
    last = str(len(net.sizes) - 1)
    build.dense(last, net.params['W' + last], net.params['b' + last])
    return build.finished()


def _numpy_network(net, build):
    """A FullyConnectedNet, or an MLP, which has batch norm on its last layer too, and no biases."""
    for i in range(1, net.num_layers + 1):
        build.dense(i, net.params[f'W{i}'].T, net.params.get(f'b{i}'))
        if f'gamma{i}' in net.params:
            gamma, beta = net.params[f'gamma{i}'], net.params[f'beta{i}']
            if net.bn_params:
                param = net.bn_params[i - 1]
                momentum = param.get('momentum', 0.9)
                build.batch_norm(i, gamma, beta, param.get('running_mean'), param.get('running_var'),
                                 param.get('eps', 1e-5), 0.9 if momentum is None else momentum)
            else:
                build.layer('LayerNorm', f'ln{i}', [('gamma', gamma), ('beta', beta)], axis=-1, eps=1e-5)
        if i < net.num_layers:
            build.layer('Activation', f'relu{i}', act_type='relu')
            if getattr(net, 'dropout_param', {'p': 0})['p']:
                build.layer('Dropout', f'dropout{i}', p=net.dropout_param['p'])
    return build.finished()


_BY_HAND = {('gluon_bn.lenet', 'LeNet'): _lenet, ('gluon_bn.sigmoid_mlp', 'SigmoidMLP'): _sigmoid_mlp,
            ('gluon_bn.reference.fully_connected', 'FullyConnectedNet'): _numpy_network,
            ('gluon_bn.reference.mlp', 'MLP'): _numpy_network}
