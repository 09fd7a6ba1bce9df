"""Exercises that mark themselves: the command line of :mod:`gluon_bn.exercises`."""
from ..support.command_line import loading


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    with loading('exercises'):
        from ..exercises.__main__ import main as run
    return run(argv, prog)
