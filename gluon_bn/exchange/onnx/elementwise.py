"""Operators on values one by one, sums over axes, and operators that only move values, as ONNX has them."""
import math

import numpy as np

ALIAS = 'the input itself'
_ACTIVATIONS = {'relu': 'Relu', 'sigmoid': 'Sigmoid', 'tanh': 'Tanh', 'softrelu': 'Softplus', 'softsign': 'Softsign'}
_LAST = np.iinfo(np.int64).max


def same(layer, build):
    """What has no effect on a trained network: dropout, or an identity."""
    if layer.op == 'Dropout' and layer['mode'] != 'training':
        raise layer.refused(f"has mode={layer['mode']}: it drops values at any time")
    layer.ignore('p', 'axes', 'dtype', 'shape')
    return build.value(layer.node.inputs[0])


def plain(operator):
    """A converter to an ONNX operator that takes the same inputs and no attributes."""
    def convert(layer, build):
        return build.add(operator, build.inputs_of(layer), layer.name)
    return convert


def with_scalar(operator, reverse=False):
    """A converter of an operator with a number as its second operand, or its first."""
    def convert(layer, build):
        x, = build.inputs_of(layer)
        scalar = build.number(float(layer['scalar']), f'{layer.name}_scalar')
        return build.add(operator, [scalar, x] if reverse else [x, scalar], layer.name)
    return convert


def activation(layer, build):
    """ReLU, sigmoid, tanh, softplus (MXNet calls it softrelu), softsign."""
    return build.add(layer.one_of('act_type', _ACTIVATIONS), build.inputs_of(layer), layer.name)


def leaky_relu(layer, build):
    """Leaky, PReLU, ELU, SELU, GELU."""
    kind = layer.one_of('act_type', {'leaky': 'LeakyRelu', 'prelu': 'PRelu', 'elu': 'Elu', 'selu': 'Selu', 'gelu': ''})
    layer.ignore('slope', 'lower_bound', 'upper_bound')
    x, *slope = build.inputs_of(layer)
    if kind == 'PRelu':
        dimensions = len(build.shapes.of(layer.node.inputs[0]))
        units, = build.shapes.of(layer.node.inputs[1])
        shape = build.integers([units] + [1] * (dimensions - 2) if units > 1 else [1], f'{layer.name}_shape')
        return build.add('PRelu', [x, build.add('Reshape', [*slope, shape], f'{layer.name}_slope')], layer.name)
    if kind:
        return build.add(kind, [x], layer.name, **({} if kind == 'Selu' else {'alpha': layer['slope']}))
    scaled = build.add('Mul', [x, build.number(math.sqrt(0.5), f'{layer.name}_root')], f'{layer.name}_scaled')
    erf = build.add('Erf', [scaled], f'{layer.name}_erf')
    twice = build.add('Add', [erf, build.number(1, f'{layer.name}_one')], f'{layer.name}_twice')
    half = build.add('Mul', [x, build.number(0.5, f'{layer.name}_half')], f'{layer.name}_half_x')
    return build.add('Mul', [half, twice], layer.name)


def softmax(layer, build, axis=None, operator='Softmax'):
    """Along one axis; a temperature divides first."""
    x = build.value(layer.node.inputs[0])
    if axis is None:
        axis = layer['axis']
        layer.one_of('dtype', dict.fromkeys((None, 'None', 'float32')))
        layer.one_of('use_length', dict.fromkeys((None, False)))
        if layer['temperature'] is not None:
            divisor = build.number(layer['temperature'], f'{layer.name}_temperature')
            x = build.add('Div', [x, divisor], f'{layer.name}_divided')
    return build.add(operator, [x], layer.name, axis=axis)


def log_softmax(layer, build):
    """The logarithm of the softmax."""
    return softmax(layer, build, operator='LogSoftmax')


def hard_sigmoid(layer, build):
    """A line between 0 and 1."""
    return build.add('HardSigmoid', build.inputs_of(layer), layer.name, alpha=layer['alpha'], beta=layer['beta'])


def square(layer, build):
    """Each value times itself."""
    return build.add('Mul', build.inputs_of(layer) * 2, layer.name)


def rsqrt(layer, build):
    """One divided by the root."""
    return build.add('Reciprocal', [build.add('Sqrt', build.inputs_of(layer), f'{layer.name}_root')], layer.name)


def clip(layer, build):
    """Between two numbers."""
    bounds = [build.number(layer[name], f'{layer.name}_{name}') for name in ('a_min', 'a_max')]
    return build.add('Clip', [*build.inputs_of(layer), *bounds], layer.name)


