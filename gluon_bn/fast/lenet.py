"""LeNet's forward pass in native operators: the network of :mod:`gluon_bn.lenet`, in a fraction of the time.

A convolution, its batch norm, the ReLU and the mean of 2×2 are one operator here (``src/block.cc``), and all of them
are launched as one graph. Why it is the same mathematics: the formulas are those of ``lenet.py`` and ``batch_norm.py``,
value by value; only the order of storage and of summation differs. Why it is quick:

- examples lie innermost, 32 together: every weight meets whole vectors, without im2col, shuffles or padding;
- what follows a convolution runs while its result is still in the cache, and nothing between is written out;
- the bias of a convolution before batch norm shifts the batch's mean and nothing else, so it is added to the stored
  mean alone, and its gradient is exactly 0;
- the backward of batch norm is the closed form, two reads and one write.

At test time mean, variance, gamma and beta are one multiplication and one addition behind each convolution.
"""
import functools

import numpy as np

from .._mxnet import autograd, mx, nd
from .._mxnet.arrays import spec_of
from ..parallel.shared_layer import part_of_layer
from . import native, ranks
from .operators import statistics_of

SMALLEST_BATCH = 8  # 32 examples are computed at once; below this MXNet's own convolutions are quicker
LARGEST_BATCH = 8192  # the operators' work space is counted in 31 bits; more than twice this would overflow it
BLOCK = 32  # examples; EXAMPLES in convolution.h
LARGEST_STATIC = 1024  # images; the arrays of a static graph stay, and those of more images are large
LAYERS = ('bn1', 'bn2', 'bn3')
PARAMS = ('W1', 'b1', 'gamma1', 'beta1', 'W2', 'b2', 'gamma2', 'beta2', 'W3', 'b3', 'gamma3', 'beta3', 'W4', 'b4')


def scores(net, X, is_training):
    """``net(X)``, scores before the softmax ``(m, num_outputs)``; None where this is not for it.

    ``X`` is beside the parameters, as the network has checked. With stored statistics that do not fit it is None as
    well: the layers say then what is wrong.
    """
    if not (net.impl != 'plain' and net.batch_norm and supports(X, is_training)):
        return None
    parts = [part_of_layer(net.group, name) for name in LAYERS] if is_training and net.group is not None else [None]
    shared = parts[0] is not None
    if shared and (parts[0].absent or net.group.in_one_process):  # see ranks.py; of those without rows none is here
        return None
    known = tuple(name in net.bn_ewv_means for name in LAYERS)
    if known != tuple(name in net.bn_ewv_vars for name in LAYERS) or not (is_training or all(known)):
        return None
    arrays, new = _arrays(net, X, is_training)
    if not all(_alike(arrays['mean_' + name], arrays['var_' + name], *new[name]) for name in LAYERS):
        return None
    graph, names = _graph(X.shape[0], is_training, known, float(net.momentum), float(net.eps), X.grad is not None,
                          ranks.numbers_of(parts) if shared else (0, 0, 0))
    if shared:
        for part in parts:
            part.announce(net.eps, net.momentum, X.dtype)
        ranks.wait(parts, *(net.params['gamma' + name[-1]].grad for name in LAYERS))
    out = graph(*(arrays[name] for name in names))
    if shared:
        ranks.wait(parts, *(mean for mean, _ in new.values()))
    if is_training:
        for name, (mean, var) in new.items():
            net.bn_ewv_means[name], net.bn_ewv_vars[name] = mean, var
    return out


def supports(X, is_training):
    """Whether the native operators compute the scores of these images, and quicker than the plain ones do."""
    return (SMALLEST_BATCH <= X.shape[0] <= LARGEST_BATCH and X.dtype == np.float32
            and X.ctx.device_type.startswith('cpu') and (is_training or not autograd.is_recording())
            and native.available())


def _alike(*arrays):
    """Whether these are NDArrays of one shape and type in one context, whatever their gradients."""
    if not all(type(array) is nd.NDArray for array in arrays):
        return False
    return len({spec[:3] for spec in spec_of(*arrays)}) == 1


def _arrays(net, X, is_training):
    """All inputs of the graph by name, and by layer the pair of rows that will hold the new mean and variance."""
    arrays, new = {'X': X, **net.params}, {}
    for name in LAYERS:
        arrays['statistics_' + name], (*_, mean, var) = statistics_of(net.params['gamma' + name[-1]].shape[0], X)
        new[name] = mean, var
        arrays['mean_' + name] = net.bn_ewv_means.get(name, mean)  # of the first batch there is nothing old, and it is
        arrays['var_' + name] = net.bn_ewv_vars.get(name, var)     # not read
    if is_training:
        blocks = -(-X.shape[0] // BLOCK)
        arrays['convolved'] = nd.empty((blocks, 50, 9, 9, BLOCK), ctx=X.ctx)
    return arrays, new


@functools.lru_cache(maxsize=64)
def _graph(m, is_training, known, momentum, eps, images_too, numbers):
    """The network for ``m`` images as a graph, and the names of its inputs in their order.

    Training, each parameter passes through ``identity``, see ``operators.py``, and so do images with a gradient
    of their own, ``images_too``. ``known`` says of each layer whether it has stored statistics, ``numbers`` under
    which number it exchanges them, 0 if it does not.
    """
    op, var = mx.sym._internal, mx.sym.var
    p = {name: mx.sym.identity(var(name)) if is_training else var(name) for name in PARAMS}
    X = mx.sym.identity(var('X')) if images_too else var('X')

    def normalized(number):
        """The inputs and settings of a batch norm."""
        name = 'bn' + number
        inputs = p['gamma' + number], p['beta' + number], var('mean_' + name), var('var_' + name)
        return inputs, var('statistics_' + name), {
            'training': int(is_training), 'first': int(not known[LAYERS.index(name)]), 'momentum': momentum, 'eps': eps,
            'ranks': numbers[LAYERS.index(name)]}

    inputs, statistics, settings = normalized('1')
    h1 = op._gluon_bn_block(X, p['W1'], p['b1'], *inputs, statistics, m=m, flat=0, keep=0,
                            **settings)                                                 # (m/32, 20, 13, 13, 32)
    inputs, statistics, settings = normalized('2')
    kept = (var('convolved'),) if is_training else ()
    flat = op._gluon_bn_block(h1, p['W2'], p['b2'], *inputs, statistics, *kept, m=m, flat=1, keep=len(kept),
                              **settings)                                               # (m, 800)
    inputs, statistics, settings = normalized('3')
    h3 = op._gluon_bn_dense(flat, p['W3'], p['b3'])                                     # (m, num_fc)
    h3 = mx.sym.maximum(op._gluon_bn_layer(h3, *inputs, statistics, by_units=1, **settings), 0)  # (m, num_fc)
    yhat_linear = op._gluon_bn_dense(h3, p['W4'], p['b4'])                              # (m, num_outputs)
    static = is_training and m <= LARGEST_STATIC
    flags = [('static_alloc', True), ('static_shape', True)] if static else []
    return nd.CachedOp(yhat_linear, flags), yhat_linear.list_inputs()
