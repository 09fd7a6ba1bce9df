"""Saved networks: the ``-symbol.json`` and ``.params`` files of every MXNet, read and written without MXNet.

The JSON of a symbol is read as MXNet 1.9.1 reads it, upgrades of old files included (src/nnvm/legacy_json_util.cc).
"""
from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from .. import params as params_files
from ..support.files import atomic_write
from ..support.reading import content, json_of
from .attributes import DEFAULTS, attribute
from .graph import SLOTS, Graph, Node

if TYPE_CHECKING:
    import numpy as np

_ALIASES = {  # names of operators in old files -> the name that MXNet has now for the same operator
    'BatchNorm_v1': 'BatchNorm', 'CuDNNBatchNorm': 'BatchNorm', 'Convolution_v1': 'Convolution',
    'ElementWiseSum': 'add_n', '_Plus': 'elemwise_add', '_plus': 'elemwise_add', '_add': 'elemwise_add',
    '_Minus': 'elemwise_sub', '_minus': 'elemwise_sub', '_sub': 'elemwise_sub',
    '_Mul': 'elemwise_mul', '_mul': 'elemwise_mul', '_Div': 'elemwise_div', '_div': 'elemwise_div',
    '_PlusScalar': '_plus_scalar', '_MinusScalar': '_minus_scalar', '_RMinusScalar': '_rminus_scalar',
    '_MulScalar': '_mul_scalar', '_DivScalar': '_div_scalar', '_RDivScalar': '_rdiv_scalar',
    '_copy': 'identity', 'Softmax': 'SoftmaxOutput', 'concat': 'Concat', 'flatten': 'Flatten', 'reshape': 'Reshape',
    'broadcast_plus': 'broadcast_add', 'broadcast_minus': 'broadcast_sub', 'pad': 'Pad', 'cast': 'Cast',
    'split': 'SliceChannel', 'SwapAxis': 'swapaxes', 'sum_axis': 'sum', 'max_axis': 'max', 'min_axis': 'min',
}
# Attributes for placing and training a layer; before 0.9 without the __ that others of the user's have.
_OF_USERS = 'ctx_group', 'lr_mult', 'wd_mult', 'force_mirroring', 'mirror_stage'
_VERSION = 10901  # of MXNet, whose form of the JSON is written
_OTHER_NAMES = (('_moving_mean', '_running_mean'), ('_moving_var', '_running_var'))
_PARAMETER_ENDINGS = ('weight', 'bias', 'gamma', 'beta', 'moving_mean', 'moving_var', 'running_mean', 'running_var')
_LEAST_INPUTS = {**dict.fromkeys(('Convolution', 'Deconvolution', 'FullyConnected', 'Embedding'), 2),
                 **dict.fromkeys(('BatchNorm', 'LayerNorm', 'InstanceNorm', 'GroupNorm'), 3)}
_TWO_AXES = ('FullyConnected', 'Flatten')  # operators whose output has them
_OUTPUTS = {**dict.fromkeys(('BatchNorm', 'GroupNorm', 'InstanceNorm', 'LayerNorm'), 3),  # hidden ones, too
            **dict.fromkeys(('Dropout', 'L2Normalization', 'LRN', 'LeakyReLU'), 2)}  # others in DEFAULTS have one
_AS_COMPUTED = {'LinearRegressionOutput': 'identity', 'MAERegressionOutput': 'identity', 'SVMOutput': 'identity',
                'LogisticRegressionOutput': 'sigmoid', 'MakeLoss': 'identity'}  # what such a layer does in forward


