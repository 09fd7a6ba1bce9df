"""Figure 1 of Ioffe and Szegedy (2015): a sigmoid MLP on MNIST with batch norm and without.

``training`` is one training and what is looked at on the way, ``events`` writes it for TensorBoard, ``runs`` does all
that the figure needs, and ``report`` draws and judges.
"""
