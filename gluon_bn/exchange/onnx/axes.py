"""Operators along axes, as ONNX has them: sums, shapes, pieces, products."""
import numpy as np

_LAST = np.iinfo(np.int64).max


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


OPERATORS = {
    'mean': reduced('ReduceMean'), 'sum': reduced('ReduceSum'), 'max': reduced('ReduceMax'),
    'min': reduced('ReduceMin'), 'Concat': concat, 'Flatten': flatten, 'Pad': pad, 'Reshape': reshape,
    'SliceChannel': split, 'UpSampling': up_sampling, 'batch_dot': dot, 'dot': dot, 'expand_dims': expand_dims,
    'slice': slice_all, 'slice_axis': slice_axis, 'squeeze': reshape, 'stack': stack, 'swapaxes': swap_axes,
    'transpose': transpose,
}
