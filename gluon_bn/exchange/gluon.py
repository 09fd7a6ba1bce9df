"""Graphs to and from MXNet: the graph of a Gluon block, a symbol or a block of a graph."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._mxnet import mx, nd
from . import saved

if TYPE_CHECKING:
    from typing import Sequence

    from mxnet import Context
    from mxnet.gluon import Block, SymbolBlock
    from mxnet.symbol import Symbol

    from .graph import Graph


def of_block(net: Block, inputs: Sequence[str] = ('data',)) -> Graph:
    """The graph of a Gluon block that can be hybridized, with copies of its parameters; the block is not changed.

    ``inputs`` are the names to give to its arguments. Statistics that differ between devices are averaged, as
    ``net.export`` does. Raises ``ValueError``, in one sentence, for a block that does more than call operators, and
    for parameters without values.
    """
    if isinstance(net, mx.gluon.SymbolBlock):
        arguments = [mx.sym.var(entry.name) for entry in net._cached_graph[0]]
    else:
        arguments = [mx.sym.var(name) for name in inputs]
    params = {}
    for name, param in net.collect_params().items():
        try:
            params[name] = param._reduce().asnumpy()
        except (RuntimeError, mx.gluon.parameter.DeferredInitializationError) as error:
            raise ValueError(f"the parameter {name} has no values yet: initialize the network, and call it once on a "
                             "batch.") from error
    try:
        outputs = net(*arguments)
    except Exception as error:  # forward is the user's, and computes with symbols where it expects arrays
        raise ValueError(f"{type(net).__name__} cannot be traced with symbols ({type(error).__name__}: "
                         f"{str(error).splitlines()[0] if str(error) else 'no reason given'}); expected a block that "
                         f"can be hybridized, and takes {len(arguments)} argument(s).") from error
    outputs = mx.sym.Group(list(outputs)) if isinstance(outputs, (list, tuple)) else outputs
    graph = saved.read(outputs.tojson(), params)
    place = {argument.name: i for i, argument in enumerate(arguments)}
    graph.nodes.sort(key=lambda node: place.get(node.name, len(place)) if node.is_variable else len(place))
    return graph  # its inputs are in the order of the arguments, not in that of their use


def to_symbol(graph: Graph) -> Symbol:
    """``graph`` as a symbol of MXNet."""
    return mx.sym.load_json(saved.to_json(graph))


def contexts(net: object) -> list[Context]:
    """The devices on which a network has its parameters."""
    if isinstance(net, mx.gluon.Block):
        return next((param.list_ctx() for param in net.collect_params().values()), [mx.current_context()])
    return [getattr(net, 'ctx', None) or mx.current_context()]


def to_block(graph: Graph, ctx: Context | list[Context] | None = None) -> SymbolBlock:
    """``graph`` as a Gluon block for inference, with its parameters on ``ctx``; they take no gradients.

    Its arguments are the graph's ``inputs``, in their order.
    """
    return block_of(to_symbol(graph), graph.inputs, graph.params, mx.current_context() if ctx is None else ctx)


def block_of(symbol: Symbol, inputs: Sequence[str], params: dict[str, np.ndarray],
             ctx: Context | list[Context]) -> SymbolBlock:
    """A symbol as a Gluon block for inference, which takes ``inputs``; its parameters are among ``params``."""
    dtype = next((value.dtype for value in params.values() if value.dtype.kind == 'f'), np.dtype('float32'))
    # With their type MXNet finds those of all others; without, it warns that it cannot.
    block = mx.gluon.SymbolBlock(symbol, [mx.sym.var(name, dtype=dtype.name) for name in inputs])
    for name, param in block.collect_params().items():
        value = params[name]
        param._load_init(nd.array(value, dtype=value.dtype), ctx, cast_dtype=True, dtype_source='saved')
        param.grad_req = 'null'
    return block
