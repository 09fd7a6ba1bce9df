"""Numbers, booleans, labels and arrays of floats, as the public functions take them."""
import math
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gluon_bn._mxnet import nd
from gluon_bn.support.arguments import as_array, boolean, floats, integer, labels, mapping, number, one_of, path, sizes

NO_NUMBERS = [True, np.True_, 'a', '1', None, 1j, [1.0], np.array([.1]), np.array(.1), b'1', {}, len]


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-10**300, 10**300)))
def test_a_number_comes_back_as_the_float_that_it_is(value):
    assert number('v', value) == float(value)
    assert type(number('v', value)) is float


@pytest.mark.parametrize('value', [np.float64(.5), np.float32(.5), np.float16(.5), np.longdouble(.5)])
def test_numbers_of_other_libraries(value):
    assert number('v', value) == 0.5


@pytest.mark.parametrize('value', [*NO_NUMBERS, nd.array([.1])], ids=repr)
def test_what_is_no_number(value):
    with pytest.raises(TypeError, match='^lr is .*; expected a finite number, above 0'):
        number('lr', value, above=0)


@pytest.mark.parametrize('value', [Fraction(1, 2), Decimal('0.5')])
def test_a_number_that_mxnet_cannot_read(value):
    with pytest.raises(TypeError, match=r'^eps is .*; expected a finite number \(make a number of it with float'):
        number('eps', value)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf, np.float32('nan'), 10**400, -10**400])
def test_what_is_not_finite(value):
    with pytest.raises(ValueError, match='^lr is .*; expected a finite number'):
        number('lr', value)


@given(st.floats(allow_nan=False, allow_infinity=False, width=16), st.floats(-4, 4), st.floats(-4, 4))
def test_limits_of_numbers(value, low, high):
    def accepted(**limits):
        with suppress(ValueError):
            return number('v', value, **limits) == value
        return False
    assert accepted(at_least=low, at_most=high) == (low <= value <= high)
    assert accepted(above=low, below=high) == (low < value < high)
    assert accepted(at_least=value, at_most=value)
    assert not accepted(above=value)
    assert not accepted(below=value)


@pytest.mark.parametrize('value', [*NO_NUMBERS, 2.0, np.float64(2), math.nan], ids=repr)
def test_what_is_no_whole_number(value):
    with pytest.raises(TypeError, match='^n is .*; expected a whole number from 1 to 5'):
        integer('n', value, at_least=1, at_most=5)


@pytest.mark.parametrize('kind', [int, np.int8, np.uint64])
def test_whole_numbers(kind):
    assert [integer('n', kind(n), 1, 3) for n in (1, 2, 3)] == [1, 2, 3]
    assert type(integer('n', kind(1))) is int
    for n in (0, 4):
        with pytest.raises(ValueError, match=f'^n is {n}; expected a whole number from 1 to 3.$'):
            integer('n', kind(n), 1, 3)


def test_booleans():
    assert boolean('b', np.True_) is True
    assert boolean('b', False) is False
    for value in ('no', '', 0, 1, None, np.array([True]), [], 1.0):
        with pytest.raises(TypeError, match='^b is .*; expected True or False.$'):
            boolean('b', value)


@pytest.mark.parametrize(('value', 'error'), [('foo', ValueError), (None, TypeError), ([], TypeError), (1, TypeError)])
def test_one_of(value, error):
    assert one_of('impl', 'fast', ('auto', 'plain', 'fast')) == 'fast'
    with pytest.raises(error, match=r"^impl is .*; expected 'auto', 'plain' or 'fast'\.$"):
        one_of('impl', value, ('auto', 'plain', 'fast'))


@pytest.mark.parametrize('value', [10**5000, 'x' * 10**6, [[[[[[[[0]]]]]]]] * 10**4, np.zeros((10**4, 10**3))],
                         ids=['integer', 'string', 'list', 'array'])
def test_a_message_is_short(value):
    with pytest.raises((TypeError, ValueError)) as caught:
        number('v', value)
    assert len(str(caught.value)) < 250


