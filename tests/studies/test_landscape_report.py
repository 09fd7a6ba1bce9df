import json
from dataclasses import asdict
from functools import partial

import pytest

from gluon_bn.studies.landscape import STUDY
from gluon_bn.studies.landscape.figures import FIGURES, STYLES
from gluon_bn.studies.landscape.training import EXPERIMENTS, KINDS
from gluon_bn.studies.study import conduct, judge

claims = partial(judge, STUDY)
every_case = pytest.mark.parametrize('name', EXPERIMENTS)


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
    largest = max(job.learning_rate for job in jobs) if 'learning_rates' in name else float('inf')
    small = 'small_weights' in name
    return made_up(jobs, roughness=lambda job: 1. if normalized(job) != small else 4.,
                   loss=lambda job: 0.1 if normalized(job) else 2. if job.learning_rate == largest else 0.3,
                   move=lambda job: 0.3 if job.kind.startswith('noisy') else 0.001 if normalized(job) else 0.1,
                   acc=lambda job: 0.95 if normalized(job) else 0.1 if small or job.learning_rate == largest else 0.9)


@every_case
def test_claims_hold_where_they_are_true_and_fail_where_they_are_not(name):
    jobs = EXPERIMENTS[name](range(2))
    assert all(claims(name, as_expected(name, jobs)).values())
    same = made_up(jobs, *[lambda job: 0.5] * 4)
    assert not any(claims(name, same).values())


def test_one_seed_that_does_otherwise_makes_a_claim_fail():
    jobs = EXPERIMENTS['noise-lenet'](range(3))
    results = as_expected('noise', jobs)
    results[-4]['losses'] = [0.5] * 40   # noisy batch norm, the last seed: worse than without batch norm
    assert results[-4]['job']['kind'] == 'noisy_batch_norm'
    assert sum(not holds for holds in claims('noise-lenet', results).values()) == 2


def test_one_seed_whose_inputs_move_less_makes_a_claim_fail():
    results = as_expected('noise', EXPERIMENTS['noise-lenet'](range(3)))
    noisy, = [r for r in results if (r['job']['kind'], r['job']['seed']) == ('noisy_batch_norm', 2)]
    for record in noisy['measured']:
        record['inputs']['3'] = {**record['inputs']['3'], 'std_shift': 0.}
    assert [name for name, holds in claims('noise-lenet', results).items() if not holds] == [
        'and so do their standard deviations']


@every_case
def test_figures_have_their_axes_units_and_legends(name):
    jobs = EXPERIMENTS[name](range(2))
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
    results = as_expected('learning_rates', EXPERIMENTS['learning_rates-lenet'](range(2)))
    figure = FIGURES['learning_rates-lenet']['landscape-lenet'](results)
    for without, with_norm, *_ in (figure.axes[i:i + 4] for i in range(0, 12, 4)):
        assert [len(axes.collections) for axes in (without, with_norm)] == [1, 1]
        assert without.get_ylim() == with_norm.get_ylim()
        assert 'without batch norm' in without.get_title()
    noise = FIGURES['noise-lenet']['noise-lenet'](as_expected('noise', EXPERIMENTS['noise-lenet'](range(2))))
    assert [len(noise.axes[i].collections) for i in (0, 2)] == [0, 0]


def band_at(axes, number, step):
    """From where to where a band reaches there."""
    at = [y for x, y in axes.collections[number].get_paths()[0].vertices if x == step]
    return min(at), max(at)


def test_the_range_along_the_gradient_is_that_of_each_step():
    results = as_expected('learning_rates', EXPERIMENTS['learning_rates-lenet'](range(2)))
    for result in results:
        for record in result['measured']:
            record['losses'] = [5., 9. + result['job']['seed'] + record['step'], 1. + record['step'] / 4]
    plain, *_ = FIGURES['learning_rates-lenet']['landscape-lenet'](results).axes
    assert [band_at(plain, 0, step) for step in (0, 2)] == [(1, 9.5), (1.5, 11.5)]


def test_the_figure_of_noise_has_each_number_at_its_step_and_net():
    """The loss is the mean of a fiftieth of the steps, at the last of them; an input's band, the first seed's."""
    results = as_expected('noise', EXPERIMENTS['noise-lenet'](range(2)))
    for at, result in enumerate(results):
        result['losses'] = [1. + step for step in range(200)]
        result['test_acc'], result['test_acc_batch'] = at / 10, at / 20
        for record in result['measured']:
            record['inputs']['3'] = {'mean_shift': 1. + record['step'] + at, 'std_shift': 0.5,
                                     'unit': [record['step'], 1. + at]}
    figure = FIGURES['noise-lenet']['noise-lenet'](results)
    loss, accuracies, moves, *inputs = figure.axes
    kinds = list(dict.fromkeys(result['job']['kind'] for result in results))
    assert [line.get_label() for line in loss.lines] == [STYLES[kind][2] for kind in STYLES if kind in kinds]
    for line in loss.lines:
        assert line.get_xdata().tolist() == list(range(4, 201))
        assert line.get_ydata()[[0, -1]].tolist() == [2.5, 198.5]
    of_kind = [[result for result in results if result['job']['kind'] == kind] for kind in STYLES if kind in kinds]
    for line, chosen in zip(moves.lines, of_kind):
        assert line.get_ydata().tolist() == [sum(result['measured'][step]['inputs']['3']['mean_shift']
                                                 for result in chosen) / 2 for step in range(4)]
    assert [sorted(line.get_ydata()) for line in accuracies.lines] == [
        [100 * result[name] for result in chosen] for name in ('test_acc', 'test_acc_batch') for chosen in of_kind]
    assert [list(line.get_xdata()) for line in accuracies.lines] == [
        [at + right] * 2 for right in (0, 0.2) for at in range(len(kinds))]
    for axes, chosen in zip(inputs, of_kind):
        std = chosen[0]['measured'][0]['inputs']['3']['unit'][1]
        assert axes.lines[0].get_ydata().tolist() == [0, 1, 2, 3]
        assert band_at(axes, 0, 2) == (2 - std, 2 + std)


