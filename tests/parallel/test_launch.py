"""Jobs of several workers: how they end, whatever happens to one of them, and what the user reads then."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from processes import alive

from gluon_bn.parallel import launch as launching
from gluon_bn.parallel import watch as watching
from gluon_bn.parallel.launch import launch, mpiexec
from gluon_bn.support.threads import physical_cores

ONE_RANK = [2, pytest.param(0, marks=pytest.mark.slow)]  # rank 0 has more to do than the others
FOREVER = '''
    while True:
        group.sum('x', np.ones(3))
        time.sleep(0.01)
'''


def assert_nobody_is_left(text):
    """The processes that the job has reported end, in the end."""
    pids = json.loads(re.search(r'pids (\[.*?\])', text).group(1))
    deadline = time.monotonic() + 60
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, [pid for pid in pids if alive(pid)]
        time.sleep(0.05)
    return pids


def test_the_workers_compute_together_and_rank_0_reports(launched):
    status, reported, err = launched(3, '''
        total = group.sum('x', np.full(20000, rank + 1., np.float32))
        everybody = group.gather('rank', np.array(rank)).tolist()
        worker.report(f'{total.min()} {total.max()} {everybody}')
        with worker.progress('Epoch 0', 0, 20) as show:
            for batch in range(1, 21):
                show(batch, 0.5)
        print('only for its file')
    ''')
    assert (status, reported[1:]) == (0, ['6.0 6.0 [0, 1, 2]']), err
    assert err.splitlines() == [f'Epoch 0: batch {batch} of 20, loss (moving average) 0.5000'
                                for batch in range(2, 21, 2)]
    assert_nobody_is_left(reported[0])


def test_each_worker_has_its_share_of_the_cores_unless_the_user_says_otherwise(launched, monkeypatch):
    show = "worker.report(os.environ['OMP_NUM_THREADS'])"
    monkeypatch.setattr(launching, 'environment_of', lambda pid: {'PATH': ''})
    monkeypatch.setenv('OMP_NUM_THREADS', '77')  # as MXNet sets it in this process
    assert launched(2, show)[1][1:] == [str(max(1, physical_cores() // 2))]
    monkeypatch.setattr(launching, 'environment_of', lambda pid: {'OMP_NUM_THREADS': '5'})
    assert launched(2, show)[1][1:] == ['5']


def test_the_output_of_each_worker_is_in_a_file_of_its_own(launched, tmp_path):
    status, _, err = launched(2, f'''
        worker.log_to({str(tmp_path / 'logs')!r})
        print('printed by', rank)
        os.system('echo a child of ' + str(rank) + ' >&2')
    ''')
    assert (status, err) == (0, '')
    for rank in (0, 1):
        lines = (tmp_path / 'logs' / f'rank-{rank}.log').read_text().splitlines()
        assert re.match(rf'== .* rank {rank} of 2, process \d+ on ', lines[0])
        assert sorted(lines[1:]) == sorted([f'printed by {rank}', f'a child of {rank}'])


# ---- what may happen to one of them ----------------------------------------------------------------------------------

FAILURES = [
    ('kill', 'os.kill(os.getpid(), signal.SIGKILL)', 1, r'was ended by signal 9 \(SIGKILL\)|ended without a word'),
    ('crash', 'import faulthandler; faulthandler._sigsegv()', 1, r'was ended by signal 11|ended without a word'),
    ('stop', 'os.kill(os.getpid(), signal.SIGSTOP)', 1, r'is stopped \(SIGSTOP, or Ctrl-Z\)\.'),
    ('leave', 'os._exit(0)', 1, r'ended without a word'),
    ('bug', 'raise AssertionError("no", 3)', 1, r"AssertionError: \('no', 3\)"),
    ('bad data', 'raise ValueError("bad data")', 2, r'bad data'),
    ('full disk', 'raise OSError(28, "No space left on device", "/data")', 2, r"No space left on device: '/data'"),
    ('not finite', 'raise FloatingPointError("the loss is nan")', 3, r'the loss is nan'),
]


@pytest.mark.parametrize('rank', ONE_RANK)
@pytest.mark.parametrize(('what', 'status', 'reason'), [case[1:] for case in FAILURES],
                         ids=[case[0] for case in FAILURES])
def test_what_happens_to_one_worker_ends_all_with_a_sentence(what, status, reason, rank, launched):
    found, reported, err = launched(3, f'''
        for step in range(10**9):
            if (rank, step) == ({rank}, 5):
                {what}
            group.sum('x', np.ones(3))
    ''', after_failure='Try again.')
    pids = assert_nobody_is_left(reported[0])
    assert found == status
    who = rf'rank {rank} \(process {pids[rank]} on \S+\)'
    assert re.fullmatch(rf'program: {who}:? .*({reason}).*Try again\.\n', err), err


MOMENTS = {'as they leave': '''
    from gluon_bn.parallel.mpi import MpiGroup

    def leave(self, seconds, leave=MpiGroup.leave):
        if self.rank == {rank}:
            {what}
        return leave(self, seconds)
    MpiGroup.leave = leave
''', 'when they have left': '''
    import atexit
    from gluon_bn.parallel.mpi import rank_of
    if rank_of(os.environ) == {rank}:
        atexit.register(lambda: {what})
'''}


@pytest.mark.parametrize('rank', ONE_RANK)
@pytest.mark.parametrize(('what', 'reason'), [(case[1], case[3]) for case in FAILURES if case[0] in ('kill', 'stop')],
                         ids=['kill', 'stop'])
@pytest.mark.parametrize('moment', MOMENTS)
def test_a_worker_that_is_lost_at_the_very_end_is_named_as_well(moment, what, reason, rank, launched, is_mpich):
    status, reported, err = launched(3, 'worker.report("done")', MOMENTS[moment].format(rank=rank, what=what))
    pids = assert_nobody_is_left(reported[0])
    assert reported[1:] == ['done']
    assert status
    assert re.fullmatch(rf'program: rank {rank} \(process {pids[rank]} on \S+\) .*({reason}).*\n', err) or (
        # Of a killed worker that had left, only mpiexec knows, and MPICH's may name another process.
        is_mpich and what.startswith('os.kill(os.getpid(), signal.SIGKILL') and re.search(
            r'mpiexec ended with status 9: .*PID', err)), err


def test_the_others_wait_for_a_worker_that_is_slow_at_the_end(launched):
    lines = '''
        workers.LEAVING = 0.5
        if rank == 0:
            time.sleep(2)
        worker.report('done')
    '''
    status, reported, err = launched(3, lines)
    assert (status, reported[1:], err) == (0, ['done'], '')


def killed_worker(launched):
    """Kill a worker that uses shared memory; returns the folder where Open MPI had it."""
    status, reported, _ = launched(2, """
        worker.report(os.environ.get('OMPI_MCA_btl_sm_backing_directory'))
        while True:
            group.sum('x', np.ones(30000))
            if rank == 1:  # the words of one who is killed may be lost
                os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert status == 1
    return Path(reported[1])


