"""Layers with parameters, and pooling, as ONNX has them: a function for each operator of MXNet."""
import numpy as np

from ..layer import end_pad
from .elementwise import softmax


def convolution(layer, build):
    """Also of one and three dimensions, in groups, dilated, without bias."""
    layer.channels_first()
    return _with_window(layer, build, 'Conv')


def deconvolution(layer, build):
    """The transposed convolution; ``adj`` adds rows at the end."""
    layer.channels_first()
    if any(layer['target_shape']):
        raise layer.refused(f"has target_shape={layer['target_shape']}; known is adj")
    return _with_window(layer, build, 'ConvTranspose', output_padding=layer['adj'])


def _with_window(layer, build, operator, **more):
    layer.ignore('no_bias')  # there are two inputs then
    return build.add(operator, build.inputs_of(layer), layer.name, kernel_shape=layer['kernel'],
                     strides=layer['stride'], dilations=layer['dilate'], pads=layer['pad'] * 2,
                     group=layer['num_group'], **more)


def fully_connected(layer, build):
    """``x W^T + b``, on the flattened examples or along the last axis."""
    layer.ignore('no_bias')
    x, weight, *bias = build.inputs_of(layer)
    flatten, dimensions = layer['flatten'], len(build.shapes.of(layer.node.inputs[0]))
    if flatten or dimensions == 2:
        if dimensions > 2:
            x = build.add('Flatten', [x], f'{layer.name}_flat', axis=1)
        return build.add('Gemm', [x, weight, *bias], layer.name, transB=1)
    weight = build.add('Transpose', [weight], f'{layer.name}_transposed', perm=(1, 0))
    product = build.add('MatMul', [x, weight], f'{layer.name}_product' if bias else layer.name)
    return build.add('Add', [product, *bias], layer.name) if bias else product


def batch_norm(layer, build):
    """With the stored statistics: ``use_global_stats`` and ``momentum`` make no difference then.

    With ``fix_gamma`` MXNet takes 1 for gamma, whatever values the parameter has; so does the ONNX graph.
    """
    layer.ignore('momentum', 'use_global_stats', 'output_mean_var')
    x, gamma, beta, mean, var = build.inputs_of(layer)
    eps, axis, dimensions = layer['eps'], layer['axis'], len(build.shapes.of(layer.node.inputs[0]))
    if layer['fix_gamma']:
        gamma = build.constant(np.ones(build.shapes.of(layer.node.inputs[1]), np.float32), f'{layer.name}_gamma')
    axis %= dimensions
    if axis == 1:
        return build.add('BatchNormalization', [x, gamma, beta, mean, var], layer.name, epsilon=eps)
    to_front = [0, axis, *(i for i in range(1, dimensions) if i != axis)]
    if axis == 0:
        raise layer.refused("has axis=0, the axis of the batch")
    front = build.add('Transpose', [x], f'{layer.name}_channels_first', perm=to_front)
    normalised = build.add('BatchNormalization', [front, gamma, beta, mean, var], f'{layer.name}_normalised',
                           epsilon=eps)
    return build.add('Transpose', [normalised], layer.name, perm=np.argsort(to_front).tolist())


def layer_norm(layer, build):
    """Over the last axis."""
    if layer['axis'] not in (-1, len(build.shapes.of(layer.node.inputs[0])) - 1):
        raise layer.refused(f"has axis={layer['axis']}; known is the last axis")
    layer.ignore('output_mean_var')
    return build.add('LayerNormalization', build.inputs_of(layer), layer.name, axis=-1, epsilon=layer['eps'])


def instance_norm(layer, build):
    """Each channel of each example by itself."""
    return build.add('InstanceNormalization', build.inputs_of(layer), layer.name, epsilon=layer['eps'])


def lrn(layer, build):
    """Local response normalisation across channels."""
    if layer['nsize'] % 2 == 0:
        raise layer.refused(f"has nsize={layer['nsize']}; known are odd sizes")
    return build.add('LRN', build.inputs_of(layer), layer.name, alpha=layer['alpha'], beta=layer['beta'],
                     bias=layer['knorm'], size=layer['nsize'])


