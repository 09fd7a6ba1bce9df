"""Tables and figures of the sweeps."""
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from ...run.plots import draw_band
from ...support.axes import label_log_axis
from ...support.markdown import markdown_table
from ...support.results import mean_cell, of_seeds
from ..study import select, values_of
from .claims import SCORES, final

_POSITIONS = {'before': ('tab:blue', 'o', 'batch norm before the activation'),
              'after': ('tab:green', '^', 'batch norm after the activation'),
              None: ('tab:orange', 's', 'no batch norm')}
_NAMES = {'batch_norm': 'batch norm', 'lr': 'learning rate (on the mean loss)',
          'weight_scale': 'standard deviation of the initial weights', 'batch_size': 'batch size (images)',
          'momentum': 'momentum', 'eps': 'eps', 'step': 'steps'}


def table(kinds):
    """A Markdown table: a row for each kind of run and each step scored; mean ± standard deviation over the seeds."""
    knobs = [name for name in _NAMES if name != 'step' and len(values_of(kinds, name)) > 1]
    scores = [name for name in SCORES if any(name in kind for kind in kinds)]
    heads = [*(_NAMES[name] for name in knobs), 'steps', *(SCORES[name] for name in scores), 'loss', '']
    rows = []
    for kind in kinds:
        for at, step in enumerate(kind['steps']):
            cells = [_value(kind['job'][name]) for name in knobs] + [str(step)]
            cells += [_mean_and_spread(kind[name][:, at]) if name in kind else '' for name in scores]
            last = at == len(kind['steps']) - 1
            losses = [loss for loss in kind['loss'] if loss is not None]
            cells += [_mean_and_spread(losses) if last and losses else '', _remark(kind) if last else '']
            rows.append(cells)
    reasons = sorted({reason for kind in kinds for reason in kind['reason'] if reason})
    return '\n'.join([markdown_table(heads, rows), *(f'\nrefused: {reason}' for reason in reasons)])


def draw_training(kinds):
    """Test accuracy in the course of training, with batch norm and without, a panel for each setting."""
    settings = list(dict.fromkeys((kind['job']['weight_scale'], kind['job']['lr']) for kind in kinds))

    def style(kind):
        color, _, label = _POSITIONS[kind['job']['batch_norm']]
        return color, None, label

    return _courses("LeNet on MNIST, batches of 64", kinds, {
        f'weights N(0, {scale:g}²), learning rate {lr:g} (on the mean loss)': select(kinds, weight_scale=scale, lr=lr)
        for scale, lr in settings}, style, 'linear')


def draw_rates(kinds):
    """Test accuracy over the learning rate, a line for each position of batch norm."""
    figure, axes = _panels("LeNet on MNIST, weights N(0, 0.1²), batches of 64", kinds, 1)
    _lines(axes[0], kinds, 'lr', 'batch_norm')
    return figure


def draw_weight_scales(kinds):
    """Test accuracy over the learning rate and the scale of the weights, with batch norm and without: heat maps."""
    figure, panels = _panels("LeNet on MNIST, batches of 64: test accuracy (%)", kinds, 2, shown="mean")
    rates, scales = (values_of(kinds, name) for name in ('lr', 'weight_scale'))
    for axes, position in zip(panels, ('before', None)):
        cells = [[select(kinds, batch_norm=position, lr=lr, weight_scale=scale)[0] for lr in rates] for scale in scales]
        means = 100 * np.array([[final(kind).mean() for kind in row] for row in cells])     # (scales, rates)
        image = axes.imshow(means, vmin=0, vmax=100, origin='lower', aspect='auto', cmap='viridis')
        for (row, column), mean in np.ndenumerate(means):
            mark = '\ndiverged' if 'diverged' in cells[row][column]['status'] else ''
            axes.text(column, row, f'{mean:.0f}{mark}', ha='center', va='center', fontsize='small',
                      color='white' if mean < 60 else 'black')
        axes.set(title=_POSITIONS[position][2], xlabel=_NAMES['lr'], ylabel=_NAMES['weight_scale'],
                 xticks=range(len(rates)), yticks=range(len(scales)))
        axes.set_xticklabels([f'{lr:g}' for lr in rates])
        axes.set_yticklabels([f'{scale:g}' for scale in scales])
        axes.label_outer()
    figure.colorbar(image, ax=panels, label='test accuracy (%)')
    return figure


def draw_batch_sizes(kinds):
    """Test accuracy over the batch size, with batch norm and without, a panel for each learning rate."""
    rates = values_of(kinds, 'lr')
    job = kinds[0]['job']
    images = job['batch_size'] * job['score_after'][-1]
    figure, panels = _panels(f"LeNet on MNIST, {images:,} training images, each once; weights N(0, 0.1²)", kinds,
                             len(rates))
    for axes, lr in zip(panels, rates):
        _lines(axes, select(kinds, lr=lr), 'batch_size', 'batch_norm', base=2)
        axes.set_xticks(values_of(kinds, 'batch_size'))
        axes.xaxis.set_major_formatter('{x:.0f}')
        axes.set_title(f'learning rate {lr:g} (on the mean loss)')
    return figure


def draw_momenta(kinds):
    """Test accuracy in the course of training, a line for each momentum, a panel for each batch size."""
    momenta = values_of(kinds, 'momentum')
    return _courses("LeNet on MNIST, learning rate 0.1: momentum of the stored statistics", kinds, {
        f'batches of {size}': select(kinds, batch_size=size) for size in values_of(kinds, 'batch_size')},
        lambda kind: (*_shade(momenta.index(kind['job']['momentum']), len(momenta)),
                      f"momentum {kind['job']['momentum']:g}"))


