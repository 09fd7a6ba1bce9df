"""What somebody who carries a network elsewhere should know of its batch norms, in sentences."""
from __future__ import annotations

from typing import TYPE_CHECKING

from .attributes import attribute
from .graph import layer_name

if TYPE_CHECKING:
    from .graph import Graph

SMALLEST_EPS = 1e-5  # that cuDNN takes, with which MXNet and PyTorch compute on GPUs


def remarks(graph: Graph) -> list[str]:
    """Sentences on batch norms whose settings other frameworks do not have, or read in another way.

    >>> from gluon_bn.exchange import saved
    >>> remarks(saved.read(mx.sym.BatchNorm(mx.sym.var('data'), eps=1e-6, fix_gamma=False, name='bn').tojson()))
    ['bn has eps=1e-06, below the 1e-05 that cuDNN takes at least: on a GPU its outputs may be others.']
    """
    said = []
    for node in graph.layers():
        if node.op != 'BatchNorm':
            continue
        name, gamma = layer_name(node), graph.value(node.inputs[1])
        if attribute(node, 'fix_gamma') and gamma is not None and (gamma != 1).any():
            said.append(f"{name} has fix_gamma=True: MXNet computes with a gamma of 1 whatever is stored "
                        f"({gamma.min():.3g} to {gamma.max():.3g}), and so does what is written.")
        if attribute(node, 'use_global_stats'):
            said.append(f"{name} has use_global_stats=True: it normalises by the stored statistics in training too.")
        if attribute(node, 'eps') < SMALLEST_EPS:
            said.append(f"{name} has eps={attribute(node, 'eps'):g}, below the {SMALLEST_EPS:g} that cuDNN takes at "
                        "least: on a GPU its outputs may be others.")
    if graph.unused:
        said.append(f"The network does not use {len(graph.unused)} of the arrays: {', '.join(graph.unused[:5])}"
                    f"{', ...' if len(graph.unused) > 5 else ''}.")
    return said