def read(symbol: str | os.PathLike, params: str | os.PathLike | dict[str, np.ndarray] | None = None) -> Graph:
    """The graph of a saved network.

    Parameters
    ----------
    symbol : path of the ``-symbol.json`` file, or its text
    params : path of the ``.params`` file, or a dict name -> array; names begin with ``arg:`` and ``aux:`` or do not

    Layers that only training needs are replaced: ``SoftmaxOutput`` is a softmax, regression outputs are what they
    compute; the labels are no inputs any more. Stored statistics are found under ``running_`` as well as ``moving_``.

    Raises ``ValueError``, in one sentence, for files that are damaged or no network, and for parameters that are
    missing.

    >>> graph = read(mx.sym.relu(mx.sym.var('data'), name='act').tojson())
    >>> graph.inputs, list(graph.layers())
    (['data'], [<relu act>])
    """
    if isinstance(symbol, str) and symbol.lstrip()[:1] == '{':
        where, data = "the text of the symbol", symbol.encode()
    else:
        where, data = os.fspath(symbol), content(symbol, ValueError)
    try:
        nodes, heads = _nodes(json_of(data))
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise ValueError(f"{where} is not a symbol that MXNet saved: it is truncated or altered, or another kind of "
                         f"file ({type(error).__name__}: {error}).") from error
    graph = Graph(nodes, heads, {})
    _add_stored_statistics(graph)
    _drop_labels(graph)
    graph = graph.pruned()
    if params is not None:
        _give_params(graph, _arrays(params), where)
    return graph


def write(graph: Graph, symbol: str | os.PathLike, params: str | os.PathLike) -> None:
    """Write ``graph`` as MXNet's two files, each whole or not at all: what :func:`read` and MXNet read."""
    params_files.save(params, marked(graph))
    with atomic_write(symbol, 'w') as file:
        file.write(to_json(graph))


def marked(graph: Graph) -> dict[str, np.ndarray]:
    """The parameters with the names that they have in a ``.params`` file: ``arg:`` and ``aux:`` before them."""
    auxiliary = graph.auxiliary()
    return {f"{'aux' if name in auxiliary else 'arg'}:{name}": value for name, value in graph.params.items()}


def to_json(graph: Graph) -> str:
    """``graph`` as the JSON of a symbol, which MXNet reads."""
    numbers = {id(node): number for number, node in enumerate(graph.nodes)}

    def entries(pairs):
        return [[numbers[id(node)], output, 0] for node, output in pairs]

    nodes = [{'op': node.op, 'name': node.name, **({'attrs': node.attrs} if node.attrs else {}),
              'inputs': entries(node.inputs)} for node in graph.nodes]
    return json.dumps({'nodes': nodes, 'arg_nodes': [number for number, node in enumerate(graph.nodes)
                                                     if node.is_variable],
                       'heads': entries(graph.heads), 'attrs': {'mxnet_version': ['int', _VERSION]}}, indent=2,
                      ensure_ascii=False) + '\n'  # MXNet does not read \u00e9


def _nodes(description):
    """Nodes and heads, as the JSON of any version describes them."""
    nodes = []
    for described in description['nodes']:
        op, name = described['op'], described['name']
        if not isinstance(op, str) or not isinstance(name, str):
            raise TypeError("the name of a node is no text")
        if described.get('subgraphs'):
            raise ValueError(f"{name} ({op}) contains networks of its own, such as a loop; these cannot be carried out")
        # 'param' are an operator's own before 0.9, where 'attr' are the user's; later they are one.
        attrs = {key: str(value) for part in ('attr', 'attrs', 'param') for key, value in
                 (described.get(part) or {}).items() if not key.endswith(_OF_USERS)}
        inputs = [_entry(nodes, entry) for entry in described['inputs']]
        if len(inputs) < _LEAST_INPUTS.get(_ALIASES.get(op, op), 0):
            raise ValueError(f"{name} ({op}) has {len(inputs)} inputs, and needs {_LEAST_INPUTS[_ALIASES.get(op, op)]}")
        nodes.append(Node(_ALIASES.get(op, op), name, attrs, inputs))
    heads = [_entry(nodes, entry) for entry in description['heads']]
    if not heads:
        raise ValueError("it has no outputs")
    return nodes, heads


def _entry(nodes, entry):
    """``[number of a node, number of its output, version]``, of the nodes so far."""
    number, output = entry[0], entry[1] if len(entry) > 1 else 0
    if not (type(number) is int and type(output) is int and 0 <= number < len(nodes) and output >= 0) or (
            output and nodes[number].is_variable):
        raise ValueError(f"an input is {entry}, and there are {len(nodes)} nodes before it")
    node = nodes[number]
    if output and node.op in DEFAULTS and output >= _number_of_outputs(node):  # MXNet would read beyond them
        raise ValueError(f"an input is output {output} of {node.name} ({node.op}), which has "
                         f"{_number_of_outputs(node)}")
    return node, output


