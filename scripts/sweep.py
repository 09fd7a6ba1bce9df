"""Sweeps on LeNet: one of the named comparisons, as a table and a figure. An interrupted sweep goes on.

Exit status: 0 done, and every claim holds; 1 a claim does not hold; 2 bad arguments, or another process sweeps in the
same folder (one line on standard error); 130 Ctrl-C.
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn.command_line import chosen, demand_at_least_one, exit_status
from gluon_bn.experiments import EXPERIMENTS, QUICK
from gluon_bn.sweeps.claims import claims
from gluon_bn.sweeps.report import run_experiment, table


def main(argv=None):
    """Run with the command line ``argv``; returns the exit status."""
    options = parser().parse_args(argv)
    return exit_status('sweep', lambda: run(options))


def run(options):
    """Run one sweep and show what came out; returns 0 if every claim holds, otherwise 1."""
    demand_at_least_one(seeds=options.seeds, processes=options.processes)
    name, = chosen([options.name], EXPERIMENTS, 'experiment')
    folder = options.output or ('runs/sweeps_quick' if options.quick else 'runs/sweeps')
    runs = EXPERIMENTS[name](range(options.seeds), **(QUICK[name] if options.quick else {}))
    kinds = run_experiment(name, folder, runs, options.processes)
    print(table(kinds), end='')
    verdicts = {} if options.quick else claims(name, kinds)  # a quick run shows nothing
    for sentence, holds in verdicts.items():
        print(f"{'holds' if holds else 'FAILS'}: {sentence}")
    print(f"The results, {name}.png and {name}.md are in {folder}")
    return 0 if all(verdicts.values()) else 1


def parser():
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('name', metavar='NAME', help=f"one of {', '.join(EXPERIMENTS)}")
    p.add_argument('--seeds', type=int, default=3, metavar='N', help="trainings of each kind (default: %(default)s)")
    p.add_argument('--quick', action='store_true', help="a few steps of a few runs, to see that everything works")
    p.add_argument('--processes', type=int, metavar='N', help="(default: one a physical core)")
    p.add_argument('--output', metavar='DIR', help="(default: runs/sweeps, with --quick runs/sweeps_quick)")
    return p


if __name__ == '__main__':
    sys.exit(main())
