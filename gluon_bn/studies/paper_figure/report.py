"""The figure, its numbers, and the claims that they must bear out."""
import numpy as np
from matplotlib.figure import Figure

from ...run.plots import draw_band
from ...support.markdown import markdown_table
from ...support.results import mean_cell, of_seeds
from ..machine import describe_machine
from ..study import seeds_together
from .experiments import PAPER, setting_of
from .training import PERCENTILES

NAMES = {True: 'with batch norm', False: 'without'}
_COLORS = {True: 'tab:blue', False: 'tab:orange'}


def summary(results):
    """Bring the results together: setting -> net with batch norm and without, see :func:`by_net`."""
    settings = {}
    for result in results:
        settings.setdefault(setting_of(result['job']), []).append(result)
    return {setting: by_net(of_setting) for setting, of_setting in settings.items()}


def by_net(results):
    """Bring the seeds of one setting together: dict with (True) and without (False) batch norm -> dict.

    Each has ``job`` (without the seed), ``seeds``, ``steps`` ``(records,)``, ``test_acc`` and ``train_acc``
    ``(seeds, records)``, and ``percentiles`` ``(seeds, records, 3, units)``.
    """
    pair = {job['batch_norm']: {'job': job, 'seeds': [result['job']['seed'] for result in of_job],
                                'steps': [record['step'] for record in of_job[0]['records']],
                                **{name: np.array([[record[name] for record in result['records']] for result in of_job])
                                   for name in ('test_acc', 'train_acc', 'percentiles')}}
            for job, of_job in seeds_together(results)}
    return {which: pair[which] for which in NAMES}


def tenths(net):
    """The test accuracy after each tenth of the training, mean over the seeds, ``(10,)``."""
    at = [net['steps'].index(round(net['job']['steps'] * k / 10)) for k in range(1, 11)]
    return net['test_acc'].mean(axis=0)[at]


def movement(net):
    """How far the last hidden layer's sigmoids' inputs move after the first tenth of training, ``(seeds, units)``.

    It is the mean distance of the three percentiles from where they end, over the looks after the first tenth (they
    are equally far apart then), divided by the width of the distribution at the end, its 85th less its 15th percentile.
    """
    later = np.array(net['steps']) > net['job']['steps'] / 10
    percentiles = net['percentiles'][:, later]                                             # (seeds, looks, 3, units)
    end = percentiles[:, -1]                                                               # (seeds, 3, units)
    return np.abs(percentiles - end[:, None]).mean(axis=(1, 2)) / (end[:, 2] - end[:, 0])  # (seeds, units)


def claims(pair):
    """What the paper says of Figure 1, as a dict sentence -> whether these trainings bear it out; means over seeds."""
    norm, plain = tenths(pair[True]), tenths(pair[False])
    return {'with batch norm the net is ahead at every tenth of training after the first':
            bool(all(norm[1:] > plain[1:])),
            'with batch norm the net ends higher': bool(norm[-1] > plain[-1]),
            'with batch norm the inputs of the last hidden layer\'s sigmoids move less after the first tenth':
            bool(movement(pair[True]).mean() < movement(pair[False]).mean())}


def numbers_of(net):
    """What the table and the claims are made of, as JSON can hold it."""
    return {'seeds': net['seeds'], 'test_acc_at_tenths': tenths(net).tolist(),
            **{f'final_{name}': net[name][:, -1].tolist() for name in ('test_acc', 'train_acc')},
            'best_test_acc': net['test_acc'].max(axis=1).tolist(), 'movement': movement(net).mean(axis=1).tolist()}


def table(nets):
    """The numbers at the end of training, mean ± standard deviation over the seeds, as a table in Markdown."""
    rows = []
    for setting, pair in nets.items():
        for which, net in pair.items():
            rows.append([setting, NAMES[which],
                         *(mean_cell(net[name][:, -1], digits=4) for name in ('test_acc', 'train_acc')),
                         mean_cell(movement(net).mean(axis=1))])
    seeds = of_seeds(len(next(iter(nets.values()))[True]['seeds']))
    return markdown_table(['setting', seeds, 'test accuracy', 'training accuracy', 'movement'], rows)