@pytest.mark.skipif(not os.access('/dev/shm', os.W_OK), reason='this system has no /dev/shm, or none for this user')
def test_a_killed_worker_leaves_no_shared_memory_of_open_mpi(launched):
    folder = killed_worker(launched)
    assert str(folder.parent) == '/dev/shm'
    assert not folder.exists()


def test_open_mpis_notes_on_a_job_are_in_a_folder_of_its_own(launched, is_mpich):
    if is_mpich:
        pytest.skip('this is MPICH')
    status, reported, _ = launched(2, """
        folder = os.environ.get('OMPI_MCA_btl_sm_backing_directory')
        worker.report(folder)
        worker.report(os.listdir(folder))
    """)
    assert status == 0
    assert any('ompi' in name or 'prte' in name for name in reported[2])
    assert not os.path.exists(reported[1])


@pytest.mark.parametrize('place', ['/proc', '/nowhere'], ids=['not writable', 'missing'])
def test_workers_run_where_there_is_no_memory_to_write_in(place, launched, monkeypatch):
    monkeypatch.setattr(launching, 'MEMORY', place)
    folder = killed_worker(launched)
    assert str(folder.parent) == tempfile.gettempdir()
    assert not folder.exists()


def test_a_failure_of_all_is_blamed_on_nobody(launched):
    status, reported, err = launched(3, "raise WorkerEnded(3, 'the loss is nan', everywhere=True)")
    assert (status, err) == (3, 'program: the loss is nan\n')
    assert_nobody_is_left(reported[0])
    status, _, err = launched(2, "worker.together('start', lambda: open('/nowhere/at/all'))")
    assert (status, err) == (2, "program: [Errno 2] No such file or directory: '/nowhere/at/all'\n")


def test_a_failure_of_one_at_the_start_is_known_to_all(launched):
    status, _, err = launched(3, "worker.together('start', lambda: rank == 1 and open('/nowhere/at/all'))")
    assert (status, err) == (2, "program: rank 1: [Errno 2] No such file or directory: '/nowhere/at/all'\n")


