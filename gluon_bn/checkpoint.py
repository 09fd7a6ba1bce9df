"""Checkpoints: named arrays and a description in one ``.npz`` file, without pickle, written whole, checked when read.

The file is an ordinary NumPy archive, so any tool that knows NumPy opens it. Its entry ``description`` is JSON: what
the writer had to say, the format's version, and the SHA-256 of everything else.
"""
import json
import zipfile
import zlib
from hashlib import sha256

import numpy as np

from . import _mxnet
from .files import written_whole

FORMAT_VERSION = 1


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and what is wrong with it."""


def save(path, arrays, description):
    """Write ``arrays`` (dict name -> NumPy array) and ``description`` (anything JSON can hold) to ``path``, whole."""
    arrays = {name: np.asarray(array, order='C') for name, array in arrays.items()}
    described = {'format': FORMAT_VERSION, 'description': description}
    described['sha256'] = _digest(arrays, described)
    with written_whole(path) as file:
        np.savez(file, description=np.frombuffer(json.dumps(described).encode(), np.uint8),
                 **{f'array:{name}': array for name, array in arrays.items()})


def load(path):
    """Read what :func:`save` wrote: ``(arrays, description)``.

    Raises ``CheckpointError`` for a file that is missing, truncated, altered or of another format.
    """
    try:
        with open(path, 'rb') as file, np.load(file, allow_pickle=False) as archive:
            described = json.loads(archive['description'].tobytes().decode())
            arrays = {name[len('array:'):]: archive[name] for name in archive.files if name.startswith('array:')}
        version, digest = described['format'], described.pop('sha256')
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist; expected a checkpoint.") from None
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error,
            NotImplementedError, RuntimeError) as error:
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

    Raises ``CheckpointError``, and changes nothing, unless the parameters have the names and shapes of the network's.
    """
    found = {group: {name.split('/', 1)[1]: array for name, array in arrays.items() if name.startswith(group + '/')}
             for group in _GROUPS}
    shapes = {name: param.shape for name, param in net.params.items()}
    if {name: array.shape for name, array in found['params'].items()} != shapes:
        raise CheckpointError("the checkpoint has parameters "
                              f"{ {name: array.shape for name, array in found['params'].items()} }, and the network "
                              f"{shapes}; build the network with the checkpoint's configuration.")
    for name, param in net.params.items():
        param[:] = found['params'][name]
    for group in _GROUPS[1:]:
        statistics = getattr(net, group)
        statistics.clear()
        statistics.update({name: _mxnet.nd.array(array, ctx=net.ctx, dtype=array.dtype)
                           for name, array in found[group].items()})


_GROUPS = ('params', 'bn_ewv_means', 'bn_ewv_vars')


def _digest(arrays, described):
    content = sha256(json.dumps(described, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        content.update(f'{name} {array.dtype.str} {array.shape}'.encode())
        content.update(array.tobytes())
    return content.hexdigest()
