"""Verdicts of a check on an answer: none if it is right, or :class:`Wrong`, with the hint that fits the mistake.

A check knows the right result, and the results that known mistakes lead to. An answer that equals one of those gets
that mistake's hint; any other wrong answer is shown the first value that differs.
"""
import ast
import inspect
import sys

import numpy as np

from ..autodiff import Node

COMMON_HINTS = {
    'not-written': "The gap is not filled yet: put your code in place of raise NotImplementedError.",
    'missing': "Start from the skeleton again (start NAME DIR), and keep the names of its functions and arguments.",
    'arguments': "The checks call your function as the skeleton has it: keep the names and the order of its arguments.",
    'none': "A function without return returns None: does yours end with return?",
    'type': "Keep to the kind of array that came in: nd for nd, NumPy for NumPy, Node for Node.",
    'several': "Return that one value alone, without others beside it.",
    'shape': "Print the shapes of the intermediate results. A sum over an axis takes that axis away, unless keepdims.",
    'not-finite': "NaN and infinity come from dividing by 0, from 0 times infinity, or from an exponential too large.",
    'exception': "The message above is Python's own: it says what happened and, if it was in your file, in which line.",
    'mxnet-exception': "MXNet says in its first lines what does not fit, most often two shapes: print the shapes of "
                       "the arrays that you pass there.",
    'broadcast': "Two arrays have shapes that do not fit together: print both. A sum or a mean over an axis takes that "
                 "axis away; with keepdims=True it stays, with length 1. Other shapes are made to fit by reshape.",
    'mxnet-argument': "An operator got an argument that it does not have. np.mean(X) of an NDArray X ends so, too: "
                      "take nd.mean(X) or X.mean() for NDArrays, and np for NumPy's arrays.",
    'exit': "Leave out exit(), quit() and sys.exit(): a file with exercises is imported, not run.",
    'changed': "Work on a copy, or make a new array: X -= mean changes the caller's array, X = X - mean does not.",
    'no-mxnet': "The exercises on NumPy arrays and on Nodes need no MXNet: the list says which they are.",
    'other': "This value comes from none of the mistakes that are known here. Print the intermediate results for an "
             "example with two rows, and compute them on paper.",
    'wrong-sign': "Every value has the wrong sign: look for a difference that is turned around, or for a minus.",
    'factor': "All values are wrong by the same factor: look for a factor that is missing, or one too many.",
    'offset': "All values are wrong by the same amount: look for a term that is missing, or one too many.",
    'affine': "Each feature is right but for a factor and a shift. So no features are mixed up; look at what you "
              "subtract, divide by, multiply by and add.",
    'follows': "This can follow from the mistake above. Correct that one first, then check again.",
}

# Hints that do not know the mistake; behind a known one they say 'follows' instead.
UNRECOGNISED = ('other', 'shape', 'not-finite', 'wrong-sign', 'factor', 'offset', 'affine')

_LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPING = ('map', 'vectorize', 'apply_along_axis', 'fromiter', 'fromfunction')


class Wrong(Exception):
    """An answer is wrong: ``hint`` is the key of the hint that fits, and the message says what came."""

    def __init__(self, hint, message):
        super().__init__(message)
        self.hint = hint


def function(answer, name):
    """The function ``name`` of the learner's module ``answer``; ``Wrong`` if there is none, or nothing in it."""
    found = getattr(answer, name, None)
    if not callable(found):
        raise Wrong('missing', f"your file has no function {name}.")
    if _is_empty(answer, name):
        raise Wrong('not-written', f"not done yet: {name}")
    return found


def _is_empty(answer, name):
    """Whether the function ``name`` is written in the answer, and nothing is in it but ``pass``, ``...`` and words."""
    try:
        lines = [node.body for node in ast.parse(_source(answer)).body
                 if isinstance(node, ast.FunctionDef) and node.name == name]
    except (OSError, SyntaxError):  # of a running program not every text is known
        return False
    return bool(lines) and all(map(_does_nothing, lines[-1]))