class Series:
    """Like one of pandas: an array whose index is not the position."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape = self.values.shape

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return self.values[::-1][index]

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


@given(hnp.arrays(st.sampled_from([np.uint8, np.int32, np.int64, np.float32, np.float64]), st.integers(0, 20),
                  elements=st.integers(0, 9)))
def test_labels_of_every_kind_are_the_same_numbers(y):
    kinds = [y, y.tolist(), Series(y)]
    if len(y):  # MXNet has no array of no values
        kinds.append(nd.array(y, dtype=y.dtype))
    for kind in kinds:
        taken = labels('y', kind, n=len(y), num_classes=10)
        assert type(taken) is np.ndarray
        assert taken.dtype.kind in 'iu'
        assert taken.tolist() == [int(v) for v in y]


@pytest.mark.parametrize('value', [-1, 10, 2.5, math.nan, math.inf, -math.inf])
def test_a_label_outside_the_classes_is_named(value):
    for y in ([0, 1, value, 3], np.array([0, 1, value, 3]), nd.array([0, 1, value, 3])):
        with pytest.raises(ValueError, match=rf'^y holds {value}\S* \(at position 2\); expected class numbers from 0 '
                                             'to 9'):
            labels('y', y, num_classes=10)


def test_the_last_class_is_inside():
    assert labels('y', [9], num_classes=10).tolist() == [9]
    assert labels('y', [9]).tolist() == [9]


@pytest.mark.parametrize(('y', 'message'), [(np.zeros((4, 1)), r"shape \(4, 1\); expected .*\(n,\).*reshape"),
                                        (np.eye(4), r"shape \(4, 4\); expected .*argmax"),
                                        (np.float32(1), r"shape \(\)"), ([[0]], r"shape \(1, 1\)")], ids=repr)
def test_labels_of_another_shape(y, message):
    with pytest.raises(ValueError, match=message):
        labels('y', y)


@pytest.mark.parametrize('y', [np.array([True]), ['a'], 'abc', [None], [[0], [0, 1]], np.array([1j]), {1: 2}, None],
                         ids=repr)
def test_labels_of_another_type(y):
    with pytest.raises(TypeError, match='^y '):
        labels('y', y)


@pytest.mark.parametrize('mask', [[True, False, False], True])
def test_masked_values_are_refused_and_a_mask_without_any_is_none(mask):
    with pytest.raises(ValueError, match='y has masked values; expected .*filled'):
        labels('y', np.ma.array([0, 1, 2], mask=mask))
    assert labels('y', np.ma.array([0, 1, 2])).tolist() == [0, 1, 2]


def test_a_list_of_arrays_is_refused_in_one_line():
    with pytest.raises(TypeError) as error:
        labels('y', [nd.array([1]), nd.array([2])])
    assert '\n' not in str(error.value)


def test_as_many_labels_as_images():
    with pytest.raises(ValueError, match='^3 images and 2 labels; expected one label an image.$'):
        labels('y', [0, 1], n=3)


def test_arrays_of_floats():
    for kind in (np.int8, np.uint64):
        assert floats('x', np.array([1, 2], kind)).dtype == np.float64
    for kind in (np.float16, np.float32, np.float64):
        x = np.ones(2, kind)
        assert floats('x', x) is x
    assert floats('x', nd.array([1])).dtype == np.float32
    assert floats('x', np.ones((3, 2)), (None, 2)).shape == (3, 2)
    for shape in ((3,), (3, 3), (None, None, None), (1, 2)):
        with pytest.raises(ValueError, match=r'^x has shape \(3, 2\); expected \('):
            floats('x', np.ones((3, 2)), shape)
    for value in ([True], np.array([True]), [1j], ['a'], [None], 'abc', [[1], [1, 2]], None):
        with pytest.raises(TypeError, match='^x '):
            floats('x', value)


def test_labels_that_a_batch_cannot_hold_are_refused():
    assert labels('y', [2.**24 - 1]).tolist() == [2**24 - 1]
    for value in (2**24, 2.**63, 1e300):  # float32, the type of a batch's labels, does not know 2**24 + 1
        with pytest.raises(ValueError, match=r'^y holds .* \(at position 1\); expected whole numbers, at least 0'):
            labels('y', [0, value])
    with pytest.raises(ValueError, match=r'^y holds 18446744073709551615 \(at position 0\)'):
        labels('y', np.array([2**64 - 1], np.uint64))


def test_sizes_are_whole_numbers():
    assert sizes('units', (np.int8(3), 2)) == sizes('units', np.array([3, 2])) == [3, 2]
    assert sizes('units', []) == []
    for value in (None, 3, 'ab', b'ab', {1: 2}, {1, 2}, np.array(3), np.ones((2, 2), int)):
        with pytest.raises(TypeError, match='^units is .*; expected a list of whole numbers, such as'):
            sizes('units', value)
    with pytest.raises(TypeError, match=r'^units\[1\] is 2.5; expected a whole number'):
        sizes('units', [1, 2.5])


def test_mappings():
    assert mapping('data', {1: 2}, 'a dictionary') == {1: 2}
    for value in (None, 'ab', [1], 3):
        with pytest.raises(TypeError, match='^data is a .*; expected a dictionary'):
            mapping('data', value, 'a dictionary')


@pytest.mark.parametrize(('call', 'message'), [
    (lambda: number('v', 5, at_most=3), 'v is 5; expected a finite number, at most 3.'),
    (lambda: number('v', 5, at_most=3.0), 'v is 5; expected a finite number, at most 3.'),
    (lambda: number('v', 1, at_least=0, below=1, hint='as usual'),
     'v is 1; expected a finite number, at least 0 and below 1 (as usual).'),
    (lambda: number('v', 0, above=0, at_most=1), 'v is 0; expected a finite number, above 0 and at most 1.'),
    (lambda: number('v', np.float64(-1), at_least=0), 'v is -1.0; expected a finite number, at least 0.'),
    (lambda: number('v', np.float32(np.inf)), 'v is inf; expected a finite number.'),
    (lambda: number('v', np.array([1.5])),
     'v is an array (numpy) of shape (1,); expected a finite number (make a number of it with float(...)).'),
    (lambda: integer('v', np.array(3)),
     'v is an array (numpy) of shape (); expected a whole number (make a number of it with int(...)).'),
    (lambda: integer('v', 7, at_most=3), 'v is 7; expected a whole number, at most 3.'),
    (lambda: integer('v', 2**200, at_most=3), 'v is a whole number of 201 bits; expected a whole number, at most 3.'),
    (lambda: boolean('v', np.ndarray), "v is <class 'numpy.ndarray'>; expected True or False."),
    (lambda: one_of('v', 'b', ['a']), "v is 'b'; expected 'a'."),
    (lambda: floats('v', np.ones((2, 3)), (None, 4)), 'v has shape (2, 3); expected (any, 4).'),
    (lambda: floats('v', np.ones((2, 3)), (None,)), 'v has shape (2, 3); expected (any,).'),
    (lambda: sizes('v', [1, 0]), 'v[1] is 0; expected a whole number, at least 1.')])
def test_messages_in_full(call, message):
    with pytest.raises((TypeError, ValueError)) as error:
        call()
    assert str(error.value) == message


@pytest.mark.parametrize('value', ['abc', b'abc', [None], [1, None], [[1], [1, 2]], None, {1: 2}, len], ids=repr)
def test_what_is_no_array(value):
    with pytest.raises(TypeError, match='^v is .*; expected an array of numbers'):
        as_array('v', value, 'numbers')
    assert as_array('v', ['a'], 'words').tolist() == ['a']  # whether its type fits is for others to say


def test_an_array_of_objects_is_said_to_be_one():
    """A column of a table of pandas often is."""
    with pytest.raises(TypeError, match=r'^y has type object; expected an array of .*: convert it with \.astype'):
        labels('y', np.array([1, 2], dtype=object))


def test_paths():
    assert path('p', 'a/b') == path('p', Path('a/b')) == Path('a/b')
    for value in (3, None, [], b'a', np.float64(1)):
        with pytest.raises(TypeError, match='^p is .*; expected the path of a folder, a string or a pathlib.Path.$'):
            path('p', value, 'a folder')
    for value in ('', 'a\0b'):
        with pytest.raises(ValueError, match='^p is .*; expected the path of a file.$'):
            path('p', value)


def test_a_size_may_be_1():
    assert sizes('units', [1, 1]) == [1, 1]


def test_whole_numbers_are_written_out_up_to_a_hundred_bits():
    for value, written in ((2**100 - 1, str(2**100 - 1)), (2**100, 'a whole number of 101 bits')):
        with pytest.raises(ValueError, match=f'^v is {written}; expected a whole number, at most 3.$'):
            integer('v', value, at_most=3)
