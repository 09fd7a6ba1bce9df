"""Attributes of operators as values: ``'(3, 3)'``, ``'True'``, with what MXNet takes where one is missing."""
import ast
import re

_REQUIRED = object()
_LONGEST = 10_000  # characters of an attribute; the longest that networks have are shapes
_TRUE, _FALSE = ('True', 'true', '1'), ('False', 'false', '0')

_WINDOW = {'kernel': _REQUIRED, 'stride': (), 'dilate': (), 'pad': (), 'num_group': 1, 'layout': None}
_CONVOLUTION = {**_WINDOW, 'num_filter': _REQUIRED, 'no_bias': False}
# Operator -> attribute -> MXNet's default. An attribute that is not here is None where it is missing.
DEFAULTS = {
    'Activation': {'act_type': _REQUIRED},
    'BatchNorm': {'eps': 1e-3, 'momentum': 0.9, 'fix_gamma': True, 'use_global_stats': False, 'output_mean_var': False,
                  'axis': 1},
    'Cast': {'dtype': _REQUIRED},
    'Concat': {'dim': 1, 'num_args': _REQUIRED},
    'Convolution': _CONVOLUTION,
    'Deconvolution': {**_CONVOLUTION, 'adj': (), 'target_shape': (), 'no_bias': True},
    'Dropout': {'p': 0.5, 'mode': 'training', 'axes': ()},
    'Embedding': {'input_dim': _REQUIRED, 'output_dim': _REQUIRED, 'dtype': 'float32', 'sparse_grad': False},
    'FullyConnected': {'num_hidden': _REQUIRED, 'no_bias': False, 'flatten': True},
    'GroupNorm': {'num_groups': 1, 'eps': 1e-5},
    'InstanceNorm': {'eps': 1e-3},
    'L2Normalization': {'eps': 1e-10, 'mode': 'instance'},
    'LRN': {'alpha': 1e-4, 'beta': 0.75, 'knorm': 2.0, 'nsize': _REQUIRED},
    'LayerNorm': {'axis': -1, 'eps': 1e-5, 'output_mean_var': False},
    'LeakyReLU': {'act_type': 'leaky', 'slope': 0.25, 'lower_bound': 0.125, 'upper_bound': 0.334},
    'Pad': {'mode': _REQUIRED, 'pad_width': _REQUIRED, 'constant_value': 0.0},
    'Pooling': {'kernel': (), 'pool_type': 'max', 'global_pool': False, 'pooling_convention': 'valid', 'stride': (),
                'pad': (), 'count_include_pad': True, 'p_value': None, 'layout': None},
    'Reshape': {'shape': (), 'reverse': False},
    'SliceChannel': {'num_outputs': _REQUIRED, 'axis': 1, 'squeeze_axis': False},
    'SoftmaxActivation': {'mode': 'instance'},
    'SoftmaxOutput': {'multi_output': False, 'preserve_shape': False},
    'UpSampling': {'scale': _REQUIRED, 'sample_type': _REQUIRED, 'num_args': 1},
    'clip': {'a_min': _REQUIRED, 'a_max': _REQUIRED},
    'dot': {'transpose_a': False, 'transpose_b': False},
    'expand_dims': {'axis': _REQUIRED},
    'hard_sigmoid': {'alpha': 0.2, 'beta': 0.5},
    'log_softmax': {'axis': -1, 'temperature': None},
    'max': {'axis': None, 'keepdims': False, 'exclude': False},
    'mean': {'axis': None, 'keepdims': False, 'exclude': False},
    'min': {'axis': None, 'keepdims': False, 'exclude': False},
    'slice_axis': {'axis': _REQUIRED, 'begin': _REQUIRED, 'end': _REQUIRED},
    'softmax': {'axis': -1, 'temperature': None},
    'sum': {'axis': None, 'keepdims': False, 'exclude': False},
    'transpose': {'axes': ()},
}
_ONE_A_DIMENSION = {'stride': 1, 'dilate': 1, 'pad': 0, 'adj': 0}  # of a window, where the attribute is missing


def attribute(node, name):
    """The value of the attribute ``name`` of ``node``: a number, a bool, a tuple, None or a string.

    Where the attribute is missing it is MXNet's default; strides, dilations and pads have a number for each dimension
    of the kernel. ``ValueError`` for one that must be there and is not, or that cannot be what it should.

    >>> from gluon_bn.exchange.graph import Node
    >>> attribute(Node('Convolution', 'conv0', {'kernel': '(3, 3)'}), 'stride')
    (1, 1)
    >>> attribute(Node('BatchNorm', 'bn0', {'eps': '2e-05'}), 'fix_gamma')
    True
    """
    default = DEFAULTS.get(node.op, {}).get(name)
    text = node.attrs.get(name)
    if text is None and default is _REQUIRED:
        raise ValueError(f"{node.name} ({node.op}) has no attribute {name}, which it needs.")
    value = default if text is None else parsed(text)
    if isinstance(default, bool):
        if text in _TRUE or text in _FALSE or text is None:
            return default if text is None else text in _TRUE
        if text != 'None':
            raise ValueError(f"{node.name} ({node.op}) has {name}={text!r}; expected True or False.")
        return default
    if isinstance(default, tuple) or name == 'kernel':
        return _for_each_dimension(node, name, value)
    if (isinstance(default, (int, float)) or name.startswith('num_')) and not isinstance(value, (int, float)):
        raise ValueError(f"{node.name} ({node.op}) has {name}={text!r}; expected a number.")
    return value


def _for_each_dimension(node, name, value):
    values = () if value is None else value if isinstance(value, tuple) else (value,)
    if not all(isinstance(one, int) or one is None for one in values):
        raise ValueError(f"{node.name} ({node.op}) has {name}={node.attrs[name]!r}; expected whole numbers, such as "
                         "(3, 3).")
    if not values and name in _ONE_A_DIMENSION and 'kernel' in node.attrs:
        return (_ONE_A_DIMENSION[name],) * len(attribute(node, 'kernel'))
    return values


def parsed(text):
    """What the text of an attribute says; the text itself if it is no number, bool, None or tuple of them.

    >>> parsed('(2L, 2L)'), parsed('[1,2]'), parsed('1e-05'), parsed('inf'), parsed('relu')
    ((2, 2), (1, 2), 1e-05, inf, 'relu')
    """
    if len(text) > _LONGEST:
        return text
    try:
        value = ast.literal_eval(re.sub(r'(?<=\d)L\b', '', text.strip()))  # Python 2 wrote its long integers so
        return tuple(value) if isinstance(value, list) else value
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        pass
    try:
        return float(text)
    except ValueError:
        return text
