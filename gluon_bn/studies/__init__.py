"""Experiments with several seeds, and benchmarks: each makes its figures and says which of its claims hold.

``study`` has what they share. Each study is a folder that uses ``study``, and every room but ``commands``,
``exercises`` and the other studies.
"""
