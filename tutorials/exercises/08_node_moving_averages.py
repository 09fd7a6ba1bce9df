"""Moving averages in Nodes.

The layer as a network uses it: parameters are arrays in a dictionary, and forward makes Nodes of them. In training it
normalises by the batch and folds the batch's statistics into the averages, which start at 0:

    average = momentum * average + (1 - momentum) * statistic of the batch

What is stored is an array again. A Node would keep the graph of its batch alive, and that of the batch before, ...

Read first: tutorials/07_differentiable_programming.py
Check with: gluon-bn exercises check 08_node_moving_averages
"""
from gluon_bn.autodiff import Node


def forward(X, params, train=True, momentum=0.9, eps=1e-5):
    """``X`` a Node (m, D) -> a Node (m, D).

    ``params``: gamma_bn1, beta_bn1, avg_mean_bn1 and avg_variance_bn1, arrays (D,). Training replaces the last two.
    """
    # gamma, beta: Node(params['gamma_bn1'], 'gamma_bn1') and so on; the name makes it a variable
    # training: mean and variance of the batch; fold their values into params
    # testing: the averages in their place
    raise NotImplementedError("forward")
