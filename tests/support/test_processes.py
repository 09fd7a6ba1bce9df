"""What the kernel says about a process, and nothing where it says nothing."""
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from gluon_bn.support.processes import all_stopped, environment_of, is_stopped, parent_of, siblings_of

NOBODY = 2 ** 22 + 1  # no process of Linux has a greater number


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='there is no /proc')
def test_a_child_its_parent_and_its_environment():
    with subprocess.Popen(['sleep', '600'], env={'PATH': os.environ['PATH'], 'WHO': 'A=B ü'}) as one, \
            subprocess.Popen(['sleep', '600']) as other:
        try:
            assert parent_of(one.pid) == os.getpid()
            assert {one.pid, other.pid} <= set(siblings_of(one.pid))
            assert os.getpid() not in siblings_of(one.pid)
            assert environment_of(one.pid)['WHO'] == 'A=B ü'
            assert not is_stopped(one.pid)
            one.send_signal(signal.SIGSTOP)
            while not is_stopped(one.pid):
                time.sleep(0.01)
            assert {one.pid, other.pid, os.getpid()} & set(all_stopped()) == {one.pid}
        finally:
            one.kill()
            other.kill()


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='there is no /proc')
def test_a_stopped_process_is_known_whatever_its_name(tmp_path):
    """The kernel keeps 15 bytes of a name, and here cuts a letter in two."""
    program = tmp_path / ') R 7 ((üüüü'
    program.symlink_to(shutil.which('sleep'))
    with subprocess.Popen(['sleep', '600'], executable=program) as process:
        try:
            assert (parent_of(process.pid), is_stopped(process.pid)) == (os.getpid(), False)
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)  # until it is stopped
            assert (parent_of(process.pid), is_stopped(process.pid)) == (os.getpid(), True)
        finally:
            process.kill()


def test_nothing_is_known_of_what_is_not_there():
    assert (is_stopped(NOBODY), parent_of(NOBODY), environment_of(NOBODY), siblings_of(NOBODY)) == (False, None, {}, [])
