"""PyTorch's layers as Gluon's: a table of types, each a converter of a module to a block and the arrays for it."""
import torch
from torch import nn

from ..._mxnet import mx
from ..layer import NotConvertible
from .layers import BatchNorm, InstanceNorm

gluon = mx.gluon.nn


def refused(module, path, why):
    """The exception for a module: ``why`` goes on after its type and its place."""
    place = f" at {path!r}" if path else ''
    return NotConvertible(f"{type(module).__name__}{place} {why}: this cannot be converted.")


def _only(module, path, **expected):
    """Refuse a module one of whose settings is not as expected."""
    for name, value in expected.items():
        if getattr(module, name, value) != value:
            raise refused(module, path, f"has {name}={getattr(module, name)}; known is {value}")


def _affine(module, weight='weight', bias='bias'):
    arrays = {weight: module.weight}
    if module.bias is not None:
        arrays[bias] = module.bias
    return arrays


def _convolution(module, path):
    _only(module, path, padding_mode='zeros')
    padding = module.padding
    if padding == 'valid':
        padding = (0,) * len(module.kernel_size)
    elif padding == 'same':
        wide = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size)]
        if any(w % 2 for w in wide):
            raise refused(module, path, "has padding='same' and an even kernel")
        padding = tuple(w // 2 for w in wide)
    kind = {1: gluon.Conv1D, 2: gluon.Conv2D, 3: gluon.Conv3D}[len(module.kernel_size)]
    return kind(module.out_channels, module.kernel_size, module.stride, padding, module.dilation, module.groups,
                use_bias=module.bias is not None, in_channels=module.in_channels), _affine(module)


def _transposed(module, path):
    _only(module, path, padding_mode='zeros')
    kind = {1: gluon.Conv1DTranspose, 2: gluon.Conv2DTranspose, 3: gluon.Conv3DTranspose}[len(module.kernel_size)]
    return kind(module.out_channels, module.kernel_size, module.stride, module.padding, module.output_padding,
                module.dilation, module.groups, use_bias=module.bias is not None,
                in_channels=module.in_channels), _affine(module)


def _linear(module, path):
    return gluon.Dense(module.out_features, flatten=False, use_bias=module.bias is not None,
                       in_units=module.in_features), _affine(module)


def _batch_norm(module, path):
    if module.running_mean is None:
        raise refused(module, path, "has track_running_stats=False: it keeps no statistics for the test")
    if module.momentum is None:
        raise refused(module, path, "has momentum=None, the mean over all batches; set a number first")
    arrays = {'running_mean': module.running_mean, 'running_var': module.running_var}
    if module.affine:
        arrays.update(_affine(module, 'gamma', 'beta'))
    block = gluon.BatchNorm(momentum=round(1 - module.momentum, 12), epsilon=module.eps, scale=module.affine,
                            center=module.affine, use_global_stats=getattr(module, 'always_stored', False),
                            in_channels=module.num_features)
    return block, arrays


def _layer_norm(module, path):
    if len(module.normalized_shape) != 1:
        raise refused(module, path, f"has normalized_shape={tuple(module.normalized_shape)}; known is one axis")
    affine = module.weight is not None
    block = gluon.LayerNorm(epsilon=module.eps, scale=affine, center=affine and module.bias is not None,
                            in_channels=module.normalized_shape[0])
    return block, _affine(module, 'gamma', 'beta') if affine else {}


def _instance_norm(module, path):
    _only(module, path, track_running_stats=False)
    block = gluon.InstanceNorm(epsilon=module.eps, scale=module.affine, center=module.affine,
                               in_channels=module.num_features)
    return block, _affine(module, 'gamma', 'beta') if module.affine else {}


def _embedding(module, path):
    _only(module, path, max_norm=None, padding_idx=None)
    return gluon.Embedding(module.num_embeddings, module.embedding_dim), {'weight': module.weight}


def _pool(module, path):
    _only(module, path, dilation=1, return_indices=False, divisor_override=None)
    maximum, dimensions = 'Max' in type(module).__name__, int(type(module).__name__[-2])

    def each(value):
        return tuple(value) if isinstance(value, (tuple, list)) else (value,) * dimensions

    kernel, padding = each(module.kernel_size), each(module.padding)
    stride = each(module.stride if module.stride is not None else kernel)
    if module.ceil_mode and any(p + s > k for k, s, p in zip(kernel, stride, padding)):
        raise refused(module, path, "has ceil_mode and strides with which a window may lie in the pad altogether")
    kind = getattr(gluon, f"{'Max' if maximum else 'Avg'}Pool{dimensions}D")
    more = {} if maximum else {'count_include_pad': module.count_include_pad}
    return kind(kernel, stride, padding, ceil_mode=module.ceil_mode, **more), {}


def _adaptive_pool(module, path):
    size = module.output_size
    if any(n != 1 for n in (size if isinstance(size, (tuple, list)) else [size])):
        raise refused(module, path, f"has output_size={size}; known is 1")
    kind = 'Max' if 'Max' in type(module).__name__ else 'Avg'
    return getattr(gluon, f'Global{kind}Pool{type(module).__name__[-2]}D')(), {}


def _prelu(module, path):
    return gluon.PReLU(in_channels=module.num_parameters), {'alpha': module.weight}


def _flatten(module, path):
    _only(module, path, start_dim=1, end_dim=-1)
    return gluon.Flatten(), {}


def _gelu(module, path):
    _only(module, path, approximate='none')
    return gluon.GELU(), {}


def _softplus(module, path):
    _only(module, path, beta=1)
    return gluon.Activation('softrelu'), {}


def _softmax(module, path):
    axis, name = module.dim, 'softmax' if isinstance(module, nn.Softmax) else 'log_softmax'
    if axis is None:
        raise refused(module, path, "has dim=None, and decides by its input; set a number first")
    return gluon.HybridLambda(lambda F, x: getattr(F, name)(x, axis=axis)), {}


def _simple(make):
    return lambda module, path: (make(module), {})


def _clip(low, high):
    return gluon.HybridLambda(lambda F, x: F.clip(x, low, high))


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
BLOCKS = {
    **dict.fromkeys(_CONVOLUTIONS, _convolution), **dict.fromkeys(_TRANSPOSED, _transposed),
    nn.Linear: _linear, nn.Embedding: _embedding, nn.LayerNorm: _layer_norm,
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, BatchNorm), _batch_norm),
    **dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, InstanceNorm), _instance_norm),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), _pool),
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool1d,
                     nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d), _adaptive_pool),
    nn.PReLU: _prelu, nn.Flatten: _flatten, nn.GELU: _gelu, nn.Softplus: _softplus,
    nn.ReLU: _simple(lambda module: gluon.Activation('relu')),
    nn.Sigmoid: _simple(lambda module: gluon.Activation('sigmoid')),
    nn.Tanh: _simple(lambda module: gluon.Activation('tanh')),
    nn.Softsign: _simple(lambda module: gluon.Activation('softsign')),
    nn.LeakyReLU: _simple(lambda module: gluon.LeakyReLU(module.negative_slope)),
    nn.ELU: _simple(lambda module: gluon.ELU(module.alpha)), nn.SELU: _simple(lambda module: gluon.SELU()),
    nn.SiLU: _simple(lambda module: gluon.Swish()),
    nn.ReLU6: _simple(lambda module: _clip(0, 6)),
    nn.Hardtanh: _simple(lambda module: _clip(module.min_val, module.max_val)),
    nn.Identity: _simple(lambda module: gluon.HybridLambda(lambda F, x: F.identity(x))),
    nn.Dropout: _simple(lambda module: gluon.Dropout(module.p)),
    nn.Dropout2d: _simple(lambda module: gluon.Dropout(module.p, axes=(2, 3))),
    nn.Softmax: _softmax, nn.LogSoftmax: _softmax,
}


