"""Results of trainings: kept as lines of JSON, and brought together over the seeds.

A line is appended in one piece and is on the disk before the next thing happens. What a kill can leave is a part of the
last line; whoever reads passes over it, and whoever appends begins a new line.
"""
import json
import math
import os
from pathlib import Path

import numpy as np

from .reading import content, json_of


def append_result(path, result):
    """Append ``result``, a dict as JSON can hold it, to the file ``path`` as one line, whole; numbers must be finite.

    Several processes may append to one file.

    >>> append_result(path, {'seed': 0, 'accuracy': 0.5})
    >>> append_result(path, {'seed': 1, 'accuracy': 0.7})
    >>> read_results(path)
    [{'seed': 0, 'accuracy': 0.5}, {'seed': 1, 'accuracy': 0.7}]
    """
    line = json.dumps(result, allow_nan=False).encode() + b'\n'
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'a+b', buffering=0) as file:  # O_APPEND: the end is found and written to in one step
        if _last_byte(file) not in (b'', b'\n'):
            line = b'\n' + line
        if file.write(line) != len(line):
            raise OSError(f"{path}: a result could not be written whole; is the disk full?")
        os.fsync(file.fileno())


def read_results(path):
    """The results in the file ``path``, as a list; lines that are not whole are passed over, no file is no results."""
    if not os.path.lexists(path):
        return []
    lines = content(path, ValueError).split(b'\n')
    return [result for result in map(_parsed, lines) if isinstance(result, dict)]


def finite(values):
    """The same with None for numbers that JSON does not have: nan and the infinities."""
    if isinstance(values, dict):
        return {name: finite(value) for name, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def by_kind(results, key):
    """Bring the seeds together: ``[(what was trained, its results)]``, in the order of their coming.

    ``result[key]`` is a dict that says what was trained; those that differ in ``seed`` alone are of one kind.

    >>> results = [{'job': {'seed': seed, 'lr': lr}} for lr in (0.1, 1) for seed in (0, 1)]
    >>> [(job, len(results)) for job, results in by_kind(results, 'job')]
    [({'lr': 0.1}, 2), ({'lr': 1}, 2)]
    """
    kinds = {}
    for result in results:
        what = {name: value for name, value in result[key].items() if name != 'seed'}
        kinds.setdefault(json.dumps(what, sort_keys=True), (what, []))[1].append(result)
    return list(kinds.values())


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


def of_seeds(number):
    """What the head of such a table says.

    >>> of_seeds(3), of_seeds(1)
    ('mean ± standard deviation of 3 seeds', 'one seed')
    """
    return f'mean ± standard deviation of {number} seeds' if number > 1 else 'one seed'


def _last_byte(file):
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
    return file.read(1)


def _parsed(line):
    try:
        return json_of(line)
    except ValueError:  # also what is not UTF-8
        return None
