"""The breast cancer network's test accuracy over random splits, with batch norm and without, as a Markdown table."""
import argparse

from ..support.command_line import Parser, loading, run


def positive(text):
    """``text`` as a whole number, at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, at least 1")
    return int(text)


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    return run(parser(prog), work, argv, interrupted='interrupted')


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--splits', type=positive, default=20, metavar='N', help="random splits (default: %(default)s)")
    p.add_argument('--epochs', type=positive, default=20, metavar='N',
                   help="passes over the training rows (default: %(default)s)")
    return p


def work(options):
    """Print the table; returns 0."""
    with loading('breast-cancer'):
        from ..autodiff.breast_cancer import table
    print(table(options.splits, options.epochs))
    return 0

