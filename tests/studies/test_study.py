"""The store of results and the course of a study, with a study whose trainings take no time."""
import hashlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Tuple

import numpy as np
import pytest
from matplotlib.figure import Figure

from gluon_bn.data import DataError
from gluon_bn.studies import study as studies
from gluon_bn.studies.study import (
    Study,
    conduct,
    file_stem,
    fingerprint_of,
    job_from,
    load_mnist,
    run,
    seeds_together,
    unfinished,
    values_of,
)
from gluon_bn.support.files import FolderInUse, folder_locked
from gluon_bn.support.results import json_safe

SCRIPT = Path(__file__).resolve().parents[2] / 'scripts' / 'sweep.py'


@dataclass(frozen=True)
class Job:
    seed: int
    values: Tuple[int, ...] = (1, 2)
    bad: bool = False


def study(data=0., **changes):
    """Its workers answer with doubled values."""
    return Study(
        'doubling', Job, load=lambda data_dir: {'X': np.array([data])}, train=None, words=lambda job: f'seed{job.seed}',
        cost=lambda job: len(job.values), experiments={}, quick={}, summarise=list,
        figures={name: {f'figure of {name}': lambda summary: Figure()} for name in 'ab'},
        claims={name: lambda summary: {'it is doubled': summary[0]['doubled'] == [2, 4]} for name in 'ab'},
        numbers=lambda summary: {'numbers': len(summary)})._replace(**changes)


@pytest.fixture
def asked(monkeypatch):
    """The jobs that workers were given; a job is done at once, in this process, and one of 'bad' breaks off."""
    asked = []

    def run_jobs(module, arguments, jobs, on_result, processes):
        assert (module, arguments) == ('gluon_bn.studies.study', ['doubling', '[null, {}]'])
        for job in jobs:
            asked.append(job)
            if job['bad']:
                raise KeyboardInterrupt
            on_result(job, {'doubled': [2 * value for value in job['values']]})

    monkeypatch.setattr(studies, 'run_jobs', run_jobs)
    return asked


def test_what_is_done_is_never_done_again_and_results_come_in_the_order_of_the_jobs(tmp_path, asked):
    said = []
    first = run(study(), tmp_path, [Job(0)], report=said.append)
    assert [{name: result[name] for name in ('doubled', 'job')} for result in first] == [
        {'doubled': [2, 4], 'job': {'seed': 0, 'values': [1, 2], 'bad': False}}]
    both = run(study(), tmp_path, [Job(1, (3,)), Job(0), Job(1, (3,))], report=said.append)
    assert [result['doubled'] for result in both] == [[6], [2, 4], [6]]
    assert [job['seed'] for job in asked] == [0, 1]
    assert said == ['1 trainings, 0 of them done before.', '2 trainings, 1 of them done before.']


def test_the_longest_come_first(tmp_path, asked):
    run(study(), tmp_path, [Job(0, (1,)), Job(1, (1, 2, 3)), Job(2, (1, 2))], report=len)
    assert [job['seed'] for job in asked] == [1, 2, 0]


def test_what_came_before_an_interruption_stays(tmp_path, asked):
    jobs = [Job(0, (1, 2, 3)), Job(1, (1, 2), bad=True), Job(2, (1,))]
    with pytest.raises(KeyboardInterrupt):
        run(study(), tmp_path, jobs, report=len)
    assert unfinished(study(), tmp_path, jobs) == jobs[1:]
    (tmp_path / 'jobs' / '.seed1.json.1.tmp').write_text('{"job')  # as a kill leaves it
    run(study(), tmp_path, [jobs[0], jobs[2]], report=len)
    assert [job['seed'] for job in asked] == [0, 1, 2]
    assert unfinished(study(), tmp_path, jobs) == [jobs[1]]
    assert len(list((tmp_path / 'jobs').iterdir())) == 2


@pytest.mark.parametrize('damage', [lambda text: text[:20], lambda text: '', lambda text: '[]', lambda text: '{}',
                                    lambda text: text.replace('"values": [1, 2]', '"values": [7]'),
                                    lambda text: text.replace('"doubled": [2, 4]', '"doubled": [2, 5]'),
                                    lambda text: text.replace('"doubled"', '"trebled"'), lambda text: '"text"'])
