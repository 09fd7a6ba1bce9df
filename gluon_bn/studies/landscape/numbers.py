"""Numbers of the measured trainings: series over the steps, and a number for each training."""
import numpy as np

from ...support.results import json_safe
from ..study import seeds_together, select, values_of

TRAINED = 0.8  # test accuracy; guessing has 0.1


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
    rows = [(job, [result['job']['seed'] for result in of_job], [_numbers_of_one(result) for result in of_job])
            for job, of_job in seeds_together(results)]
    return [{'job': job, 'seeds': seeds, **{name: [training[name] for training in trainings] for name in trainings[0]}}
            for job, seeds, trainings in rows]


def _numbers_of_one(result):
    medians = {name: median(series([result], name)) for name in MEASURES}
    return json_safe({'final_loss': final_loss(result), 'test_acc': result['test_acc'],
                      'test_acc_batch': result['test_acc_batch'], **medians,
                      'rate_times_smoothness': result['job']['learning_rate'] * medians['smoothness']})


def best_rate(results, kind):
    """The learning rate at which the trainings of ``kind`` end with the lowest mean loss."""
    chosen = select(results, kind=kind)
    return min(values_of(chosen, 'learning_rate'),
               key=lambda rate: np.mean([final_loss(result) for result in select(chosen, learning_rate=rate)]))


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
