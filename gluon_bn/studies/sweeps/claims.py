"""What came out of the sweeps, in numbers: the seeds brought together, and the claims that must hold.

Each claim is a sentence with a margin, and speaks of every seed or of the mean over them, as it says.
"""
import numpy as np

from ...support.results import by_kind

TRAINED, GUESSING = 0.8, 0.2  # test accuracy: of all seeds above the one, below the other; ten classes
SCORES = {'test_acc': 'test accuracy', 'recalibrated_acc': 'recalibrated', 'batch_acc': "the test batch's own"}


def summary(results):
    """Bring the seeds together: a dict for each kind of run, in the order of their coming.

    Each has ``run`` (a dict without the seed), ``seeds``, ``status``, ``reason`` and ``loss`` (None if there is none),
    lists over the seeds; ``steps``, those after which the network was scored; and for each kind of score, of which
    ``test_acc`` is always there, an array ``(seeds, steps)``. A run that diverged keeps its last accuracy; one that was
    refused has nan.
    """
    kinds = []
    for run, of_run in by_kind(results, 'run'):
        names = [name for name in SCORES if any(name in score for result in of_run for score in result['scores'])]
        kinds.append({'run': run, 'steps': run['score_after'], 'seeds': [result['run']['seed'] for result in of_run],
                      **{name: [result[name] for result in of_run] for name in ('status', 'reason', 'loss')},
                      **{name: np.array([_course(result, name) for result in of_run])
                         for name in dict.fromkeys(['test_acc', *names])}})
    return kinds


def of(kinds, **values):
    """Those of ``kinds`` with these values in their runs."""
    return [kind for kind in kinds if all(kind['run'][name] == value for name, value in values.items())]


def values_of(kinds, name):
    """The values of a knob among ``kinds``, rising (None first)."""
    return sorted({kind['run'][name] for kind in kinds}, key=lambda value: (value is not None, value))


def final(kind, name='test_acc'):
    """The scores after the last step, one a seed."""
    return kind[name][:, -1]


def trained(kind):
    """Whether the networks of all seeds learned: test accuracy above 0.8."""
    return bool(np.all(final(kind) > TRAINED))


def guessing(kind):
    """Whether the networks of no seed got far from guessing: test accuracy below 0.2."""
    return bool(np.all(final(kind) < GUESSING))


def claims(name, kinds):
    """What the experiment ``name`` is to show, as a dict sentence -> whether ``kinds``, its summary, bear it out."""
    return {sentence: bool(holds) for sentence, holds in _CLAIMS[name](kinds).items()}


def trained_rates(kinds, **values):
    """The learning rates at which the networks with these values of the knobs learned, with all seeds."""
    return [kind['run']['lr'] for kind in of(kinds, **values) if trained(kind)]


def _training_claims(kinds):
    pairs = [(norm, plain) for norm, plain in zip(of(kinds, batch_norm='before'), of(kinds, batch_norm=None))]
    small, fast = (of(kinds, batch_norm=None, **{name: extreme(values_of(kinds, name))})
                   for name, extreme in (('weight_scale', min), ('lr', max)))
    return {
        "with batch norm the network trains (test accuracy above 0.8 for every seed) in each setting":
            all(trained(norm) for norm, _ in pairs),
        "after 50 steps and from there on, batch norm is ahead in each setting, on the mean over the seeds":
            all((norm['test_acc'] - plain['test_acc']).mean(axis=0)[np.array(norm['steps']) >= 50].min(initial=1) > 0
                for norm, plain in pairs),
        "without it, the network does not get beyond guessing (0.2) with the smallest weights":
            all(map(guessing, small)),
        "without it, the network does not get beyond guessing (0.2) at the highest learning rate":
            all(map(guessing, fast))}


def _learning_rate_claims(kinds):
    norm, plain = (trained_rates(kinds, batch_norm=position) for position in ('before', None))
    highest = of(kinds, lr=max(values_of(kinds, 'lr')))
    return {
        "with batch norm the network trains (test accuracy above 0.8 for every seed) wherever it does without":
            bool(plain) and set(plain) <= set(norm),
        "the highest learning rate at which it trains is at least ten times as high with batch norm":
            bool(plain) and max(norm, default=0) >= 10 * max(plain),
        "at the highest learning rate of the sweep no network trains, with batch norm or without":
            not any(trained(kind) for kind in highest)}


def _position_claims(kinds):
    rates = sorted(set(trained_rates(kinds, batch_norm='before')) & set(trained_rates(kinds, batch_norm='after')))
    mean = {position: np.array([final(of(kinds, batch_norm=position, lr=lr)[0]).mean() for lr in rates])
            for position in ('before', 'after', None)}
    return {
        "batch norm trains in both positions at rates that are a factor of 30 apart":
            bool(rates) and max(rates) >= 30 * min(rates),
        "at these rates the two positions differ by less than 0.06, on the mean over the seeds":
            bool(rates) and np.abs(mean['before'] - mean['after']).max() < 0.06,
        "at these rates either is ahead of no batch norm, on the mean over the seeds":
            bool(rates) and (np.minimum(mean['before'], mean['after']) > mean[None]).all()}


