from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from gluon_bn.studies.study import judge, select, values_of
from gluon_bn.studies.sweeps import STUDY
from gluon_bn.studies.sweeps.claims import final, guessing, summary, trained
from gluon_bn.studies.sweeps.experiments import EXPERIMENTS

claims = partial(judge, STUDY)


def result(run, accuracy, status='finished', **scores):
    steps = [] if status == 'refused' else run.score_after[:1] if status == 'diverged' else run.score_after
    return {'job': {**vars(run), 'score_after': list(run.score_after)}, 'status': status,
            'reason': 'because' if status == 'refused' else None, 'loss': 1.0 if status == 'finished' else None,
            'scores': [{'step': step, 'test_acc': accuracy, **scores} for step in steps]}


def rates_world(run):
    low = {'before': 0.003, 'after': 0.003, None: 0.03}[run.batch_norm]
    high = {'before': 3, 'after': 3, None: 0.1}[run.batch_norm]
    return result(run, {'before': 0.94, 'after': 0.95, None: 0.9}[run.batch_norm] if low <= run.lr <= high else 0.1)


def scales_world(run):
    if run.batch_norm is None:
        return result(run, 0.9 if (run.weight_scale, run.lr) == (0.1, 0.1) else 0.1)
    return result(run, 0.95 if 0.09 <= run.lr / (1 + run.weight_scale) <= 2 else 0.5)


def sizes_world(run):
    if run.batch_norm and run.batch_size == 1:
        return result(run, None, 'refused')
    return result(run, 0.9 if run.batch_norm is None else 0.6 if run.batch_size < 16 else 0.95)


def momenta_world(run):
    return result(run, 0.9 - (0.2 if run.momentum == 0.999 else 0) - (
        0.1 if run.momentum == 0 and run.batch_size == 4 else 0))


def eps_world(run):
    return result(run, 0.95 if run.eps <= {0.01: 0.01, 0.1: 1, 1.0: 10}[run.weight_scale] else 0.1)


def recalibration_world(run):
    made = result(run, 0)
    for score in made['scores']:
        late, small = score['step'] == 1000, run.batch_size == 4
        score.update(test_acc=0.9 if late else 0.5, recalibrated_acc=0.9 + 0.01 * small if late else 0.8)
    return made


def training_world(run):
    return result(run, 0.9 if run.batch_norm else 0.7 if (run.weight_scale, run.lr) == (0.1, 0.064) else 0.1)


AS_EXPECTED = {'training': training_world, 'learning_rates': rates_world, 'positions': rates_world,
               'weight_scales': scales_world, 'batch_sizes': sizes_world, 'momenta': momenta_world, 'eps': eps_world,
               'recalibration': recalibration_world}


def nothing_matters(run):
    return result(run, 0.85, recalibrated_acc=0.85)


@pytest.mark.parametrize('name', EXPERIMENTS)
def test_claims_hold_where_they_are_true_and_fail_where_they_are_not(name):
    runs = EXPERIMENTS[name](range(2))
    assert [sentence for sentence, holds in claims(name, summary(map(AS_EXPECTED[name], runs))).items()
            if not holds] == []
    assert not all(claims(name, summary(map(nothing_matters, runs))).values())


@pytest.mark.parametrize('name', EXPERIMENTS)
def test_every_claim_fails_in_some_world(name):
    """Random accuracies, statuses and losses: a claim that cannot fail would say nothing."""
    runs = EXPERIMENTS[name](range(2))
    held = {}
    rng = np.random.default_rng(0)
    worlds = [nothing_matters] + [
        lambda run: {**result(run, rng.uniform(), recalibrated_acc=rng.uniform()), 'loss': rng.uniform()}] * 20
    for world in worlds:
        for sentence, holds in claims(name, summary(map(world, runs))).items():
            held.setdefault(sentence, []).append(holds)
    assert [sentence for sentence, holds in held.items() if all(holds)] == []


def test_summary_brings_seeds_together_and_keeps_what_is_known_of_those_that_ended_early():
    first, second = EXPERIMENTS['momenta'](range(2), values=(0.9,), sizes=(4,), score_after=(1, 3, 10))
    kind, = summary([result(first, 0.5), result(second, 0.2, 'diverged')])
    assert kind['seeds'] == [0, 1]
    assert kind['status'] == ['finished', 'diverged']
    assert kind['loss'] == [1.0, None]
    assert kind['test_acc'].tolist() == [[0.5] * 3, [0.2] * 3]
    assert final(kind).tolist() == [0.5, 0.2]
    assert 'recalibrated_acc' not in kind
    refused, = summary([result(first, None, 'refused')])
    assert np.isnan(refused['test_acc']).all()
    assert not trained(refused)
    assert not guessing(refused)


