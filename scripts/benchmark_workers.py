"""Time and traffic of a training step of several workers, beside one process with as many threads.

It needs the extra mpi, and a machine that does nothing else.
"""
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn.support.command_line import Parser, demand_at_least_one, main_of, whole_number


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--batch-size', type=whole_number, default=128, metavar='N', help="of all workers (default: 128)")
    p.add_argument('--steps', type=whole_number, default=50, metavar='N', help="that are timed (default: 50)")
    p.add_argument('--rounds', type=whole_number, default=5, metavar='N', help="of the comparison (default: 5)")
    p.add_argument('--workers', type=whole_number, nargs='+', default=[1, 2, 4], metavar='N',
                   help="rows of the table (default: 1 2 4)")
    return p


def work(options):
    """Measure and print; returns 0."""
    from gluon_bn.studies.benchmarks import workers
    from gluon_bn.studies.machine import describe_machine
    demand_at_least_one(batch_size=options.batch_size, steps=options.steps, rounds=options.rounds)
    print(f"{describe_machine()}; batch {options.batch_size}\n", flush=True)
    print(workers.table(options.batch_size, options.steps, options.workers), flush=True)
    ratios = workers.beside_one_process(options.batch_size, options.steps, options.rounds)
    print(f"\nImages a second of 2 workers of one thread over those of one process with two: "
          f"{statistics.median(ratios):.2f} (median of {', '.join(f'{ratio:.2f}' for ratio in ratios)})")
    return 0


if __name__ == '__main__':
    sys.exit(main_of(parser, work)())
