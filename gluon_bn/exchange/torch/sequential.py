"""``torch.nn.Sequential`` of known layers as a ``HybridSequential`` with children of the same names."""
from torch import nn

from ..._mxnet import mx
from .blocks import BLOCKS, block_of


def block_or_none(module, ctx, path=''):
    """The block of a known layer, or of a ``Sequential`` of such; None if there is another module inside."""
    if not _known(module):
        return None
    if type(module) is not nn.Sequential:
        return block_of(module, path, ctx)
    block = mx.gluon.nn.HybridSequential()
    for name, child in module.named_children():
        block.register_child(block_or_none(child, ctx, f'{path}.{name}'.lstrip('.')), name)
    return block


def _known(module):
    if type(module) is nn.Sequential:
        return all(map(_known, module))
    return type(module) in BLOCKS
