"""Startup of each Python of ``gluon-bn python``: ``import mxnet``, when it comes, gets what it lacks.

Until then nothing is imported, so that programs that never ask for MXNet start as ever. Other interpreters find this
file too when a script starts them, so it must not fail on any.
"""
import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))


class _WaitForMXNet(object):  # noqa: UP004 - a Python 2 may read this, too
    """A finder that finds nothing; the first time that MXNet is asked for, it puts gluon_bn's import hook in place."""

    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] != 'mxnet':
            return None
        if any(getattr(finder, 'makes_mxnet_run', False) for finder in sys.meta_path):
            return None  # gluon_bn itself was imported first, and its hook is there
        sys.meta_path.remove(self)
        _install_hook()
        from importlib.util import find_spec
        return find_spec(name)


def _install_hook():
    """Put the hook in place, from this very package, wherever it is and whatever ``sys.path`` says."""
    import importlib.util
    package = os.path.dirname(os.path.dirname(_FOLDER))
    if 'gluon_bn' not in sys.modules:
        spec = importlib.util.spec_from_file_location('gluon_bn', os.path.join(package, '__init__.py'),
                                                      submodule_search_locations=[package])
        sys.modules['gluon_bn'] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules['gluon_bn'])
    importlib.import_module('gluon_bn._mxnet.hook').install()


def _run_the_next():
    """Run the ``sitecustomize`` that this one hides, if there is any."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec
    spec = PathFinder.find_spec('sitecustomize', sys.path)
    if spec is not None and spec.loader is not None:
        sys.modules['sitecustomize'] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules['sitecustomize'])


if sys.version_info >= (3, 8):  # noqa: UP036
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _FOLDER]  # as it would be without us
    sys.meta_path.insert(0, _WaitForMXNet())
    _run_the_next()
