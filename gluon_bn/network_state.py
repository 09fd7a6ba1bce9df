"""State of a network beside its parameters: stored statistics, and the inputs of its activations."""
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
