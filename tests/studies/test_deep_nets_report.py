import json
from functools import partial

import numpy as np
import pytest

from gluon_bn.studies.deep_nets import STUDY
from gluon_bn.studies.deep_nets import training as runs
from gluon_bn.studies.deep_nets.report import FIGURES, summary
from gluon_bn.studies.study import conduct, judge

claims = partial(judge, STUDY)


def made_up(jobs, accuracy):
    """Results as trainings would give them, with accuracies that are known."""
    return summary([{
        'job': {**vars(job), 'hidden': list(job.hidden)}, 'diverged': None,
        'losses': [loss(job, accuracy(job))] * (job.epochs * runs.NUM_TRAINING // job.batch_size),
        'train_acc': [0.1] + [accuracy(job)] * job.epochs, 'val_acc': [0.1] + [accuracy(job) / 2] * job.epochs}
        for job in jobs])


def loss(job, accuracy):
    return 2 - accuracy if job.normalization or job.weight_scale < 0.2 else 1e4


# For each experiment a world as expected, and one in which normalisation does nothing.
AS_EXPECTED = {
    'deep_net': lambda job: 0.9 if job.normalization else 0.5,
    'weight_scales': lambda job: 0.8 if job.normalization else 0.5 if job.weight_scale > 1e-2 else 0.11,
    'batch_sizes': lambda job: 0.5 + 0.01 * job.batch_size * bool(job.normalization) - 0.005 * job.batch_size,
    'small_batches': lambda job: 0.7 if job.normalization == 'layernorm' else 0.1 + 0.05 * job.batch_size}


@pytest.mark.parametrize('name', runs.EXPERIMENTS)
def test_claims_hold_where_they_are_true_and_fail_where_they_are_not(name):
    jobs = runs.EXPERIMENTS[name](range(2), epochs=2)
    assert all(claims(name, made_up(jobs, AS_EXPECTED[name])).values())
    assert not all(claims(name, made_up(jobs, lambda job: 0.5)).values())


@pytest.mark.parametrize('name', runs.EXPERIMENTS)
def test_figures_have_their_lines_units_and_legends(name):
    jobs = runs.EXPERIMENTS[name](range(2), epochs=2)
    figure = FIGURES[name][name](made_up(jobs, AS_EXPECTED[name]))
    loss, train, val = figure.axes
    assert '(nats per image)' in loss.get_ylabel()
    assert 'training accuracy (%)' in train.get_ylabel()
    assert 'validation accuracy (%)' in val.get_ylabel()
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert len(axes.get_legend().get_texts()) == len(axes.lines) >= 2


@pytest.mark.parametrize(('name', 'marked'), [('deep_net', False), ('batch_sizes', True)])
def test_losses_have_marks_where_a_point_is_an_epoch(name, marked):
    figure = FIGURES[name][name](made_up(runs.EXPERIMENTS[name](range(2), epochs=2), AS_EXPECTED[name]))
    assert {line.get_marker() not in ('None', None) for line in figure.axes[0].lines} == {marked}


def course(job):
    """Other losses and accuracies in each batch and epoch, for each job and seed."""
    kind = [None, 'batchnorm', 'layernorm'].index(job.normalization) + job.batch_size / 100 + job.weight_scale
    of_epochs = 0.1 + 0.01 * kind + 0.1 * np.arange(job.epochs + 1) + 0.02 * job.seed
    batches = job.epochs * runs.NUM_TRAINING // job.batch_size
    return {'job': {**vars(job), 'hidden': list(job.hidden)}, 'diverged': None,
            'losses': list(kind + job.seed + np.linspace(3, 2, batches)), 'train_acc': list(of_epochs),
            'val_acc': list(of_epochs / 2)}


def drawn(name, jobs):
    """The lines of each panel, label -> (x, y), and the results by normalisation, batch size and weight scale."""
    results = [course(job) for job in jobs]
    lines = [{line.get_label(): line.get_xydata().T for line in axes.lines}
             for axes in FIGURES[name][name](summary(results)).axes]
    of_kind = {}
    for result in results:
        job = result['job']
        of_kind.setdefault((job['normalization'], job['batch_size'], job['weight_scale']), []).append(result)
    return lines, of_kind


LABELS = {'batchnorm': 'batch norm', 'layernorm': 'layer norm', None: 'no normalisation'}


def test_the_lines_of_the_deep_nets_are_the_means_over_the_seeds():
    (losses, *accuracies), kinds = drawn('deep_net', runs.deep_net_jobs(range(3), epochs=2))
    for (normalization, *_), results in kinds.items():
        label = LABELS[normalization]
        np.testing.assert_allclose(losses[label], [1 + np.arange(40), np.mean([r['losses'] for r in results], axis=0)])
        for axes, name in zip(accuracies, ('train_acc', 'val_acc')):
            np.testing.assert_allclose(axes[label], [[0, 1, 2], 100 * np.mean([r[name] for r in results], axis=0)])


def test_the_lines_of_the_weight_scales_are_of_the_last_epoch_and_the_best():
    scales = (1e-3, 1e-2, 0.5)
    jobs = runs.weight_scale_jobs(range(2), epochs=2, scales=scales)
    (losses, *accuracies), kinds = drawn('weight_scales', jobs)
    for normalization in ('batchnorm', None):
        of_scales = [kinds[normalization, 50, scale] for scale in scales]
        last = [np.mean([r['losses'][20:] for r in results]) for results in of_scales]
        np.testing.assert_allclose(losses[LABELS[normalization]], [scales, last])
        for axes, name in zip(accuracies, ('train_acc', 'val_acc')):
            best = [100 * np.mean([max(r[name]) for r in results]) for results in of_scales]
            np.testing.assert_allclose(axes[LABELS[normalization]], [scales, best])


@pytest.mark.parametrize('name', ['batch_sizes', 'small_batches'])
def test_the_lines_of_the_batch_sizes_are_means_over_each_epoch(name):
    (losses, *accuracies), kinds = drawn(name, runs.EXPERIMENTS[name](range(2), epochs=2))
    assert len(kinds) == 6
    for (normalization, size, _), results in kinds.items():
        label, per_epoch = f'{LABELS[normalization]}, batch {size}', runs.NUM_TRAINING // size
        of_epochs = [np.mean([r['losses'][start:start + per_epoch] for r in results]) for start in (0, per_epoch)]
        np.testing.assert_allclose(losses[label], [[1, 2], of_epochs])
        for axes, what in zip(accuracies, ('train_acc', 'val_acc')):
            np.testing.assert_allclose(axes[label], [[0, 1, 2], 100 * np.mean([r[what] for r in results], axis=0)])


@pytest.mark.slow
def test_with_real_images_batch_norm_trains_where_without_it_does_not(tmp_path):
    """Experiments 1 and 2, small: real trainings, figures, JSON and the claims."""
    jobs = runs.weight_scale_jobs([0], epochs=6, scales=(2e-3, 0.5))
    said = []
    verdicts = conduct(STUDY, {'weight_scales': jobs}, tmp_path, processes=2, report=said.append)['weight_scales']
    assert all(verdicts.values()), said
    with open(tmp_path / 'weight_scales.json', encoding='utf-8') as file:
        written = json.load(file)
    assert written['claims'] == verdicts
    assert len(written['results']) == 4
    assert written['results'][0]['best_train_acc_mean'] == max(written['results'][0]['train_acc'][0])
    assert (tmp_path / 'weight_scales.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.slow
@pytest.mark.by_hand
@pytest.mark.parametrize('name', runs.EXPERIMENTS)
def test_every_claim_holds_in_full(name, tmp_path):
    verdicts = conduct(STUDY, {name: runs.EXPERIMENTS[name](range(3))}, tmp_path)[name]
    assert all(verdicts.values()), verdicts


def otherwise(name, jobs, chosen, **changes):
    """The claims that hold as expected, and no longer when the results of the chosen jobs are changed."""
    kinds = made_up(jobs, AS_EXPECTED[name])
    for kind in kinds:
        for at, seed in enumerate(kind['seeds']):
            if chosen(kind['job'], seed):
                for key, value in changes.items():
                    kind[key] = [*kind[key][:at], value, *kind[key][at + 1:]]
    return [sentence for sentence, holds in claims(name, kinds).items() if not holds]


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_what_is_said_of_every_seed_is_said_of_each(seed):
    jobs = runs.EXPERIMENTS['deep_net'](range(3), epochs=2)
    loss_lower, accuracy_higher = claims('deep_net', made_up(jobs, AS_EXPECTED['deep_net']))
    for normalization, loss, accuracy in (('batchnorm', 9., 0.4), (None, 0., 0.95)):
        def chosen(job, s, normalization=normalization):
            return job['normalization'] == normalization and s == seed
        assert otherwise('deep_net', jobs, chosen, final_loss=loss) == [loss_lower]
        assert otherwise('deep_net', jobs, chosen, best_train_acc=accuracy) == [accuracy_higher]
    jobs = runs.EXPERIMENTS['small_batches'](range(3), epochs=2)
    smallest, _ = claims('small_batches', made_up(jobs, AS_EXPECTED['small_batches']))
    assert otherwise('small_batches', jobs, lambda job, s: job['batch_size'] == 2 and s == seed and
                     job['normalization'] == 'layernorm', best_train_acc=0.1) == [smallest]


@pytest.mark.parametrize('seed', [0, 1])
def test_a_scale_trains_when_all_seeds_do_and_fails_when_none_does(seed):
    jobs = runs.EXPERIMENTS['weight_scales'](range(2), epochs=2)
    wherever, steady, varies, beyond, smallest = claims('weight_scales', made_up(jobs, AS_EXPECTED['weight_scales']))
    scales = sorted({job.weight_scale for job in jobs})

    def at(scale, normalization):
        return lambda job, s: (job['weight_scale'], job['normalization'], s) == (scale, normalization, seed)

    assert otherwise('weight_scales', jobs, at(scales[-1], 'batchnorm'), best_train_acc=0.22) == [wherever]
    assert otherwise('weight_scales', jobs, at(scales[0], None), best_train_acc=0.22) == [smallest]
    assert otherwise('weight_scales', jobs, at(scales[3], 'batchnorm'), final_loss=100.) == [steady]
    assert otherwise('weight_scales', jobs, at(scales[3], 'batchnorm'), final_loss=0.) == []
    for factor, failing in ((3.9, []), (4.1, [steady])):  # the other seed has 1.2
        assert otherwise('weight_scales', jobs, at(scales[3], 'batchnorm'),
                         final_loss=1.2 * (2 * factor - 1)) == failing
    kinds = made_up(jobs, AS_EXPECTED['weight_scales'])
    for factor in (1., 99., 101.):
        changed = [{**kind, 'final_loss': [factor if kind['job']['weight_scale'] == scales[-1] else 1.] * 2}
                   for kind in kinds]
        assert claims('weight_scales', changed)[varies] is (factor > 100)
    assert not claims('weight_scales', [{**kind, 'best_train_acc': [0.3, 0.3]} for kind in kinds])[beyond]


def test_a_gain_from_larger_batches_is_over_the_mean_of_the_seeds():
    jobs = runs.EXPERIMENTS['batch_sizes'](range(2), epochs=2)
    faster, more = claims('batch_sizes', made_up(jobs, AS_EXPECTED['batch_sizes']))
    largest, smallest = max(job.batch_size for job in jobs), min(job.batch_size for job in jobs)

    def of_size(size, normalization):
        return lambda job, s: (job['batch_size'], job['normalization']) == (size, normalization)

    assert otherwise('batch_sizes', jobs, of_size(largest, None), train_acc=[0.1, 1., 1.]) == [faster, more]
    assert otherwise('batch_sizes', jobs, of_size(smallest, None), train_acc=[0.1, 0., 0.]) == [more]
    jobs = runs.EXPERIMENTS['small_batches'](range(2), epochs=2)
    _, gains = claims('small_batches', made_up(jobs, AS_EXPECTED['small_batches']))
    assert gains in otherwise('small_batches', jobs, lambda job, s: job['batch_size'] == 10 and
                              job['normalization'] == 'batchnorm', best_train_acc=0.)


def test_what_is_equal_is_no_gain_and_no_lead():
    """Half of what is said to be more is only as much: that bears out no claim."""
    jobs = runs.EXPERIMENTS['batch_sizes'](range(2), epochs=2)
    assert not any(claims('batch_sizes', made_up(jobs, lambda job: 0.5)).values())
    jobs = runs.EXPERIMENTS['small_batches'](range(2), epochs=2)
    assert not any(claims('small_batches', made_up(jobs, lambda job: 0.5)).values())
    jobs = runs.EXPERIMENTS['deep_net'](range(2), epochs=2)
    assert not any(claims('deep_net', made_up(jobs, lambda job: 0.5)).values())


def test_where_the_nets_train_at_the_same_scales_the_claim_of_every_scale_holds():
    jobs = runs.weight_scale_jobs(range(2), epochs=2)
    holds = claims('weight_scales', made_up(jobs, lambda job: 0.8))
    assert holds["with batch norm the nets train at every weight scale where they do without it"]
