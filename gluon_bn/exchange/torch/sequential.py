"""``torch.nn.Sequential`` of known layers as a ``HybridSequential`` with children of the same names."""
from torch import nn

from ..._mxnet import mx
from .blocks import BLOCKS, block_of, refuse_hooks, refuse_tied


def block_or_none(module, ctx):
    """The block of a known layer, or of a ``Sequential`` of such; None if there is another module inside."""
    if not _known(module):
        return None
    refuse_tied(module)
    return _block(module, ctx, '', {})


def _block(module, ctx, path, made):
    """The block of a module; ``made`` has those so far: a layer in two places is one block in two places."""
    if id(module) not in made:
        made[id(module)] = (_sequential(module, ctx, path, made) if type(module) is nn.Sequential else
                            block_of(module, path, ctx))
    return made[id(module)]


def _sequential(module, ctx, path, made):
    refuse_hooks(module, path)
    block = mx.gluon.nn.HybridSequential()
    for name, child in module._modules.items():  # named_children() passes over what it has given before
        block.register_child(_block(child, ctx, f'{path}.{name}'.lstrip('.'), made), name)
    return block


def _known(module):
    if type(module) is nn.Sequential:
        return all(map(_known, module))
    return type(module) in BLOCKS
