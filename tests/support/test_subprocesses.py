"""A process that is asked answers, crashes, hangs, or starts others that hang; it is ended in any case."""
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import gluon_bn
from gluon_bn.support.subprocesses import ask, environment

FOLDER = str(Path(gluon_bn.__file__).parents[1])


@pytest.mark.parametrize(('before', 'after'), [(None, FOLDER), ('', FOLDER), ('/a', f'{FOLDER}{os.pathsep}/a')])
def test_a_python_in_the_environment_finds_the_package_and_what_it_found_before(monkeypatch, before, after):
    monkeypatch.delenv('PYTHONPATH', raising=False)
    if before is not None:
        monkeypatch.setenv('PYTHONPATH', before)
    found = environment(GLUON_BN_SOMETHING='1')
    assert found['PYTHONPATH'] == after
    assert found['GLUON_BN_SOMETHING'] == '1'
    assert found['PATH'] == os.environ['PATH']


@pytest.mark.parametrize(('code', 'answer', 'status'), [
    ("print('{\"a\": 1, \"b\": 2}\\nnoise\\n{\"b\": 3}')", {'a': 1, 'b': 3}, 0),
    ("print('{\"a\": 1}', flush=True); import os; os.abort()", {'a': 1}, -6),
    ("raise SystemExit(7)", {}, 7)])
def test_what_it_says_and_how_it_ended(code, answer, status):
    assert ask([sys.executable, '-c', code], 60) == (answer, status)


def test_one_that_hangs_is_ended_with_what_it_has_started(tmp_path):
    note = tmp_path / 'pid'
    code = ("import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; "
            f"time.sleep(600)']); open({str(note)!r}, 'w').write(str(child.pid)); print('{{\"a\": 1}}', flush=True); "
            "time.sleep(600)")
    seconds = 1
    while not note.exists():  # on a busy machine it takes a while to begin
        answer, status = ask([sys.executable, '-c', code], seconds)
        assert status is None
        seconds *= 2
    assert answer in ({}, {'a': 1})
    deadline = time.monotonic() + 60
    while _runs(int(note.read_text() or 0)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ctrl_c_ends_it_through_this_process(monkeypatch):
    started, real = [], subprocess.Popen
    monkeypatch.setattr(subprocess, 'Popen', lambda *words, **options: started.append(real(*words, **options))
                        or started[-1])

    def interrupted(self, timeout=None):
        monkeypatch.setattr(real, 'wait', wait)
        raise KeyboardInterrupt

    wait = real.wait
    monkeypatch.setattr(real, 'wait', interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask([sys.executable, '-c', 'import time; time.sleep(600)'], 60)
    assert started[0].returncode == -9


def _runs(pid):
    return pid and psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
