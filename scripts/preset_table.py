"""Train with a preset for several seeds; print the table of test accuracies, and of when a target was first reached.

Epochs are counted from 0; seconds are those of training, evaluation aside. Finished runs are read, interrupted ones
continued.
"""
import sys
from pathlib import Path

from accuracy_table import train  # it finds the package beside this folder

from gluon_bn.run.configuration import PRESETS
from gluon_bn.support.command_line import RESUMABLE, Parser, demand_at_least_one, main_of, number, whole_number
from gluon_bn.support.markdown import markdown_table


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('preset', metavar='PRESET', choices=tuple(PRESETS), help=f"one of {', '.join(PRESETS)}")
    p.add_argument('--seeds', type=whole_number, default=5, help='seeds 0 to N-1 (default: 5)')
    p.add_argument('--target', type=number, help="test accuracy to reach (default: the preset's)")
    p.add_argument('--limit', type=whole_number, help='use the first N training images (default: all)')
    p.add_argument('--folder', type=Path, default=Path('runs/presets'),
                   help='of the runs (default: runs/presets)')
    return p


def work(arguments):
    """Train and print; returns 0."""
    demand_at_least_one(seeds=arguments.seeds)
    target = PRESETS[arguments.preset]['target'] if arguments.target is None else arguments.target
    limit = [] if arguments.limit is None else ['--limit', arguments.limit]
    rows = [row(seed, train(arguments.folder / f'{arguments.preset}-seed{seed}', '--preset', arguments.preset,
                            '--seed', seed, *limit), target) for seed in range(arguments.seeds)]
    print(markdown_table(['seed', 'test accuracy', 'seconds of training', f'{target:g} was first reached in epoch',
                          'after seconds'], rows))
    return 0


def row(seed, records, target):
    """The cells of one run, whose metrics are ``records``."""
    passed = [number for number, record in enumerate(records) if record['test_acc'] >= target]
    seconds = [sum(record['train_seconds'] for record in records[:epochs]) for epochs in range(len(records) + 1)]
    first = [passed[0], f'{seconds[passed[0] + 1]:.1f}'] if passed else ['', '']
    return [seed, f"{records[-1]['test_acc']:.4f}", f'{seconds[-1]:.1f}', *first]


main = main_of(parser, work, RESUMABLE)

if __name__ == '__main__':
    sys.exit(main())
