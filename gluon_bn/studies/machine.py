"""What a measurement was made on."""
import os
import platform
import sys

import numpy as np

from .. import _mxnet
from ..support.threads import physical_cores


def describe_machine():
    """One line: processor, cores, threads, and the versions that matter.

    >>> 'MXNet 1.9.1' in describe_machine()
    True
    """
    mxnet = _mxnet_version()  # first: loading MXNet decides how many threads
    return (f"{_processor()}, {physical_cores()} cores, {os.environ.get('OMP_NUM_THREADS')} threads; Python "
            f"{sys.version.split()[0]}, {mxnet}, NumPy {np.__version__}")


def _mxnet_version():
    try:
        return f'MXNet {_mxnet.mx.__version__}'
    except ImportError:
        return 'no MXNet'


def _processor():
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            return next(line.split(':', 1)[1].strip() for line in file if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.machine()
