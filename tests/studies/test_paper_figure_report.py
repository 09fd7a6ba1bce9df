import json
from dataclasses import asdict

import numpy as np
import pytest

from gluon_bn.studies.paper_figure import STUDY
from gluon_bn.studies.paper_figure.experiments import PAPER, SETTINGS, jobs_of, jobs_of_figure
from gluon_bn.studies.paper_figure.report import (
    by_net,
    claims,
    describe,
    draw,
    movement,
    numbers_of,
    summary,
    table,
    tenths,
)
from gluon_bn.studies.paper_figure.training import recorded_steps
from gluon_bn.studies.study import conduct

STEPS = 1000


def made_up(setting, accuracy, percentile=lambda job, t: 1 - job.batch_norm * 0.5 * t):
    """Results as trainings would give them; ``t`` is the share of the training that is done."""
    return [{'job': json.loads(json.dumps(asdict(job))), 'records': [
        {'step': step, 'loss': 0.1, 'test_acc': accuracy(job, step / STEPS), 'train_acc': 1.0,
         'percentiles': (np.outer([1, 2, 3], np.ones(5)) * percentile(job, step / STEPS)).tolist()}
        for step in recorded_steps(STEPS)]} for job in jobs_of(setting, range(2), STEPS)]


def better(job, t):
    return 0.5 + 0.4 * t + 0.05 * job.batch_norm + 0.01 * job.seed


def steadier(job, t):
    return 1 + (1 - t) * (0.1 if job.batch_norm else 0.2)


AHEAD, HIGHER, STEADIER = range(3)


@pytest.mark.parametrize(('accuracy', 'percentile', 'holds'), [
    (better, steadier, [True, True, True]),
    (lambda job, t: 0.5, steadier, [False, False, True]),                                      # no difference
    (lambda job, t: better(job, t) - 0.1 * (job.batch_norm and t <= 0.1), steadier, [True, True, True]),
    (lambda job, t: better(job, t) - 0.1 * (job.batch_norm and 0.19 < t < 0.21), steadier, [False, True, True]),
    (lambda job, t: better(job, t) - 0.1 * (job.batch_norm and t == 1), steadier, [False, False, True]),
    (lambda job, t: better(job, t) - 0.09 * (job.batch_norm and job.seed), steadier, [True, True, True]),  # the mean
    (better, lambda job, t: 2 - t, [True, True, False]),
    (better, lambda job, t: steadier(job, t) + 10 * (job.batch_norm and t < 0.1), [True, True, True])])
def test_claims_hold_where_they_are_true_and_fail_where_they_are_not(accuracy, percentile, holds):
    assert list(claims(by_net(made_up('sgd-0.1', accuracy, percentile))).values()) == holds


def test_tenths_and_movement_are_what_they_say():
    pair = by_net(made_up('sgd-0.1', better, steadier))
    np.testing.assert_allclose(tenths(pair[True]), [0.5 + 0.4 * k / 10 + 0.05 + 0.005 for k in range(1, 11)])
    # the looks after the first tenth are at 15, 20 ... 100 %; 1, 2, 3 times (1 + 0.1 (1 - t)) end at 1, 2, 3
    distance = np.mean([0.1 * (1 - k / 20) * number for k in range(3, 21) for number in (1, 2, 3)])
    np.testing.assert_allclose(movement(pair[True]), np.full((2, 5), distance / (3 - 1)))
    np.testing.assert_allclose(movement(pair[False]), 2 * movement(pair[True]))


def test_movement_is_the_same_in_other_units_of_the_input():
    pair = by_net(made_up('sgd-0.1', better, steadier))
    before = movement(pair[True])
    pair[True]['percentiles'] = 7 * pair[True]['percentiles'] - 3
    np.testing.assert_allclose(movement(pair[True]), before)


def test_numbers_and_table_have_means_and_spreads_of_the_seeds():
    nets = {setting: by_net(made_up(setting, better, steadier)) for setting in SETTINGS}
    assert numbers_of(nets['keras'][True])['final_test_acc'] == pytest.approx([0.95, 0.96])
    lines = table(nets).splitlines()
    assert len(lines) == 2 + 2 * len(SETTINGS)
    assert lines[2].startswith('| sgd-0.1 | with batch norm | 0.9550 ± 0.0071 | 1.0000 ± 0.0000 |')
    assert {line.count('|') for line in lines} == {6}


def test_the_table_has_the_spread_of_the_seeds_movements():
    net = by_net(made_up('sgd-0.1', better, lambda job, t: 1 + (1 - t) * (0.1 + 0.1 * job.seed)))
    first, second = movement(net[True]).mean(axis=1)
    assert second == pytest.approx(2 * first)
    assert numbers_of(net[True])['movement'] == pytest.approx([first, second])
    assert table({'sgd-0.1': net}).splitlines()[2].endswith(
        f' | {1.5 * first:.3f} ± {(second - first) / 2 ** 0.5:.3f} |')


