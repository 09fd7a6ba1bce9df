"""Train LeNet with batch normalization on MNIST: the main job.

The loss that is printed, drawn and written to metrics.jsonl is a moving average over about the last 100 batches,
0.99 * old + 0.01 * new over the sum of its weights; it continues from epoch to epoch.

Exit status: 0 done; 2 bad arguments or bad data (one line on standard error); 3 the loss is no longer finite (the last
good checkpoint is kept); 130 Ctrl-C (everything is saved).
"""
import argparse
import functools
import sys
import time
from pathlib import Path

from ..support.command_line import Parser, complain, folder, loading, number, whole_number
from ..support.command_line import run as run_command
from ..support.invocation import command_line


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    p = parser(prog)
    return run_command(p, lambda options: work(vars(options), p.name), argv, interrupted="interrupted before it began")


def work(options, name):
    """Train, or resume a run; returns the exit status."""
    with loading(name):
        from ..fast import native
        from ..run import job as run
        from ..run.configuration import PRESETS, Config, RunError
    folder, resumed = options.pop('output'), options.pop('resume')
    report = functools.partial(print, flush=True)  # a line when it is due, in a file or a pipe as well
    try:
        if resumed:
            folder = resumed
            ctx, epochs = options.pop('ctx', None), options.pop('epochs', None)
            if options:
                raise RunError(f"--resume uses the run's own configuration; leave out "
                               f"{', '.join('--' + name.replace('_', '-') for name in options)}.")
            run.resume(folder, ctx, epochs, report)
        else:
            config = Config(**{**PRESETS.get(options.pop('preset', None), {}), **options})
            folder = folder or f"runs/{config.dataset}-{time.strftime('%Y%m%d-%H%M%S')}"
            run.start(config, folder, report)
    except run.LossNotFinite as error:
        return complain(name, f"{error}; a smaller --lr may help. The last good checkpoint is in {folder}.", 3)
    except (run.Interrupted, KeyboardInterrupt):
        if not (folder and (Path(folder) / 'config.json').exists()):
            raise KeyboardInterrupt from None
        return complain(name, f"interrupted; resume it with: {command_line('train', '--resume', folder)}", 130)
    if native.only_a_compiler_is_missing():
        print(native.native_status(), file=sys.stderr)
    print(f"Metrics, checkpoint and the picture curves.png are in {folder}")
    return 0


def parser(prog=None):
    """The command line. Options that are not given stay out: the defaults stand in one place, ``Config``."""
    with loading('train'):
        from ..data import MNIST_LIKE
        from ..run.configuration import PRESETS, SCHEDULES, Config
    default = Config()
    p = Parser(prog=prog, description=__doc__, argument_default=argparse.SUPPRESS)
    p.add_argument('--preset', choices=tuple(PRESETS),
                   help="fast: one epoch for 0.99; best: 20 epochs with shifted images; other options override it")
    p.add_argument('--ctx', metavar='auto|cpu|cpu:N|gpu|gpu:N', help=f"device (default: {default.ctx})")
    p.add_argument('--epochs', type=whole_number, metavar='N',
                   help=f"passes over the training images (default: {default.epochs})")
    p.add_argument('--batch-size', type=whole_number, metavar='N',
                   help=f"images in a batch (default: {default.batch_size})")
    p.add_argument('--lr', type=number, help=f"learning rate on a batch's summed loss (default: {default.lr})")
    p.add_argument('--weight-scale', type=number,
                   help=f"standard deviation of initial weights (default: {default.weight_scale})")
    p.add_argument('--schedule', choices=SCHEDULES, help=f"of the learning rate (default: {default.schedule})")
    p.add_argument('--sgd-momentum', type=number, help=f"of the optimiser (default: {default.sgd_momentum})")
    p.add_argument('--max-shift', type=whole_number, metavar='N',
                   help=f"move training images by up to N pixels at random (default: {default.max_shift})")
    p.add_argument('--validation', type=whole_number, metavar='N',
                   help="hold out the last N training images and score them instead of the test images")
    p.add_argument('--target', type=number, help="tell after how much training this accuracy was reached")
    p.add_argument('--momentum', type=number,
                   help=f"weight of the old value in the stored statistics (default: {default.momentum})")
    p.add_argument('--no-batch-norm', dest='batch_norm', action='store_false', help="train without batch norm")
    p.add_argument('--impl', choices=('auto', 'plain', 'fast'),
                   help=f"formulation of batch norm (default: {default.impl})")
    p.add_argument('--dataset', choices=MNIST_LIKE, help=f"(default: {default.dataset})")
    p.add_argument('--data-dir', type=lambda text: str(Path(folder(text)).resolve()), metavar='DIR',
                   help="folder with files of the MNIST format, gzipped or not")
    p.add_argument('--seed', type=whole_number,
                   help=f"of the initial weights and the order of the images (default: {default.seed})")
    p.add_argument('--limit', type=whole_number, metavar='N', help="use the first N training images (default: all)")
    p.add_argument('--output', type=folder, default=None, metavar='DIR',
                   help="folder of the run (default: runs/DATASET-TIME)")
    p.add_argument('--resume', type=folder, default=None, metavar='DIR',
                   help="resume the run in DIR, with its configuration; --epochs N makes it longer")
    p.add_argument('--tensorboard', nargs='?', const=True, type=lambda text: str(Path(folder(text)).resolve()),
                   metavar='DIR',
                   help="write TensorBoard's files to DIR as well (without DIR: to tensorboard in the run's folder)")
    p.add_argument('--checkpoint-seconds', type=number, metavar='S',
                   help=f"time between checkpoints within an epoch (default: {default.checkpoint_seconds})")
    return p

