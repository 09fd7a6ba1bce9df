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
    """The layer's output; while training, the running statistics are moved."""
    training = autograd.is_training() and not options['use_global_stats']
    running = running_mean, running_var
    if operators.supports(*spec_of(x)):
        x, gamma, beta = map(operators.as_result, (x, gamma, beta))
        return nd._internal._gluon_bn_moving(x, gamma, beta, *running, training=int(training), **_native(options))[0]
    # Without training, "global" statistics: else backward would use the formula of training nonetheless.
    kernel = {**options, 'momentum': 1, 'use_global_stats': not training}
    out, mean, rstd = nd.BatchNorm(x, gamma, beta, *running, output_mean_var=True, **kernel)
    if training:
        with autograd.pause():
            for old, new in zip(running, (mean, _variance(rstd, options))):
                old[:] = old + _step(old, new, options)
    return out


def native_graph(x, gamma, beta, running_mean, running_var, options):
    """The symbol of the layer's output, which moves the running statistics when it is computed in train mode."""
    # As in operators.py: where a gradient is to be added, an operator of MXNet's has to take it.
    inputs = [*map(mx.sym.identity, (x, gamma, beta)), running_mean, running_var]
    if options['use_global_stats']:
        return mx.sym._internal._gluon_bn_moving(*inputs, training=0, **_native(options))[0]
    return mx.sym._internal._gluon_bn_moving(*inputs, *_question(running_mean, running_var), **_native(options))[0]


def kernel_graph(x, gamma, beta, running_mean, running_var, options):
    """The symbols of the layer's output and of the new running statistics: these are moved when they are computed."""
    running = running_mean, running_var
    if options['use_global_stats']:
        return mx.sym.BatchNorm(x, gamma, beta, *running, **options), []
    out, mean, rstd = mx.sym.BatchNorm(x, gamma, beta, *running, output_mean_var=True, **{**options, 'momentum': 1})
    asked, answer = _question(*running)
    training = mx.sym.broadcast_equal(mx.sym.reshape(asked, (-1,)), answer)                        # (C,)
    zeros = mx.sym.zeros_like(mean)
    moved = [_moved(old, mx.sym.where(training, _step(old, new, options), zeros), zeros)
             for old, new in zip(running, (mean, _variance(rstd, options)))]
    return out, moved


def _question(running_mean, running_var):
    """A question to MXNet's ``BatchNorm`` and its answer, which are equal in train mode, and in no place in predict mode.

    The mean that the operator gives is that of its data in train mode, and the running mean in predict mode. Its data
    are one example here, their own mean: 1 for a channel with a running mean of 0, 0 for all others.
    """
    asked = mx.sym.reshape(running_mean == 0, (1, -1))                                             # (1, C)
    arrays = asked, running_var, running_mean, running_mean, running_var  # scale and shift do not touch the mean
    return asked, mx.sym.BatchNorm(*arrays, momentum=1, fix_gamma=False, output_mean_var=True)[1]  # (C,)


def _moved(old, step, zeros):
    """``old + step``, written into the variable ``old``: SGD with momentum 1 and a learning rate of 1 does that."""
    return mx.sym.BlockGrad(mx.sym.sgd_mom_update(zeros, -step, old, lr=1, momentum=1, wd=0))


def _step(old, new, options):
    return (new - old) * (1 - float(options['momentum']))


def _variance(rstd, options):
    """The variance of a reciprocal of ``sqrt(variance + eps)``; rounding cannot make it negative."""
    return (1 / (rstd * rstd) - float(options['eps'])).relu()


def _native(options):
    return {'axis': options['axis'], 'eps': options['eps'], 'momentum': options['momentum'],
            'fix_gamma': int(options['fix_gamma'])}
