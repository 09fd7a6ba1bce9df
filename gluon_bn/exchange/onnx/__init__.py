"""ONNX file of a network, by the ``onnx`` package: :func:`export_onnx`, :func:`from_graph`.

It uses ``exchange`` and ``support``.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...support.arguments import path as as_path
from ...support.arguments import shown, sizes
from ...support.extras import import_extra
from ...support.files import atomic_write
from ..fold import folded
from ..layer import Layer, NotConvertible
from ..networks import of_network
from . import axes, elementwise, layers
from .builder import BATCH, IR_VERSION, OPSET, Builder
from .shapes import Shapes

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any

    import onnx

    from ..graph import Graph

_OPERATORS = {**axes.OPERATORS, **elementwise.OPERATORS, **layers.OPERATORS}


def export_onnx(net: Any, path: str | os.PathLike[str], shape: Sequence[Any], fold: bool = False) -> None:
    """Write ``net`` as an ONNX file for inference: stored statistics, no dropout; ``net`` is not changed.

    Parameters
    ----------
    net : a Gluon block that can be hybridized and has values, or a ``LeNet``, ``SigmoidMLP``, ``FullyConnectedNet`` or
        ``MLP`` with stored statistics; its parameters float32
    path : of the file, which is written whole or not at all
    shape : of an input, the batch first, such as ``(1, 3, 224, 224)``; a list of shapes for a net of several inputs.
        The file takes a batch of any size; the other sizes are fixed.
    fold : bool, True merges each batch norm into the convolution or dense layer before it, where that is exact; see
        :func:`gluon_bn.fold_batch_norm`

    The file is of opset 17 (ONNX 1.12), has passed ONNX's checker, and takes the inputs ``data``, or ``data0``,
    ``data1``, ...; an output is called ``<layer>_output``. Raises ``ValueError``, naming the operator and the layer,
    for what cannot be converted; ``ImportError`` without the package onnx. Nothing is written then.

    Example
    -------
    >>> net = gbn.LeNet()
    >>> scores = net(nd.random.uniform(shape=(8, 1, 28, 28)))                  # a first batch, for the statistics
    >>> gbn.export_onnx(net, 'lenet.onnx', (1, 1, 28, 28))
    """
    import_extra('onnx', 'onnx')
    path = as_path('path', path)
    shapes = _checked_shapes(shape)
    graph = of_network(net, shapes)
    if fold:
        graph = folded(graph)
    if len(graph.inputs) != len(shapes):
        raise ValueError(f"got {len(shapes)} shapes; the network takes the inputs {', '.join(graph.inputs)}.")
    model = from_graph(graph, dict(zip(graph.inputs, shapes)))
    with atomic_write(path) as file:
        file.write(model.SerializeToString())


def _checked_shapes(shape):
    """A list of shapes, of one shape or several."""
    if not isinstance(shape, (tuple, list)) or not shape:
        raise TypeError(f"shape is {shown(shape)}; expected the shape of an input, such as (1, 3, 224, 224), or a list "
                        "of shapes.")
    return [sizes('shape', one) for one in (shape if isinstance(shape[0], (tuple, list)) else [shape])]


def from_graph(graph: Graph, shapes: Mapping[str, Sequence[int]]) -> onnx.ModelProto:
    """The ``onnx.ModelProto`` of a graph.

    Parameters
    ----------
    graph : exchange.graph.Graph, with float32 parameters
    shapes : dict name of an input -> its shape, batch first; the batch may have any size in the model, the other sizes
        are as given. A label needs none: it is no input of the model.

    Raises ``NotConvertible``, which is a ``ValueError``, for what ONNX cannot express or nobody has taught this module;
    it names the operator and the layer.
    """
    onnx = import_extra('onnx', 'onnx')
    graph = graph.pruned()
    for name, array in graph.params.items():
        if array.dtype != 'float32':
            raise NotConvertible(f"the parameter {name!r} is {array.dtype}; expected float32: cast the network first "
                                 "(net.cast('float32')); nothing was written.")
    build = Builder(graph, Shapes(graph, shapes))
    for node in graph.layers():
        layer = Layer(node)
        if node.op not in _OPERATORS:
            raise layer.refused("is not known here")
        names = _OPERATORS[node.op](layer, build)
        layer.check_all_read()
        build.define(node, names if isinstance(names, list) else [names])
    outputs = [_output(build, entry) for entry in graph.heads]
    inputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [BATCH, *build.inputs[name][1:]])
              for name in graph.inputs if name in build.inputs]
    used = {name for node in build.nodes for name in node.input}  # a gamma that MXNet does not read is not
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in build.constants.items() if name in used]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(build.nodes, 'gluon_bn', inputs, outputs, constants), producer_name='gluon_bn',
        opset_imports=[onnx.helper.make_opsetid('', OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def _output(build, entry):
    """The description of an output of the network, under a name of its own."""
    name = build.add('Identity', [build.value(entry)], f'{entry[0].name}_output')
    return build.helper.make_tensor_value_info(name, 1, build.shapes.dimensions(entry, BATCH))