def cast(layer, build):
    """To another type."""
    return build.add('Cast', build.inputs_of(layer), layer.name, to=build.type_of(layer['dtype']))


def reduced(operator):
    """A converter of a sum, mean, largest or smallest value over axes."""
    def convert(layer, build):
        dimensions = len(build.shapes.of(layer.node.inputs[0]))
        axes = reduced_axes(layer, dimensions)
        inputs, more = build.inputs_of(layer), {}
        if operator == 'ReduceSum':  # the others take them as an input from a later opset on
            inputs = [*inputs, build.integers(axes, f'{layer.name}_axes')]
        else:
            more = {'axes': axes}
        return build.add(operator, inputs, layer.name, keepdims=int(layer['keepdims']), **more)
    return convert


def reduced_axes(layer, dimensions):
    """The axes that are summed over, of an input of so many."""
    axis = layer['axis']
    given = () if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = sorted(a % dimensions for a in given) or list(range(dimensions))
    if layer['exclude']:
        axes = [a for a in range(dimensions) if a not in axes]
    return axes


def concat(layer, build):
    """Along one axis."""
    return build.add('Concat', build.inputs_of(layer), layer.name, axis=layer['dim'])


def stack(layer, build):
    """Along a new axis."""
    axis = layer['axis'] or 0
    axes = build.integers([axis], f'{layer.name}_axis')
    parts = [build.add('Unsqueeze', [x, axes], f'{layer.name}_part') for x in build.inputs_of(layer)]
    return build.add('Concat', parts, layer.name, axis=axis)


def flatten(layer, build):
    """All values of an example in a row."""
    return build.add('Flatten', build.inputs_of(layer), layer.name, axis=1)


def reshape(layer, build):
    """To the shape that MXNet infers, in which the size that follows the batch is left open."""
    layer.ignore('shape', 'reverse', 'axis', 'target_shape', 'keep_highest')
    shape = build.integers(build.shapes.target((layer.node, 0), layer), f'{layer.name}_shape')
    return build.add('Reshape', [build.value(layer.node.inputs[0]), shape], layer.name)


def transpose(layer, build):
    """The axes in another order; reversed if none is given."""
    dimensions = len(build.shapes.of(layer.node.inputs[0]))
    axes = [a % dimensions for a in layer['axes']] or list(range(dimensions))[::-1]
    return build.add('Transpose', build.inputs_of(layer), layer.name, perm=axes)


def swap_axes(layer, build):
    """Two axes exchanged."""
    axes = list(range(len(build.shapes.of(layer.node.inputs[0]))))
    a, b = layer['dim1'] or 0, layer['dim2'] or 0
    axes[a], axes[b] = axes[b], axes[a]
    return build.add('Transpose', build.inputs_of(layer), layer.name, perm=axes)


def slice_axis(layer, build):
    """A piece of one axis."""
    return _slice(layer, build, [layer['begin']], [layer['end']], [layer['axis']], [1])


def slice_all(layer, build):
    """A piece of each axis, in steps."""
    begin, end, step = (layer[name] or () for name in ('begin', 'end', 'step'))
    if not isinstance(begin, tuple):
        begin, end, step = (begin,), (end,), (step,) if step != () else ()
    step = [1 if s is None else s for s in step] or [1] * len(begin)
    return _slice(layer, build, begin, end, range(len(begin)), step)


def _slice(layer, build, begin, end, axes, step):
    last = [_LAST if s > 0 else -_LAST for s in step]
    bounds = {'begin': [(0 if s > 0 else _LAST) if b is None else b for b, s in zip(begin, step)],
              'end': [far if e is None else e for e, far in zip(end, last)], 'axes': axes, 'step': step}
    inputs = [build.integers(values, f'{layer.name}_{name}') for name, values in bounds.items()]
    return build.add('Slice', [*build.inputs_of(layer), *inputs], layer.name)


def split(layer, build):
    """Into equal parts along an axis, which may go where its size is 1 then."""
    axis, count = layer['axis'], layer['num_outputs']
    parts = build.add('Split', build.inputs_of(layer), layer.name, outputs=count, axis=axis)
    parts = [parts] if count == 1 else parts
    if not layer['squeeze_axis']:
        return parts
    axes = build.integers([axis], f'{layer.name}_axis')
    return [build.add('Squeeze', [part, axes], f'{layer.name}_squeezed') for part in parts]


def expand_dims(layer, build):
    """A new axis of size 1."""
    axes = build.integers([layer['axis']], f'{layer.name}_axis')
    return build.add('Unsqueeze', [*build.inputs_of(layer), axes], layer.name)


