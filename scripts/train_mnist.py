"""Train LeNet with batch normalization on MNIST: the main job.

Exit status: 0 done; 2 bad arguments or bad data (one line on standard error); 3 the loss is no longer finite (the last
good checkpoint is kept); 130 Ctrl-C (everything is saved).
"""
import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn import run
from gluon_bn.command_line import complain
from gluon_bn.config import PRESETS, SCHEDULES, Config, RunError
from gluon_bn.data import MNIST_LIKE


def main(argv=None):
    """Run with the command line ``argv``; returns the exit status."""
    options = vars(parser().parse_args(argv))
    folder, resumed = options.pop('output'), options.pop('resume')
    try:
        if resumed:
            folder = resumed
            ctx, epochs = options.pop('ctx', None), options.pop('epochs', None)
            if options:
                raise RunError(f"--resume goes on with the run's own configuration; leave out "
                                   f"{', '.join('--' + name.replace('_', '-') for name in options)}.")
            run.resume(folder, ctx, epochs)
        else:
            config = Config(**{**PRESETS.get(options.pop('preset', None), {}), **options})
            folder = folder or f"runs/{config.dataset}-{time.strftime('%Y%m%d-%H%M%S')}"
            run.start(config, folder)
        print(f"Metrics, checkpoint and the picture curves.png are in {folder}")
        return 0
    except (ValueError, ImportError) as error:
        return complain('train_mnist', error, 2)
    except run.LossNotFinite as error:
        return complain('train_mnist', f"{error}; a smaller --lr may help. The last good checkpoint is in {folder}.", 3)
    except (run.Interrupted, KeyboardInterrupt):
        begun = folder and (Path(folder) / 'config.json').exists()
        message = f"interrupted; go on with: --resume {folder}" if begun else "interrupted before it began"
        return complain('train_mnist', message, 130)


def parser():
    """The command line. Options that are not given stay out: the defaults stand in one place, ``Config``."""
    default = Config()
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                argument_default=argparse.SUPPRESS)
    p.add_argument('--preset', choices=tuple(PRESETS),
                   help="fast: one epoch for 0.99; best: 20 epochs with shifted images; other options override it")
    p.add_argument('--ctx', metavar='auto|cpu|cpu:N|gpu|gpu:N', help=f"device (default: {default.ctx})")
    p.add_argument('--epochs', type=int, metavar='N',
                   help=f"passes over the training images (default: {default.epochs})")
    p.add_argument('--batch-size', type=int, metavar='N', help=f"images in a batch (default: {default.batch_size})")
    p.add_argument('--lr', type=float, help=f"learning rate on a batch's summed loss (default: {default.lr})")
    p.add_argument('--weight-scale', type=float,
                   help=f"standard deviation of initial weights (default: {default.weight_scale})")
    p.add_argument('--schedule', choices=SCHEDULES, help=f"of the learning rate (default: {default.schedule})")
    p.add_argument('--sgd-momentum', type=float, help=f"of the optimiser (default: {default.sgd_momentum})")
    p.add_argument('--max-shift', type=int, metavar='N',
                   help=f"move training images by up to N pixels at random (default: {default.max_shift})")
    p.add_argument('--validation', type=int, metavar='N',
                   help="hold out the last N training images and score them instead of the test images")
    p.add_argument('--target', type=float, help="tell after how much training this accuracy was reached")
    p.add_argument('--momentum', type=float,
                   help=f"weight of the old value in the stored statistics (default: {default.momentum})")
    p.add_argument('--no-batch-norm', dest='batch_norm', action='store_false', help="train without batch norm")
    p.add_argument('--impl', choices=('auto', 'plain', 'fast'),
                   help=f"formulation of batch norm (default: {default.impl})")
    p.add_argument('--dataset', choices=MNIST_LIKE, help=f"(default: {default.dataset})")
    p.add_argument('--data-dir', type=lambda text: str(Path(text).resolve()), metavar='DIR',
                   help="folder with files of the MNIST format, gzipped or not")
    p.add_argument('--seed', type=int,
                   help=f"of the initial weights and the order of the images (default: {default.seed})")
    p.add_argument('--limit', type=int, metavar='N', help="use the first N training images (default: all)")
    p.add_argument('--output', default=None, metavar='DIR', help="folder of the run (default: runs/DATASET-TIME)")
    p.add_argument('--resume', default=None, metavar='DIR',
                   help="go on with the run in DIR, with its configuration; --epochs N makes it longer")
    p.add_argument('--tensorboard', nargs='?', const=True, type=lambda text: str(Path(text).resolve()), metavar='DIR',
                   help="write TensorBoard's files to DIR as well (without DIR: to tensorboard in the run's folder)")
    p.add_argument('--checkpoint-seconds', type=float, metavar='S',
                   help=f"time between checkpoints within an epoch (default: {default.checkpoint_seconds})")
    return p


if __name__ == '__main__':
    sys.exit(main())
