"""What the measured trainings come to: series over the steps, a number for each training, a table."""
import numpy as np

from ...support.results import by_kind, finite

TRAINED = 0.8  # test accuracy; guessing has 0.1


def of(results, **values):
    """Those of ``results`` whose jobs have these values: the seeds of one kind of training.

    >>> of([{'job': {'seed': 0, 'kind': 'plain'}}, {'job': {'seed': 0, 'kind': 'batch_norm'}}], kind='plain')
    [{'job': {'seed': 0, 'kind': 'plain'}}]
    """
    return [result for result in results if all(result['job'][name] == value for name, value in values.items())]


def over_steps(results, value_of):
    """``value_of(record)``, a number or array, at every measured step of every result: ``(seeds, steps, ...)``.

    After a divergence, and where a number was not finite, it is NaN.
    """
    rows = [[_array(value_of(record)) for record in result['measured']] for result in results]
    longest = max(map(len, rows))
    return np.array([row + [np.full_like(row[0], np.nan)] * (longest - len(row)) for row in rows])


def series(results, name):
    """:func:`over_steps` of one of ``MEASURES``: ``(seeds, steps)``."""
    return over_steps(results, MEASURES[name])


def steps(results):
    """The steps that :func:`series` is about."""
    return [record['step'] for record in max(results, key=lambda result: len(result['measured']))['measured']]


def final_loss(result):
    """The mean training loss of the last tenth of the steps; infinite after a divergence."""
    if result['diverged'] is not None:
        return float('inf')
    return float(np.mean(result['losses'][-max(1, len(result['losses']) // 10):]))


def median(values):
    """The median of those ``values`` that are numbers; NaN if none is finite."""
    return float(np.nanmedian(values)) if np.isfinite(values).any() else float('nan')


def numbers(results):
    """For each kind of training one dict: its job, and for each number the values of the seeds, as lists.

    The numbers are the loss at the end, the test accuracies, and for each of ``MEASURES`` the median over the steps;
    ``rate_times_smoothness`` is the median of that product: below 2 a step is not too long for a parabola.
    """
    rows = []
    for job, seeds in by_kind(results, 'job'):
        trainings = [_numbers_of_one(result) for result in seeds]
        rows.append({'job': job, 'seeds': [result['job']['seed'] for result in seeds],
                     **{name: [training[name] for training in trainings] for name in trainings[0]}})
    return rows


def _numbers_of_one(result):
    medians = {name: median(series([result], name)) for name in MEASURES}
    return finite({'final_loss': final_loss(result), 'test_acc': result['test_acc'],
                   'test_acc_batch': result['test_acc_batch'], **medians,
                   'rate_times_smoothness': result['job']['learning_rate'] * medians['smoothness']})


def table(rows):
    """The means over the seeds of :func:`numbers`, as lines of text."""
    columns = [('final_loss', 'loss at end'), ('test_acc', 'test acc.'), ('test_acc_batch', 'batch stat.'),
               ('loss_range', 'loss range'), ('relative_change', 'rel. change'), ('smoothness', 'beta'),
               ('rate_times_smoothness', 'lr * beta'), ('mean_shift', 'mean shift'),
               ('gradient_shift', 'grad. shift'), ('gradient_cosine', 'cosine')]
    lines = [f"{'kind':<17}{'lr':>7}{'scale':>7}" + ''.join(f'{title:>13}' for _, title in columns)]
    for row in rows:
        means = [np.mean(np.array(row[name], np.float64)) for name, _ in columns]
        lines.append(f"{row['job']['kind']:<17}{row['job']['learning_rate']:>7g}{row['job']['weight_scale']:>7g}"
                     + ''.join(f'{mean:>13.4g}' for mean in means))
    return lines


def best_rate(results, kind):
    """The learning rate at which the trainings of ``kind`` end with the lowest mean loss."""
    rates = sorted({result['job']['learning_rate'] for result in of(results, kind=kind)})
    return min(rates, key=lambda rate: np.mean([final_loss(r) for r in of(results, kind=kind, learning_rate=rate)]))


def trains(results):
    """Whether all of ``results`` got beyond ``TRAINED``."""
    return all(result['test_acc'] > TRAINED for result in results)


def _array(values):
    return np.array(values, np.float64)  # None, a number that was not finite, becomes NaN


def _ratio(change, norm):
    """``change / norm``, NaN where that is not a number."""
    return change / norm if change is not None and norm else np.nan


def _last_inputs(record):
    return list(record['inputs'].values())[-1]


MEASURES = {  # of one record of a result
    'loss_range': lambda record: np.ptp(_array(record['losses'])),
    'gradient_change': lambda record: np.max(_array(record['gradient_changes'])),
    'relative_change': lambda record: _ratio(np.max(_array(record['gradient_changes'])), record['gradient_norm']),
    'smoothness': lambda record: record['smoothness'],
    'mean_shift': lambda record: _last_inputs(record)['mean_shift'],
    'std_shift': lambda record: _last_inputs(record)['std_shift'],
    'gradient_shift': lambda record: np.mean([_ratio(s['change'], s['norm']) for s in record['shift'][1:]]),
    'gradient_cosine': lambda record: np.mean(_array([s['cosine'] for s in record['shift'][1:]]))}
