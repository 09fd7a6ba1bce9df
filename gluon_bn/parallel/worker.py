"""A worker of an MPI job, from its first line to its end: :func:`as_worker`.

Workers are watched (:mod:`.watch`): by the process that has launched them (:mod:`.launch`), or by rank 0 if somebody
else has started them, ``mpiexec`` or Slurm. What a worker prints goes to a file of its own as soon as there is a folder
for it; lines for the user go through ``Worker.report`` and ``Worker.progress``, and only those of rank 0 are shown.
"""
import faulthandler
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..support.progress import progress
from ..support.tether import end_with
from ..support.threads import physical_cores
from .group import GroupError
from .guard import Guard
from .mpi import MpiGroup, load_mpi, rank_of
from .watch import BEAT, Link, Watch

WATCH = 'GLUON_BN_WATCH'  # of the launcher's: JSON with its port, its token and the number of workers
LOST = 1  # exit status of a job that has lost a worker
TO_BE_ENDED = 5  # seconds until a worker that has failed ends the job by itself
LEAVING = 8  # seconds until all have come to the end that all of them have announced


class WorkerEnded(Exception):  # noqa: N818 - Ctrl-C is no error
    """The end of a worker's work before it is done, with an exit status and a sentence for the user.

    ``everywhere`` says that every worker ends at the same place for the same reason: none of them is to blame.
    """

    def __init__(self, status, sentence, everywhere=False):
        super().__init__(sentence)
        self.status, self.everywhere = status, everywhere


def as_worker(name, work):
    """Be a worker: do ``work(worker)`` with a :class:`Worker`; returns the exit status, its answer or 0.

    ``name`` is that of the program in messages. An exception on this worker alone ends the job: the user reads one
    sentence with the rank and the reason.
    """
    parent, worker = os.getppid(), Worker(name)
    try:
        worker.join(parent)
        status, sentence, everywhere = work(worker) or 0, '', True
        worker.group.barrier('end')  # who has less to do at the end waits for the others as long as they live
    except BaseException as error:
        status, sentence, everywhere = _end_by(error, worker.logs)
    worker.end(status, sentence, everywhere)
    return status


