"""This package's networks by hand: what a module must remember of one, and the network made again of its arrays."""
import numpy as np

from ..._mxnet import nd
from ...lenet import LeNet
from ...reference.fully_connected import FullyConnectedNet
from ...reference.mlp import MLP
from ...sigmoid_mlp import SigmoidMLP

_SETTINGS = {  # class -> attributes that its constructor takes; beside these it needs the sizes
    LeNet: ('num_fc', 'num_outputs', 'batch_norm', 'momentum', 'eps', 'impl'),
    SigmoidMLP: ('batch_norm', 'momentum', 'eps', 'impl'),
    FullyConnectedNet: ('reg', 'normalization'),
    MLP: (),
}


def settings(net):
    """What the network is: ``(class, arguments of its constructor)``."""
    kind = next(kind for kind in _SETTINGS if isinstance(net, kind))
    given = {name: getattr(net, name) for name in _SETTINGS[kind]}
    if kind is SigmoidMLP:
        given.update(num_inputs=net.sizes[0], hidden=net.sizes[1:-1], num_outputs=net.sizes[-1])
    elif kind is not LeNet:
        weights = [net.params[f'W{i}'] for i in range(1, net.num_layers + 1)]
        dims = [weights[0].shape[0], *(W.shape[1] for W in weights)]
        given['dtype'] = np.dtype(net.dtype).name
        if kind is MLP:
            given.update(layer_sizes=dims, momentum=net.bn_params[0].get('momentum', 0.9),
                         eps=net.bn_params[0].get('eps', 1e-5))
        else:
            given.update(input_dim=dims[0], hidden_dims=dims[1:-1], num_classes=dims[-1],
                         dropout=net.dropout_param['p'])
    return kind, given


def set_mean_over_all_batches(net, module):
    """``momentum=None`` is the mean over all batches, in PyTorch as here; it needs their number."""
    for i, bn_param in enumerate(getattr(net, 'bn_params', ()), 1):
        if bn_param.get('momentum', 0.9) is None:
            layer = module.get_submodule(f'bn{i}')
            layer.momentum = None
            layer.num_batches_tracked.fill_(bn_param['num_batches'])


def network(module, ctx):
    """The network that :func:`settings` described, with the arrays of ``module``."""
    kind, given = module.made_from
    on_device = kind in (LeNet, SigmoidMLP)
    net = kind(**given, **({'ctx': ctx} if on_device else {'seed': 0}))
    arrays = module.to_graph().params
    for name, param in net.params.items():
        letter = name.rstrip('0123456789')
        number = name[len(letter):]
        if letter in ('W', 'b'):
            layer = f'conv{number}' if f'conv{number}_weight' in arrays else f'dense{number}'
            array = arrays[f"{layer}_{'weight' if letter == 'W' else 'bias'}"]
            if letter == 'W' and layer.startswith('dense') and kind is not SigmoidMLP:
                array = array.T
        else:
            array = arrays.get(f'bn{number}_{letter}', arrays.get(f'ln{number}_{letter}'))
        if on_device:
            param[:] = array
        else:
            net.params[name] = np.ascontiguousarray(array)
    _give_statistics(net, arrays, on_device, ctx)
    for i, bn_param in enumerate(getattr(net, 'bn_params', ()), 1):
        if bn_param.get('momentum', 0.9) is None:
            bn_param['num_batches'] = int(module.get_submodule(f'bn{i}').num_batches_tracked)
    return net


def _give_statistics(net, arrays, on_device, ctx):
    for name in list(arrays):
        layer, _, which = name.partition('_moving_')
        if which and on_device:
            statistics = net.bn_ewv_means if which == 'mean' else net.bn_ewv_vars
            statistics[layer] = nd.array(arrays[name], ctx=ctx)
        elif which:
            net.bn_params[int(layer[2:]) - 1][f'running_{which}'] = arrays[name]
