import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from gluon_bn.studies.landscape import runs
from gluon_bn.studies.landscape.figures import FIGURES, STYLES
from gluon_bn.studies.landscape.report import claims, run_experiment, run_experiments
from gluon_bn.studies.landscape.runs import EXPERIMENTS

SCRIPT = Path(__file__).resolve().parents[2] / 'scripts' / 'landscape.py'
CASES = [(name, network) for name, (_, networks) in EXPERIMENTS.items() for network in networks]
every_case = pytest.mark.parametrize(('name', 'network'), CASES)


def made_up(jobs, roughness, loss, move, acc, measured=4):
    """Results as trainings would give them; each argument is a function of the job."""
    return [{
        'job': asdict(job), 'losses': [loss(job)] * 40, 'diverged': None, 'test_acc': acc(job),
        'test_acc_batch': acc(job), 'measured': [{
            'step': step, 'loss': loss(job), 'losses': [loss(job), loss(job) + roughness(job)], 'gradient_norm': 1.,
            'gradient_changes': [roughness(job) / 2, roughness(job)], 'smoothness': roughness(job),
            'shift': [{'norm': 1., 'change': 0.1, 'cosine': 0.9}] * 4,
            'inputs': {n: {'mean_shift': move(job), 'std_shift': move(job), 'unit': [0., 1.]} for n in '123'}}
            for step in range(measured)]} for job in jobs]


def normalized(job):
    return job.kind.endswith('batch_norm')


def as_expected(name, jobs):
    largest = max(job.learning_rate for job in jobs) if name == 'learning_rates' else float('inf')
    small = name == 'small_weights'
    return made_up(jobs, roughness=lambda job: 1. if normalized(job) != small else 4.,
                   loss=lambda job: 0.1 if normalized(job) else 2. if job.learning_rate == largest else 0.3,
                   move=lambda job: 0.3 if job.kind.startswith('noisy') else 0.001 if normalized(job) else 0.1,
                   acc=lambda job: 0.95 if normalized(job) else 0.1 if small or job.learning_rate == largest else 0.9)


@every_case
def test_claims_hold_where_they_are_true_and_fail_where_they_are_not(name, network):
    jobs = EXPERIMENTS[name][0](network, range(2))
    assert all(claims(name, as_expected(name, jobs)).values())
    same = made_up(jobs, *[lambda job: 0.5] * 4)
    assert not any(claims(name, same).values())


def test_one_seed_that_does_otherwise_makes_a_claim_fail():
    jobs = EXPERIMENTS['noise'][0]('lenet', range(3))
    results = as_expected('noise', jobs)
    results[-4]['losses'] = [0.5] * 40   # noisy batch norm, the last seed: worse than without batch norm
    assert results[-4]['job']['kind'] == 'noisy_batch_norm'
    assert sum(not holds for holds in claims('noise', results).values()) == 2


@every_case
def test_figures_have_their_axes_units_and_legends(name, network):
    jobs = EXPERIMENTS[name][0](network, range(2))
    for draw in FIGURES[name].values():
        figure = draw(as_expected(name, jobs))
        assert '2 seeds' in figure._suptitle.get_text()
        for axes in figure.axes:
            assert axes.get_ylabel()
            assert axes.get_title()
            assert axes.get_xlabel() == 'training step' or axes.get_title() == 'accuracy of each seed'
        legends = [axes.get_legend().get_texts() for axes in figure.axes if axes.get_legend()]
        labels = {text.get_text() for legend in legends for text in legend}
        assert {STYLES[job.kind][2] for job in jobs} <= labels


def test_no_panel_of_the_landscape_has_bands_of_both_nets_but_those_of_the_seeds():
    results = as_expected('learning_rates', EXPERIMENTS['learning_rates'][0]('lenet', range(2)))
    figure = FIGURES['learning_rates']['landscape'](results)
    for without, with_norm, *_ in (figure.axes[i:i + 4] for i in range(0, 12, 4)):
        assert [len(axes.collections) for axes in (without, with_norm)] == [1, 1]
        assert without.get_ylim() == with_norm.get_ylim()
        assert 'without batch norm' in without.get_title()
    noise = FIGURES['noise']['noise'](as_expected('noise', EXPERIMENTS['noise'][0]('lenet', range(2))))
    assert [len(noise.axes[i].collections) for i in (0, 2)] == [0, 0]


