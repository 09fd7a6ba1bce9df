"""Train the NumPy multilayer perceptron with batch norm on MNIST.

Exit status: 0 done; 2 bad arguments or bad data (one line on standard error); 3 the loss is no longer finite;
130 Ctrl-C.
"""
import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn import mlp_run
from gluon_bn.command_line import exit_status
from gluon_bn.data import MNIST_LIKE
from gluon_bn.mlp import INITIALIZATIONS


def main(argv=None):
    """Run with the command line ``argv``; returns the exit status."""
    options = vars(parser().parse_args(argv))
    folder = options.pop('output') or f"runs/mlp-{time.strftime('%Y%m%d-%H%M%S')}"
    return exit_status('train_mlp', lambda: run(options, folder), interrupted='interrupted')


def run(options, folder):
    """Train in ``folder``; returns 0."""
    mlp_run.train(mlp_run.Config(**options), folder)
    print(f"Numbers, curves and frames are in {folder}")
    return 0


def parser():
    """The command line. Options that are not given stay out, so that the defaults stand in one place."""
    default = mlp_run.Config()
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                argument_default=argparse.SUPPRESS)
    p.add_argument('--dataset', choices=MNIST_LIKE, help=f"(default: {default.dataset})")
    p.add_argument('--data-dir', metavar='DIR', help="folder with files of the MNIST format, gzipped or not")
    p.add_argument('--hidden', type=int, nargs='*', metavar='N',
                   help=f"units of the hidden layers (default: {' '.join(map(str, default.hidden))})")
    p.add_argument('--epochs', type=int, metavar='N', help=f"(default: {default.epochs})")
    p.add_argument('--batch-size', type=int, metavar='N', help=f"(default: {default.batch_size})")
    p.add_argument('--lr', type=float, help=f"learning rate of Adam (default: {default.lr})")
    p.add_argument('--momentum', type=lambda text: None if text == 'none' else float(text), metavar='M',
                   help="weight of the old value in the statistics, or none for their mean over all batches "
                        f"(default: {default.momentum})")
    p.add_argument('--init', choices=tuple(INITIALIZATIONS), help=f"of the weights (default: {default.init})")
    p.add_argument('--seed', type=int, help=f"(default: {default.seed})")
    p.add_argument('--limit', type=int, metavar='N', help="use the first N training images (default: all)")
    p.add_argument('--output', default=None, metavar='DIR', help="(default: runs/mlp-TIME)")
    return p


if __name__ == '__main__':
    sys.exit(main())
