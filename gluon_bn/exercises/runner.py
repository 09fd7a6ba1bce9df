"""Check an answer in a process of its own, which cannot take the caller along: :func:`check_file`."""
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from contextlib import ExitStack
from pathlib import Path

TIME_LIMIT = 20          # seconds for the learner's code
START_LIMIT = 120        # seconds until Python and MXNet are loaded, on a busy machine
KEPT_OUTPUT = 2000       # bytes of what the answer prints
MOST_RESULTS = 1_000_000  # bytes of verdicts; a few thousand are usual

Line = namedtuple('Line', 'requirement passed message hint hint_key')
Line.__doc__ = "One requirement: in words, whether it passed, and if not what is wrong and a hint."


class Verdict(namedtuple('Verdict', 'lines output printed')):
    """What the checks found.

    ``lines`` has one :class:`Line` a requirement, ``output`` the beginning of what the answer printed, and ``printed``
    how many bytes that was in all.
    """

    @property
    def passed(self):
        """How many requirements passed."""
        return sum(line.passed for line in self.lines)

    @property
    def complete(self):
        """Whether all of them did."""
        return bool(self.lines) and self.passed == len(self.lines)


def check_file(exercise, path, time_limit=TIME_LIMIT):
    """The :class:`Verdict` on the learner's file ``path``.

    A copy of it runs in an empty temporary folder, without input, for at most ``time_limit`` seconds, with at most
    4 GiB of memory and files of at most 10 MiB; of what it prints the beginning is kept. Then it and the processes of
    its group are killed. That protects against mistakes, not against malice: run what you do not trust in a
    container.
    """
    with tempfile.TemporaryDirectory(prefix='gluon_bn_exercise_') as folder:
        answer = shutil.copyfile(str(path), os.path.join(folder, f'{exercise.name}.py'))
        told, output, printed, ending = _run(exercise.checks, answer, folder, time_limit)
    return Verdict(_lines(exercise, told, ending), output, printed)


def _run(checks, answer, folder, time_limit):
    """``(verdicts, output, bytes printed, how it ended)`` of the harness; the ending is None if it came to its end."""
    root = str(Path(__file__).resolve().parent.parent.parent)
    paths = [root, *filter(None, [os.environ.get('PYTHONPATH')])]
    environment = {'OMP_NUM_THREADS': '1', **os.environ, 'PYTHONPATH': os.pathsep.join(paths),
                   'PYTHONDONTWRITEBYTECODE': '1'}
    with ExitStack() as stack:
        read_end, write_end = os.pipe()
        stack.callback(os.close, read_end)
        try:
            process = subprocess.Popen(
                [sys.executable, '-m', 'gluon_bn.exercises.harness', str(checks), str(answer), str(write_end)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=(write_end,),
                cwd=folder, env=environment, start_new_session=True)
        finally:
            os.close(write_end)
        stack.enter_context(process.stdout)
        stack.callback(_kill_group, process)
        collected = _Collected(process.stdout.fileno(), read_end)
        timed_out = collected.until_the_end(process, time_limit)
    told = collected.told()
    if timed_out:
        ending = f"it was still running after {time_limit:g} seconds and was stopped"
    elif told and told[-1].get('done'):
        ending = None
    elif process.returncode < 0:
        ending = f"it was ended by signal {-process.returncode} ({signal.Signals(-process.returncode).name})"
    else:
        ending = f"it ended the program with status {process.returncode} before the checks were through"
    return told, collected.kept.decode('utf-8', 'replace'), collected.printed, ending


class _Collected:
    """What comes out of a process, read as it comes: the beginning of its output, and its verdicts."""

    def __init__(self, output, results):
        self.kept, self.printed, self.results = b'', 0, b''
        self._takes = {output: self._take_output, results: self._take_results}
        self._selector = selectors.DefaultSelector()
        for descriptor in self._takes:
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)

    def until_the_end(self, process, time_limit):
        """Read until the process ends; True if it has been given up, at the end of its time."""
        deadline, ready = time.monotonic() + START_LIMIT, False
        with self._selector:
            while process.poll() is None:
                if not ready and b'\n' in self.results:
                    deadline, ready = time.monotonic() + time_limit, True
                if time.monotonic() > deadline or len(self.results) > MOST_RESULTS:
                    return True
                self._read(0.05)
            for _ in range(64):  # what is still in the pipes, and no more: a grandchild may hold them open for ever
                self._read(0)
        return False

    def _read(self, timeout):
        if not self._selector.get_map():
            time.sleep(timeout)
        for key, _ in self._selector.select(timeout):
            data = os.read(key.fd, 65536)
            if data:
                self._takes[key.fd](data)
            else:
                self._selector.unregister(key.fd)

    def _take_output(self, data):
        self.printed += len(data)
        self.kept = (self.kept + data[:KEPT_OUTPUT])[:KEPT_OUTPUT]

    def _take_results(self, data):
        self.results += data

    def told(self):
        """The whole lines among the results."""
        return [json.loads(line) for line in self.results.split(b'\n')[:-1]]


def _kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _lines(exercise, told, ending):
    """One :class:`Line` for each requirement, those included that the checks did not come to."""
    verdicts = {verdict['check']: verdict for verdict in told if 'check' in verdict}
    unimported = verdicts.get(None)
    lines, stopped_here = [], ending
    for check, requirement in exercise.requirements().items():
        verdict = verdicts.get(check) or unimported
        if verdict is not None:
            lines.append(Line(requirement, verdict['passed'], verdict.get('message', ''), verdict.get('hint', ''),
                              verdict.get('hint_key', '')))
        elif stopped_here:
            key, hint = _HINTS_OF_ENDINGS['time' if 'seconds' in stopped_here else 'ended']
            lines.append(Line(requirement, False, f"your file did not come to an end: {stopped_here}.", hint, key))
            stopped_here = None
        else:
            lines.append(Line(requirement, False, "not checked, because of the one before.", '', 'not-checked'))
    return lines


_HINTS_OF_ENDINGS = {
    'time': ('time', "Is there a loop that never ends, or one over single values where an array operation would do?"),
    'ended': ('ended',
              "Leave out os._exit() and the like. If there is none, a native library crashed: what did you pass it?"),
}
