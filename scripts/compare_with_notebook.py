"""Time the main job against the notebook's own formulation: whole processes, same machine, same threads, one epoch.

Both read MNIST, train one epoch with the defaults, and score all training and test images. They run in turn.
"""
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn.studies.machine import describe_machine
from gluon_bn.support.command_line import Parser, demand_at_least_one, main_of, whole_number
from gluon_bn.support.markdown import markdown_table

SCRIPTS = Path(__file__).resolve().parent


def timed(*command):
    """Run a script; returns the seconds it took and its line of results."""
    began = time.perf_counter()
    result = subprocess.run([sys.executable, *map(str, command)], check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - began, next(line for line in result.stdout.splitlines() if line.startswith('Epoch 0.'))


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--repeats', type=whole_number, default=1, help='how often each runs (default: 1)')
    p.add_argument('--limit', type=whole_number, help='use the first N training images (default: all)')
    return p


def work(arguments):
    """Time and print; returns 0."""
    demand_at_least_one(repeats=arguments.repeats)
    limit = [] if arguments.limit is None else ['--limit', arguments.limit]
    print(describe_machine())
    times = {'gluon_bn': [], 'notebook': []}
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as folder:
            for name, command in (
                    ('gluon_bn', [SCRIPTS / 'train_mnist.py', '--ctx', 'cpu', '--output', f'{folder}/run', *limit]),
                    ('notebook', [SCRIPTS / 'notebook_formulation.py', *limit])):
                seconds, line = timed(*command)
                times[name].append(seconds)
                print(f"{name}: {seconds:6.1f} s   {line}", flush=True)
    ours, notebook = (median(times[name]) for name in ('gluon_bn', 'notebook'))
    print('\n' + markdown_table(['formulation', f'seconds, median of {arguments.repeats}', 'gluon_bn / it'],
                                [['gluon_bn', f'{ours:.1f}', ''],
                                 ["the notebook's", f'{notebook:.1f}', f'{ours / notebook:.3f}']]))
    return 0


main = main_of(parser, work)

if __name__ == '__main__':
    sys.exit(main())
