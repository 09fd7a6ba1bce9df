"""Batch norm of each library, called in the same form: a function of NumPy arrays for training, one for testing."""
from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Callable, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from typing import Any


class Step(NamedTuple):
    """What a step of training gives: output, gradients, and the statistics that are stored afterwards."""

    y: np.ndarray
    dx: np.ndarray | None  # None, and the next two, where the library gives no gradients
    dgamma: np.ndarray | None
    dbeta: np.ndarray | None
    mean: np.ndarray
    var: np.ndarray


class Way(NamedTuple):
    """A batch norm.

    ``train(x, gamma, beta, dy, stored, **settings)`` gives a :class:`Step`; ``stored`` is ``(mean, var)``, or None for
    a layer that has just been made; ``settings`` are ``momentum`` and ``eps``, in the library's own meaning, and what
    is left out is its default. ``test(x, gamma, beta, stored, eps)`` gives the output with stored statistics.
    """

    name: str
    train: Callable[..., Step]
    test: Callable[..., np.ndarray]


def ways() -> list[Way]:
    """All that are installed."""
    found = [Way('gluon_bn.batch_norm', _functional, _functional_test), _blocks_of('gluon_bn.nn.BatchNorm', _our_block),
             Way('gluon_bn.reference', _reference, _reference_test),
             _blocks_of('MXNet gluon.nn.BatchNorm', _gluons_block),
             Way('MXNet nd.BatchNorm', _operator, _operator_test), Way('PyTorch BatchNorm1d, 2d', _torch, _torch_test),
             Way('Flax linen.BatchNorm', _flax, _flax_test), Way("Keras's formulas", _keras, _keras_test),
             Way('ONNX reference', _onnx, _onnx_test)]
    needs = {'gluon_bn.nn.BatchNorm': 'gluon_bn.nn', 'PyTorch BatchNorm1d, 2d': 'torch', 'Flax linen.BatchNorm': 'flax',
             'ONNX reference': 'onnx'}
    return [way for way in found if way.name not in needs or importlib.util.find_spec(needs[way.name])]


def _with_epsilon(settings):
    """The settings as a library that says epsilon calls them."""
    return {'epsilon' if name == 'eps' else name: value for name, value in settings.items()}


# ---- here ------------------------------------------------------------------------------------------------------------

def _functional(x, gamma, beta, dy, stored, **settings):
    from ... import batch_norm
    from ..._mxnet import autograd, nd
    x, gamma, beta = (nd.array(value, dtype='float32') for value in (x, gamma, beta))
    means, variances = ({} if stored is None else {'bn': nd.array(value)} for value in stored or (None, None))
    for value in (x, gamma, beta):
        value.attach_grad()
    with autograd.record():
        y = batch_norm(x, gamma, beta, means, variances, layer_name='bn', **settings)
    y.backward(nd.array(dy))
    return Step(*(value.asnumpy() for value in (y, x.grad, gamma.grad, beta.grad, means['bn'], variances['bn'])))


def _functional_test(x, gamma, beta, stored, eps):
    from ... import batch_norm
    from ..._mxnet import nd
    mean, var = map(nd.array, stored)
    return batch_norm(nd.array(x), nd.array(gamma), nd.array(beta), {'bn': mean}, {'bn': var}, eps=eps, layer_name='bn',
                      is_training=False).asnumpy()


def _reference(x, gamma, beta, dy, stored, **settings):
    from ... import reference
    forward, backward = ((reference.spatial_batchnorm_forward, reference.spatial_batchnorm_backward) if x.ndim == 4 else
                         (reference.batchnorm_forward, reference.batchnorm_backward_alt))
    param = {'mode': 'train', **settings}
    if stored is not None:
        param.update(running_mean=stored[0], running_var=stored[1])
    y, cache = forward(x, gamma, beta, param)
    return Step(y, *backward(dy, cache), param['running_mean'], param['running_var'])


def _reference_test(x, gamma, beta, stored, eps):
    from ... import reference
    forward = reference.spatial_batchnorm_forward if x.ndim == 4 else reference.batchnorm_forward
    return forward(x, gamma, beta, {'mode': 'test', 'running_mean': stored[0], 'running_var': stored[1], 'eps': eps})[0]


# ---- MXNet -----------------------------------------------------------------------------------------------------------

def _our_block(**settings):
    from ... import nn
    return nn.BatchNorm(**settings)


def _gluons_block(**settings):
    from ..._mxnet import mx
    return mx.gluon.nn.BatchNorm(**settings)


def _blocks_of(name, make):
    """The way of a Gluon block that ``make(momentum, epsilon, in_channels)`` makes."""
    def block_with(gamma, beta, stored, settings):
        from ..._mxnet import nd
        block = make(in_channels=len(gamma), **_with_epsilon(settings))
        block.initialize()
        block.gamma.set_data(nd.array(gamma))
        block.beta.set_data(nd.array(beta))
        if stored is not None:
            block.running_mean.set_data(nd.array(stored[0]))
            block.running_var.set_data(nd.array(stored[1]))
        return block

    def train(x, gamma, beta, dy, stored, **settings):
        from ..._mxnet import autograd, nd
        block, x = block_with(gamma, beta, stored, settings), nd.array(x)
        x.attach_grad()
        with autograd.record():
            y = block(x)
        y.backward(nd.array(dy))
        return Step(*(value.asnumpy() for value in (y, x.grad, block.gamma.grad(), block.beta.grad(),
                                                    block.running_mean.data(), block.running_var.data())))

    def test(x, gamma, beta, stored, eps):
        from ..._mxnet import nd
        return block_with(gamma, beta, stored, {'eps': eps})(nd.array(x)).asnumpy()

    return Way(name, train, test)


