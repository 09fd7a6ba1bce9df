"""LeNet's forward pass from native operators: the same network as in ``lenet.py``, in a fraction of the time.

A convolution, its batch norm, the ReLU and the mean of 2×2 are one operator here (``native/block.cc``). Why it is the
same mathematics: the formulas are those of ``lenet.py`` and ``batch_norm.py``, value by value; only the order of
storage and of summation differs. Why it is quick:

- examples lie innermost, 32 together: every weight meets whole vectors, without im2col, shuffles or padding;
- what follows a convolution runs while its result is still in the cache, and nothing between is written out;
- the bias of a convolution before batch norm shifts the batch's mean and nothing else, so it is added to the stored
  mean alone, and its gradient is exactly 0;
- the backward of batch norm is the closed form, two reads and one write.

At test time mean, variance, gamma and beta are one multiplication and one addition behind each convolution.
"""
import numpy as np

from . import native
from ._mxnet import autograd, nd
from .native import operators

SMALLEST_BATCH = 8  # 32 examples are computed at once; below this MXNet's own convolutions are quicker
LARGEST_BATCH = 8192  # the operators' work space is counted in 31 bits; more than twice this would overflow it


def applies_to(net, X, is_training):
    """Whether the native operators compute this call of ``net``, and quicker than the plain ones do."""
    return (net.batch_norm and SMALLEST_BATCH <= X.shape[0] <= LARGEST_BATCH and X.dtype == np.float32
            and X.ctx.device_type.startswith('cpu') and (is_training or not autograd.is_recording())
            and net.params['W1'].ctx == X.ctx and native.available())


def scores(net, X, is_training):
    """``net(X)``: scores before the softmax, ``(m, num_outputs)``."""
    p = net.params
    h1 = _block(net, X, '1', X.shape[0], is_training, flat=False)       # (m/32, 20, 13, 13, 32)
    flat = _block(net, h1, '2', X.shape[0], is_training, flat=True)     # (m, 800)
    h3 = nd.dot(flat, p['W3']) + p['b3']                                # (m, num_fc)
    h3 = net.activate(h3, '3', is_training)
    return nd.dot(h3, p['W4']) + p['b4']                                # (m, num_outputs)


def _block(net, X, number, m, is_training, flat):
    name, p = 'bn' + number, net.params
    known = name in net.bn_ewv_means
    old = (net.bn_ewv_means[name], net.bn_ewv_vars[name]) if known else None
    out, new = operators.block(X, p['W' + number], p['b' + number], p['gamma' + number], p['beta' + number], old, m,
                               net.momentum, net.eps, is_training, flat)
    if is_training:
        net.bn_ewv_means[name], net.bn_ewv_vars[name] = new
    return out
