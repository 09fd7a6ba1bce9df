"""The guard beside a worker that joins: on a clock of its own, with processes that are none, and once a real one."""
import os
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from gluon_bn.parallel import guard

WORKER, OTHER = 11, 12
HOST = socket.gethostname()


class Life:
    """What a guard sees and does: its worker has ``rank``; ``stopped(seconds)`` are the processes that are then."""

    def __init__(self, monkeypatch):
        self.now, self.joins_at, self.handlers, self.said, self.killed = 0., float('inf'), {}, [], []
        self.ranks, self.stopped = {WORKER: 0, OTHER: 1}, lambda seconds: ()
        self.errors = {}
        monkeypatch.setattr(guard, 'select', SimpleNamespace(select=self._select))
        monkeypatch.setattr(guard, 'is_stopped', lambda pid: pid in self.stopped(self.now))
        monkeypatch.setattr(guard, 'siblings_of', lambda pid: {WORKER: sorted(self.ranks, reverse=True)}[pid])
        monkeypatch.setattr(guard, 'environment_of', self._environment)
        monkeypatch.setattr(guard, 'time', SimpleNamespace(sleep=lambda seconds: self.killed.append('after a moment')))
        monkeypatch.setattr(guard, 'signal', SimpleNamespace(
            signal=self.handlers.__setitem__, **{name: getattr(signal, name) for name in (
                'SIGINT', 'SIGTERM', 'SIGKILL', 'SIG_IGN', 'SIG_DFL')}))

    def _environment(self, pid):
        return {} if self.ranks[pid] is None else {'PMI_RANK': str(self.ranks[pid])}

    def _select(self, reading, writing, failing, seconds):
        assert (reading, writing, failing) == ([5], [], [])
        if self.now >= self.joins_at:
            return [5], [], []
        assert self.now < 1000, "nobody is ended"
        self.now += seconds
        return [], [], []

    def run(self, monkeypatch):
        """The seconds that it took, and the sentence."""
        monkeypatch.setattr(guard, 'os', SimpleNamespace(environ=self._environment(WORKER), write=self._write,
                                                         kill=self._kill))
        guard._guard(WORKER, 5, 'train')
        return self.now, ''.join(self.said)

    def _write(self, stream, words):
        self.said.append(f'{stream}: {words.decode()}')
        if 'write' in self.errors:
            raise self.errors['write']

    def _kill(self, pid, number):
        self.killed.append((pid, number))
        if 'kill' in self.errors:
            raise self.errors['kill']


@pytest.fixture
def life(monkeypatch):
    return Life(monkeypatch)


ENDED = ['after a moment', (WORKER, signal.SIGKILL)]


def test_a_worker_that_joins_is_left_alone(life, monkeypatch):
    life.joins_at = 3
    assert life.run(monkeypatch) == (3, '')
    assert life.killed == []
    assert life.handlers == {signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: signal.SIG_DFL}


@pytest.mark.parametrize(('rank', 'seconds'), [(0, 120.5), (2, 122.5), (None, 120.5)])
def test_a_worker_that_waits_too_long_is_ended_rank_0_first(life, monkeypatch, rank, seconds):
    life.ranks = {WORKER: rank}
    who = 'a worker' if rank is None else f'rank {rank}'
    assert life.run(monkeypatch) == (seconds, (
        f'2: train: {who} (process 11 on {HOST}) has waited 120 seconds for the others: one of them has not begun, or '
        'stands still on another machine.\n'))
    assert life.killed == ENDED


@pytest.mark.parametrize(('stopped', 'rank', 'seconds', 'named'), [
    ([WORKER], 0, 2.5, 'rank 0 (process 11'), ([WORKER], 2, 2.5, 'rank 2 (process 11'),
    ([OTHER], 0, 4.5, 'rank 1 (process 12'), ([OTHER], 2, 6.5, 'rank 1 (process 12'),
    ([WORKER, OTHER], 2, 2.5, 'rank 2 (process 11'),
], ids=str)
def test_a_worker_is_ended_when_it_or_another_is_stopped(life, monkeypatch, stopped, rank, seconds, named):
    """The one that is stopped first: all others say the same."""
    life.ranks[WORKER], life.stopped = rank, lambda now: stopped
    assert life.run(monkeypatch) == (seconds, f'2: train: {named} on {HOST}) is stopped (SIGSTOP, or Ctrl-Z).\n')
    assert life.killed == ENDED


def test_a_worker_that_goes_on_in_time_is_left_alone(life, monkeypatch):
    life.joins_at, life.stopped = 20, lambda now: [OTHER] if now % 5 < 4 else []
    assert life.run(monkeypatch) == (20, '')


@pytest.mark.parametrize('rank', [None, 0])
def test_a_process_of_the_shell_is_no_worker(life, monkeypatch, rank):
    """It has no rank, or that of the worker which has started it."""
    life.ranks[OTHER], life.joins_at, life.stopped = rank, 20, lambda now: [OTHER]
    assert life.run(monkeypatch) == (20, '')


def test_a_worker_that_is_gone_and_a_closed_stream_are_no_error(life, monkeypatch):
    life.stopped, life.errors = lambda now: [WORKER], {'write': BrokenPipeError(), 'kill': ProcessLookupError()}
    life.run(monkeypatch)
    assert life.killed == ENDED


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork')
def test_a_real_worker_joins_and_another_time_does_not():
    """Of the first guard nothing is left; what was printed before the second one is there."""
    code = ("import os, time\nfrom gluon_bn.parallel import guard\nguard.BEAT, guard.MISSING = 0.05, 0.1\n"
            "with guard.Guard('train'):\n    print('begun', end='')\n"
            "try:\n    os.waitpid(-1, 0)\nexcept ChildProcessError:\n    print(', joined', end='')\n"
            "with guard.Guard('train'):\n    time.sleep(60)\n")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'PYTHONUNBUFFERED': '',
                               'PMI_RANK': '0'})
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, 'begun, joined')
    assert done.stderr.startswith('train: rank 0 (process ')
    assert done.stderr.endswith('one of them has not begun, or stands still on another machine.\n')