def refuse_hooks(module, path):
    """Refuse a module with functions of the user's around its ``forward``, which nobody can carry over."""
    if module._forward_hooks or module._forward_pre_hooks or hasattr(module, 'parametrizations'):
        raise refused(module, path, "has hooks or a parametrization, which may change what it computes")


def refuse_tied(module):
    """Refuse a module in which two layers train the same parameter: their blocks would train one each."""
    first = {}
    for layer_path, layer in module.named_modules():
        for name, param in layer.named_parameters(layer_path, recurse=False):
            other = first.setdefault(id(param), name)
            if other != name and param.requires_grad:
                raise NotConvertible(f"{name} and {other} of {type(module).__name__} are one parameter, and would be "
                                     "two here, each trained for itself: set requires_grad to False, or make a copy.")


def block_of(module, path, ctx):
    """The Gluon block of one layer of PyTorch, with its values on ``ctx``."""
    if type(module) not in BLOCKS:
        raise refused(module, path, "is not known here")
    refuse_hooks(module, path)
    block, arrays = BLOCKS[type(module)](module, path)
    block.initialize(ctx=ctx)
    for name, tensor in arrays.items():
        give(getattr(block, name), tensor, f'{path}.{name}'.lstrip('.'))
    return block


def give(param, tensor, name):
    """The values of a tensor, and whether they are trained, to a parameter; ``name`` is for what is refused."""
    if tensor.is_meta or (tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64)):
        what = 'has no values' if tensor.is_meta else f'is of {tensor.dtype}'
        raise NotConvertible(f"{name} {what}; expected float32 or float64: load the values, and call module.float().")
    array = tensor.detach().cpu().numpy()
    array = array.reshape(array.shape or (1,))  # MXNet has no arrays without axes
    param.shape = array.shape
    param.cast(array.dtype)
    param.set_data(mx.nd.array(array, dtype=array.dtype))
    if isinstance(tensor, torch.nn.Parameter) and not tensor.requires_grad:
        param.grad_req = 'null'