def l2_normalization(layer, build):
    """Divided by the root of the sum of squares over all values of an example, over channels, or over pixels."""
    x, = build.inputs_of(layer)
    dimensions = len(build.shapes.of(layer.node.inputs[0]))
    axes = layer.one_of('mode', {'instance': range(1, dimensions), 'channel': [1], 'spatial': range(2, dimensions)})
    squares = build.add('Mul', [x, x], f'{layer.name}_squares')
    total = build.add('ReduceSum', [squares, build.integers(axes, f'{layer.name}_axes')], f'{layer.name}_sum',
                      keepdims=1)
    shifted = build.add('Add', [total, build.number(layer['eps'], f'{layer.name}_eps')], f'{layer.name}_shifted')
    return build.add('Div', [x, build.add('Sqrt', [shifted], f'{layer.name}_norm')], layer.name)


def pooling(layer, build):
    """Maxima or means of windows, or of whole channels.

    ``pooling_convention='full'`` may let the last window reach beyond the pad. Runtimes have not agreed on what
    ``ceil_mode`` divides a mean by then, so the pad at the end is written out.
    """
    layer.channels_first()
    kind = layer.one_of('pool_type', {'max': 'Max', 'avg': 'Average'})
    x, = build.inputs_of(layer)
    if layer['global_pool']:
        layer.ignore('kernel', 'stride', 'pad', 'pooling_convention', 'count_include_pad', 'p_value')
        return build.add(f'Global{kind}Pool', [x], layer.name)
    layer.one_of('pooling_convention', dict.fromkeys(('valid', 'full')))
    layer.ignore('p_value')
    sizes = build.shapes.of(layer.node.inputs[0])[2:]
    kernel, stride, begin = layer['kernel'], layer['stride'], layer['pad']
    end = [end_pad(*each, layer['pooling_convention']) for each in zip(sizes, kernel, stride, begin)]
    if None in end:
        raise layer.refused("has a window that lies in the pad altogether")
    pads, more = [*begin, *end], {}
    if kind == 'Average' and not layer['count_include_pad']:
        more = {'count_include_pad': 0}
    elif kind == 'Average' and any(pads):
        if tuple(end) == begin:
            more = {'count_include_pad': 1}
        else:  # the pad counts, what is beyond it does not
            x = build.add('Pad', [x, build.integers([0, 0, *begin] * 2, f'{layer.name}_pads')], f'{layer.name}_padded')
            pads = [0] * len(begin) + [b - a for a, b in zip(begin, end)]
    else:
        layer.ignore('count_include_pad')
    return build.add(f'{kind}Pool', [x], layer.name, kernel_shape=kernel, strides=stride, pads=pads, **more)


def embedding(layer, build):
    """Rows of the weight; a number out of range takes the first or the last row, as in MXNet."""
    layer.one_of('dtype', {'float32': None})
    indices, weight = build.inputs_of(layer)
    rows = build.shapes.of(layer.node.inputs[1])[0]
    indices = build.add('Clip', [indices, build.number(0, f'{layer.name}_first'),
                                 build.number(rows - 1, f'{layer.name}_last')], f'{layer.name}_in_range')
    indices = build.add('Cast', [indices], f'{layer.name}_rows', to=build.type_of('int64'))
    return build.add('Gather', [weight, indices], layer.name, axis=0)


def softmax_activation(layer, build):
    """Over the classes, or over the channels."""
    dimensions = len(build.shapes.of(layer.node.inputs[0]))
    if layer['mode'] == 'instance' and dimensions > 2:
        raise layer.refused(f"has mode=instance and an input of {dimensions} axes; known are two")
    return softmax(layer, build, axis=1)


OPERATORS = {
    'BatchNorm': batch_norm, 'Convolution': convolution, 'Deconvolution': deconvolution, 'Embedding': embedding,
    'FullyConnected': fully_connected, 'InstanceNorm': instance_norm, 'L2Normalization': l2_normalization, 'LRN': lrn,
    'LayerNorm': layer_norm, 'Pooling': pooling, 'SoftmaxActivation': softmax_activation,
}