def _does_nothing(line):
    value = getattr(line, 'value', None)
    if isinstance(line, ast.Return):
        return value is None or getattr(value, 'value', None) is ...
    return isinstance(line, ast.Pass) or isinstance(line, ast.Expr) and isinstance(value, ast.Constant)


def expect(got, right, mistakes=None, what='the result', tolerance=1e-4):
    """Raise ``Wrong`` unless ``got`` equals ``right``.

    Parameters
    ----------
    got : what the learner's function returned: a number, a NumPy array, an NDArray or a Node
    right : the right result, of the kind that ``got`` must be of
    mistakes : dict, key of a hint -> what that mistake leads to, a number or array; a tuple of these means any of them.
        Or, for values that take time, a function that yields such pairs: as many as are needed to find the mistake
    what : str, what ``got`` is, for the message
    tolerance : float, difference allowed, relative to 1 and to the right value

    >>> expect(np.array([1., 2.]), np.array([1., 2.]))
    >>> expect(np.array([1., 3.]), np.array([1., 2.]), {'one-off': [1, 3]})
    Traceback (most recent call last):
    gluon_bn.exercises.expect.Wrong: the result[1] is 3, and should be 2.
    """
    expect_kind(got, right, what)
    values, right = as_numpy(got), as_numpy(right)
    if same(values, right, tolerance):
        return
    difference = _difference(values, right, tolerance, what)
    for hint, wrong in (mistakes() if callable(mistakes) else (mistakes or {}).items()):
        if any(_is(values, as_numpy(w), tolerance) for w in (wrong if isinstance(wrong, tuple) else (wrong,))):
            raise Wrong(hint, difference)
    if values.shape != right.shape:
        raise Wrong('shape', difference)
    if not np.isfinite(values).all():
        raise Wrong('not-finite', difference)
    hint, rule = _rule(values, right, tolerance)
    raise Wrong(hint, difference + rule)


def _rule(values, right, tolerance):
    """The hint for a difference that follows a rule, and a sentence with its number; else ``('other', '')``."""
    if right.size < 3 or np.ptp(right) < 10 * tolerance:
        return 'other', ''
    factor, offset = (values * right).sum() / (right**2).sum(), (values - right).mean()
    if same(values, -right, tolerance):
        return 'wrong-sign', ''
    if abs(factor) > 10 * tolerance and same(values, factor * right, tolerance):
        return 'factor', f" Every value is {factor:.4g} times what it should be."
    if same(values, right + offset, tolerance):
        return 'offset', f" Every value is {abs(offset):.4g} too {'large' if offset > 0 else 'small'}."
    if right.ndim in (2, 4) and right.size // right.shape[1] >= 4:
        got, wanted = (np.moveaxis(array, 1, 0).reshape(right.shape[1], -1) for array in (values, right))
        lines = [np.polyfit(w, g, 1) if np.ptp(w) > 10 * tolerance else (0, g[0]) for g, w in zip(got, wanted)]
        if all(abs(slope) > 10 * tolerance and same(g, slope * w + shift, tolerance)
               for (slope, shift), g, w in zip(lines, got, wanted)):
            return 'affine', ''
    return 'other', ''


def several(result, count, what):
    """``result``, if it is a tuple or a list of ``count`` values; else ``Wrong``. ``what`` says what was expected."""
    if result is None:
        raise Wrong('none', f"the result is None; expected {what}.")
    if not isinstance(result, (tuple, list)) or len(result) != count:
        raise Wrong('type', f"the result is a {type(result).__name__}; expected {what}.")
    return result


def expect_unchanged(array, before, what):
    """Raise ``Wrong`` if the learner's function has changed its argument ``array``; ``before`` is what it was."""
    if not np.array_equal(as_numpy(array), as_numpy(before)):
        raise Wrong('changed', f"the function changed its argument {what}.")


