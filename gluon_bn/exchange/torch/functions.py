"""Operators without parameters, as functions of tensors: a table of MXNet's names, each a converter of a layer."""
import math
from functools import partial

import torch
from torch.nn import functional as F

from ..layer import end_pad

_CAST = {'float16': torch.float16, 'float32': torch.float32, 'float64': torch.float64, 'int8': torch.int8,
         'uint8': torch.uint8, 'int32': torch.int32, 'int64': torch.int64, 'bool': torch.bool}


def pool(x, kind, kernel, stride, pad, convention, count_include_pad):
    """Maxima or means of windows, as MXNet places and divides them."""
    sizes = x.shape[2:]
    end = [end_pad(*each, convention) for each in zip(sizes, kernel, stride, pad)]
    if None in end:
        raise ValueError(f"an input of shape {tuple(x.shape)} has windows that lie in the pad altogether.")
    pads = [width for both in list(zip(pad, end))[::-1] for width in both]         # the last axis first
    dimensions = len(kernel)
    if kind == 'max':
        largest = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[dimensions - 1]
        return largest(F.pad(x, pads, value=-math.inf) if any(pads) else x, kernel, stride)
    mean = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[dimensions - 1]
    if not any(pads):
        return mean(x, kernel, stride)
    counted = torch.ones((1, 1, *sizes), dtype=x.dtype, device=x.device)
    if count_include_pad:
        counted = F.pad(counted, [width for width in pad[::-1] for _ in range(2)], value=1)
        extra = [width for a, b in list(zip(pad, end))[::-1] for width in (0, b - a)]
    else:
        extra = pads
    return mean(F.pad(x, pads), kernel, stride) / mean(F.pad(counted, extra), kernel, stride)


def global_pool(x, kind):
    """One value for each channel of each example."""
    if kind == 'max':
        return (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)[x.dim() - 3](x, 1)
    return x.mean(dim=tuple(range(2, x.dim())), keepdim=True)


