"""Merging statistics of shards, against NumPy's of all rows."""
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn.parallel.statistics import add_up, merge_moments


def moments_of(rows):
    if len(rows) == 0:
        return 0, np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    return len(rows), rows.mean(axis=0), ((rows - rows.mean(axis=0)) ** 2).sum(axis=0)


def merged(rows, sizes):
    shards = np.split(rows, np.cumsum(sizes)[:-1])
    return merge_moments(*zip(*map(moments_of, shards)))


@pytest.mark.parametrize('sizes', [(2, 10), (0, 12), (12, 0), (1, 1, 62), (0, 0, 5, 0)], ids=str)
def test_they_are_exact_at_a_large_mean(rng, sizes):
    rows = rng.normal(1e4, rng.uniform(0.5, 3, size=7), size=(sum(sizes), 7))
    n, mean, m2 = merged(rows, sizes)
    assert n == sum(sizes)
    exact = np.array([[math.fsum(column) / n for column in rows.T]])
    np.testing.assert_allclose(mean, exact[0], rtol=2e-15)
    squares = [math.fsum(column) for column in ((rows - exact) ** 2).T]
    np.testing.assert_allclose(m2, squares, rtol=2e-12)


@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(sum), offset=st.sampled_from([0, -3, 1e4]),
       scale=st.sampled_from([1e-3, 1, 1e3]), seed=st.integers(0, 2 ** 32 - 1))
def test_shards_of_any_size_give_the_moments_of_all_rows(sizes, offset, scale, seed):
    rows = np.random.default_rng(seed).normal(offset, scale, size=(sum(sizes), 3))
    n, mean, m2 = merged(rows, sizes)
    expected = moments_of(rows)
    np.testing.assert_allclose(mean, expected[1], rtol=1e-14, atol=1e-14 * scale)
    rounding = 1e-14 * len(rows) * abs(offset) * scale  # of what the two are made of
    np.testing.assert_allclose(m2, expected[2], rtol=1e-12, atol=rounding)
    assert n == len(rows)


def test_of_no_rows_at_all_nothing_is_known():
    n, mean, m2 = merge_moments([0, 0], np.zeros((2, 3)), np.zeros((2, 3)))
    assert n == 0
    assert not mean.any()
    assert not m2.any()


def test_sums_are_made_in_the_order_of_the_ranks():
    rows = np.array([[1e16], [1.], [-1e16], [1.]])
    assert add_up(rows) == [((1e16 + 1) - 1e16) + 1]
    assert add_up(rows[[0, 2, 1, 3]]) == [2]
    before = rows.copy()
    add_up(rows)
    np.testing.assert_array_equal(rows, before)
