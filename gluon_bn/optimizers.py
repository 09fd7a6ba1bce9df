"""Optimisers that update parameters in place: :func:`sgd`, :func:`momentum_sgd`, :func:`rmsprop`.

Beside them :func:`joined`, which lets them update all parameters in one operator, and :func:`one_cycle`, a schedule.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ._mxnet import autograd, nd
from .checks import check_floats
from .fast import operators as fast
from .support.arguments import integer, number, shown

if TYPE_CHECKING:
    from mxnet.ndarray import NDArray


def sgd(params: Mapping[str, NDArray] | Iterable[NDArray], lr: float) -> None:
    """One step of stochastic gradient descent: ``param -= lr * param.grad``, in place, for every parameter.

    Parameters
    ----------
    params : dict name -> NDArray, or an iterable of NDArrays, each with a gradient attached, all in one context.
        **Changed in place.**
    lr : float, the learning rate, at least 0. One beyond float32's range is multiplied in double precision.

    Raises
    ------
    ValueError, TypeError : a parameter without a gradient, or a rate that is negative or no finite number (an array is
        none); no parameter is changed then.

    Example
    -------
    >>> w = nd.array([1., 2.])
    >>> w.attach_grad()
    >>> with autograd.record():
    ...     loss = (w * w).sum()
    >>> loss.backward()
    >>> gbn.sgd([w], lr=0.25)
    >>> w.asnumpy().tolist()
    [0.5, 1.0]
    """
    lr, together = number('lr', lr, at_least=0), []
    for _, param, grad in _with_gradients(params):
        if _fit_float32(param, lr):
            together.append((param, grad))
        else:
            param -= _times(lr, grad).astype(param.dtype)
    if not together or fast.sgd(together, lr):  # the following, in one operator for all of them
        return
    for few in _groups(together):
        nd.multi_sgd_update(*chain(*few), num_weights=len(few), lrs=(lr,) * len(few), wds=(0,) * len(few),
                            out=[param for param, _ in few])


def momentum_sgd(params, velocities, lr, momentum=0.9):
    """One step of SGD with momentum (Polyak, 1964), in place: ``v = momentum * v - lr * grad``, then ``param += v``.

    Parameters
    ----------
    params : dict name -> NDArray with a gradient attached. **Changed in place.**
    velocities : dict name -> NDArray of the same shapes, empty before the first step. **Changed in place.**
    lr : float, the learning rate, at least 0
    momentum : float from 0 to below 1, how much of the last step is kept; 0 is :func:`sgd`

    Raises
    ------
    ValueError, TypeError : a parameter without a gradient, a velocity of another shape, type or context than its
        parameter, a rate out of range or no number; nothing is changed then.

    Example
    -------
    >>> w, velocities = nd.array([1.]), {}
    >>> w.attach_grad()
    >>> for _ in range(2):
    ...     with autograd.record():
    ...         loss = (2 * w).sum()
    ...     loss.backward()
    ...     momentum_sgd({'w': w}, velocities, lr=0.25, momentum=0.5)
    >>> velocities['w'].asscalar().item(), w.asscalar().item()   # -0.5, then 0.5 * -0.5 - 0.5
    (-0.75, -0.25)
    """
    lr, momentum, together = number('lr', lr, at_least=0), number('momentum', momentum, at_least=0, below=1), []
    named = _with_gradients(params)
    _add_and_check_state('velocities', velocities, named)
    for name, param, grad in named:
        if _fit_float32(param, lr, momentum):
            together.append((param, grad, velocities[name]))
        else:
            velocities[name][:] = _times(momentum, velocities[name]) - _times(lr, grad)
            param += velocities[name]
    if not together or fast.sgd(together, lr, momentum=momentum):
        return
    for few in _groups(together):
        nd.multi_sgd_mom_update(*chain(*few), num_weights=len(few), lrs=(lr,) * len(few), wds=(0,) * len(few),
                                momentum=momentum, out=[param for param, _, _ in few])


def rmsprop(params, mean_squares, lr=0.001, rho=0.9, eps=1e-7, rescale_grad=1.0):
    """One step of RMSprop (Tieleman and Hinton, 2012), in place: steps are divided by the root of a mean square.

    ``n = rho * n + (1 - rho) * grad**2``, then ``param -= lr * grad / sqrt(n + eps)``, with Keras's defaults. (Keras 3
    and MXNet add eps under the root; Keras 2, PyTorch and :mod:`gluon_bn.reference.update_rules` add it to the root.)

    Parameters
    ----------
    params : dict name -> NDArray with a gradient attached. **Changed in place.**
    mean_squares : dict name -> NDArray of the same shapes, empty before the first step. **Changed in place.**
    lr : float, the learning rate, at least 0
    rho : float from 0 to below 1, how much of the old mean is kept
    eps : float, more than 0
    rescale_grad : float, at least 0; every gradient is multiplied by it first: 1 / m makes of a summed loss's gradient
        that of the mean loss, which matters here only beside eps

    Raises
    ------
    ValueError, TypeError : a parameter without a gradient, a mean square of another shape, type or context than its
        parameter, a rate out of range or no number; nothing is changed then.

    Example
    -------
    >>> w, mean_squares = nd.array([1.]), {}
    >>> w.attach_grad()
    >>> with autograd.record():
    ...     loss = (2 * w).sum()
    >>> loss.backward()
    >>> rmsprop({'w': w}, mean_squares, lr=0.1)
    >>> [round(v.asscalar().item(), 4) for v in (mean_squares['w'], w)]   # 0.1 * 2**2, then 1 - 0.1 * 2 / sqrt(0.4)
    [0.4, 0.6838]
    """
    lr, rescale_grad = number('lr', lr, at_least=0), number('rescale_grad', rescale_grad, at_least=0)
    rho, eps = number('rho', rho, at_least=0, below=1), number('eps', eps, above=0)
    named = _with_gradients(params)
    _add_and_check_state('mean_squares', mean_squares, named)
    for name, param, grad in named:
        if _fit_float32(param, lr, rho, eps, rescale_grad):
            nd.rmsprop_update(param, grad, mean_squares[name], lr=lr, gamma1=rho, epsilon=eps,
                              rescale_grad=rescale_grad, out=param)
        else:
            grad = _times(rescale_grad, grad)
            mean_square = _times(rho, mean_squares[name]) + (1 - rho) * grad ** 2
            mean_squares[name][:] = mean_square
            root = nd.sqrt(nd.broadcast_add(mean_square, _one_double(eps, grad)))
            param -= (_times(lr, grad) / root).astype(param.dtype)


def joined(params):
    """Put all parameters into one array, and all gradients into another, and return the first, ``(total,)``.

    The entries of ``params`` become views of it, with the values and shapes that they had, and their gradients views of
    its gradient. So an optimiser that is given the one array updates all of them in one operator: with many small
    parameters most of an update's time is calls.

    Parameters
    ----------
    params : dict name -> NDArray of one type and context. **Its values are replaced**; what they were stays as it was.

    Raises
    ------
    ValueError : no parameter, or parameters of several types or contexts; nothing is changed then.

    Example
    -------
    >>> net = LeNet()
    >>> all_of_them = joined(net.params)
    >>> with autograd.record():
    ...     loss = net(nd.ones((2, 1, 28, 28))).sum()
    >>> loss.backward()
    >>> gbn.sgd([all_of_them], lr=0.5)
    >>> net.params['b4'].asnumpy().tolist() == (all_of_them[-10:]).asnumpy().tolist()
    True
    """
    if not isinstance(params, MutableMapping):
        raise TypeError(f"params is {shown(params)}; expected a dictionary, name -> NDArray.")
    check_floats(**params)
    if len({(param.ctx, param.dtype) for param in params.values()}) != 1:
        raise ValueError(f"params are {[(name, str(p.ctx), np.dtype(p.dtype).name) for name, p in params.items()]}; "
                         "expected at least one parameter, all of one context and type.")
    one = nd.concat(*(param.detach().reshape(-1) for param in params.values()), dim=0)      # (total,)
    one.attach_grad()
    start, views = 0, {}
    for name, param in params.items():
        part = slice(start, start + param.size)
        views[name], gradient = (array[part].reshape(param.shape) for array in (one, one.grad))
        autograd.mark_variables(views[name], gradient)
        start = part.stop
    params.update(views)
    return one


def one_cycle(step, total, rising=0.25):
    """The learning rate of step ``step`` of ``total`` (from 0) as a share of the highest one (after Smith, 2018).

    It rises linearly over the first ``rising`` of the steps, and falls linearly to almost 0 over the rest.

    >>> [round(one_cycle(step, 8), 3) for step in range(8)]
    [0.5, 1.0, 0.857, 0.714, 0.571, 0.429, 0.286, 0.143]
    """
    total = integer('total', total, at_least=1)
    step = integer('step', step, at_least=0, at_most=total)
    top = max(1, round(number('rising', rising, at_least=0, at_most=1) * total))
    return (step + 1) / top if step < top else (total - step) / (total - top + 1)


def _fit_float32(param, *numbers):
    """Whether MXNet's own update operators are right for this parameter: they take the numbers as float32."""
    return param.dtype == np.float32 and all(number == 0 or 1e-30 < number < 1e30 for number in numbers)


