"""Data parallel training in one process: a batch split over several devices, :class:`DataParallel`."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np

from ._mxnet import mx, nd
from ._mxnet.device_threads import compute_beside_others
from ._mxnet.devices import check_context
from .checks import check_batch
from .fast import ranks
from .network import Network
from .network_state import merge_stored, stored_statistics_kept
from .optimizers import sgd
from .parallel.group import in_threads, part_of
from .parallel.shared_layer import parts_of
from .support.arguments import boolean, number, shown
from .training import recorded_losses

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mxnet import Context
    from mxnet.ndarray import NDArray


class DataParallel:
    """One network on several devices, each of which computes its rows of every batch.

    The gradients of the *summed* loss are those of the rows, added up. So they are added up over the devices, in the
    order of ``contexts``, and every copy of the network takes the same step: that of one device with the whole batch,
    for shards of any size. A mean of the devices' mean losses would be another one where shards differ.

    Batch norm is the layer that is not made of rows. With ``synchronised=True`` its statistics, forward and backward,
    are those of the whole batch. Otherwise each device normalises its rows by themselves, and trains another network:
    one of batches as small as the shards.

    Parameters
    ----------
    net : :class:`gluon_bn.LeNet` or :class:`gluon_bn.SigmoidMLP`, in the first of ``contexts``; **trained in place**
    contexts : list of Context, each once
    synchronised : bool

    Attributes
    ----------
    nets : list of the networks, the first one is ``net``
    rows : list, how many rows each device has had

    Raises ``ValueError`` or ``TypeError`` for other arguments.

    Example
    -------
    >>> net = gbn.LeNet(mx.cpu(0))
    >>> devices = DataParallel(net, [mx.cpu(0), mx.cpu(1)])
    >>> images, labels = gbn.data.load('mnist')
    >>> data = nd.array(images[:9] / 255)
    >>> devices.step(data, labels[:9], lr=0.001) > 0                  # four rows and five
    True
    >>> devices.rows
    [4, 5]
    """

    def __init__(self, net: Any, contexts: Sequence[Context], synchronised: bool = True) -> None:
        self.synchronised = boolean('synchronised', synchronised)
        if not isinstance(net, Network):
            raise TypeError(f"net is {shown(net)}; expected a gbn.LeNet or a gbn.SigmoidMLP; Gluon's networks have "
                            "gluon.utils.split_and_load.")
        if not isinstance(contexts, (list, tuple)):
            raise TypeError(f"contexts is {shown(contexts)}; expected a list of contexts, such as [mx.cpu(0), "
                            "mx.cpu(1)].")
        self.contexts = [check_context(ctx) for ctx in contexts]
        if not self.contexts or len(set(map(str, self.contexts))) < len(self.contexts):
            raise ValueError(f"contexts is {self.contexts}; expected a list of different contexts, such as "
                             "[mx.cpu(0), mx.cpu(1)].")
        if net.ctx != self.contexts[0]:
            raise ValueError(f"net is on {net.ctx} and the first context is {self.contexts[0]}; expected the same: put "
                             "the network's context first.")
        self.nets = [net, *(_moved(net, ctx) for ctx in self.contexts[1:])]
        self.rows = [0] * len(self.contexts)
        self._threads = ThreadPoolExecutor(len(self.contexts))  # the same ones for every step

    def step(self, data: NDArray, label: Any, lr: float) -> float:
        """One step of SGD on a batch, split as evenly as can be; returns the mean loss of its rows.

        ``data`` is an NDArray ``(m, C, H, W)`` in any context, ``label`` ``(m,)``, of any kind. ``lr`` is for the
        summed loss. A device without rows takes part in the exchange of statistics alone. Call it in one thread at a
        time. Raises as :func:`gluon_bn.train_step` does; without synchronised statistics a shard of one row is refused
        where batch norm needs two. Nothing has changed then.
        """
        number('lr', lr, at_least=0)
        _, label = check_batch(data, label)
        m = len(label)
        parts = [part_of(m, rank, len(self.nets)) for rank in range(len(self.nets))]
        before = [dict(net.bn_ewv_means) for net in self.nets], [dict(net.bn_ewv_vars) for net in self.nets]
        try:
            losses = self._on_each(lambda group: self._gradients(group, data, label, parts[group.rank]))
        except BaseException:
            with suppress(mx.base.MXNetError):  # raised already; MXNet would raise it again whenever all is waited for
                nd.waitall()
            for net, means, variances in zip(self.nets, *before):
                net.bn_ewv_means, net.bn_ewv_vars = means, variances
            raise
        self._add_gradients(parts)
        for net in self.nets:
            sgd(net.params, lr)
        self.rows = [had + part.stop - part.start for had, part in zip(self.rows, parts)]
        return sum(losses) / m

    def __getstate__(self):
        raise TypeError("a DataParallel has threads of its own and cannot be copied; copy its nets[0].")

    def merge_statistics(self) -> None:
        """Give each network the stored statistics of all rows: before an evaluation, or a checkpoint.

        With ``synchronised=True`` they have the same ones already, and this changes nothing. Otherwise see
        :func:`gluon_bn.network_state.merge_stored`.
        """
        if not self.synchronised:
            self._on_each(lambda group: merge_stored(self.nets[group.rank], group, self.rows[group.rank]))

    def _on_each(self, work):
        """``work(group)`` of each device, as a list."""
        return in_threads(len(self.nets), work, self._threads)

    def _gradients(self, group, data, label, part):
        """Compute the gradients of one device's rows, in a thread of its own; returns the sum of their losses."""
        net, empty = self.nets[group.rank], part.start == part.stop
        if empty and not self.synchronised:
            return 0.
        compute_beside_others(net.ctx)
        net.group = group if self.synchronised else None
        try:
            with stored_statistics_kept(net, only_if_refused=True):
                losses = recorded_losses(net, *((None, None) if empty else (
                    data[part].as_in_context(net.ctx), label[part])), whole_batch=label)
                losses.backward()
                gradients = (param.grad for param in net.params.values())
                ranks.wait(parts_of(group), *gradients)  # their exchange needs the others, who may leave then
                return float(losses.asnumpy().sum(dtype=np.float64))
        finally:
            net.group = None

    def _add_gradients(self, parts):
        """Make the gradient of each parameter, on all devices, the sum over them, the first one's first."""
        took_part = [net for net, part in zip(self.nets, parts) if part.stop > part.start]
        for name, param in self.nets[0].params.items():
            first, *others = (net.params[name].grad for net in took_part)
            total = first.as_in_context(param.ctx)
            for grad in others:
                total = total + grad.as_in_context(param.ctx)
            for net in self.nets:
                net.params[name].grad[:] = total.as_in_context(net.ctx)


def _moved(net, ctx):
    """A copy of the network in another context."""
    twin = deepcopy(net)
    twin.ctx = ctx
    twin.__setstate__(vars(twin))  # moves its arrays
    return twin
