"""Processes that end with their parent: real ones, whose parent is killed without a chance to say anything."""
import os
import signal
import subprocess
import sys
import textwrap
import time
import types

import pytest
from processes import alive

from gluon_bn.exercises.catalog import find
from gluon_bn.support import notebooks, tether

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='these tests look at processes as POSIX has them')
LONG = 60  # seconds until a test gives up; nothing here should need more than a second or two


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A function that starts a script; it gets the folder as its argument. What it starts notes its pid there."""
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get('PYTHONPATH')])]))
    started = []

    def start(code, name='script'):
        (tmp_path / f'{name}.py').write_text(textwrap.dedent(code))
        started.append(subprocess.Popen([sys.executable, str(tmp_path / f'{name}.py'), str(tmp_path)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
    for path in tmp_path.glob('*.pid'):
        if alive(int(path.read_text())):
            os.kill(int(path.read_text()), signal.SIGKILL)


def within_time(condition):
    deadline = time.monotonic() + LONG
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def pid_in(path):
    assert within_time(lambda: path.exists() and path.read_text()), f'{path.name} never came'
    return int(path.read_text())


NOTE = '''
    import os, sys, time
    def note(name):
        with open(os.path.join(sys.argv[1], name + '.tmp'), 'w') as file:
            file.write(str(os.getpid()))
        os.rename(file.name, os.path.join(sys.argv[1], name + '.pid'))
'''
PARENT = '''
    import subprocess, sys
    from gluon_bn.support.tether import command_of
    subprocess.run(command_of('busy', sys.argv[1], with_children={group}), start_new_session={group})
'''


@pytest.mark.parametrize('group', [False, True])
def test_a_busy_process_ends_with_its_killed_parent(group, script, tmp_path):
    (tmp_path / 'busy.py').write_text(textwrap.dedent(NOTE + "    note('child')\n    while True: pass\n"))
    parent = script(PARENT.format(group=group))
    child = pid_in(tmp_path / 'child.pid')
    assert alive(child)
    parent.kill()
    assert within_time(lambda: not alive(child))


def test_with_children_what_the_process_has_started_ends_as_well(script, tmp_path):
    (tmp_path / 'sleeping.py').write_text(textwrap.dedent(NOTE + "    note('grandchild')\n    time.sleep(600)\n"))
    (tmp_path / 'busy.py').write_text(textwrap.dedent(NOTE + '''
    import subprocess
    note('child')
    subprocess.Popen([sys.executable, '-m', 'sleeping', sys.argv[1]])
    while True: pass
    '''))
    parent = script(PARENT.format(group=True))
    processes = [pid_in(tmp_path / f'{name}.pid') for name in ('child', 'grandchild')]
    parent.kill()
    assert within_time(lambda: not any(map(alive, processes)))


def test_the_watching_thread_alone_ends_it_too(script, tmp_path):
    """As on systems without prctl."""
    (tmp_path / 'busy.py').write_text(textwrap.dedent(NOTE + '''
    from gluon_bn.support.tether import end_with
    end_with(int(sys.argv[2]), at_once=False)
    note('child')
    while True: pass
    '''))
    parent = script('''
        import os, subprocess, sys
        subprocess.run([sys.executable, '-m', 'busy', sys.argv[1], str(os.getpid())])
    ''')
    child = pid_in(tmp_path / 'child.pid')
    parent.kill()
    assert within_time(lambda: not alive(child))


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='prctl is that of Linux')
def test_on_linux_it_ends_also_where_no_thread_of_python_can_run(script, tmp_path):
    """A call that holds the interpreter's lock: the kernel needs none."""
    (tmp_path / 'busy.py').write_text(textwrap.dedent(NOTE + '''
    import ctypes
    note('child')
    ctypes.PyDLL(None).sleep(600)
    '''))
    parent = script(PARENT.format(group=False))
    child = pid_in(tmp_path / 'child.pid')
    parent.kill()
    assert within_time(lambda: not alive(child))


@pytest.mark.parametrize('how', ['process', 'group'])
def test_a_parent_that_is_gone_already_is_noticed(how, tmp_path):
    """As if it had been killed while this process was starting."""
    (tmp_path / 'busy.py').write_text('while True: pass')
    gone = subprocess.Popen([sys.executable, '-c', ''])
    gone.wait()
    done = subprocess.run([sys.executable, '-m', 'gluon_bn.support.tether', how, str(gone.pid), 'busy'], timeout=LONG,
                          check=False, start_new_session=True,
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path), *sys.path])})
    assert done.returncode in (1, -signal.SIGKILL)


