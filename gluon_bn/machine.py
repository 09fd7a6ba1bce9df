"""What a measurement was made on."""
import os
import platform
import sys

import numpy as np

from ._mxnet import mx
from ._mxnet.threads import physical_cores


def describe_machine():
    """One line: processor, cores, threads, and the versions that matter.

    >>> 'MXNet 1.9.1' in describe_machine()
    True
    """
    return (f"{_processor()}, {physical_cores()} cores, {os.environ.get('OMP_NUM_THREADS')} threads; Python "
            f"{sys.version.split()[0]}, MXNet {mx.__version__}, NumPy {np.__version__}")


def _processor():
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            return next(line.split(':', 1)[1].strip() for line in file if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.machine()
