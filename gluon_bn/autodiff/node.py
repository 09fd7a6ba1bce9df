"""Reverse-mode automatic differentiation on NumPy arrays: :class:`Node`.

An operation on Nodes computes its value at once and remembers where it came from: its parents, and for each parent the
function that takes the gradient of the result back to it (the *vector-Jacobian product*). :meth:`Node.grad` walks from
the result to the leaves, each node after everything made of it, and adds up what arrives: the chain rule, and no more.
"""
import copy
import numbers
import operator

import numpy as np

from ..support.arguments import as_array, boolean, floats
from .numpy_functions import of_function, of_ufunc


def _method(function):
    """``function``, one of NumPy's, as it must be to be a method when it stands in a class."""
    return lambda self, other: function(self, other)


def _reflected(function):
    """The method for the right operand of ``function``, where the left one is no Node."""
    return lambda self, other: function(_constant(other, self), self)


class Node:
    """An array that remembers how it was computed.

    Parameters
    ----------
    value : number or array; it is copied, integers become float64, float32 stays float32
    name : str or None
        A leaf with a name is a variable, and :meth:`grad` gives its gradient. Without a name it is a constant. Leaves
        of the same name stand for one variable (their values must be equal), and their gradients add up.

    Attributes
    ----------
    value : read-only array
    shape : tuple
    parents : tuple of the Nodes this one was computed from; empty for a leaf
    operation : str, what it was computed by; '' for a leaf

    The operators ``+ - * / ** @``, the unary minus, indexing and the methods below make new Nodes, with NumPy's
    broadcasting; numbers and arrays beside a Node are constants. NumPy's functions of the same names do as well
    (``np.exp``, ``np.dot``, ``np.where``, ...; ``np.sin`` and others are a ``TypeError``). Comparisons are those of the
    values, as arrays of booleans. A Node cannot be made an array, which would lose its gradient: take its ``value``.

    Example
    -------
    >>> x, w = gbn.autodiff.Node([1., 2.], 'x'), gbn.autodiff.Node(3., 'w')
    >>> y = (w * x ** 2).sum()
    >>> float(y.value)
    15.0
    >>> {name: gradient.tolist() for name, gradient in y.grad().items()}
    {'x': [6.0, 12.0], 'w': 5.0}
    """

    __hash__ = object.__hash__  # two Nodes of one value are two

    def __init__(self, value, name=None):
        value = np.array(value.value if isinstance(value, Node) else _of_another_library(value))
        if value.dtype.kind in 'biu':
            value = value.astype(np.float64)
        if value.dtype.kind != 'f':
            raise TypeError(f"Node: the value is of type {value.dtype}; expected real numbers.")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"Node: the name is {name!r}; expected a string, or None for a constant.")
        self._fill(value, name, '', ())

    def _fill(self, value, name, operation, edges):
        value.flags.writeable = False
        self.value, self.name, self.operation, self._edges = value, name, operation, edges
        self._depth = 1 + max((parent._depth for parent, _ in edges), default=-1)
        self._varies = name is not None or any(parent._varies for parent, _ in edges)
        return self

    @property
    def shape(self):
        """The shape of the value."""
        return self.value.shape

    @property
    def parents(self):
        """The Nodes this one was computed from."""
        return tuple(parent for parent, _ in self._edges)

    def __repr__(self):
        what = f"name={self.name!r}, " if self.name else f"operation={self.operation!r}, " if self.operation else ''
        return f"Node({what}shape={self.shape}, value={self.value})"

    # ---- in the hands of NumPy and Python ----

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return of_ufunc(Node, _constant, ufunc, method, inputs, options)

    def __array_function__(self, function, types, arguments, options):
        return of_function(Node, _constant, function, arguments, options)

    def __array__(self, *_, **__):
        raise TypeError("Node: an array made of it would lose its gradient; write np.dot(array, node) for "
                        "array.dot(node), and take node.value where a constant is meant.")

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self.value)

    __lt__, __le__, __gt__, __ge__, __eq__, __ne__ = map(
        _method, (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal))

    # ---- the walk back ----

    def grad(self, upstream=None):
        """The gradient with respect to every named leaf: a dictionary name -> new array of the leaf's shape and type.

        ``upstream`` is the gradient of the final result with respect to this Node, of this Node's shape; a Node with a
        single value may leave it out, for 1. What is returned is the gradient of ``sum(upstream * value)``. Nothing
        is stored, so that a second call gives the same. ``ValueError`` for another shape of ``upstream``.
        """
        gradients = {id(self): self._checked(upstream)}
        leaves, by_name = {}, {}
        for node in reversed(self.graph()):  # everything made of a node comes before it: its gradient is complete
            if not node._varies:
                continue
            gradient = gradients.pop(id(node))
            if node.name is not None:
                _check_same_variable(leaves.setdefault(node.name, node), node)
                by_name[node.name] = by_name.get(node.name, 0) + gradient
            for parent, take_back in node._edges:
                if parent._varies:
                    part = take_back(gradient)
                    gradients[id(parent)] = gradients[id(parent)] + part if id(parent) in gradients else part
        return {name: np.array(gradient, leaves[name].value.dtype) for name, gradient in by_name.items()}

    def _checked(self, upstream):
        if upstream is None:
            if self.value.size != 1:
                raise ValueError(f"grad: the value has shape {self.shape}; pass an upstream gradient of that shape, or "
                                 "sum the values: only a single one has the gradient 1 to start from.")
            upstream = np.ones(self.shape)
        upstream = floats('grad: upstream', upstream).astype(self.value.dtype)
        if upstream.shape != self.shape:
            raise ValueError(f"grad: upstream has shape {upstream.shape} and the value {self.shape}; they must agree.")
        return upstream

    def graph(self):
        """This Node and all that it was computed from, as a list: parents before what is made of them."""
        seen, waiting = {id(self): self}, [self]
        while waiting:  # no recursion: the depth of Python's stack is no limit for the graph's
            for parent in waiting.pop().parents:
                if id(parent) not in seen:
                    seen[id(parent)] = parent
                    waiting.append(parent)
        return sorted(seen.values(), key=lambda node: node._depth)

    def to_dot(self):
        """The graph in Graphviz's language: leaves are boxes, operations ellipses, each with its shape.

        >>> print((gbn.autodiff.Node([1., 2.], 'x') * 3).to_dot())
        digraph {
          rankdir=LR;
          n0 [shape=box, label="x\\n(2,)"];
          n1 [shape=box, label="constant\\n()"];
          n2 [shape=ellipse, label="*\\n(2,)"];
          n0 -> n2;
          n1 -> n2;
        }
        """
        nodes = self.graph()
        number = {id(node): i for i, node in enumerate(nodes)}
        lines = []
        for node in nodes:
            label = (node.name or node.operation or 'constant').replace('\\', '\\\\').replace('"', '\\"')
            shape = 'ellipse' if node.parents else 'box'
            lines.append(f'n{number[id(node)]} [shape={shape}, label="{label}\\n{node.shape}"];')
        lines += [f"n{number[id(parent)]} -> n{number[id(node)]};" for node in nodes for parent in node.parents]
        return '\n  '.join(['digraph {', 'rankdir=LR;', *lines]) + '\n}'

    # ---- arithmetic: each line is the value and, for each operand, its gradient ----

    def __add__(self, other):
        return _binary('+', self, other, np.add, lambda g, x, y: g, lambda g, x, y: g)

    def __sub__(self, other):
        return _binary('-', self, other, np.subtract, lambda g, x, y: g, lambda g, x, y: -g)

    def __mul__(self, other):
        return _binary('*', self, other, np.multiply, lambda g, x, y: g * y, lambda g, x, y: g * x)

    def __truediv__(self, other):
        return _binary('/', self, other, np.divide, lambda g, x, y: g / y, lambda g, x, y: -g * (x / y) / y)

    def __pow__(self, other):
        return _binary('**', self, other, np.power, _power_base, _power_exponent)

    def maximum(self, other):
        """The larger of the two, value by value; where they are equal, each receives half of the gradient."""
        return _binary('maximum', self, other, np.maximum,
                       lambda g, x, y: g * (0.5 * (x > y) + 0.5 * (x >= y)),
                       lambda g, x, y: g * (0.5 * (y > x) + 0.5 * (y >= x)))

    def __matmul__(self, other):
        return _matrix_product('@', self, other)

    def dot(self, other):
        """The matrix product ``self @ other``."""
        return _matrix_product('dot', self, other)

    __radd__, __rsub__, __rmul__, __rtruediv__, __rpow__, __rmatmul__ = map(
        _reflected, (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul))

    def __pos__(self):
        return self

    def __abs__(self):
        return self.maximum(-self)

    def __neg__(self):
        return _result('-', -self.value, (self, lambda g: -g))

    # ---- functions of each value ----

    def exp(self):
        """``e ** x``."""
        y = np.exp(self.value)
        return _result('exp', y, (self, lambda g: g * y))

    def log(self):
        """The natural logarithm."""
        x = self.value
        return _result('log', np.log(x), (self, lambda g: g / x))

    def sqrt(self):
        """The square root."""
        y = np.sqrt(self.value)
        return _result('sqrt', y, (self, lambda g: g / (2 * y)))

    def tanh(self):
        """The hyperbolic tangent."""
        y = np.tanh(self.value)
        return _result('tanh', y, (self, lambda g: g * (1 - y * y)))

    def sigmoid(self):
        """``1 / (1 + e ** -x)``, and no exponential overflows."""
        x = self.value
        e = np.exp(-np.abs(x))                                 # at most 1
        y = np.asarray(np.where(x >= 0, 1, e) / (1 + e), x.dtype)
        return _result('sigmoid', y, (self, lambda g: g * (e / (1 + e) ** 2)))

    def relu(self):
        """``max(x, 0)``; its gradient at 0 is 0."""
        x = self.value
        zero = np.zeros((), x.dtype)
        return _result('relu', np.maximum(x, zero), (self, lambda g: g * (x > 0)))

    # ---- sums ----

    def sum(self, axis=None, keepdims=False):
        """The sum over ``axis``: None for all, an int, or a tuple of ints."""
        x = self.value
        kept = _compute('sum', lambda x: np.sum(x, axis=axis, keepdims=True), x,
                        detail=f"shape {x.shape} and axis {axis}")
        value = kept if boolean('keepdims', keepdims) else np.squeeze(kept, axis)   # every axis that goes has length 1
        return _result('sum', value, (self, lambda g: np.broadcast_to(g.reshape(kept.shape), x.shape)))

    def mean(self, axis=None, keepdims=False):
        """The mean over ``axis``."""
        total = self.sum(axis, keepdims)
        if self.value.size == 0:
            raise ValueError(f"mean: shape {self.shape} has no values.")
        return total / (self.value.size // total.value.size)

    def var(self, axis=None, keepdims=False):
        """The biased variance over ``axis``: the mean of the squared differences from the mean."""
        difference = self - self.mean(axis, keepdims=True)
        return (difference * difference).mean(axis, keepdims)

    # ---- other shapes ----

    def reshape(self, *shape):
        """The same values in another shape, ``reshape(2, 3)`` or ``reshape((2, 3))``; one length may be -1."""
        shape = shape[0] if len(shape) == 1 else shape
        value = _compute('reshape', lambda x: x.reshape(shape), self.value,
                         detail=f"shape {self.shape} and the new shape {shape}")
        return _result('reshape', value, (self, lambda g: g.reshape(self.shape)))

    def transpose(self, *axes):
        """The axes in another order, ``transpose(1, 0)`` or ``transpose((1, 0))``; in reverse if none is given."""
        axes = tuple(axes[0]) if len(axes) == 1 and not isinstance(axes[0], numbers.Integral) else axes
        axes = axes or tuple(reversed(range(self.value.ndim)))
        value = _compute('transpose', lambda x: x.transpose(axes), self.value,
                         detail=f"shape {self.shape} and axes {axes}")
        order = np.argsort([axis % value.ndim for axis in axes]) if axes else ()
        return _result('transpose', value, (self, lambda g: g.transpose(order)))

    @property
    def T(self):
        """The axes in reverse order."""
        return self.transpose()

    def __getitem__(self, index):
        index, x = copy.deepcopy(index), self.value
        value = _compute('indexing', lambda x: x[index], x, detail=f"shape {x.shape} and index {index}")

        def take_back(g):
            whole = np.zeros_like(x)
            np.add.at(whole, index, g)  # adds, also where an index occurs more than once
            return whole
        return _result('indexing', value, (self, take_back))

    @staticmethod
    def where(condition, x, y):
        """What :func:`where` gives, for Nodes ``x`` and ``y``."""
        condition = as_array('where: condition', getattr(condition, 'value', condition), 'booleans')
        if condition.dtype.kind not in 'biuf':
            raise TypeError(f"where: condition has type {condition.dtype}; expected booleans, or numbers of which 0 is "
                            "False.")
        condition = condition.astype(bool)
        value = _compute('where', np.where, condition, x.value, y.value)
        return _result('where', value,
                       (x, lambda g: _unbroadcast(np.where(condition, g, np.zeros_like(g)), x.value)),
                       (y, lambda g: _unbroadcast(np.where(condition, np.zeros_like(g), g), y.value)))

    @staticmethod
    def concat(nodes, axis=0):
        """The values of a list of Nodes one after the other along ``axis``."""
        nodes = [node if isinstance(node, Node) else Node(node) for node in nodes]
        shapes = ', '.join(str(node.shape) for node in nodes)
        value = _compute('concat', lambda *values: np.concatenate(values, axis), *(node.value for node in nodes),
                         detail=f"shapes {shapes} along axis {axis}")
        ends = np.cumsum([node.shape[axis] for node in nodes])

        def part(start, end):
            return lambda g: np.take(g, range(start, end), axis)
        return _result('concat', value, *((node, part(end - node.shape[axis], end)) for node, end in zip(nodes, ends)))


def where(condition, x, y):
    """The values of ``x`` where ``condition`` holds, and those of ``y`` elsewhere; each has the gradient of its own.

    >>> x = gbn.autodiff.Node([-2., 3.], 'x')
    >>> gbn.autodiff.where(x > 0, x, 0.1 * x).grad(np.ones(2))['x'].tolist()
    [0.1, 1.0]
    """
    return np.where(condition, x, y)


def concat(nodes, axis=0):
    """The values of a list of Nodes one after the other along ``axis``.

    >>> gbn.autodiff.concat([gbn.autodiff.Node([1., 2.]), gbn.autodiff.Node([3.])]).value
    array([1., 2., 3.])
    """
    return Node.concat(nodes, axis)


def _result(operation, value, *edges):
    """The Node of ``value``; ``edges`` are its parents, each with the function that takes a gradient back to it."""
    return Node.__new__(Node)._fill(np.asarray(value), None, operation, edges)


def _of_another_library(value):
    """``value`` itself, or the plain array of an MXNet array; refused is what NumPy would compute with otherwise."""
    if isinstance(value, np.matrix):
        raise TypeError("Node: the value is a matrix of NumPy, whose * is another product; expected an array: convert "
                        "it with np.asarray(...).")
    foreign = hasattr(value, 'asnumpy') or np.ma.isMA(value)
    return as_array('Node: the value', value, 'real numbers') if foreign else value


def _constant(value, beside):
    """``value`` as a Node; a plain number takes the type of its neighbour, so that float32 stays float32."""
    if isinstance(value, Node):
        return value
    return Node(np.asarray(value, beside.value.dtype) if isinstance(value, numbers.Real) else value)


def _compute(operation, function, *values, detail=None):
    """``function(*values)``; where shapes do not fit, an error that names the operation and the shapes."""
    try:
        return function(*values)
    except (ValueError, IndexError) as error:
        detail = detail or ' and '.join(f"shape {value.shape}" for value in values)
        kind = IndexError if operation == 'indexing' else ValueError
        raise kind(f"{operation}: {detail} do not fit together ({error}).") from None


def _binary(operation, a, b, function, da, db):
    """An operation on two broadcast operands; ``da`` and ``db`` give the gradient in the shape of the result."""
    b = _constant(b, a)
    x, y = a.value, b.value
    return _result(operation, _compute(operation, function, x, y),
                   (a, lambda g: _unbroadcast(da(g, x, y), x)), (b, lambda g: _unbroadcast(db(g, x, y), y)))


def _unbroadcast(gradient, x):
    """Sum ``gradient`` over the axes along which ``x`` was repeated, so that it has the shape of ``x``."""
    gradient = np.asarray(gradient)
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - x.ndim)))                  # axes put in front
    stretched = tuple(i for i, n in enumerate(x.shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=stretched, keepdims=True)


def _power_base(g, x, y):
    return g * y * np.power(x, np.where(y == 0, 1, y - 1))      # x ** 0 is constant, also at 0


def _power_exponent(g, x, y):
    return g * np.power(x, y) * np.log(np.where(x == 0, 1, x))  # 0 ** y is constant


def _matrix_product(operation, a, b):
    """NumPy's ``@``: vectors are a row on the left and a column on the right, further axes are batches."""
    b = _constant(b, a)
    x, y = a.value, b.value
    value = _compute(operation, np.matmul, x, y)
    row = x if x.ndim > 1 else x[np.newaxis, :]                 # (..., n, k)
    column = y if y.ndim > 1 else y[:, np.newaxis]              # (..., k, p)
    shape = np.broadcast_shapes(row.shape[:-2], column.shape[:-2]) + (row.shape[-2], column.shape[-1])
    return _result(operation, value,
                   (a, lambda g: _unbroadcast(g.reshape(shape) @ column.swapaxes(-1, -2), row).reshape(x.shape)),
                   (b, lambda g: _unbroadcast(row.swapaxes(-1, -2) @ g.reshape(shape), column).reshape(y.shape)))


def _check_same_variable(first, node):
    if first is not node and not np.array_equal(first.value, node.value, equal_nan=True):
        raise ValueError(f"grad: two leaves named {node.name!r} have different values (shapes {first.shape} and "
                         f"{node.shape}); give each variable a name of its own.")
