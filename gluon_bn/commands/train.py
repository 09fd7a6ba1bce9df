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

from ..support.command_line import Parser, complain, exit_status, folder, loading
from ..support.invocation import command_line


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    p = parser(prog)
    return exit_status(p.name, lambda: work(vars(p.parse_args(argv)), p.name), "interrupted before it began")


def work(options, name):
    """Train, or resume a run; returns the exit status."""
    with loading(name):
        from ..fast import native
        from ..run import job
        from ..run.configuration import PRESETS, Config, RunError
        from ..support.options import flags
    folder, resumed = options.pop('output'), options.pop('resume')
    report = functools.partial(print, flush=True)  # a line when it is due, in a file or a pipe as well
    try:
        if resumed:
            folder = resumed
            ctx, epochs = options.pop('ctx', None), options.pop('epochs', None)
            if options:
                given = ', '.join({'preset': '--preset', **flags(Config)}[name] for name in options)
                raise RunError(f"--resume uses the run's own configuration; leave out {given}.")
            job.resume(folder, ctx, epochs, report)
        else:
            config = Config(**{**PRESETS.get(options.pop('preset', None), {}), **options})
            folder = folder or f"runs/{config.dataset}-{time.strftime('%Y%m%d-%H%M%S')}"
            job.start(config, folder, report)
    except job.LossNotFinite as error:
        return complain(name, f"{error}; a smaller --lr may help. The last good checkpoint is in {folder}.", 3)
    except (job.Interrupted, KeyboardInterrupt):
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
        from ..run.configuration import PRESETS, Config
        from ..support.options import add_options
    p = Parser(prog=prog, description=__doc__, argument_default=argparse.SUPPRESS)
    p.add_argument('--preset', choices=tuple(PRESETS),
                   help="fast: one epoch for 0.99; best: 20 epochs with shifted images; other options override it")
    add_options(p, Config)
    p.add_argument('--output', type=folder, default=None, metavar='DIR',
                   help="folder of the run (default: runs/DATASET-TIME)")
    p.add_argument('--resume', type=folder, default=None, metavar='DIR',
                   help="resume the run in DIR, with its configuration; --epochs N makes it longer")
    return p
