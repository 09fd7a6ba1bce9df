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
             'msort': msort, 'in1d': in1d, 'trapz': trapz}
    for name, function in (('alltrue', numpy.all), ('sometrue', numpy.any), ('product', numpy.prod),
                           ('round_', numpy.around)):
        names[name] = _by_its_old_name(name, function)
    return {**names, **{name: _moved_to_numpy_financial(name) for name in ('mirr', 'npv', 'pmt', 'ppmt', 'pv', 'rate')}}


def _by_its_old_name(name, function):
    """A function of its own: MXNet registers one for each name, and would replace the one of ``numpy.any``, say."""
    def renamed(*args, **kwargs):
        return function(*args, **kwargs)
    renamed.__name__ = renamed.__qualname__ = name
    return renamed


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
    return _by_its_old_name(name, moved)
