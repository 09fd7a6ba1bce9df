"""Formulation of the main job as in notebooks: means over three axes, broadcasting, a transform for each sample.

The yardstick of scripts/compare_with_notebook.py, not a model to follow: it computes the same network, with the same
initial scale, learning rate and batch size, one epoch and both accuracies.
"""
import numpy as np

from ..._mxnet import autograd, mx, nd
from ...data import load
from ...support.command_line import Parser, main_of, whole_number
from ...training import MovingLoss

MEANS, VARIANCES = {}, {}


def batch_norm(X, gamma, beta, name, is_training, eps=1e-5, momentum=0.9):
    """Batch norm of ``(m, D)`` or ``(m, C, H, W)``, statistics in two global dictionaries."""
    axes, shape = ((0,), (1, -1)) if X.ndim == 2 else ((0, 2, 3), (1, -1, 1, 1))
    if is_training:
        mean = nd.mean(X, axis=axes)
        variance = nd.mean((X - mean.reshape(shape)) ** 2, axis=axes)
        for kept, new in ((MEANS, mean.detach()), (VARIANCES, variance.detach())):
            kept[name] = momentum * kept[name] + (1 - momentum) * new if name in kept else new
    else:
        mean, variance = MEANS[name], VARIANCES[name]
    X_hat = (X - mean.reshape(shape)) * 1.0 / nd.sqrt(variance.reshape(shape) + eps)
    return gamma.reshape(shape) * X_hat + beta.reshape(shape)


def net(p, X, is_training):
    """LeNet with the parameters ``p``."""
    h1 = nd.Convolution(data=X, weight=p['W1'], bias=p['b1'], kernel=(3, 3), num_filter=20)
    h1 = nd.maximum(batch_norm(h1, p['gamma1'], p['beta1'], 'bn1', is_training), 0)
    h1 = nd.Pooling(data=h1, pool_type='avg', kernel=(2, 2), stride=(2, 2))
    h2 = nd.Convolution(data=h1, weight=p['W2'], bias=p['b2'], kernel=(5, 5), num_filter=50)
    h2 = nd.maximum(batch_norm(h2, p['gamma2'], p['beta2'], 'bn2', is_training), 0)
    h2 = nd.flatten(nd.Pooling(data=h2, pool_type='avg', kernel=(2, 2), stride=(2, 2)))
    h3 = nd.maximum(batch_norm(nd.dot(h2, p['W3']) + p['b3'], p['gamma3'], p['beta3'], 'bn3', is_training), 0)
    return nd.dot(h3, p['W4']) + p['b4']


def parameters(scale=0.01):
    """All parameters, drawn as the notebook draws them."""
    p = {}
    for i, shape, units in (('1', (20, 1, 3, 3), 20), ('2', (50, 20, 5, 5), 50), ('3', (800, 128), 128),
                            ('4', (128, 10), 10)):
        p['W' + i] = nd.random.normal(shape=shape, scale=scale)
        p['b' + i] = nd.random.normal(shape=units, scale=scale)
        p['gamma' + i] = nd.random.normal(loc=1, shape=units, scale=scale)
        p['beta' + i] = nd.random.normal(shape=units, scale=scale)
    del p['gamma4'], p['beta4']
    for param in p.values():
        param.attach_grad()
    return p


def batches(train, limit, shuffle):
    """A DataLoader that transforms sample by sample."""
    def transform(image, label):
        return nd.transpose(image.astype(np.float32), (2, 0, 1)) / 255, np.float32(label)

    images, labels = load('mnist', train)
    images = nd.array(images[:limit].transpose(0, 2, 3, 1), dtype=np.uint8)
    dataset = mx.gluon.data.ArrayDataset(images, labels[:limit])
    return mx.gluon.data.DataLoader(dataset.transform(transform, lazy=True), 64, shuffle=shuffle)


def evaluate_accuracy(p, data):
    """The accuracy in test mode, waiting for every batch."""
    numerator = denominator = 0.
    for X, label in data:
        predictions = nd.argmax(net(p, X, is_training=False), axis=1)
        numerator += nd.sum(predictions == label).asscalar()
        denominator += X.shape[0]
    return numerator / denominator


def step(p, data, label, lr=0.001):
    """One step of SGD; returns the mean loss, which may still be computed."""
    with autograd.record():
        loss = -nd.nansum(nd.one_hot(label, 10) * nd.log_softmax(net(p, data, True)), axis=0, exclude=True)
    loss.backward()
    for param in p.values():
        param[:] = param - lr * param.grad
    return nd.mean(loss)


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--limit', type=whole_number, metavar='N', help="use the first N images of each set (default: all)")
    return p


def train(limit=None):
    """One epoch on the first ``limit`` images and both accuracies; returns 0."""
    mx.random.seed(0)
    p = parameters()
    train_data = batches(True, limit, shuffle=True)
    moving_loss = MovingLoss()
    for X, label in train_data:
        moving_loss.read(step(p, X, label).asscalar())
    print(f"Epoch 0. Loss: {moving_loss.average:.4f}, Train_acc {evaluate_accuracy(p, train_data):.4f}, "
          f"Test_acc {evaluate_accuracy(p, batches(False, limit, shuffle=False)):.4f}")
    return 0


main = main_of(parser, lambda options: train(options.limit))
