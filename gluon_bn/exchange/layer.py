"""Layer of a graph as a converter reads it: every attribute that it does not know is refused, none is passed over."""
from .attributes import attribute

# Attributes that say how MXNet computes and trains, not what the outputs of a trained network are.
_NO_MATTER = {'workspace', 'cudnn_tune', 'cudnn_off', 'num_args', 'min_calib_range', 'max_calib_range', 'sparse_grad',
              'grad_scale', 'ignore_label', 'use_ignore', 'normalization', 'out_grad', 'smooth_alpha', 'valid_thresh',
              'num_filter', 'num_hidden', 'input_dim', 'output_dim', 'ndev', 'key', 'forward_stype', 'ctx', 'is_int',
              'is_ascend', 'multi_input_mode'}


class NotConvertible(ValueError):
    """A network has something that the other side cannot express; the message names the operator and the layer."""


class Layer:
    """A node: its attributes by name, and what is wrong with it in a sentence.

    >>> layer = Layer(Node('Pooling', 'pool0', {'pool_type': 'avg', 'odd': '3'}))
    >>> layer['pool_type'], layer['global_pool']
    ('avg', False)
    >>> layer.unread
    ['odd']
    """

    def __init__(self, node):
        self.node, self.op, self.name = node, node.op, node.name
        self._read = set()

    def __getitem__(self, name):
        self._read.add(name)
        return attribute(self.node, name)

    def ignore(self, *names):
        """These attributes do not change the result here."""
        self._read.update(names)

    @property
    def unread(self):
        """The attributes that nobody has asked for, and that may matter."""
        return sorted(name for name in self.node.attrs
                      if name not in self._read | _NO_MATTER and not name.startswith('__'))

    def check_all_read(self):
        """Refuse the node if it has attributes that the converter has not read."""
        if self.unread:
            name = self.unread[0]
            raise self.refused(f"has {name}={self.node.attrs[name]}, an attribute that is not known here")

    def refused(self, why):
        """The exception to raise: ``why`` goes on after the operator and the layer's name."""
        return NotConvertible(f"the operator {self.op} of layer {self.name!r} {why}: this cannot be converted.")

    def one_of(self, name, known):
        """The attribute ``name`` translated by the dict ``known``; others are refused."""
        value = self[name]
        if value not in known:
            raise self.refused(f"has {name}={value}; known are {', '.join(map(str, known))}")
        return known[value]

    def channels_first(self):
        """Refuse a layout whose channels are not on axis 1."""
        self.one_of('layout', dict.fromkeys((None, 'None', 'NCW', 'NCHW', 'NCDHW')))


def end_pad(size, kernel, stride, pad, convention):
    """The pad after a pooled axis of ``size`` values; None where a window would lie in the pad altogether.

    ``'valid'`` has it as before the axis. ``'full'`` rounds the number of windows up, and the last may reach further.

    >>> end_pad(6, 3, 2, 0, 'valid'), end_pad(6, 3, 2, 0, 'full'), end_pad(3, 2, 2, 1, 'full')
    (0, 1, None)
    """
    if convention == 'full':
        windows = -(-(size + 2 * pad - kernel) // stride) + 1
        pad = max(pad, (windows - 1) * stride + kernel - size - pad)
    return pad if pad < kernel else None
