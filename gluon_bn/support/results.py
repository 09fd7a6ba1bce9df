"""Numbers of several trainings: as JSON can hold them, and their mean and spread over the seeds."""
import math

import numpy as np


def json_safe(values, digits=17):
    """The same as JSON can hold it: None for nan and the infinities, lists for arrays; floats in so many digits."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, dict):
        return {name: json_safe(value, digits) for name, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [json_safe(value, digits) for value in values]
    if isinstance(values, float):
        return float(f'{values:.{digits}g}') if math.isfinite(values) else None
    return values


def mean_and_spread(values):
    """Mean and standard deviation over the seeds, the first axis; with one seed the spread is 0."""
    values = np.asarray(values, np.float64)
    return values.mean(axis=0), values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1:])


def mean_cell(values, digits=3):
    """What a cell of a table says of the seeds' ``values``: mean ± standard deviation; of one seed its value.

    >>> mean_cell([0.5, 0.7]), mean_cell([0.5], digits=2), mean_cell([0.5, float('inf')])
    ('0.600 ± 0.141', '0.50', 'not finite')
    """
    if not np.isfinite(values).all():
        return 'not finite'
    mean, spread = mean_and_spread(values)
    return f'{mean:.{digits}f} ± {spread:.{digits}f}' if len(values) > 1 else f'{mean:.{digits}f}'


def of_seeds(number, shown='mean ± standard deviation'):
    """What the head of such a table, or the title of a figure, says.

    >>> of_seeds(3), of_seeds(1)
    ('mean ± standard deviation of 3 seeds', 'one seed')
    """
    return f'{shown} of {number} seeds' if number > 1 else 'one seed'
