"""Optimisers that update parameters in place: :func:`sgd`, :func:`momentum_sgd`; and :func:`one_cycle`, a schedule."""
from collections.abc import Mapping
from itertools import chain

import numpy as np

from ._mxnet import nd


def sgd(params, lr):
    """One step of stochastic gradient descent: ``param -= lr * param.grad``, in place, for every parameter.

    Parameters
    ----------
    params : dict name -> NDArray, or an iterable of NDArrays, each with a gradient attached, all in one context.
        **Changed in place.**
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
    together = []
    for _, param, grad in _with_gradients(params):
        if _fits_float32(param, lr):
            together.append((param, grad))
        else:
            param -= lr * grad
    for few in _groups(together):  # the same in one operator for all of them
        nd.multi_sgd_update(*chain(*few), num_weights=len(few), lrs=(lr,) * len(few), wds=(0,) * len(few),
                            out=[param for param, _ in few])


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
    together = []
    for name, param, grad in _with_gradients(params):
        if name not in velocities:
            velocities[name] = nd.zeros_like(param)
        if _fits_float32(param, lr):
            together.append((param, grad, velocities[name]))
        else:
            velocities[name][:] = momentum * velocities[name] - lr * grad
            param += velocities[name]
    for few in _groups(together):
        nd.multi_sgd_mom_update(*chain(*few), num_weights=len(few), lrs=(lr,) * len(few), wds=(0,) * len(few),
                                momentum=momentum, out=[param for param, _, _ in few])


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


def _groups(together):
    """As many at a time as MXNet's operators for several parameters take: with more than 60 they crash."""
    return (together[i:i + 60] for i in range(0, len(together), 60))


def _with_gradients(params):
    """The parameters with their names (or numbers) and gradients; ``ValueError`` if one of them has no gradient."""
    named = [(name, param, param.grad)
             for name, param in (params.items() if isinstance(params, Mapping) else enumerate(params))]
    for name, _, grad in named:
        if grad is None:
            raise ValueError(f"parameter {name!r} has no gradient; call attach_grad() on it before autograd.record().")
    return named