def test_bands_reach_from_the_lowest_seed_to_the_highest():
    jobs = EXPERIMENTS['small_weights-sigmoid_mlp'](range(3))
    results = made_up(jobs, lambda job: 1. + job.seed, *[lambda job: 0.5] * 3)
    smoothness = FIGURES['small_weights-sigmoid_mlp']['small_weights-sigmoid_mlp'](results).axes[3]
    for line, band in zip(smoothness.lines, smoothness.collections):
        assert set(line.get_ydata()) == {2}
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == (1, 3)


def test_figures_of_a_divergence_and_of_one_seed():
    jobs = EXPERIMENTS['learning_rates-lenet'](range(2))
    results = as_expected('learning_rates', jobs)
    results[0].update(diverged=2, measured=results[0]['measured'][:2], losses=[1., 2., None])
    for draw in FIGURES['learning_rates-lenet'].values():
        draw(results)
    noise = as_expected('noise', EXPERIMENTS['noise-lenet']([0]))
    noise[0].update(diverged=2, measured=noise[0]['measured'][:2], losses=[1., 2., None])
    assert 'one seed' in FIGURES['noise-lenet']['noise-lenet'](noise)._suptitle.get_text()


@pytest.mark.parametrize('judged', [True, False])
def test_an_experiment_says_its_name_its_claims_and_the_table_of_all(tmp_path, judged):
    said = []
    names = {'small_weights-sigmoid_mlp': 'small_weights, sigmoid MLP'}
    if judged:
        names = {'learning_rates-lenet': 'learning_rates, LeNet', **names}
    found = conduct(STUDY, {name: EXPERIMENTS[name]([0], steps=40) for name in names}, tmp_path, report=said.append,
                    judged=judged, train=lambda folder, jobs, *_: made_up(jobs, *[lambda job: 0.5] * 4))
    lines = '\n'.join(said).splitlines()
    assert len([line for line in lines if line.startswith('FAILS: ')]) == sum(map(len, found.values())) == (
        9 if judged else 0)
    assert ('The claims are not judged: the trainings are too short.' in lines) != judged
    assert [line for line in lines if line in ('learning_rates, LeNet', 'small_weights, sigmoid MLP')] == [
        *names.values()]
    assert ('lowest loss at the end: without batch norm at 0.064, with it at 0.064' in lines) == (len(names) == 2)
    assert '| network | one seed | with batch norm | without |' in lines


@pytest.mark.slow
@pytest.mark.by_hand
def test_real_trainings_give_files_and_are_read_the_second_time(tmp_path):
    said = []
    options = {'report': said.append, 'processes': 1}
    settings = {'steps': 60, 'measure_every': 20, 'batch_size': 16, 'test_images': 500}
    experiments = {name: EXPERIMENTS[name]([0], **settings) for name in (
        'noise-sigmoid_mlp', 'small_weights-sigmoid_mlp', 'noise-lenet')}
    verdicts = conduct(STUDY, experiments, tmp_path, **options)
    assert {path.name for path in tmp_path.iterdir()} == {
        '.lock', 'jobs', 'noise-sigmoid_mlp.json', 'noise-sigmoid_mlp.png', 'noise-lenet.json', 'noise-lenet.png',
        'small_weights-sigmoid_mlp.json', 'small_weights-sigmoid_mlp.png'}
    with open(tmp_path / 'noise-lenet.json', encoding='utf-8') as file:
        written = json.load(file)
    assert written['claims'] == verdicts['noise-lenet']
    assert len(written['numbers']) == len(KINDS)
    assert said[0] == '10 trainings, 0 of them done before.'
    assert conduct(STUDY, {'noise-lenet': experiments['noise-lenet']}, tmp_path, **options).items() <= verdicts.items()


@pytest.mark.parametrize(('kind', 'acc'), [('plain', 0.95), ('batch_norm', 0.1)])
def test_small_weights_one_seed_that_does_otherwise_makes_the_claim_fail(kind, acc):
    name = 'small_weights-sigmoid_mlp'
    results = as_expected(name, EXPERIMENTS[name](range(3)))
    next(result for result in results if result['job']['kind'] == kind)['test_acc'] = acc
    claim, *others = claims(name, results).values()
    assert not claim
    assert all(others)
