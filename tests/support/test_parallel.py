import io
import json
import sys
import textwrap

import psutil
import pytest

from gluon_bn.support import parallel
from gluon_bn.support.parallel import WorkerError, run_jobs


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A module with a worker that squares, prints, and dies at 13."""
    (tmp_path / 'squaring_worker.py').write_text(textwrap.dedent('''
        import os, sys
        from gluon_bn.support.parallel import serve_jobs

        def work(number):
            print('noise')
            if number == 13:
                os._exit(7)
            return {'square': number ** 2, 'argument': sys.argv[1], 'threads': os.environ['OMP_NUM_THREADS']}

        serve_jobs(work)
    '''))
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    return 'squaring_worker'


def test_every_job_is_done_once(worker):
    results = {}

    def keep(job, result):
        assert job not in results
        results[job] = result

    run_jobs(worker, ['x'], list(range(9)), keep, processes=2)
    assert results == {n: {'square': n ** 2, 'argument': 'x', 'threads': '1'} for n in range(9)}


def test_no_jobs_no_work(worker):
    run_jobs(worker, ['x'], [], lambda job, result: pytest.fail('there was no job'))


@pytest.mark.slow
def test_a_worker_that_dies_is_an_error_and_what_was_done_stays(worker):
    done = []
    with pytest.raises(WorkerError, match='status 7 at the job 13'):
        run_jobs(worker, ['x'], [1, 2, 13, 4], lambda job, result: done.append(job), processes=1)
    assert done == [1, 2]


@pytest.mark.slow
def test_an_error_of_the_caller_ends_the_workers(worker):
    def fail(job, result):
        raise json.JSONDecodeError('as an example', '', 0)

    with pytest.raises(json.JSONDecodeError):
        run_jobs(worker, ['x'], list(range(20)), fail, processes=2)


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """A module with a worker that leaves a file of its process's number, and dies at 13."""
    (tmp_path / 'noted_worker.py').write_text(textwrap.dedent('''
        import os, sys
        from gluon_bn.support.parallel import serve_jobs

        open(os.path.join(sys.argv[1], f'{os.getpid()}.pid'), 'w').close()
        serve_jobs(lambda number: os._exit(7) if number == 13 else [number, os.getpid()])
    '''))
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    return 'noted_worker'


def started(folder):
    return [int(path.stem) for path in folder.glob('*.pid')]


def test_there_are_as_many_workers_as_asked_for_but_no_more_than_jobs(noted, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, 'physical_cores', lambda: 2)
    for jobs, processes, expected in (([1], 3, 1), ([1, 2, 3], 1, 1), ([1, 2, 3], None, 2)):
        done = []
        run_jobs(noted, [str(tmp_path)], jobs, lambda job, result, done=done: done.append(result[0]), processes)
        assert sorted(done) == jobs
        assert len(started(tmp_path)) == expected
        for path in tmp_path.glob('*.pid'):
            path.unlink()


def test_after_an_error_no_worker_is_left_and_what_was_done_stays(noted, tmp_path):
    done = []
    with pytest.raises(WorkerError, match='a worker process ended with status 7 at the job 13'):
        run_jobs(noted, [str(tmp_path)], [1, 2, 13, 4], lambda job, result: done.append(job), processes=1)
    assert done == [1, 2]

    def fail(job, result):
        raise KeyError('as an example')

    with pytest.raises(KeyError, match='as an example'):
        run_jobs(noted, [str(tmp_path)], list(range(12)), fail, processes=1)
    assert len(started(tmp_path)) == 2
    assert not any(psutil.pid_exists(pid) for pid in started(tmp_path))


def test_an_error_ends_a_worker_that_is_in_the_middle_of_a_long_job(tmp_path, monkeypatch):
    (tmp_path / 'long_worker.py').write_text(textwrap.dedent('''
        import os, time
        from gluon_bn.support.parallel import serve_jobs

        def work(path):
            if path is None:
                os._exit(7)
            time.sleep(60)
            open(path, 'w').close()

        serve_jobs(work)
    '''))
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    with pytest.raises(WorkerError, match='status 7'):
        run_jobs('long_worker', [], [str(tmp_path / 'finished'), None], lambda job, result: None, processes=2)
    assert not (tmp_path / 'finished').exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_counts_the_jobs_on_a_terminal(noted, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(sys, 'stderr', Terminal())
        run_jobs(noted, [str(tmp_path)], [1, 2, 3], lambda job, result: None, processes=1)
        last = sys.stderr.getvalue().split('\r')[-1]
    assert ' 3/3 ' in last
    assert 'job' in last