def draw_eps(kinds):
    """Test accuracy over eps, a line for each scale of the weights."""
    figure, axes = _panels("LeNet with batch norm on MNIST, batches of 64, learning rate 0.1", kinds, 1)
    _lines(axes[0], kinds, 'eps', 'weight_scale')
    return figure


def draw_recalibration(kinds):
    """Test accuracy in the course of training with stored statistics, recalibrated ones, and the batch's own."""
    sizes = values_of(kinds, 'batch_size')
    figure, panels = _panels("LeNet on MNIST, learning rate 0.1: statistics at test time", kinds, len(sizes))
    for axes, size in zip(panels, sizes):
        chosen = select(kinds, batch_size=size)
        for kind, color in zip(chosen, ('tab:blue', 'tab:purple', 'tab:cyan')):
            draw_band(axes, kind['steps'], 100 * kind['test_acc'], color, 'o',
                      f"stored, momentum {kind['job']['momentum']:g}")
        draw_band(axes, chosen[0]['steps'], 100 * chosen[0]['recalibrated_acc'], 'tab:red', '^', "recalibrated")
        draw_band(axes, chosen[0]['steps'], 100 * chosen[0]['batch_acc'], 'tab:gray', 's',
                  "each test batch's own (250 images)", ':')
        _label(axes, 'step')
        axes.set_title(f'trained on batches of {size}')
    return figure


FIGURES = {name: {name: draw} for name, draw in {
    'training': draw_training, 'learning_rates': draw_rates, 'positions': draw_rates,
    'weight_scales': draw_weight_scales, 'batch_sizes': draw_batch_sizes, 'momenta': draw_momenta, 'eps': draw_eps,
    'recalibration': draw_recalibration}.items()}


def _panels(title, kinds, number, shown="mean and standard deviation"):
    """A figure with axes in a row."""
    figure = Figure(figsize=(7 if number == 1 else 6 * number, 4.5), layout='constrained')
    steps = {kind['steps'][-1] for kind in kinds}
    length = f"; {max(steps):,} steps" if len(steps) == 1 else ''
    figure.suptitle(f"{title}{length}\n{of_seeds(len(kinds[0]['seeds']), shown)}", fontsize='medium')
    return figure, list(np.atleast_1d(figure.subplots(1, number, sharey=True)))


def _courses(title, kinds, panels, style, scale='log'):
    """Test accuracy over the steps: ``panels`` is a dict title -> kinds, ``style(kind)`` color, marker and label."""
    figure, drawn = _panels(title, kinds, len(panels))
    for axes, (heading, chosen) in zip(drawn, panels.items()):
        for kind in chosen:
            draw_band(axes, kind['steps'], 100 * kind['test_acc'], *style(kind))
        _label(axes, 'step', scale=scale)
        axes.set_title(heading)
    return figure


def _lines(axes, kinds, x, knob, base=10):
    """Final test accuracy over the knob ``x``, a line for each value of ``knob``; with marks where runs ended early."""
    for number, value in enumerate(values_of(kinds, knob)):
        chosen = sorted(select(kinds, **{knob: value}), key=lambda kind: kind['job'][x])
        scored = [kind for kind in chosen if 'refused' not in kind['status']]
        style = _POSITIONS[value] if knob == 'batch_norm' else (
            *_shade(number, len(values_of(kinds, knob))), f'{_NAMES[knob]} {value:g}')
        draw_band(axes, [kind['job'][x] for kind in scored], 100 * np.array([final(kind) for kind in scored]).T, *style)
        places = {what: [kind for kind in chosen if what in kind['status']] for what in ('diverged', 'refused')}
        if places['diverged']:
            axes.plot([kind['job'][x] for kind in places['diverged']],
                      [100 * final(kind).mean() for kind in places['diverged']], 'x', color=style[0], markersize=10,
                      linestyle='', label=f'diverged: {style[2]}')
        if places['refused']:  # there is no accuracy: the mark stands in the middle, whatever the axis says there
            axes.plot([kind['job'][x] for kind in places['refused']], [0.5] * len(places['refused']), 'X',
                      color=style[0], markersize=10, linestyle='', transform=axes.get_xaxis_transform(),
                      label=f'refused (no accuracy): {style[2]}')
    _label(axes, x, base)


def _label(axes, x, base=10, scale='log'):
    axes.set(xlabel=_NAMES[x], ylabel='test accuracy (%)', ylim=(-3, 103))
    if scale == 'log':
        axes.set_xscale('log', base=base)
        label_log_axis(axes.xaxis, decades=3)
    axes.legend(loc='best', fontsize='small')
    axes.label_outer()


def _shade(number, total):
    """Color and marker of line ``number`` of ``total``, of which the values rise."""
    return colormaps['viridis'](0.9 * number / max(1, total - 1)), 'osD^v'[number % 5]


def _value(value):
    return 'none' if value is None else value if isinstance(value, str) else f'{value:g}'


def _mean_and_spread(values):
    return '' if np.isnan(values).any() else mean_cell(values)


def _remark(kind):
    """How many seeds diverged or were refused."""
    return '; '.join(f"{what}: {kind['status'].count(what)} of {len(kind['seeds'])}" for what in ('diverged', 'refused')
                     if what in kind['status'])
