"""MXNet 1.9.1 made to run on this machine: ``from ._mxnet import mx, nd, autograd`` is how the package imports it.

Importing this package, or a module of it, imports neither MXNet nor NumPy by itself; asking for one of the three names
imports MXNet. It uses ``support`` and nothing else of the package.
"""


def __getattr__(name):
    if name not in ('mx', 'nd', 'autograd'):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .hook import load
    mxnet = load()
    globals().update(mx=mxnet, nd=mxnet.nd, autograd=mxnet.autograd)
    return globals()[name]
