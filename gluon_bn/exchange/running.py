"""Outputs of a graph on given inputs, by whatever is installed that can run it: MXNet, PyTorch, ONNX Runtime."""
from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np

from . import saved
from .attributes import attribute

if TYPE_CHECKING:
    from typing import Callable

    import onnx

    from .graph import Graph

    Run = Callable[[dict[str, np.ndarray]], list[np.ndarray]]  # inputs by name -> outputs

SMALL = 1e-2  # outputs whose values are smaller are compared as if they were of this size


def installed(module: str) -> bool:
    """Whether a library is there, without importing it."""
    return importlib.util.find_spec(module) is not None


def random_inputs(graph: Graph, shapes: dict[str, tuple], seed: int = 0) -> dict[str, np.ndarray]:
    """Random inputs of these shapes: normal numbers, and numbers of rows for an embedding; of the graph's type."""
    random, dtype = np.random.default_rng(seed), float_type(graph)
    inputs = {name: random.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    for node in graph.layers():
        if node.op == 'Embedding' and node.inputs[0][0].name in inputs:
            name = node.inputs[0][0].name
            inputs[name] = random.integers(0, attribute(node, 'input_dim'), shapes[name]).astype(dtype)
    return inputs


def float_type(graph: Graph) -> np.dtype:
    """The type to compute a graph in: float64 if parameters are, else float32; CPUs have no kernels for float16."""
    return np.dtype('float64' if any(value.dtype == np.float64 for value in graph.params.values()) else 'float32')


def is_half(graph: Graph) -> bool:
    """Whether some of its parameters are float16."""
    return any(value.dtype == np.float16 for value in graph.params.values())


def check_parameters(graph: Graph, shapes: dict[str, tuple]) -> None:
    """``ValueError`` if a parameter has another shape than its layer takes, with inputs of these shapes.

    MXNet does not look at those of a batch norm, and computes with what lies behind them in memory.
    """
    from .gluon import to_symbol
    symbol = to_symbol(graph)
    arguments, _, auxiliary = symbol.infer_shape_partial(**shapes)
    names = [*symbol.list_arguments(), *symbol.list_auxiliary_states()]
    for name, expected in zip(names, [*(arguments or ()), *(auxiliary or ())]):
        value = graph.params.get(name)
        if value is not None and min(expected, default=0) > 0 and value.shape != tuple(expected):
            raise ValueError(f"the parameter {name} has the shape {value.shape}, and its layer takes {tuple(expected)} "
                             f"for inputs of {shapes}; expected the parameters of this network, or other inputs.")


def by_mxnet(graph: Graph) -> Run:
    """MXNet, with the graph as it is."""
    return mxnet_of_symbol(graph, saved.to_json(graph))


def mxnet_of_symbol(graph: Graph, text: str) -> Run:
    """MXNet, with a symbol's text as MXNet itself reads it; the parameters are those of ``graph``, read from that text.

    Labels, which ``graph`` does not have and which change no output, are 0.
    """
    from .._mxnet import mx, nd
    from .gluon import block_of
    symbol = mx.sym.load_json(text)
    names = [name for name in symbol.list_inputs() if name not in graph.params]
    dtype = float_type(graph)
    params = {name: value.astype(dtype) if value.dtype == np.float16 else value for name, value in graph.params.items()}
    block = block_of(symbol, names, params, mx.cpu())

    def run(inputs):
        shapes, _, _ = symbol.infer_shape(**{name: value.shape for name, value in inputs.items()})
        shapes = dict(zip(symbol.list_arguments(), shapes))
        outputs = block(*(nd.array(inputs.get(name, np.zeros(shapes[name])), mx.cpu(), dtype) for name in names))
        return [output.asnumpy() for output in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]
    return run


def by_torch(graph: Graph) -> Run:
    """PyTorch, with the module of the graph."""
    from .torch import from_graph
    return run_module(from_graph(graph), graph)


def run_module(module, graph: Graph) -> Run:
    """PyTorch, with a module that takes the inputs of ``graph``."""
    import torch

    half = is_half(graph)

    def run(inputs):
        with torch.no_grad():
            outputs = module(*(torch.from_numpy(inputs[name].astype(np.float16 if half else inputs[name].dtype))
                               for name in graph.inputs))
        return [output.numpy() for output in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]
    return run


def run_model(model: onnx.ModelProto) -> Run:
    """ONNX Runtime, or where it is missing the reference implementation of the ``onnx`` package."""
    if installed('onnxruntime'):
        import onnxruntime
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    else:
        from onnx.reference import ReferenceEvaluator
        session = ReferenceEvaluator(model)
    return lambda inputs: session.run(None, inputs)


def largest_difference(first: list[np.ndarray], second: list[np.ndarray]) -> tuple[float, float]:
    """The largest difference between two lists of outputs, and the largest value, of the output in which the first is
    the largest part of the second; ``ValueError`` if they have other shapes, or values that are not finite."""
    if [value.shape for value in first] != [value.shape for value in second]:
        raise ValueError(f"the outputs have the shapes {[value.shape for value in first]} and "
                         f"{[value.shape for value in second]}; expected the same.")
    if not all(np.isfinite(value).all() for value in (*first, *second)):
        raise ValueError("the outputs for random inputs are not finite, and cannot be compared; the network, or its "
                         "parameters, are not those of a trained one.")
    pairs = [(one.astype(np.float64), other.astype(np.float64)) for one, other in zip(first, second)]
    found = [(float(np.abs(one - other).max(initial=0)), float(np.abs(one).max(initial=0))) for one, other in pairs]
    return max(found, key=lambda each: each[0] / max(each[1], SMALL), default=(0., 0.))

