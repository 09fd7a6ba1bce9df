"""What came out of the trainings for Figure 1: the figure, the numbers, and the claims that they must bear out."""
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ...run.plots import draw_band
from ...support.files import atomic_write
from ...support.results import mean_and_spread
from ..machine import describe_machine
from . import runs
from .training import PERCENTILES

NAMES = {True: 'with batch norm', False: 'without'}
_COLORS = {True: 'tab:blue', False: 'tab:orange'}


def make_figure(folder, settings, seeds=range(3), steps=runs.STEPS, data_dir=None, processes=None,
                report=print, events=None, judged=True):
    """Do the trainings that are missing; write ``paper_figure.png`` and ``paper_figure.json`` to ``folder``.

    Parameters
    ----------
    settings : names of ``paper_figure.SETTINGS``
    folder, data_dir, processes, report, events : as for :func:`gluon_bn.studies.paper_figure.runs.run`

    judged : False does not report the claims, because the trainings are too short to say anything

    Returns setting -> claims, see :func:`claims`. Raises what ``runs.run`` raises.
    """
    jobs = {setting: runs.jobs_of(setting, seeds, steps) for setting in settings}
    results = iter(runs.run(folder, sum(jobs.values(), []), data_dir, processes, report, events))
    nets = {setting: by_net([next(results) for _ in jobs[setting]]) for setting in settings}
    figure, found = draw(nets), {setting: claims(pair) for setting, pair in nets.items()}
    with atomic_write(Path(folder) / 'paper_figure.png') as file:
        figure.savefig(file, format='png', dpi=110)
    with atomic_write(Path(folder) / 'paper_figure.json', 'w') as file:
        json.dump({'machine': describe_machine(), 'settings': {setting: {
            'setting': describe(pair), 'claims': found[setting], 'demanded': setting in runs.PAPER,
            **{NAMES[which]: numbers(net) for which, net in pair.items()}} for setting, pair in nets.items()}},
            file, indent=1)
    for line in (table(nets), *(_verdicts(found) if judged else [
            f"The claims are not judged: {steps} steps are too few."])):
        report(line)
    return found


def by_net(results):
    """Bring the seeds of one setting together: dict with (True) and without (False) batch norm -> dict.

    Each has ``job`` (without the seed), ``seeds``, ``steps`` ``(records,)``, ``test_acc`` and ``train_acc``
    ``(seeds, records)``, and ``percentiles`` ``(seeds, records, 3, units)``.
    """
    pair = {}
    for which in NAMES:
        chosen = [result for result in results if result['job']['batch_norm'] == which]
        pair[which] = {'job': {name: value for name, value in chosen[0]['job'].items() if name != 'seed'},
                       'seeds': [result['job']['seed'] for result in chosen],
                       'steps': [record['step'] for record in chosen[0]['records']],
                       **{name: np.array([[record[name] for record in result['records']] for result in chosen])
                          for name in ('test_acc', 'train_acc', 'percentiles')}}
    return pair


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


def numbers(net):
    """What the table and the claims are made of, as JSON can hold it."""
    return {'seeds': net['seeds'], 'test_acc_at_tenths': tenths(net).tolist(),
            **{f'final_{name}': net[name][:, -1].tolist() for name in ('test_acc', 'train_acc')},
            'best_test_acc': net['test_acc'].max(axis=1).tolist(), 'movement': movement(net).mean(axis=1).tolist()}


def table(nets):
    """The numbers at the end of training, mean ± standard deviation over the seeds, as a table in Markdown."""
    rows = ['| setting | net | test accuracy | training accuracy | movement |', '|---|---|---|---|---|']
    for setting, pair in nets.items():
        for which, net in pair.items():
            cells = ['{:.4f} ± {:.4f}'.format(*mean_and_spread(net[name][:, -1])) for name in ('test_acc', 'train_acc')]
            cells.append('{:.3f} ± {:.3f}'.format(*mean_and_spread(movement(net).mean(axis=1))))
            rows.append(f"| {setting} | {NAMES[which]} | {' | '.join(cells)} |")
    return '\n'.join(rows)


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
    seeds = len(next(iter(nets.values()))[True]['seeds'])
    spread = f"mean and standard deviation of {seeds} seeds" if seeds > 1 else "one seed"
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


def _verdicts(found):
    """A line for each claim: whether it holds, where the paper makes it; what is the case, in another setting."""
    for setting, sentences in found.items():
        words = ('FAILS', 'holds') if setting in runs.PAPER else ('not so', 'so it is')
        for sentence, holds in sentences.items():
            yield f"{setting}: {words[holds]}: {sentence}"
