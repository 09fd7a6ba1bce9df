"""Archives: named arrays and a description in one ``.npz`` file, without pickle, written whole, checked when read.

The file is an ordinary NumPy archive, so any tool that knows NumPy opens it. Its entry ``description`` is JSON: what
the writer had to say, the format's version, and the SHA-256 of everything else.
"""
import io
import json
import os
from hashlib import sha256

import numpy as np

from .arguments import path as as_path
from .files import atomic_write
from .reading import json_of, read_npz

FORMAT_VERSION = 1


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and what is wrong with it."""


def save(path, arrays, description):
    """Write ``arrays`` (dict name -> NumPy array) and ``description`` (anything JSON can hold) to ``path``, whole."""
    path = as_path('path', path)
    arrays = {name: np.asarray(array, order='C') for name, array in arrays.items()}
    described = {'format': FORMAT_VERSION, 'description': description}
    described['sha256'] = _digest(arrays, described)
    content = io.BytesIO()  # an archive on a full disk complains once more when it is closed
    np.savez(content, description=np.frombuffer(json.dumps(described).encode(), np.uint8),
             **{f'array:{name}': array for name, array in arrays.items()})
    with atomic_write(path) as file:
        file.write(content.getbuffer())


def load(path):
    """Read what :func:`save` wrote: ``(arrays, description)``.

    Raises ``CheckpointError`` for a file that is missing, truncated, altered or of another format.
    """
    if not os.path.lexists(as_path('path', path)):
        raise CheckpointError(f"{path} does not exist; expected a checkpoint.")
    try:
        archive = read_npz(path, CheckpointError, what='checkpoint')
        described = json_of(archive['description'].tobytes())
        arrays = {name[len('array:'):]: array for name, array in archive.items() if name.startswith('array:')}
        version, digest = described['format'], described.pop('sha256')
    except CheckpointError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a valid checkpoint: it is truncated or altered, or another kind of file "
                              f"({error}).") from error
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path} has format version {version}; this gluon_bn reads version {FORMAT_VERSION}: use "
                              "the version of gluon_bn that wrote it.")
    if digest != _digest(arrays, described):
        raise CheckpointError(f"{path} is altered: its content does not have the SHA-256 that it was written with.")
    return arrays, described['description']


def _digest(arrays, described):
    content = sha256(json.dumps(described, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        content.update(f'{name} {array.dtype.str} {array.shape}'.encode())
        content.update(array.tobytes())
    return content.hexdigest()
