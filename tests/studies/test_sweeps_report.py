import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_sweeps_claims import AS_EXPECTED, result

from gluon_bn.studies.sweeps import experiments
from gluon_bn.studies.sweeps.claims import summary
from gluon_bn.studies.sweeps.experiments import EXPERIMENTS, QUICK
from gluon_bn.studies.sweeps.report import FIGURES, run_experiment, table
from gluon_bn.support.files import folder_locked

SCRIPT = Path(__file__).resolve().parents[2] / 'scripts' / 'sweep.py'


def kinds_of(name, world=None, seeds=2):
    return summary(map(world or AS_EXPECTED[name], EXPERIMENTS[name](range(seeds))))


@pytest.mark.parametrize('name', [name for name in EXPERIMENTS if name not in (
    'training', 'weight_scales', 'recalibration')])
def test_figures_have_their_lines_units_and_legends(name):
    figure = FIGURES[name](kinds_of(name))
    assert '2 seeds' in figure._suptitle.get_text()
    assert [axes.get_ylabel() for axes in figure.axes] == ['test accuracy (%)'] + [''] * (len(figure.axes) - 1)
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_xscale() == 'log'
        assert len(axes.get_legend().get_texts()) == len(axes.lines) >= 2


def test_the_course_of_training_has_a_panel_for_each_setting():
    panels = FIGURES['training'](kinds_of('training')).axes
    assert ['0.01²' in axes.get_title() for axes in panels] == [True, False, False]
    assert ['learning rate 1 ' in axes.get_title() for axes in panels] == [False, False, True]
    for axes, accuracy in zip(panels, (10, 70, 10)):
        norm, plain = axes.lines
        assert [norm.get_label(), plain.get_label()] == ['batch norm before the activation', 'no batch norm']
        assert norm.get_xdata()[0] == 10
        assert norm.get_xdata()[-1] == 200
        np.testing.assert_allclose(norm.get_ydata(), 90)
        np.testing.assert_allclose(plain.get_ydata(), accuracy)
        assert axes.get_ylim()[1] < 105


def test_lines_are_where_the_numbers_are():
    axes, = FIGURES['learning_rates'](kinds_of('learning_rates')).axes
    line = next(line for line in axes.lines if line.get_label() == 'no batch norm')
    np.testing.assert_allclose(line.get_ydata(), [10, 10, 90, 90, 10, 10, 10, 10, 10, 10])


def test_the_heat_maps_say_their_numbers():
    figure = FIGURES['weight_scales'](kinds_of('weight_scales'))
    norm, plain, colors = figure.axes
    for axes in (norm, plain):
        assert len(axes.texts) == 6 * 7
        assert axes.get_xlabel().startswith('learning rate')
    at_best = next(text for text in plain.texts if text.get_text() == '90')
    assert at_best.get_position() == (3, 3)  # 0.1 and 0.1
    assert 'test accuracy (%)' in colors.get_ylabel()


def test_recalibration_shows_all_statistics():
    kinds = kinds_of('recalibration')
    for kind in kinds:
        kind['batch_acc'] = kind['recalibrated_acc']
    small, large = FIGURES['recalibration'](kinds).axes
    for axes in (small, large):
        assert len(axes.lines) == 4
    assert 'recalibrated' in [text.get_text() for text in small.get_legend().get_texts()]


def test_runs_that_ended_early_are_marked():
    def world(run):
        return result(run, 0.1, 'diverged' if run.lr > 10 else 'finished')

    axes, = FIGURES['learning_rates'](kinds_of('learning_rates', world)).axes
    crosses = [line for line in axes.lines if line.get_marker() == 'x']
    assert [line.get_xdata().tolist() for line in crosses] == [[30, 100]] * 2
    norm, _, _ = FIGURES['weight_scales'](kinds_of('weight_scales', lambda run: result(
        run, 0.1, 'diverged' if run.lr == 3 else 'finished'))).axes
    assert sum('diverged' in text.get_text() for text in norm.texts) == 6
    axes = FIGURES['batch_sizes'](kinds_of('batch_sizes')).axes[0]
    cross, = (line for line in axes.lines if line.get_marker() == 'X')
    assert cross.get_xdata().tolist() == [1]
    assert cross.get_transform() == axes.get_xaxis_transform()  # not at 0 %, or at any other accuracy
    assert 'refused (no accuracy)' in cross.get_label()