def test_what_is_damaged_or_of_another_job_is_done_again(tmp_path, asked, damage):
    first = run(study(), tmp_path, [Job(0)], report=len)
    path, = (tmp_path / 'jobs').iterdir()
    whole = path.read_text()
    path.write_text(damage(whole))
    assert run(study(), tmp_path, [Job(0)], report=len) == first
    assert path.read_text() == whole
    assert len(asked) == 2


def test_a_result_from_before_there_were_digests_counts(tmp_path, asked):
    first = run(study(), tmp_path, [Job(0)], report=len)
    path, = (tmp_path / 'jobs').iterdir()
    result = json.loads(path.read_text())
    assert len(result.pop('sha256')) == 64
    path.write_text(json.dumps(result))
    assert run(study(), tmp_path, [Job(0)], report=len) == first
    assert len(asked) == 1


def test_results_of_other_data_are_refused(tmp_path, asked):
    run(study(), tmp_path, [Job(0)], report=len)
    with pytest.raises(DataError, match=r'seed0-.*\.json is the result of other images; choose another folder'):
        run(study(data=1.), tmp_path, [Job(0)], report=len)


def test_a_second_process_in_the_same_folder_is_refused(tmp_path, asked):
    with folder_locked(tmp_path), pytest.raises(FolderInUse, match='another process is at work in'):
        run(study(), tmp_path, [Job(0)], report=len)
    assert asked == []
    assert len(run(study(), tmp_path, [Job(0)], report=len)) == 1


def test_names_differ_where_jobs_do_and_jobs_come_back_from_json():
    assert file_stem('x', Job(0)) != file_stem('x', Job(1))
    assert file_stem('x', Job(0)).startswith('x-')
    assert job_from(study(), json.loads(json.dumps(asdict(Job(0))))) == Job(0)


def test_a_fingerprint_is_of_every_value():
    arrays = {'a': np.arange(6), 'b': np.zeros(2)}
    same = {name: array.copy() for name, array in reversed(arrays.items())}
    assert fingerprint_of(arrays) == fingerprint_of(same)
    same['a'][5] = 0
    assert fingerprint_of(arrays) != fingerprint_of(same)


def test_kinds_differ_in_more_than_the_seed_and_values_rise():
    results = [{'job': {'seed': seed, 'lr': lr, 'hidden': [2, 3]}} for seed in (0, 1) for lr in (1, 0.1)]
    assert seeds_together(results) == [
        ({'lr': lr, 'hidden': [2, 3]}, [result for result in results if result['job']['lr'] == lr]) for lr in (1, 0.1)]
    assert values_of(results, 'lr') == [0.1, 1]


def test_experiments_are_trained_together_then_drawn_written_and_judged_one_by_one(tmp_path, asked):
    said = []
    experiments = {'a': [Job(0)], 'b': [Job(1, (3,)), Job(0)]}
    found = conduct(study(), experiments, tmp_path, report=said.append)
    assert found == {'a': {'it is doubled': True}, 'b': {'it is doubled': False}}
    assert said == ['2 trainings, 0 of them done before.', 'holds: it is doubled', 'FAILS: it is doubled']
    assert json.loads((tmp_path / 'b.json').read_text()) == {
        'experiment': 'b', 'data': 'embedded', 'claims': {'it is doubled': False}, 'numbers': 2}
    assert all((tmp_path / f'figure of {name}.png').read_bytes().startswith(b'\x89PNG') for name in 'ab')
    assert not (tmp_path / 'a.md').exists()


