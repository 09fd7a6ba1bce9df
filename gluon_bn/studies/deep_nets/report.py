"""Figures and numbers of the experiments, and the claims that the numbers must bear out."""
import numpy as np
from matplotlib.figure import Figure

from ...run.plots import draw_band
from ...support.results import json_safe, mean_and_spread, of_seeds
from ..study import seeds_together, select, values_of
from .training import NUM_TRAINING

TRAINED, UNTRAINED = 0.25, 0.2  # accuracy on 1,000 training images; guessing has 0.1 with a deviation of 0.01
_STYLES = {'batchnorm': ('tab:blue', 'o', 'batch norm'), 'layernorm': ('tab:green', '^', 'layer norm'),
           None: ('tab:orange', 's', 'no normalisation')}


def summary(results):
    """Bring the results of the seeds together: one dict for each kind of job, in the order of their coming.

    Each has ``job`` (without the seed), ``seeds``, and lists over the seeds: ``losses`` (every batch), ``train_acc``,
    ``val_acc`` (after the first batch, then each epoch), ``best_train_acc``, ``best_val_acc``, and ``final_loss``, the
    mean over the last epoch. A training that diverged has an infinite final loss.
    """
    return [{'job': job, 'seeds': [result['job']['seed'] for result in of_job],
             **{name: [result[name] for result in of_job] for name in ('losses', 'train_acc', 'val_acc')},
             'best_train_acc': [max(result['train_acc'], default=0) for result in of_job],
             'best_val_acc': [max(result['val_acc'], default=0) for result in of_job],
             'final_loss': [_final_loss(result) for result in of_job]} for job, of_job in seeds_together(results)]


def numbers(kinds):
    """All that :func:`summary` returned, with mean and spread of what the claims are about, as JSON can hold it."""
    return {'results': [json_safe({**kind, **_statistics(kind)}) for kind in kinds]}


def trained_scales(kinds, normalization):
    """The weight scales at which the nets of all seeds learned something (training accuracy above 0.25)."""
    return [kind['job']['weight_scale'] for kind in select(kinds, normalization=normalization)
            if min(kind['best_train_acc']) > TRAINED]


def untrained_scales(kinds, normalization):
    """The weight scales at which the nets of no seed got far from guessing (accuracy below 0.2)."""
    return [kind['job']['weight_scale'] for kind in select(kinds, normalization=normalization)
            if max(kind['best_train_acc']) < UNTRAINED]


def _deep_net_claims(kinds):
    (norm,), (plain,) = select(kinds, normalization='batchnorm'), select(kinds, normalization=None)
    return {
        "with batch norm the training loss of the last epoch is lower, for every seed":
            all(np.array(norm['final_loss']) < plain['final_loss']),
        "with batch norm the best training accuracy is higher, for every seed":
            all(np.array(norm['best_train_acc']) > plain['best_train_acc'])}


def _weight_scale_claims(kinds):
    with_norm, without = trained_scales(kinds, 'batchnorm'), trained_scales(kinds, None)
    failing = untrained_scales(kinds, None)
    losses = {name: [np.mean(kind['final_loss']) for kind in select(kinds, normalization=name)]
              for name in ('batchnorm', None)}
    return {
        "with batch norm the nets train at every weight scale where they do without it":
            set(without) <= set(with_norm),
        "over the weight scales, the final loss varies by less than a factor of 4 with batch norm":
            max(losses['batchnorm']) < 4 * min(losses['batchnorm']),
        "over the weight scales, the final loss varies by more than a factor of 100 without batch norm":
            max(losses[None]) > 100 * min(losses[None]),
        "with batch norm the nets train at weight scales where without it they do not get beyond guessing":
            bool(set(failing) & set(with_norm)),
        "without batch norm, the smallest weights do not train":
            min(kind['job']['weight_scale'] for kind in kinds) in failing}


def _batch_size_claims(kinds):
    sizes = values_of(kinds, 'batch_size')
    norm, plain = ([_mean_train_acc(kind) for size in sizes
                    for kind in select(kinds, normalization=name, batch_size=size)] for name in ('batchnorm', None))
    gain = np.subtract(norm, plain)
    return {
        "with the largest batches, batch norm learns faster than no normalisation": gain[-1] > 0,
        "what batch norm gains over no normalisation is more with the largest batches than with the smallest":
            gain[-1] > gain[0]}


def _small_batch_claims(kinds):
    smallest = min(kind['job']['batch_size'] for kind in kinds)
    batch, layer = (select(kinds, normalization=name, batch_size=smallest)[0] for name in ('batchnorm', 'layernorm'))
    return {
        "with the smallest batches, layer norm reaches a higher training accuracy than batch norm, for every seed":
            all(np.array(layer['best_train_acc']) > batch['best_train_acc']),
        "batch norm gains from larger batches":
            np.mean(select(kinds, normalization='batchnorm')[-1]['best_train_acc']) > np.mean(batch['best_train_acc'])}