def _number_of_outputs(node):
    return attribute(node, 'num_outputs') if node.op == 'SliceChannel' else _OUTPUTS.get(node.op, 1)


def _add_stored_statistics(graph):
    """Give a batch norm of MXNet before 0.9 its last two inputs, which these files do not mention."""
    nodes = []
    for node in graph.nodes:
        if node.op == 'BatchNorm':
            for slot in SLOTS['BatchNorm'][len(node.inputs):]:
                nodes.append(Node('null', f'{node.name}_{slot}'))
                node.inputs.append((nodes[-1], 0))
        nodes.append(node)
    graph.nodes = nodes


def _drop_labels(graph):
    """Replace the layers that compute a gradient from labels by what they do in forward, which needs no labels."""
    for node in graph.nodes:
        if node.op == 'SoftmaxOutput':
            source = node.inputs[0][0]
            axis = '1' if attribute(node, 'multi_output') else '-1'
            if axis == '-1' and source.op not in _TWO_AXES and not attribute(node, 'preserve_shape'):
                graph.notes.append(f"{node.name} (SoftmaxOutput) is taken as a softmax over the last axis: that is "
                                   "what it is for an input of two axes.")
            node.op, node.attrs, node.inputs = 'softmax', {'axis': axis}, node.inputs[:1]
        elif node.op in _AS_COMPUTED:
            node.op, node.attrs, node.inputs = _AS_COMPUTED[node.op], {}, node.inputs[:1]


def _arrays(params):
    """The parameters, dense: dict name -> array."""
    arrays = params if isinstance(params, dict) else params_files.load(params) or {}
    if not isinstance(arrays, dict):
        raise ValueError(f"{params} is a list of arrays without names; expected the parameters of a network, which "
                         "have names.")
    return {name: params_files.dense(value) for name, value in arrays.items()}


def _give_params(graph, arrays, where):
    """Give each variable of ``graph`` that is a parameter its array; the graph's notes say of names that differ."""
    found = {}
    for name, value in arrays.items():
        bare = name[4:] if name.startswith(('arg:', 'aux:')) else name
        if bare in found:
            raise ValueError(f"the parameters have two arrays of the name {bare}; expected one: take one of them out.")
        found[bare] = value
    missing = []
    for node, slot in _variables(graph):
        name = node.name if node.name in found else _other_name(node.name, found)
        if name in found:
            graph.params[node.name] = found.pop(name)
            if name != node.name:
                graph.notes.append(f"{node.name} has the array that the parameters call {name}.")
        elif slot != 'data' or node.name.endswith(_PARAMETER_ENDINGS):
            missing.append(node.name)
    if missing:
        others = f" and {len(missing) - 3} others" if len(missing) > 3 else ''
        hint = (": these are names that net.save_parameters gives; net.export writes the pair that fits"
                if any('.' in name for name in found) else '')
        raise ValueError(f"{where} has parameters that the file of parameters does not: {', '.join(missing[:3])}"
                         f"{others}; there, unused, are {', '.join(sorted(found)[:3]) or 'no others'}{hint}.")
    graph.unused = sorted(found)


def _variables(graph):
    """Each variable of ``graph``, in order, with the slot of the first operator that takes it."""
    slots = {}
    for node in graph.layers():
        for (source, _), slot in zip(node.inputs, node.slots()):
            slots.setdefault(id(source), slot)
    return [(node, slots.get(id(node), 'data')) for node in graph.nodes if node.is_variable]


def _other_name(name, found):
    """What the stored statistics ``name`` are called in ``found``: Gluon says running_, MXNet's symbols moving_."""
    for first, second in _OTHER_NAMES:
        for one, other in ((first, second), (second, first)):
            if name.endswith(one) and name[:-len(one)] + other in found:
                return name[:-len(one)] + other
    return name
