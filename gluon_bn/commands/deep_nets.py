"""What batch norm does to deep nets: the four experiments, with figures and JSON. An interrupted run goes on.

Exit status: 0 done, and every claim holds; 1 a claim does not hold; 2 bad arguments or bad data (one line on standard
error); 130 Ctrl-C.
"""
from ..support.command_line import Parser, chosen, demand_at_least_one, folder, loading, run, whole_number


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    return run(parser(prog), work, argv)


def work(options):
    """Run the experiments; returns 0 if every claim holds, otherwise 1."""
    with loading('deep-nets'):
        from ..data import download_cifar10
        from ..deep_nets.report import run_experiment
        from ..deep_nets.runs import EXPERIMENTS
    demand_at_least_one(seeds=options.seeds, epochs=options.epochs, processes=options.processes)
    experiments = chosen(options.experiments, EXPERIMENTS, 'experiment')
    data_dir = download_cifar10() if options.download else options.data_dir
    verdicts = {}
    for name in experiments:
        jobs = EXPERIMENTS[name](range(options.seeds), options.epochs)
        verdicts.update(run_experiment(name, options.output, jobs, data_dir, options.processes))
    print(f"Figures and numbers are in {options.output}")
    return 0 if all(verdicts.values()) else 1


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('experiments', nargs='*', metavar='EXPERIMENT',
                   help="of deep_net, weight_scales, batch_sizes, small_batches (default: all)")
    p.add_argument('--seeds', type=whole_number, default=3, metavar='N', help="trainings of each kind (default: 3)")
    p.add_argument('--epochs', type=whole_number, default=10, metavar='N', help="(default: 10)")
    p.add_argument('--data-dir', type=folder, metavar='PATH',
                   help="folder or archive with the whole of CIFAR-10 (default: the images that come with the package)")
    p.add_argument('--download', action='store_true', help="download the whole of CIFAR-10 (170 MB) and use it")
    p.add_argument('--processes', type=whole_number, metavar='N', help="(default: one a physical core)")
    p.add_argument('--output', type=folder, default='runs/deep_nets', metavar='DIR', help="(default: %(default)s)")
    return p

