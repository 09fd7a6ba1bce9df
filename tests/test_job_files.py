import json
from dataclasses import asdict, dataclass
from typing import Tuple

import pytest

from gluon_bn import job_files
from gluon_bn.data import DataError


@dataclass(frozen=True)
class Job:
    number: int
    sizes: Tuple[int, ...] = (1, 2)


@pytest.fixture
def work(monkeypatch):
    """Workers that answer at once, in this process; returns the list of the jobs they were given."""
    given = []

    def run_jobs(module, arguments, jobs, on_result, processes):
        for job in json.loads(json.dumps(jobs)):
            given.append(job['number'])
            on_result(job, {'job': job, 'answer': 10 * job['number']})

    monkeypatch.setattr(job_files, 'run_jobs', run_jobs)
    return given


def do(folder, jobs, fingerprint='data', **options):
    results = job_files.do_jobs(folder, jobs, lambda job: f'job{job.number}', 'module', [], fingerprint,
                                report=lambda line: None, **options)
    return [result['answer'] for result in results]


def test_what_is_done_is_not_done_again(tmp_path, work):
    jobs = [Job(1), Job(2), Job(1)]
    assert do(tmp_path, jobs) == [10, 20, 10]
    assert work == [1, 2]
    assert do(tmp_path, [Job(2), Job(3)]) == [20, 30]
    assert work == [1, 2, 3]
    assert do(tmp_path, [Job(1, sizes=(1, 3))]) == [10]  # another job with the same name
    assert work == [1, 2, 3, 1]


def test_an_interruption_loses_only_what_is_not_finished(tmp_path, work, monkeypatch):
    def run_jobs(module, arguments, jobs, on_result, processes):
        on_result(jobs[0], {'job': jobs[0], 'answer': 0})
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(job_files, 'run_jobs', run_jobs)
        with pytest.raises(KeyboardInterrupt):
            do(tmp_path, [Job(1), Job(2)])
    assert do(tmp_path, [Job(1), Job(2)]) == [0, 20]
    assert work == [2]


@pytest.mark.parametrize('damage', ['', '{', '[]', '{"job": {}}', 'null', '\x00'])
def test_a_damaged_result_is_made_anew(tmp_path, work, damage):
    do(tmp_path, [Job(1)])
    next((tmp_path / 'jobs').iterdir()).write_text(damage)
    assert do(tmp_path, [Job(1)]) == [10]
    assert work == [1, 1]


def test_a_result_of_other_data_is_refused(tmp_path, work):
    do(tmp_path, [Job(1)])
    with pytest.raises(DataError, match='of other images; choose another folder'):
        do(tmp_path, [Job(1)], 'other data')
    assert do(tmp_path, [Job(1)]) == [10]


def test_the_longest_come_first_and_the_results_in_the_order_of_the_jobs(tmp_path, work):
    assert do(tmp_path, [Job(1), Job(3), Job(2)], duration=lambda job: job.number) == [10, 30, 20]
    assert work == [3, 2, 1]


def test_the_worker_gets_the_job_as_json_has_it(tmp_path, work):
    do(tmp_path, [Job(7)])
    result = json.loads(next((tmp_path / 'jobs').glob('job7-*.json')).read_text())
    assert result['job'] == json.loads(json.dumps(asdict(Job(7))))
    assert result['data'] == 'data'
