"""Train with the defaults for several seeds, and one seed for ten epochs; print the table of accuracies."""
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn.support.command_line import RESUMABLE, Parser, demand_at_least_one, main_of, whole_number

SCRIPT = Path(__file__).resolve().parent / 'train_mnist.py'


def train(folder, *arguments):
    """The metrics of the run in ``folder``, which is made, continued, or read if it is finished."""
    begun = (folder / 'config.json').exists()
    command = ['--resume', folder] if begun else ['--output', folder, *arguments]
    subprocess.run([sys.executable, SCRIPT, *map(str, command)], check=True, stdout=subprocess.DEVNULL)
    with open(folder / 'metrics.jsonl', encoding='utf-8') as file:
        return [json.loads(line) for line in file]


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--seeds', type=whole_number, default=5,
                   help='one epoch for each of seeds 0 to N-1 (default: 5)')
    p.add_argument('--epochs', type=whole_number, default=10,
                   help='epochs of the long run with seed 0 (default: 10)')
    p.add_argument('--limit', type=whole_number, help='use the first N training images (default: all)')
    p.add_argument('--folder', type=Path, default=Path('runs/accuracy'),
                   help='of the runs (default: runs/accuracy)')
    return p


def work(arguments):
    """Train and print; returns 0."""
    demand_at_least_one(seeds=arguments.seeds, epochs=arguments.epochs)
    limit = [] if arguments.limit is None else ['--limit', arguments.limit]
    print("| run | train accuracy | test accuracy |\n|---|---|---|")
    accuracies = []
    for seed in range(arguments.seeds):
        record = train(arguments.folder / f'seed{seed}', '--seed', seed, *limit)[-1]
        accuracies.append(record['test_acc'])
        print(f"| 1 epoch, seed {seed} | {record['train_acc']:.4f} | {record['test_acc']:.4f} |", flush=True)
    print(f"| 1 epoch, mean of {len(accuracies)} seeds (lowest {min(accuracies):.4f}) | | {mean(accuracies):.4f} |")
    record = train(arguments.folder / 'long', '--epochs', arguments.epochs, *limit)[-1]
    print(f"| {arguments.epochs} epochs, seed 0 | {record['train_acc']:.4f} | {record['test_acc']:.4f} |")
    return 0


main = main_of(parser, work, RESUMABLE)

if __name__ == '__main__':
    sys.exit(main())
