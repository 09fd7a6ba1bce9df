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
    n, means = np.asarray(n, np.float64), np.asarray(means, np.float64)
    total, sums, m2 = merge_sums(n, n[:, None] * means, m2s)
    return total, sums / total if total else sums, m2


def merge_sums(n, sums, m2s):
    """The same with the sums of the values in place of their means: ``(n, sum (C,), m2 (C,))``.

    Sums of float32 values are mostly exact in float64, so that they do not depend on how many ranks add them up.
    """
    sums, m2s = np.asarray(sums, np.float64), np.asarray(m2s, np.float64)
    total, sum_, m2 = 0., np.zeros(sums.shape[1]), np.zeros(sums.shape[1])
    for more, its_sum, its_m2 in zip(np.asarray(n, np.float64).tolist(), sums, m2s):
        if more == 0:
            continue
        if total:
            delta = its_sum / more - sum_ / total                                     # (C,)
            m2 = m2 + delta * delta * (total * more / (total + more))                 # (C,)
        total, sum_, m2 = total + more, sum_ + its_sum, m2 + its_m2                   # (C,)
    return total, sum_, m2


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
