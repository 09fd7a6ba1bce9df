"""Groups of workers: sums in a fixed order, the same on every rank, and no sum at all where ranks are not together."""
import time
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn.parallel.group import BY_PARTS, Group, GroupError, OneProcess, in_threads, part_of

SIZES = [1, 2, 3, 4]


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('shape', [(), (5,), (3, 4), (0,)])
def test_gather_has_all_arrays_in_the_order_of_the_ranks(size, shape):
    arrays = np.random.rand(size, *shape)
    for found in in_threads(size, lambda group: group.gather('x', arrays[group.rank])):
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, arrays)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('n', [7, BY_PARTS // 4, BY_PARTS + 1, 3 * BY_PARTS + 2])
@pytest.mark.parametrize('dtype', ['float32', 'float64', 'int64', 'uint8'])
def test_a_sum_is_that_of_numpy_in_the_order_of_the_ranks(size, n, dtype):
    arrays = (np.random.randn(size, n) * 10).astype(dtype)
    expected = arrays[0].astype(np.float64 if dtype.startswith('f') else np.int64)
    for array in arrays[1:]:
        expected = expected + array
    for found in in_threads(size, lambda group: group.sum('x', arrays[group.rank])):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected.astype(dtype))


def test_the_order_of_a_sum_does_not_depend_on_who_comes_first():
    """1e16 + 1 - 1e16 is 0 in this order, and 1 in another."""
    values = [1e16, 1., -1e16]

    def work(group, delays):
        time.sleep(0.02 * delays[group.rank])
        return group.sum('x', np.array([values[group.rank]]))[0]

    for delays in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        assert in_threads(3, partial(work, delays=delays)) == [0., 0., 0.]


def test_a_sum_in_float32_is_rounded_once():
    values = np.float32([1e8, 3., 3.])  # 1e8 + 3 is no float32
    found = in_threads(3, lambda group: group.sum('x', values[group.rank:][:1])[0])
    assert found == [np.float32(1e8 + 6)] * 3


def test_by_halves_a_sum_is_that_of_two_groups_half_as_large():
    values = np.float32([1e8, 3., 3., 3., 3.])
    found = in_threads(5, lambda group: group.sum('x', values[group.rank:][:1], by_halves=True)[0])
    assert found == [np.float32(1e8) + np.float32(9.)] * 5  # the first two, and then the last three
    assert found != [np.float32(1e8 + 12)] * 5
    large = np.random.randn(4, BY_PARTS).astype('float32')
    for found in in_threads(4, lambda group: group.sum('x', large[group.rank], by_halves=True)):
        np.testing.assert_array_equal(found, (large[0] + large[1]) + (large[2] + large[3]))


@given(st.integers(0, 600), st.integers(1, 70))
def test_parts_are_whole_even_and_in_order(n, size):
    parts = [part_of(n, rank, size) for rank in range(size)]
    assert [i for part in parts for i in range(n)[part]] == list(range(n))
    lengths = [part.stop - part.start for part in parts]
    if n < 8 * size:
        assert max(lengths) - min(lengths) <= 1
    else:  # whole eights, and what is left over is the last one's
        assert not any(part.start % 8 for part in parts)
        assert min(lengths) >= 8
        assert max(lengths) - min(lengths) < 16


@given(st.integers(0, 3000), st.sampled_from([2, 4]))
def test_two_and_four_parts_are_those_of_a_sum_by_halves(n, size):
    parts = [part_of(n, rank, size) for rank in range(size)]
    if n >= 8 * size:
        assert [(part.start, part.stop) for part in parts] == halves(0, n, size)


def halves(begin, end, size):
    if size == 1:
        return [(begin, end)]
    middle = begin + 8 * (-(-(end - begin) // 8) // 2)
    return halves(begin, middle, size // 2) + halves(middle, end, size // 2)


def test_what_is_given_is_not_changed_and_not_kept():
    def work(group):
        array = np.full(BY_PARTS, float(group.rank))
        found = group.gather('x', array), group.sum('x', array)
        assert (array == group.rank).all()
        found[0][:] = found[1][:] = -1
        return array

    for rank, array in enumerate(in_threads(2, work)):
        assert (array == rank).all()


def test_broadcast_is_rank_0s():
    found = in_threads(3, lambda group: group.broadcast('x', np.array([group.rank + 5])).tolist())
    assert found == [[5]] * 3


def test_values_of_any_length_are_shared():
    values = [None, 'long ' * 50, {'a': [1, 2.5]}, '']
    assert in_threads(4, lambda group: group.share('values', values[group.rank])) == [values] * 4
    assert OneProcess().share('values', values) == [values]


# ---- not together ----------------------------------------------------------------------------------------------------

def failures(size, work):
    """What each rank's GroupError says."""
    def caught(group):
        with pytest.raises(GroupError) as error:
            work(group)
        return str(error.value)
    return in_threads(size, caught)


@pytest.mark.parametrize('work', [
    lambda group: group.gather('x', np.zeros(3 + (group.rank == 1))),
    lambda group: group.gather('x', np.zeros(3, 'f4' if group.rank == 1 else 'f8')),
    lambda group: group.gather('y' if group.rank == 1 else 'x', np.zeros(3)),
    lambda group: (group.sum if group.rank == 1 else group.gather)('x', np.zeros(3)),
    lambda group: group.barrier() if group.rank == 1 else group.gather('x', np.zeros(3)),
    lambda group: setattr(group, 'step', group.rank == 1) or group.sum('x', np.zeros(2 * BY_PARTS)),
], ids=['length', 'type', 'name', 'what', 'barrier', 'step'])
def test_a_mismatch_is_an_error_on_every_rank_that_names_it(work):
    for said in failures(3, work):
        assert said.startswith("rank 1 is not where rank 0 is (call 1, step ")
        assert said.count('call 1, ') == 2


def test_a_mismatch_behind_the_end_of_the_header_is_noticed():
    for said in failures(3, lambda group: group.gather('x' * 300 + 'y' * (group.rank == 2), np.zeros(3))):
        assert said.startswith("rank 2 is not where rank 0 is (call 1, step 0: gather of 'xxx")


def test_a_call_that_one_rank_has_left_out_is_noticed():
    def work(group):
        if group.rank != 1:
            group.gather('x', np.zeros(2))
        group.gather('x' if group.rank == 1 else 'y', np.zeros(2))
    in_threads(1, lambda group: group.gather('x', np.zeros(2)))
    with pytest.raises(GroupError, match='rank [12]'):
        in_threads(3, work)


def test_a_disagreement_names_rank_and_values():
    for said in failures(3, lambda group: group.agree('version', '0.2' if group.rank == 2 else '0.1')):
        assert said == "rank 2 has another version than rank 0: '0.2', not '0.1'."
    for said in failures(2, lambda group: group.agree('configuration', {'lr': 0.1 * group.rank, 'seed': 0})):
        assert said == "rank 1 has another configuration than rank 0: lr is 0.1, not 0.0."
    assert in_threads(2, lambda group: group.agree('version', '0.1')) == [None, None]


def test_an_exception_of_one_rank_ends_all():
    def work(group):
        for step in range(5):
            if (group.rank, step) == (1, 3):
                raise ZeroDivisionError("no")
            group.gather('x', np.zeros(2))
    with pytest.raises(ZeroDivisionError):
        in_threads(3, work)


def test_a_rank_that_ends_early_is_named():
    with pytest.raises(GroupError, match=r'rank 1 has ended \(its work is done\)'):
        in_threads(2, lambda group: group.rank == 1 or group.gather('x', np.zeros(2)))


@pytest.mark.parametrize('size', [1, 2])
def test_what_cannot_travel_is_refused(size):
    for method in (Group.gather, Group.sum):
        with pytest.raises(TypeError, match='expected numbers'):
            in_threads(size, lambda group, method=method: method(group, 'x', np.array([None])))
    with pytest.raises(TypeError, match='that can be added'):
        in_threads(size, lambda group: group.sum('x', np.array([True])))


def test_the_bytes_that_are_sent_are_counted():
    def work(group):
        group.gather('x', np.zeros(10))
        before = group.bytes_sent
        group.sum('x', np.zeros(129464, np.float32))
        return before, group.bytes_sent - before
    small, large = in_threads(4, work)[0]
    assert small == (192 + 80) * 3
    assert large == 192 * 3 + 2 * 129464 * 3
    assert in_threads(1, work)[0] == (0, 0)


@pytest.mark.parametrize(('size', 'error'), [(0, ValueError), (2.5, TypeError)])
def test_so_many_ranks_there_cannot_be(size, error):
    with pytest.raises(error, match=f'size is {size}; expected a whole number, at least 1'):
        in_threads(size, lambda group: None)
