"""Train the NumPy multilayer perceptron with batch norm on MNIST.

Exit status: 0 done; 2 bad arguments or bad data (one line on standard error); 3 the loss is no longer finite;
130 Ctrl-C.
"""
import argparse
import time

from ..support.command_line import Parser, folder, loading, main_of


def work(options):
    """Train in the folder of ``--output``; returns 0."""
    with loading('mlp'):
        from ..run import mlp_job
    options = vars(options)
    folder = options.pop('output') or f"runs/mlp-{time.strftime('%Y%m%d-%H%M%S')}"
    result = mlp_job.train(mlp_job.Config(**options), folder)
    print(f"\n{mlp_job.table(result)}\n")
    print(f"Numbers, curves and frames are in {folder}")
    return 0


def parser(prog=None):
    """The command line. Options that are not given stay out, so that the defaults stand in one place."""
    with loading('mlp'):
        from ..run.mlp_job import Config
        from ..support.options import add_options
    p = Parser(prog=prog, description=__doc__, argument_default=argparse.SUPPRESS)
    add_options(p, Config)
    p.add_argument('--output', type=folder, default=None, metavar='DIR', help="(default: runs/mlp-TIME)")
    return p


main = main_of(parser, work)
