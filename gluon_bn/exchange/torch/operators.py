"""Operators without parameters: a table of MXNet's names, each a converter of a layer to a function of tensors."""
from functools import partial

import torch
from torch.nn import functional as F

from . import functions

_CAST = {'float16': torch.float16, 'float32': torch.float32, 'float64': torch.float64, 'int8': torch.int8,
         'uint8': torch.uint8, 'int32': torch.int32, 'int64': torch.int64, 'bool': torch.bool}


def _tuple(value):
    return () if value is None else value if isinstance(value, tuple) else (value,)


def _pooling(layer):
    layer.channels_first()
    kind = layer.one_of('pool_type', {'max': 'max', 'avg': 'mean'})
    layer.ignore('p_value')
    if layer['global_pool']:
        layer.ignore('kernel', 'stride', 'pad', 'pooling_convention', 'count_include_pad')
        return partial(functions.global_pool, kind=kind)
    convention = layer.one_of('pooling_convention', {'valid': 'valid', 'full': 'full'})
    return partial(functions.pool, kind=kind, kernel=layer['kernel'], stride=layer['stride'], pad=layer['pad'],
                   convention=convention, count_include_pad=layer['count_include_pad'])


def _leaky_relu(layer):
    layer.ignore('slope', 'lower_bound', 'upper_bound')
    return layer.one_of('act_type', {'leaky': partial(F.leaky_relu, negative_slope=layer['slope']),
                                     'elu': partial(F.elu, alpha=layer['slope']), 'selu': torch.selu, 'gelu': F.gelu})


def _softmax(operator):
    def convert(layer):
        layer.one_of('dtype', dict.fromkeys((None, 'None', 'float32')))
        layer.one_of('use_length', dict.fromkeys((None, False)))
        return partial(functions.soft, operator=operator, axis=layer['axis'], temperature=layer['temperature'])
    return convert


def _lrn(layer):
    if layer['nsize'] % 2 == 0:
        raise layer.refused(f"has nsize={layer['nsize']}; known are odd sizes")
    return partial(F.local_response_norm, size=layer['nsize'], alpha=layer['alpha'], beta=layer['beta'],
                   k=layer['knorm'])


def _pad(layer):
    mode = layer.one_of('mode', {'constant': 'constant', 'edge': 'edge', 'reflect': 'reflect'})
    width = layer['pad_width']
    if mode != 'constant' and any(width[:4]):
        raise layer.refused(f"has mode={mode} and pads the batch or the channels")
    return partial(functions.padded, width=width, mode=mode, fill=layer['constant_value'])


def _slice(layer):
    begin, end, step = (_tuple(layer[name]) for name in ('begin', 'end', 'step'))
    step = [1 if s is None else s for s in step] or [1] * len(begin)
    if min(step) < 1:
        raise layer.refused(f"has step={tuple(step)}: PyTorch knows no steps backwards")
    return partial(functions.sliced, begin=begin, end=end, axes=range(len(begin)), step=step)


def _slice_axis(layer):
    return partial(functions.sliced, begin=[layer['begin']], end=[layer['end']], axes=[layer['axis']], step=[1])


def _reduced(operator):
    def convert(layer):
        return partial(functions.reduced, operator=operator, axis=_tuple(layer['axis']), keepdims=layer['keepdims'],
                       exclude=layer['exclude'])
    return convert


def _reshape(layer):
    if layer['shape'] == () or layer.node.attrs.get('target_shape'):
        raise layer.refused("has target_shape, the old way to say a shape")
    return partial(functions.reshaped, shape=layer['shape'], reverse=layer['reverse'])


def _swap_axes(layer):
    return partial(torch.transpose, dim0=layer['dim1'] or 0, dim1=layer['dim2'] or 0)


def _up_sampling(layer):
    layer.one_of('sample_type', {'nearest': None})
    if len(layer.node.inputs) > 1:
        raise layer.refused(f"has {len(layer.node.inputs)} inputs; known is one")
    return partial(functions.enlarged, scale=layer['scale'])


def _squeeze(layer):
    axis = layer['axis']
    return partial(functions.squeezed, axes=None if axis is None else _tuple(axis))


def _constantly(function):
    """A converter of an operator without attributes."""
    return lambda layer: function


