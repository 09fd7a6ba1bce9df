"""ONNX graph in the making: names of values, nodes, constants, inputs."""
import numpy as np

from ...support.extras import import_extra
from ..layer import Layer

OPSET, IR_VERSION = 17, 8  # of ONNX 1.12; every runtime since then reads both
BATCH = 'batch'  # the name of the axis that may have any size


class Builder:
    """An ONNX graph that grows node by node, beside the ``Graph`` that it is made from.

    ``shapes`` says what shape an output of the graph has, see ``shapes.Shapes``.
    """

    def __init__(self, graph, shapes):
        self.helper = import_extra('onnx', 'onnx').helper
        self.graph, self.shapes = graph, shapes
        self.nodes, self.constants, self.inputs = [], {}, {}
        self._values, self._taken = {}, set(graph.params) | set(graph.inputs)

    def value(self, entry):
        """The name of the ONNX value of ``(node, number of its output)``; a parameter or an input is added."""
        node, number = entry
        if not node.is_variable:
            names = self._values[id(node)]
            if number >= len(names):
                raise Layer(node).refused(f"gives its output {number} to the user or to another layer")
            return names[number]
        if node.name in self.graph.params:
            self.constants.setdefault(node.name, self.graph.params[node.name])
        else:
            self.inputs[node.name] = self.shapes.of_input(node.name)
        return node.name

    def define(self, node, names):
        """These are the values of the outputs of ``node``."""
        self._values[id(node)] = names

    def inputs_of(self, layer):
        """The names of the values that a layer takes."""
        return [self.value(entry) for entry in layer.node.inputs]

    def type_of(self, dtype):
        """ONNX's number of a NumPy type."""
        return self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def constant(self, array, name):
        """A new constant, named after what it is for."""
        name = self.free_name(name)
        self.constants[name] = np.asarray(array)
        return name

    def integers(self, values, name):
        """A constant of whole numbers, as shapes and axes are."""
        return self.constant(np.asarray(values, np.int64), name)

    def number(self, value, name):
        """A constant number, in the type of the network."""
        return self.constant(np.float32(value), name)

    def add(self, operator, inputs, name, outputs=1, **attributes):
        """A node; the name of its output, or a list if there are several."""
        names = [self.free_name(name if outputs == 1 else f'{name}_{i}') for i in range(outputs)]
        self.nodes.append(self.helper.make_node(operator, inputs, names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names

    def free_name(self, name):
        """``name``, with a number behind it if it is taken."""
        free, number = name, 0
        while free in self._taken:
            number += 1
            free = f'{name}_{number}'
        self._taken.add(free)
        return free
