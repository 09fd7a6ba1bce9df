"""How batch norm helps optimisation: the loss along the gradient, 'noisy batch norm', and the shift of the inputs.

After Santurkar et al. (2018), on the sigmoid MLP and on LeNet. Figures, tables and JSON; an interrupted run
continues.

Exit status: 0 done, and every claim holds; 1 a claim does not hold; 2 bad arguments or bad data (one line on standard
error); 130 Ctrl-C.
"""
from ..support.command_line import Parser, chosen, demand_at_least_one, folder, loading, run, whole_number

NETWORKS = ('sigmoid_mlp', 'lenet')


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    return run(parser(prog), work, argv)


def work(options):
    """Run the experiments; returns 0 if every claim holds, otherwise 1."""
    with loading('landscape'):
        from ..studies.landscape.report import run_experiments
        from ..studies.landscape.runs import EXPERIMENTS
    demand_at_least_one(seeds=options.seeds, processes=options.processes)
    experiments = chosen(options.experiments, EXPERIMENTS, 'experiment')
    changes = {'steps': 60, 'measure_every': 20, 'test_images': 1000} if options.quick else {}
    verdicts = run_experiments(experiments, options.networks or list(NETWORKS), range(options.seeds),
                               options.output, options.data_dir, options.processes, judged=not options.quick, **changes)
    print(f"Figures and numbers are in {options.output}")
    return 0 if all(verdicts.values()) else 1


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('experiments', nargs='*', metavar='EXPERIMENT',
                   help="of learning_rates, noise, small_weights (default: all)")
    p.add_argument('--network', dest='networks', action='append', choices=NETWORKS,
                   help="one of them; may be given more than once (default: both)")
    p.add_argument('--seeds', type=whole_number, default=3, metavar='N', help="trainings of each kind (default: 3)")
    p.add_argument('--quick', action='store_true',
                   help="60 steps a training, to see that it works; the claims are not judged then")
    p.add_argument('--data-dir', type=folder, metavar='PATH',
                   help="folder with MNIST (default: the files of the package)")
    p.add_argument('--processes', type=whole_number, metavar='N', help="(default: one a physical core)")
    p.add_argument('--output', type=folder, default='runs/landscape', metavar='DIR', help="(default: %(default)s)")
    return p