def _with_attributes(function, **names):
    """A converter that passes attributes on: the argument of ``function`` -> the attribute's name."""
    def convert(layer):
        return partial(function, **{argument: layer[name] for argument, name in names.items()})
    return convert


_BINARY = {'add': torch.add, 'sub': torch.sub, 'mul': torch.mul, 'div': torch.div, 'power': torch.pow,
           'maximum': torch.maximum, 'minimum': torch.minimum}
_SCALAR = {'plus': torch.add, 'minus': torch.sub, 'mul': torch.mul, 'div': torch.div, 'power': torch.pow,
           'maximum': torch.maximum, 'minimum': torch.minimum}
_ACTIVATIONS = {'relu': torch.relu, 'sigmoid': torch.sigmoid, 'tanh': torch.tanh, 'softrelu': F.softplus,
                'softsign': F.softsign}
_UNARY = {'relu': torch.relu, 'sigmoid': torch.sigmoid, 'tanh': torch.tanh, 'softsign': F.softsign, 'exp': torch.exp,
          'log': torch.log, 'sqrt': torch.sqrt, 'rsqrt': torch.rsqrt, 'square': torch.square, 'abs': torch.abs,
          'negative': torch.neg, 'reciprocal': torch.reciprocal, 'erf': torch.erf, 'floor': torch.floor,
          'ceil': torch.ceil, 'sin': torch.sin, 'cos': torch.cos, 'add_n': functions.total}


def _numbered(function, operator):
    return lambda layer: partial(function, operator, float(layer['scalar']))


OPERATORS = {
    **{f'{group}_{name}': _constantly(function) for name, function in _BINARY.items()
       for group in ('broadcast', 'elemwise')},
    **{f'_{name}': _constantly(_BINARY[name]) for name in ('power', 'maximum', 'minimum')},
    **{name: _constantly(function) for name, function in _UNARY.items()},
    **{f'_{name}_scalar': _numbered(functions.with_number, function) for name, function in _SCALAR.items()},
    **{f'_r{name}_scalar': _numbered(functions.with_number_first, _SCALAR[name]) for name in ('minus', 'div', 'power')},
    **dict.fromkeys(('identity', 'make_loss'), _constantly(functions.itself)),
    'BlockGrad': _constantly(functions.detached),
    'Activation': lambda layer: layer.one_of('act_type', _ACTIVATIONS),
    'Flatten': lambda layer: partial(torch.flatten, start_dim=1),
    'Cast': lambda layer: partial(torch.Tensor.to, dtype=layer.one_of('dtype', _CAST)),
    'Concat': _with_attributes(functions.joined, dim='dim'),
    'stack': lambda layer: partial(functions.stacked, dim=layer['axis'] or 0),
    'LRN': _lrn, 'L2Normalization': _with_attributes(functions.l2_normalized, mode='mode', eps='eps'),
    'LeakyReLU': _leaky_relu, 'Pad': _pad, 'Pooling': _pooling, 'Reshape': _reshape, 'squeeze': _squeeze,
    'SliceChannel': _with_attributes(functions.parts, count='num_outputs', axis='axis', squeeze='squeeze_axis'),
    'SoftmaxActivation': lambda layer: layer.one_of('mode', {'instance': functions.softmax_of_examples,
                                                             'channel': partial(F.softmax, dim=1)}),
    'UpSampling': _up_sampling,
    'batch_dot': _with_attributes(functions.batch_product, transpose_a='transpose_a', transpose_b='transpose_b'),
    'clip': _with_attributes(torch.clamp, min='a_min', max='a_max'),
    'dot': _with_attributes(functions.product, transpose_a='transpose_a', transpose_b='transpose_b'),
    'hard_sigmoid': _with_attributes(functions.hard_sigmoid, alpha='alpha', beta='beta'),
    'expand_dims': _with_attributes(torch.unsqueeze, dim='axis'), 'softmax': _softmax(F.softmax),
    'log_softmax': _softmax(F.log_softmax), 'max': _reduced(torch.amax), 'min': _reduced(torch.amin),
    'mean': _reduced(torch.mean), 'sum': _reduced(torch.sum), 'slice': _slice, 'slice_axis': _slice_axis,
    'swapaxes': _swap_axes, 'transpose': _with_attributes(functions.permuted, axes='axes'),
}
