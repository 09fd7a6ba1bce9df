"""Argument checks of the public functions: one rule for both halves of the package.

- A number is a finite ``int`` or ``float`` of Python or NumPy: MXNet and its operators know no others. ``True``, a
  ``Fraction`` and an array of one value are none.
- A whole number is an ``int`` of Python or NumPy; 2.0 and ``True`` are none.
- A boolean is ``True`` or ``False`` of Python or NumPy; 0, 1, None and ``'no'`` are none.
- Labels are class numbers in one axis, ``(n,)``, whole and at least 0: an array of NumPy or MXNet, a list, a pandas
  Series (taken by position). Their type may be a float, as in batches. ``(n, 1)`` and one-hot rows are refused.
- A path is a string or a ``pathlib.Path``, and not empty; a number, which Python takes for an open file, is none.

What is of another kind is a ``TypeError``, what is out of range a ``ValueError``; the message is ``<name> is <value>;
expected <what>``, and what to do. Each function returns the value as Python's or NumPy's own.
"""
import math
import numbers
import operator
import os
import reprlib
import warnings
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

import numpy as np

BETA_ALONE = "normalised by itself every output would be beta"  # one value minus its own mean is 0
MOST_CLASSES = 2**24  # so far float32, the type of labels in batches, knows every whole number
_NUMBERS = int, float, np.integer, np.floating
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def number(name, value, at_least=None, above=None, at_most=None, below=None, hint=''):
    """The finite number ``value`` as a float. ``hint`` is put behind the message, such as ``'0.9 is the usual one'``.

    >>> number('lr', 1, above=0)
    1.0
    >>> number('eps', -1, at_least=0, hint='1e-5 is the usual one')
    Traceback (most recent call last):
    ValueError: eps is -1; expected a finite number, at least 0 (1e-5 is the usual one).
    """
    limits = at_least, above, at_most, below
    if type(value) is not float:  # most are
        if not isinstance(value, _NUMBERS) or isinstance(value, (bool, np.bool_)):
            raise TypeError(_message(name, value, 'a finite number', limits, hint or _converted_by('float', value)))
        try:
            as_float = float(value)
        except OverflowError:
            as_float = math.inf
    else:
        as_float = value
    if not (math.isfinite(as_float) and _within(as_float, *limits)):
        raise ValueError(_message(name, value, 'a finite number', limits, hint))
    return as_float


def integer(name, value, at_least=None, at_most=None, hint=''):
    """The whole number ``value`` as an int.

    >>> integer('epochs', 3, at_least=1)
    3
    >>> integer('epochs', 2.5, at_least=1)
    Traceback (most recent call last):
    TypeError: epochs is 2.5; expected a whole number, at least 1.
    """
    limits = at_least, None, at_most, None
    if not isinstance(value, numbers.Integral) or isinstance(value, (bool, np.bool_)):
        raise TypeError(_message(name, value, 'a whole number', limits, hint or _converted_by('int', value)))
    value = operator.index(value)
    if not _within(value, *limits):
        raise ValueError(_message(name, value, 'a whole number', limits, hint))
    return value


def boolean(name, value):
    """``value`` as a bool.

    >>> boolean('shuffle', 'no')
    Traceback (most recent call last):
    TypeError: shuffle is 'no'; expected True or False.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {shown(value)}; expected True or False.")
    return bool(value)


def one_of(name, value, choices):
    """The string ``value``, one of ``choices``.

    >>> one_of('impl', 'foo', ('auto', 'plain', 'fast'))
    Traceback (most recent call last):
    ValueError: impl is 'foo'; expected 'auto', 'plain' or 'fast'.
    """
    *most, last = map(repr, choices)
    expected = f"{', '.join(most)} or {last}" if most else last
    if not isinstance(value, str):
        raise TypeError(f"{name} is {shown(value)}; expected {expected}.")
    if value not in choices:
        raise ValueError(f"{name} is {shown(value)}; expected {expected}.")
    return str(value)


def labels(name, value, n=None, num_classes=None):
    """Class numbers as a NumPy array of integers ``(n,)``.

    Parameters
    ----------
    value : array, list or Series, see above; integers stay of their type, floats become ``int64``
    n : how many there must be, None for any number
    num_classes : each label is below it, None for no limit

    >>> labels('y', [0., 2.], num_classes=3).tolist()
    [0, 2]
    >>> labels('y', [0, 3], num_classes=3)
    Traceback (most recent call last):
    ValueError: y holds 3 (at position 1); expected class numbers from 0 to 2: give each class its own number from 0 on.
    """
    array = as_array(name, value, 'one class number an example, (n,)')
    if array.ndim != 1:
        advice = ("flatten it with .reshape(-1)" if array.ndim == 2 and array.shape[1] == 1 else
                  "one-hot rows become numbers by .argmax(axis=1)")
        raise ValueError(f"{name} has shape {array.shape}; expected one class number an example, (n,): {advice}.")
    if n is not None and len(array) != n:
        raise ValueError(f"{n} images and {len(array)} labels; expected one label an image.")
    if array.size == 0:
        return array.astype(np.int64)  # an empty list is of floats
    if array.dtype.kind not in 'iuf':
        raise TypeError(f"{name} has type {array.dtype}; expected whole numbers: convert them, for example with "
                        ".astype(int).")
    limit = MOST_CLASSES if num_classes is None else num_classes
    if not (array.min() >= 0 and array.max() < limit and _whole(array)):  # a NaN is neither
        position = int(np.argmin((array >= 0) & (array < limit) & (array == np.floor(array))))
        expected = 'whole numbers, at least 0' if num_classes is None else f'class numbers from 0 to {num_classes - 1}'
        raise ValueError(f"{name} holds {array[position]!s} (at position {position}); expected {expected}: give each "
                         "class its own number from 0 on.")
    return array.astype(np.int64) if array.dtype.kind == 'f' else array


def path(name, value, of='a file'):
    """The path ``value``, a string or a ``Path``, as a ``Path``; not an empty one, which is the current folder.

    A number is none: Python would read, and close, the file that happens to be open under it.

    >>> from gluon_bn.support import arguments
    >>> arguments.path('data_dir', 3, 'a folder')
    Traceback (most recent call last):
    TypeError: data_dir is 3; expected the path of a folder, a string or a pathlib.Path.
    """
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str):
        raise TypeError(f"{name} is {shown(value)}; expected the path of {of}, a string or a pathlib.Path.")
    if not text or '\0' in text:
        raise ValueError(f"{name} is {shown(text)}; expected the path of {of}.")
    return Path(text)


def mapping(name, value, expected):
    """``value``, a dictionary or another mapping.

    >>> mapping('optim_config', [], "a dictionary, for example {'learning_rate': 1e-3}")
    Traceback (most recent call last):
    TypeError: optim_config is a list; expected a dictionary, for example {'learning_rate': 1e-3}.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is a {type(value).__name__}; expected {expected}.")
    return value


