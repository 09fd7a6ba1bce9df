"""Pictures of training, drawn without a display."""
import io

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .files import written_whole
from .observation import update_ratios
from .results import mean_and_spread
from .training import MovingLoss


def plot_run(path, losses, batches_per_epoch, history, title):
    """Draw a training run to the PNG file ``path``: the loss of every batch, and the accuracies of every epoch.

    Through the losses goes their moving average, from the first batch to the last.

    Parameters
    ----------
    losses : the mean losses of all batches so far
    batches_per_epoch : int
    history : one dictionary an epoch, with ``epoch``, ``train_acc`` and ``test_acc`` (or ``valid_acc``)
    title : str
    """
    figure = Figure(figsize=(10, 4), layout='constrained')
    figure.suptitle(title)
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    _draw_losses(loss_axes, np.asarray(losses), batches_per_epoch)
    _draw_accuracies(accuracy_axes, history)
    picture = io.BytesIO()
    figure.savefig(picture, format='png', dpi=120)
    with written_whole(path) as file:
        file.write(picture.getbuffer())


def draw_band(axes, x, values, color, marker, label, line='-'):
    """The mean over the first axis of ``values``, the seeds, and a band of one standard deviation around it."""
    mean, spread = mean_and_spread(values)
    axes.plot(x, mean, color=color, marker=marker, markersize=4, linestyle=line, linewidth=1.2, label=label)
    axes.fill_between(x, mean - spread, mean + spread, color=color, alpha=0.15, linewidth=0)
    axes.grid(alpha=0.3)
    axes.legend(loc='best', fontsize='small')


def draw_inside(looks, steps, lr):
    """A figure of what goes on inside networks while they train: a row for each.

    Left, the inputs of the activations of each layer at the first look; then the gradients of the weights there, by
    their length alone; right, how long an update is beside its weights, over the steps.

    Parameters
    ----------
    looks : dict name of the network -> list of what :func:`gluon_bn.observation.observe` returned
    steps : the steps at which the looks were taken
    lr : the learning rate on the mean loss of a batch
    """
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
            axes.legend(fontsize='small', loc='upper right')
    return figure


def _draw_losses(axes, losses, batches_per_epoch):
    epochs = (1 + np.arange(len(losses))) / batches_per_epoch
    axes.plot(epochs, losses, color='tab:blue', alpha=0.3, linewidth=0.7, label='each batch')
    axes.plot(epochs, moving_average(losses), color='tab:blue', label='moving average, about 100 batches')
    axes.set(xlabel='epochs (passes over the training images)', ylabel='cross entropy (nats per image)', yscale='log')
    axes.grid(alpha=0.3)
    axes.legend(loc='upper right')  # to look for the best place takes seconds with many batches


def _draw_accuracies(axes, history):
    after = [1 + record['epoch'] for record in history]
    scored = ('valid_acc', 'held-out images') if history and 'valid_acc' in history[0] else ('test_acc', 'test images')
    for name, label, marker in (('train_acc', 'training images', 'o'), (*scored, 's')):
        axes.plot(after, [100 * record[name] for record in history], marker=marker, label=label)
        if history:
            axes.annotate(f"{100 * history[-1][name]:.2f} %", (after[-1], 100 * history[-1][name]), xytext=(-8, 0),
                          textcoords='offset points', ha='right', va='center')
    axes.set(xlabel='epochs (passes over the training images)', ylabel='accuracy (%)',
             xlim=(0, 1.1 * max(after, default=1)))
    axes.margins(y=0.25)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.ticklabel_format(axis='y', useOffset=False)
    axes.grid(alpha=0.3)
    axes.legend(loc='upper left')


def moving_average(losses):
    """The moving average after each of ``losses``: ``average`` of :class:`gluon_bn.training.MovingLoss`."""
    moving_loss, values = MovingLoss(), []
    for loss in losses:
        moving_loss.read(loss)
        values.append(moving_loss.average)
    return values