def _operator(x, gamma, beta, dy, stored, **settings):
    from ..._mxnet import autograd, nd
    x, gamma, beta = map(nd.array, (x, gamma, beta))
    if stored is None:  # the caller's own; these are what Module begins with
        stored = np.zeros(gamma.shape), np.ones(gamma.shape)
    mean, var = map(nd.array, stored)
    for value in (x, gamma, beta):
        value.attach_grad()
    with autograd.record():
        y = nd.BatchNorm(x, gamma, beta, mean, var, fix_gamma=False, **settings)
    y.backward(nd.array(dy))
    return Step(*(value.asnumpy() for value in (y, x.grad, gamma.grad, beta.grad, mean, var)))


def _operator_test(x, gamma, beta, stored, eps):
    from ..._mxnet import nd
    return nd.BatchNorm(*map(nd.array, (x, gamma, beta, *stored)), fix_gamma=False, eps=eps).asnumpy()


# ---- elsewhere -------------------------------------------------------------------------------------------------------

def _torch_layer(gamma, beta, stored, ndim, settings):
    import torch
    layer = {2: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}[ndim](len(gamma), **settings)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(gamma))
        layer.bias.copy_(torch.tensor(beta))
        if stored is not None:
            layer.running_mean.copy_(torch.tensor(stored[0]))
            layer.running_var.copy_(torch.tensor(stored[1]))
    return layer


def _torch(x, gamma, beta, dy, stored, **settings):
    import torch
    layer, x = _torch_layer(gamma, beta, stored, x.ndim, settings), torch.tensor(x, requires_grad=True)
    y = layer(x)
    y.backward(torch.tensor(dy))
    return Step(*(value.detach().numpy() for value in (y, x.grad, layer.weight.grad, layer.bias.grad,
                                                       layer.running_mean, layer.running_var)))


def _torch_test(x, gamma, beta, stored, eps):
    import torch
    return _torch_layer(gamma, beta, stored, x.ndim, {'eps': eps}).eval()(torch.tensor(x)).detach().numpy()


def _flax(x, gamma, beta, dy, stored, **settings):
    import jax
    from flax import linen
    layer = linen.BatchNorm(use_running_average=False, **_with_epsilon(settings))
    first = layer.init(jax.random.PRNGKey(0), _channels_last(x))['batch_stats']
    stored = first if stored is None else {'mean': stored[0], 'var': stored[1]}

    def forward(x, gamma, beta):
        variables = {'params': {'scale': gamma, 'bias': beta}, 'batch_stats': stored}
        return layer.apply(variables, x, mutable=['batch_stats'])

    y, backward, after = jax.vjp(forward, _channels_last(x), gamma, beta, has_aux=True)
    dx, dgamma, dbeta = backward(_channels_last(dy))
    found = (_channels_first(y), _channels_first(dx), dgamma, dbeta, after['batch_stats']['mean'],
             after['batch_stats']['var'])
    return Step(*map(np.asarray, found))


def _flax_test(x, gamma, beta, stored, eps):
    from flax import linen
    layer = linen.BatchNorm(use_running_average=True, epsilon=eps)
    variables = {'params': {'scale': gamma, 'bias': beta}, 'batch_stats': {'mean': stored[0], 'var': stored[1]}}
    return _channels_first(np.asarray(layer.apply(variables, _channels_last(x))))


def _channels_last(x):
    return np.moveaxis(x, 1, -1)


def _channels_first(x):
    return np.moveaxis(np.asarray(x), -1, 1)


def _keras(x, gamma, beta, dy, stored, momentum=0.99, eps=1e-3):
    """The page of ``keras.layers.BatchNormalization``, whose defaults these are, written out."""
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    mean, var = x.mean(axis=axes), x.var(axis=axes)
    old_mean, old_var = (np.zeros_like(mean), np.ones_like(var)) if stored is None else stored
    return Step(_keras_test(x, gamma, beta, (mean, var), eps), None, None, None,
                old_mean * momentum + mean * (1 - momentum), old_var * momentum + var * (1 - momentum))


def _keras_test(x, gamma, beta, stored, eps):
    gamma, beta, mean, var = (value.reshape(-1, *[1] * (x.ndim - 2)) for value in (gamma, beta, *stored))
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


def _onnx(x, gamma, beta, dy, stored, **settings):
    if stored is None:  # inputs of the operator: the caller's own
        stored = np.zeros_like(gamma), np.ones_like(gamma)
    y, mean, var = _onnx_run((x, gamma, beta, *stored), 3, training_mode=1, settings=settings)
    return Step(y, None, None, None, mean, var)


def _onnx_test(x, gamma, beta, stored, eps):
    return _onnx_run((x, gamma, beta, *stored), 1, settings={'eps': eps})[0]


def _onnx_run(arrays: tuple, outputs: int, settings: dict[str, Any], **attributes: Any) -> list[np.ndarray]:
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator
    names = [f'input{i}' for i in range(len(arrays))], [f'output{i}' for i in range(outputs)]
    inputs, results = ([helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in some]
                       for some in names)
    node = helper.make_node('BatchNormalization', *names, **_with_epsilon(settings), **attributes)
    model = helper.make_model(helper.make_graph([node], 'bn', inputs, results),
                              opset_imports=[helper.make_opsetid('', 15)])
    return ReferenceEvaluator(model).run(None, dict(zip(names[0], arrays)))
