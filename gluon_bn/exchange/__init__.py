"""Trained networks carried in and out: the graph of a network, batch norm folded into its neighbours, converters.

``graph`` and ``attributes`` say what a graph is, ``saved`` reads and writes MXNet's files of one, ``networks`` makes
one of a network in memory, ``gluon`` makes a Gluon block of one. ``onnx`` and ``torch`` write it for others; ``layer``
reads a node for them. ``gluon`` needs MXNet, and so do ``onnx``, for its shapes, and the way back from ``torch``.
"""
