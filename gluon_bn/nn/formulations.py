"""Batch norm whose running statistics move in forward, in two formulations, each for arrays and for graphs.

By the native operator ``_gluon_bn_moving`` (``fast/src/moving.cc``), which does all of it. Or by MXNet's ``BatchNorm``:
with a momentum of 1 that leaves the running statistics alone, and they are moved here by the mean and the variance that
it gives beside its output.

``options`` are those of MXNet's ``BatchNorm``: ``axis``, ``eps``, ``momentum``, ``fix_gamma``, ``use_global_stats``.
"""
from .._mxnet import autograd, mx, nd
from .._mxnet.arrays import spec_of
from ..fast import operators


def of_arrays(x, gamma, beta, running_mean, running_var, options):
    """The layer's output; in train mode, the running statistics are moved."""
    running = running_mean, running_var
    if operators.supports(*spec_of(x)):
        # As in operators.py: where a gradient is to be added, an operator of MXNet's has to take it.
        x, gamma, beta = map(operators.as_result, (x, gamma, beta))
        return by_operator(nd, x, gamma, beta, *running, options, autograd.is_training())
    out, *batch = by_mxnet(nd, x, gamma, beta, *running, options, autograd.is_training())
    if batch:
        with autograd.pause():
            write(_moved(nd, *batch, *running, options), running)
    return out


def of_symbols(x, gamma, beta, running_mean, running_var, old_mean, old_var, options, is_training, has_operators,
               is_plain):
    """``(out, new, written)`` as symbols: the layer's output and what has to be computed beside it.

    ``old_mean`` and ``old_var`` are what the running statistics have become before this layer: in a graph in which it
    stands several times, they move each time.
    ``new`` are running statistics that are still to be written to their places; what computes ``written`` does so
    itself. ``has_operators``: the native operators are at hand. ``is_plain``: they can take the data as they lie.
    """
    running = running_mean, running_var
    if has_operators and is_plain:
        x, gamma, beta = map(mx.sym.identity, (x, gamma, beta))
        return by_operator(mx.sym, x, gamma, beta, *running, options, is_training), [], []
    out, *batch = by_mxnet(mx.sym, x, gamma, beta, *running, options, is_training)
    if not batch:
        return out, [], []
    if has_operators:
        written = mx.sym._internal._gluon_bn_move(*batch, *running, eps=options['eps'], momentum=options['momentum'])
        return out, [], [mx.sym.BlockGrad(written)]
    return out, [mx.sym.BlockGrad(new) for new in _moved(mx.sym, *batch, old_mean, old_var, options)], []


def by_operator(F, x, gamma, beta, running_mean, running_var, options, is_training):
    """The output of the native operator, which writes the running statistics."""
    return F._internal._gluon_bn_moving(
        x, gamma, beta, running_mean, running_var, axis=options['axis'], eps=options['eps'],
        momentum=options['momentum'], fix_gamma=int(options['fix_gamma']),
        training=int(is_training and not options['use_global_stats']))[0]


def by_mxnet(F, x, gamma, beta, running_mean, running_var, options, is_training):
    """The output of MXNet's operator and, if the running statistics are to move, mean and ``rstd`` of the batch."""
    is_moving = is_training and not options['use_global_stats']
    # Else global statistics: so that backward does not take them for those of a batch, whatever mode it runs in.
    options = {**options, 'use_global_stats': not is_moving, 'momentum': 1}
    out, mean, rstd = F.BatchNorm(x, gamma, beta, running_mean, running_var, output_mean_var=True, **options)
    return (out, mean, rstd) if is_moving else (out,)


def write(new, old):
    """Write each of the arrays ``new`` into the one of ``old`` beside it."""
    with autograd.pause():
        for source, target in zip(new, old):
            source.copyto(target)


def _moved(F, mean, rstd, running_mean, running_var, options):
    """The running statistics after a batch with this mean and this ``1 / sqrt(variance + eps)``."""
    var = F.relu(1 / F.square(rstd) - options['eps'])  # rounding must not make it negative
    return [old + (new - old) * (1 - options['momentum']) for old, new in ((running_mean, mean), (running_var, var))]
