"""PyTorch modules with a ``forward`` of their own as Gluon blocks: torch.fx says what they compute."""
import operator

import torch
from torch import fx, nn
from torch.nn import functional

from ..._mxnet import mx
from ..layer import NotConvertible
from .blocks import BLOCKS, block_of, give, refuse_hooks, refuse_tied


def _flattened(start_dim=0, end_dim=-1):
    """The layer of ``torch.flatten``, which has another default than ``nn.Flatten``."""
    return nn.Flatten(start_dim, end_dim)


_MODULE_OF = {  # a function -> the layer that does the same, with the same settings in the same order
    functional.relu: nn.ReLU, torch.relu: nn.ReLU, torch.relu_: nn.ReLU, functional.relu6: nn.ReLU6,
    functional.hardtanh: nn.Hardtanh, functional.leaky_relu: nn.LeakyReLU, functional.elu: nn.ELU,
    functional.selu: nn.SELU, functional.gelu: nn.GELU, functional.silu: nn.SiLU, functional.softsign: nn.Softsign,
    functional.softplus: nn.Softplus, torch.sigmoid: nn.Sigmoid, functional.sigmoid: nn.Sigmoid,
    torch.tanh: nn.Tanh, functional.tanh: nn.Tanh, functional.avg_pool1d: nn.AvgPool1d,
    functional.avg_pool2d: nn.AvgPool2d, functional.avg_pool3d: nn.AvgPool3d,
    functional.adaptive_avg_pool1d: nn.AdaptiveAvgPool1d, functional.adaptive_avg_pool2d: nn.AdaptiveAvgPool2d,
    functional.adaptive_avg_pool3d: nn.AdaptiveAvgPool3d, torch.flatten: _flattened, 'flatten': _flattened,
    'relu': nn.ReLU, 'relu_': nn.ReLU, 'sigmoid': nn.Sigmoid, 'tanh': nn.Tanh,
    torch.softmax: nn.Softmax, 'softmax': nn.Softmax, torch.log_softmax: nn.LogSoftmax, 'log_softmax': nn.LogSoftmax,
}
_MAX_POOLS = {functional.max_pool1d: nn.MaxPool1d, functional.max_pool2d: nn.MaxPool2d,
              functional.max_pool3d: nn.MaxPool3d}
_SOFT = {functional.softmax: nn.Softmax, functional.log_softmax: nn.LogSoftmax}
_BINARY = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add, 'add', 'add_'), ('broadcast_add', operator.add)),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub, 'sub', 'sub_'), ('broadcast_sub', operator.sub)),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, 'mul', 'mul_'), ('broadcast_mul', operator.mul)),
    **dict.fromkeys((operator.truediv, torch.div, 'div', 'div_'), ('broadcast_div', operator.truediv)),
}
_BATCH = object()  # the size of the first axis


class Tracer(fx.Tracer):
    """A tracer that stops at the layers of the table."""

    def is_leaf_module(self, m, module_qualified_name):
        """Whether the module is one step."""
        return type(m) in BLOCKS