@pytest.mark.parametrize('group', [False, True])
@pytest.mark.parametrize(('code', 'status'), [
    ('', 0), ('import sys; sys.exit(7)', 7), ('import os; os._exit(9)', 9), ('raise KeyError', 1),
    ('import os; os.kill(os.getpid(), 9)', -9), ('import os; os.kill(os.getpid(), 15)', -15),
    ('import os; os.abort()', -6)])
def test_the_status_is_that_of_the_program(group, code, status, tmp_path):
    (tmp_path / 'program.py').write_text(code)
    done = subprocess.run(tether.command_of('program', with_children=group), timeout=LONG, check=False,
                          stderr=subprocess.DEVNULL, start_new_session=True,
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path), *sys.path])})
    assert done.returncode == status


def test_the_program_sees_its_own_arguments_and_is_the_main_module(tmp_path):
    (tmp_path / 'program.py').write_text("import sys; print(__name__, sys.argv[1:], sys.modules['__main__'].__name__)")
    done = subprocess.run(tether.command_of('program', 'a b', 3), timeout=LONG, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path), *sys.path])}, check=True)
    assert done.stdout.split('\n')[0] == "__main__ ['a b', '3'] __main__"


def test_cpu_time_is_limited_beyond_what_is_used_already():
    code = ("import resource\n"
            "from gluon_bn.support.tether import limit_cpu\n"
            "while sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) < 1: pass\n"
            "limit_cpu(1)\n"
            "while sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) < 1.5: pass\n"
            "print('still there', flush=True)\n"
            "limit_cpu(100)\n"  # a lower limit stays
            "while True: pass\n")
    done = subprocess.run([sys.executable, '-c', code], stdout=subprocess.PIPE, timeout=600, check=False)
    assert done.returncode in (-signal.SIGKILL, -signal.SIGXCPU)
    assert done.stdout == b'still there\n'


# ---- what the package starts ----


def test_an_answer_ends_with_whoever_checks_it(script, tmp_path):
    """Also one that loops, ignores every signal, and has started a process of its own."""
    head = f"import sys; sys.argv[1:] = [{str(tmp_path)!r}]\n" + textwrap.dedent(NOTE)
    (tmp_path / 'answer.py').write_text(head + textwrap.dedent('''
        import signal, subprocess
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        note('answer')
        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
        open(sys.argv[1] + '/child.pid', 'w').write(str(child.pid))
        while True: pass
    '''))
    parent = script('''
        import sys
        from gluon_bn.exercises.__main__ import main
        main(['check', 'normalize_matrix', sys.argv[1] + '/answer.py', '--time-limit', '600'])
    ''')
    processes = [pid_in(tmp_path / f'{name}.pid') for name in ('answer', 'child')]
    parent.kill()
    assert within_time(lambda: not any(map(alive, processes)))


def test_an_answers_cpu_time_is_limited(tmp_path):
    """Nobody waits for the harness here: it has its own limit."""
    exercise = find('normalize_matrix')
    (tmp_path / 'answer.py').write_text('while True: pass')
    done = subprocess.run([sys.executable, '-m', 'gluon_bn.exercises.harness', str(exercise.checks),
                           str(tmp_path / 'answer.py'), str(tmp_path / 'verdicts'), '0.1'], timeout=300, check=False)
    assert done.returncode in (-signal.SIGKILL, -signal.SIGXCPU)
    assert (tmp_path / 'verdicts').read_bytes() == b'{"ready": true}\n'


def test_a_worker_ends_in_the_middle_of_its_job(script, tmp_path):
    (tmp_path / 'slow_worker.py').write_text(textwrap.dedent(NOTE + '''
    from gluon_bn.support.parallel import serve_jobs
    def work(job):
        note('worker')
        while True: pass
    serve_jobs(work)
    '''))
    parent = script('''
        import sys
        from gluon_bn.support.parallel import run_jobs
        run_jobs('slow_worker', [sys.argv[1]], [1], print, processes=1)
    ''')
    worker = pid_in(tmp_path / 'worker.pid')
    parent.kill()
    assert within_time(lambda: not alive(worker))


@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGINT])
def test_the_process_that_tries_a_gpu_ends_too(how, script, tmp_path):
    pytest.importorskip('mxnet')
    (tmp_path / 'probe.py').write_text(textwrap.dedent(NOTE) + "sys.argv = ['', os.path.dirname(__file__)]\n"
                                       "note('probe')\ntime.sleep(600)\n")
    parent = script('''
        import subprocess
        import gluon_bn._mxnet.devices as devices
        real = subprocess.Popen
        subprocess.Popen = lambda command, **options: real(
            [*command[:2], command[2].replace('import gluon_bn._mxnet.gpu_probe as probe', 'import probe')], **options)
        devices.ask_subprocess(0)
    ''')
    probe = pid_in(tmp_path / 'probe.pid')
    os.kill(parent.pid, how)
    assert within_time(lambda: not alive(probe))