def test_tables_and_remarks_come_before_the_claims_and_the_table_of_several_experiments_last(tmp_path, asked):
    talking = study(table=lambda summary: f'| {len(summary)} |', overview=lambda summaries: f'| {list(summaries)} |',
                    remarks=lambda name, summary, judged: [f'{name}, {judged}'])
    said = []
    conduct(talking, {'a': [Job(0)], 'b': [Job(0)]}, tmp_path, report=said.append, judged=False)
    assert said[1:] == ['| 1 |', 'a, False', '| 1 |', 'b, False',
                        'The claims are not judged: the trainings are too short.', "\n| ['a', 'b'] |\n"]
    assert (tmp_path / 'a.md').read_text() == '| 1 |\n'
    said.clear()
    conduct(talking, {'a': [Job(0)]}, tmp_path, report=said.append)
    assert said[1:] == ['| 1 |', 'a, True', 'holds: it is doubled']  # the one table is the table of all
    conduct(talking._replace(table=None), {'a': [Job(0)]}, tmp_path, report=said.append)
    assert said[-1] == "\n| ['a'] |\n"


def start(*arguments):
    return subprocess.Popen([sys.executable, str(SCRIPT), *map(str, arguments)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_killed_study_goes_on_and_a_second_one_beside_it_is_refused(tmp_path):
    arguments = ('learning_rates', '--quick', '--seeds', 8, '--processes', 1, '--output', tmp_path)
    first = start(*arguments)
    deadline = time.monotonic() + 600
    while len(list(tmp_path.glob('jobs/*.json'))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    second = start(*arguments)
    assert second.communicate(timeout=600)[1].startswith('sweep: another process is at work in')
    assert second.returncode == 2
    os.kill(first.pid, signal.SIGKILL)
    first.communicate(timeout=600)
    before = {path: path.read_bytes() for path in tmp_path.glob('jobs/*.json')}
    assert 3 <= len(before) < 32
    third = start(*arguments)
    said = third.communicate(timeout=480)[0]
    assert third.returncode == 0
    assert f'32 trainings, {len(before)} of them done before.' in said
    after = {path: path.read_bytes() for path in tmp_path.glob('jobs/*.json')}
    assert len(after) == 32
    assert before.items() <= after.items()


@pytest.mark.parametrize(('name', 'digest'), [
    ('deep_nets', 'e6a0c435eb194fb2'), ('landscape', 'f71ec79ed42c02dc'), ('paper_figure', '03fc734edbc1b18f'),
    ('sweeps', 'd27f8d4042c193bd')])
def test_the_trainings_are_those_of_the_published_results(name, digest):
    """Of two seeds, every field of every job. Whoever changes one of them has all numbers in docs/results to renew."""
    experiments = importlib.import_module(f'gluon_bn.studies.{name}').STUDY.experiments
    jobs = {key: json_safe([asdict(job) for job in make([0, 1])], digits=10) for key, make in experiments.items()}
    assert hashlib.sha256(json.dumps(jobs, sort_keys=True).encode()).hexdigest()[:16] == digest


def test_mnist_has_its_training_images_and_its_test_images_apart():
    arrays = load_mnist()
    assert {key: len(array) for key, array in arrays.items()} == {
        'X_train': 60_000, 'y_train': 60_000, 'X_test': 10_000, 'y_test': 10_000}


@pytest.mark.parametrize(('name', 'usual', 'longer'), [
    ('sweeps', {'score_after': (100,)}, [{'score_after': (50, 200)}, {'batch_size': 128}, {'batch_norm': 'after'}]),
    ('landscape', {'network': 'sigmoid_mlp', 'kind': 'plain', 'steps': 100, 'measure_every': 20}, [
        {'steps': 200}, {'measure_every': 10}, {'network': 'lenet'}, {'kind': 'noisy_plain'}]),
    ('deep_nets', {'epochs': 2, 'batch_size': 50}, [{'epochs': 3}, {'batch_size': 10}]),
    ('paper_figure', {'steps': 100, 'batch_norm': False}, [{'steps': 200}, {'batch_norm': True}])])
def test_a_job_that_takes_longer_costs_more(name, usual, longer):
    study = importlib.import_module(f'gluon_bn.studies.{name}').STUDY
    job = replace(next(iter(study.experiments.values()))([0])[0], **usual)
    for change in longer:
        assert study.cost(replace(job, **change)) > study.cost(job) > 0, change
