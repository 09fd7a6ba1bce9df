"""Exercises that mark themselves: the command line of :mod:`gluon_bn.exercises`."""
import sys

from ..support.command_line import exit_status, loading


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    with loading('exercises'):
        from ..exercises.__main__ import main as run
    return exit_status(prog or 'exercises', lambda: run(sys.argv[1:] if argv is None else argv, prog), 'interrupted')
