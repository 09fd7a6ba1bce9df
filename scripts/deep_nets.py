"""What batch norm does to deep nets: the four experiments, with figures and JSON. An interrupted run goes on.

Exit status: 0 done, and every claim holds; 1 a claim does not hold; 2 bad arguments or bad data (one line on standard
error); 130 Ctrl-C.
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn.command_line import chosen, demand_at_least_one, exit_status
from gluon_bn.data import download_cifar10
from gluon_bn.deep_nets.report import run_experiment
from gluon_bn.deep_nets.runs import EXPERIMENTS


def main(argv=None):
    """Run with the command line ``argv``; returns the exit status."""
    options = parser().parse_args(argv)
    return exit_status('deep_nets', lambda: run(options))


def run(options):
    """Run the experiments; returns 0 if every claim holds, otherwise 1."""
    demand_at_least_one(seeds=options.seeds, epochs=options.epochs, processes=options.processes)
    experiments = chosen(options.experiments, EXPERIMENTS, 'experiment')
    data_dir = download_cifar10() if options.download else options.data_dir
    verdicts = {}
    for name in experiments:
        jobs = EXPERIMENTS[name](range(options.seeds), options.epochs)
        verdicts.update(run_experiment(name, options.output, jobs, data_dir, options.processes))
    print(f"Figures and numbers are in {options.output}")
    return 0 if all(verdicts.values()) else 1


def parser():
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('experiments', nargs='*', metavar='EXPERIMENT',
                   help=f"of {', '.join(EXPERIMENTS)} (default: all)")
    p.add_argument('--seeds', type=int, default=3, metavar='N', help="trainings of each kind (default: 3)")
    p.add_argument('--epochs', type=int, default=10, metavar='N', help="(default: 10)")
    p.add_argument('--data-dir', metavar='PATH',
                   help="folder or archive with the whole of CIFAR-10 (default: the images that come with the package)")
    p.add_argument('--download', action='store_true', help="download the whole of CIFAR-10 (170 MB) and use it")
    p.add_argument('--processes', type=int, metavar='N', help="(default: one a physical core)")
    p.add_argument('--output', default='runs/deep_nets', metavar='DIR', help="(default: %(default)s)")
    return p


if __name__ == '__main__':
    sys.exit(main())
