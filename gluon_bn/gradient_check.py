"""Gradients by central differences, and :func:`check_gradients`, which compares them with a backward pass.

``(f(x + h) - f(x - h)) / (2 h)`` is the derivative up to an error of the order of ``h**2`` (from the third
derivative) and one of the order of ``2**-53 * |f| / h`` (from rounding). With ``h = 1e-5`` in float64 both are small;
in float32 the second alone is about 1e-2, so float32 is refused. Where the derivative is near 0 and the third is not,
``h**2`` is not small beside it: an entry that seems off is looked at again with Richardson's extrapolation,
``(4 n(h) - n(2 h)) / 3``, in which the errors of the order of ``h**2`` of the two differences cancel.
"""
from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .support.arguments import as_array, boolean, floats, mapping, number, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy.typing as npt


class GradientError(AssertionError):
    """A gradient that disagrees with the numerical one; the message names the worst entry."""


def rel_error(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """The largest relative error between two arrays, as cs231n has it: ``max |x - y| / max(1e-8, |x| + |y|)``.

    >>> round(gbn.gradient_check.rel_error(np.array([1., 2.]), np.array([1., 2.002])), 6)
    0.0005
    """
    one, other = floats('x', x), floats('y', y)
    if one.shape != other.shape:
        raise ValueError(f"x has shape {one.shape} and y {other.shape}; expected the same.")
    return float(np.max(_relative_errors(one.astype(np.float64), other.astype(np.float64)), initial=0))


def eval_numerical_gradient(f: Callable[[np.ndarray], float], x: np.ndarray, verbose: bool = True,
                            h: float = 1e-5) -> np.ndarray:
    """The gradient of the number ``f(x)`` by central differences, shaped as ``x``.

    ``x`` is a floating-point array that is changed in place, entry by entry, and as it was in the end. ``verbose=True``
    prints each entry.

    >>> dx = gbn.gradient_check.eval_numerical_gradient(lambda x: (x ** 2).sum(), np.array([1., 3.]), verbose=False)
    >>> dx.round(6).tolist()
    [2.0, 6.0]
    """
    boolean('verbose', verbose)
    gradient = np.zeros_like(x)
    for index, plus, minus in _evaluated_around(f, x, h):
        if np.shape(plus) != ():
            raise ValueError(f"f returns an array {np.shape(plus)}; expected a number: take "
                             "eval_numerical_gradient_array, with its upstream gradient.")
        gradient[index] = (plus - minus) / (2 * h)
        if verbose:
            print(index, gradient[index])
    return gradient


def eval_numerical_gradient_array(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, df: np.ndarray,
                                  h: float = 1e-5) -> np.ndarray:
    """The gradient of ``sum(f(x) * df)``, where ``f(x)`` is an array and ``df`` its upstream gradient, shaped as ``x``.

    ``x`` is changed in place, entry by entry, and as it was in the end.

    >>> x, df = np.array([1., 3.]), np.array([1., 10.])
    >>> gbn.gradient_check.eval_numerical_gradient_array(lambda x: x ** 2, x, df).round(6).tolist()
    [2.0, 60.0]
    """
    gradient, df = np.zeros_like(x), floats('df', df)
    for index, plus, minus in _evaluated_around(f, x, h):
        if plus.shape != df.shape:
            raise ValueError(f"df has shape {df.shape}, and f returns {plus.shape}; expected the same.")
        gradient[index] = np.sum((plus - minus) * df) / (2 * h)
    return gradient


def check_gradients(f: Callable[[], np.ndarray | float], arrays: dict[str, np.ndarray],
                    gradients: dict[str, np.ndarray], dout: Any = None, tolerance: float = 1e-6,
                    h: float = 1e-5) -> dict[str, float]:
    """Compare the gradients of a backward pass with numerical ones; raise unless they agree in every entry.

    Parameters
    ----------
    f : function of no arguments; its result, an array or a number, is computed from ``arrays``
    arrays : dict name -> float64 array; each is changed in place, entry by entry, and as it was in the end
    gradients : dict name -> array, what the backward pass says of the arrays of those names
    dout : the upstream gradient that the backward pass got, shaped as the result of ``f``; None if that is a number.
        Draw it at random: one that is the same all along an axis hides terms, and is refused.
    tolerance : float above 0 and below 1, the largest relative error ``|a - n| / (|a| + |n|)`` that passes. What the
        numerical gradient itself cannot tell from 0 passes too: eight times its rounding error, plus a thousandth of
        the tolerance times the array's largest gradient.
    h : float, the step

    Returns
    -------
    dict name -> the largest of cs231n's relative errors, of an entry that was extrapolated with what that gave

    Raises
    ------
    GradientError : an entry is off. The message names the worst one and says whether the function has a kink there.
    ValueError, TypeError : arrays that are not float64, shapes that do not fit, a degenerate ``dout``

    Example
    -------
    >>> x, dout = np.array([1., 3.]), np.array([0.5, -2.])
    >>> sorted(gbn.gradient_check.check_gradients(lambda: x ** 2, {'x': x}, {'x': 2 * x * dout}, dout))
    ['x']
    >>> try:
    ...     gbn.gradient_check.check_gradients(lambda: x ** 2, {'x': x}, {'x': [1., -6.]}, dout)
    ... except gbn.gradient_check.GradientError as error:
    ...     print(str(error)[:83])
    dx is off in 1 of 2 entries, most at [1]: the backward pass says -6, the numerical
    """
    number('tolerance', tolerance, above=0, below=1, hint='the largest relative error that passes; 1e-6 is usual')
    if not mapping('arrays', arrays, "a dictionary, name -> float64 array"):
        raise ValueError("arrays is empty; expected at least one array whose gradient is to be checked.")
    mapping('gradients', gradients, "a dictionary, name -> gradient")
    out = floats('what f returns', _function(f)())
    dout = _checked_upstream(out, dout)
    number('h', h, above=0, hint='1e-5 is the usual step')
    noise = 8 * float(np.finfo(np.float64).eps) * float(np.sum(np.abs(out * dout))) / h
    errors = {}
    for name, x in arrays.items():
        if name not in gradients:
            raise ValueError(f"there is no gradient of {name!r} among {sorted(gradients)}; give one for each array.")
        if not (isinstance(x, np.ndarray) and x.dtype == np.float64):
            raise TypeError(f"{name} is {getattr(x, 'dtype', type(x).__name__)}; expected a float64 array: in less "
                            "precision rounding hides the gradient.")
        analytic = floats(f'd{name}', gradients[name])
        if analytic.shape != x.shape:
            raise GradientError(f"d{name} has shape {analytic.shape}, and {name} {x.shape}; a gradient has its array's "
                                "shape.")
        differences = partial(eval_numerical_gradient_array, lambda _: np.asarray(f()), x, dout)
        numerical = differences(h)
        off = _differ(analytic, numerical, tolerance, noise)
        if off.any():  # is it the difference that is off, by its h**2? Richardson's extrapolation is off by h**4 only
            wide = differences(2 * h)
            with np.errstate(invalid='ignore'):  # of infinite ones it is NaN
                extrapolated = (4 * numerical - wide) / 3
            right = off & ~_differ(analytic, extrapolated, tolerance, noise)
            numerical, off = np.where(right, extrapolated, numerical), off & ~right
        if off.any():
            raise GradientError(_describe(f, name, x, analytic, numerical, off, dout, h))
        errors[name] = rel_error(analytic, numerical)
    return errors


def _differ(analytic, numerical, tolerance, noise):
    """Where two gradients differ by more than the tolerance and what the numerical one cannot tell from 0."""
    with np.errstate(invalid='ignore'):
        floor = noise + 1e-3 * tolerance * np.max(np.abs(numerical), initial=0)
        within = np.abs(analytic - numerical) <= tolerance * (np.abs(analytic) + np.abs(numerical)) + floor
    return ~(within & np.isfinite(analytic) & np.isfinite(numerical))


def _evaluated_around(f, x, h):
    """For each entry of ``x`` its index, ``f`` with the entry h larger, and ``f`` with it h smaller."""
    number('h', h, above=0, hint='1e-5 is the usual step')
    _function(f)
    if not (isinstance(x, np.ndarray) and x.dtype.kind == 'f') or isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"x is {getattr(x, 'dtype', type(x).__name__) if not np.ma.isMA(x) else 'a masked array'}; "
                        "expected an array of floating-point numbers.")
    if not x.flags.writeable:
        raise ValueError("x is read-only; expected an array whose entries can be changed for a while: take a copy.")
    unmoved = np.isfinite(x) & ((x + x.dtype.type(h) == x) | (x - x.dtype.type(h) == x))
    if unmoved.any():
        raise ValueError(f"x holds {x[unmoved][0]!s} in {x.dtype.name}, and a step of h = {h:g} is lost there; "
                         "expected one that changes every entry: take float64, or a larger h.")
    for index in np.ndindex(x.shape):  # one entry at a time is what a partial derivative is
        old = x[index]
        try:
            x[index] = old + h
            plus = _values_of(f(x))
            x[index] = old - h
            minus = _values_of(f(x))
        finally:
            x[index] = old
        yield index, plus, minus


