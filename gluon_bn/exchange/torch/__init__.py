"""PyTorch modules of MXNet's networks, and networks of MXNet of PyTorch's modules.

It uses ``exchange``, ``_mxnet`` and ``support``; PyTorch is imported when it is asked for.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...support.extras import import_extra

if TYPE_CHECKING:
    from typing import Any

    import torch
    from mxnet import Context

    from ..graph import Graph


def to_torch(net: Any, inputs: int = 1) -> torch.nn.Module:
    """A PyTorch module that computes what ``net`` does, and trains as it does; ``net`` is not changed.

    Parameters
    ----------
    net : a Gluon block that can be hybridized and has values, or a ``LeNet``, ``SigmoidMLP``, ``FullyConnectedNet`` or
        ``MLP`` with stored statistics
    inputs : int, how many arguments a Gluon block takes

    Returns
    -------
    ``torch.nn.Module`` in test mode, on the CPU; ``module.train()`` before it is trained. The names of its
    ``state_dict`` are those of ``net.save_parameters``, with PyTorch's words for the last part: ``features.0.weight``,
    ``features.1.running_var``. So a ``torch.nn.Sequential`` of the same layers, or a module written by hand with the
    same attributes, loads it. Parameters whose ``grad_req`` is ``'null'``, and a gamma that is fixed, take no gradient.

    What differs while training goes on: PyTorch stores the variance divided by n - 1, so its ``running_var`` grows by
    ``n / (n - 1)`` of what MXNet would have added, n being the values a channel has in a batch. ``momentum`` is the
    weight of the new value there, 1 minus ours. Losses in training mode are the same, and PyTorch refuses a batch with
    one value a channel. Dropout draws other masks.

    Raises ``ValueError``, with the operator and the layer, for what cannot be converted; ``ImportError`` without torch.

    Example
    -------
    >>> net = mx.gluon.nn.HybridSequential()
    >>> net.add(mx.gluon.nn.Dense(3, in_units=2), mx.gluon.nn.BatchNorm(in_channels=3))
    >>> net.initialize()
    >>> module = gbn.to_torch(net)
    >>> list(module.state_dict())[:4]
    ['0.weight', '0.bias', '1.weight', '1.bias']
    """
    import_extra('torch', 'torch')
    from ..networks import of_network
    from .by_hand import set_mean_over_all_batches, settings
    from .module import GraphModule
    graph = of_network(net, [()] * inputs)
    if not hasattr(net, 'collect_params'):
        module = GraphModule(graph, made_from=settings(net))
        set_mean_over_all_batches(net, module)
        return module
    names = {param.name: name for name, param in reversed(list(net._collect_params_with_prefix().items()))}
    frozen = [name for name, param in net.collect_params().items() if param.grad_req == 'null']
    return GraphModule(graph, names if hasattr(net, '_children') and net._children else None, frozen)


def from_graph(graph: Graph) -> torch.nn.Module:
    """The PyTorch module of a graph, as :func:`to_torch` makes it; submodules are called as the graph's layers."""
    import_extra('torch', 'torch')
    from .module import GraphModule
    return GraphModule(graph)


def from_torch(module: torch.nn.Module, ctx: Context | None = None) -> Any:
    """A Gluon network that computes what a PyTorch module does, and trains as it does; ``module`` is not changed.

    Parameters
    ----------
    module : what :func:`to_torch` returned, trained since or not; a ``torch.nn.Sequential`` of convolutions, dense
        layers, norms, embeddings, activations and pooling, or one such layer; or a module with a ``forward`` that
        ``torch.fx`` can trace, such as torchvision's ResNet
    ctx : Context, where the parameters live; None is ``mx.current_context()``

    Returns
    -------
    For the module of a ``LeNet``, ``SigmoidMLP``, ``FullyConnectedNet`` or ``MLP``, such a network. For one of another
    network that :func:`to_torch` was given, a ``SymbolBlock``. For a ``Sequential``, a ``HybridSequential``, and for
    others a ``HybridBlock``, with children of the same names: ``save_parameters`` calls ``layer1.0.bn1.weight``
    ``layer1.0.bn1.gamma``. Parameters without ``requires_grad`` get ``grad_req='null'``.

    What differs while training goes on is said at :func:`to_torch`. A batch norm's ``num_batches_tracked`` is dropped.
    Raises ``ValueError``, with the layer, for what cannot be converted; ``TypeError`` for what is no module.
    """
    torch = import_extra('torch', 'torch')
    from ..._mxnet import mx
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module is a {type(module).__name__}; expected a torch.nn.Module. Load a state dictionary "
                        "into its module first.")
    ctx = mx.current_context() if ctx is None else ctx
    from .module import GraphModule
    if isinstance(module, GraphModule):
        return _back(module, ctx)
    from .sequential import block_or_none
    block = block_or_none(module, ctx)
    if block is None:
        from .traced import TracedNet
        block = TracedNet(module, ctx)
    return block


def _back(module, ctx):
    """The network of a module that ``to_torch`` made."""
    if module.made_from:
        from .by_hand import network
        return network(module, ctx)
    from ..gluon import to_block
    block = to_block(module.to_graph(), ctx)
    trained_paths = module.trained_paths()
    trained = {name for name, path in module.paths.items() if path in trained_paths}
    for name, param in block.collect_params().items():
        if name in trained:
            param.grad_req = 'write'
    return block
