"""The contestants on MXNet. A contestant has a ``name`` and three methods:

``layer(shape)``    two functions without arguments: forward, and forward and backward, of batch norm alone
``network()``       an object with ``batches(images, labels, batch_size)``, which gives pairs for ``step(data, label)``,
                    and ``correct(images, labels)``; images are uint8, labels integers
``wait()``          until all that was started is done
"""
import numpy as np

from ... import LeNet, batch_norm, evaluate_accuracy, train_step
from ..._mxnet import autograd, mx, nd
from ...data import batches

LEARNING_RATE = 0.001


class OnMXNet:
    """What contestants on MXNet have in common; a subclass has ``apply(X, gamma, beta)`` and ``network()``."""

    def wait(self):
        """Wait for the engine."""
        nd.waitall()

    def layer(self, shape):
        """Forward, and forward and backward, of batch norm on random numbers."""
        X, dY = nd.random.normal(shape=shape), nd.random.normal(shape=shape)
        gamma, beta = nd.ones(shape[1]), nd.zeros(shape[1])
        for array in (X, gamma, beta):
            array.attach_grad()
        apply = self.prepare(shape[1])

        def forward():
            with autograd.record():
                return apply(X, gamma, beta)

        return forward, lambda: forward().backward(dY)


class GluonBN(OnMXNet):
    """This package, with one of its formulations."""

    def __init__(self, impl):
        self.impl, self.name = impl, f'gluon_bn {impl}'

    def prepare(self, channels):
        """The layer as a function of X, gamma and beta."""
        means, vars_ = {}, {}
        return lambda X, gamma, beta: batch_norm(X, gamma, beta, means, vars_, layer_name='bn', impl=self.impl)

    def network(self):
        """LeNet by hand."""
        return _Network(LeNet(mx.cpu(), impl=self.impl), lambda net, data, label: train_step(net, data, label,
                                                                                             LEARNING_RATE))


class Notebook(OnMXNet):
    """The notebook's formulation: ``module`` is ``scripts/notebook_formulation.py``."""

    name = 'notebook'

    def __init__(self, module):
        self.module = module

    def prepare(self, channels):
        """The layer as a function of X, gamma and beta."""
        return lambda X, gamma, beta: self.module.batch_norm(X, gamma, beta, f'layer {channels}', True)

    def network(self):
        """The notebook's LeNet and its update."""
        p, module = self.module.parameters(), self.module

        def step(net, data, label):
            with autograd.record():
                loss = -nd.nansum(nd.one_hot(label, 10) * nd.log_softmax(net(data, True)), axis=0, exclude=True)
            loss.backward()
            for param in p.values():
                param[:] = param - LEARNING_RATE * param.grad
            return nd.mean(loss)

        module.MEANS.clear()
        module.VARIANCES.clear()
        return _Network(lambda data, is_training: module.net(p, data, is_training), step)


class Gluon(OnMXNet):
    """Gluon's built-in layers, one call after the other or hybridized."""

    def __init__(self, hybrid):
        self.hybrid, self.name = hybrid, 'Gluon hybridized' if hybrid else 'Gluon'

    def prepare(self, channels):
        """``nd.BatchNorm``, the fused operator."""
        mean, var = nd.zeros(channels), nd.ones(channels)
        return lambda X, gamma, beta: nd.BatchNorm(X, gamma, beta, mean, var, eps=1e-5, momentum=0.9, fix_gamma=False)

    def network(self):
        """The same LeNet of Gluon's blocks, with its Trainer."""
        nn = mx.gluon.nn
        net = nn.HybridSequential()
        for channels, kernel in ((20, 3), (50, 5)):
            net.add(nn.Conv2D(channels, kernel), nn.BatchNorm(), nn.Activation('relu'), nn.AvgPool2D(2, 2))
        net.add(nn.Flatten(), nn.Dense(128), nn.BatchNorm(), nn.Activation('relu'), nn.Dense(10))
        net.initialize(mx.init.Normal(0.01))
        loss_of = mx.gluon.loss.SoftmaxCrossEntropyLoss()
        if self.hybrid:
            net.hybridize(static_alloc=True, static_shape=True)
            loss_of.hybridize()
        trainer = mx.gluon.Trainer(net.collect_params(), 'sgd', {'learning_rate': LEARNING_RATE})

        def step(_, data, label):
            with autograd.record():
                loss = loss_of(net(data), label)
            loss.backward()
            trainer.step(1)
            return nd.mean(loss)

        return _Network(lambda data, is_training: net(data), step)


class _Network:
    def __init__(self, net, step):
        self._net, self._step = net, step

    def batches(self, images, labels, batch_size):
        """Batches of the images in their order."""
        return batches(images, labels, batch_size, ctx=mx.cpu())

    def step(self, data, label):
        """One step of SGD on one batch; returns the mean loss, which may still be computed."""
        return self._step(self._net, data, label)

    def correct(self, images, labels):
        """How many of the images are recognised, in batches of 256."""
        return round(evaluate_accuracy(batches(images, labels, 256, ctx=mx.cpu()), self._net) * len(images))


def installed(notebook_module, names=None):
    """The contestants of these names, or all; those whose library is not installed are left out, and not imported."""
    makers = {'notebook': lambda: Notebook(notebook_module),
              'gluon_bn plain': lambda: GluonBN('plain'), 'gluon_bn fast': lambda: GluonBN('fast'),
              'Gluon': lambda: Gluon(False), 'Gluon hybridized': lambda: Gluon(True),
              'PyTorch eager': lambda: _torch(False), 'PyTorch compiled': lambda: _torch(True), 'JAX jitted': _jax}
    found = []
    for name in makers if names is None else names:
        try:
            found.append(makers[name]())
        except ImportError:
            continue
        except KeyError:
            raise ValueError(f"there is no contestant {name}; expected one of: {', '.join(makers)}.") from None
    return found


def _torch(compiled):
    from .torch_peer import Torch
    return Torch(compiled)


def _jax():
    from .jax_peer import Jax
    return Jax()


def as_float(images):
    """uint8 images as float32 from 0 to 1."""
    return images.astype(np.float32) / np.float32(255)