def sizes(name, values):
    """``values``, whole numbers of at least 1, as a list of ints.

    >>> sizes('hidden_dims', (100, 50))
    [100, 50]
    """
    no_list = isinstance(values, (str, bytes, Mapping, Set)) or getattr(values, 'ndim', 1) != 1
    if no_list or not isinstance(values, Iterable):
        raise TypeError(f"{name} is {shown(values)}; expected a list of whole numbers, such as [100, 100].")
    return [integer(f'{name}[{i}]', size, at_least=1) for i, size in enumerate(values)]


def floats(name, value, shape=None):
    """An array of floats: lists and integers become ``float64``, float arrays stay as they are, not copied.

    ``shape``: what it must be, None for any; a None in it stands for any length. Booleans, complex numbers, strings
    and objects are a ``TypeError``.

    >>> floats('x', [[1, 2]]).dtype
    dtype('float64')
    >>> floats('dout', np.ones((1, 2)), (4, 2))
    Traceback (most recent call last):
    ValueError: dout has shape (1, 2); expected (4, 2).
    """
    array = as_array(name, value, 'numbers')
    if array.dtype.kind not in 'iuf':
        raise TypeError(f"{name} has type {array.dtype}; expected real numbers: convert it with .astype(float).")
    if shape is not None and not (len(shape) == array.ndim
                                  and all(want in (None, got) for want, got in zip(shape, array.shape))):
        lengths = ', '.join('any' if length is None else str(length) for length in shape)
        raise ValueError(f"{name} has shape {array.shape}; expected ({lengths}{',' if len(shape) == 1 else ''}).")
    return array if array.dtype.kind == 'f' else array.astype(np.float64)


def as_array(name, value, expected):
    """``value``, an array of NumPy or MXNet, a list or a Series, as a NumPy array; ``TypeError`` if it is none.

    ``ValueError`` for an array with masked values: what stands under a mask is not meant.
    """
    if hasattr(value, 'asnumpy'):
        return value.asnumpy()
    if np.ma.is_masked(value):
        raise ValueError(f"{name} has masked values; expected an array of {expected}: leave them out, or put others in "
                         "their place with .filled(...).")
    array = np.asarray(value) if isinstance(value, np.ndarray) else _of_lists(value)
    if hasattr(value, 'dtype') and array.dtype == object:  # as tables of pandas often have them
        raise TypeError(f"{name} has type object; expected an array of {expected}: convert it with "
                        ".astype(...).")
    if array is None or array.dtype == object or isinstance(value, (str, bytes)):
        raise TypeError(f"{name} is {shown(value)}; expected an array of {expected}.")
    return array


def _of_lists(value):
    """An array, or None for lists of different lengths; NumPy before 1.24 warns and makes an array of objects."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', 'Creating an ndarray from .*nested sequences')
            return np.asarray(value)
    except (ValueError, TypeError):
        return None


def shown(value):
    """``value`` in a message: a number or a short string as it is, the beginning of more, an array's kind and shape."""
    if isinstance(value, np.generic):
        value = value.item()
    elif hasattr(value, 'shape') and not isinstance(value, type):
        return f"an array ({type(value).__module__.split('.')[0]}) of shape {tuple(value.shape)}"
    if isinstance(value, int) and value.bit_length() > 100:
        return f"a whole number of {value.bit_length()} bits"
    return ' '.join(_SHORT.repr(value).split('\n'))  # arrays in a list have several lines


def _whole(array):
    return array.dtype.kind != 'f' or (array == np.floor(array)).all()


def _within(value, at_least, above, at_most, below):
    return ((at_least is None or value >= at_least) and (above is None or value > above)
            and (at_most is None or value <= at_most) and (below is None or value < below))


def _message(name, value, kind, limits, hint):
    at_least, _, at_most, _ = limits
    if at_least is not None and at_most is not None:
        expected = f'{kind} from {_short(at_least)} to {_short(at_most)}'
    else:
        parts = [f'{word} {_short(limit)}' for word, limit in zip(('at least', 'above', 'at most', 'below'), limits)
                 if limit is not None]
        expected = kind + (f", {' and '.join(parts)}" if parts else '')
    return f"{name} is {shown(value)}; expected {expected}{f' ({hint})' if hint else ''}."


def _short(limit):
    return f'{limit:g}' if isinstance(limit, float) else str(limit)


def _converted_by(converter, value):
    exact = hasattr(value, 'as_integer_ratio') and not isinstance(value, (int, float))  # a Fraction, a Decimal
    return f"make a number of it with {converter}(...)" if hasattr(value, 'shape') or exact else ''
