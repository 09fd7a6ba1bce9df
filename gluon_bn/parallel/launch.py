"""Launching workers on this machine, and staying with them: :func:`launch`.

``mpiexec`` starts them; this process watches over them (:mod:`.watch`), shows what rank 0 reports, and when one of them
fails it ends them all and says which and why. If this process ends, whatever ends it, they end as well.
"""
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..support.command_line import complain
from ..support.extras import import_extra
from ..support.invocation import install_command
from ..support.processes import all_stopped, environment_of
from ..support.progress import progress
from ..support.tether import command_of
from .mpi import rank_of
from .watch import WITHOUT_A_WORD, Watch
from .worker import LOST, WATCH, sentence_of

MEMORY = '/dev/shm'  # a folder that is kept in memory, where the system has one
SAVING = 8  # seconds that workers have, after Ctrl-C, to save and to end
ENDING = 20  # seconds that all of them have to end when the first one has
ON_THE_WAY = 0.2  # seconds until what workers have said before one of them was lost has come, also on a busy machine

# Open MPI starts no worker as root, none beyond the number of cores, and binds each to a core, unless it is told so. It
# is told by its environment, which other MPIs do not read.
ENVIRONMENT = {
    'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1',
    'PRTE_MCA_rmaps_default_mapping_policy': ':oversubscribe', 'OMPI_MCA_rmaps_base_oversubscribe': '1',
    'PRTE_MCA_hwloc_default_binding_policy': 'none', 'OMPI_MCA_hwloc_base_binding_policy': 'none',
    'UCX_LOG_LEVEL': 'fatal',  # a library below MPI prints of what this machine does not have, and goes on without it
}
# Variables of a job that this process is a part of, of a cluster or of MPI: mpiexec would start workers where that job
# has its machines, and they would take themselves for its processes.
OTHER_JOBS = ('SLURM_', 'PBS_', 'LSB_', 'PE_HOSTFILE', 'PMI_', 'PMI2_', 'PMIX_', 'OMPI_COMM_WORLD_', 'HYDI_')


def files_in(folder):
    """The variables by which Open MPI keeps the files of a job in ``folder``, for this job alone.

    These are memory that its processes share, which stays when they are killed, and notes on the job: of jobs that
    begin at once and share the place of these notes, now and then one does not start.
    """
    return {'OMPI_MCA_btl_sm_backing_directory': folder, 'PRTE_MCA_prte_tmpdir_base': folder,
            'OMPI_MCA_orte_tmpdir_base': folder}


def mpiexec():
    """The path of ``mpiexec``: that of this environment, else the first in PATH; ``ImportError`` naming the extra."""
    if importlib.util.find_spec('mpi4py') is None:
        import_extra('mpi4py', 'mpi')
    folders = [sysconfig.get_path('scripts'), *os.environ.get('PATH', '').split(os.pathsep)]
    found = shutil.which('mpiexec', path=os.pathsep.join(folders))
    if found is None:
        raise ImportError(f"there is no mpiexec; get one with: {install_command('mpi')}")
    return found


def launch(name, arguments, workers, report=print, interrupted="interrupted", after_failure='', threads=None):
    """Run ``python arguments...`` in so many workers, and wait for them; returns the exit status.

    Parameters
    ----------
    name : the program in messages
    arguments : list of str; the program calls :func:`.worker.as_worker`
    workers : int
    report : called with each line that rank 0 reports
    interrupted, after_failure : the line for Ctrl-C, and what is said behind the reason when a worker, or mpiexec, was
        lost or has failed; or functions that give them
    threads : int, ``OMP_NUM_THREADS`` of each worker; None leaves it to them, see :func:`.worker.set_threads`

    The status is that of the workers, 1 if one of them was lost, 130 after Ctrl-C. ``ImportError`` if there is no MPI.
    """
    program = mpiexec()
    with ExitStack() as stack:
        watch = Watch(range(workers), stopped=lambda: _stopped(watch.token))
        stack.callback(watch.close)
        said = stack.enter_context(tempfile.TemporaryFile())
        shared = stack.enter_context(_folder_in_memory())
        environment = _environment(
            {'port': watch.port, 'token': watch.token, 'workers': workers, 'mpiexec': program, 'pid': os.getpid()},
            threads)
        environment = {**files_in(shared), **environment}
        process = subprocess.Popen(
            command_of('gluon_bn.parallel.become', program, '-n', workers, sys.executable, *arguments),
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, env=environment, start_new_session=True)
        stack.callback(_end, process, watch)
        job = _Job(process, watch, report)
        stack.callback(job.close)
        status, sentence = job.run()
        if job.closed_without_a_word:
            _ended(process, 1)  # mpiexec may say why, if it is not this process that ends it
            why = _killed(watch, _text(said)).get(job.failure['rank'])
            sentence = sentence.replace(WITHOUT_A_WORD, why) if why else sentence
        elif status and not sentence:
            for rank, why in _killed(watch, _text(said)).items():  # when all had come to their end
                status, sentence = LOST, f"{watch.describe(rank)} {why}."
            sentence = sentence or f"mpiexec ended with status {status}: {_gist(_text(said))}"
    if status == 130:
        sentence = _said(interrupted)
    elif status and not job.ended_by_all:
        sentence = ' '.join(filter(None, (sentence, _said(after_failure))))
    return complain(name, sentence, status) if status else 0


