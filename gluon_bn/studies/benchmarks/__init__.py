"""Times of the layer and of the network beside their peers: ``gluon-bn benchmark`` is the command.

``peers``, ``torch_peer`` and ``jax_peer`` are the contestants, of which ``contestants`` gives those that are installed;
``measure`` times them in turn, ``report`` makes the table and the pictures. They use every room below ``run``.
"""
