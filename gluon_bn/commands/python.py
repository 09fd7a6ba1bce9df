"""A script that says 'import mxnet' and knows nothing of gluon_bn, run as 'python SCRIPT ...' runs it.

MXNet 1.9.1 is older than today's Python and NumPy, and does not import there. What it lacks is supplied when the
script, or a process that it starts, imports it; everything else is this Python as it is. All that follows 'python' is
this interpreter's own command line: options such as -u or -W, then SCRIPT, -c CODE, -m MODULE or - (standard input).

Exit status: the script's own.
"""
import os
import sys
from pathlib import Path

from ..support.command_line import Parser, exit_status

STARTUP = Path(__file__).resolve().parent / 'python_startup'  # its sitecustomize.py is run by every Python at its start


def main(argv=None, prog=None):
    """Become the Python that runs what the command line ``argv`` names; returns only for --help and bad arguments."""
    argv = sys.argv[1:] if argv is None else list(argv)
    return exit_status(prog or 'gluon-bn python', lambda: work(argv, prog))


def work(argv, prog):
    """Become that Python."""
    if argv[:1] in (['-h'], ['--help']):
        parser(prog).parse_args(argv)
    if not sys.executable:
        raise RuntimeError("this Python does not know its own path (sys.executable is empty), and cannot start itself.")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *argv], environment())  # the same process: signals, status, terminal


def parser(prog=None):
    """The command line, for its --help; Python itself reads all other arguments."""
    return Parser(prog=prog, description=__doc__, usage=f"{prog or 'gluon-bn python'} SCRIPT | -c CODE | -m MODULE | - "
                                                        "[ARGUMENT ...]")


def environment():
    """This process's environment, in which a Python and all Pythons that it starts can import MXNet."""
    searched = os.environ.get('PYTHONPATH')
    return {**os.environ, 'PYTHONPATH': os.pathsep.join([str(STARTUP), *([searched] if searched else [])])}
