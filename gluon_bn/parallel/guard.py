"""A guard over the start of MPI: :class:`Guard`, a process that ends its worker when that, or another one, never comes.

To join, each worker waits for all others, deep inside of MPI, where no other thread of Python runs. So as long as there
is no watch, a small process beside each worker looks after it, until the worker has joined.
"""
import contextlib
import os
import select
import signal
import socket
import sys
import time

from ..support.processes import environment_of, is_stopped, siblings_of
from .mpi import rank_of
from .watch import BEAT, IS_STOPPED, MISSING, STOPPED, called

LATER = 2  # seconds that others leave to the stopped worker, and to rank 0, to say the same


class Guard:
    """A block in which this process joins the others. It is killed, with a sentence, if one of them on this machine is
    stopped, or if it has waited for ``MISSING`` seconds. No other thread may run when the block begins: it forks.
    """

    def __init__(self, name):
        self._name = name

    def __enter__(self):
        worker, (reading, self._joined) = os.getpid(), os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._guard = os.fork()
        if self._guard == 0:
            os.close(self._joined)
            try:
                _guard(worker, reading, self._name)
            finally:
                os._exit(0)
        os.close(reading)

    def __exit__(self, *error):
        os.close(self._joined)
        os.waitpid(self._guard, 0)


def _guard(worker, reading, name):
    """Stay until the other end of the pipe closes: the worker has joined, or has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the worker has it, too
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    rank, stopped, waited = rank_of(os.environ), 0, 0
    while not select.select([reading], [], [], BEAT)[0]:
        waited += BEAT
        beside = _stopped_beside(worker)
        stopped = stopped + BEAT if beside else 0
        if stopped > STOPPED + (0 if is_stopped(worker) else 2 * LATER if rank else LATER):
            return _end(worker, name, beside[0])
        if waited > MISSING + (LATER if rank else 0):
            return _end(worker, name, f"{_called(rank, worker)} has waited {MISSING} seconds for the others: one of "
                                      "them has not begun, or stands still on another machine")
    return None


def _end(worker, name, sentence):
    with contextlib.suppress(OSError):
        os.write(2, f"{name}: {sentence}.\n".encode())
    time.sleep(BEAT)  # whoever carries these words is ended together with the job
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)


def _called(rank, pid):
    return called(rank, pid, socket.gethostname())


def _stopped_beside(worker):
    """The stopped workers of this machine that the same mpiexec has started, in words; this one is the first of them.

    What a shell has started beside a worker has no rank, or the shell's, which is that of the worker.
    """
    own = rank_of(environment_of(worker))
    ranks = {pid: rank_of(environment_of(pid)) for pid in siblings_of(worker) if is_stopped(pid)}
    stopped = sorted((pid for pid in ranks if pid == worker or ranks[pid] not in (None, own)), key=worker.__ne__)
    return [f"{_called(ranks[pid], pid)} {IS_STOPPED}" for pid in stopped]
