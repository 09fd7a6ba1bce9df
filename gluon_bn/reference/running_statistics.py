"""Running statistics of the NumPy networks under names, and how these networks take examples."""
import numpy as np

from ..support.arguments import floats, integer, shown

_NAMES = ('running_mean', 'running_var', 'num_batches')


class RunningStatistics:
    """Adds ``statistics`` to a network that has ``bn_params``, a list of batch norm's dictionaries.

    >>> net = gbn.FullyConnectedNet([3], input_dim=2, use_batchnorm=True)
    >>> _ = net.loss(np.eye(2), np.array([0, 1]))
    >>> sorted(net.statistics)
    ['running_mean1', 'running_var1']
    """

    @property
    def statistics(self):
        """Running means and variances by name and layer, empty before the first batch; assign one to restore them.

        What is assigned must be empty, or have all values of all layers in the right shapes, and variances of at least
        0; otherwise it is a ``ValueError``, and nothing has changed.
        """
        return {f'{name}{i}': bn_param[name] for i, bn_param in enumerate(self.bn_params, 1)
                for name in _NAMES if name in bn_param}

    @statistics.setter
    def statistics(self, values):
        restored = [self._restored(i, bn_param, values) for i, bn_param in enumerate(self.bn_params, 1)]
        unknown = sorted(set(values) - {f'{name}{i}' for i, of_layer in enumerate(restored, 1) for name in of_layer})
        if unknown:
            raise ValueError(f"statistics has {', '.join(unknown)}, which this network does not keep.")
        for bn_param, of_layer in zip(self.bn_params, restored):
            for name in _NAMES:
                bn_param.pop(name, None)
            bn_param.update(of_layer)

    def _restored(self, i, bn_param, values):
        """The values of layer ``i`` among ``values``, checked: name -> value, empty if there are none at all."""
        if not values:
            return {}
        names = _NAMES if bn_param.get('momentum', 0.9) is None else _NAMES[:2]
        missing = [f'{name}{i}' for name in names if f'{name}{i}' not in values]
        if missing:
            raise ValueError(f"statistics has no {', '.join(missing)}; expected those of all layers, or none at all.")
        shape = self.params[f'gamma{i}'].shape
        of_layer = {name: floats(f'{name}{i}', values[f'{name}{i}'], shape) for name in names[:2]}
        if (of_layer['running_var'] < 0).any():
            raise ValueError(f"running_var{i} has {of_layer['running_var'].min()}; expected variances, at least 0.")
        if names is _NAMES:
            number = values[f'num_batches{i}']  # from a file it is an array without axes
            of_layer['num_batches'] = integer(f'num_batches{i}', number[()] if isinstance(number, np.ndarray)
                                              else number, at_least=1)
        return of_layer


def flat_examples(X, dtype):
    """``X`` ``(N, d_1, ..., d_k)``, an array or lists, as an array ``(N, d_1 * ... * d_k)`` of the type ``dtype``.

    Raises ``ValueError`` where there is no example, ``TypeError`` for what are no numbers.

    >>> flat_examples([[[1, 2], [3, 4]]], np.float32).tolist()
    [[1.0, 2.0, 3.0, 4.0]]
    """
    X = floats('X', X)
    if X.ndim == 0 or 0 in X.shape:
        raise ValueError(f"X has shape {X.shape}; expected at least one example, (N, ...), of at least one value.")
    return X.astype(dtype, copy=False).reshape(len(X), -1)


def float_type(dtype):
    """``dtype`` as NumPy's type of floating-point numbers, in the order of bytes of this machine.

    ``TypeError`` for whole numbers, in which weights would be 0, and for float16, in which the square of 256 is
    infinite.

    >>> float_type('float32').itemsize
    4
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if dtype is None or found is None or found.kind != 'f' or found.itemsize < 4:
        raise TypeError(f"dtype is {shown(dtype)}; expected a type of floating-point numbers with 32 bits or more, "
                        "such as np.float32.")
    return found.newbyteorder('=')