def as_numpy(value):
    """The value of a number, a NumPy array, an NDArray or a Node as a NumPy array of float64."""
    if isinstance(value, Node):
        value = value.value
    if isinstance(value, _ndarrays()):
        value = value.asnumpy()
    return np.asarray(value, dtype=np.float64)


def same(values, right, tolerance=1e-4):
    """Whether two arrays have the same shape and, up to ``tolerance``, the same finite values."""
    return values.shape == right.shape and bool(np.all(np.abs(values - right) <= tolerance * (1 + np.abs(right))))


def _is(values, wrong, tolerance):
    """Whether ``values`` are what a mistake leads to, NaN and infinity included."""
    return values.shape == wrong.shape and bool(np.allclose(values, wrong, tolerance, tolerance, equal_nan=True))


def has_loop(answer, name):
    """Whether the function ``name`` of a learner's module loops, or what it calls does: for, map, np.vectorize, ..."""
    definitions = {}
    for node in ast.parse(_source(answer)).body:
        names = [node.name] if isinstance(node, ast.FunctionDef) else [
            target.id for target in getattr(node, 'targets', ()) if isinstance(target, ast.Name)]
        definitions.update(dict.fromkeys(names, node))
    to_read, read = [name], set()
    while to_read:
        here = to_read.pop()
        if here in definitions and here not in read:
            read.add(here)
            for node in ast.walk(definitions[here]):
                word = getattr(node, 'id', getattr(node, 'attr', ''))
                if isinstance(node, _LOOPS) or word in _LOOPING:
                    return True
                to_read.append(word)
    return False


def uses(answer):
    """The names that a learner's module takes from elsewhere: ``log`` of ``nd.log``, and what it imports."""
    found = set()
    for node in ast.walk(ast.parse(_source(answer))):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update(alias.name for alias in node.names)
    return found


def _source(answer):
    """The text of a learner's module; of functions of the running program what is known of theirs."""
    return answer.source_text if hasattr(answer, 'source_text') else inspect.getsource(answer)


def expect_kind(got, right, what):
    """Raise ``Wrong`` unless ``got`` is of the kind of ``right``: NDArray, Node, NumPy array or number."""
    if got is None:
        raise Wrong('none', f"{what} is None.")
    for kind, name in ((_ndarrays(), 'an NDArray'), (Node, 'a Node'), (np.ndarray, 'a NumPy array')):
        if isinstance(right, kind) and not isinstance(got, kind):
            if kind is np.ndarray and right.ndim == 0 and isinstance(got, (int, float, np.number)):
                return
            raise _of_kind(got, what, name)
    is_number = isinstance(got, (int, float, np.number)) and not isinstance(got, bool)
    if isinstance(right, (int, float)) and not is_number and not (isinstance(got, np.ndarray) and got.ndim == 0):
        raise _of_kind(got, what, 'a number')


def _of_kind(got, what, name):
    key = 'several' if isinstance(got, tuple) and len(got) > 1 else 'type'
    return Wrong(key, f"{what} is a {type(got).__name__}, and should be {name}.")


def _ndarrays():
    """MXNet's type of arrays, for ``isinstance``; none as long as nobody has imported MXNet, and so made no array."""
    return getattr(getattr(sys.modules.get('mxnet'), 'nd', None), 'NDArray', ())


def _difference(values, right, tolerance, what):
    if values.shape != right.shape:
        return f"{what} has shape {values.shape}, and should have {right.shape}."
    differs = ~(np.abs(values - right) <= tolerance * (1 + np.abs(right)))
    differs = ~np.isfinite(values) if not np.isfinite(values).all() else differs
    index = tuple(int(i) for i in np.argwhere(differs)[0])
    place = f"[{', '.join(map(str, index))}]" if index else ''
    return f"{what}{place} is {values[index]:.6g}, and should be {right[index]:.6g}."