@pytest.mark.parametrize(('lines', 'reason'), [
    ("group.agree('version', {'gluon_bn': f'0.{rank // 2}'})",
     "rank 2 has another version than rank 0: gluon_bn is '0.1', not '0.0'."),
    ("group.sum('x' if rank else 'y', np.ones(2))",
     "rank 1 is not where rank 0 is (call 5, step 0: sum of 'x', float64 (2,); rank 0: call 5, step 0: sum of 'y', "
     "float64 (2,))."),
], ids=['another version', 'another call'])
def test_workers_that_are_not_together_end_with_one_sentence(lines, reason, launched):
    status, reported, err = launched(3, lines)
    assert (status, err) == (1, f'program: {reason}\n')
    assert_nobody_is_left(reported[0])


def test_ctrl_c_lets_the_workers_come_to_an_end(mpi, program, capfd):
    """The signal reaches this process alone, which passes it on."""
    reported = []

    def report(line):
        reported.append(line)
        if line == 'it runs':
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    status = launch('program', [program('''
        worker.report('it runs')
        while not group.sum('interrupted', np.array([worker.interrupted], int))[0]:
            time.sleep(0.01)
        worker.report('saved')
        raise WorkerEnded(130, 'interrupted', everywhere=True)
    ''')], 2, report, interrupted=lambda: 'interrupted; go on')
    assert (status, capfd.readouterr().err) == (130, 'program: interrupted; go on\n')
    assert reported[1:] == ['it runs', 'saved']
    assert_nobody_is_left(reported[0])


@pytest.mark.parametrize(('often', 'saving'), [(1, 1), (2, 10**6)], ids=['once', 'twice'])
def test_workers_that_do_not_come_to_an_end_after_ctrl_c_are_ended(often, saving, mpi, program, capfd, monkeypatch):
    """In time, or at once when the user asks again."""
    monkeypatch.setattr(launching, 'SAVING', saving)
    reported = []

    def report(line):
        reported.append(line)
        if line != reported[0] and len(reported) <= 1 + often:
            raise KeyboardInterrupt

    lines = "while True:\n    group.sum('x', np.ones(3))\n    time.sleep(0.01)\n    worker.report('it runs')"
    assert launch('program', [program(lines)], 2, report, after_failure='Try again.') == 130
    assert capfd.readouterr().err == 'program: interrupted\n'
    assert_nobody_is_left(reported[0])


def test_a_worker_is_told_of_sigterm_as_of_ctrl_c(launched):
    """Slurm sends it before a job's time is over."""
    status, reported, err = launched(2, '''
        before = worker.interrupted
        os.kill(os.getpid(), signal.SIGTERM)
        worker.report(f'{before} {worker.interrupted}')
    ''')
    assert (status, reported[1:], err) == (0, ['False True'], '')


