"""NumPy's functions for Nodes: which have a gradient, and what NumPy is told when it meets a Node.

Each is made of :class:`gluon_bn.autodiff.Node`'s own operations, so that its gradient is theirs. What is not here is
refused: NumPy would otherwise make an array of objects, or a constant, and the gradient would be wrong.
"""
import inspect
import math

import numpy as np

_UFUNCS = {
    np.add: lambda x, y: x + y, np.subtract: lambda x, y: x - y, np.multiply: lambda x, y: x * y,
    np.true_divide: lambda x, y: x / y, np.power: lambda x, y: x ** y, np.matmul: lambda x, y: x @ y,
    np.maximum: lambda x, y: x.maximum(y), np.minimum: lambda x, y: -(-x).maximum(-y),
    np.negative: lambda x: -x, np.positive: lambda x: x, np.absolute: abs, np.square: lambda x: x * x,
    np.reciprocal: lambda x: 1 / x, np.exp: lambda x: x.exp(), np.log: lambda x: x.log(), np.sqrt: lambda x: x.sqrt(),
    np.tanh: lambda x: x.tanh()}


def _dot(a, b):
    """NumPy's ``dot``: over the last axis of ``a`` and the last but one of ``b``, all other axes of both remain."""
    if not a.shape or not b.shape:
        return a * b
    if len(b.shape) <= 2:
        return a @ b
    *others, k, columns = b.shape
    last_but_one = len(b.shape) - 2
    flat = b.transpose(last_but_one, *range(last_but_one), last_but_one + 1).reshape(k, math.prod(others) * columns)
    rows = a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
    return (rows @ flat).reshape(*a.shape[:-1], *others, columns)


# Of these functions the first ``n`` arguments are made Nodes, (n, function).
_FUNCTIONS = {
    np.sum: (1, lambda a, axis=None, keepdims=False: a.sum(axis, keepdims)),
    np.mean: (1, lambda a, axis=None, keepdims=False: a.mean(axis, keepdims)),
    np.var: (1, lambda a, axis=None, keepdims=False: a.var(axis, keepdims)),
    np.std: (1, lambda a, axis=None, keepdims=False: a.var(axis, keepdims).sqrt()),
    np.dot: (2, _dot),
    np.outer: (2, lambda a, b: a.reshape(math.prod(a.shape), 1) * b.reshape(1, math.prod(b.shape))),
    np.where: (0, lambda condition, x, y: (condition, x, y)),
    np.concatenate: (0, lambda arrays, axis=0: (arrays, axis)),
    np.reshape: (1, lambda a, shape: a.reshape(shape)),
    np.ravel: (1, lambda a: a.reshape(math.prod(a.shape))),
    np.transpose: (1, lambda a, axes=None: a.transpose(*(() if axes is None else axes)))}

# Functions of the values alone: their results do not vary with them, or are no real numbers, so there is no gradient.
_OF_VALUES = (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.isnan, np.isinf,
              np.isfinite, np.sign, np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.argmax, np.argmin,
              np.argsort, np.array_equal, np.allclose, np.isclose)


def of_ufunc(node_class, beside, ufunc, method, inputs, options):
    """What NumPy's ``ufunc`` (its ``method``) of ``inputs``, some of them Nodes, is.

    ``beside(value, node)`` makes a Node of another operand.
    """
    if method != '__call__' or options:
        what = 'writes into an array' if 'out' in options else f"with {', '.join(options) or method}"
        raise TypeError(f"numpy.{ufunc.__name__}: of a Node this {what} has no gradient; write a = a + b instead of "
                        "a += b, and leave the other arguments out.")
    if ufunc in _OF_VALUES:
        return ufunc(*map(_value, inputs))
    if ufunc not in _UFUNCS:
        raise _refusal(ufunc)
    a_node = next(value for value in inputs if isinstance(value, node_class))
    return _UFUNCS[ufunc](*(beside(value, a_node) for value in inputs))


def of_function(node_class, beside, function, arguments, options):
    """What NumPy's ``function``, which is no ufunc, of ``arguments``, some of them Nodes, is."""
    if function in _OF_VALUES:
        return function(*map(_value, arguments), **{name: _value(value) for name, value in options.items()})
    if function not in _FUNCTIONS:
        raise _refusal(function)
    number, ours = _FUNCTIONS[function]
    try:
        bound = inspect.signature(ours).bind(*arguments, **options)
    except TypeError as error:
        raise TypeError(f"numpy.{function.__name__}: of Nodes it takes {inspect.signature(ours)} ({error}).") from None
    values = list(bound.arguments.values())
    if function is np.where:
        condition, x, y = values
        a_node = next((value for value in (x, y) if isinstance(value, node_class)), None)
        if a_node is None:  # the condition alone was a Node
            return np.where(_value(condition), x, y)
        return node_class.where(condition, beside(x, a_node), beside(y, a_node))
    if function is np.concatenate:
        return node_class.concat(*values)
    a_node = next(value for value in values if isinstance(value, node_class))
    nodes = [beside(value, a_node) for value in values[:number]]
    return ours(*nodes, **dict(list(bound.arguments.items())[number:]))


def _refusal(function):
    return TypeError(f"numpy.{function.__name__} of a Node has no gradient here; write it with Node's operators and "
                     "methods, or take node.value, which is a constant.")


def _value(argument):
    return getattr(argument, 'value', argument)