def test_the_sigmoid_that_is_drawn_is_the_median_one_of_the_first_seed():
    pair = by_net(made_up('sgd-0.1', better))
    for net in pair.values():
        t = np.array(net['steps']) / STEPS
        moved = np.array([[.1, .5, .3, .2, .4], [.3, .1, .2, .4, .5]])                       # (seeds, units)
        net['percentiles'] = np.array([10, 20, 30])[:, None] + (1 - t)[:, None, None] * moved[:, None, None, :]
    figure = draw({'sgd-0.1': pair})
    accuracies, *others = figure.axes
    for axes in others:
        assert 'input of sigmoid 2, seed 0' in axes.get_title()
        np.testing.assert_allclose([line.get_ydata()[0] for line in axes.lines],
                                   [30 + 0.3 * (1 - t[0]), 20 + 0.3 * (1 - t[0]), 10 + 0.3 * (1 - t[0])])
    assert accuracies.get_ylim() == pytest.approx((100 * 0.545 - 5, 98.5))  # after the first tenth, and at the end


def test_a_figure_says_of_which_loss_its_learning_rate_is():
    assert describe(by_net(made_up('sgd-0.1', better))) == (
        'SGD at 0.00167 on the summed loss of a batch (0.1 on its mean), batch 60, Gaussian weights of deviation 0.1')
    assert describe(by_net(made_up('keras', better))) == (
        'RMSprop at 0.001 on the mean loss of a batch, batch 60, Glorot uniform weights')


def test_the_figure_has_its_lines_units_and_legends():
    figure = draw({setting: by_net(made_up(setting, better, steadier)) for setting in SETTINGS})
    assert len(figure.axes) == 3 * len(SETTINGS)
    for axes in figure.axes:
        assert axes.get_xlabel() == 'steps'
        assert axes.get_ylabel() in ('test accuracy (%)', 'input of the sigmoid')
        assert len(axes.get_legend().get_texts()) == len(axes.lines) == (2 if '(a)' in axes.get_title() else 3)
    a, b, c = figure.axes[:3]
    assert a.lines[0].get_ydata()[-1] == pytest.approx(95.5)
    assert [line.get_ydata()[-1] for line in b.lines] == [3, 2, 1]
    assert b.get_title().startswith('(b) without')
    assert c.get_title().startswith('(c) with batch norm')
    assert b.get_ylim() == c.get_ylim()


def test_what_is_made_is_written_and_said(tmp_path):
    def train(folder, jobs, data_dir, processes, report):
        results = {(result['job']['lr'], result['job']['seed'], result['job']['batch_norm']): result
                   for setting in SETTINGS for result in made_up(setting, lambda job, t: 1 - better(job, t))}
        return [results[job.lr, job.seed, job.batch_norm] for job in jobs]

    said = []
    experiment = {'paper_figure': jobs_of_figure(range(2), ['sgd-0.02', 'keras'], STEPS)}
    found = conduct(STUDY, experiment, tmp_path, report=said.append, train=train)['paper_figure']
    assert len(found) == 3
    assert not any(found.values())
    with open(tmp_path / 'paper_figure.json', encoding='utf-8') as file:
        written = json.load(file)['settings']
    assert {f'sgd-0.02: {sentence}': holds for sentence, holds in written['sgd-0.02']['claims'].items()} == found
    assert list(written) == ['sgd-0.02', 'keras']
    assert [content['demanded'] for content in written.values()] == [setting in PAPER for setting in written]
    assert written['keras']['without']['final_test_acc'] == pytest.approx([0.1, 0.09])
    assert (tmp_path / 'paper_figure.png').read_bytes().startswith(b'\x89PNG')
    assert 'FAILS: sgd-0.02: with batch norm the net is ahead at every tenth of training after the first' in said
    assert 'not so: keras: with batch norm the net ends higher' in said
    said.clear()
    conduct(STUDY, experiment, tmp_path, report=said.append, judged=False, train=train)
    assert said[1:] == ['The claims are not judged: the trainings are too short.']


def test_a_summary_tells_the_settings_apart():
    nets = summary([result for setting in SETTINGS for result in made_up(setting, better)])
    assert list(nets) == list(SETTINGS)
    assert [nets[setting][True]['job']['lr'] for setting in SETTINGS] == [v['lr'] for v in SETTINGS.values()]


@pytest.mark.slow
@pytest.mark.by_hand
def test_every_claim_of_the_paper_holds_in_a_fifth_of_the_steps_of_its_setting(tmp_path):
    """The whole figure, `python scripts/paper_figure.py`, takes 23 minutes; this takes minutes."""
    found = conduct(STUDY, {'paper_figure': jobs_of_figure(range(3), ['sgd-0.1'], 10_000)}, tmp_path)['paper_figure']
    assert all(found.values()), found


def test_the_best_accuracy_is_that_of_each_seed():
    net = by_net(made_up('sgd-0.1', lambda job, t: 0.5 + job.seed * 0.1 + t * (1 - t)))[True]
    assert numbers_of(net)['best_test_acc'] == pytest.approx([0.75, 0.85])
