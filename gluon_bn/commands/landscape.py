"""Optimisation with batch norm and without: the loss along the gradient, 'noisy batch norm', the shift of the inputs.

After Santurkar et al. (2018), on the sigmoid MLP and on LeNet. Figures, tables and JSON; an interrupted run
continues.

Exit status: 0 done, and every claim holds; 1 a claim does not hold; 2 bad arguments or bad data (one line on standard
error); 130 Ctrl-C.
"""
from ..support.command_line import RESUMABLE, chosen, loading, main_of
from .study_options import conduct_study, study_parser

NETWORKS = ('sigmoid_mlp', 'lenet')


def work(options):
    """Run the experiments; returns 0 if every claim holds, otherwise 1."""
    with loading('landscape'):
        from ..studies.landscape import STUDY
        from ..studies.landscape.training import NAMES
    names = chosen(options.experiments, NAMES, 'experiment')
    wanted = [f'{name}-{network}' for network in options.networks or NETWORKS for name in names]
    return conduct_study(STUDY, options, [name for name in wanted if name in STUDY.experiments], options.data_dir)


def parser(prog=None):
    """The command line."""
    p = study_parser(prog, __doc__, "60 steps a training, to see that it works; the claims are not judged then",
                     seeds=3, output='runs/landscape', data="folder with MNIST (default: the files of the package)")
    p.add_argument('experiments', nargs='*', metavar='EXPERIMENT',
                   help="of learning_rates, noise, small_weights (default: all)")
    p.add_argument('--network', dest='networks', action='append', choices=NETWORKS,
                   help="one of them; may be given more than once (default: both)")
    return p


main = main_of(parser, work, RESUMABLE)
