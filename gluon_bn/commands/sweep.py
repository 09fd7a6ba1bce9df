"""Sweeps on LeNet: one or more of the named comparisons, as tables and figures. An interrupted sweep continues.

Exit status: 0 done, and every claim holds; 1 a claim does not hold; 2 bad arguments, or another process sweeps in the
same folder (one line on standard error); 130 Ctrl-C.
"""
from ..support.command_line import Parser, chosen, demand_at_least_one, folder, loading, run, whole_number


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    return run(parser(prog), work, argv)


def work(options):
    """Run the sweeps and show what came out; returns 0 if every claim holds, otherwise 1."""
    with loading('sweep'):
        from ..studies.sweeps.claims import claims
        from ..studies.sweeps.experiments import EXPERIMENTS, QUICK
        from ..studies.sweeps.overview import overview
        from ..studies.sweeps.report import run_experiment, table
    demand_at_least_one(seeds=options.seeds, processes=options.processes)
    names = chosen(options.names, EXPERIMENTS, 'experiment')
    folder = options.output or ('runs/sweeps_quick' if options.quick else 'runs/sweeps')
    found, verdicts = {}, []
    for name in names:
        runs = EXPERIMENTS[name](range(options.seeds), **(QUICK[name] if options.quick else {}))
        found[name] = run_experiment(name, folder, runs, options.processes)
        print(table(found[name]), end='')
        for sentence, holds in ({} if options.quick else claims(name, found[name])).items():  # quick shows nothing
            print(f"{'holds' if holds else 'FAILS'}: {sentence}")
            verdicts.append(holds)
        print(f"The results, {name}.png and {name}.md are in {folder}")
    if len(names) > 1:
        print(f"\n{overview(found)}")
    return 0 if all(verdicts) else 1


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('names', nargs='+', metavar='NAME',
                   help="of training, learning_rates, positions, weight_scales, batch_sizes, momenta, eps, "
                        "recalibration; of more than one, a table of them all comes last")
    p.add_argument('--seeds', type=whole_number, default=3, metavar='N',
                   help="trainings of each kind (default: %(default)s)")
    p.add_argument('--quick', action='store_true', help="a few steps of a few runs, to see that everything works")
    p.add_argument('--processes', type=whole_number, metavar='N', help="(default: one a physical core)")
    p.add_argument('--output', type=folder, metavar='DIR',
                   help="(default: runs/sweeps, with --quick runs/sweeps_quick)")
    return p

