"""Sweeps on LeNet: one of the named comparisons, as a table and a figure. An interrupted sweep goes on.

Exit status: 0 done, and every claim holds; 1 a claim does not hold; 2 bad arguments, or another process sweeps in the
same folder (one line on standard error); 130 Ctrl-C.
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn.experiments import EXPERIMENTS, QUICK
from gluon_bn.experiments_claims import claims
from gluon_bn.experiments_report import run_experiment, table


def main(argv=None):
    """Run with the command line ``argv``; returns the exit status."""
    options = parser().parse_args(argv)
    try:
        if options.name not in EXPERIMENTS:
            raise ValueError(f"there is no experiment {options.name}; expected one of: {', '.join(EXPERIMENTS)}.")
        if options.seeds < 1 or options.processes is not None and options.processes < 1:
            raise ValueError("--seeds and --processes are at least 1.")
        folder = options.output or ('runs/sweeps_quick' if options.quick else 'runs/sweeps')
        runs = EXPERIMENTS[options.name](range(options.seeds), **(QUICK[options.name] if options.quick else {}))
        kinds = run_experiment(options.name, folder, runs, options.processes)
        print(table(kinds), end='')
        verdicts = {} if options.quick else claims(options.name, kinds)  # a quick run shows nothing
        for sentence, holds in verdicts.items():
            print(f"{'holds' if holds else 'FAILS'}: {sentence}")
        print(f"The results, {options.name}.png and {options.name}.md are in {folder}")
        return 0 if all(verdicts.values()) else 1
    except (ValueError, OSError, RuntimeError) as error:
        return complain(error, 2)
    except KeyboardInterrupt:
        return complain("interrupted; the same command goes on", 130)


def parser():
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('name', metavar='NAME', help=f"one of {', '.join(EXPERIMENTS)}")
    p.add_argument('--seeds', type=int, default=3, metavar='N', help="trainings of each kind (default: %(default)s)")
    p.add_argument('--quick', action='store_true', help="a few steps of a few runs, to see that everything works")
    p.add_argument('--processes', type=int, metavar='N', help="(default: one a physical core)")
    p.add_argument('--output', metavar='DIR', help="(default: runs/sweeps, with --quick runs/sweeps_quick)")
    return p


def complain(message, status):
    """One line on standard error; returns ``status``."""
    print(f"sweep: {' '.join(str(message).split())}", file=sys.stderr)
    return status


if __name__ == '__main__':
    sys.exit(main())