class TracedNet(mx.gluon.HybridBlock):
    """A Gluon network that does what a traced module of PyTorch did, step by step.

    Its layers are children under the names that they had: ``layer1.0.conv1.weight`` in PyTorch is
    ``layer1.0.conv1.weight`` in ``save_parameters``, and a batch norm's weight and bias are gamma and beta.
    """

    def __init__(self, module, ctx):
        super().__init__()
        refuse_hooks(module, '')
        refuse_tied(module)
        try:
            graph = Tracer().trace(module)
        except Exception as error:  # forward is the user's, and may do anything with what it gets
            raise NotConvertible(f"the forward of {type(module).__name__} cannot be traced by torch.fx "
                                 f"({type(error).__name__}: {str(error).splitlines()[0]}); expected one without "
                                 "decisions that depend on its input.") from error
        self._module_name, self._graph_nodes, self._paths = type(module).__name__, list(graph.nodes), {}
        for node in self._graph_nodes:
            if node.op == 'call_module':
                if len(node.args) != 1 or node.kwargs:
                    raise _refused(node, "is called with more than its input")
                self._place(node.target, module, ctx)
                self._paths[node] = node.target
            elif node.op in ('call_function', 'call_method'):
                as_layer = _as_layer(node)
                if as_layer is not None:
                    self._paths[node] = f'step_{node.name}'
                    self.register_child(block_of(as_layer, node.name, ctx), self._paths[node])
                else:
                    _check_known(node)
            elif node.op == 'get_attr':
                self._parameter(node, module, ctx)
        inputs = [node for node in self._graph_nodes if node.op == 'placeholder']
        self(*(mx.sym.var(f'data{i}') for i in range(len(inputs))))  # what is not known is refused now, not later

    def _place(self, path, module, ctx):
        """Make the block of a submodule, as a child in containers of the same names."""
        parent, parts = self, path.split('.')
        for part in parts[:-1]:
            if part not in parent._children:
                parent.register_child(mx.gluon.nn.HybridSequential(), part)
            parent = parent._children[part]
        if parts[-1] not in parent._children:  # else the same layer is called again
            parent.register_child(block_of(module.get_submodule(path), path, ctx), parts[-1])

    def _block(self, path):
        """The child of that name."""
        block = self
        for part in path.split('.'):
            block = block._children[part]
        return block

    def _parameter(self, node, module, ctx):
        parent, _, name = node.target.rpartition('.')
        tensor = getattr(module.get_submodule(parent), name)
        if not isinstance(tensor, torch.Tensor):
            raise NotConvertible(f"{node.target} of {type(module).__name__} is no tensor; this cannot be converted.")
        param = self.params.get(node.target.replace('.', '_'), shape=tuple(tensor.shape) or (1,))
        param.initialize(ctx=ctx)
        give(param, tensor, node.target)
        if not isinstance(tensor, nn.Parameter):
            param.grad_req = 'null'
        self._reg_params[node.name] = param

    def hybrid_forward(self, F, *inputs, **params):
        """What the module computed, with Gluon's operators."""
        values, inputs = {}, iter(inputs)
        for node in self._graph_nodes:
            arguments = fx.node.map_arg(node.args, values.__getitem__)
            if node.op == 'placeholder':
                values[node] = next(inputs)
            elif node.op == 'get_attr':
                values[node] = params[node.name]
            elif node in self._paths:
                values[node] = self._block(self._paths[node])(arguments[0])
            elif node.op == 'output':
                outputs = arguments[0]
                return list(outputs) if isinstance(outputs, (tuple, list)) else outputs
            else:
                values[node] = _computed(F, node, arguments, fx.node.map_arg(node.kwargs, values.__getitem__))
        return None

    def __repr__(self):
        return f'{type(self).__name__}({self._module_name}: {", ".join(self._children)})'


def _as_layer(node):
    """A layer of PyTorch that does what a function with these settings does; None if there is none."""
    settings, named = node.args[1:], {name: value for name, value in node.kwargs.items() if name != 'inplace'}
    try:
        if node.target in _MODULE_OF:
            return _MODULE_OF[node.target](*settings, **named)
        if node.target in _SOFT and named.pop('_stacklevel', 3) and named.pop('dtype', None) is None:
            return _SOFT[node.target](*settings[:1], **named)
        if node.target in _MAX_POOLS:
            names = ('kernel_size', 'stride', 'padding', 'dilation', 'ceil_mode', 'return_indices')
            return _MAX_POOLS[node.target](**dict(zip(names, settings)), **named)
        if node.target is functional.dropout:
            p = settings[0] if settings else named.get('p', 0.5)
            return nn.Dropout(p) if named.get('training', settings[1] if len(settings) > 1 else True) else nn.Identity()
    except TypeError as error:
        raise _refused(node, f"is called with settings that are not known here ({error})") from None
    return None


def _refused(node, why):
    target = node.target if isinstance(node.target, str) else getattr(node.target, '__name__', node.target)
    return NotConvertible(f"the operation {target} (step {node.name!r} of the module) {why}: this cannot be converted.")


_OTHERS = {torch.cat: 'cat', torch.concat: 'cat', 'mean': 'mean', torch.mean: 'mean', 'view': 'reshape',
           'reshape': 'reshape', torch.reshape: 'reshape', 'size': 'size', getattr: 'getattr',
           operator.getitem: 'getitem', torch.clamp: 'clamp', 'clamp': 'clamp', 'permute': 'permute',
           torch.permute: 'permute', torch.transpose: 'transpose', 'transpose': 'transpose', torch.chunk: 'chunk',
           'chunk': 'chunk', torch.unsqueeze: 'unsqueeze', 'unsqueeze': 'unsqueeze', operator.neg: 'neg',
           torch.exp: 'exp', 'exp': 'exp', 'contiguous': 'same', 'detach': 'detach'}


