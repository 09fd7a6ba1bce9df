"""How quick the layer and the network are beside their peers: ``scripts/benchmark.py`` is the command.

``peers`` are the contestants (``torch_peer`` and ``jax_peer`` where these are installed), ``measure`` times them in
turn, ``report`` makes the table and the pictures.
"""
