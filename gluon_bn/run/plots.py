"""Figures for the studies and the tutorials, made of numbers alone, without a display."""
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ..support.axes import label_log_axis
from ..support.results import mean_and_spread


def draw_band(axes, x, values, color, marker, label, line='-', band='spread'):
    """The mean over the first axis of ``values``, the seeds, and a band of one standard deviation around it.

    With ``band='extremes'`` it reaches from the lowest to the highest of the seeds; None draws no band.
    """
    mean, spread = mean_and_spread(values)
    axes.plot(x, mean, color=color, marker=marker, markersize=4, linestyle=line, linewidth=1.2, label=label)
    if band is not None:
        ends = (mean - spread, mean + spread) if band == 'spread' else (np.min(values, axis=0), np.max(values, axis=0))
        axes.fill_between(x, *ends, color=color, alpha=0.15, linewidth=0)
    axes.grid(alpha=0.3)
    axes.legend(loc='best', fontsize='small')


def draw_inside(looks, steps, lr):
    """A figure of the inside of networks while they train: a row for each.

    Left, the inputs of the activations of each layer at the first look; then the gradients of the weights there, by
    their length alone; right, how long an update is beside its weights, over the steps.

    Parameters
    ----------
    looks : dict name of the network -> list of what :func:`gluon_bn.run.observation.observe` returned
    steps : the steps at which the looks were taken
    lr : the learning rate on the mean loss of a batch
    """
    from .observation import update_ratios  # not above: it needs MXNet
    figure = Figure(figsize=(12, 3.3 * len(looks)), layout='constrained')
    for row, (name, of_net) in zip(figure.subplots(len(looks), 3, squeeze=False), looks.items()):
        for number, inputs in of_net[0]['pre-activations'].items():
            row[0].hist(inputs.ravel(), bins=80, density=True, histtype='step', label=f'layer {number}')
        row[0].set(title=name, xlabel='input of the activation, first look', ylabel='density', yscale='log')
        for parameter, gradient in of_net[0]['gradients'].items():
            if gradient.ndim > 1:
                lengths = np.abs(gradient[gradient != 0])
                row[1].hist(np.log10(lengths), bins=80, density=True, histtype='step', label=parameter)
        row[1].set(xlabel='log10 |gradient|, first look', ylabel='density')
        ratios = [update_ratios(look, lr) for look in of_net]
        for parameter in ratios[0]:
            row[2].plot(steps, [ratio[parameter] for ratio in ratios], marker='.', label=parameter)
        row[2].axhline(1e-3, color='grey', linestyle=':')
        row[2].set(xlabel='steps', ylabel='|update| / |weights|', yscale='log')
        for axes in row:
            axes.grid(alpha=0.3)
            axes.legend(fontsize='small', loc='best')
    return figure


