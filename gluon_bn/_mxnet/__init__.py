"""MXNet 1.9.1 made to run on this machine: ``from ._mxnet import mx, nd, autograd`` is how the package imports it.

Importing this package, or a module of it such as ``threads``, does not import MXNet; asking for one of the three
names does.
"""


def __getattr__(name):
    if name not in ('mx', 'nd', 'autograd'):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import loading
    globals().update(mx=loading.mx, nd=loading.mx.nd, autograd=loading.mx.autograd)
    return globals()[name]