def _values_of(result):
    """What f has returned as an array of floats, a copy: it may be x itself."""
    values = as_array('what f returns', result, 'floating-point numbers')
    if values.dtype.kind != 'f':
        raise TypeError(f"what f returns has type {values.dtype}; expected floating-point numbers: a small step is "
                        "lost in others.")
    return np.array(values)


def _function(f):
    if not callable(f):
        raise TypeError(f"f is {shown(f)}; expected a function.")
    return f


def _checked_upstream(out, dout):
    """``dout`` as an array shaped as ``out`` that hides no term; raise if it cannot be had."""
    if dout is None:
        if out.ndim:
            raise ValueError(f"f returns an array {out.shape}; give dout, the upstream gradient, drawn at random in "
                             "that shape.")
        return np.ones(())
    dout = floats('dout', dout).astype(np.float64)
    if dout.shape != out.shape:
        raise ValueError(f"dout has shape {dout.shape}, and f returns {out.shape}; expected the same.")
    if not np.isfinite(dout).all() or not dout.any():
        raise ValueError("dout is zero everywhere or not finite; draw it at random, for example with np.random.randn.")
    for axis, size in enumerate(dout.shape):
        if size > 1 and np.allclose(dout, dout.take([0], axis), rtol=1e-6, atol=0):
            raise ValueError(f"dout is the same all along axis {axis}: such an upstream gradient hides terms (what "
                             "batch norm returns has a constant sum over the batch, so with all ones dx is zero, "
                             "with and without some of its terms); draw it at random, for example with "
                             "np.random.randn.")
    return dout


