"""What came out of the experiments: their figures, their numbers, and the claims that the numbers must bear out."""
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ...run.plots import draw_band
from ...support.files import atomic_write
from ...support.results import finite, mean_and_spread
from . import runs

TRAINED, UNTRAINED = 0.25, 0.2  # accuracy on 1,000 training images; guessing has 0.1 with a deviation of 0.01
_STYLES = {'batchnorm': ('tab:blue', 'o', 'batch norm'), 'layernorm': ('tab:green', '^', 'layer norm'),
           None: ('tab:orange', 's', 'no normalisation')}


def run_experiment(name, folder, jobs, data_dir=None, processes=None, report=print, judged=True):
    """Do one of ``runs.EXPERIMENTS``; write ``<name>.json`` and ``<name>.png`` to ``folder``.

    Returns the claims as a dict sentence -> bool; see :func:`claims`. With ``judged=False``, for trainings too short to
    show anything, there are none. Raises what ``runs.run`` raises.
    """
    folder = Path(folder)
    kinds = runs.summary(runs.run(folder, jobs, data_dir, processes, report))
    verdicts = claims(name, kinds) if judged else {}
    figure = FIGURES[name](kinds)
    with atomic_write(folder / f'{name}.png') as file:
        figure.savefig(file, format='png', dpi=120)
    with atomic_write(folder / f'{name}.json', 'w') as file:
        json.dump({'experiment': name, 'data': str(data_dir or 'embedded'), 'claims': verdicts,
                   'results': [finite({**kind, **_statistics(kind)}) for kind in kinds]}, file, indent=1)
    for sentence, holds in verdicts.items():
        report(f"{'holds' if holds else 'FAILS'}: {sentence}")
    if not judged:
        report("The claims are not judged: the trainings are too short.")
    return verdicts


def claims(name, kinds):
    """What the experiment ``name`` is to show, as a dict sentence -> whether the results ``kinds`` bear it out."""
    return {sentence: bool(holds) for sentence, holds in _CLAIMS[name](kinds).items()}


def of(kinds, normalization, **values):
    """Those of ``kinds`` (from ``runs.summary``) with this normalisation and these values in their jobs."""
    return [kind for kind in kinds if kind['job']['normalization'] == normalization
            and all(kind['job'][key] == value for key, value in values.items())]


def trained_scales(kinds, normalization):
    """The weight scales at which the nets of all seeds learned something (training accuracy above 0.25)."""
    return [kind['job']['weight_scale'] for kind in of(kinds, normalization) if min(kind['best_train_acc']) > TRAINED]


def untrained_scales(kinds, normalization):
    """The weight scales at which the nets of no seed got far from guessing (accuracy below 0.2)."""
    return [kind['job']['weight_scale'] for kind in of(kinds, normalization) if max(kind['best_train_acc']) < UNTRAINED]


def _deep_net_claims(kinds):
    (norm,), (plain,) = of(kinds, 'batchnorm'), of(kinds, None)
    return {
        "with batch norm the training loss of the last epoch is lower, for every seed":
            all(np.array(norm['final_loss']) < plain['final_loss']),
        "with batch norm the best training accuracy is higher, for every seed":
            all(np.array(norm['best_train_acc']) > plain['best_train_acc'])}


def _weight_scale_claims(kinds):
    with_norm, without = trained_scales(kinds, 'batchnorm'), trained_scales(kinds, None)
    failing = untrained_scales(kinds, None)
    losses = {name: [np.mean(kind['final_loss']) for kind in of(kinds, name)] for name in ('batchnorm', None)}
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
    sizes = sorted({kind['job']['batch_size'] for kind in kinds})
    norm = [_mean_train_acc(of(kinds, 'batchnorm', batch_size=size)[0]) for size in sizes]
    gain = [norm[i] - _mean_train_acc(of(kinds, None, batch_size=size)[0]) for i, size in enumerate(sizes)]
    return {
        "with the largest batches, batch norm learns faster than no normalisation": gain[-1] > 0,
        "what batch norm gains over no normalisation is more with the largest batches than with the smallest":
            gain[-1] > gain[0]}


