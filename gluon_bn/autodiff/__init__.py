"""Reverse-mode differentiation of NumPy code by :class:`Node`, and a network that is made of it.

It uses ``support`` and nothing else of the package; MXNet is never imported.
"""
from .node import Node, concat, where

__all__ = ['Node', 'concat', 'where']
