"""The test accuracy of a trained run: with the stored statistics (test mode) and with each batch's own (train mode).

RUN is the folder of a run, or one of its checkpoint files; nothing in it changes.

Exit status: 0 done; 2 bad arguments or bad data (one line on standard error); 130 Ctrl-C.
"""
import json
from pathlib import Path

from ..support.command_line import Parser, demand_at_least_one, folder, loading, main_of, whole_number
from ..support.invocation import command_line


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('run', type=folder, metavar='RUN', help="folder of a run, or a checkpoint file")
    p.add_argument('--ctx', default='auto', metavar='auto|cpu|cpu:N|gpu|gpu:N', help="device (default: auto)")
    p.add_argument('--dataset', metavar='NAME', help="mnist or fashion-mnist (default: the run's own)")
    p.add_argument('--data-dir', type=folder, metavar='DIR',
                   help="folder with files of the MNIST format (default: the run's own)")
    p.add_argument('--batch-size', type=whole_number, default=256, metavar='N',
                   help="images in a batch: what the batch statistics are of (default: %(default)s)")
    p.add_argument('--json', action='store_true', help="print one object of JSON")
    return p


def work(options):
    """Evaluate and print; returns 0."""
    with loading('evaluate'):
        from .. import data, evaluate_accuracy, load_network
        from .._mxnet.devices import context_from_name
        from ..run import checkpoint
        from ..run.folder import checkpoint_of
    demand_at_least_one(batch_size=options.batch_size)
    if not Path(options.run).exists():
        raise ValueError(f"{options.run} does not exist; expected the folder of a run or a checkpoint file: see what "
                         f"is in {Path(options.run).parent}, or train a network with: {command_line('train')}")
    path = checkpoint_of(options.run)
    if not path.exists():
        raise ValueError(f"{options.run} contains no trained network ({path} is missing); expected the folder of a run "
                         "or a checkpoint file.")
    ctx = context_from_name(options.ctx)
    net = load_network(path, ctx)
    config = checkpoint.load(path)[1]['config']
    dataset = options.dataset or config['dataset']
    if dataset not in data.MNIST_LIKE:
        raise ValueError(f"--dataset is {dataset!r}; expected one of {', '.join(data.MNIST_LIKE)}.")
    own = dataset == config['dataset']
    images, labels = data.load(dataset, False, options.data_dir or (config['data_dir'] if own else None))
    if len(images) % options.batch_size == 1:
        raise ValueError(f"{len(images)} images in batches of {options.batch_size} leave a last batch of one, which "
                         "has no statistics of its own; choose another --batch-size.")
    batches = data.batches(images, labels, options.batch_size, ctx=ctx)
    report({'run': str(Path(options.run)), 'dataset': dataset, 'ctx': str(ctx), 'images': len(images),
            'batch_size': options.batch_size, 'stored_statistics': evaluate_accuracy(batches, net),
            'batch_statistics': evaluate_accuracy(batches, net, is_training=True)}, options.json)
    return 0


def report(found, as_json):
    """Print what was ``found``."""
    if as_json:
        print(json.dumps(found))
        return
    print(f"{found['run']}: {found['images']:,} test images of {found['dataset']}, on {found['ctx']}\n"
          f"stored statistics (test mode)                    {found['stored_statistics']:.4f}\n"
          f"statistics of each batch of {found['batch_size']:<5} (train mode)   {found['batch_statistics']:.4f}")


main = main_of(parser, work)
