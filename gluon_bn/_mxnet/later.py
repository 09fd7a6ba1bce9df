"""SciPy and scikit-learn as MXNet gets them: when it uses them, and not already when it is imported.

MXNet imports both, where they are installed, for little: SciPy for sparse arrays and a logarithm of quantization,
scikit-learn as the base of ``mx.model.FeedForward``, which is deprecated. They took half of the time of its import.
"""
import importlib
import importlib.util
import sys

_MOVED = {'scipy.sparse.csr': 'scipy.sparse'}  # that of its old names which MXNet uses


def import_later(name, fromlist=()):
    """What stands for SciPy until it is used, as ``__import__`` returns it; None if the import has to be done now.

    Of scikit-learn MXNet wants a class to derive from, and does without: ``ImportError``, unless it is there already.
    """
    package = name.partition('.')[0]
    if package not in ('scipy', 'sklearn') or name in sys.modules or importlib.util.find_spec(package) is None:
        return None
    if package == 'sklearn':
        raise ImportError(f'{name} is not imported for MXNet alone', name=name)
    return Later(name if fromlist else package)


class Later:
    """A module, or something in it, that is imported when it is called; ``isinstance`` asks for what is there already.

    >>> Later('fractions').Fraction(1, 2)
    Fraction(1, 2)
    >>> isinstance(1, Later('no_such_module').Kind)  # nobody can have made one
    False
    """

    def __init__(self, path):
        self._path = _MOVED.get(path, path)

    def __getattr__(self, name):
        return Later(f'{self._path}.{name}')

    def _found(self):
        path, *names = self._path.split('.')
        found = importlib.import_module(path)
        for name in names:
            path = f'{path}.{name}'
            if not hasattr(found, name):  # a submodule that nobody has imported
                importlib.import_module(path)
            found = getattr(found, name)
        return found

    def __call__(self, *args, **kwargs):
        return self._found()(*args, **kwargs)

    def __instancecheck__(self, value):
        return self._path.partition('.')[0] in sys.modules and isinstance(value, self._found())
