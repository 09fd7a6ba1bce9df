"""A system without MXNet and without what only Linux has, for every process that has this folder on its PYTHONPATH.

``builtins.open`` refuses /proc and /sys, and text without an encoding when it is this project that opens it.
"""
import builtins
import os
import sys
import warnings
from importlib.machinery import BuiltinImporter, PathFinder

MISSING = ('mxnet', 'fcntl', 'resource', 'pwd', 'grp', 'termios', 'tty', 'pty', 'tensorboardX')


def without_what_is_missing(finder):
    """Let the class ``finder`` of the import system find nothing of what is missing."""
    find_spec = finder.find_spec

    def find(name, path=None, target=None):
        return None if name.partition('.')[0] in MISSING else find_spec(name, path, target)

    finder.find_spec = staticmethod(find)


for finder in (BuiltinImporter, PathFinder):
    without_what_is_missing(finder)
for name in MISSING:
    sys.modules.pop(name, None)
for name in ('sched_getaffinity', 'sched_setaffinity', 'killpg', 'getpgid', 'setpgid', 'setsid', 'fork', 'getuid',
             'set_blocking'):
    if hasattr(os, name):
        delattr(os, name)

real_open = builtins.open


def open_(file, *args, **kwargs):
    """``open`` without Linux's own files."""
    if str(file).startswith(('/proc/', '/sys/')):
        raise FileNotFoundError(2, 'No such file or directory', str(file))
    return real_open(file, *args, **kwargs)


builtins.open = open_
if hasattr(builtins, 'EncodingWarning') and sys.flags.warn_default_encoding:
    warnings.filterwarnings('error', category=EncodingWarning, module='gluon_bn')  # noqa: F821