def _small_batch_claims(kinds):
    smallest = min(kind['job']['batch_size'] for kind in kinds)
    batch, layer = (of(kinds, name, batch_size=smallest)[0] for name in ('batchnorm', 'layernorm'))
    return {
        "with the smallest batches, layer norm reaches a higher training accuracy than batch norm, for every seed":
            all(np.array(layer['best_train_acc']) > batch['best_train_acc']),
        "batch norm gains from larger batches": _best_train_acc(of(kinds, 'batchnorm')[-1]) > _best_train_acc(batch)}


_CLAIMS = {'deep_net': _deep_net_claims, 'weight_scales': _weight_scale_claims, 'batch_sizes': _batch_size_claims,
           'small_batches': _small_batch_claims}


def draw_deep_net(kinds):
    """Loss of every batch, training and validation accuracy of every epoch, with and without batch norm."""
    figure, (loss_axes, *accuracy_axes) = _panels("Five hidden layers of 100, batch 50, Adam at 0.001", kinds)
    for kind in kinds:
        color, marker, label = _STYLES[kind['job']['normalization']]
        draw_band(loss_axes, 1 + np.arange(len(kind['losses'][0])), kind['losses'], color, None, label)
        for axes, name in zip(accuracy_axes, ('train_acc', 'val_acc')):
            draw_band(axes, np.arange(len(kind[name][0])), 100 * np.array(kind[name]), color, marker, label)
    loss_axes.set(xlabel='batches', ylabel='training loss (nats per image)')
    _label_accuracies(accuracy_axes, 'epochs')
    return figure


def draw_weight_scales(kinds):
    """Final loss, best training and validation accuracy over the scale of the initial weights."""
    figure, (loss_axes, *accuracy_axes) = _panels("Seven hidden layers of 50, batch 50, Adam at 0.001", kinds)
    for normalization in ('batchnorm', None):
        color, marker, label = _STYLES[normalization]
        chosen = of(kinds, normalization)
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
    figure, (loss_axes, *accuracy_axes) = _panels("Five hidden layers of 100, Adam at 0.000316", kinds)
    sizes = sorted({kind['job']['batch_size'] for kind in kinds})
    for kind in kinds:
        size = kind['job']['batch_size']
        color, marker, label = _STYLES[kind['job']['normalization']]
        line, label = ('-', '--', ':')[::-1][sizes.index(size) % 3], f'{label}, batch {size}'
        per_epoch = [np.reshape(losses, (-1, runs.NUM_TRAINING // size)).mean(axis=1)
                     for losses in kind['losses']]                                    # (seeds, epochs)
        draw_band(loss_axes, 1 + np.arange(len(per_epoch[0])), per_epoch, color, marker, label, line)
        for axes, name in zip(accuracy_axes, ('train_acc', 'val_acc')):
            draw_band(axes, np.arange(len(kind[name][0])), 100 * np.array(kind[name]), color, marker, label, line)
    loss_axes.set(xlabel='epochs', ylabel='training loss (nats per image)')
    _label_accuracies(accuracy_axes, 'epochs')
    return figure


FIGURES = {'deep_net': draw_deep_net, 'weight_scales': draw_weight_scales, 'batch_sizes': draw_batch_sizes,
           'small_batches': draw_batch_sizes}


def _panels(title, kinds):
    """A figure with three axes in a row."""
    seeds = len(kinds[0]['seeds'])
    figure = Figure(figsize=(15, 4.5), layout='constrained')
    spread = f"mean and standard deviation of {seeds} seeds" if seeds > 1 else "one seed"
    figure.suptitle(f"{title}; {runs.NUM_TRAINING:,} CIFAR-10 images; {spread}")
    return figure, figure.subplots(1, 3)


def _label_accuracies(accuracy_axes, xlabel, prefix=''):
    for axes, which in zip(accuracy_axes, ('training', 'validation')):
        axes.set(xlabel=xlabel, ylabel=f'{prefix}{which} accuracy (%)')


def _mean_train_acc(kind):
    """The mean training accuracy over epochs and seeds: how fast it was learned."""
    return float(np.mean([accuracies[1:] for accuracies in kind['train_acc']]))


def _best_train_acc(kind):
    return float(np.mean(kind['best_train_acc']))


def _statistics(kind):
    """Mean and spread over the seeds of the numbers that the claims are about."""
    return {f'{name}_{what}': float(value) for name in ('best_train_acc', 'best_val_acc', 'final_loss')
            for what, value in zip(('mean', 'spread'), mean_and_spread(kind[name]))}