def pad(layer, build):
    """With a number, with the values at the edge, or reflected."""
    mode = layer.one_of('mode', {'constant': 'constant', 'edge': 'edge', 'reflect': 'reflect'})
    width, fill = layer['pad_width'], layer['constant_value']
    pads = build.integers([*width[::2], *width[1::2]], f'{layer.name}_pads')
    inputs = [*build.inputs_of(layer), pads]
    if mode == 'constant':
        inputs.append(build.number(fill, f'{layer.name}_fill'))
    return build.add('Pad', inputs, layer.name, mode=mode)


def up_sampling(layer, build):
    """Each pixel several times."""
    layer.one_of('sample_type', {'nearest': None})
    if len(layer.node.inputs) > 1:
        raise layer.refused(f"has {len(layer.node.inputs)} inputs; known is one")
    scales = build.constant(np.array([1, 1, layer['scale'], layer['scale']], np.float32), f'{layer.name}_scales')
    return build.add('Resize', [*build.inputs_of(layer), '', scales], layer.name, mode='nearest',
                     coordinate_transformation_mode='asymmetric', nearest_mode='floor')


def dot(layer, build):
    """A matrix product; of each example in ``batch_dot``."""
    dimensions = 3 if layer.op == 'batch_dot' else 2
    operands = build.inputs_of(layer)
    for i, name in enumerate(('transpose_a', 'transpose_b')):
        if len(build.shapes.of(layer.node.inputs[i])) != dimensions:
            raise layer.refused(f"has an input of shape {build.shapes.of(layer.node.inputs[i])}; known are "
                                f"{dimensions} axes")
        if layer[name]:
            axes = [0, 2, 1] if dimensions == 3 else [1, 0]
            operands[i] = build.add('Transpose', [operands[i]], f'{layer.name}_{name}', perm=axes)
    return build.add('MatMul', operands, layer.name)


_BINARY = {'add': 'Add', 'sub': 'Sub', 'mul': 'Mul', 'div': 'Div', 'power': 'Pow', 'maximum': 'Max', 'minimum': 'Min'}
_SCALAR = {'plus': 'Add', 'minus': 'Sub', 'mul': 'Mul', 'div': 'Div', 'power': 'Pow', 'maximum': 'Max',
           'minimum': 'Min'}
_UNARY = {'relu': 'Relu', 'sigmoid': 'Sigmoid', 'tanh': 'Tanh', 'softsign': 'Softsign', 'exp': 'Exp', 'log': 'Log',
          'sqrt': 'Sqrt', 'abs': 'Abs', 'negative': 'Neg', 'reciprocal': 'Reciprocal', 'erf': 'Erf', 'floor': 'Floor',
          'ceil': 'Ceil', 'sin': 'Sin', 'cos': 'Cos', 'LogisticRegressionOutput': 'Sigmoid', 'add_n': 'Sum'}

OPERATORS = {
    **{f'{group}_{name}': plain(operator) for name, operator in _BINARY.items() for group in ('broadcast', 'elemwise')},
    **{f'_{name}': plain(operator) for name, operator in _BINARY.items()},
    **{name: plain(operator) for name, operator in _UNARY.items()},
    **{f'_{name}_scalar': with_scalar(operator) for name, operator in _SCALAR.items()},
    **{f'_r{name}_scalar': with_scalar(_SCALAR[name], reverse=True) for name in ('minus', 'div', 'power')},
    **dict.fromkeys(('Dropout', '_copy', 'identity', 'BlockGrad', 'make_loss', 'LinearRegressionOutput'), same),
    **dict.fromkeys(('Reshape', 'reshape', 'squeeze'), reshape),
    **dict.fromkeys(('Flatten', 'flatten'), flatten),
    'Activation': activation, 'LeakyReLU': leaky_relu, 'softmax': softmax, 'log_softmax': log_softmax,
    'hard_sigmoid': hard_sigmoid, 'square': square, 'rsqrt': rsqrt, 'clip': clip, 'Cast': cast,
    'mean': reduced('ReduceMean'), 'sum': reduced('ReduceSum'), 'max': reduced('ReduceMax'),
    'min': reduced('ReduceMin'), 'Concat': concat, 'stack': stack, 'transpose': transpose, 'SwapAxis': swap_axes,
    'slice_axis': slice_axis, 'slice': slice_all, 'SliceChannel': split, 'expand_dims': expand_dims, 'Pad': pad,
    'UpSampling': up_sampling, 'dot': dot, 'batch_dot': dot,
}
