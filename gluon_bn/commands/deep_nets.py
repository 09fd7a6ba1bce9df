"""What batch norm does to deep nets: the four experiments, with figures and JSON. An interrupted run
continues.

Exit status: 0 done, and every claim holds; 1 a claim does not hold (never with --quick); 2 bad arguments or bad data
(one line on standard error); 130 Ctrl-C.
"""
from ..support.command_line import Parser, chosen, demand_at_least_one, folder, loading, run, whole_number


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    return run(parser(prog), work, argv)


def work(options):
    """Run the experiments; returns 0 if every claim holds, otherwise 1."""
    with loading('deep-nets'):
        from ..data import download_cifar10
        from ..studies.deep_nets import runs
        from ..studies.deep_nets.overview import overview
        from ..studies.deep_nets.report import run_experiment
        from ..studies.deep_nets.runs import EXPERIMENTS, QUICK
    demand_at_least_one(seeds=options.seeds, epochs=options.epochs, processes=options.processes)
    seeds = (1 if options.quick else 3) if options.seeds is None else options.seeds
    folder = options.output or ('runs/deep_nets_quick' if options.quick else 'runs/deep_nets')
    experiments = chosen(options.experiments, EXPERIMENTS, 'experiment')
    data_dir = download_cifar10() if options.download else options.data_dir
    verdicts, kinds = {}, {}
    for name in experiments:
        settings = {**(QUICK[name] if options.quick else {}),
                    **({} if options.epochs is None else {'epochs': options.epochs})}
        jobs = EXPERIMENTS[name](range(seeds), **settings)
        verdicts.update(run_experiment(name, folder, jobs, data_dir, options.processes, judged=not options.quick))
        kinds[name] = runs.summary(runs.run(folder, jobs, data_dir, report=lambda line: None))  # they are all done
    print(f"\n{overview(kinds)}\n")
    print(f"Figures and numbers are in {folder}")
    return 0 if all(verdicts.values()) else 1


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('experiments', nargs='*', metavar='EXPERIMENT',
                   help="of deep_net, weight_scales, batch_sizes, small_batches (default: all)")
    p.add_argument('--seeds', type=whole_number, metavar='N', help="trainings of each kind (default: 3)")
    p.add_argument('--epochs', type=whole_number, metavar='N', help="(default: 10)")
    p.add_argument('--quick', action='store_true',
                   help="1 seed and a few epochs, to see that it works; the claims are not judged then")
    p.add_argument('--data-dir', type=folder, metavar='PATH',
                   help="folder or archive with the whole of CIFAR-10 (default: the images that come with the package)")
    p.add_argument('--download', action='store_true', help="download the whole of CIFAR-10 (170 MB) and use it")
    p.add_argument('--processes', type=whole_number, metavar='N', help="(default: one a physical core)")
    p.add_argument('--output', type=folder, metavar='DIR',
                   help="(default: runs/deep_nets, with --quick runs/deep_nets_quick)")
    return p

