"""The graphs of hybridized networks, in which batch norm of our blocks is exchanged right before they are compiled.

A block puts MXNet's operator ``BatchNorm`` into the graph, with a mark. So the graph that a network keeps, draws, infers
shapes with and exports is MXNet's own. What is compiled of it is another one: :class:`CachedOp` stands in the place of
MXNet's class and puts one of ``formulations.py`` in the place of each marked operator.
"""
import ast
import json

from .._mxnet import mx, nd
from ..fast import native
from . import formulations

_MARK = '__gluon_bn__'
_INPUTS = ('data', 'gamma', 'beta', 'running_mean', 'running_var')
# The operators that keep the memory layout of a convolution before them.
_KEEP_LAYOUT = frozenset(('Activation', 'BatchNorm', 'Concat', 'LeakyReLU', 'Pooling', 'add_n', 'elemwise_add'))


def mark(is_half):
    """The attributes by which an operator is known as ours; with ``is_half`` its data are float16."""
    return {_MARK: 'float16' if is_half else 'float32'}


def install():
    """From now on MXNet compiles its graphs by our class; one without marks is compiled as ever."""
    nd.CachedOp = CachedOp


class CachedOp(nd.CachedOp):
    """MXNet's compiled graph, with marked operators exchanged."""

    def __init__(self, sym, flags=()):
        text = sym.tojson(remove_amp_cast=False)
        self._outputs = None  # how many of all are the network's own
        if _MARK in text:
            self._outputs = len(sym.list_outputs())
            sym = _exchanged(sym, json.loads(text))
        super().__init__(sym, flags)

    def __call__(self, *args, **kwargs):
        """The network's outputs; those behind them, which had to be computed as well, are dropped."""
        outputs = super().__call__(*args, **kwargs)
        if self._outputs is None or not isinstance(outputs, list):
            return outputs
        return outputs[0] if self._outputs == 1 else outputs[:self._outputs]


def _exchanged(sym, graph):
    """The symbol ``sym``, which is ``graph`` in JSON, with our formulations; its inputs are the same in their order."""
    rewriting = _Rewriting(graph['nodes'])
    heads = [rewriting.entry(*head[:2]) for head in graph['heads']]
    nodes = rewriting.nodes
    graph.update(nodes=nodes, heads=[[*entry, 0] for entry in heads + rewriting.moved],
                 arg_nodes=[i for i, node in enumerate(nodes) if node['op'] == 'null'])
    graph.pop('node_row_ptr', None)  # MXNet counts anew
    exchanged = mx.sym.load_json(json.dumps(graph))
    assert exchanged.list_inputs() == sym.list_inputs()
    return exchanged


class _Rewriting:
    """The nodes of a graph copied one by one. An entry is the number of a node and of one of its outputs."""

    def __init__(self, nodes):
        self.nodes, self.moved = [], []  # the new nodes; the entries that move running statistics
        self._entries = []               # for each node before: what has become of its outputs
        self._on_cpu = mx.current_context().device_type == 'cpu' and native.available()
        self._blocked = _behind_convolutions(nodes)
        for i, node in enumerate(nodes):
            inputs = [self.entry(*entry[:2]) for entry in node['inputs']]
            attributes = node.get('attrs', {})
            if node['op'] == 'BatchNorm' and _MARK in attributes:
                is_native = self._on_cpu and not self._blocked[i] and attributes[_MARK] != 'float16'
                self._entries.append(self._exchange(node['name'], attributes, inputs, is_native))
            else:
                self._entries.append(self._append(node, inputs))

    def entry(self, node, output):
        """The new entry for one of before."""
        entries = self._entries[node]
        return entries[output] if isinstance(entries, list) else [entries, output]

    def _append(self, node, inputs):
        self.nodes.append({**node, 'inputs': [[*entry, 0] for entry in inputs]})
        return len(self.nodes) - 1

    def _exchange(self, name, attributes, inputs, is_native):
        """Nodes of a formulation instead of one of MXNet's operator; returns the entries for its outputs."""
        arrays = [mx.sym.var(each) for each in _INPUTS]
        options = _options(attributes)
        with mx.name.Prefix(f'{name}_'):
            out, moved = (formulations.native_graph(*arrays, options), []) if is_native \
                else formulations.kernel_graph(*arrays, options)
        part = json.loads(mx.sym.Group([out, *moved]).tojson(remove_amp_cast=False))
        entries = []
        for node in part['nodes']:
            if node['op'] == 'null':
                entries.append([inputs[_INPUTS.index(node['name'])]])
            else:
                number = self._append(node, [_entry(entries, *entry[:2]) for entry in node['inputs']])
                entries.append(number)
        out, *moved = [_entry(entries, *head[:2]) for head in part['heads']]
        self.moved += moved
        return [out]


def _entry(entries, node, output):
    return entries[node][output] if isinstance(entries[node], list) else [entries[node], output]


def _options(attributes):
    """The options of MXNet's ``BatchNorm`` as its block wrote them."""
    return {'axis': int(attributes['axis']), 'eps': float(attributes['eps']), 'momentum': float(attributes['momentum']),
            'fix_gamma': attributes['fix_gamma'] == 'True', 'use_global_stats': attributes['use_global_stats'] == 'True'}


def _behind_convolutions(nodes):
    """For each node, whether its output may have the memory layout in which 2-D convolutions compute on a CPU.

    The native operator would have it copied into the plain one and back, which takes longer than MXNet's kernel.
    """
    blocked = []
    for node in nodes:
        if node['op'] == 'Convolution':
            attributes = node['attrs']
            blocked.append(len(ast.literal_eval(attributes['kernel'])) == 2 and int(attributes['num_filter']) % 8 == 0)
        else:
            blocked.append(node['op'] in _KEEP_LAYOUT and any(blocked[entry[0]] for entry in node['inputs']))
    return blocked
