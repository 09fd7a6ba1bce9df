"""Layers with parameters as PyTorch's modules: a table of MXNet's names, each a converter of a layer."""
from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from typing import Callable


class Placed(NamedTuple):
    """A module, and what happens to its input before and to its output after."""

    module: nn.Module
    before: Callable | None = None
    after: Callable | None = None


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """PyTorch's batch norm for inputs of any number of axes, channels on axis 1.

    ``always_stored=True`` is MXNet's ``use_global_stats``: also in training, the stored statistics normalise, and are
    not changed.
    """

    def __init__(self, num_features, always_stored=False, **settings):
        super().__init__(num_features, **settings)
        self.always_stored = always_stored
        self.train()

    def _check_input_dim(self, input):
        if input.dim() < 2:
            raise ValueError(f"expected an input of at least two axes; got {input.dim()}.")

    def train(self, mode=True):
        """As every module's; with ``always_stored`` the layer stays in test mode."""
        return super().train(mode and not self.always_stored)


def _convolution(layer, weight, bias=None):
    layer.channels_first()
    layer.ignore('no_bias')
    kernel, groups = layer['kernel'], layer['num_group']
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(kernel) - 1]
    return Placed(kind(weight.shape[1] * groups, weight.shape[0], kernel, layer['stride'], layer['pad'],
                       layer['dilate'], groups, bias is not None, device='meta'))


def _deconvolution(layer, weight, bias=None):
    layer.channels_first()
    layer.ignore('no_bias')
    if any(layer['target_shape']):
        raise layer.refused(f"has target_shape={layer['target_shape']}; known is adj")
    kernel, groups = layer['kernel'], layer['num_group']
    kind = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[len(kernel) - 1]
    return Placed(kind(weight.shape[0], weight.shape[1] * groups, kernel, layer['stride'], layer['pad'], layer['adj'],
                       groups, bias is not None, layer['dilate'], device='meta'))


def _fully_connected(layer, weight, bias=None):
    layer.ignore('no_bias')
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device='meta')
    return Placed(linear, before=partial(torch.flatten, start_dim=1) if layer['flatten'] else None)


def _batch_norm(layer, gamma, beta, mean, var):
    axis = layer['axis']
    layer.ignore('output_mean_var')
    momentum = round(1 - layer['momentum'], 12)  # 0.1, not 0.09999999999999998
    module = BatchNorm(gamma.size, layer['use_global_stats'], eps=layer['eps'], momentum=momentum, device='meta')
    if axis == 1:
        return Placed(module)
    return Placed(module, before=partial(torch.movedim, source=axis, destination=1),
                  after=partial(torch.movedim, source=1, destination=axis))


def _layer_norm(layer, gamma, beta):
    if layer['axis'] != -1:
        raise layer.refused(f"has axis={layer['axis']}; known is -1")
    layer.ignore('output_mean_var')
    return Placed(nn.LayerNorm(gamma.size, eps=layer['eps'], device='meta'))


class InstanceNorm(nn.Module):
    """PyTorch's instance norm for inputs of any number of axes, channels on axis 1."""

    affine = True

    def __init__(self, num_features, eps):
        super().__init__()
        self.num_features, self.eps = num_features, eps
        self.weight, self.bias = (nn.Parameter(torch.empty(num_features, device='meta')) for _ in range(2))

    def forward(self, x):
        """``(m, C, ...) -> (m, C, ...)``, each channel of each example normalised by itself."""
        return functional.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)


def _instance_norm(layer, gamma, beta):
    return Placed(InstanceNorm(gamma.size, layer['eps']))


def row_numbers(x, rows):
    """Whole numbers in range, as MXNet takes them: what is below or above is the first or the last."""
    return x.long().clamp(0, rows - 1)


def _embedding(layer, weight):
    layer.one_of('dtype', {str(weight.dtype): None})
    return Placed(nn.Embedding(*weight.shape, device='meta'), before=partial(row_numbers, rows=weight.shape[0]))


def _prelu(layer, gamma):
    layer.one_of('act_type', {'prelu': None})
    layer.ignore('slope', 'lower_bound', 'upper_bound')
    return Placed(nn.PReLU(gamma.size, device='meta'))


def _dropout(layer):
    layer.one_of('mode', {'training': None})
    if layer['axes']:
        raise layer.refused(f"has axes={layer['axes']}, along which it drops the same values")
    return Placed(nn.Dropout(layer['p']))


_NORM = {'gamma': 'weight', 'beta': 'bias'}
_AFFINE = {'weight': 'weight', 'bias': 'bias'}
# MXNet's operator -> (converter, MXNet's name of an input -> PyTorch's name of the parameter or buffer)
LAYERS = {
    'BatchNorm': (_batch_norm, {**_NORM, 'moving_mean': 'running_mean', 'moving_var': 'running_var'}),
    'Convolution': (_convolution, _AFFINE), 'Deconvolution': (_deconvolution, _AFFINE), 'Dropout': (_dropout, {}),
    'Embedding': (_embedding, {'weight': 'weight'}), 'FullyConnected': (_fully_connected, _AFFINE),
    'InstanceNorm': (_instance_norm, _NORM), 'LayerNorm': (_layer_norm, _NORM),
    'LeakyReLU': (_prelu, {'gamma': 'weight'}),
}


def with_fixed_gamma(layer, arrays):
    """The arrays of a layer, with ones for a gamma that MXNet does not read, and whether it has such a gamma."""
    fixed = layer.op == 'BatchNorm' and layer['fix_gamma']
    return ([np.ones_like(arrays[0]), *arrays[1:]] if fixed else arrays), fixed
