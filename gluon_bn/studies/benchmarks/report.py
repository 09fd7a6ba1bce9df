"""Tables, numbers and pictures of the times."""
from statistics import median

import matplotlib.pyplot as plt

from ...run.curves import save


def summary(levels, ours):
    """``{level: {name: {median, spread, ratio}}}``: seconds, the half of all repeats lies within ``spread``; ``ratio``
    is the time of ``ours`` over that of the contestant."""
    result = {}
    for level, times in levels.items():
        mine = median(times[ours])
        result[level] = {name: {'median': median(values), 'spread': _quartiles(values), 'ratio': mine / median(values)}
                         for name, values in times.items()}
    return result


def _quartiles(values):
    ordered = sorted(values)
    return [ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]]


def table(levels, ours, accuracy, memory):
    """The summary as lines of Markdown."""
    lines = []
    for level, entries in summary(levels, ours).items():
        lines += ['', f'{level}', '', f'| | median ms | half of the repeats | {ours} / it |', '|---|--:|--:|--:|']
        for name, e in sorted(entries.items(), key=lambda item: item[1]['median']):
            low, high = e['spread']
            lines.append(f"| {name} | {e['median'] * 1e3:.3f} | {low * 1e3:.3f} to {high * 1e3:.3f} "
                         f"| {e['ratio']:.2f} |")
    for title, values, form in (('test accuracy', accuracy, '.4f'), ('peak memory, MB', memory, '.0f')):
        if values:
            lines += ['', title, '', *(f'- {name}: {value:{form}}' for name, value in values.items())]
    return '\n'.join(lines[1:])


def overview(levels, ours):
    """All ratios in one table of Markdown: a row for each level, a column for each contestant."""
    found = summary(levels, ours)
    others = [name for name in next(iter(found.values())) if name != ours]
    lines = [f"| time of {ours} | ms | {' | '.join(f'/ {name}' for name in others)} |",
             '|---|' + '--:|' * (1 + len(others))]
    for level, entries in found.items():
        ratios = ' | '.join(f"{entries[name]['ratio']:.2f}" for name in others)
        lines.append(f"| {level} | {_milliseconds(entries[ours]['median'])} | {ratios} |")
    return '\n'.join(lines)


def _milliseconds(seconds):
    return f'{seconds * 1e3:,.0f}' if seconds >= 1 else f'{seconds * 1e3:.4g}'


def bar_chart(levels, ours, path, longest=5):
    """A bar for each contestant at each level, in units of the time of ``ours``, up to ``longest``, to ``path``."""
    figure, axes = plt.subplots(len(levels), 1, figsize=(8, 1.9 * len(levels) + 0.5), squeeze=False)
    for axis, (level, times) in zip(axes[:, 0], levels.items()):
        names = sorted(times, key=lambda name: -median(times[name]))
        mine = median(times[ours])
        units = [median(times[name]) / mine for name in names]
        bars = axis.barh(names, [min(unit, longest) for unit in units],
                         color=['tab:orange' if name.startswith('gluon_bn') else 'tab:blue' for name in names])
        axis.bar_label(bars, labels=[f'{unit:.2f}' for unit in units], fontsize=8, padding=3)
        axis.set_xlim(0, min(max(units), longest) * 1.1)
        axis.set_title(f'{level}: times {ours}, {_milliseconds(mine)} ms', fontsize=10)
        axis.tick_params(labelsize=8)
    figure.tight_layout()
    save(path, figure, dpi=110)
    plt.close(figure)


def growth_picture(growth, threads, names, path):
    """Nanoseconds an element against batch size and channels, and an iteration's ms against threads, to ``path``."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8))
    for axis, (what, rows) in zip(axes, growth.items()):
        for place, name in enumerate(names, 1):
            axis.plot([row[0] for row in rows], [row[place] for row in rows], marker='o', label=name)
        axis.set(xscale='log', yscale='log', xlabel=what, ylabel='ns an element, forward+backward')
        axis.legend(loc='best')
    axes[2].plot(list(threads), list(threads.values()), marker='o')
    axes[2].set(xlabel='threads', ylabel='ms an iteration of LeNet, batch 64', ylim=(0, None), xticks=list(threads))
    figure.tight_layout()
    save(path, figure, dpi=110)
    plt.close(figure)
