"""The statistics of a batch from those of its shards, in float64 and in the order of the ranks.

Shards may have different numbers of rows, or none. NumPy alone.
"""
import numpy as np


def merge_moments(n, means, m2s):
    """Mean and sum of squared deviations of all rows: ``(n, mean (C,), m2 (C,))``.

    The formula of Chan, Golub and LeVeque (1979) joins two parts; here it joins one rank after the other. Nothing large
    is subtracted from something large: a mean of 1e4 beside a deviation of 1 costs no digits.

    Parameters
    ----------
    n : ``(size,)``, how many values of each feature each rank has; 0 for a rank without rows
    means, m2s : ``(size, C)``, their means and their sums of squared deviations from it

    >>> n, mean, m2 = merge_moments([2, 0, 1], [[1.], [0.], [4.]], [[2.], [0.], [0.]])   # 0 and 2, nothing, 4
    >>> n, mean.tolist(), m2.tolist()
    (3.0, [2.0], [8.0])
    """
    means, m2s = np.asarray(means, np.float64), np.asarray(m2s, np.float64)
    total, mean, m2 = 0., np.zeros(means.shape[1]), np.zeros(means.shape[1])
    for more, its_mean, its_m2 in zip(np.asarray(n, np.float64).tolist(), means, m2s):
        if more == 0:
            continue
        before, total = total, total + more
        delta = its_mean - mean                                                       # (C,)
        mean = mean + delta * (more / total)                                          # (C,)
        m2 = m2 + its_m2 + delta * delta * (before * more / total)                    # (C,)
    return total, mean, m2


def add_up(rows):
    """The sum of ``(size, ...)`` over the ranks, the first one first: always the same bits.

    >>> add_up([[1., 2.], [3., 4.]]).tolist()
    [4.0, 6.0]
    """
    first, *others = np.asarray(rows, np.float64)
    total = first.copy()
    for row in others:
        total += row
    return total
