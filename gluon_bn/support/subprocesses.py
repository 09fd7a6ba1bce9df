"""Processes of this Python beside this one: an environment in which they find the package, and what they answer."""
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent


def environment(**variables):
    """This process's environment with other ``variables``, and with this package among the places of modules."""
    return {**os.environ, **variables,
            'PYTHONPATH': os.pathsep.join(filter(None, [str(_ROOT), os.environ.get('PYTHONPATH')]))}


def ask(command, seconds, env=None):
    """``(answer, status)`` of a process that prints objects of JSON, a line each: all of them in one dictionary.

    ``status`` is None if it did not end within ``seconds`` and was killed, with its group. What else it prints goes
    nowhere. It has a session of its own: Ctrl-C ends it through this process alone.

    >>> import sys
    >>> ask([sys.executable, '-c', "print('a word')\\nprint('{\\"a\\": 1}')"], 60)
    ({'a': 1}, 0)
    """
    answer, status = {}, None
    with tempfile.TemporaryFile('w+', encoding='utf-8') as out:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if process.poll() is None:
                _kill(process)
        out.seek(0)
        for line in out:
            if line.startswith('{'):
                answer.update(json.loads(line))
    return answer, status


def _kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.returncode = -9  # it hangs inside a driver and cannot even be killed: leave it behind