def reshaped(x, shape, reverse=False):
    """``x`` in MXNet's shape: 0 keeps a size, -1 is what is left, -2 the other sizes, -3 joins two, -4 parts one."""
    old, codes, new = list(x.shape), list(shape), []
    if reverse:
        old, codes = old[::-1], codes[::-1]
        for i, code in enumerate(codes):  # the two parts stand before their -4 now
            if code == -4:
                codes[i - 2:i + 1] = [-4, codes[i - 1], codes[i - 2]]
    while codes:
        code = codes.pop(0)
        if code == -2:
            new, old = new + old, []
        elif code == -3:
            new.append(old.pop(0) * old.pop(0))
        elif code == -4:
            size, a, b = old.pop(0), codes.pop(0), codes.pop(0)
            new += [size // b if a == -1 else a, size // a if b == -1 else b]
        else:
            size = old.pop(0) if old else None
            new.append(size if code == 0 else code)
    return x.reshape(new[::-1] if reverse else new)


def padded(x, width, mode, fill):
    """With a number, with the values at the edge, or reflected; ``width`` is before and after each axis."""
    pads = [w for pair in list(zip(width[::2], width[1::2]))[::-1] for w in pair]
    if mode == 'constant':
        return F.pad(x, pads, value=fill)
    return F.pad(x, pads[:-4], mode={'edge': 'replicate', 'reflect': 'reflect'}[mode])


def sliced(x, begin, end, axes, step):
    """A piece of some axes."""
    cut = [slice(None)] * x.dim()
    for a, b, axis, s in zip(begin, end, axes, step):
        cut[axis] = slice(a, b, s)
    return x[tuple(cut)]


def reduced(x, operator, axis, keepdims, exclude):
    """A sum, mean, largest or smallest value over axes."""
    axes = [a % x.dim() for a in axis] or list(range(x.dim()))
    if exclude:
        axes = [a for a in range(x.dim()) if a not in axes]
    return operator(x, dim=axes, keepdim=keepdims)


def l2_normalized(x, mode, eps):
    """Divided by the root of a sum of squares."""
    axes = {'instance': range(1, x.dim()), 'channel': [1], 'spatial': range(2, x.dim())}[mode]
    return x / torch.sqrt((x * x).sum(dim=tuple(axes), keepdim=True) + eps)


def swapped(operator, scalar, x):
    """The operator with its number first."""
    return operator(torch.as_tensor(scalar, dtype=x.dtype, device=x.device), x)


def with_number(operator, scalar, x):
    """The operator with its number second."""
    return operator(x, torch.as_tensor(scalar, dtype=x.dtype, device=x.device))


def permuted(x, axes):
    """The axes in another order; reversed if none is given."""
    return x.permute(*(axes or range(x.dim())[::-1]))


def parts(x, count, axis, squeeze):
    """Equal parts along an axis."""
    pieces = torch.chunk(x, count, dim=axis)
    return [piece.squeeze(axis) for piece in pieces] if squeeze else list(pieces)


def product(a, b, transpose_a, transpose_b):
    """A matrix product."""
    return torch.tensordot(a, b, dims=([0 if transpose_a else a.dim() - 1], [b.dim() - 1 if transpose_b else 0]))


def batch_product(a, b, transpose_a, transpose_b):
    """A matrix product of each example."""
    return torch.bmm(a.transpose(1, 2) if transpose_a else a, b.transpose(1, 2) if transpose_b else b)


def joined(*inputs, dim):
    """Along an axis."""
    return torch.cat(inputs, dim=dim)


def stacked(*inputs, dim):
    """Along a new axis."""
    return torch.stack(inputs, dim=dim)


def total(*inputs):
    """The sum of all inputs."""
    return sum(inputs[1:], inputs[0])


def itself(x):
    """Nothing is done."""
    return x


def detached(x):
    """No gradient goes through."""
    return x.detach()


def soft(x, operator, axis, temperature):
    """Softmax or its logarithm."""
    return operator(x if temperature is None else x / temperature, dim=axis)


def enlarged(x, scale):
    """Each pixel several times."""
    return F.interpolate(x, scale_factor=scale, mode='nearest')


def squeezed(x, axes):
    """Without some axes of size 1, or all."""
    return x.squeeze() if axes is None else x.reshape([n for i, n in enumerate(x.shape)
                                                       if i not in [a % x.dim() for a in axes]])


def _tuple(value):
    return () if value is None else value if isinstance(value, tuple) else (value,)


def _pooling(layer):
    layer.channels_first()
    kind = layer.one_of('pool_type', {'max': 'max', 'avg': 'mean'})
    layer.ignore('p_value')
    if layer['global_pool']:
        layer.ignore('kernel', 'stride', 'pad', 'pooling_convention', 'count_include_pad')
        return partial(global_pool, kind=kind)
    convention = layer.one_of('pooling_convention', {'valid': 'valid', 'full': 'full'})
    return partial(pool, kind=kind, kernel=layer['kernel'], stride=layer['stride'], pad=layer['pad'],
                   convention=convention, count_include_pad=layer['count_include_pad'])


def _leaky_relu(layer):
    layer.ignore('slope', 'lower_bound', 'upper_bound')
    return layer.one_of('act_type', {'leaky': partial(F.leaky_relu, negative_slope=layer['slope']),
                                     'elu': partial(F.elu, alpha=layer['slope']), 'selu': torch.selu, 'gelu': F.gelu})


def _softmax(operator):
    def convert(layer):
        layer.one_of('dtype', dict.fromkeys((None, 'None', 'float32')))
        layer.one_of('use_length', dict.fromkeys((None, False)))
        return partial(soft, operator=operator, axis=layer['axis'], temperature=layer['temperature'])
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
    return partial(padded, width=width, mode=mode, fill=layer['constant_value'])


def _slice(layer):
    begin, end, step = (_tuple(layer[name]) for name in ('begin', 'end', 'step'))
    step = [1 if s is None else s for s in step] or [1] * len(begin)
    if min(step) < 1:
        raise layer.refused(f"has step={tuple(step)}: PyTorch knows no steps backwards")
    return partial(sliced, begin=begin, end=end, axes=range(len(begin)), step=step)


def _slice_axis(layer):
    return partial(sliced, begin=[layer['begin']], end=[layer['end']], axes=[layer['axis']], step=[1])


def _reduced(operator):
    def convert(layer):
        return partial(reduced, operator=operator, axis=_tuple(layer['axis']), keepdims=layer['keepdims'],
                       exclude=layer['exclude'])
    return convert


def _reshape(layer):
    if layer['shape'] == () or layer.node.attrs.get('target_shape'):
        raise layer.refused("has target_shape, the old way to say a shape")
    return partial(reshaped, shape=layer['shape'], reverse=layer['reverse'])


def _swap_axes(layer):
    return partial(torch.transpose, dim0=layer['dim1'] or 0, dim1=layer['dim2'] or 0)


def _up_sampling(layer):
    layer.one_of('sample_type', {'nearest': None})
    if len(layer.node.inputs) > 1:
        raise layer.refused(f"has {len(layer.node.inputs)} inputs; known is one")
    return partial(enlarged, scale=layer['scale'])


def _squeeze(layer):
    axis = layer['axis']
    return partial(squeezed, axes=None if axis is None else _tuple(axis))


def _constantly(function, *ignored):
    """A converter of an operator whose attributes do not matter."""
    def convert(layer):
        layer.ignore(*ignored)
        return function
    return convert


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
          'ceil': torch.ceil, 'sin': torch.sin, 'cos': torch.cos, 'add_n': total}


