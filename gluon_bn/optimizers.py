"""Optimisers that update parameters in place: :func:`sgd`."""
from collections.abc import Mapping

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
    named = list(params.items() if isinstance(params, Mapping) else enumerate(params))
    for name, param in named:
        if param.grad is None:
            raise ValueError(f"parameter {name!r} has no gradient; call attach_grad() on it before autograd.record().")
    for _, param in named:
        nd.sgd_update(param, param.grad, lr=lr, out=param)  # one operator where param -= lr * param.grad is two
