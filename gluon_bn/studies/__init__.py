"""Experiments with several seeds, and benchmarks: each makes its figures and says which of its claims hold.

They use everything but ``commands``.
"""