def _describe(f, name, x, analytic, numerical, off, dout, h):
    """What is wrong, for the message of ``GradientError``."""
    errors = np.where(off, np.nan_to_num(_relative_errors(analytic, numerical), nan=np.inf), -1)
    worst = np.unravel_index(np.argmax(errors), x.shape)
    message = (f"d{name} is off in {off.sum()} of {off.size} entries, most at {[int(i) for i in worst]}: the backward "
               f"pass says {analytic[worst]:.9g}, the numerical gradient {numerical[worst]:.9g}, relative error "
               f"{errors[worst]:.2g}.")
    left, right = _one_sided(f, x, worst, dout, h)
    left_half, right_half = _one_sided(f, x, worst, dout, h / 2)
    # Where f is smooth the two sides differ by h times its second derivative: half the step, half the difference.
    difference = abs(right - left)
    if (difference > 1e-3 * (abs(left) + abs(right))
            and abs(abs(right_half - left_half) - difference / 2) > 0.01 * difference):
        message += (f" From the left it is {left:.6g}, from the right {right:.6g}: there is a kink within h = {h:g} of "
                    "this point; check at another one.")
    return message


def _one_sided(f, x, index, dout, h):
    """The differences of ``sum(f * dout)`` to the left and to the right of one entry, divided by h."""
    old, values = x[index], []
    for step in (-h, 0, h):
        try:
            x[index] = old + step
            values.append(float(np.sum(f() * dout)))
        finally:
            x[index] = old
    return (values[1] - values[0]) / h, (values[2] - values[1]) / h


def _relative_errors(x, y):
    with np.errstate(invalid='ignore'):  # of infinite ones it is NaN
        return np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y))
