"""The breast cancer network's test accuracy over random splits, with batch norm and without, as a Markdown table."""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn.breast_cancer import table  # noqa: E402
from gluon_bn.command_line import exit_status  # noqa: E402


def positive(text):
    """``text`` as a whole number, at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, at least 1")
    return int(text)


def main(argv=None):
    """Run with the command line ``argv``; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--splits', type=positive, default=20, metavar='N', help="random splits (default: %(default)s)")
    parser.add_argument('--epochs', type=positive, default=20, metavar='N',
                        help="passes over the training rows (default: %(default)s)")
    options = parser.parse_args(argv)
    return exit_status('breast_cancer', lambda: run(options), interrupted='interrupted')


def run(options):
    """Print the table; returns 0."""
    print(table(options.splits, options.epochs))
    return 0


if __name__ == '__main__':
    sys.exit(main())
