"""Trained networks carried in and out: the graph of a network, batch norm folded into its neighbours, converters.

``graph`` and ``attributes`` say what a graph is, ``saved`` reads and writes MXNet's files of one, ``networks`` makes
one of a network in memory, ``gluon`` makes a Gluon block of one. They use ``params``, ``support``, and the networks
that they are asked about; only ``gluon``, ``torch`` and trials of what was written need MXNet.
"""