def test_a_notebooks_kernel_ends_too(script, tmp_path):
    pytest.importorskip('nbclient')
    pytest.importorskip('ipykernel')
    pytest.importorskip('jupytext')
    (tmp_path / '01_busy.py').write_text("# %% [markdown]\n# # Busy\n\n# %%\n"
                                         f"import os; folder = {str(tmp_path)!r}\n"
                                         "open(folder + '/k', 'w').write(str(os.getpid()))\n"
                                         "os.rename(folder + '/k', folder + '/kernel.pid')\nwhile True: pass\n")
    assert notebooks.read_script(tmp_path / '01_busy.py').cells
    parent = script('''
        import sys
        from gluon_bn.support.notebooks import build
        build(sys.argv[1] + '/01_busy.py', sys.argv[1] + '/out', execute=True)
    ''')
    kernel = pid_in(tmp_path / 'kernel.pid')
    parent.kill()
    assert within_time(lambda: not alive(kernel))


# ---- who is tied to whom, and how ----


def test_only_with_children_and_where_there_is_a_fork_a_process_stands_between(monkeypatch):
    assert tether.command_of('module', 1)[3:] == ['process', str(os.getpid()), 'module', '1']
    assert tether.command_of('module', with_children=True)[3:] == ['group', str(os.getpid()), 'module']
    monkeypatch.delattr(os, 'fork')
    assert tether.command_of('module', with_children=True)[3:] == ['process', str(os.getpid()), 'module']


def test_without_the_kernel_the_thread_that_started_it_may_end(script, tmp_path):
    (tmp_path / 'busy.py').write_text(textwrap.dedent(NOTE + '''
    from gluon_bn.support.tether import end_with
    end_with(int(sys.argv[2]), at_once=False)
    note('child')
    while not os.path.exists(os.path.join(sys.argv[1], 'ended')): time.sleep(0.02)
    time.sleep(0.2)
    note('lives')
    while True: time.sleep(1)
    '''))
    parent = script('''
        import os, subprocess, sys, threading, time
        start = lambda: subprocess.Popen([sys.executable, '-m', 'busy', sys.argv[1], str(os.getpid())],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
        while not os.path.exists(sys.argv[1] + '/child.pid'): time.sleep(0.02)
        open(sys.argv[1] + '/ended', 'w').close()
        time.sleep(600)
    ''')
    child = pid_in(tmp_path / 'lives.pid')
    parent.kill()
    assert within_time(lambda: not alive(child))


def test_without_a_session_of_its_own_the_process_ends_and_its_group_does_not(script, tmp_path):
    (tmp_path / 'busy.py').write_text(textwrap.dedent(NOTE + "    note('child')\n    while True: time.sleep(1)\n"))
    (tmp_path / 'other.py').write_text(textwrap.dedent(NOTE + "    note('other')\n    time.sleep(600)\n"))
    parent = script('''
        import subprocess, sys
        from gluon_bn.support.tether import command_of
        subprocess.Popen([sys.executable, '-m', 'other', sys.argv[1]], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        subprocess.run(command_of('busy', sys.argv[1], with_children=True))
    ''')
    child, other = (pid_in(tmp_path / f'{name}.pid') for name in ('child', 'other'))
    parent.kill()
    assert within_time(lambda: not alive(child))
    assert alive(other)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGPIPE, signal.SIGTERM])
def test_a_signal_that_ended_the_program_is_passed_on_in_silence(number, tmp_path):
    (tmp_path / 'program.py').write_text(f'import os, signal; signal.signal({int(number)}, signal.SIG_DFL); '
                                         f'os.kill(os.getpid(), {int(number)})')
    done = subprocess.run(tether.command_of('program', with_children=True), timeout=LONG, check=False,
                          stderr=subprocess.PIPE, start_new_session=True,
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path), *sys.path])})
    assert (done.returncode, done.stderr) == (-number, b'')


@pytest.mark.parametrize(('hard', 'expected'), [(-1, [(101, 101)]), (102, [(101, 101)]), (101, []), (50, [])])
def test_the_limit_is_what_was_used_and_so_many_seconds_more(hard, expected, monkeypatch):
    resource, asked = pytest.importorskip('resource'), []
    used = types.SimpleNamespace(ru_utime=20.5, ru_stime=30.25)
    monkeypatch.setattr(resource, 'getrusage', lambda who: used)
    monkeypatch.setattr(resource, 'getrlimit', lambda which: (hard, resource.RLIM_INFINITY if hard < 0 else hard))
    monkeypatch.setattr(resource, 'setrlimit', lambda which, limits: asked.append((which, limits)))
    tether.limit_cpu(50)
    assert asked == [(resource.RLIMIT_CPU, limits) for limits in expected]
