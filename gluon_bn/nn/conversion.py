"""The conversion of a Gluon network: its batch norms become ours, in place."""
from __future__ import annotations

import warnings
from typing import TypeVar

import numpy as np

from .._mxnet import mx
from .graphs import has_unmarked
from .layer import BatchNorm, checked_settings

gluon = mx.gluon
_Net = TypeVar('_Net')  # a gluon.Block


def convert(net: _Net) -> _Net:
    """Make every ``gluon.nn.BatchNorm`` in ``net`` a :class:`gluon_bn.nn.BatchNorm`, and return ``net``.

    The blocks stay the same objects, with the same parameters under the same names, initialized or not: whatever refers
    to them goes on, a ``Trainer`` too. Compiled graphs in ``net`` are dropped, and compiled anew at the next call. If
    ``net`` is part of a network, convert the whole.

    A subclass of Gluon's layer (``SyncBatchNorm``, or one of your own) and ``BatchNormReLU`` compute something else;
    in a ``SymbolBlock`` batch norms are no blocks. They stay, and a warning says so. What is no ``gluon.Block`` is a
    ``TypeError``; settings that ours refuses, and Gluon's does not, are refused here as well, before anything changes.

    >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
    >>> gbn.convert(net) is net
    True
    >>> isinstance(net.features[1], gbn.nn.BatchNorm)
    True
    """
    if not isinstance(net, gluon.Block):
        raise TypeError(f"net is a {type(net).__name__}; expected a gluon.Block, such as a network of the model zoo.")
    blocks = list(_blocks_of(net))
    is_half = any(np.dtype(parameter.dtype) == np.float16 for parameter in net.collect_params().values())
    ours_from_now_on = [(block, _settings(block)) for block in blocks if type(block) is gluon.nn.BatchNorm]
    for block, settings in ours_from_now_on:
        block.__class__ = BatchNorm  # ours adds no state but this
        block._is_half = is_half
        block._kwargs.update(settings)
    for block in blocks:
        if isinstance(block, gluon.HybridBlock):
            block._clear_cached_op()
    others = {type(block).__name__ for block in blocks
              if isinstance(block, (gluon.nn.BatchNorm, gluon.nn.BatchNormReLU)) and not isinstance(block, BatchNorm)
              or isinstance(block, gluon.SymbolBlock) and has_unmarked(block._cached_graph[1])}
    if others:
        warnings.warn(f"gluon_bn.convert has left what is no plain BatchNorm as it is: {', '.join(sorted(others))}.",
                      stacklevel=2)
    return net


def _settings(block):
    """Those of a ``gluon.nn.BatchNorm``, as ours has them."""
    had = block._kwargs
    try:
        return checked_settings(had['axis'], had['momentum'], had['eps'], had['use_global_stats'])
    except (TypeError, ValueError) as error:
        raise type(error)(f"{block.name} cannot be converted: {error}") from None


def _blocks_of(block):
    """``block`` and all that are in it, each once."""
    found = {id(block): block}
    waiting = [block]
    while waiting:
        for child in waiting.pop()._children.values():
            if id(child) not in found:
                found[id(child)] = child
                waiting.append(child)
    return found.values()
