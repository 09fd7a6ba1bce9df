"""Operators on values one by one, as ONNX has them: a function for each operator of MXNet."""
import math

_ACTIVATIONS = {'relu': 'Relu', 'sigmoid': 'Sigmoid', 'tanh': 'Tanh', 'softrelu': 'Softplus', 'softsign': 'Softsign'}


def same(layer, build):
    """What has no effect on a trained network: dropout, or an identity."""
    if layer.op == 'Dropout' and layer['mode'] != 'training':
        raise layer.refused(f"has mode={layer['mode']}: it drops values at any time")
    layer.ignore('p', 'axes')
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


_BINARY = {'add': 'Add', 'sub': 'Sub', 'mul': 'Mul', 'div': 'Div', 'power': 'Pow', 'maximum': 'Max', 'minimum': 'Min'}
_SCALAR = {'plus': 'Add', 'minus': 'Sub', 'mul': 'Mul', 'div': 'Div', 'power': 'Pow', 'maximum': 'Max',
           'minimum': 'Min'}
_UNARY = {'relu': 'Relu', 'sigmoid': 'Sigmoid', 'tanh': 'Tanh', 'softsign': 'Softsign', 'exp': 'Exp', 'log': 'Log',
          'sqrt': 'Sqrt', 'abs': 'Abs', 'negative': 'Neg', 'reciprocal': 'Reciprocal', 'erf': 'Erf', 'floor': 'Floor',
          'ceil': 'Ceil', 'sin': 'Sin', 'cos': 'Cos', 'add_n': 'Sum'}

OPERATORS = {
    **{f'{group}_{name}': plain(operator) for name, operator in _BINARY.items() for group in ('broadcast', 'elemwise')},
    **{f'_{name}': plain(_BINARY[name]) for name in ('power', 'maximum', 'minimum')},
    **{name: plain(operator) for name, operator in _UNARY.items()},
    **{f'_{name}_scalar': with_scalar(operator) for name, operator in _SCALAR.items()},
    **{f'_r{name}_scalar': with_scalar(_SCALAR[name], reverse=True) for name in ('minus', 'div', 'power')},
    **dict.fromkeys(('Dropout', 'identity', 'BlockGrad', 'make_loss'), same),
    'Activation': activation, 'LeakyReLU': leaky_relu, 'softmax': softmax, 'log_softmax': log_softmax,
    'hard_sigmoid': hard_sigmoid, 'square': square, 'rsqrt': rsqrt, 'clip': clip, 'Cast': cast,
}
