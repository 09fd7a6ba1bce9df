"""Data sets as whole arrays in memory, and batches of them: :func:`load` and :func:`batches`."""
from .batching import batches
from .datasets import DATASETS, load
from .idx import DataError

__all__ = ['DATASETS', 'DataError', 'batches', 'load']