def test_figures_of_a_divergence_and_of_one_seed():
    jobs = EXPERIMENTS['learning_rates'][0]('lenet', range(2))
    results = as_expected('learning_rates', jobs)
    results[0].update(diverged=2, measured=results[0]['measured'][:2], losses=[1., 2., None])
    for draw in FIGURES['learning_rates'].values():
        draw(results)
    noise = as_expected('noise', EXPERIMENTS['noise'][0]('lenet', [0]))
    noise[0].update(diverged=2, measured=noise[0]['measured'][:2], losses=[1., 2., None])
    assert 'one seed' in FIGURES['noise']['noise'](noise)._suptitle.get_text()


@pytest.mark.parametrize('judged', [True, False])
def test_claims_that_are_not_judged_are_not_reported(tmp_path, monkeypatch, judged):
    jobs = EXPERIMENTS['small_weights'][0]('sigmoid_mlp', [0], steps=40)
    monkeypatch.setattr(runs, 'run', lambda *args: made_up(jobs, *[lambda job: 0.5] * 4))
    said = []
    found = run_experiment('small_weights', 'sigmoid_mlp', tmp_path, jobs, report=said.append, judged=judged)
    lines = '\n'.join(said).splitlines()
    assert len([line for line in lines if line.startswith('FAILS: ')]) == len(found) == (3 if judged else 0)
    assert ('The claims are not judged: 40 steps a training are too few.' in lines) != judged


@pytest.mark.slow
@pytest.mark.by_hand
def test_real_trainings_give_files_and_are_read_the_second_time(tmp_path):
    said = []
    options = {'steps': 60, 'measure_every': 20, 'batch_size': 16, 'test_images': 500, 'report': said.append,
               'processes': 1}
    verdicts = run_experiments(['noise', 'small_weights'], ['sigmoid_mlp', 'lenet'], [0], tmp_path, **options)
    assert {path.name for path in tmp_path.iterdir()} == {
        'jobs', 'noise-sigmoid_mlp.json', 'noise-sigmoid_mlp.png', 'noise-lenet.json', 'noise-lenet.png',
        'small_weights-sigmoid_mlp.json', 'small_weights-sigmoid_mlp.png'}
    with open(tmp_path / 'noise-lenet.json', encoding='utf-8') as file:
        written = json.load(file)
    assert {f'LeNet: {sentence}': holds for sentence, holds in written['claims'].items()}.items() <= verdicts.items()
    assert len(written['numbers']) == len(runs.KINDS)
    assert said[0] == '10 trainings, 0 of them done before.'
    assert run_experiments(['noise'], ['lenet'], [0], tmp_path, **options).items() <= verdicts.items()


@pytest.mark.parametrize(('arguments', 'message'), [
    (['--seeds', '0'], '--seeds is 0; it must be at least 1.'),
    (['--processes', '0'], '--processes is 0; it must be at least 1.'),
    (['weights'], 'there is no experiment weights; expected one of: learning_rates, noise, small_weights.'),
    (['--data-dir', '/nowhere'], '/nowhere')])
def test_bad_arguments_are_one_line_and_status_2(tmp_path, arguments, message, script_here):
    status, _, err = script_here(SCRIPT, *arguments, '--output', tmp_path)
    assert status == 2
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_the_script_makes_figures_and_a_table_in_its_quick_mode(tmp_path):
    arguments = ['small_weights', '--quick', '--seeds', '1', '--processes', '1', '--output', str(tmp_path)]
    result = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
    assert 'lr * beta' in result.stdout
    assert (tmp_path / 'small_weights-sigmoid_mlp.png').stat().st_size > 10_000
