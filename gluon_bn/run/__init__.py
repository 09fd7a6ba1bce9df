"""The main job in a folder: its configuration, its checkpoints, what it writes while it trains, and its pictures.

It uses the networks, ``training``, ``data`` and ``support``.
"""