def _times(factor, array):
    """The product in float64: a rate need not be within the range of a smaller type, where it is 0 or infinite.

    The factor is an array, because MXNet's operators refuse some numbers: those below the normal ones.
    """
    array = array.astype('float64', copy=False)
    return nd.broadcast_mul(array, _one_double(factor, array))


def _one_double(value, array):
    """``value`` as a float64 array that broadcasts with ``array``."""
    return nd.array(np.full((1,) * array.ndim, value), ctx=array.ctx, dtype='float64')


def _add_and_check_state(what, state, named):
    """Give every parameter that has none zeros in ``state``; raise if another's entry does not fit, all as it was."""
    if not isinstance(state, MutableMapping):
        raise TypeError(f"{what} is {shown(state)}; expected a dictionary, parameter name -> NDArray: begin with an "
                        "empty one, {}.")
    for name, param, _ in named:
        if name in state:
            found, expected = (
                (array.shape, np.dtype(array.dtype).name, str(array.ctx)) if type(array) is nd.NDArray
                else type(array).__name__ for array in (state[name], param))
            if found != expected:
                raise ValueError(f"{what}[{name!r}] is {found}; its parameter is {expected}, and expected is the same: "
                                 "pass the dictionary that belongs to these parameters, or an empty one.")
    state.update({name: nd.zeros_like(param) for name, param, _ in named if name not in state})


def _groups(together):
    """As many at a time as MXNet's operators for several parameters take: with more than 60 they crash."""
    return (together[i:i + 60] for i in range(0, len(together), 60))


def _with_gradients(params):
    """The parameters with their names (or numbers) and gradients; ``ValueError`` if one of them has no gradient."""
    if not isinstance(params, Iterable):
        raise TypeError(f"params is {shown(params)}; expected a dictionary, name -> NDArray, or a list of NDArrays.")
    named = list(params.items() if isinstance(params, Mapping) else enumerate(params))
    for name, param in named:
        if type(param) is not nd.NDArray:
            raise TypeError(f"parameter {name!r} is a {type(param).__module__}.{type(param).__name__}; expected an "
                            "mxnet.nd.NDArray.")
    named = [(name, param, param.grad) for name, param in named]
    for name, _, grad in named:
        if grad is None:
            raise ValueError(f"parameter {name!r} has no gradient; call attach_grad() on it before autograd.record().")
    return named
