"""Checkpoints of networks: parameters and stored statistics as arrays of an archive, and back into a network."""
import numpy as np

from .. import _mxnet
from ..support.archive import CheckpointError, load, save

__all__ = ['CheckpointError', 'check_same_arrays', 'load', 'network_arrays', 'restore_network', 'save']


def network_arrays(net):
    """The parameters and stored statistics of a network as NumPy arrays, under names for a checkpoint."""
    return {f'{group}/{name}': array.asnumpy()
            for group in _GROUPS for name, array in getattr(net, group).items()}


def restore_network(net, arrays):
    """Put the arrays of :func:`network_arrays` into ``net``: parameters in place, stored statistics replaced.

    Raises ``CheckpointError``, and changes nothing, unless the parameters have the names, shapes and types of the
    network's, and the statistics are those of each of its batch norms, or of none (before the first batch).
    """
    found = {group: {name.split('/', 1)[1]: array for name, array in arrays.items() if name.startswith(group + '/')}
             for group in _GROUPS}
    params, *statistics = (found[group] for group in _GROUPS)
    check_same_arrays('parameters', params, {name: (param.shape, param.dtype) for name, param in net.params.items()})
    if any(statistics):
        layers = {'bn' + name[len('gamma'):]: (param.shape, _statistics_type(param))
                  for name, param in net.params.items() if name.startswith('gamma')}
        for group, stored in zip(_GROUPS[1:], statistics):
            check_same_arrays(group, stored, layers)
    if any((var < 0).any() for var in found['bn_ewv_vars'].values()):
        raise CheckpointError("the checkpoint has variances below 0; make another one.")
    for name, param in net.params.items():
        param[:] = params[name]
    for group in _GROUPS[1:]:
        statistics = getattr(net, group)
        statistics.clear()
        statistics.update({name: _mxnet.nd.array(array, ctx=net.ctx, dtype=array.dtype)
                           for name, array in found[group].items()})


def check_same_arrays(what, arrays, expected):
    """``CheckpointError`` unless ``arrays`` are finite and as ``expected``: dict name -> (shape, type)."""
    came = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    expected = {name: (shape, np.dtype(dtype)) for name, (shape, dtype) in expected.items()}
    if came != expected:
        differing = sorted(name for name in {*came, *expected} if came.get(name) != expected.get(name))
        shown = [{name: _shown(kinds.get(name)) for name in differing} for kinds in (came, expected)]
        raise CheckpointError(f"the checkpoint has {what} {shown[0]}, and the network {shown[1]}; build the network "
                              "with the checkpoint's configuration.")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise CheckpointError(f"the checkpoint's {what} {name!r} are not finite; make another one.")


def _shown(kind):
    return kind and (kind[0] if kind[1] == np.float32 else (*kind[:1], kind[1].name))


def _statistics_type(gamma):
    return np.float64 if gamma.dtype == np.float64 else np.float32


_GROUPS = ('params', 'bn_ewv_means', 'bn_ewv_vars')
