"""Figures of the measured trainings: ``FIGURES`` names those of each experiment, functions of its results."""
import numpy as np
from matplotlib.figure import Figure

from ...support.axes import label_log_axis
from .measures import MULTIPLES
from .numbers import of, over_steps, series, steps

NETWORKS = {'sigmoid_mlp': "sigmoid MLP", 'lenet': "LeNet"}
STYLES = {'plain': ('tab:orange', '-', 'without batch norm'), 'batch_norm': ('tab:blue', '-', 'batch norm'),
          'noisy_batch_norm': ('tab:green', '--', 'noisy batch norm'),
          'noisy_plain': ('tab:red', '--', 'noise without batch norm')}


def draw_landscape(results):
    """A row for each learning rate: the loss along the gradient, its change, and the effective smoothness.

    The loss has a panel for each kind of net, of the same scale: from the lowest value over the step lengths to the
    highest, means over the seeds.
    """
    rates = sorted({result['job']['learning_rate'] for result in results})
    figure, panels = _panels(results, len(rates), "Along the gradient, steps of "
                             f"{MULTIPLES[0]:g} to {MULTIPLES[-1]:g} learning rates", columns=4)
    for row, rate in zip(panels, rates):
        row[1].sharey(row[0])
        for axes, kind in zip(row, ('plain', 'batch_norm')):
            chosen = of(results, kind=kind, learning_rate=rate)
            losses = over_steps(chosen, lambda record: record['losses'])             # (seeds, steps, lengths)
            _range(axes, steps(chosen), losses.min(axis=2), losses.max(axis=2), kind)
            _log(axes, ylabel="loss (nats per image)", title=f"{STYLES[kind][2]}, learning rate {rate:g}")
            _line(row[2], steps(chosen), series(chosen, 'gradient_change'), kind)
            _line(row[3], steps(chosen), series(chosen, 'smoothness'), kind)
        _log(row[2], ylabel=r"largest $|\nabla L(x) - \nabla L(x - s \nabla L(x))|$",
             title=f"change of the gradient, learning rate {rate:g}")
        _log(row[3], ylabel=r"effective $\beta$-smoothness", title=f"smoothness, learning rate {rate:g}")
    return figure


def draw_covariate_shift(results):
    """A row for each learning rate: how much the update of the layers before changes the gradient of each layer."""
    rates = sorted({result['job']['learning_rate'] for result in results})
    figure, panels = _panels(results, len(rates), "Change of a layer's gradient by the update of the layers before it")
    for row, rate in zip(panels, rates):
        for kind in ('plain', 'batch_norm'):
            chosen = of(results, kind=kind, learning_rate=rate)
            shift = over_steps(chosen, lambda record: [layer['change'] for layer in record['shift'][1:]])
            for i, axes in enumerate(row):
                _line(axes, steps(chosen), shift[:, :, i], kind)                     # (seeds, steps, layers)
                _log(axes, ylabel=r"$|G - G'|$", title=f"layer {i + 2}, learning rate {rate:g}")
    return figure


def draw_noise(results):
    """Training loss, test accuracy, and the moves of an activation's inputs, with noise and without."""
    figure, (above, below) = _panels(results, 2, "Noise before the activations, anew at every step", shaded=False)
    kinds = [kind for kind in STYLES if of(results, kind=kind)]
    for kind in kinds:
        chosen = of(results, kind=kind)
        losses = np.array([result['losses'] for result in chosen], np.float64)       # (seeds, steps)
        window = max(1, losses.shape[1] // 50)
        smooth = np.array([np.convolve(seed, np.ones(window) / window, 'valid') for seed in losses])
        _line(above[0], window + np.arange(smooth.shape[1]), smooth, kind, shaded=False)
        _line(above[2], steps(chosen), series(chosen, 'mean_shift'), kind, shaded=False)
    _log(above[0], ylabel=f"training loss, mean of {window} steps (nats per image)", title="loss")
    _log(above[2], ylabel="standard deviations",
         title="move of the last activation's inputs, a step")
    for i, (name, marker, label) in enumerate((('test_acc', 'o', 'stored statistics'),
                                               ('test_acc_batch', 's', "each batch's statistics"))):
        for at, kind in enumerate(kinds):
            values = [100 * result[name] for result in of(results, kind=kind)]
            above[1].plot([at + 0.2 * i] * len(values), values, marker, color=STYLES[kind][0], alpha=0.7,
                          markerfacecolor='none' if i else None, label=label if at == 0 else None)
    above[1].set(ylabel="test accuracy without noise (%)", title="accuracy of each seed", xlabel='',
                 xticks=np.arange(len(kinds)) + 0.1,
                 xticklabels=[STYLES[kind][2].replace(' batch', '\nbatch') for kind in kinds])
    above[1].legend(loc='best', fontsize='small')
    for axes, kind in zip(below, kinds):
        first = of(results, kind=kind)[:1]
        mean, std = np.array([list(record['inputs'].values())[-1]['unit'] for record in first[0]['measured']]).T
        color, _, label = STYLES[kind]
        axes.fill_between(steps(first), mean - std, mean + std, color=color, alpha=0.3, linewidth=0)
        axes.plot(steps(first), mean, color=color, marker='.', linewidth=0.8)
        axes.set(title=f"{label}: one input of the last activation", ylabel="mean and standard deviation of a batch")
    return figure


FIGURES = {'learning_rates': {'landscape': draw_landscape, 'covariate_shift': draw_covariate_shift},
           'noise': {'noise': draw_noise}, 'small_weights': {'small_weights': draw_landscape}}


def _panels(results, rows, title, columns=3, shaded=True):
    """A figure with rows of axes, over training steps."""
    job, seeds = results[0]['job'], len({result['job']['seed'] for result in results})
    figure = Figure(figsize=(5 * columns, 0.6 + 3.7 * rows), layout='constrained')
    shown = "mean, shaded from lowest to highest" if shaded else "mean"
    spread = f"{seeds} seeds: {shown}" if seeds > 1 else "one seed"
    figure.suptitle(f"{title}\n{NETWORKS[job['network']]} on MNIST, batch {job['batch_size']}, "
                    f"initial weights {job['weight_scale']:g}; {spread}")
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.set(xlabel='training step')
        axes.grid(alpha=0.3)
    return figure, panels


def _log(axes, **labels):
    """A logarithmic axis for what is drawn."""
    axes.set(yscale='log', **labels)
    label_log_axis(axes.yaxis)


def _line(axes, x, values, kind, shaded=True):
    """The mean over the seeds, the first axis of ``values``; ``shaded`` from the lowest seed to the highest."""
    color, style, label = STYLES[kind]
    axes.plot(x, values.mean(axis=0), color=color, linestyle=style, linewidth=1.2, label=label)
    if shaded:
        axes.fill_between(x, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, linewidth=0)
    axes.legend(loc='best', fontsize='small')


def _range(axes, x, lowest, highest, kind):
    """Shaded from the lowest value on the way along the gradient to the highest, both means over the seeds."""
    color, _, label = STYLES[kind]
    axes.fill_between(x, lowest.mean(axis=0), highest.mean(axis=0), color=color, alpha=0.4, linewidth=0.8, label=label)
    axes.legend(loc='best', fontsize='small')
