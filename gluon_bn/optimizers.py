"""Optimisers that update parameters in place: :func:`sgd`, :func:`momentum_sgd`; and :func:`one_cycle`, a schedule."""
from collections.abc import Mapping

import numpy as np

from ._mxnet import nd


def sgd(params, lr):
    """One step of stochastic gradient descent: ``param -= lr * param.grad``, in place, for every parameter.

    Parameters
    ----------
    params : dict name -> NDArray, or an iterable of NDArrays, each with a gradient attached. **Changed in place.**
    lr : float, the learning rate

    Raises
    ------
    ValueError : a parameter without a gradient; no parameter is changed then.

    Example
    -------
    >>> w = nd.array([1., 2.])
    >>> w.attach_grad()
    >>> with autograd.record():
    ...     loss = (w * w).sum()
    >>> loss.backward()
    >>> sgd([w], lr=0.25)
    >>> w.asnumpy().tolist()
    [0.5, 1.0]
    """
    for _, param in _with_gradients(params):
        if _fits_float32(param, lr):
            nd.sgd_update(param, param.grad, lr=lr, out=param)  # the same in one operator
        else:
            param -= lr * param.grad


def momentum_sgd(params, velocities, lr, momentum=0.9):
    """One step of SGD with momentum (Polyak, 1964), in place: ``v = momentum * v - lr * grad``, then ``param += v``.

    Parameters
    ----------
    params : dict name -> NDArray with a gradient attached. **Changed in place.**
    velocities : dict name -> NDArray of the same shapes, empty before the first step. **Changed in place.**
    lr : float, the learning rate
    momentum : float, how much of the last step is kept; 0 is :func:`sgd`

    Raises
    ------
    ValueError : a parameter without a gradient; nothing is changed then.

    Example
    -------
    >>> w, velocities = nd.array([1.]), {}
    >>> w.attach_grad()
    >>> for _ in range(2):
    ...     with autograd.record():
    ...         loss = (2 * w).sum()
    ...     loss.backward()
    ...     momentum_sgd({'w': w}, velocities, lr=0.25, momentum=0.5)
    >>> velocities['w'].asscalar(), w.asscalar()   # -0.5, then 0.5 * -0.5 - 0.5
    (-0.75, -0.25)
    """
    for name, param in _with_gradients(params):
        if name not in velocities:
            velocities[name] = nd.zeros_like(param)
        if _fits_float32(param, lr):
            nd.sgd_mom_update(param, param.grad, velocities[name], lr=lr, momentum=momentum, out=param)
        else:
            velocities[name][:] = momentum * velocities[name] - lr * param.grad
            param += velocities[name]


def one_cycle(step, total, rising=0.25):
    """The learning rate of step ``step`` of ``total`` (from 0) as a share of the highest one (after Smith, 2018).

    It rises linearly over the first ``rising`` of the steps, and falls linearly to almost 0 over the rest.

    >>> [round(one_cycle(step, 8), 3) for step in range(8)]
    [0.5, 1.0, 0.857, 0.714, 0.571, 0.429, 0.286, 0.143]
    """
    top = max(1, round(rising * total))
    return (step + 1) / top if step < top else (total - step) / (total - top + 1)


def _fits_float32(param, lr):
    """Whether MXNet's own update operators are exact for this parameter: they take the learning rate as a float32."""
    return param.dtype == np.float32 and 1e-30 < abs(lr) < 1e30


def _with_gradients(params):
    """The parameters with their names (or numbers); ``ValueError`` if one of them has no gradient."""
    named = list(params.items() if isinstance(params, Mapping) else enumerate(params))
    for name, param in named:
        if param.grad is None:
            raise ValueError(f"parameter {name!r} has no gradient; call attach_grad() on it before autograd.record().")
    return named
