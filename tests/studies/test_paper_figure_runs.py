import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gluon_bn.studies.paper_figure import runs
from gluon_bn.studies.paper_figure.runs import FIGURE, PAPER, SETTINGS, STEPS, jobs_of, run, run_job, unfinished
from gluon_bn.studies.paper_figure.training import Digits, load_digits

SCRIPT = Path(__file__).resolve().parents[2] / 'scripts' / 'paper_figure.py'


def test_the_jobs_are_those_of_the_paper_and_of_keras():
    assert len(runs.jobs_of('keras')) == 2 * 3
    for setting in SETTINGS:
        jobs = jobs_of(setting, range(3))
        assert {(job.steps, job.batch_size) for job in jobs} == {(50_000, 60)}
        assert {(job.seed, job.batch_norm) for job in jobs} == {(seed, which) for seed in (0, 1, 2)
                                                               for which in (True, False)}
        assert {job.optimizer for job in jobs} == {'rmsprop' if setting == 'keras' else 'sgd'}
    assert STEPS * 60 == 50 * 60_000  # epochs
    assert len({job.lr for setting in PAPER for job in jobs_of(setting)}) >= 2
    assert set(FIGURE) == {*PAPER, 'keras'}
    keras = jobs_of('keras')[0]
    assert (keras.lr, keras.weight_scale, keras.momentum, keras.eps) == (0.001, 'glorot', 0.99, 1e-3)


def test_the_names_say_the_learning_rates_on_the_mean_loss():
    for setting in set(SETTINGS) - {'keras'}:
        job = jobs_of(setting)[0]
        assert float(setting.split('-')[1]) == pytest.approx(job.lr * job.batch_size)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    """Killed after its first result, it does the others, and the numbers are those of a training in this process."""
    command = [sys.executable, str(SCRIPT), 'sgd-0.1', '--quick', '--seeds', '2', '--processes', '1', '--output',
               str(tmp_path)]
    folder = tmp_path / 'runs'
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 200
        while not list(folder.glob('*.json')) and time.monotonic() < end and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    times = {path: path.stat().st_mtime_ns for path in folder.glob('*.json')}
    assert 1 <= len(times) < 4
    said = []
    jobs = jobs_of('sgd-0.1', range(2), 200)
    assert len(unfinished(tmp_path, jobs)) == 4 - len(times)
    results = run(tmp_path, jobs, processes=1, report=said.append)
    assert said == [f'4 trainings, {len(times)} of them done before.']
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert len(list(folder.glob('*.json'))) == 4
    assert unfinished(tmp_path, jobs) == []
    assert unfinished(tmp_path, jobs_of('sgd-0.1', [2], 200)) == jobs_of('sgd-0.1', [2], 200)
    assert results[0]['records'] == run_job(jobs[0], Digits(load_digits()))['records']


@pytest.mark.slow
def test_the_script_in_quick_mode_makes_the_summaries_the_figure_and_the_numbers(tmp_path):
    done = subprocess.run([sys.executable, str(SCRIPT), 'keras', '--quick', '--steps', '40', '--output', str(tmp_path)],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert '99,710' in done.stdout
    assert '100,310' in done.stdout
    assert '2 trainings, 0 of them done before.' in done.stdout
    assert (tmp_path / 'paper_figure.png').read_bytes().startswith(b'\x89PNG')
    assert (tmp_path / 'paper_figure.json').exists()


@pytest.mark.parametrize(('arguments', 'said'), [
    (['lasagne'], 'there is no setting lasagne; expected one of: sgd-0.1, sgd-0.02, sgd-0.5, keras.'),
    (['--steps', '0'], '--steps is at least 20.'),
    (['--processes', '0'], '--processes is 0; it must be at least 1.'),
    (['--data-dir', '/nowhere'], '/nowhere is not a folder; expected one with train-images-idx3-ubyte or '
                                 'train-images-idx3-ubyte.gz in it.')])
def test_the_script_refuses_in_one_line(tmp_path, script_here, arguments, said):
    status, _, err = script_here(SCRIPT, *arguments, '--output', tmp_path)
    assert (status, err.strip()) == (2, f'paper_figure: {said}')
