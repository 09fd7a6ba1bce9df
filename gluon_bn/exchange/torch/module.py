"""PyTorch module that computes a graph: the layers with parameters are its submodules."""
import re
from collections import Counter

import torch
from torch import nn

from ..graph import AUXILIARY, Graph, layer_name
from ..layer import Layer
from .layers import LAYERS, with_fixed_gamma
from .operators import OPERATORS

_TAKEN = {*dir(nn.Module()), 'graph', 'paths', 'made_from', 'to_graph', 'trained_paths'}


class GraphModule(nn.Module):
    """A network of MXNet that PyTorch computes, and trains.

    ``forward`` takes the inputs of the network in their order. Convolutions, dense layers, batch norms and embeddings
    are submodules, called as in Gluon (``features.0``), so that ``state_dict`` has PyTorch's usual names:
    ``features.0.weight``, ``features.1.running_var``.

    Attributes
    ----------
    graph : exchange.graph.Graph, what is computed; without arrays, which are the module's own
    paths : dict name of a variable of the graph -> name in the state dictionary
    made_from : what describes the network that it was made from, for the way back; see ``to_torch``
    """

    def __init__(self, graph, names=None, frozen=(), made_from=None):
        """``names``: dict variable -> its tensor's name, such as 'features.0.weight'; ``frozen`` are not trained."""
        super().__init__()
        graph = graph.pruned()
        self.graph, self.made_from, self.paths = Graph(graph.nodes, graph.heads, {}), made_from, {}
        self._steps, self._known, self._number = [], {}, {id(node): i for i, node in enumerate(graph.nodes)}
        self._inputs = [self._number[id(node)] for node in graph.nodes
                        if node.is_variable and node.name not in graph.params]
        building = _Building(self, graph.params, names or {}, set(frozen))
        uses = Counter(self._reference(entry) for node in graph.layers() for entry in node.inputs)
        uses.update(self._reference(entry) for entry in graph.heads)
        for node in graph.layers():
            call, inputs = building.step(Layer(node))
            self._steps.append((self._number[id(node)], call, inputs, list(map(self._reference, node.inputs))))
        self._uses = dict(uses)
        self._heads = [building.reference(entry) for entry in graph.heads]
        self.eval()

    def forward(self, *inputs):
        """The outputs of the network: a tensor, or a list of tensors if there are several."""
        if len(inputs) != len(self._inputs):
            raise TypeError(f"got {len(inputs)} inputs; the network takes {len(self._inputs)}.")
        values = {(number, 0): value for number, value in zip(self._inputs, inputs)}
        left = dict(self._uses)
        for number, (before, path, after), references, ends in self._steps:
            arguments = [self._value(values, reference) for reference in references]
            if before is not None:
                arguments = [before(*arguments)]
            results = arguments if path is None else [self.get_submodule(path)(*arguments)]
            results = results if after is None else [after(*results)]
            results = results[0] if isinstance(results[0], list) else results
            values.update({(number, i): result for i, result in enumerate(results)})
            for reference in ends:  # what nobody needs any more is given back
                left[reference] -= 1
                if not left[reference]:
                    values.pop(reference, None)
        outputs = [self._value(values, reference) for reference in self._heads]
        return outputs[0] if len(outputs) == 1 else outputs

    def to_graph(self):
        """The graph with the arrays that the module has now."""
        state = self.state_dict()
        graph = self.graph.copy()
        graph.params = {name: state[path].detach().cpu().numpy().copy() for name, path in self.paths.items()}
        return graph

    def trained_paths(self):
        """The names of the parameters that take a gradient, as a set."""
        return {name for name, param in self.named_parameters(remove_duplicate=False) if param.requires_grad}

    def _value(self, values, reference):
        if isinstance(reference, str):
            module, _, name = reference.rpartition('.')
            return getattr(self.get_submodule(module), name)
        return values[reference]

    def _reference(self, entry):
        node, output = entry
        return self._number[id(node)], output


def _safe(path):
    """A path none of whose parts is an attribute that every module has, or would break the code of torch.export."""
    path = re.sub(r'["\\\n\r]', '_', path)
    return '.'.join(f'{part}_' if part in _TAKEN or not part else part for part in path.split('.')) if path else path