def test_the_table_has_what_differs_and_what_came_out():
    lines = table(kinds_of('batch_sizes')).splitlines()
    assert lines[0] == ('| batch norm | learning rate (on the mean loss) | batch size (images) | steps | '
                        'test accuracy | loss |  |')
    assert lines[2] == '| before | 0.01 | 1 | 4096 |  |  | refused: 2 of 2 |'
    assert lines[3] == '| before | 0.01 | 2 | 2048 | 0.600 ± 0.000 | 1.000 ± 0.000 |  |'
    assert lines[-1] == 'refused: because'
    assert len(lines) == 2 + 2 * 3 * 10 + 2
    lines = table(kinds_of('recalibration')).splitlines()
    assert lines[0] == '| batch size (images) | momentum | steps | test accuracy | recalibrated | loss |  |'
    assert lines[2] == '| 4 | 0.9 | 10 | 0.500 ± 0.000 | 0.800 ± 0.000 |  |  |'
    assert len(lines) == 2 + 4 * 3


def test_an_experiment_leaves_its_results_its_table_and_its_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, 'sweep',
                        lambda folder, name, runs, processes, report: [AS_EXPECTED['eps'](run) for run in runs])
    kinds = run_experiment('eps', tmp_path, EXPERIMENTS['eps']([0]), report=len)
    assert (tmp_path / 'eps.md').read_text(encoding='utf-8') == table(kinds)
    assert (tmp_path / 'eps.png').read_bytes().startswith(b'\x89PNG')


def test_the_script_refuses_an_unknown_name_in_one_line(tmp_path, script_here):
    status, _, err = script_here(SCRIPT, 'learning_rate', '--output', tmp_path)
    assert status == 2
    assert err.strip() == ('sweep: there is no experiment learning_rate; expected one of: training, '
                           'learning_rates, positions, weight_scales, batch_sizes, momenta, eps, recalibration.')


@pytest.mark.parametrize(('arguments', 'message'), [
    (['--seeds', '0'], '--seeds is 0; it must be at least 1.'),
    (['--processes', '0'], '--processes is 0; it must be at least 1.'),
    (['--output', '/dev/null/folder'], "Not a directory: '/dev/null/folder'")])
def test_the_script_refuses_bad_options_in_one_line(script_here, arguments, message):
    status, _, error = script_here(SCRIPT, 'eps', *arguments)
    assert status == 2
    assert error.startswith('sweep: ')
    assert message in error
    assert error.count('\n') == 1


def test_a_second_sweep_in_the_same_folder_is_refused_in_one_line(script_here, tmp_path):
    with folder_locked(tmp_path):
        status, _, err = script_here(SCRIPT, 'eps', '--output', tmp_path)
    assert status == 2
    assert err == f'sweep: another process is at work in {tmp_path}; wait for it, or choose another folder.\n'


@pytest.mark.slow
def test_the_script_prints_the_table_and_draws_the_figure(tmp_path):
    arguments = ('batch_sizes', '--quick', '--seeds', '1', '--processes', '1', '--output', str(tmp_path))
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert '| before | 1 | 64 |  |  | refused: 1 of 1 |' in done.stdout
    assert 'refused: X has shape (1, 1, 28, 28), a batch of one' in done.stdout
    assert sorted(path.name for path in tmp_path.glob('*.*') if path.name != '.lock') == [
        'batch_sizes.jsonl', 'batch_sizes.md', 'batch_sizes.png']


@pytest.mark.slow
@pytest.mark.by_hand
@pytest.mark.parametrize('name', EXPERIMENTS)
def test_every_script_run_works_quickly(name, tmp_path):
    runs = EXPERIMENTS[name](range(2), **QUICK[name])
    kinds = run_experiment(name, tmp_path, runs, report=len)
    assert len(table(kinds).splitlines()) >= 2 + len(kinds)
