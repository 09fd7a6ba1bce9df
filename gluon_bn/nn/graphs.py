"""The graphs of hybridized networks, in which the batch norm of our blocks is exchanged right before they are compiled.

A block puts MXNet's operator ``BatchNorm`` into the graph, with a mark. So the graph that a network keeps, by which it
infers shapes and which it exports, is MXNet's own. What is compiled of it is another one: :class:`CachedOp` stands in
the place of MXNet's class and puts one of ``formulations.py`` in the place of each marked operator. It compiles two
graphs, one for train mode and one for predict mode, and runs the one of the mode in which it is called: MXNet does not
tell an operator of a library which mode it is.
"""
import ast
import json
from typing import Any

from .._mxnet import autograd, mx, nd
from ..fast import operators
from . import formulations

_MARK = '__gluon_bn__'
_INPUTS = ('data', 'gamma', 'beta', 'running_mean', 'running_var', 'old_mean', 'old_var')
# The operators that keep the memory layout of a convolution before them.
_KEEP_LAYOUT = frozenset(('Activation', 'BatchNorm', 'Concat', 'LeakyReLU', 'Pooling', 'add_n', 'elemwise_add'))
_OfMXNet: Any = nd.CachedOp


def mark(is_half):
    """The attributes by which an operator is known as ours; with ``is_half`` its data are float16."""
    return {_MARK: 'float16' if is_half else 'float32'}


def mark_of_ranks():
    """Those of an operator of which nothing can be compiled, since it exchanges numbers with other ranks."""
    return {_MARK: 'ranks'}


def has_unmarked(sym):
    """Whether the graph of a symbol has a batch norm that is not ours."""
    nodes = json.loads(sym.tojson())['nodes']
    return any(node['op'] == 'BatchNorm' and _MARK not in node.get('attrs', {}) for node in nodes)


def install():
    """From now on MXNet compiles its graphs by our class; one without marks is compiled as ever."""
    nd.CachedOp = nd.op.CachedOp = CachedOp  # `mx.library.load` copies the second to the first


class CachedOp(_OfMXNet):
    """MXNet's compiled graph; where there are marked operators, two of them with those exchanged."""

    def __init__(self, sym, flags=()):
        self.handle = None  # so that one that is refused can be freed
        text = sym.tojson(remove_amp_cast=False)
        self._training = None  # the graph of train mode, if there are two graphs
        if _MARK in text:
            training = Exchange(sym, json.loads(text), is_training=True)
            self._training = _OfMXNet(training.sym, flags)
            self._own, self._old = training.own_outputs, training.old
            sym = Exchange(sym, json.loads(text), is_training=False).sym
        super().__init__(sym, flags)

    def __call__(self, *args, **kwargs):
        """The network's outputs; in train mode the running statistics are moved first."""
        if self._training is None or not autograd.is_training():
            return super().__call__(*args, **kwargs)
        outputs = self._training(*args, **kwargs)
        if not isinstance(outputs, list):
            return outputs
        formulations.write(outputs[self._own:], [args[position] for position in self._old])
        return outputs[0] if self._own == 1 else outputs[:self._own]

    def _register_op_hook(self, callback, monitor_all=False):
        super()._register_op_hook(callback, monitor_all)
        if self._training is not None:
            self._training._register_op_hook(callback, monitor_all)


class Exchange:
    """The graph of one mode: ``sym``, with the same inputs in the same order.

    Behind its ``own_outputs`` come running statistics as they are to be afterwards; ``old`` are the positions, among
    the inputs, of those that they replace. Then come outputs of which only the computation counts.
    """

    def __init__(self, sym, graph, is_training):
        self._nodes = []         # of the new graph
        self._entries = []       # for each node before: a new node, or a (node, output) for each of its outputs
        self._moves = {}         # running statistics, old -> new: the last, if there are several
        self._written = []       # outputs of what writes some
        self._is_training = is_training
        blocked = _behind_convolutions(graph['nodes'])
        # A layer that stands several times is computed in one way each time: its statistics move in their order.
        self._blocked = {_statistics(node) for number, node in enumerate(graph['nodes'])
                         if _is_ours(node) and blocked[number]}
        self._has_operators = mx.current_context().device_type == 'cpu' and operators.available()
        for node in graph['nodes']:
            inputs = [_entry(self._entries, entry) for entry in node['inputs']]
            self._entries.append(self._exchange(node, inputs) if _is_ours(node) else self._append(node, inputs))
        heads = [_entry(self._entries, head) for head in graph['heads']]
        self.own_outputs = len(heads)
        heads += [*self._moves.values(), *self._written]
        graph.update(nodes=self._nodes, heads=[[*entry, 0] for entry in heads],
                     arg_nodes=[number for number, node in enumerate(self._nodes) if node['op'] == 'null'])
        graph.pop('node_row_ptr', None)  # MXNet counts anew
        self.sym = mx.sym.load_json(json.dumps(graph, ensure_ascii=False))  # MXNet does not read \u00e9
        inputs = self.sym.list_inputs()
        assert inputs == sym.list_inputs()
        self.old = [inputs.index(self._nodes[node]['name']) for node, _ in self._moves]

    def _append(self, node, inputs):
        self._nodes.append({**node, 'inputs': [[*entry, 0] for entry in inputs]})
        return len(self._nodes) - 1

    def _exchange(self, node, inputs):
        """Append the nodes of a formulation instead of ``node``."""
        if node['attrs'][_MARK] == 'ranks':
            raise TypeError(f"{node['name']} exchanges numbers with other ranks, and a compiled graph cannot; call "
                            "hybridize(False), or set its group to None.")
        is_plain = node['attrs'][_MARK] != 'float16' and _statistics(node) not in self._blocked
        with mx.name.Prefix(f"{node['name']}_"):
            out, new, written = formulations.of_symbols(*map(mx.sym.var, _INPUTS), _options(node['attrs']),
                                                        self._is_training, self._has_operators, is_plain)
        inputs = [*inputs, *(self._moves.get(tuple(old), old) for old in inputs[3:])]
        part = json.loads(mx.sym.Group([out, *new, *written]).tojson(remove_amp_cast=False))
        entries = []
        for each in part['nodes']:
            if each['op'] == 'null':
                entries.append([inputs[_INPUTS.index(each['name'])]])
            else:
                entries.append(self._append(each, [_entry(entries, entry) for entry in each['inputs']]))
        heads = [_entry(entries, head) for head in part['heads']]
        self._moves.update(zip(map(tuple, inputs[3:5]), heads[1:1 + len(new)]))
        self._written += heads[1 + len(new):]
        return heads[:1]


def _is_ours(node):
    return node['op'] == 'BatchNorm' and _MARK in node['attrs']


def _statistics(node):
    """Which running mean a batch norm moves."""
    return tuple(node['inputs'][3][:2])


def _entry(entries, old):
    """The new ``(node, output)`` for one of before."""
    node, output = old[:2]
    return entries[node][output] if isinstance(entries[node], list) else (entries[node], output)


def _options(attributes):
    """The options of MXNet's ``BatchNorm`` as its block wrote them."""
    return {'axis': int(attributes['axis']), **{name: float(attributes[name]) for name in ('eps', 'momentum')},
            **{name: attributes[name] == 'True' for name in ('fix_gamma', 'use_global_stats')}}


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
