"""State of a network beside its parameters: stored statistics, and the inputs of its activations."""
from contextlib import contextmanager

import numpy as np

from ._mxnet import nd
from .parallel.statistics import merge_moments


@contextmanager
def stored_statistics_kept(net, only_if_refused=False):
    """Put the network's stored statistics back as they were when the block ends, with an exception or without.

    With ``only_if_refused=True`` they are put back after an exception alone. The layer replaces the arrays and never
    writes into them, so keeping the dictionaries' contents is enough.

    >>> net = LeNet()
    >>> with stored_statistics_kept(net):
    ...     _ = net(nd.random.uniform(shape=(8, 1, 28, 28)), is_training=True)
    >>> net.bn_ewv_means
    {}
    """
    dictionaries = [d for d in (getattr(net, 'bn_ewv_means', None), getattr(net, 'bn_ewv_vars', None)) if d is not None]
    before, done = [dict(d) for d in dictionaries], False
    try:
        yield
        done = True
    finally:
        if not (done and only_if_refused):
            for dictionary, kept in zip(dictionaries, before):
                dictionary.clear()
                dictionary.update(kept)


@contextmanager
def activations_watched(net):
    """Collect what goes into the activations while the block calls ``net``: a dict, number of the layer -> NDArray.

    ``net`` has an attribute ``watch``, None or a function ``(number, h)``, and calls :func:`watched`. ``ValueError`` if
    nothing was collected; the stored statistics are put back then.

    >>> import gluon_bn as gbn
    >>> from mxnet import nd
    >>> net = gbn.LeNet()
    >>> with activations_watched(net) as inputs:
    ...     scores = net(nd.random.uniform(shape=(8, 1, 28, 28)))
    >>> {number: h.shape for number, h in inputs.items()}
    {'1': (8, 20, 26, 26), '2': (8, 50, 9, 9), '3': (8, 128)}
    """
    inputs, before = {}, net.watch
    net.watch = inputs.__setitem__
    try:
        with stored_statistics_kept(net, only_if_refused=True):
            yield inputs
            if not inputs:
                raise ValueError(f"{type(net).__name__} activates its layers in its own way, and what goes into its "
                                 "activations is known only there: call network_state.watched in its activate.")
    finally:
        net.watch = before


def watched(net, h, number):
    """``h``, the input of the activation of layer ``number``; ``net.watch`` sees it, if it is set."""
    if net.watch is not None:
        net.watch(number, h)
    return h


def merge_stored(net, group, rows):
    """Replace a network's stored statistics, on every rank of ``group``, by those of all ranks together.

    ``rows`` is how many rows of training this rank has had: its weight. The merged mean is the weighted mean of the
    means; the merged variance is the weighted mean of the variances plus the variance of the means. So of ranks whose
    stored values are the mean and variance of some rows, they are exactly those of all these rows.

    Exponentially weighted averages are no such values, but sums over past batches. Where each rank has had the same
    share of every batch, the merged mean is exactly what synchronised statistics would have stored. The merged variance
    is smaller by what the ranks' means have scattered around one another from batch to batch: the mean of a square
    minus the square of a mean.

    It is collective: every rank calls it. A rank that has had no rows need not have stored anything.

    >>> from gluon_bn.parallel.group import OneProcess
    >>> net = LeNet()
    >>> _ = net(nd.random.uniform(shape=(8, 1, 28, 28)), is_training=True)
    >>> before = net.bn_ewv_vars['bn1'].asnumpy()
    >>> merge_stored(net, OneProcess(), rows=8)
    >>> bool(np.allclose(net.bn_ewv_vars['bn1'].asnumpy(), before))
    True
    """
    for name in sorted(name.replace('gamma', 'bn') for name in net.params if name.startswith('gamma')):
        gamma = net.params[name.replace('bn', 'gamma')]                                           # (C,)
        stored = [values[name].asnumpy() if rows else np.zeros(gamma.shape)
                  for values in (net.bn_ewv_means, net.bn_ewv_vars)]
        shards = group.gather(f'stored statistics of {name}', np.concatenate(([rows], *stored), dtype=np.float64))
        n, (means, variances) = shards[:, 0], np.split(shards[:, 1:], 2, axis=1)                  # (size,), (size, C)
        total, mean, m2 = merge_moments(n, means, n[:, None] * variances)
        if total == 0:
            raise ValueError("no rank has had any rows; train first.")
        for values, merged in ((net.bn_ewv_means, mean), (net.bn_ewv_vars, m2 / total)):
            values[name] = nd.array(merged, ctx=gamma.ctx, dtype=gamma.dtype)