class Worker:
    """What a worker has beside its work: ``group``, ``interrupted`` (by Ctrl-C or SIGTERM), and the way to the user."""

    def __init__(self, name, group=None):
        self.name, self.group, self.rank = name, group, group and group.rank
        self.interrupted = False
        self.logs = False  # whether what is printed goes to a file
        self._out, self._err = sys.stdout, sys.stderr  # where the user reads, also when what is printed goes to a file
        self._link = self._watch = None
        self._leaving = False

    def join(self, parent):
        """Join the others and the watch, end with the process ``parent``, and choose the number of threads.

        MXNet must not be loaded yet. How long it may take is bounded: by the launcher's watch, or else by a guard.
        """
        faulthandler.enable()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        given = json.loads(os.environ.pop(WATCH, 'null'))
        with ExitStack() as guarded:
            if given:
                self._join_launcher(given, rank_of(os.environ))
            else:
                guarded.enter_context(Guard(self.name))
            end_with(parent, at_once=False)
            self.group = MpiGroup()
            self.rank = self.group.rank
            if given:
                self._join_launcher(given, self.rank)
            elif self.group.size > 1:
                self._join_rank_0()
            set_threads(self.group)

    def _join_launcher(self, given, rank):
        """Connect to the launcher as soon as the rank is known: maybe before MPI, which waits for all."""
        if not self._link and rank is not None:
            self._link = Link(['127.0.0.1'], given['port'], given['token'], rank, on_lost=_launcher_is_lost,
                              on_message=self._hear, watcher=(given['pid'], socket.gethostname()))
        if self.group and self.group.size != given['workers']:
            raise RuntimeError(f"mpiexec has started {given['workers']} workers, MPI knows of {self.group.size}: "
                               f"{given['mpiexec']} belongs to another MPI than mpi4py uses; put the one of "
                               "mpi4py's MPI first in PATH.")

    def _join_rank_0(self):
        if self.rank == 0:
            self._watch = Watch(range(1, self.group.size), everywhere=True)
            threading.Thread(target=self._look, daemon=True).start()
        *watch, watcher = self.group.share('watch', self._watch and [
            self._watch.hosts, self._watch.port, self._watch.token, [os.getpid(), socket.gethostname()]])[0]
        if self.rank != 0:
            self._link = Link(*watch, self.rank, on_lost=self._rank_0_is_lost, watcher=watcher)

    def report(self, line):
        """Show ``line``, if this is rank 0."""
        if self.rank == 0:
            if self._link:
                self._link.say(report=line)
            else:
                print(line, file=self._out, flush=True)

    @contextmanager
    def progress(self, name, done, total):
        """As :func:`gluon_bn.support.progress.progress`: yield ``show(batch, loss)``, which shows rank 0's."""
        if self.rank != 0:
            yield lambda batch, loss: None
        elif not self._link:
            with progress(name, done, total, self._err) as show:
                yield show
        else:
            self._link.say(progress=[name, done, total])
            yield lambda batch, loss: self._link.say(show=[batch, loss])
            self._link.say(progress=None)

    def log_to(self, folder):
        """From now on, what this worker prints, and what its libraries do, is in ``rank-N.log`` in ``folder``.

        To be called when all is loaded that the work needs: from then on, a worker that is silent is lost.
        """
        if self._link:
            self._link.say_that_it_trains()
        Path(folder).mkdir(parents=True, exist_ok=True)
        sys.stdout.flush()
        sys.stderr.flush()
        self._out, self._err = (os.fdopen(os.dup(number), 'w', encoding='utf-8') for number in (1, 2))
        file = os.open(Path(folder) / f'rank-{self.rank}.log', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        for number in (1, 2):
            os.dup2(file, number)
        os.close(file)
        self.logs = True
        print(f"== {time.strftime('%Y-%m-%d %H:%M:%S')} rank {self.rank} of {self.group.size}, process {os.getpid()} "
              f"on {socket.gethostname()}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS')}", flush=True)

    def together(self, what, do):
        """``do()`` on every worker; if one of them fails, all of them raise ``WorkerEnded`` that says which and why."""
        answer, said = None, None
        try:
            answer = do()
        except Exception as error:
            said = _end_by(error, self.logs)[:2]
        all_said = self.group.share(what, said)
        failed = [rank for rank, said in enumerate(all_said) if said]
        if failed:
            status, sentence = all_said[failed[0]]
            same = all(said == all_said[0] for said in all_said)
            who = '' if same or self.group.size == 1 else f"rank {failed[0]}: "
            raise WorkerEnded(status, who + sentence, everywhere=True)
        return answer

    def end(self, status, sentence, everywhere):
        """Say how the work has ended. It returns if all workers end so, and ends the job otherwise."""
        if self._link:
            self._link.say(end=status, reason=sentence, everywhere=everywhere)
        if everywhere:
            if status and self.rank == 0 and not self._link:
                self._complain(sentence)
            if self.group.leave(LEAVING):
                self._leave()
                return
        elif not self._link:
            self._complain(f"rank {self.rank}: {sentence}" if self.group and self.group.size > 1 else sentence)
            if not self.group or self.group.size == 1:
                return
        else:
            time.sleep(TO_BE_ENDED)
        _abort(status or LOST)

    def _leave(self):
        """All have come to their end, and whoever watches need not care any more that their connections close."""
        self._leaving = True
        if self._link:
            self._link.leaving = True
            self._link.say(left=True)
        if self._watch:
            for rank in list(self._watch.workers):
                self._watch.say(rank, left=True)

    def _note(self, signum, frame):
        self.interrupted = True

    def _hear(self, message):
        self.interrupted = self.interrupted or 'interrupt' in message

    def _complain(self, sentence):
        with suppress(OSError):
            print(f"{self.name}: {sentence}", file=self._err, flush=True)
        time.sleep(0.2)  # whoever carries these words is ended together with the job

    def _look(self):
        """Rank 0's watch over the others, in a thread of its own."""
        while True:
            for rank, message in self._watch.look(BEAT / 2):
                failed = message.get('end') and not message.get('everywhere')
                if (failed or 'lost' in message) and not self._leaving:
                    self._leaving = True
                    self._complain(f"{self._watch.describe(rank)}{sentence_of(message)}")
                    _abort(message.get('end', LOST))

    def _rank_0_is_lost(self, why):
        time.sleep(0 if self.rank == 1 else 2)  # one of them is enough to say so
        self._complain(f"rank 0 {why}.")
        _abort(LOST)


def _launcher_is_lost(why):
    """It had the workers to itself: they end."""
    print(f"The process that has launched this one {why}.", flush=True)
    os._exit(LOST)


def _abort(status):
    """End all workers of the MPI job."""
    with suppress(Exception):  # it may be MPI that this worker could not load
        load_mpi().COMM_WORLD.Abort(status)
    os._exit(status)


def sentence_of(message):
    """What to say after the name of a worker that is lost, or has failed."""
    return f" {message['lost']}." if 'lost' in message else f": {message['reason']}"


def set_threads(group):
    """Set ``OMP_NUM_THREADS``, unless the user has: the cores of this machine, shared among its workers."""
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else []
    beside = [there for there in group.share('cpus', [socket.gethostname(), cpus])
              if there[0] == socket.gethostname() and (set(there[1]) & set(cpus) or not cpus)]
    os.environ.setdefault('OMP_NUM_THREADS', str(max(1, physical_cores() // len(beside))))


def _end_by(error, logs):
    """Exit status, sentence, and whether it is so everywhere, of a worker that an exception has ended.

    Where it comes from is printed for a log, and of what nobody has expected.
    """
    sentence = ' '.join(str(error).split())
    if isinstance(error, WorkerEnded):
        return error.status, sentence, error.everywhere
    if isinstance(error, GroupError):
        return LOST, sentence, True
    if isinstance(error, (ValueError, OSError, RuntimeError, ImportError)) and sentence:
        if logs:
            traceback.print_exc()
        return 2, sentence, False
    if isinstance(error, ArithmeticError) and sentence:
        return 3, sentence, False
    traceback.print_exc()
    return LOST, f"{type(error).__name__}: {sentence}", False
