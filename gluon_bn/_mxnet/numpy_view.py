"""NumPy as MXNet 1.9.1 expects it: all of the installed one, and the names that it has lost since.

MXNet was written for NumPy 1.16 to 1.23. A name that the installed NumPy still has is its own; the others behave as
they did in the last version that had them.
"""
import functools
import types

import numpy


@functools.lru_cache(maxsize=1)
def view():
    """The module that MXNet gets for ``numpy``: what NumPy has when this is first called, and the lost names.

    >>> view().PINF, view().compat.basestring is str, view().float32 is numpy.float32
    (inf, True, True)
    """
    module = types.ModuleType('numpy')
    # A copy, because MXNet looks names up at each call. vars, because some versions warn when a name is read that they
    # are about to lose, or give back again.
    vars(module).update({**_lost_names(), **vars(numpy), '__getattr__': _from_numpy})
    return module


def _from_numpy(name):
    """What NumPy loads when it is asked for, or what it says of a name that is gone."""
    return getattr(numpy, name)


def _lost_names():
    names = {'bool': numpy.bool_, 'int': int, 'compat': types.SimpleNamespace(basestring=str),
             'PZERO': 0.0, 'NZERO': -0.0, 'PINF': numpy.inf, 'NINF': -numpy.inf, 'Inf': numpy.inf,
             'NaN': numpy.nan, 'NAN': numpy.nan,
             **{function.__name__: function for function in (alltrue, sometrue, product, round_, msort, in1d, trapz)}}
    return {**names, **{name: _moved_to_numpy_financial(name) for name in ('mirr', 'npv', 'pmt', 'ppmt', 'pv', 'rate')}}


# Wrappers and not aliases: MXNet registers its own function for each of these, and would replace the one that it has
# registered for numpy.any, numpy.prod and numpy.round.

def alltrue(*args, **kwargs):
    """``numpy.all``, by its old name."""
    return numpy.all(*args, **kwargs)


def sometrue(*args, **kwargs):
    """``numpy.any``, by its old name."""
    return numpy.any(*args, **kwargs)


def product(*args, **kwargs):
    """``numpy.prod``, by its old name."""
    return numpy.prod(*args, **kwargs)


def round_(*args, **kwargs):
    """``numpy.around``, by its old name."""
    return numpy.around(*args, **kwargs)


def msort(a):
    """A copy of ``a``, sorted along its first axis.

    >>> msort([[3, 1], [2, 4]]).tolist()
    [[2, 1], [3, 4]]
    """
    return numpy.sort(a, axis=0)


def in1d(ar1, ar2, assume_unique=False, invert=False, **kwargs):
    """Whether each element of ``ar1``, flattened, is in ``ar2``: ``numpy.isin`` keeps the shape, this did not.

    >>> in1d([[1, 2], [3, 4]], [2, 3]).tolist()
    [False, True, True, False]
    """
    return numpy.isin(numpy.ravel(ar1), ar2, assume_unique=assume_unique, invert=invert, **kwargs)


def trapz(y, x=None, dx=1.0, axis=-1):
    """``numpy.trapezoid``, by its old name: the integral by the composite trapezoidal rule.

    >>> float(trapz([1, 2, 3], dx=2))
    8.0
    """
    integral = getattr(numpy, 'trapezoid', None) or numpy.trapz  # noqa: NPY201 (NumPy 1 has it alone)
    return integral(y, x, dx, axis)


def _moved_to_numpy_financial(name):
    def moved(*args, **kwargs):
        raise RuntimeError(f"numpy.{name} left NumPy in version 1.20; the package numpy-financial has it.")
    moved.__name__ = moved.__qualname__ = name
    return moved