def _check_known(node):
    if node.target not in _BINARY and node.target not in _OTHERS:
        raise _refused(node, "is not known here")
    allowed = {'cat': {'dim', 'axis'}, 'mean': {'dim', 'keepdim'}, 'clamp': {'min', 'max'}, 'chunk': {'dim'},
               'unsqueeze': {'dim'}}.get(_OTHERS.get(node.target), set())
    unknown = set(node.kwargs) - allowed - {'inplace'}
    if unknown:
        raise _refused(node, f"is called with {sorted(unknown)[0]}, which is not known here")
    if _OTHERS.get(node.target) == 'getattr' and node.args[1] != 'shape':
        raise _refused(node, f"reads {node.args[1]}")


def _computed(F, node, arguments, named):
    """The value of a step that is no layer."""
    if node.target in _BINARY:
        name, plain = _BINARY[node.target]
        a, b = arguments
        tensors = [isinstance(argument, fx.Node) for argument in node.args]
        return getattr(F, name)(a, b) if all(tensors) else plain(a, b)
    x, *settings = arguments
    return _DO[_OTHERS[node.target]](F, node, x, settings, named)


def _cat(F, node, x, settings, named):
    return F.concat(*x, dim=settings[0] if settings else named.get('dim', named.get('axis', 0)))


def _mean(F, node, x, settings, named):
    axes = settings[0] if settings else named.get('dim')
    keepdims = settings[1] if len(settings) > 1 else named.get('keepdim', False)
    return F.mean(x, **({} if axes is None else {'axis': axes}), keepdims=keepdims)


def _reshape(F, node, x, settings, named):
    sizes = list(settings[0]) if len(settings) == 1 and isinstance(settings[0], (tuple, list)) else settings
    if any(size is _BATCH for size in sizes[1:]) or any(size == 0 for size in sizes if size is not _BATCH):
        raise _refused(node, "makes a shape in which the size of the batch is not the first")
    return F.reshape(x, shape=tuple(0 if size is _BATCH else size for size in sizes))


def _size(F, node, x, settings, named):
    if settings != [0]:
        raise _refused(node, "asks for a size other than that of the batch")
    return _BATCH


def _getitem(F, node, x, settings, named):
    if isinstance(x, str) and settings == [0]:
        return _BATCH
    parts = node.args[0]
    if _OTHERS.get(parts.target) != 'chunk' or not isinstance(settings[0], int):
        raise _refused(node, f"takes the piece {settings[0]}")
    return x[settings[0] % len(x)]


def _clamp(F, node, x, settings, named):
    low = settings[0] if settings else named.get('min')
    high = settings[1] if len(settings) > 1 else named.get('max')
    return F.clip(x, -float('inf') if low is None else low, float('inf') if high is None else high)


def _transpose(F, node, x, settings, named):
    return F.swapaxes(x, *settings)


def _permute(F, node, x, settings, named):
    axes = settings[0] if isinstance(settings[0], (tuple, list)) else settings
    return F.transpose(x, axes=tuple(axis % len(axes) for axis in axes))


def _chunk(F, node, x, settings, named):
    parts = F.split(x, num_outputs=settings[0], axis=settings[1] if len(settings) > 1 else named.get('dim', 0))
    return parts if settings[0] > 1 else [parts]


_DO = {'cat': _cat, 'mean': _mean, 'reshape': _reshape, 'size': _size, 'getitem': _getitem, 'clamp': _clamp,
       'permute': _permute, 'transpose': _transpose, 'chunk': _chunk,
       'getattr': lambda F, node, x, settings, named: 'shape',
       'unsqueeze': lambda F, node, x, settings, named: F.expand_dims(x, axis=settings[0] if settings else
                                                                      named['dim']),
       'neg': lambda F, node, x, settings, named: F.negative(x), 'exp': lambda F, node, x, settings, named: F.exp(x),
       'same': lambda F, node, x, settings, named: F.identity(x),
       'detach': lambda F, node, x, settings, named: F.BlockGrad(x)}
