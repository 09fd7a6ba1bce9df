"""A network as a graph: MXNet's operators with their attributes, joined to one another, and the parameters' arrays."""
from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterator, Tuple

    import numpy as np

    Entry = Tuple['Node', int]  # an output of a node: the node, and the number of the output

# What the inputs of an operator are, in their order. Of other operators each input is data.
SLOTS = {
    'Convolution': ('data', 'weight', 'bias'),
    'Deconvolution': ('data', 'weight', 'bias'),
    'FullyConnected': ('data', 'weight', 'bias'),
    'BatchNorm': ('data', 'gamma', 'beta', 'moving_mean', 'moving_var'),
    'LayerNorm': ('data', 'gamma', 'beta'),
    'InstanceNorm': ('data', 'gamma', 'beta'),
    'GroupNorm': ('data', 'gamma', 'beta'),
    'Embedding': ('data', 'weight'),
    'LeakyReLU': ('data', 'gamma'),
    'RNN': ('data', 'parameters', 'state', 'state_cell'),
    **dict.fromkeys(('SoftmaxOutput', 'LinearRegressionOutput', 'LogisticRegressionOutput', 'MAERegressionOutput',
                     'SVMOutput'), ('data', 'label')),
}
AUXILIARY = ('moving_mean', 'moving_var')  # slots whose values MXNet calls auxiliary states: no gradient reaches them


@dataclass(eq=False)
class Node:
    """One operator, or a variable; two nodes are equal only if they are the same.

    Attributes
    ----------
    op : MXNet's name of the operator; ``'null'`` for a variable
    name : of the layer or the variable
    attrs : dict of str, as MXNet's JSON has them; :func:`.attributes.attribute` reads one as a value
    inputs : list of ``(node, number of its output)``
    """

    op: str
    name: str
    attrs: dict[str, str] = field(default_factory=dict)
    inputs: list[Entry] = field(default_factory=list)

    def __repr__(self):
        return f"<{self.op} {self.name}>"

    @property
    def is_variable(self):
        """Whether it is a variable: an input of the network, or a parameter."""
        return self.op == 'null'

    def slots(self):
        """What each of its inputs is: 'data', 'weight', ..."""
        named = SLOTS.get(self.op, ())
        return [named[i] if i < len(named) else 'data' for i in range(len(self.inputs))]


@dataclass(eq=False)
class Graph:
    """A network: nodes, each after those it takes its inputs from, and the arrays of its parameters.

    Attributes
    ----------
    nodes : list of Node, variables included
    heads : list of ``(node, number of its output)``, the outputs of the network
    params : dict name of a variable -> array, trained values and stored statistics alike; never written into
    unused : names of arrays that came with the network and that no variable has
    notes : sentences for the user on what was repaired, and on what the network does that one may not expect
    """

    nodes: list[Node]
    heads: list[Entry]
    params: dict[str, np.ndarray]
    unused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> list[str]:
        """The names of the variables without an array, in their order: what the network is called with."""
        return [node.name for node in self.nodes if node.is_variable and node.name not in self.params]

    def layers(self) -> Iterator[Node]:
        """The nodes that compute something, in an order in which they can be computed."""
        return (node for node in self.nodes if not node.is_variable)

    def value(self, entry: Entry) -> np.ndarray | None:
        """The array of a parameter; None if ``entry`` is computed, or is an input of the network."""
        node, _ = entry
        return self.params.get(node.name) if node.is_variable else None

    def consumers(self) -> dict[tuple[int, int], list[tuple[Node, int]]]:
        """Who takes each output: dict ``(id(node), number of the output)`` -> list of ``(node, number of its input)``.

        An output that nobody takes is missing; that an output is a head is not counted.
        """
        found = defaultdict(list)
        for node in self.nodes:
            for number, (source, output) in enumerate(node.inputs):
                found[id(source), output].append((node, number))
        return dict(found)

    def copy(self) -> Graph:
        """The same graph of new nodes, to be changed; the arrays are the same."""
        twins = {}
        for node in self.nodes:
            twins[id(node)] = Node(node.op, node.name, dict(node.attrs),
                                   [(twins[id(source)], output) for source, output in node.inputs])
        return Graph(list(twins.values()), [(twins[id(node)], output) for node, output in self.heads],
                     dict(self.params), list(self.unused), list(self.notes))

    def pruned(self) -> Graph:
        """The same graph without the nodes that no head needs, and without the arrays of such variables."""
        needed, waiting = set(), [node for node, _ in self.heads]
        while waiting:
            node = waiting.pop()
            if id(node) not in needed:
                needed.add(id(node))
                waiting.extend(source for source, _ in node.inputs)
        nodes = [node for node in self.nodes if id(node) in needed]
        params = {node.name: self.params[node.name] for node in nodes
                  if node.is_variable and node.name in self.params}
        return Graph(nodes, self.heads, params, self.unused, self.notes)

    def auxiliary(self) -> set:
        """The names of the parameters that MXNet keeps as auxiliary states: stored statistics."""
        return {source.name for node in self.nodes for (source, _), slot in zip(node.inputs, node.slots())
                if slot in AUXILIARY and source.is_variable}


def layer_name(node):
    """The name of a layer without the ending that Gluon gives its operator, ``_fwd``: ``conv0_fwd`` -> ``conv0``."""
    return node.name[:-len('_fwd')] if node.name.endswith('_fwd') else node.name
