"""Experiments with several seeds, and benchmarks: each makes its figures and says which of its claims hold.

``study`` has what they share, each study is a folder; they use everything but ``commands``.
"""
