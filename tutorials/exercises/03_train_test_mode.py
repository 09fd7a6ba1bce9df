"""Train and test mode, with moving averages.

While training, a layer normalises by the batch, and keeps exponentially weighted averages of the means and variances.
In test mode it normalises by these, and changes nothing: what is predicted for one example must not depend on the rest.

    first batch: stored as it is          afterwards: momentum * old + (1 - momentum) * new

The averages live in two dictionaries of the caller, layer name -> NDArray (D,). They are no part of the function that
is differentiated: what is stored must be detached from autograd's tape, or memory grows with every batch.

Read first: tutorials/02_lenet_on_mnist.py
Check with: gluon-bn exercises check 03_train_test_mode
"""
import gluon_bn  # before mxnet: it loads MXNet so that it works with today's NumPy
from mxnet import nd


def batch_norm(X, gamma, beta, means, variances, layer_name, momentum=0.9, eps=1e-5, is_training=True):
    """``X`` (m, D), ``gamma``, ``beta`` (D,) -> (m, D). Training changes ``means`` and ``variances`` [layer_name]."""
    # training: the mean and the variance of the batch; fold them into the averages, detached
    # testing: the averages in their place
    # then normalise, scale and shift
    raise NotImplementedError("batch_norm")
