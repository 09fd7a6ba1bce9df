import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gluon_bn.studies.sweeps import experiments
from gluon_bn.studies.sweeps.experiments import EXPERIMENTS, QUICK, sweep
from gluon_bn.studies.sweeps.run import Run, load_images, result_of
from gluon_bn.support.files import FolderInUse, folder_locked
from gluon_bn.support.results import append_result, read_results

SCRIPT = Path(__file__).resolve().parents[2] / 'scripts' / 'sweep.py'
SHORT = {'batch_size': 16, 'score_after': (3,), 'test_images': 250}
RUNS = [Run(seed, position, **SHORT) for position in ('before', None) for seed in (0, 1)]


def made_up(run):
    return {'run': {**vars(run), 'score_after': list(run.score_after)}, 'status': 'finished', 'reason': None,
            'scores': [{'step': 3, 'test_acc': 0.5}], 'loss': 1.0}


@pytest.fixture
def instant(monkeypatch):
    """Runs that take no time, in this process; the list of those that were done."""
    done = []

    def run_jobs(module, arguments, jobs, on_result, processes):
        assert module == 'gluon_bn.studies.sweeps.run'
        for job in jobs:
            done.append(job)
            on_result(job, made_up(experiments.run_from(job)))

    monkeypatch.setattr(experiments, 'run_jobs', run_jobs)
    return done


def test_the_experiments_are_those_that_are_announced():
    knobs = {name: {field: {getattr(run, field) for run in make(range(3))} for field in vars(RUNS[0])}
             for name, make in EXPERIMENTS.items()}
    assert all(knobs[name]['seed'] == {0, 1, 2} for name in EXPERIMENTS)
    for name in ('learning_rates', 'weight_scales', 'batch_sizes'):
        assert knobs[name]['batch_norm'] == {'before', None}
    assert knobs['positions']['batch_norm'] == {'before', 'after', None}
    for name in ('learning_rates', 'positions', 'weight_scales'):
        assert max(knobs[name]['lr']) >= 1000 * min(knobs[name]['lr'])
    assert knobs['batch_sizes']['batch_size'] == {2 ** k for k in range(10)}
    assert {run.batch_size * run.steps for run in EXPERIMENTS['batch_sizes']([0])} == {4096}  # a budget of images
    assert max(knobs['weight_scales']['weight_scale']) >= 1000 * min(knobs['weight_scales']['weight_scale'])
    assert len(knobs['momenta']['momentum']) == 5
    assert max(knobs['eps']['eps']) >= 1e8 * min(knobs['eps']['eps'])
    assert knobs['recalibration']['score_after'] == {(10, 100, 1000)}
    assert knobs['recalibration']['momentum'] == {0.9, 0.99}
    for name, make in EXPERIMENTS.items():
        assert len(set(make(range(3)))) == len(make(range(3)))
        assert 0 < len(make([0], **QUICK[name])) < len(make([0]))


def test_a_finished_run_is_never_repeated(tmp_path, instant):
    said = []
    first = sweep(tmp_path, 'one', RUNS[:3], report=said.append)
    assert len(instant) == 3
    assert sweep(tmp_path, 'one', RUNS[::-1] * 2, report=said.append)[::-1] == sweep(
        tmp_path, 'one', RUNS * 2, report=said.append)
    assert len(instant) == 4
    assert said == ['one: 3 trainings, 0 of them done before.', 'one: 4 trainings, 3 of them done before.',
                    'one: 4 trainings, 4 of them done before.']
    assert read_results(tmp_path / 'one.jsonl')[:3] == sorted(first, key=lambda r: r['run']['batch_norm'] is not None)


def test_results_of_the_same_runs_in_other_experiments_are_taken_over(tmp_path, instant):
    sweep(tmp_path, 'one', RUNS[:3], report=len)
    results = sweep(tmp_path, 'two', RUNS[2:], report=len)
    assert len(instant) == 4
    assert read_results(tmp_path / 'two.jsonl') == results


def test_a_torn_last_line_is_ignored_and_its_run_repeated(tmp_path, instant):
    sweep(tmp_path, 'one', RUNS, report=len)
    path = tmp_path / 'one.jsonl'
    path.write_bytes(path.read_bytes()[:-20])
    assert len(sweep(tmp_path, 'one', RUNS, report=len)) == 4
    assert len(instant) == 5
    assert instant[4] == instant[3]
    assert len(read_results(path)) == 4


@pytest.mark.parametrize('line', [{}, {'run': {'seed': 0, 'colour': 'red', 'score_after': [1]}}, {'run': 3},
                                  {'run': {'seed': 0, 'lr': -1, 'score_after': [1]}}])
def test_results_of_another_version_are_passed_over(tmp_path, instant, line):
    append_result(tmp_path / 'one.jsonl', line)
    assert len(sweep(tmp_path, 'one', RUNS[:1], report=len)) == 1


def test_two_sweeps_in_one_folder_are_refused(tmp_path, instant):
    with folder_locked(tmp_path), pytest.raises(FolderInUse, match='another process is at work in'):
        sweep(tmp_path, 'one', RUNS, report=len)
    assert instant == []
    sweep(tmp_path, 'one', RUNS, report=len)


@pytest.mark.slow
def test_processes_compute_what_this_one_would(tmp_path):
    """Real trainings in two processes, among them one that is refused."""
    runs = [RUNS[0], RUNS[2], Run(0, **{**SHORT, 'batch_size': 1})]
    results = sweep(tmp_path, 'one', runs, processes=2, report=len)
    assert [result['status'] for result in results] == ['finished', 'finished', 'refused']
    expected = result_of(RUNS[0], load_images())  # with more threads, perhaps: the same but for rounding
    assert results[0]['loss'] == pytest.approx(expected['loss'], rel=1e-3)
    assert json.loads(json.dumps(expected['run'])) == results[0]['run']


def start(*arguments, **options):
    return subprocess.Popen([sys.executable, str(SCRIPT), *map(str, arguments)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_a_second_one_beside_it_is_refused(tmp_path):
    arguments = ('learning_rates', '--quick', '--seeds', 8, '--processes', 1, '--output', tmp_path)
    path = tmp_path / 'learning_rates.jsonl'
    first = start(*arguments)
    deadline = time.monotonic() + 120
    while len(read_results(path)) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    second = start(*arguments)
    assert second.communicate(timeout=120)[1].startswith('sweep: another process is at work in')
    assert second.returncode == 2
    os.kill(first.pid, signal.SIGKILL)
    first.communicate(timeout=120)
    before = read_results(path)
    assert 3 <= len(before) < 32
    third = start(*arguments)
    said = third.communicate(timeout=240)[0]
    assert third.returncode == 0
    assert f'32 trainings, {len(before)} of them done before.' in said
    results = read_results(path)
    assert results[:len(before)] == before
    assert len({json.dumps(result['run']) for result in results}) == len(results) == 32
