"""What a network lacks that ``copy.deepcopy`` or pickle has made: :func:`mend_copy`."""


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
