"""The stored statistics of a network, kept as they are while something is computed: :func:`stored_statistics_kept`."""
from contextlib import contextmanager


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
