"""A process for each answer, so that the caller goes on whatever the answer does: :func:`check_file`."""
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import namedtuple
from contextlib import ExitStack
from pathlib import Path

from ..support.reading import json_of, regular_file, up_to
from ..support.subprocesses import environment
from ..support.tether import command_of
from .notebooks import LONGEST_ANSWER, NotAnAnswer, script_of

TIME_LIMIT = 20          # seconds for the learner's code
START_LIMIT = 120        # seconds until Python and MXNet are loaded, on a busy machine
KEPT_OUTPUT = 2000       # bytes of what the answer prints
DRAIN_LIMIT = 2          # seconds for what is still in the pipe when the process has ended
MOST_RESULTS = 1_000_000  # bytes of verdicts; a few thousand are usual

Line = namedtuple('Line', 'requirement passed message hint hint_key')
Line.__doc__ = "One requirement: in words, whether it passed, and if not what is wrong and a hint."


_WORDS = ('message', 'hint', 'hint_key')  # of a verdict, as the harness writes it

# What a requirement is that nobody could judge; any other one that did not pass is wrong.
_STATES = {'not-written': 'not yet', 'not-checked': 'not judged', 'no-mxnet': 'not judged'}


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

    def __str__(self):
        """Each requirement with its state, and with what is wrong and a hint; what repeats is said once."""
        text, said = [], set()
        for line in self.lines:
            text.append(f"  {_STATES.get(line.hint_key, 'WRONG') if not line.passed else 'passed':10}  "
                        f"{line.requirement}")
            for prefix, remark in (('', line.message), ('Hint: ', line.hint)):
                if remark and remark not in said:
                    text.append(f"{'':14}{prefix}{remark}")
                    said.add(remark)
                elif remark and prefix and line.hint_key not in _STATES:
                    text.append(f"{'':14}{prefix}the same as above. Correct that one first, then check again.")
        return '\n'.join([*text, f"{self.passed} of {len(self.lines)} requirements passed."])


def check_file(exercise, path, time_limit=TIME_LIMIT):
    """The :class:`Verdict` on the learner's file ``path``, a script or a notebook.

    A copy of it runs in an empty temporary folder, without input, for at most ``time_limit`` seconds, and where the
    system has such limits with at most 4 GiB of memory, files of at most 10 MiB, and so much CPU time as all cores have
    in ``time_limit``; of what it prints the beginning is kept. Then it and the processes of its group are killed, as
    they are when this process is. That protects against mistakes, not against malice: run
    what you do not trust in a container.
    """
    try:
        script = _script(path)
    except NotAnAnswer as error:
        return verdict_of(exercise, [{'check': None, 'passed': False, 'message': str(error), 'hint_key': 'exception'}])
    with ExitStack() as stack:
        folder, verdicts = _temporary_folder(stack), os.path.join(_temporary_folder(stack), 'verdicts')
        answer = os.path.join(folder, f'{exercise.name}.py')
        Path(answer).write_bytes(script)
        told, output, ending = _run(exercise.checks, answer, verdicts, folder, time_limit)
    return Verdict(_lines(exercise, told, ending), output.kept.decode('utf-8', 'replace'), output.printed)


def _script(path):
    """The bytes of the script that the file ``path``, a script or a notebook, holds; else ``NotAnAnswer``."""
    if str(path).endswith('.ipynb'):
        return script_of(path).encode(errors='replace')  # halves of characters are in no file
    with regular_file(path, NotAnAnswer) as file:
        script = up_to(file, LONGEST_ANSWER + 1)
    if len(script) > LONGEST_ANSWER:
        raise NotAnAnswer(f"{path} has more than {LONGEST_ANSWER:,} bytes; expected a script.")
    return script


def _temporary_folder(stack):
    folder = tempfile.mkdtemp(prefix='gluon_bn_exercise_')
    stack.callback(shutil.rmtree, folder, ignore_errors=True)  # Windows keeps what a process still has open
    return folder