@contextmanager
def _folder_in_memory():
    """A temporary folder in memory; on disk where a machine has no such place, or lets this user write none there.

    A process of its own removes it when this one closes its input, as it does at the end, whatever ends it.
    """
    try:
        folder = tempfile.mkdtemp(prefix='gluon_bn-', dir=MEMORY)
    except OSError:
        folder = tempfile.mkdtemp(prefix='gluon_bn-')
    with subprocess.Popen(['/bin/sh', '-c', 'cat; rm -rf "$1"', 'sh', folder], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True):
        yield folder


def _said(words):
    return words() if callable(words) else words


class _Job:
    """The workers that run, as their launcher hears of them."""

    def __init__(self, process, watch, report):
        self.process, self.watch, self.report = process, watch, report
        self.failure, self.ends = {}, {}
        self._show, self._progress = None, ExitStack()
        self._until, self._interrupted = float('inf'), False

    def run(self):
        """Hear the workers to their end; returns the status, and the sentence that says why it is not 0."""
        while not self.failure and time.monotonic() < self._until:
            try:
                over = self.process.poll() is not None
                for rank, message in self.watch.look(0 if over else 0.2):
                    self._hear(rank, message)
                if over:
                    break
            except KeyboardInterrupt:
                if self._interrupted:
                    return 130, ''
                self._interrupt()
        if self.failure:
            self._hear_what_was_said_before()
            return self.failure.get('end', LOST), self.failure['sentence']
        if self._interrupted:
            return 130, ''
        for message in (self.ends[rank] for rank in sorted(self.ends)):  # rank 0's words, if it has said any
            if message['end']:
                return message['end'], message['reason']
        status = self.process.poll()
        if status is None:
            return LOST, "the workers did not end."
        return (status, '') if status >= 0 else (LOST, f"mpiexec was ended by {_signal(-status)}.")

    @property
    def ended_by_all(self):
        """Whether all workers have ended for a reason that they know."""
        return not self.failure and any(message['end'] for message in self.ends.values())

    @property
    def closed_without_a_word(self):
        """Whether the reason why a worker was lost is not known."""
        return WITHOUT_A_WORD in self.failure.get('lost', '')

    def close(self):
        """The progress bar, if there is one, ends here."""
        self._progress.close()

    def _hear_what_was_said_before(self):
        until = time.monotonic() + ON_THE_WAY
        while time.monotonic() < until:
            for rank, message in self.watch.look(ON_THE_WAY):
                self._hear(rank, message)

    def _interrupt(self):
        self._interrupted, self._until = True, time.monotonic() + SAVING
        for rank in list(self.watch.workers):
            self.watch.say(rank, interrupt=True)

    def _hear(self, rank, message):
        if 'report' in message:
            self.report(message['report'])
        elif 'progress' in message:
            self._progress.close()
            if message['progress']:
                self._show = self._progress.enter_context(progress(*message['progress']))
        elif 'show' in message:
            self._show(*message['show'])
        elif 'lost' in message or not message.get('everywhere', True):
            if not self.failure:
                self.failure = {**message, 'rank': rank, 'sentence': self.watch.describe(rank) + sentence_of(message)}
        elif 'end' in message:
            self.ends[rank] = message
            self._until = min(self._until, time.monotonic() + ENDING)


def _environment(watch, threads):
    root = str(Path(__file__).resolve().parent.parent.parent)
    own = {name: value for name, value in os.environ.items() if not name.startswith(OTHER_JOBS)}
    environment = {**own, **ENVIRONMENT, WATCH: json.dumps(watch),
                   'PYTHONPATH': os.pathsep.join(filter(None, [root, os.environ.get('PYTHONPATH')]))}
    # What it is now, MXNet may have set, for this process.
    given = str(threads) if threads else (environment_of('self') or os.environ).get('OMP_NUM_THREADS')
    environment.pop('OMP_NUM_THREADS', None)
    return {**environment, **({'OMP_NUM_THREADS': given} if given else {})}


def _stopped(token):
    """The ranks of the stopped processes that have got this ``token``."""
    environments = map(environment_of, all_stopped())
    return {rank_of(environment) for environment in environments if token in environment.get(WATCH, '')}


def _end(process, watch):
    """Let no worker, and no mpiexec, go on."""
    if not _ended(process, 0):
        _kill_all(watch)
        if not _ended(process, 1):
            process.terminate()
            if not _ended(process, 1):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    _kill_all(watch)


def _kill_all(watch):
    for worker in watch.workers.values():
        try:
            if not worker.closed:
                os.kill(worker.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _ended(process, seconds):
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        return False


def _text(file):
    file.seek(0)
    return file.read().decode(errors='replace')


def _killed(watch, said):
    """What has ended workers, in words, by their rank: Open MPI tells; MPICH may name another process."""
    ranks = {worker.pid: rank for rank, worker in watch.workers.items()}
    found = re.findall(r'PID (\d+) on node \S+\s+exited on\s+signal (\d+)', said)
    return {ranks[int(pid)]: f"was ended by {_signal(int(number))}" for pid, number in found if int(pid) in ranks}


def _signal(number):
    names = {int(known): known.name for known in signal.Signals}
    return f"signal {number} ({names.get(number, 'unknown')})"


def _gist(said):
    """The first lines of mpiexec's own words, without its rules and boxes."""
    lines = [line.strip(' =-*\0') for line in said.splitlines()]
    return ' '.join(' '.join(line for line in lines if line)[:300].split()) or "it said nothing."
