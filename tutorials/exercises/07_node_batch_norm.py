"""Batch norm from Nodes.

With automatic differentiation the forward pass is all there is to write. What you compute with Nodes is differentiated;
what you compute with their ``.value`` is a constant for the gradient.

Then another layer costs a few lines: group norm, which normalises each example by itself, in groups of its features.

Read first: tutorials/07_differentiable_programming.py
Check with: gluon-bn exercises check 07_node_batch_norm
"""
from gluon_bn.autodiff import Node


def batch_norm(X, gamma, beta, eps=1e-5):
    """``X`` a Node (m, D), ``gamma`` and ``beta`` Nodes (D,) -> a Node (m, D): gamma x_hat + beta."""
    # Nodes have mean(axis=...), ** 2 and sqrt()
    raise NotImplementedError("batch_norm")


def group_norm(X, gamma, beta, groups, eps=1e-5):
    """As ``batch_norm``, but each row is normalised by itself, in ``groups`` parts of D / groups features each."""
    # a Node has reshape(...) too: (m, D) -> (m, groups, D / groups) and back
    raise NotImplementedError("group_norm")
