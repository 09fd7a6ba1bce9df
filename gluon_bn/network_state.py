"""Copies of networks with their arrays and gradients, and stored statistics kept as they are."""
from contextlib import contextmanager


def mend_copy(net):
    """Move the arrays of ``net`` to its context, and give its parameters gradients: MXNet leaves both behind.

    A shallow copy shares its arrays, which have both, and is left as it is.

    >>> from copy import deepcopy
    >>> net = LeNet(mx.cpu(1))
    >>> twin = deepcopy(net)
    >>> twin.params['W1'].ctx, twin.params['W1'].grad is net.params['W1'].grad
    (cpu(1), False)
    """
    for arrays in (net.params, net.bn_ewv_means, net.bn_ewv_vars):
        for name, array in arrays.items():
            if array.ctx != net.ctx:
                arrays[name] = array.as_in_context(net.ctx)
    for param in net.params.values():
        if param.grad is None:
            param.attach_grad()


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