class _Building:
    """What is needed while a ``GraphModule`` is put together."""

    def __init__(self, module, arrays, names, frozen):
        self.module, self.arrays, self.names, self.frozen = module, arrays, names, frozen
        self.tensors, self.modules = {}, {}

    def reference(self, entry):
        """Where the value of ``entry`` is: the name of a parameter of the module, or the number of a result."""
        node, output = entry
        if not node.is_variable or node.name not in self.arrays:
            if output and node.op != 'SliceChannel':
                raise Layer(node).refused(f"gives its output {output} to the user or to another layer")
            return self.module._reference(entry)
        if node.name not in self.module.paths:
            path = _safe(self.names.get(node.name, node.name))
            parent, _, name = path.rpartition('.')
            self._container(parent).register_parameter(name, self._tensor(node.name))
            self.module.paths[node.name] = path
        return self.module.paths[node.name]

    def step(self, layer):
        """``(before, path of a submodule, after)`` and what they are called with."""
        node = layer.node
        converter, slots = LAYERS.get(node.op, (None, {}))
        if converter is None or (node.op == 'LeakyReLU' and len(node.inputs) == 1):
            if node.op not in OPERATORS:
                raise layer.refused("is not known here")
            function = OPERATORS[node.op](layer)
            layer.check_all_read()
            return (function, None, None), [self.reference(entry) for entry in node.inputs]
        sources = [source for source, _ in node.inputs[1:]]
        key = (node.op, tuple(sorted(node.attrs.items())), tuple(source.name for source in sources))
        if not sources or key not in self.modules:
            self.modules[key] = self._placed(layer, sources, slots)
        return self.modules[key], [self.reference(node.inputs[0])]

    def _placed(self, layer, sources, slots):
        """A new submodule with the arrays of ``sources``."""
        for source in sources:
            if source.name not in self.arrays or not source.is_variable:
                raise layer.refused(f"takes {source.name!r}, which is computed and not a parameter")
        arrays, fixed = with_fixed_gamma(layer, [self.arrays[source.name] for source in sources])
        converter, _ = LAYERS[layer.op]
        placed = converter(layer, *arrays)
        layer.check_all_read()
        path = self._path(layer, sources)
        for slot, source, array in zip(layer.node.slots()[1:], sources, arrays):
            self._give(placed.module, path, slots[slot], slot, source.name, array, fixed and slot == 'gamma')
        if hasattr(placed.module, 'num_batches_tracked'):
            placed.module.num_batches_tracked = torch.tensor(0)
        parent, _, name = path.rpartition('.')
        self._container(parent).add_module(name, placed.module)
        return placed.before, path, placed.after

    def _give(self, module, path, name, slot, variable, array, fixed):
        if slot in AUXILIARY:
            setattr(module, name, torch.tensor(array))
        elif fixed:
            setattr(module, name, nn.Parameter(torch.tensor(array), requires_grad=False))
        else:
            setattr(module, name, self._tensor(variable))
        self.module.paths.setdefault(variable, f'{path}.{name}')

    def _tensor(self, variable):
        """The parameter of a variable, one for all who use it."""
        if variable not in self.tensors:
            array = self.arrays[variable]
            trains = array.dtype.kind == 'f' and variable not in self.frozen
            self.tensors[variable] = nn.Parameter(torch.tensor(array), requires_grad=trains)
        return self.tensors[variable]

    def _path(self, layer, sources):
        """Where a submodule belongs: with its parameters, as the network names them, else under the layer's name."""
        own = _safe(layer_name(layer.node))
        named = self.names.get(sources[0].name) if sources else None
        path = own if named is None else _safe(named.rpartition('.')[0])
        taken = dict(self.module.named_modules())
        if path in taken and type(taken[path]) is nn.Module and path:  # a container of layers with the same prefix
            path = f'{path}.{own}'
        free, number = path or own, 0
        while free in taken:
            number += 1
            free = f'{path or own}_{number}'
        return free

    def _container(self, path):
        """The module at ``path``, made if there is none."""
        module = self.module
        for name in filter(None, path.split('.')):
            if name not in module._modules:
                module.add_module(name, nn.Module())
            module = module._modules[name]
        return module