def describe(pair):
    """One line on what a setting is; it says of which loss the learning rate is."""
    job = pair[True]['job']
    if job['optimizer'] == 'sgd':
        how = f"SGD at {job['lr']:.3g} on the summed loss of a batch ({job['lr'] * job['batch_size']:.3g} on its mean)"
    else:
        how = f"RMSprop at {job['lr']:.3g} on the mean loss of a batch"
    weights = ('Glorot uniform weights' if job['weight_scale'] == 'glorot' else
               f"Gaussian weights of deviation {job['weight_scale']:g}")
    return f"{how}, batch {job['batch_size']}, {weights}"


def draw(nets):
    """The figure, a row for each setting: (a) test accuracy, (b, c) percentiles of one sigmoid's input."""
    figure = Figure(figsize=(15, 4.3 * len(nets) + 0.4), layout='constrained')
    rows = figure.subfigures(len(nets), 1, squeeze=False)[:, 0]
    spread = of_seeds(len(next(iter(nets.values()))[True]['seeds']), "mean and standard deviation")
    figure.suptitle(f"Three hidden layers of 100 sigmoids on MNIST; accuracies: {spread}")
    for row, (setting, pair) in zip(rows, nets.items()):
        row.suptitle(f"{setting}: {describe(pair)}", fontsize='medium')
        accuracy_axes, *percentile_axes = row.subplots(1, 3)
        _draw_accuracies(accuracy_axes, pair)
        percentile_axes[1].sharey(percentile_axes[0])
        for axes, letter, which in zip(percentile_axes, 'bc', (False, True)):
            _draw_percentiles(axes, f"({letter}) {NAMES[which]}", pair[which])
            axes.margins(y=0.2)  # room for the legend
    return figure


def _draw_accuracies(axes, pair):
    for which, net in pair.items():
        draw_band(axes, net['steps'], 100 * net['test_acc'], _COLORS[which], None, NAMES[which])
    later = [accuracy for net in pair.values() for accuracy in tenths(net)]
    axes.set(title='(a) test accuracy', xlabel='steps', ylabel='test accuracy (%)', xlim=(0, None),
             ylim=(max(0, 100 * min(later) - 5), min(100.5, 100 * max(later) + 3)))
    axes.legend(fontsize='small', loc='best')


def _draw_percentiles(axes, title, net):
    """Of the first seed, the unit whose movement is the median one: a typical sigmoid."""
    moved = movement(net)[0]                                                               # (units,)
    unit = int(np.argsort(moved)[len(moved) // 2])
    lines = zip(PERCENTILES, (':', '-', '--'), net['percentiles'][0, :, :, unit].T)
    for percentile, line, values in reversed(list(lines)):  # the highest first, as they lie in the picture
        axes.plot(net['steps'], values, color=_COLORS[net['job']['batch_norm']], linestyle=line, linewidth=1.2,
                  label=f'{percentile}th percentile')
    axes.set(title=f"{title}: input of sigmoid {unit}, seed {net['seeds'][0]}", xlabel='steps', xlim=(0, None),
             ylabel='input of the sigmoid')
    axes.grid(alpha=0.3)
    axes.legend(fontsize='small', loc='lower center', ncol=len(PERCENTILES))


def paper_claims(nets):
    """The claims in the settings that are the paper's."""
    return {f'{setting}: {sentence}': holds for setting, pair in nets.items() if setting in PAPER
            for sentence, holds in claims(pair).items()}


def remarks(name, nets, judged):
    """What is the case in the other settings, where nothing is demanded."""
    return [f"{'so it is' if holds else 'not so'}: {setting}: {sentence}" for setting, pair in nets.items()
            if judged and setting not in PAPER for sentence, holds in claims(pair).items()]


def numbers(nets):
    """What is kept beside the figure, as JSON can hold it."""
    return {'machine': describe_machine(), 'settings': {setting: {
        'setting': describe(pair), 'claims': claims(pair), 'demanded': setting in PAPER,
        **{NAMES[which]: numbers_of(net) for which, net in pair.items()}} for setting, pair in nets.items()}}