def test_selecting():
    kinds = summary(map(rates_world, EXPERIMENTS['positions']([0], rates=(0.1, 100.0))))
    assert values_of(kinds, 'batch_norm') == [None, 'after', 'before']
    assert values_of(kinds, 'lr') == [0.1, 100.0]
    chosen, = select(kinds, batch_norm=None, lr=100.0)
    assert guessing(chosen)
    assert [trained(kind) for kind in select(kinds, lr=0.1)] == [True, True, True]


def with_other(result_of_run, chosen, accuracy):
    """The world ``result_of_run``, in which the chosen runs came out with another accuracy at every step and a loss."""
    def world(run):
        made = result_of_run(run)
        if chosen(run):
            made = {**result(run, accuracy, recalibrated_acc=1 - accuracy), 'loss': accuracy}
        return made
    return world


def flipped(name, runs, chosen):
    """The claims that hold as expected, and no longer when the chosen runs come out otherwise."""
    return {sentence for accuracy in (0.0, 0.3, 0.85, 1.0) for sentence, holds in claims(
        name, summary(map(with_other(AS_EXPECTED[name], chosen, accuracy), runs))).items() if not holds}


@pytest.mark.parametrize('name', EXPERIMENTS)
def test_one_result_that_is_otherwise_makes_a_claim_of_every_seed_fail(name):
    """And one kind of run a claim of all kinds: "every" is no "some"."""
    runs = EXPERIMENTS[name](range(2))
    sentences = claims(name, summary(map(AS_EXPECTED[name], runs)))
    kinds = list(dict.fromkeys(replace(run, seed=0) for run in runs))
    by_result, by_kind = set(), set()
    for kind in kinds:
        by_result |= flipped(name, runs, lambda run, kind=kind: run == kind)
        by_kind |= flipped(name, runs, lambda run, kind=kind: replace(run, seed=0) == kind)
    every_seed = {sentence for sentence in sentences if 'every seed' in sentence or 'to the last bit' in sentence}
    assert every_seed <= by_result
    some = {sentence for sentence in sentences
            if any(words in sentence for words in ('there is a', 'more than three times', 'a factor of 30'))}
    assert set(sentences) - some <= by_result | by_kind


def test_a_scale_at_which_nothing_trains_makes_the_claim_of_every_scale_fail():
    runs = EXPERIMENTS['weight_scales'](range(2))
    for scale in sorted({run.weight_scale for run in runs}):
        assert any('for every scale of the weights' in sentence
                   for sentence in flipped('weight_scales', runs, lambda run, scale=scale: run.weight_scale == scale))


@pytest.mark.parametrize('batch_size', [4, 64])
@pytest.mark.parametrize('momentum', [0.9, 0.99])
def test_what_is_said_of_both_batch_sizes_or_momenta_is_said_of_each(batch_size, momentum):
    runs = EXPERIMENTS['recalibration'](range(2))

    def chosen(run):
        return (run.batch_size, run.momentum, run.seed) == (batch_size, momentum, 0)

    def step_of(step, score):
        def world(run):
            made = recalibration_world(run)
            for entry in made['scores']:
                if chosen(run) and entry['step'] == step:
                    entry.update(recalibrated_acc=entry['test_acc'] + score)
            return made
        return [sentence for sentence, holds in claims('recalibration', summary(map(world, runs))).items() if not holds]

    early, late, small = claims('recalibration', summary(map(recalibration_world, runs)))
    assert step_of(10, 0.04) == ([early] if momentum == 0.99 else [])
    assert step_of(1000, 0.02) == ([late] if batch_size == 64 else [])
    assert step_of(1000, -0.05) == ([late] if batch_size == 64 else [small])


@pytest.mark.parametrize(('accuracies', 'is_trained', 'is_guessing'), [
    ((0.9, 0.85), True, False), ((0.9, 0.5), False, False), ((0.5, 0.9), False, False), ((0.8, 0.9), False, False),
    ((0.1, 0.19), False, True), ((0.1, 0.5), False, False), ((0.5, 0.1), False, False), ((0.1, 0.2), False, False)])
def test_trained_is_every_seed_and_guessing_is_every_seed(accuracies, is_trained, is_guessing):
    runs = EXPERIMENTS['learning_rates'](range(2), rates=(0.1,))
    kind = summary([result(run, accuracies[run.seed]) for run in runs if run.batch_norm == 'before'])[0]
    assert (trained(kind), guessing(kind)) == (is_trained, is_guessing)


