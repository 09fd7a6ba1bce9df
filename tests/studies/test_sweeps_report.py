import json

import numpy as np
import pytest
from test_sweeps_claims import AS_EXPECTED, result

from gluon_bn.studies.study import conduct
from gluon_bn.studies.sweeps import STUDY
from gluon_bn.studies.sweeps.claims import summary
from gluon_bn.studies.sweeps.experiments import EXPERIMENTS, QUICK
from gluon_bn.studies.sweeps.report import FIGURES, table


def kinds_of(name, world=None, seeds=2):
    return summary(map(world or AS_EXPECTED[name], EXPERIMENTS[name](range(seeds))))


@pytest.mark.parametrize('name', [name for name in EXPERIMENTS if name not in (
    'training', 'weight_scales', 'recalibration')])
def test_figures_have_their_lines_units_and_legends(name):
    figure = FIGURES[name][name](kinds_of(name))
    assert '2 seeds' in figure._suptitle.get_text()
    assert [axes.get_ylabel() for axes in figure.axes] == ['test accuracy (%)'] + [''] * (len(figure.axes) - 1)
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_xscale() == 'log'
        assert len(axes.get_legend().get_texts()) == len(axes.lines) >= 2


def test_the_course_of_training_has_a_panel_for_each_setting():
    panels = FIGURES['training']['training'](kinds_of('training')).axes
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
    axes, = FIGURES['learning_rates']['learning_rates'](kinds_of('learning_rates')).axes
    line = next(line for line in axes.lines if line.get_label() == 'no batch norm')
    np.testing.assert_allclose(line.get_ydata(), [10, 10, 90, 90, 10, 10, 10, 10, 10, 10])


def test_the_heat_maps_say_their_numbers():
    figure = FIGURES['weight_scales']['weight_scales'](kinds_of('weight_scales'))
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
    small, large = FIGURES['recalibration']['recalibration'](kinds).axes
    for axes in (small, large):
        assert len(axes.lines) == 4
    assert 'recalibrated' in [text.get_text() for text in small.get_legend().get_texts()]


def test_runs_that_ended_early_are_marked():
    def world(run):
        return result(run, 0.1, 'diverged' if run.lr > 10 else 'finished')

    axes, = FIGURES['learning_rates']['learning_rates'](kinds_of('learning_rates', world)).axes
    crosses = [line for line in axes.lines if line.get_marker() == 'x']
    assert [line.get_xdata().tolist() for line in crosses] == [[30, 100]] * 2
    norm, _, _ = FIGURES['weight_scales']['weight_scales'](kinds_of('weight_scales', lambda run: result(
        run, 0.1, 'diverged' if run.lr == 3 else 'finished'))).axes
    assert sum('diverged' in text.get_text() for text in norm.texts) == 6
    axes = FIGURES['batch_sizes']['batch_sizes'](kinds_of('batch_sizes')).axes[0]
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


def test_an_experiment_leaves_its_numbers_its_table_and_its_figure(tmp_path):
    conduct(STUDY, {'eps': EXPERIMENTS['eps']([0])}, tmp_path, report=len,
            train=lambda folder, jobs, *_: [AS_EXPECTED['eps'](job) for job in jobs])
    assert (tmp_path / 'eps.md').read_text(encoding='utf-8') == table(kinds_of('eps', seeds=1)) + '\n'
    assert (tmp_path / 'eps.png').read_bytes().startswith(b'\x89PNG')
    assert len(json.loads((tmp_path / 'eps.json').read_text())['results']) == 21


@pytest.mark.slow
@pytest.mark.by_hand
@pytest.mark.parametrize('name', EXPERIMENTS)
def test_every_script_run_works_quickly(name, tmp_path):
    conduct(STUDY, {name: EXPERIMENTS[name](range(2), **QUICK[name])}, tmp_path, report=len, judged=False)
    assert (tmp_path / f'{name}.png').read_bytes().startswith(b'\x89PNG')


def test_the_titles_say_how_much_is_trained_with():
    kinds = kinds_of('batch_sizes')[::-1]  # the first one has no batches of one
    title = FIGURES['batch_sizes']['batch_sizes'](kinds)._suptitle.get_text()
    assert '4,096 training images, each once' in title
    assert 'steps' not in title  # there are more of them where batches are smaller
    assert '; 100 steps' in FIGURES['weight_scales']['weight_scales'](kinds_of('weight_scales'))._suptitle.get_text()
    panels = FIGURES['momenta']['momenta'](kinds_of('momenta')).axes
    assert [axes.get_title() for axes in panels] == ['batches of 4', 'batches of 64']
    kinds = [{**kind, 'batch_acc': kind['recalibrated_acc']} for kind in kinds_of('recalibration')]
    panels = FIGURES['recalibration']['recalibration'](kinds).axes
    assert [axes.get_title() for axes in panels] == ['trained on batches of 4', 'trained on batches of 64']