def draw_channels(filters, before, after):
    """A figure of a convolution's filters, and of each of its channels before and after batch norm.

    Parameters
    ----------
    filters : array (C, channels, kh, kw); the first channel is drawn
    before, after : arrays (m, C, H, W); mean and standard deviation of each channel are drawn
    """
    figure = Figure(figsize=(11, 3.4), layout='constrained')
    left, *right = figure.subfigures(1, 3)
    columns = 5
    panels = left.subplots(-(-len(filters) // columns), columns, squeeze=False)
    for axes in panels.flat:
        axes.axis('off')
    largest = np.abs(filters).max()
    for axes, weight in zip(panels.flat, filters[:, 0]):
        image = axes.imshow(weight, cmap='RdBu', vmin=-largest, vmax=largest)
    left.colorbar(image, ax=panels, shrink=0.8)
    left.suptitle('filters', fontsize=11)
    for panel, values, title in zip(right, (before, after), ('before', 'after')):
        axes = panel.subplots()
        axes.errorbar(np.arange(len(filters)), values.mean(axis=(0, 2, 3)), values.std(axis=(0, 2, 3)), fmt='o',
                      capsize=3, color='tab:blue')
        axes.set(xlabel='channel', ylabel='value', title=f'{title} batch norm')
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    return figure


def draw_stored_statistics(stored, momentum, exact, distance, width):
    """A figure of stored statistics: one unit's mean in the course of training, and all features at the end.

    Parameters
    ----------
    stored : array, the unit's stored mean after each batch
    momentum : float, the weight of the old value
    exact : float, the unit's mean over all training images, for the final weights
    distance, width : dicts layer -> array, a value a feature: (stored - exact mean) / exact standard deviation, and
        stored / exact standard deviation
    """
    figure = Figure(figsize=(11, 3.8), layout='constrained')
    left, right = figure.subplots(1, 2)
    left.plot(np.arange(1, len(stored)), (stored[1:] - momentum * stored[:-1]) / (1 - momentum), '.', markersize=3,
              color='tab:grey', label='mean of the batch')
    left.plot(stored, color='tab:blue', label=f'stored mean (momentum {momentum:g})')
    left.axhline(exact, color='tab:red', linestyle='--', label='exact, for the final weights')
    left.set(xlabel='batches', ylabel='mean', title='one unit, while the network learns')
    for name in distance:
        right.plot(distance[name], width[name], 'o', markersize=4, alpha=0.7, label=name)
    right.plot(0, 1, '+', color='black', markersize=14, label='exact')
    right.set(xlabel='(stored − exact mean) / exact standard deviation', ylabel='stored / exact standard deviation',
              title='all channels and units, at the end')
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(loc='best', markerscale=3 if axes is left else 1)  # a batch's dot is too small for a legend
    return figure


def draw_accuracies(groups):
    """A figure of accuracies as bars side by side: ``groups`` is a dict label -> dict place -> accuracy from 0 to 1."""
    figure = Figure(figsize=(7, 3.8), layout='constrained')
    axes = figure.subplots()
    places = list(next(iter(groups.values())))
    width = 0.8 / len(groups)
    for number, (label, values) in enumerate(groups.items()):
        bars = axes.bar(np.arange(len(places)) + (number - (len(groups) - 1) / 2) * width,
                        [100 * values[place] for place in places], 0.9 * width, label=label)
        axes.bar_label(bars, fmt='%.1f', fontsize=8)
    axes.set(xticks=range(len(places)), ylabel='accuracy (%)', ylim=(0, 108), yticks=range(0, 101, 20))
    axes.set_xticklabels(places)
    axes.legend(fontsize=8, loc='lower center', bbox_to_anchor=(0.5, 1), ncol=2)
    return figure


def draw_epoch_losses(losses, batches_per_epoch, examples):
    """A figure of training losses: of each batch, pale, and the mean of each epoch, at its middle.

    ``losses`` is a dict label -> losses of all batches; ``examples`` says what an epoch passes over.
    """
    figure = Figure(figsize=(8, 4), layout='constrained')
    axes = figure.subplots()
    for number, (name, values) in enumerate(losses.items()):
        epochs = (1 + np.arange(len(values))) / batches_per_epoch
        means = np.reshape(values, (-1, batches_per_epoch)).mean(axis=1)
        axes.plot(epochs, values, color=f'C{number}', alpha=0.3)
        axes.plot(0.5 + np.arange(len(means)), means, color=f'C{number}', marker='o',
                  label=f"{name}, mean of each epoch")
    axes.set(xlabel=f'epochs (passes over {examples})', ylabel='cross entropy (nats per example)', yscale='log',
             title="Training loss of each batch (pale) and of each epoch, at its middle")
    label_log_axis(axes.yaxis)
    axes.legend(loc='best')
    axes.grid(alpha=0.3)
    return figure


def draw_times(panels):
    """A figure of times beside their limits, on a logarithmic axis: equal distances are equal ratios.

    ``panels`` is a list of ``(title, seconds, limit, what)``: a dict name -> seconds, and the seconds of the limit with
    what it is. Names that begin with "for comparison" are grey.
    """
    figure = Figure(figsize=(9, 3 * len(panels)), layout='constrained')
    for axes, (title, seconds, limit, what) in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels):
        steps = {**{name: ('tab:gray' if name.startswith('for comparison') else 'tab:blue', value)
                    for name, value in seconds.items()}, f'limit: {what}': ('tab:red', limit)}
        for name, (color, value) in steps.items():
            axes.barh(name, 1e3 * value, color=color)
            axes.annotate(f'{1e3 * value:.3g}', (1e3 * value, name), xytext=(4, 0), textcoords='offset points',
                          va='center')
        axes.axvline(1e3 * limit, color='tab:red', linestyle='--', zorder=0)
        axes.set(xscale='log', xlim=(1e3 * limit / 2, 2e3 * max(seconds.values())), xlabel='ms (logarithmic)',
                 title=title)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter('{x:g}')
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.invert_yaxis()
        axes.grid(axis='x', alpha=0.3)
        axes.set_axisbelow(True)
    return figure
