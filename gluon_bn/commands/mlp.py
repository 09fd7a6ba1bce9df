"""Train the NumPy multilayer perceptron with batch norm on MNIST.

Exit status: 0 done; 2 bad arguments or bad data (one line on standard error); 3 the loss is no longer finite;
130 Ctrl-C.
"""
import argparse
import time

from ..support.command_line import Parser, folder, loading, number, run, whole_number


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    return run(parser(prog), work, argv, interrupted='interrupted')


def work(options):
    """Train in the folder of ``--output``; returns 0."""
    with loading('mlp'):
        from ..run import mlp_job as mlp_run
    options = vars(options)
    folder = options.pop('output') or f"runs/mlp-{time.strftime('%Y%m%d-%H%M%S')}"
    result = mlp_run.train(mlp_run.Config(**options), folder)
    print(f"\n{mlp_run.table(result)}\n")
    print(f"Numbers, curves and frames are in {folder}")
    return 0


def parser(prog=None):
    """The command line. Options that are not given stay out, so that the defaults stand in one place."""
    with loading('mlp'):
        from ..data import MNIST_LIKE
        from ..reference.mlp import INITIALIZATIONS
        from ..run.mlp_job import Config
    default = Config()
    p = Parser(prog=prog, description=__doc__,
                                argument_default=argparse.SUPPRESS)
    p.add_argument('--dataset', choices=MNIST_LIKE, help=f"(default: {default.dataset})")
    p.add_argument('--data-dir', type=folder, metavar='DIR',
                   help="folder with files of the MNIST format, gzipped or not")
    p.add_argument('--hidden', type=whole_number, nargs='*', metavar='N',
                   help=f"units of the hidden layers (default: {' '.join(map(str, default.hidden))})")
    p.add_argument('--epochs', type=whole_number, metavar='N', help=f"(default: {default.epochs})")
    p.add_argument('--batch-size', type=whole_number, metavar='N', help=f"(default: {default.batch_size})")
    p.add_argument('--lr', type=number, help=f"learning rate of Adam (default: {default.lr})")
    p.add_argument('--momentum', type=lambda text: None if text == 'none' else number(text), metavar='M',
                   help="weight of the old value in the statistics, or none for their mean over all batches "
                        f"(default: {default.momentum})")
    p.add_argument('--init', choices=tuple(INITIALIZATIONS), help=f"of the weights (default: {default.init})")
    p.add_argument('--seed', type=whole_number, help=f"(default: {default.seed})")
    p.add_argument('--limit', type=whole_number, metavar='N', help="use the first N training images (default: all)")
    p.add_argument('--output', type=folder, default=None, metavar='DIR', help="(default: runs/mlp-TIME)")
    return p

