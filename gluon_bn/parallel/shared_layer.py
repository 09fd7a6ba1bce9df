"""A batch norm layer whose batch several ranks share: what it exchanges with the same layer of the other ranks.

A *group* (``group.py``) is this rank and the others: ``rank``, ``size``, and ``gather(name, array)``, which gives all
ranks' arrays in their order, ``(size, ...)``. Every rank calls it for the same layers in the same order.
"""
import itertools
import weakref
from typing import NamedTuple

import numpy as np

from .statistics import add_up, merge_sums

_layers = weakref.WeakKeyDictionary()  # group -> layer name -> SharedLayer; gone with the group
_by_number = weakref.WeakValueDictionary()  # as operators know them: their attributes are numbers
_numbers = itertools.count(1)


class NoRows:
    """The group for a step in which this rank has no rows: it takes part in every exchange and counts for nothing.

    The layer still needs an ``X`` for its shape, of one row at least, whose values do not matter. All gradients that
    come from it are 0, and so are those of gamma and beta.

    >>> from gluon_bn.parallel.group import OneProcess
    >>> NoRows(OneProcess()).size
    1
    """

    def __init__(self, group):
        self.group, self.rank, self.size = group, group.rank, group.size


class SharedLayer:
    """One layer of one rank: ``exchange`` is called once forward and once backward.

    ``settings`` are words for what must be the same on all ranks, who compare them forward. ``error`` is the exception
    of an exchange that failed. MXNet, which calls for the exchange from a thread of its own, passes on no more than
    that there was one.
    """

    def __init__(self, group, name):
        self.group, self.name, self.settings, self.error = weakref.ref(group), name, '', None
        self.number = next(_numbers)
        _by_number[self.number] = self

    def exchange(self, numbers, backward):
        """Replace the numbers of this rank's shard, ``(1 + 2 C,)`` in float64, by those of the whole batch.

        Forward they are the number of values a feature has, their sums, and the sums of squared deviations; backward
        that number again, and the sums of dy and of dy·x_hat.
        """
        try:
            group = self.group()
            if group is None:
                raise RuntimeError(f"the group of layer {self.name!r} is gone; keep it until backward is done.")
            what = f"{self.name} backward" if backward else f"{self.name} forward{self.settings}"
            rows = group.gather(what, numbers)                                            # (size, 1 + 2 C)
            with np.errstate(all='ignore'):  # of a network that has diverged
                numbers[:] = add_up(rows) if backward else self._merged(rows)
        except BaseException as error:
            self.error = error
            raise

    def _merged(self, rows):
        C = rows.shape[1] // 2
        n, sums, m2 = merge_sums(rows[:, 0], rows[:, 1:1 + C], rows[:, 1 + C:])
        if n < 2:
            values = "1 value" if n == 1 else f"{n:g} values"
            raise ValueError(f"layer {self.name!r} has {values} per feature on all {len(rows)} ranks together; "
                             "normalised by itself every output would be beta. Train with at least two examples a "
                             "batch.")
        return np.concatenate(([n], sums, m2))


class Part(NamedTuple):
    """What a rank has of a layer's batch."""

    layer: SharedLayer
    absent: bool  # whether that is nothing

    def announce(self, eps, momentum, dtype):
        """What must be the same on all ranks in the call that follows: they compare it."""
        self.layer.settings = f" (eps {float(eps)!r}, momentum {float(momentum)!r}, {np.dtype(dtype).name})"


def part_of_layer(group, name):
    """The :class:`Part` for the argument ``group`` of a layer; None if nobody else is in the group.

    ``TypeError`` if it is no group.
    """
    if group is None:
        return None
    absent = isinstance(group, NoRows)
    real = group.group if absent else group
    if not callable(getattr(real, 'gather', None)) or not hasattr(real, 'size'):
        raise TypeError(f"group is a {type(group).__name__}; expected None or a group of gluon_bn.parallel, with rank, "
                        "size and gather.")
    if real.size == 1 and not absent:
        return None
    layers = _layers.setdefault(real, {})
    if name not in layers:
        layers[name] = SharedLayer(real, name)
    return Part(layers[name], absent)


def parts_of(group):
    """The :class:`Part` of each layer that a rank of the group has used."""
    return [Part(layer, absent=False) for layer in _layers.get(group, {}).values()]


def by_number(number):
    """The :class:`SharedLayer` with this number."""
    return _by_number[number]
