"""Contestants of the benchmark by name: those whose library is installed."""
from .peers import Gluon, GluonBN, Notebook


def installed(names=None):
    """The contestants of these names, or all; those whose library is not installed are left out, and not imported."""
    makers = {'notebook': Notebook,
              'gluon_bn plain': lambda: GluonBN('plain'), 'gluon_bn fast': lambda: GluonBN('fast'),
              'Gluon': lambda: Gluon(False), 'Gluon hybridized': lambda: Gluon(True),
              'PyTorch eager': lambda: _torch(False), 'PyTorch compiled': lambda: _torch(True), 'JAX jitted': _jax}
    found = []
    for name in makers if names is None else names:
        try:
            found.append(makers[name]())
        except ImportError:
            continue
        except KeyError:
            raise ValueError(f"there is no contestant {name}; expected one of: {', '.join(makers)}.") from None
    return found


def _torch(compiled):
    from .torch_peer import Torch
    return Torch(compiled)


def _jax():
    from .jax_peer import Jax
    return Jax()
