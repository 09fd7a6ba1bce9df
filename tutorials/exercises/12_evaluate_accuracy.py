"""Accuracy over a data set.

The share of examples whose largest score is at their label, over all batches of an iterator. Two things go wrong
in practice: the last batch is smaller, and the network is asked in training mode, so that the test set gets into its
averages.

Read first: tutorials/02_lenet_on_mnist.py
Check with: gluon-bn exercises check 12_evaluate_accuracy
"""
import gluon_bn  # before mxnet: it loads MXNet so that it works with today's NumPy
from mxnet import nd


def evaluate_accuracy(data_iterator, net):
    """Batches ``(data, label)``, label (m,); ``net(data, is_training=...)`` gives scores (m, K) -> a float, 0 to 1."""
    raise NotImplementedError("evaluate_accuracy")
