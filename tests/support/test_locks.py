"""Locks between processes: one at a time, freed by a kill, on systems with fcntl, with msvcrt, or with neither."""
import subprocess
import sys
import threading
import types

import pytest

from gluon_bn.support import locks
from gluon_bn.support.locks import lock, locked_alone


def test_processes_are_in_the_block_one_at_a_time(tmp_path):
    """Each reads a number and writes it back one higher, with time in between for another to get in its way."""
    (tmp_path / 'number').write_text('0', encoding='ascii')
    count = ("import sys, time\nfrom pathlib import Path\nfrom gluon_bn.support.locks import locked_alone\n"
             "folder = Path(sys.argv[1])\n"
             "print('ready', flush=True)\nsys.stdin.readline()\n"
             "for _ in range(20):\n"
             "    with locked_alone(folder / 'lock'):\n"
             "        number = int((folder / 'number').read_text())\n        time.sleep(0.001)\n"
             "        (folder / 'number').write_text(str(number + 1))\n")
    processes = [subprocess.Popen([sys.executable, '-c', count, str(tmp_path)], text=True, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) for _ in range(4)]
    for process in processes:  # on a busy machine the first would be through before the last begins
        assert process.stdout.readline() == 'ready\n'
    for process in processes:
        process.stdin.write('go\n')
        process.stdin.close()
        process.stdout.close()
    assert [process.wait(120) for process in processes] == [0] * 4
    assert (tmp_path / 'number').read_text(encoding='ascii') == '80'
    assert not (tmp_path / 'lock').exists()


def test_an_exception_and_a_kill_free_it(tmp_path):
    with pytest.raises(ZeroDivisionError), locked_alone(tmp_path / 'lock'):
        _ = 1 / 0
    hold = ("import sys, time\nfrom gluon_bn.support.locks import locked_alone\n"
            "with locked_alone(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(100)")
    process = subprocess.Popen([sys.executable, '-c', hold, str(tmp_path / 'lock')], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'held\n'
    process.kill()
    process.communicate()
    with locked_alone(tmp_path / 'lock'):
        pass
    assert not (tmp_path / 'lock').exists()


@pytest.fixture
def windows(monkeypatch):
    """``msvcrt`` as Windows has it: the lock is of a file's byte, and refused with a PermissionError."""
    held = {}

    def locking(descriptor, mode, count):
        assert (mode, count) == (2, 1)
        name = locks.os.fstat(descriptor).st_ino
        if held.get(name, descriptor) != descriptor:
            raise PermissionError(13, 'Permission denied')
        held[name] = descriptor
    monkeypatch.setattr(locks, 'fcntl', None)
    monkeypatch.setattr(locks, 'msvcrt', types.SimpleNamespace(locking=locking, LK_NBLCK=2))
    return held


def test_windows_refuses_at_once_or_waits(tmp_path, windows):
    with open(tmp_path / 'lock', 'w', encoding='ascii') as one, open(tmp_path / 'lock', 'w', encoding='ascii') as two:
        lock(one, wait=False)
        with pytest.raises(BlockingIOError):
            lock(two, wait=False)
        timer = threading.Timer(0.3, windows.clear)
        timer.start()
        lock(two, wait=True)
        assert list(windows.values()) == [two.fileno()]
        timer.join()


def test_waiting_on_windows_leaves_the_processor_to_others(tmp_path, monkeypatch):
    events = []

    def locking(*_):
        assert events[-1:] != ['try']
        events.append('try')
        if events.count('try') < 3:
            raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(locks, 'fcntl', None)
    monkeypatch.setattr(locks, 'msvcrt', types.SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(locks.time, 'sleep', lambda seconds: events.append('pause'))
    with open(tmp_path / 'lock', 'w', encoding='ascii') as file:
        lock(file, wait=True)
    assert events == ['try', 'pause', 'try', 'pause', 'try']


def test_a_system_without_locks_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, 'fcntl', None)
    with locked_alone(tmp_path / 'lock'):
        pass
    assert not (tmp_path / 'lock').exists()


def test_windows_locks_the_first_byte_wherever_the_file_is_read(tmp_path, monkeypatch):
    asked = []

    def locking(descriptor, mode, count):
        asked.append((locks.os.lseek(descriptor, 0, locks.os.SEEK_CUR), mode, count))

    monkeypatch.setattr(locks, 'fcntl', None)
    monkeypatch.setattr(locks, 'msvcrt', types.SimpleNamespace(locking=locking, LK_NBLCK=2))
    (tmp_path / 'lock').write_bytes(b'content')
    with open(tmp_path / 'lock', 'r+b', buffering=0) as file:
        file.read(3)
        lock(file, wait=False)
    assert asked == [(0, 2, 1)]
