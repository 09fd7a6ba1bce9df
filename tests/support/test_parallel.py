import json
import textwrap

import pytest

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
