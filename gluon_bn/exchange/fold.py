"""Batch norm merged into the convolutions and dense layers beside it, for inference.

With its stored statistics batch norm is ``s * x + t`` for each channel, ``s = gamma / sqrt(var + eps)`` and
``t = beta - mean * s``. Behind a layer ``W * x + b`` that makes ``(s W) * x + (s b + t)``, a layer of the same kind.
Before one it makes ``(W s) * x + (b + W t)`` as long as the layer adds no zeros around its input, which would be zeros
*after* batch norm. All of it is computed in float64.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .attributes import attribute
from .graph import Graph, Node

if TYPE_CHECKING:
    from typing import Any, Sequence

    from mxnet.gluon import SymbolBlock

_LAYERS = ('Convolution', 'Deconvolution', 'FullyConnected')
_NOTHING = ('identity', 'BlockGrad', 'Dropout')  # operators that change nothing in inference


class _Stays(Exception):
    """A batch norm cannot be merged; the message says why."""


def fold_batch_norm(net: Any, shape: Sequence | None = None) -> SymbolBlock:
    """A Gluon block for inference that computes what ``net`` does, with batch norm merged into the layers beside it.

    Parameters
    ----------
    net : a Gluon block with values, or a network by hand with stored statistics, see
        :func:`gluon_bn.exchange.networks.of_network`; it is not changed
    shape : of the input; for a block of several arguments a list of shapes

    Returns a ``SymbolBlock`` on the devices of ``net`` whose parameters take no gradients. Its outputs are those of
    ``net`` in test mode to 1e-5 of the largest. A batch norm is merged into the convolution, transposed convolution or
    dense layer before it, if no one else takes that layer's output; else into those after it, if that is exact: if
    they do not pad, or what they would have to pad with is the same number everywhere. Others stay as they are.

    Raises ``ValueError`` or ``TypeError``, in one sentence, as ``of_network`` does.

    >>> net = mx.gluon.nn.HybridSequential()
    >>> net.add(mx.gluon.nn.Conv2D(4, 3), mx.gluon.nn.BatchNorm())
    >>> net.initialize()
    >>> scores = net(nd.ones((2, 1, 8, 8)))
    >>> [name.rsplit('_', 1)[1] for name in gbn.fold_batch_norm(net).collect_params()]
    ['weight', 'bias']
    """
    from .gluon import contexts, to_block
    from .networks import of_network
    return to_block(folded(of_network(net, shape)), contexts(net))


def folded(graph: Graph) -> Graph:
    """``graph`` for inference, with each batch norm merged that can be; its ``notes`` say which stay, and why.

    Dropout, which does nothing in inference, is left out. ``graph`` itself is not changed.
    """
    graph = graph.copy()
    for node in [node for node in graph.layers() if node.op in _NOTHING and node.attrs.get('mode') != 'always']:
        _replace(graph, node, node.inputs[0])
    for node in [node for node in graph.layers() if node.op == 'BatchNorm']:
        try:
            scale, shift = _scale_and_shift(graph, node)
            try:
                _into_the_layer_before(graph, node, scale, shift)
            except _Stays as before:
                try:
                    _into_the_layers_after(graph, node, scale, shift)
                except _Stays as after:
                    raise _Stays(f"{before}, and {after}") from None
        except _Stays as why:
            graph.notes.append(f"{node.name} (BatchNorm) stays: {why}.")
    return graph.pruned()


def _scale_and_shift(graph, node):
    """``s`` and ``t`` of a batch norm, float64 ``(C,)`` each."""
    gamma, beta, mean, var = (graph.value(entry) for entry in node.inputs[1:])
    if any(value is None for value in (gamma, beta, mean, var)):
        raise _Stays("its parameters are computed by the network")
    if attribute(node, 'output_mean_var') or any((id(node), output) in graph.consumers() for output in (1, 2)):
        raise _Stays("the network uses its mean and variance")
    gamma, beta, mean, var = (value.astype(np.float64) for value in (gamma, beta, mean, var))
    with np.errstate(divide='ignore', invalid='ignore'):
        scale = (1 if attribute(node, 'fix_gamma') else gamma) / np.sqrt(var + attribute(node, 'eps'))
        shift = beta - mean * scale
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        raise _Stays("it does not give finite numbers")
    return scale, shift


# ---- into the layer before -------------------------------------------------------------------------------------------

def _into_the_layer_before(graph, node, scale, shift):
    layer, output = node.inputs[0]
    if layer.op not in _LAYERS:
        raise _Stays(f"before it is {layer.name} ({'an input' if layer.is_variable else layer.op})")
    if len(graph.consumers()[id(layer), output]) > 1 or any(layer is head for head, _ in graph.heads):
        raise _Stays(f"others take the output of {layer.name} as well")
    weight, bias = _weights(graph, layer)
    if not _is_channel_axis(layer, attribute(node, 'axis')):
        raise _Stays(f"its axis {attribute(node, 'axis')} is not that of the channels of {layer.name}")
    if layer.op == 'Deconvolution':  # (channels in, channels out of a group, kernel)
        groups = attribute(layer, 'num_group')
        scales = np.repeat(scale.reshape(groups, -1), weight.shape[0] // groups, 0)
        weight = weight * _spread(scales, weight.ndim)
    else:                            # (channels out, ...)
        weight = weight * _spread(scale, weight.ndim)
    _set_weights(graph, layer, weight, scale * bias + shift)
    _replace(graph, node, (layer, output))


def _is_channel_axis(layer, axis):
    """Whether ``axis`` of the output of ``layer`` is that of its channels."""
    if layer.op == 'FullyConnected':
        return axis == -1 or (axis == 1 and attribute(layer, 'flatten'))
    axes = len(attribute(layer, 'kernel')) + 2
    return axis % axes == (attribute(layer, 'layout') or 'NC').index('C')


# ---- into the layers after -------------------------------------------------------------------------------------------

def _into_the_layers_after(graph, node, scale, shift):
    """Merge it into all that take its output, or into none."""
    if any(node is head for head, _ in graph.heads):
        raise _Stays("its output is one of the network's")
    merged = []
    for layer, slot, flat in _takers(graph, node):
        if layer.op not in ('Convolution', 'FullyConnected') or slot != 0:
            raise _Stays(f"behind it is {layer.name} ({layer.op})")
        weight, bias = _weights(graph, layer)
        shape, axes = _by_channel(layer, weight, len(scale), attribute(node, 'axis'), flat)
        by_channel = weight.reshape(shape)                              # one axis has the channels, or one of them
        channels = _of_each_group(layer, scale, shift, by_channel.ndim)
        padding = _padding(layer, scale, shift)
        shifts = (by_channel * channels[1]).sum(axis=axes).reshape(-1)  # (outputs,)
        merged.append((layer, (by_channel * channels[0]).reshape(weight.shape), bias + shifts, padding))
    for layer, weight, bias, padding in merged:
        _set_weights(graph, layer, weight, bias)
        _pad(graph, layer, padding)
    _replace(graph, node, node.inputs[0])


def _takers(graph, node):
    """Who takes the output of ``node``, through ``Flatten`` as well: ``(layer, number of its input, flat)``."""
    consumers = graph.consumers()
    for layer, slot in consumers.get((id(node), 0), []):
        if layer.op != 'Flatten':
            yield layer, slot, False
        elif any(layer is head for head, _ in graph.heads):
            raise _Stays(f"the output of {layer.name} is one of the network's")
        else:
            yield from ((after, its, True) for after, its in consumers.get((id(layer), 0), []))


def _by_channel(layer, weight, channels, axis, flat):
    """The shape in which axis 1 of a layer's weights, or the first after its groups, has channels; the axes to add up.
    """
    if layer.op == 'FullyConnected':
        first = axis == 1 and (flat or attribute(layer, 'flatten'))
        if not first and not (axis == -1 and weight.shape[1] == channels):
            raise _Stays(f"its axis {axis} is not that of the inputs of {layer.name}")
        return (1, len(weight), channels, -1), (2, 3)
    if flat or (attribute(layer, 'layout') or 'NC').index('C') != 1 or axis % weight.ndim != 1:
        raise _Stays(f"its axis {axis} is not that of the channels of {layer.name}")
    groups = attribute(layer, 'num_group')
    return (groups, -1, *weight.shape[1:]), tuple(range(2, weight.ndim + 1))


def _of_each_group(layer, scale, shift, ndim):
    groups = 1 if layer.op == 'FullyConnected' else attribute(layer, 'num_group')
    return [_spread(value.reshape(groups, 1, -1), ndim) for value in (scale, shift)]


def _padding(layer, scale, shift):
    """The number to pad the input with instead of the zeros that ``layer`` adds after batch norm; None for zeros."""
    if layer.op == 'FullyConnected' or not any(attribute(layer, 'pad')) or not shift.any():
        return None
    if not scale.all() or len(attribute(layer, 'pad')) < 2:
        raise _Stays(f"{layer.name} pads its input")
    values = -shift / scale
    if np.ptp(values) > 1e-12 * np.abs(values).max():
        raise _Stays(f"{layer.name} pads its input, which would need another number in each channel")
    return values[0]


def _pad(graph, layer, value):
    """Let an operator of its own pad the input of ``layer`` with ``value``."""
    if value is None:
        return
    widths = [0] * 4 + [width for pad in attribute(layer, 'pad') for width in (pad, pad)]
    pad = Node('Pad', f'{layer.name}_pad', {'mode': 'constant', 'pad_width': str(tuple(widths)),
                                            'constant_value': repr(float(value))}, [layer.inputs[0]])
    layer.attrs['pad'] = str((0,) * len(attribute(layer, 'pad')))
    layer.inputs[0] = pad, 0
    graph.nodes.insert(graph.nodes.index(layer), pad)


# ---- parts of graphs -------------------------------------------------------------------------------------------------

def _spread(values, ndim):
    """``values`` with axes of 1 behind, ``ndim`` axes in all."""
    return values.reshape(values.shape + (1,) * (ndim - values.ndim))


def _weights(graph, layer):
    """Weights and biases of ``layer`` in float64; no biases are 0."""
    weight = graph.value(layer.inputs[1])
    bias = graph.value(layer.inputs[2]) if len(layer.inputs) > 2 else np.float64(0)
    if weight is None or bias is None:
        raise _Stays(f"the weights of {layer.name} are computed by the network")
    return weight.astype(np.float64), bias.astype(np.float64)


def _set_weights(graph, layer, weight, bias):
    """Give ``layer`` new weights and biases, under their names unless others have these weights too."""
    dtype = graph.value(layer.inputs[1]).dtype
    name = layer.inputs[1][0].name
    stem = name[:-len('weight')] if name.endswith('weight') else f'{name}_'
    biases = layer.inputs[2][0].name if len(layer.inputs) > 2 else f'{stem}bias'
    layer.inputs[1:] = [(_parameter(graph, layer, names, value.astype(dtype)), 0)
                        for names, value in ((name, weight), (biases, bias))]
    layer.attrs['no_bias'] = 'False'


def _parameter(graph, layer, name, value):
    """A new variable for ``layer``, with a value; it has this name unless a variable of another layer has."""
    others = {source.name for node in graph.layers() if node is not layer for source, _ in node.inputs}
    free, number = name, 0
    while free in others:  # layers may have the same name, too: one that is called several times
        free = f'{layer.name}_{name}{f"_{number}" if number else ""}'
        number += 1
    variable = Node('null', free)
    graph.params[free] = value
    graph.nodes.insert(graph.nodes.index(layer), variable)
    return variable


def _replace(graph, node, entry):
    """Let all that take the first output of ``node`` take ``entry`` instead, and ``node`` be gone."""
    graph.nodes.remove(node)
    for taker in graph.nodes:
        taker.inputs = [entry if source is node and output == 0 else (source, output)
                        for source, output in taker.inputs]
    graph.heads = [entry if source is node and output == 0 else (source, output) for source, output in graph.heads]
