"""Time the Solver: five hidden layers of 100 with batch norm on 1,000 CIFAR-10 images, batch 50, 10 epochs."""
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gluon_bn as gbn
from gluon_bn.studies.machine import describe_machine
from gluon_bn.support.command_line import Parser, demand_at_least_one, main_of, whole_number


def train(epochs):
    """Seconds that the training takes, its data in memory."""
    data = gbn.data.cifar10_splits()
    model = gbn.FullyConnectedNet([100] * 5, use_batchnorm=True, weight_scale=2e-2, seed=0)
    solver = gbn.Solver(model, data, num_epochs=epochs, batch_size=50, update_rule='adam',
                        optim_config={'learning_rate': 1e-3}, verbose=False)
    began = time.perf_counter()
    solver.train()
    return time.perf_counter() - began


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--repeats', type=whole_number, default=5)
    p.add_argument('--epochs', type=whole_number, default=10)
    return p


def work(arguments):
    """Time and print; returns 0."""
    demand_at_least_one(repeats=arguments.repeats, epochs=arguments.epochs)
    print(describe_machine())
    times = [train(arguments.epochs) for _ in range(arguments.repeats)]
    print(f"{median(times):.2f} s (median of {len(times)}; {min(times):.2f} to {max(times):.2f})")
    return 0


main = main_of(parser, work)

if __name__ == '__main__':
    sys.exit(main())