def test_workers_whose_work_is_done_and_who_do_not_end_are_ended(launched, monkeypatch):
    monkeypatch.setattr(launching, 'ENDING', 1)
    status, reported, err = launched(2, 'worker.report("done")', 'import atexit; atexit.register(time.sleep, 600)')
    assert (status, reported[1:], err) == (1, ['done'], 'program: the workers did not end.\n')
    assert_nobody_is_left(reported[0])


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_nobody_and_nothing_outlives_a_launcher_that_is_killed(number, mpi, program, tmp_path):
    code = ("import sys; from gluon_bn.parallel.launch import launch; "
            "launch('program', sys.argv[1:], 2, lambda line: print(line, flush=True))")
    lines = "worker.report(os.environ.get('OMPI_MCA_btl_sm_backing_directory'))\ngroup.sum('x', np.ones(30000))"
    with subprocess.Popen([sys.executable, '-c', code, program(lines + FOREVER.replace('\n    ', '\n'))],
                          stdout=subprocess.PIPE, text=True) as process:
        pids, folder = process.stdout.readline(), process.stdout.readline().strip()
        assert os.path.isdir(folder)
        process.send_signal(number)
    assert_nobody_is_left(pids)
    deadline = time.monotonic() + 60
    while os.path.exists(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize('variables', [
    {'SLURM_JOB_ID': '7', 'SLURM_JOBID': '7', 'SLURM_NODELIST': 'n[1-2]', 'SLURM_JOB_NODELIST': 'n[1-2]',
     'SLURM_NNODES': '2', 'SLURM_TASKS_PER_NODE': '2(x2)', 'SLURM_PROCID': '0', 'SLURM_NTASKS': '4'},
    {'PBS_JOBID': '3', 'PBS_NODEFILE': '/nowhere', 'PBS_ENVIRONMENT': 'PBS_BATCH'},
    {'PMI_RANK': '1', 'PMI_SIZE': '8', 'PMI_FD': '9'},
    {'OMPI_COMM_WORLD_RANK': '3', 'OMPI_COMM_WORLD_SIZE': '8', 'PMIX_RANK': '3', 'PMIX_NAMESPACE': 'x@1',
     'PMIX_SERVER_URI4': 'x.0;tcp4://127.0.0.1:9'}], ids=['Slurm', 'PBS', 'MPICH', 'Open MPI'])
def test_workers_of_this_machine_are_no_part_of_the_job_around(variables, launched, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    status, reported, err = launched(2, "worker.report(str(group.size))")
    assert (status, reported[1:], err) == (0, ['2'], '')


def test_without_mpi_a_sentence_says_how_to_get_it(monkeypatch):
    find = launching.importlib.util.find_spec
    monkeypatch.setattr(launching.importlib.util, 'find_spec', lambda name: None if name == 'mpi4py' else find(name))
    monkeypatch.setitem(launching.sys.modules, 'mpi4py', None)
    with pytest.raises(ImportError, match=r"mpi4py is not installed; get it with: .*\[mpi\]"):
        mpiexec()
    monkeypatch.setattr(launching.importlib.util, 'find_spec', lambda name: find('json'))
    monkeypatch.setattr(launching.shutil, 'which', lambda *arguments, **options: None)
    with pytest.raises(ImportError, match=r"there is no mpiexec; get one with: .*\[mpi\]"):
        mpiexec()


def test_an_mpiexec_that_does_not_start_workers_is_quoted(monkeypatch, tmp_path, capfd, mpi):
    bad = tmp_path / 'mpiexec'
    bad.write_text('#!/bin/sh\necho ----------\necho "  no slots  "\nexit 7\n')
    bad.chmod(0o755)
    monkeypatch.setattr(launching, 'mpiexec', lambda: str(bad))
    assert launch('program', ['-c', ''], 2, after_failure='Try again.') == 7
    assert capfd.readouterr().err == 'program: mpiexec ended with status 7: no slots Try again.\n'


def test_what_mpiexec_says_becomes_one_line_of_a_bounded_length():
    assert launching._gist('\n----\n | a\n\n== b ==\n') == '| a b'
    assert launching._gist('----\n') == launching._gist('') == 'it said nothing.'
    assert launching._gist('word ' * 1000) == ' '.join(['word'] * 60)


def test_open_mpi_says_which_signal_has_ended_a_worker():
    watch = SimpleNamespace(workers={0: SimpleNamespace(pid=70), 1: SimpleNamespace(pid=71)})
    said = ('prterun noticed that process rank 1 with PID 71 on node here\nexited on signal 9 (Killed).\n'
            'PID 5 on node here exited on signal 6')
    assert launching._killed(watch, said) == {1: 'was ended by signal 9 (SIGKILL)'}
    assert launching._signal(999) == 'signal 999 (unknown)'


def test_the_sentence_is_of_the_first_one_who_is_lost():
    """When one has failed, others follow soon."""
    watch = SimpleNamespace(describe='rank {}'.format, look=lambda seconds: [])
    job = launching._Job(None, watch, print)
    job._hear(2, {'end': 3, 'reason': 'the loss is nan', 'everywhere': False})
    job._hear(0, {'lost': 'has ended'})
    assert job.run() == (3, 'rank 2: the loss is nan')


def test_an_mpiexec_that_is_killed_is_named_and_what_to_do(mpi, program, capfd):
    reported = []

    def report(line):
        reported.append(line)
        if line.isdecimal():
            os.kill(int(line), signal.SIGKILL)

    lines = 'if rank == 0:\n    worker.report(str(os.getppid()))' + FOREVER.replace('\n    ', '\n')
    assert launch('program', [program(lines)], 2, report, after_failure='Try again.') == 1
    assert re.fullmatch(r'program: .*(mpiexec|rank \d).* Try again\.\n', capfd.readouterr().err)
    assert_nobody_is_left(reported[0])


# ---- who does not join -----------------------------------------------------------------------------------------------

STOPS_FIRST = '''
    from gluon_bn.parallel.mpi import rank_of
    folder, own = {folder!r}, rank_of(os.environ)
    with open(os.path.join(folder, 'pid-%d' % own), 'w') as file:
        file.write(str(os.getpid()))
    if own == {rank}:
        {how}
'''
HOW = ['os.kill(os.getpid(), signal.SIGSTOP)', 'workers.MpiGroup = lambda: os.kill(os.getpid(), signal.SIGSTOP)']


def assert_none_of_these_is_left(folder, size):
    pids = [int((folder / f'pid-{rank}').read_text()) for rank in range(size)]
    assert_nobody_is_left(f'pids {pids}')


@pytest.mark.parametrize('rank', ONE_RANK)
@pytest.mark.parametrize('how', HOW, ids=['before it joins', 'while it joins'])
def test_who_is_stopped_before_it_has_joined_is_named(how, rank, launched, tmp_path):
    status, _, err = launched(3, '', STOPS_FIRST.format(folder=str(tmp_path), rank=rank, how=how))
    assert_none_of_these_is_left(tmp_path, 3)
    assert status == 1
    who = '' if how == HOW[0] else r'\(process \d+ on \S+\) '
    assert re.fullmatch(rf'program: rank {rank} {who}is stopped \(SIGSTOP, or Ctrl-Z\)\.\n', err), err


@pytest.mark.parametrize('rank', [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize('how', HOW, ids=['before it joins', 'while it joins'])
def test_under_mpiexec_who_is_stopped_before_it_has_joined_is_named(how, rank, under_mpiexec, tmp_path):
    status, out, err = under_mpiexec(3, '', STOPS_FIRST.format(folder=str(tmp_path), rank=rank, how=how))
    assert_none_of_these_is_left(tmp_path, 3)
    assert status
    assert re.search(rf'^program: .*rank {rank} \(process \d+ on \S+\) is stopped.*\.$', err, re.M), out + err


def test_who_never_joins_ends_the_job_in_time(launched, tmp_path, monkeypatch):
    monkeypatch.setattr(watching, 'MISSING', 3)
    status, _, err = launched(3, '', STOPS_FIRST.format(folder=str(tmp_path), rank=2, how='time.sleep(600)'))
    assert_none_of_these_is_left(tmp_path, 3)
    assert (status, err) == (1, 'program: rank 2 has not joined the others within 3 seconds.\n')


def test_under_mpiexec_who_never_joins_ends_the_job_in_time(under_mpiexec, tmp_path):
    status, out, err = under_mpiexec(3, '', STOPS_FIRST.format(
        folder=str(tmp_path), rank=2, how='time.sleep(600)\n    guard.MISSING = 3'))
    assert_none_of_these_is_left(tmp_path, 3)
    assert status
    assert re.search(r'^program: rank 0 \(process \d+ on \S+\) has waited 3 seconds for the others: one of them has '
                     r'not begun, ', err, re.M), out + err


# ---- under mpiexec itself, as on a cluster ---------------------------------------------------------------------------

def test_under_mpiexec_the_lines_of_rank_0_are_printed(under_mpiexec):
    status, out, err = under_mpiexec(2, '''
        worker.report(f"{group.sum('x', np.ones(2)).tolist()}")
        with worker.progress('Epoch 0', 0, 1) as show:
            show(1, 0.25)
    ''')
    assert status == 0, err
    assert out.splitlines()[1:] == ['[2.0, 2.0]']
    assert err == 'Epoch 0: batch 1 of 1, loss (moving average) 0.2500\n'
    assert_nobody_is_left(out)


@pytest.mark.parametrize('rank', [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(('what', 'reason'), [pytest.param(
    case[1], case[3], id=case[0], marks=[] if case[0] in ('kill', 'stop', 'bug') else pytest.mark.slow)
    for case in FAILURES if case[0] != 'crash'])
def test_under_mpiexec_what_happens_to_one_worker_ends_all(what, reason, rank, under_mpiexec, is_mpich):
    status, out, err = under_mpiexec(3, f'''
        for step in range(10**9):
            if (rank, step) == ({rank}, 5):
                {what}
            group.sum('x', np.ones(3))
    ''')
    assert_nobody_is_left(out)
    assert status != 0 or what == 'os._exit(0)'  # of a rank that has left so, MPICH's mpiexec takes the status
    killed = what.startswith(('os.kill(os.getpid(), signal.SIGKILL', 'os._exit'))  # then mpiexec may be quicker
    if is_mpich and (status, err, what) == (0, '', 'os._exit(0)'):
        return  # it ends the others at once, rank 0 before it has said anything, and takes this for a good end
    assert re.search(rf'^program: rank {rank}( \(process \d+ on \S+\))?:? .*({reason}|has ended)', err, re.M) or (
        killed and re.search(r'signal 9|EXIT CODE: 9|EXIT CODE: 0|exited|abort', out + err)), out + err
    assert err.count('program: ') <= 2


def test_one_worker_needs_no_mpiexec(program, mpi):
    done = subprocess.run([sys.executable, program("raise ValueError('no such data')")], text=True, timeout=300,
                          capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == 'program: no such data'