def _run(checks, answer, verdicts, folder, time_limit):
    """``(verdicts, output, how it ended)`` of the harness; the ending is None if it came to its end."""
    # Without native operators: to build them, once on a machine, takes longer than an answer has.
    variables = {'OMP_NUM_THREADS': '1', **environment(
        GLUON_BN_NATIVE='0', PYTHONDONTWRITEBYTECODE='1', PYTHONIOENCODING='utf-8')}
    process = subprocess.Popen(
        command_of('gluon_bn.exercises.harness', checks, answer, verdicts, time_limit, with_children=True),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, env=variables,
        start_new_session=True)
    output = _Output(process.stdout)
    try:
        timed_out = _wait(process, verdicts, time_limit)
    finally:
        _kill_with_children(process)
        output.end()
    told = _told(verdicts)
    if timed_out:
        ending = f"it was still running after {time_limit:g} seconds and was stopped"
    elif told and told[-1].get('done'):
        ending = None
    elif process.returncode < 0:
        ending = f"it was ended by signal {-process.returncode}{_name_of_signal(-process.returncode)}"
    else:
        ending = f"it ended the program with status {process.returncode} before the checks were through"
    return told, output, ending


def _name_of_signal(number):
    names = [f' ({known.name})' for known in signal.Signals if known == number]
    return names[0] if names else ''  # some have a number alone


def _wait(process, verdicts, time_limit):
    """Wait until the process ends; True if it has been given up, at the end of its time."""
    deadline, ready = time.monotonic() + START_LIMIT, False
    while True:
        try:
            process.wait(0.05)
            return False
        except subprocess.TimeoutExpired:
            told = os.path.getsize(verdicts) if os.path.exists(verdicts) else 0
        if told and not ready:
            deadline, ready = time.monotonic() + time_limit, True
        if time.monotonic() > deadline or told > MOST_RESULTS:
            return True


def _told(path):
    """The verdicts in the file ``path``, up to the first line that is none: the answer can write there, too."""
    told = []
    try:
        with open(path, 'rb') as file:
            lines = file.read(MOST_RESULTS).split(b'\n')[:-1]
    except FileNotFoundError:
        return told
    for line in lines:
        try:
            verdict = json_of(line)
        except ValueError:
            break
        if not _is_verdict(verdict):
            break
        told.append(verdict)
    return told


def _is_verdict(told):
    if not isinstance(told, dict) or not all(isinstance(told.get(key, ''), str) for key in _WORDS):
        return False
    return 'check' not in told or (isinstance(told['check'], (str, type(None)))
                                   and isinstance(told.get('passed'), bool))


class _Output(threading.Thread):
    """What a process prints, read as it comes: the beginning is kept. A thread, since pipes differ between systems."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.kept, self.printed = b'', 0
        self._pipe, self._ended = pipe, False
        self.start()

    def run(self):
        with self._pipe:
            for data in iter(lambda: os.read(self._pipe.fileno(), 65536), b''):
                if self._ended:
                    return
                self.printed += len(data)
                self.kept = (self.kept + data[:KEPT_OUTPUT])[:KEPT_OUTPUT]

    def end(self):
        """Stop reading, at the latest after ``DRAIN_LIMIT``: a process that got away may hold the pipe open for ever.
        """
        self.join(DRAIN_LIMIT)
        self._ended = True


def _kill_with_children(process):
    """Kill what the process has started with it: its group, or on Windows its tree."""
    try:
        if hasattr(os, 'killpg'):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            if process.poll() is None and shutil.which('taskkill'):
                subprocess.run(['taskkill', '/F', '/T', '/PID', str(process.pid)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            process.kill()
    except OSError:
        pass  # nothing is left of it
    process.wait()


def verdict_of(exercise, told, only=None):
    """The :class:`Verdict` of what the harness told in this process, of all requirements or the one called ``only``."""
    return Verdict(_lines(exercise, told, None, only), '', 0)


def _lines(exercise, told, ending, only=None):
    """One :class:`Line` for each requirement, those included that the checks did not come to."""
    verdicts = {verdict['check']: verdict for verdict in told if 'check' in verdict}
    unimported = verdicts.get(None)
    lines, stopped_here = [], ending
    for check, requirement in exercise.requirements().items():
        if only not in (None, check):
            continue
        verdict = verdicts.get(check) or unimported
        if verdict is not None:
            lines.append(Line(requirement, verdict['passed'], verdict.get('message', ''), verdict.get('hint', ''),
                              verdict.get('hint_key', '')))
            if verdict is unimported and unimported.get('hint_key') != 'no-mxnet':
                unimported = None  # said once; the rest was not judged
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