@pytest.mark.parametrize('position', ['before', 'after'])
def test_both_positions_must_be_ahead_of_no_batch_norm(position):
    runs = EXPERIMENTS['positions'](range(2))
    *_, ahead = claims('positions', summary(map(rates_world, runs)))
    world = with_other(rates_world, lambda run: (run.batch_norm, run.lr) == (position, 0.1), 0.85)
    assert not claims('positions', summary(map(world, runs)))[ahead]


def test_a_claim_about_a_step_is_about_that_step_alone():
    runs = EXPERIMENTS['momenta'](range(2))
    _, ten, last, last_of_4 = claims('momenta', summary(map(momenta_world, runs)))

    def failing(batch_size, momentum, accuracy, steps):
        def world(run):
            made = momenta_world(run)
            for score in made['scores']:
                if (run.batch_size, run.momentum) == (batch_size, momentum) and score['step'] in steps:
                    score['test_acc'] = accuracy
            return made
        return [sentence for sentence, holds in claims('momenta', summary(map(world, runs))).items() if not holds]

    steps = runs[0].score_after
    for step in steps:
        assert failing(64, 0.999, 0.9, [step]) == ([ten] if step == 10 else [])
        assert failing(64, 0.0, 0.8, [step]) == ([last] if step == steps[-1] else [])
        assert failing(64, 0.9, 0.8, [step]) == ([last] if step == steps[-1] else [])
        assert failing(4, 0.0, 0.9, [step]) == ([last_of_4] if step == steps[-1] else [])


@pytest.mark.parametrize(('highest', 'holds'), [(0.3, False), (1.0, True), (3.0, True)])
def test_ten_times_the_learning_rate_is_ten_times(highest, holds):
    runs = EXPERIMENTS['learning_rates'](range(2))
    _, ten_times, _ = claims('learning_rates', summary(map(rates_world, runs)))  # without batch norm up to 0.1
    world = with_other(rates_world, lambda run: run.batch_norm == 'before' and run.lr > highest, 0.1)
    assert claims('learning_rates', summary(map(world, runs)))[ten_times] is holds


def judged(name, world):
    return list(claims(name, summary(map(world, EXPERIMENTS[name](range(2))))).values())


def test_with_batches_of_two_the_distance_counts_and_not_the_accuracy():
    world = with_other(sizes_world, lambda run: run.batch_norm and (run.batch_size, run.lr) == (2, 0.1), 0.85)
    assert judged('batch_sizes', world) == [True, False, True]


def test_the_losses_that_are_the_same_are_those_of_one_batch_size():
    assert all(judged('momenta', lambda run: {**momenta_world(run), 'loss': float(run.batch_size)}))
    assert judged('momenta', lambda run: {**momenta_world(run), 'loss': run.momentum}) == [False, True, True, True]


@pytest.mark.parametrize(('rate', 'holds'), [(3, True), (0.1, False)])
def test_the_best_rate_of_a_scale_is_that_with_batch_norm(rate, holds):
    largest = max(run.weight_scale for run in EXPERIMENTS['weight_scales']([0]))

    def world(run):  # without batch norm it is the other way round, and better
        if run.weight_scale == largest:
            best = run.lr == rate if run.batch_norm else run.lr == (0.1 if holds else 3)
        else:
            best = run.lr == 1
        return result(run, (0.9 if run.batch_norm else 0.99) if best else 0.5)

    *_, needs_a_higher_one = judged('weight_scales', world)
    assert needs_a_higher_one is holds


@pytest.mark.parametrize(('lowest', 'highest', 'holds'), [(0.1, 3, True), (0.03, 1, True), (0.1, 1, False)])
def test_thirty_times_the_learning_rate_is_thirty_times(lowest, highest, holds):
    world = with_other(rates_world, lambda run: run.batch_norm and not lowest <= run.lr <= highest, 0.1)
    assert judged('positions', world)[0] is holds


@pytest.mark.parametrize(('beside', 'name'), [
    ({'weight_scale': 0.01, 'lr': 0.1}, 'with the smallest weights'), ({'weight_scale': 0.2, 'lr': 1.}, 'highest')])
def test_one_setting_that_trains_without_batch_norm_is_beyond_guessing(beside, name):
    """Where there are several of the smallest weights, or of the highest rate, none of them may train."""
    runs = EXPERIMENTS['training'](range(2))
    others = [replace(run, **beside) for run in runs if (run.weight_scale, run.lr) == (0.1, 0.064)]
    world = [training_world(run) for run in runs] + [result(run, 0.9 if run.batch_norm else 0.8) for run in others]
    said = claims('training', summary(world))
    assert [sentence for sentence, holds in said.items() if not holds and 'guessing' in sentence] == [
        sentence for sentence in said if name in sentence]
