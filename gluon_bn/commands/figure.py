"""Figure 1 of Ioffe and Szegedy (2015): a sigmoid MLP on MNIST, with batch norm and without, several seeds each.

Settings: sgd-0.1, sgd-0.02 and sgd-0.5, the paper's (small Gaussian weights, SGD; it names no learning rate, these are
on the mean loss of a batch), and keras (RMSprop with Keras's defaults). An interrupted run continues.

Exit status: 0 done, and at sgd-0.1 and sgd-0.02 every claim of the paper holds; 1 a claim does not hold (never with
--quick); 2 bad arguments or bad data (one line on standard error); 130 Ctrl-C.
"""
from functools import partial

from ..support.command_line import RESUMABLE, chosen, demand_at_least_one, folder, loading, main_of, whole_number
from .study_options import conduct_study, study_parser


def work(options):
    """Train, and draw the figure; returns 0 if every claim of the paper holds, otherwise 1."""
    with loading('figure'):
        from .. import SigmoidMLP
        from ..studies.paper_figure import STUDY, run_recorded
        from ..studies.paper_figure.experiments import FIGURE, SETTINGS
    demand_at_least_one(seeds=options.seeds, processes=options.processes)
    if options.steps is not None and options.steps < 20:
        raise ValueError(f"--steps is {options.steps}; it must be at least 20.")
    changes = {} if options.steps is None else {'steps': options.steps}
    settings = chosen(options.settings, SETTINGS, 'setting') if options.settings else FIGURE
    for batch_norm in (False, True):
        print(SigmoidMLP(batch_norm=batch_norm).summary(), end='\n\n')
    train = partial(run_recorded, events=options.tensorboard) if options.tensorboard else None
    return conduct_study(STUDY, options, STUDY.experiments, options.data_dir, train, settings=settings, **changes)


def parser(prog=None):
    """The command line."""
    p = study_parser(prog, __doc__, "200 steps and 1 seed, to see that everything runs; the claims are not judged then",
                     output='runs/paper_figure',
                     data="folder with the four files of MNIST (default: those that come with the package)")
    p.add_argument('settings', nargs='*', metavar='SETTING',
                   help="of sgd-0.1, sgd-0.02, sgd-0.5, keras (default: sgd-0.1, sgd-0.02, keras)")
    p.add_argument('--steps', type=whole_number, metavar='N', help="(default: 50,000)")
    p.add_argument('--tensorboard', type=folder, metavar='DIR', help="write TensorBoard's files to DIR as well")
    return p


main = main_of(parser, work, RESUMABLE)
