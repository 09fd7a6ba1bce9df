"""Figure 1 of Ioffe and Szegedy (2015): a sigmoid MLP on MNIST, with batch norm and without, several seeds each.

Settings: sgd-0.1, sgd-0.02 and sgd-0.5, the paper's (small Gaussian weights, SGD; it names no learning rate, these are
on the mean loss of a batch), and keras (RMSprop with Keras's defaults). An interrupted run continues.

Exit status: 0 done, and at sgd-0.1 and sgd-0.02 every claim of the paper holds; 1 a claim does not hold (never with
--quick); 2 bad arguments or bad data (one line on standard error); 130 Ctrl-C.
"""
from ..support.command_line import Parser, chosen, demand_at_least_one, folder, loading, run, whole_number

QUICK_STEPS, QUICK_SEEDS = 200, 1


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    return run(parser(prog), work, argv)


def work(options):
    """Train, and draw the figure; returns 0 if every claim of the paper holds, otherwise 1."""
    with loading('figure'):
        from .. import SigmoidMLP
        from ..studies.paper_figure.report import make_figure
        from ..studies.paper_figure.runs import FIGURE, PAPER, SETTINGS, STEPS
    steps, seeds = (QUICK_STEPS, QUICK_SEEDS) if options.quick else (STEPS, 3)
    steps = steps if options.steps is None else options.steps
    seeds = seeds if options.seeds is None else options.seeds
    if steps < 20:
        raise ValueError("--steps is at least 20.")
    demand_at_least_one(seeds=seeds, processes=options.processes)
    settings = chosen(options.settings, SETTINGS, 'setting') if options.settings else FIGURE
    for batch_norm in (False, True):
        print(SigmoidMLP(batch_norm=batch_norm).summary(), end='\n\n')
    found = make_figure(options.output, settings, range(seeds), steps, options.data_dir, options.processes,
                        events=options.tensorboard, judged=not options.quick)
    print(f"The figure and its numbers are in {options.output}")
    holds = all(all(claims.values()) for setting, claims in found.items() if setting in PAPER)
    return 0 if holds or options.quick else 1


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('settings', nargs='*', metavar='SETTING',
                   help="of sgd-0.1, sgd-0.02, sgd-0.5, keras (default: sgd-0.1, sgd-0.02, keras)")
    p.add_argument('--quick', action='store_true',
                   help=f"{QUICK_STEPS} steps and {QUICK_SEEDS} seed, to see that everything runs")
    p.add_argument('--steps', type=whole_number, metavar='N', help="(default: 50,000)")
    p.add_argument('--seeds', type=whole_number, metavar='N', help="trainings of each kind (default: 3)")
    p.add_argument('--data-dir', type=folder, metavar='PATH',
                   help="folder with the four files of MNIST (default: those that come with the package)")
    p.add_argument('--processes', type=whole_number, metavar='N', help="(default: one a physical core)")
    p.add_argument('--tensorboard', type=folder, metavar='DIR', help="write TensorBoard's files to DIR as well")
    p.add_argument('--output', type=folder, default='runs/paper_figure', metavar='DIR', help="(default: %(default)s)")
    return p