CLAIMS = {'deep_net': _deep_net_claims, 'weight_scales': _weight_scale_claims, 'batch_sizes': _batch_size_claims,
          'small_batches': _small_batch_claims}


def draw_deep_net(kinds):
    """Loss of every batch, training and validation accuracy of every epoch, with and without batch norm."""
    return _draw_courses("Five hidden layers of 100, batch 50, Adam at 0.001", kinds, 'batches', lambda kind: (
        kind['losses'], '-', ''))


def draw_weight_scales(kinds):
    """Final loss, best training and validation accuracy over the scale of the initial weights."""
    figure, (loss_axes, *accuracy_axes) = _panels("Seven hidden layers of 50, batch 50, Adam at 0.001", kinds)
    for normalization in ('batchnorm', None):
        color, marker, label = _STYLES[normalization]
        chosen = select(kinds, normalization=normalization)
        scales = [kind['job']['weight_scale'] for kind in chosen]
        for axes, name, unit in ((loss_axes, 'final_loss', 1), (accuracy_axes[0], 'best_train_acc', 100),
                                 (accuracy_axes[1], 'best_val_acc', 100)):
            values = unit * np.array([kind[name] for kind in chosen]).T               # (seeds, scales)
            draw_band(axes, scales, values, color, marker, label)
            axes.set_xscale('log')
    loss_axes.set(xlabel='standard deviation of the initial weights', yscale='log',
                  ylabel='training loss, last epoch (nats per image)')
    _label_accuracies(accuracy_axes, 'standard deviation of the initial weights', 'best ')
    return figure


def draw_batch_sizes(kinds):
    """Loss, training and validation accuracy epoch by epoch, a line for each batch size and normalisation."""
    sizes = values_of(kinds, 'batch_size')

    def course(kind):
        size = kind['job']['batch_size']
        per_epoch = [np.reshape(losses, (-1, NUM_TRAINING // size)).mean(axis=1)
                     for losses in kind['losses']]                                    # (seeds, epochs)
        return per_epoch, ('-', '--', ':')[::-1][sizes.index(size) % 3], f', batch {size}'

    return _draw_courses("Five hidden layers of 100, Adam at 0.000316", kinds, 'epochs', course)


def _draw_courses(title, kinds, unit, course):
    """Losses over ``unit`` and accuracies over epochs; ``course(kind)``: its losses, its line, more for its label."""
    figure, (loss_axes, *accuracy_axes) = _panels(title, kinds)
    for kind in kinds:
        color, marker, label = _STYLES[kind['job']['normalization']]
        losses, line, more = course(kind)
        style = marker, label + more, line
        draw_band(loss_axes, 1 + np.arange(len(losses[0])), losses, color, marker if unit == 'epochs' else None,
                  *style[1:])
        for axes, name in zip(accuracy_axes, ('train_acc', 'val_acc')):
            draw_band(axes, np.arange(len(kind[name][0])), 100 * np.array(kind[name]), color, *style)
    loss_axes.set(xlabel=unit, ylabel='training loss (nats per image)')
    _label_accuracies(accuracy_axes, 'epochs')
    return figure


FIGURES = {name: {name: draw} for name, draw in {
    'deep_net': draw_deep_net, 'weight_scales': draw_weight_scales, 'batch_sizes': draw_batch_sizes,
    'small_batches': draw_batch_sizes}.items()}


def _panels(title, kinds):
    """A figure with three axes in a row."""
    figure = Figure(figsize=(15, 4.5), layout='constrained')
    spread = of_seeds(len(kinds[0]['seeds']), "mean and standard deviation")
    figure.suptitle(f"{title}; {NUM_TRAINING:,} CIFAR-10 images; {spread}")
    return figure, figure.subplots(1, 3)


def _label_accuracies(accuracy_axes, xlabel, prefix=''):
    for axes, which in zip(accuracy_axes, ('training', 'validation')):
        axes.set(xlabel=xlabel, ylabel=f'{prefix}{which} accuracy (%)')


def _mean_train_acc(kind):
    """The mean training accuracy over epochs and seeds: how fast it was learned."""
    return float(np.mean([accuracies[1:] for accuracies in kind['train_acc']]))


def _statistics(kind):
    """Mean and spread over the seeds of the numbers that the claims are about."""
    return {f'{name}_{what}': float(value) for name in ('best_train_acc', 'best_val_acc', 'final_loss')
            for what, value in zip(('mean', 'spread'), mean_and_spread(kind[name]))}


def _final_loss(result):
    last_epoch = result['losses'][-(NUM_TRAINING // result['job']['batch_size']):]
    return float('inf') if result['diverged'] else float(np.mean(last_epoch))