def _numbered(function, operator):
    return lambda layer: partial(function, operator, float(layer['scalar']))


FUNCTIONS = {
    **{f'{group}_{name}': _constantly(function) for name, function in _BINARY.items()
       for group in ('broadcast', 'elemwise')},
    **{f'_{name}': _constantly(function) for name, function in _BINARY.items()},
    **{name: _constantly(function) for name, function in _UNARY.items()},
    **{f'_{name}_scalar': _numbered(with_number, function) for name, function in _SCALAR.items()},
    **{f'_r{name}_scalar': _numbered(swapped, _SCALAR[name]) for name in ('minus', 'div', 'power')},
    **dict.fromkeys(('identity', '_copy', 'make_loss'), _constantly(itself)),
    'BlockGrad': _constantly(detached),
    'Activation': lambda layer: layer.one_of('act_type', _ACTIVATIONS),
    'Flatten': lambda layer: partial(torch.flatten, start_dim=1),
    'Cast': lambda layer: partial(torch.Tensor.to, dtype=layer.one_of('dtype', _CAST)),
    'Concat': _with_attributes(joined, dim='dim'), 'stack': lambda layer: partial(stacked, dim=layer['axis'] or 0),
    'LRN': _lrn, 'L2Normalization': _with_attributes(l2_normalized, mode='mode', eps='eps'),
    'LeakyReLU': _leaky_relu, 'Pad': _pad, 'Pooling': _pooling, 'Reshape': _reshape, 'squeeze': _squeeze,
    'SliceChannel': _with_attributes(parts, count='num_outputs', axis='axis', squeeze='squeeze_axis'),
    'SoftmaxActivation': lambda layer: partial(F.softmax, dim=layer.one_of('mode', {'instance': 1, 'channel': 1})),
    'UpSampling': _up_sampling, 'batch_dot': _with_attributes(batch_product, transpose_a='transpose_a',
                                                              transpose_b='transpose_b'),
    'clip': _with_attributes(torch.clamp, min='a_min', max='a_max'),
    'dot': _with_attributes(product, transpose_a='transpose_a', transpose_b='transpose_b'),
    'expand_dims': _with_attributes(torch.unsqueeze, dim='axis'), 'softmax': _softmax(F.softmax),
    'log_softmax': _softmax(F.log_softmax), 'max': _reduced(torch.amax), 'min': _reduced(torch.amin),
    'mean': _reduced(torch.mean), 'sum': _reduced(torch.sum), 'slice': _slice, 'slice_axis': _slice_axis,
    'swapaxes': _swap_axes, 'SwapAxis': _swap_axes, 'transpose': _with_attributes(permuted, axes='axes'),
}
