"""Child processes of :mod:`multiprocessing` that import MXNet first, as workers of its ``DataLoader`` do.

A child that is spawned, or forked from a fork server (the default on Linux since Python 3.14), unpickles its work, and
that imports ``mxnet`` before anything imports this package: from a script the script itself runs first in the child,
but from a notebook or ``python -c`` nothing does. So the hook goes along in what multiprocessing sends to each child
first, the data for its preparation.
"""
import functools
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parent.parent.parent)
# A checkout's folder need not be among the places where the child looks, at that moment.
_INSTALL = f"""
import sys
sys.path.append({_ROOT!r})
try:
    from gluon_bn._mxnet.hook import install
finally:
    sys.path.remove({_ROOT!r})
install()
"""


def pass_on():
    """Let each child that multiprocessing starts from now on install the hook before it unpickles its work."""
    from multiprocessing import spawn
    original = spawn.get_preparation_data
    if hasattr(original, 'installs_gluon_bn_hook'):
        return

    @functools.wraps(original)
    def get_preparation_data(name):
        return {'gluon_bn_hook': _InstallsWhenUnpickled(), **original(name)}

    get_preparation_data.installs_gluon_bn_hook = True
    spawn.get_preparation_data = get_preparation_data


class _InstallsWhenUnpickled:
    def __reduce__(self):
        return exec, (_INSTALL,)