def _weight_scale_claims(kinds):
    scales = values_of(kinds, 'weight_scale')
    rates = {position: {scale: trained_rates(kinds, batch_norm=position, weight_scale=scale) for scale in scales}
             for position in ('before', None)}
    best = [max(of(kinds, batch_norm='before', weight_scale=scale), key=lambda kind: final(kind).mean())['run']['lr']
            for scale in scales]
    small = [kind for kind in of(kinds, batch_norm=None) if kind['run']['weight_scale'] <= 0.01]
    return {
        "with batch norm there is a learning rate at which the network trains, for every scale of the weights":
            all(rates['before'].values()),
        "without batch norm, weights of scale 0.01 and less do not get beyond guessing (0.2) at any learning rate":
            bool(small) and all(guessing(kind) for kind in small),
        "the network trains at more than three times as many pairs of scale and rate with batch norm":
            sum(map(len, rates['before'].values())) > 3 * sum(map(len, rates[None].values())),
        "with batch norm, the largest weights need a higher learning rate than the smallest":
            best[-1] > best[0]}


def _batch_size_claims(kinds):
    ones, twos = (of(kinds, batch_size=size) for size in (1, 2))
    pairs = [(of(kinds, batch_norm='before', batch_size=kind['run']['batch_size'], lr=kind['run']['lr'])[0], kind)
             for kind in of(kinds, batch_norm=None) if kind['run']['batch_size'] >= 16]
    at_two = {kind['run']['batch_norm']: final(kind) for kind in of(twos, lr=0.1)}
    return {
        "batches of one are refused with batch norm, at every learning rate and seed, and never without":
            all((set(kind['status']) == {'refused'}) == (kind['run']['batch_norm'] is not None) for kind in ones),
        "with batches of two at a learning rate of 0.1, batch norm is behind by more than 0.1, for every seed":
            (at_two[None] - at_two['before'] > 0.1).all(),
        "with batches of 16 and more, batch norm is ahead at every learning rate, on the mean over the seeds":
            bool(pairs) and all(final(norm).mean() > final(plain).mean() for norm, plain in pairs)}


def _momentum_claims(kinds):
    def at_64(momentum, step):
        kind, = of(kinds, batch_size=64, momentum=momentum)
        return kind['test_acc'][:, kind['steps'].index(step)]

    four = {kind['run']['momentum']: kind['test_acc'][:, -1].mean() for kind in of(kinds, batch_size=4)}
    return {
        "momentum does not change training: the loss is the same to the last bit":
            all(kind['loss'] == of(kinds, batch_size=kind['run']['batch_size'])[0]['loss'] for kind in kinds),
        "after ten steps on 64 images, momentum 0.999 is behind 0.9 by more than 0.05, for every seed":
            (at_64(0.9, 10) - at_64(0.999, 10) > 0.05).all(),
        "after the last step on 64 images, momentum 0 and 0.9 differ by less than 0.03, for every seed":
            np.abs(at_64(0.9, kinds[0]['steps'][-1]) - at_64(0, kinds[0]['steps'][-1])).max() < 0.03,
        "after the last step on batches of 4, momentum 0 is behind 0.9 by more than 0.03, on the mean over the seeds":
            four[0.9] - four[0] > 0.03}


def _eps_claims(kinds):
    mean = {(kind['run']['weight_scale'], kind['run']['eps']): final(kind).mean() for kind in kinds}
    usual = [abs(accuracy - mean[scale, 1e-5]) for (scale, value), accuracy in mean.items() if value <= 1e-3]
    return {
        "up to 1e-3, eps changes the test accuracy by less than 0.03, on the mean over the seeds": max(usual) < 0.03,
        "an eps of 1 keeps weights of scale 0.01 from training beyond guessing (0.2)":
            guessing(of(kinds, weight_scale=0.01, eps=1.0)[0]),
        "weights of scale 0.1 train with an eps of 1, and not with 10":
            trained(of(kinds, weight_scale=0.1, eps=1.0)[0]) and guessing(of(kinds, weight_scale=0.1, eps=10.0)[0])}


def _recalibration_claims(kinds):
    def gain(momentum, size, step):
        kind, = of(kinds, momentum=momentum, batch_size=size)
        at = kind['steps'].index(step)
        return kind['recalibrated_acc'][:, at] - kind['test_acc'][:, at]

    return {
        "after 10 steps at momentum 0.99, recalibration gains more than 0.05, for every seed and both batch sizes":
            min(gain(0.99, size, 10).min() for size in (4, 64)) > 0.05,
        "after 1,000 steps on 64 images, it changes less than 0.01, for every seed and both momenta":
            max(np.abs(gain(momentum, 64, 1000)).max() for momentum in (0.9, 0.99)) < 0.01,
        "after 1,000 steps on batches of 4, it gains still, on the mean over the seeds, for both momenta":
            min(gain(momentum, 4, 1000).mean() for momentum in (0.9, 0.99)) > 0}


_CLAIMS = {'training': _training_claims, 'learning_rates': _learning_rate_claims, 'positions': _position_claims,
           'weight_scales': _weight_scale_claims, 'batch_sizes': _batch_size_claims, 'momenta': _momentum_claims,
           'eps': _eps_claims, 'recalibration': _recalibration_claims}


def _course(result, name):
    """The scores of one result at each of its run's steps; a run that diverged keeps the last one that there is."""
    known = {score['step']: score[name] for score in result['scores'] if name in score}
    last = known[max(known)] if known else np.nan
    return [known.get(step, last) for step in result['run']['score_after']]


