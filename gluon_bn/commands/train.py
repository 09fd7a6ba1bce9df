"""Train LeNet with batch normalization on MNIST: the main job.

The loss that is printed, drawn and written to metrics.jsonl is a moving average over about the last 100 batches,
0.99 * old + 0.01 * new over the sum of its weights; it continues from epoch to epoch.

With --workers N so many processes on this machine share each batch; there are no servers, so there is no --servers.

Exit status: 0 done; 1 a worker was lost; 2 bad arguments or bad data (one line on standard error); 3 the loss is no
longer finite (the last good checkpoint is kept); 130 Ctrl-C (everything is saved).
"""
import argparse
import dataclasses
import functools
import sys
import time
from pathlib import Path

from ..support.command_line import Parser, complain, exit_status, folder, loading
from ..support.invocation import command_line


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    p = parser(prog)
    argv = sys.argv[1:] if argv is None else list(argv)
    return exit_status(p.name, lambda: work(vars(p.parse_args(argv)), p.name, argv), "interrupted before it began")


def work(options, name, argv=()):
    """Train, or resume a run, in this process or in workers, which get ``argv``; returns the exit status."""
    asked = Asked(options)
    if asked.mpi:
        from ..parallel.worker import as_worker
        return as_worker(name, functools.partial(work_of_one, asked))
    if asked.workers > 1:
        return launch_workers(asked, name, argv)
    with loading(name):
        from ..fast import native
        from ..run import job
    report = functools.partial(print, flush=True)  # a line when it is due, in a file or a pipe as well
    try:
        if asked.resumed:
            job.resume(asked.folder, asked.ctx, asked.epochs, report)
        else:
            job.start(asked.config, asked.folder, report)
    except job.LossNotFinite as error:
        return complain(name, asked.not_finite(error), 3)
    except (job.Interrupted, KeyboardInterrupt):
        if not asked.has_begun():
            raise KeyboardInterrupt from None
        return complain(name, asked.interrupted(), 130)
    if native.only_a_compiler_is_missing():
        print(native.native_status(), file=sys.stderr)
    print(asked.done())
    return 0


class Asked:
    """What the command line asks for: ``config`` for ``folder``, or to resume the run there; ``RunError`` if it cannot.
    """

    def __init__(self, options):
        from ..run.configuration import PRESETS, Config, RunError, read_config
        from ..support.options import flags
        folder, self.resumed, self.mpi = options.pop('output'), options.pop('resume'), options.pop('mpi')
        if self.resumed:
            self.folder = self.resumed
            self.ctx, self.epochs = options.pop('ctx', None), options.pop('epochs', None)
            if options:
                given = ', '.join({'preset': '--preset', **flags(Config)}[name] for name in options)
                raise RunError(f"--resume uses the run's own configuration; leave out {given}.")
            self.workers = 1 if self.mpi else read_config(self.folder).workers
        else:
            self.config = Config(**{**PRESETS.get(options.pop('preset', None), {}), **options})
            self.folder = folder or f"runs/{self.config.dataset}-{time.strftime('%Y%m%d-%H%M%S')}"
            self.workers = self.config.workers
            self.counts_workers = 'workers' in options

    def has_begun(self):
        """Whether there is a run to resume."""
        return (Path(self.folder) / 'config.json').exists()

    def done(self):
        """The last line."""
        return f"Metrics, checkpoint and the picture curves.png are in {self.folder}"

    def not_finite(self, error):
        """What to say of a loss that is not finite."""
        return f"{error}; a smaller --lr may help. The last good checkpoint is in {self.folder}."

    def after_failure(self):
        """What to say when a worker was lost, or has failed."""
        return self.has_begun() and (f"What each rank printed is in {Path(self.folder) / 'workers'}; resume the run "
                                     f"with: {command_line('train', '--resume', self.folder)}")

    def interrupted(self):
        """What to say after Ctrl-C."""
        return (f"interrupted; resume it with: {command_line('train', '--resume', self.folder)}" if self.has_begun()
                else "interrupted before it began")


def launch_workers(asked, name, argv):
    """Start the workers on this machine, with the same command line, and stay with them; returns the exit status."""
    from ..parallel.launch import launch
    from ..run.folder import RunFolder
    if not asked.resumed:
        RunFolder(asked.folder).refuse_if_used()
    return launch(name, ['-m', 'gluon_bn', 'train', '--mpi', '--output', asked.folder, *argv], asked.workers,
                  functools.partial(print, flush=True), asked.interrupted, asked.after_failure)


def work_of_one(asked, worker):
    """What one worker does; returns 0."""
    from ..fast import native
    from ..parallel.worker import WorkerEnded
    from ..run import workers
    from ..run.interrupts import Interrupted
    from ..run.state import LossNotFinite
    if worker.group.size == 1:
        worker.report("This process is the only worker; mpiexec -n N, srun, or --workers N in place of --mpi, starts "
                      "more.")
    try:
        if asked.resumed:
            workers.resume(worker, asked.folder, asked.ctx, asked.epochs)
        else:
            if not asked.counts_workers:
                asked.config = dataclasses.replace(asked.config, workers=worker.group.size)
            asked.folder = worker.group.share('folder', asked.folder)[0]
            workers.start(worker, asked.config, asked.folder)
    except LossNotFinite as error:
        raise WorkerEnded(3, asked.not_finite(error), everywhere=True) from error
    except Interrupted:
        raise WorkerEnded(130, asked.interrupted(), everywhere=True) from None
    if native.only_a_compiler_is_missing():
        worker.report(native.native_status())
    worker.report(asked.done())
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
    p.add_argument('--mpi', action='store_true', default=False,
                   help="be one of the workers that mpiexec, or Slurm, has started; --workers N starts them itself")
    return p
