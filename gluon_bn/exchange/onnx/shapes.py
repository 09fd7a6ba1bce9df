"""Shapes of every value of a graph, and which sizes follow the batch: MXNet infers them for two batch sizes."""
import math
import re
from collections import Counter

from ..layer import NotConvertible


class Shapes:
    """``shapes``: dict name of an input -> its shape, the batch first. ``graph``: the network."""

    def __init__(self, graph, shapes):
        self.inputs = {name: tuple(shape) for name, shape in shapes.items()}
        self._graph = graph
        batch = {shape[0] for shape in self.inputs.values()}
        self._found = [self._infer(extra) for extra in (0, 1 + max(batch, default=0))]

    def of(self, entry):
        """The shape of a value at the batch size that was given."""
        return self._found[0][_key(entry)]

    def target(self, entry, layer):
        """The shape of a value as ONNX's Reshape takes it: -1 for the size that follows the batch."""
        shapes, before = ([found[_key(of)] for found in self._found] for of in (entry, layer.node.inputs[0]))
        if len(set(map(len, shapes))) > 1 or sum(a != b for a, b in zip(*shapes)) > 1:
            raise layer.refused("makes a shape in which more than one size follows that of the batch")
        if any(math.prod(new) != math.prod(old) for new, old in zip(shapes, before)):
            raise layer.refused(f"makes the shape {shapes[0]}, which fits one size of the batch alone")
        return [a if a == b else -1 for a, b in zip(*shapes)]

    def dimensions(self, entry, batch):
        """The shape of an output with ``batch`` where it grows as the batch does, and None for another that changes."""
        shapes = [found[_key(entry)] for found in self._found]
        if len(set(map(len, shapes))) > 1:
            return None
        return [a if a == b else batch if axis == 0 else None for axis, (a, b) in enumerate(zip(*shapes))]

    def of_input(self, name):
        """The shape that was given for an input."""
        if name not in self.inputs:
            raise ValueError(f"the network has the input {name!r}, for which no shape was given; got shapes for "
                             f"{', '.join(map(repr, self.inputs)) or 'none'}.")
        return self.inputs[name]

    def _infer(self, extra):
        """dict ``(id(node), output)`` -> shape, with ``extra`` more examples in the batch."""
        from ..gluon import to_symbol
        graph = self._graph.copy()
        for i, node in enumerate(graph.nodes):  # two layers may have the same name; and no attribute may fix a size
            node.attrs = {key: value for key, value in node.attrs.items() if not key.startswith('__')}
            node.name = f'n{i}'
        given = {twin.name: graph.params[node.name].shape if node.name in graph.params else
                 (self.inputs[node.name][0] + extra, *self.inputs[node.name][1:])
                 for node, twin in zip(self._graph.nodes, graph.nodes)
                 if node.is_variable and node.name in {**graph.params, **self.inputs}}
        outputs = to_symbol(graph).get_internals()
        reason = "MXNet infers no shape for one of its layers"
        try:
            _, shapes, _ = outputs.infer_shape_partial(**given)  # infer_shape prints what it was given
        except Exception as error:  # MXNetError, and Exception itself for arrays of more than 2^31 values
            shapes, reason = None, re.sub(r'\bn(\d+)\b', lambda found: self._graph.nodes[int(found[1])].name,
                                          str(error).strip().splitlines()[-1])
        if not shapes or any(min(shape, default=0) < 1 for shape in shapes):
            size = f", with {extra} more examples in the batch" if extra else ''
            raise NotConvertible(f"the network does not fit inputs of the shapes {self.inputs}{size}: {reason}")
        found, counted = {}, Counter()
        for name, shape in zip(outputs.list_outputs(), shapes):  # outputs of one node follow one another
            number = int(name[1:].partition('_')[0])
            found[id(self._graph.nodes[number]), counted[number]] = tuple(shape)
            counted[number] += 1
        return found


def _key(entry):
    node, output = entry
    return id(node), output
