"""Import hook for MXNet: after :func:`install`, ``import mxnet`` gives one that runs on this Python and this NumPy.

MXNet 1.9.1 is older than the Python and the NumPy of today. What it lacks is supplied at the moment it is imported,
and only to MXNet: each of its modules looks up ``import`` in builtins of its own, where ``numpy`` means a view of the
installed NumPy (:mod:`.numpy_view`). So ``numpy`` itself never changes, not even during the import, and modules that
MXNet imports late, and imports inside its functions, get the view too.

This module is light: until MXNet is imported, it loads nothing.
"""
import functools
import importlib
import importlib.util
import sys
from importlib.machinery import SourceFileLoader


def install():
    """Let the next ``import mxnet``, by whoever, be made to run here; an MXNet that is there already is mended.

    Cheap, and without effect when done twice.

    >>> install()
    """
    if not any(getattr(finder, 'makes_mxnet_run', False) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
        mxnet = sys.modules.get('mxnet')
        # One that is being imported just now is left alone: who imports it may be MXNet's own import, or a thread.
        if mxnet is not None and not getattr(mxnet.__spec__, '_initializing', False):
            _mend_what_is_there()


def load():
    """MXNet, imported; ``ImportError`` of one sentence that says what to do where it is missing or does not load."""
    install()
    if 'mxnet' not in sys.modules and importlib.util.find_spec('mxnet') is None:
        from .missing import why_mxnet_is_missing
        raise ImportError(why_mxnet_is_missing(), name='mxnet')
    return importlib.import_module('mxnet')


class _Finder:
    """Finds ``mxnet`` and its modules where the other finders do, and loads them with :class:`_Loader`."""

    makes_mxnet_run = True

    def find_spec(self, name, path=None, target=None):
        """The module's spec as the other finders have it, with a loader that prepares; None for other modules."""
        if name.partition('.')[0] != 'mxnet':
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                if type(spec.loader) is SourceFileLoader:
                    spec.loader = _Loader(spec.loader.name, spec.loader.path)
                return spec
        return None


class _Loader(SourceFileLoader):
    """Runs a module of MXNet with its own builtins, after what MXNet needs and before its repairs."""

    def exec_module(self, module):
        """Run ``module``; errors that say nothing to a user become ``ImportError`` of one sentence."""
        from .repairs import repair
        module.__dict__['__builtins__'] = _builtins_of_mxnet()
        if module.__name__ != 'mxnet':
            super().exec_module(module)
        else:
            from .missing import explained
            from .surroundings import prepare
            _forget_half_made_modules()
            with explained():
                prepare()
                super().exec_module(module)
        repair(module)


def _forget_half_made_modules():
    """Forget the modules that an ``import mxnet`` left behind when it failed: they lack what came after the error."""
    for name in [name for name in sys.modules if name.startswith('mxnet.')]:
        del sys.modules[name]


@functools.lru_cache(maxsize=1)
def _builtins_of_mxnet():
    """Python's builtins, with an ``__import__`` that gives MXNet its view where the others get ``numpy``, and SciPy
    only when it is used."""
    import builtins

    import numpy

    from .later import import_later
    from .numpy_view import view

    def import_for_mxnet(name, globals=None, locals=None, fromlist=(), level=0):
        later = None if level else import_later(name, fromlist)
        if later is not None:
            return later
        module = builtins.__import__(name, globals, locals, fromlist, level)
        return view() if module is numpy else module

    return {**vars(builtins), '__import__': import_for_mxnet}


def _mend_what_is_there():
    """Give an MXNet that was imported without the hook what can still be given: the view, and the repairs.

    From Python 3.10 on, its functions have kept the builtins with which they were made: a ``import numpy`` inside one
    gets NumPy itself.
    """
    import numpy

    from .child_processes import pass_on
    from .numpy_view import view
    from .repairs import repair
    pass_on()
    for name, module in list(sys.modules.items()):
        if name.partition('.')[0] == 'mxnet' and hasattr(module, '__dict__'):
            module.__dict__['__builtins__'] = _builtins_of_mxnet()
            for alias, value in list(vars(module).items()):
                if value is numpy:
                    setattr(module, alias, view())
            repair(module)
