"""What the NumPy networks share: batch norm's running values under names, so that they can be kept and restored."""

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
        """Running means and variances by name and layer, empty before the first batch; assign one to restore them."""
        return {f'{name}{i}': bn_param[name] for i, bn_param in enumerate(self.bn_params, 1)
                for name in _NAMES if name in bn_param}

    @statistics.setter
    def statistics(self, values):
        for i, bn_param in enumerate(self.bn_params, 1):
            for name in _NAMES:
                bn_param.pop(name, None)
                if f'{name}{i}' in values:
                    bn_param[name] = values[f'{name}{i}']
