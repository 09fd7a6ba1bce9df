"""Curves of training: losses on a logarithmic axis beside accuracies in percent, for both jobs."""
import io

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..support.axes import label_log_axis
from ..support.files import atomic_write

_PARTS = {'train': ('tab:blue', 'training'), 'dev': ('tab:orange', 'dev'), 'test': ('tab:green', 'test')}


def plot_run(path, losses, batches_per_epoch, history, title):
    """Draw a run of the main job to the PNG file ``path``: the loss of every batch, the accuracies of every epoch.

    Through the losses goes their moving average, from the first batch to the last.

    Parameters
    ----------
    losses : the mean losses of all batches so far
    batches_per_epoch : int
    history : one dictionary an epoch, with ``epoch``, ``train_acc`` and ``test_acc`` (or ``valid_acc``)
    title : str
    """
    figure = Figure(figsize=(10, 4), layout='constrained')
    loss_axes, accuracy_axes = _panels(figure, title, 'images')
    epochs = (1 + np.arange(len(losses))) / batches_per_epoch
    loss_axes.plot(epochs, losses, color='tab:blue', alpha=0.3, linewidth=0.7, label='each batch')
    loss_axes.plot(epochs, moving_average(losses), color='tab:blue', label='moving average, about 100 batches')
    label_log_axis(loss_axes.yaxis)
    loss_axes.legend(loc='upper right')  # to look for the best place takes seconds with many batches
    _draw_accuracies(accuracy_axes, history)
    save(path, figure, dpi=120)


def draw_history(figure, history, title=''):
    """Draw the losses and accuracies of a history of ``MLP.fit``, a value an epoch, into an empty figure."""
    panels = _panels(figure, title, 'examples')
    for axes, what, scale in zip(panels, ('loss', 'acc'), (1, 100)):
        for part, (color, label) in _PARTS.items():
            values = history.get(f'{part}_{what}')
            if values:
                axes.plot(range(1, len(values) + 1), [scale * value for value in values], color=color,
                          label=f'{label}: {scale * values[-1]:.4g}', marker='.' if len(values) < 30 else None)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc='best', title='now')
    label_log_axis(panels[0].yaxis)


def save_history(path, history, title=''):
    """Draw the history to the PNG file ``path``, or to a file that is open for bytes."""
    figure = Figure(figsize=(10, 4), layout='constrained')
    draw_history(figure, history, title)
    save(path, figure, dpi=100)


def save(path, figure, dpi):
    """Save a figure as the PNG file ``path``, whole or not at all; ``path`` may be a file that is open for bytes."""
    picture = io.BytesIO()
    figure.savefig(picture, format='png', dpi=dpi)
    if hasattr(path, 'write'):
        path.write(picture.getbuffer())
        return
    with atomic_write(path) as file:
        file.write(picture.getbuffer())


def moving_average(losses):
    """The moving average after each of ``losses``: ``average`` of :class:`gluon_bn.training.MovingLoss`."""
    from ..training import MovingLoss  # not above: the NumPy half draws its history without MXNet
    moving_loss, values = MovingLoss(), []
    for loss in losses:
        moving_loss.read(loss)
        values.append(moving_loss.average)
    return values


def _panels(figure, title, examples):
    """Two axes in an empty figure, for losses and for accuracies over epochs."""
    figure.suptitle(title)
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    for axes in (loss_axes, accuracy_axes):
        axes.set_xlabel(f'epochs (passes over the training {examples})')
        axes.grid(alpha=0.3)
    loss_axes.set(ylabel=f'cross entropy (nats per {examples[:-1]})', yscale='log')
    accuracy_axes.set_ylabel('accuracy (%)')
    return loss_axes, accuracy_axes


def _draw_accuracies(axes, history):
    after = [1 + record['epoch'] for record in history]
    scored = ('valid_acc', 'held-out images') if history and 'valid_acc' in history[0] else ('test_acc', 'test images')
    for name, label, marker in (('train_acc', 'training images', 'o'), (*scored, 's')):
        axes.plot(after, [100 * record[name] for record in history], marker=marker, label=label)
        if history:
            axes.annotate(f"{100 * history[-1][name]:.2f} %", (after[-1], 100 * history[-1][name]), xytext=(-8, 0),
                          textcoords='offset points', ha='right', va='center')
    axes.set_xlim(0, 1.1 * max(after, default=1))
    axes.margins(y=0.25)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.ticklabel_format(axis='y', useOffset=False)
    axes.legend(loc='upper left')
