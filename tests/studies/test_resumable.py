import json

import numpy as np
import pytest

from gluon_bn.data import DataError
from gluon_bn.studies import resumable
from gluon_bn.studies.resumable import file_name, fingerprint_of, run_missing


@pytest.fixture
def asked(monkeypatch):
    """The jobs that workers were given; a job is done at once, in this process, and one of 'bad' breaks off."""
    asked = []

    def run_jobs(module, arguments, jobs, on_result, processes):
        for job in jobs:
            asked.append(job)
            if job.get('bad'):
                raise KeyboardInterrupt
            on_result(job, {'doubled': [2 * value for value in job['values']]})

    monkeypatch.setattr(resumable, 'run_jobs', run_jobs)
    return asked


def run(folder, jobs, fingerprint='these', said=None):
    return run_missing('some.module', [], {folder / 'jobs' / f'{name}.json': job for name, job in jobs.items()},
                       fingerprint, report=print if said is None else said.append)


def test_what_is_done_is_never_done_again(tmp_path, asked):
    said = []
    first = run(tmp_path, {'a': {'values': (1, 2)}}, said=said)
    assert list(first.values()) == [{'doubled': [2, 4], 'job': {'values': [1, 2]}, 'data': 'these'}]
    both = run(tmp_path, {'b': {'values': [3]}, 'a': {'values': (1, 2)}}, said=said)
    assert [result['doubled'] for result in both.values()] == [[6], [2, 4]]
    assert asked == [{'values': [1, 2]}, {'values': [3]}]
    assert said == ['1 trainings, 0 of them done before.', '2 trainings, 1 of them done before.']


def test_what_came_before_an_interruption_stays(tmp_path, asked):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, {'a': {'values': [1]}, 'b': {'values': [2], 'bad': True}, 'c': {'values': [3]}})
    assert [path.name for path in (tmp_path / 'jobs').iterdir()] == ['a.json']
    run(tmp_path, {'a': {'values': [1]}, 'c': {'values': [3]}})
    assert asked[2:] == [{'values': [3]}]


@pytest.mark.parametrize('damage', [lambda text: text[:20], lambda text: '', lambda text: '[]',
                                    lambda text: text.replace('"values": [1]', '"values": [7]')])
def test_what_is_damaged_or_of_another_job_is_done_again(tmp_path, asked, damage):
    path, = run(tmp_path, {'a': {'values': [1]}})
    whole = path.read_text()
    path.write_text(damage(whole))
    assert run(tmp_path, {'a': {'values': [1]}})[path] == json.loads(whole)
    assert path.read_text() == whole
    assert len(asked) == 2


def test_results_of_other_data_are_refused(tmp_path, asked):
    run(tmp_path, {'a': {'values': [1]}})
    with pytest.raises(DataError, match=r'a\.json is the result of other images; choose another folder'):
        run(tmp_path, {'a': {'values': [1]}}, fingerprint='those')


def test_names_differ_where_jobs_do():
    assert file_name('x', {'a': 1}) != file_name('x', {'a': 2})
    assert file_name('x', {'a': (1, 2)}) == file_name('x', {'a': [1, 2]})


def test_a_fingerprint_is_of_every_value():
    arrays = {'a': np.arange(6), 'b': np.zeros(2)}
    same = {name: array.copy() for name, array in reversed(arrays.items())}
    assert fingerprint_of(arrays) == fingerprint_of(same)
    same['a'][5] = 0
    assert fingerprint_of(arrays) != fingerprint_of(same)
