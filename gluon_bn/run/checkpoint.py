"""Checkpoints: named arrays and a description in one ``.npz`` file, without pickle, written whole, checked when read.

The file is an ordinary NumPy archive, so any tool that knows NumPy opens it. Its entry ``description`` is JSON: what
the writer had to say, the format's version, and the SHA-256 of everything else.
"""
import io
import json
import os
from hashlib import sha256

import numpy as np

from .. import _mxnet
from ..support.files import written_whole
from ..support.reading import json_of, read_npz

FORMAT_VERSION = 1


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and what is wrong with it."""


def save(path, arrays, description):
    """Write ``arrays`` (dict name -> NumPy array) and ``description`` (anything JSON can hold) to ``path``, whole."""
    arrays = {name: np.asarray(array, order='C') for name, array in arrays.items()}
    described = {'format': FORMAT_VERSION, 'description': description}
    described['sha256'] = _digest(arrays, described)
    content = io.BytesIO()  # an archive on a full disk complains once more when it is closed
    np.savez(content, description=np.frombuffer(json.dumps(described).encode(), np.uint8),
             **{f'array:{name}': array for name, array in arrays.items()})
    with written_whole(path) as file:
        file.write(content.getbuffer())


def load(path):
    """Read what :func:`save` wrote: ``(arrays, description)``.

    Raises ``CheckpointError`` for a file that is missing, truncated, altered or of another format.
    """
    if not os.path.lexists(path):
        raise CheckpointError(f"{path} does not exist; expected a checkpoint.")
    try:
        archive = read_npz(path, CheckpointError, what='checkpoint')
        described = json_of(archive['description'].tobytes())
        arrays = {name[len('array:'):]: array for name, array in archive.items() if name.startswith('array:')}
        version, digest = described['format'], described.pop('sha256')
    except CheckpointError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is no checkpoint, or a truncated or altered one ({error}).") from error
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path} has format version {version}; this gluon_bn reads version {FORMAT_VERSION}: use "
                              "the version of gluon_bn that wrote it.")
    if digest != _digest(arrays, described):
        raise CheckpointError(f"{path} is altered: its content does not have the SHA-256 that it was written with.")
    return arrays, described['description']


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


def _digest(arrays, described):
    content = sha256(json.dumps(described, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        content.update(f'{name} {array.dtype.str} {array.shape}'.encode())
        content.update(array.tobytes())
    return content.hexdigest()
