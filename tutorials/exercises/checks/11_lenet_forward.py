"""Checks for 11_lenet_forward."""
from itertools import product

import numpy as np

import gluon_bn as gbn
from gluon_bn._mxnet import mx, nd
from gluon_bn.exercises.expect import Wrong, as_numpy, expect, expect_kind, function

HINTS = {
    'max-pooling': "The pooling takes the maximum, in both places or in one; this network takes the mean: "
                   "pool_type='avg'.",
    'relu-first': "ReLU comes before batch norm, in all three places or in some; here batch norm comes first.",
    'order-ignored': "relu_first=True made no difference, or not in every place: then ReLU comes before batch norm in "
                     "all three.",
    'no-relu': "A ReLU behind a convolution is missing, or all of them; one comes behind each batch norm.",
    'norm-missing': "A batch norm is missing, or all of them; one comes behind both convolutions and the dense layer "
                    "of 128.",
    'pool-first': "The pooling comes before batch norm and ReLU; it comes behind them.",
    'sigmoid': "The activation is another function, such as a sigmoid; this network has ReLU.",
    'sum-pooling': "The pooling adds the four values up; this network takes their mean: pool_type='avg'.",
    'relu-twice': "ReLU stands on both sides of a batch norm; one comes behind it, with relu_first=True before it.",
    'flatten-order': "The values were flattened in another order than W3 expects: nd.flatten of (m, 50, 4, 4).",
    'no-gamma-beta': "gamma, beta or both have no effect: pass params['gamma1'], params['beta1'] and so on.",
    'relu-lost': "With relu_first=True the ReLU is missing, in all three places or in some: it only moves.",
    'eps': "The eps is another one; leave out that argument.",
    'log-softmax': "The result is a log-softmax; return the scores before it, the loss does the rest.",
    'images-scaled': "The images were divided or multiplied by a number; they come as the network expects them.",
    'labels': "That is one number for each image; return its 10 scores.",
    'gamma-beta': "gamma and beta have changed places: gbn.batch_norm(X, gamma, beta, ...).",
    'momentum': "The momentum of the averages is another one; leave out that argument, or give 0.9.",
    'exchanged': "bn_ewv_means and bn_ewv_vars have changed places, or a layer has got the averages of another one.",
    'no-bias': "A bias, b1, b2 or b3, is missing; in training batch norm hides that, in test mode it counts.",
    'last-relu': "The ReLU after the dense layer of 128 is missing.",
    'relu-on-scores': "A ReLU stands after the last layer; scores may be negative: leave them as they are.",
    'softmax': "The result is a softmax; return the scores before it, the loss does the rest.",
    'no-last-bias': "The bias b4 of the last layer is missing.",
    'no-dense-norm': "The batch norm after the dense layer of 128 is missing.",
    'mode-lost': "is_training=False has no effect, or not in every batch norm; pass it on to all three.",
    'names': "Each batch norm needs a name of its own: bn1, bn2 and bn3.",
}
NAMES = {'bn1', 'bn2', 'bn3'}
SOME = [''.join(layers) for layers in product(*(('', k) for k in '123'))]  # of the layers: none, one, two or all


def network():
    """A LeNet with random gammas and betas, which has seen a batch."""
    mx.random.seed(5)
    net = gbn.LeNet(mx.cpu(), weight_scale=0.3, impl='plain')
    net(images(2))
    return net


def images(factor=1.):
    return nd.random.normal(0, factor, (8, 1, 28, 28))


def scores(net, X, is_training, pool='avg', relu_first='', no_norm='', no_relu='', last_bias=True, end=None,
           no_bias='', relu=gbn.relu, order='pool last', gamma='gamma', beta='beta', pool_in='12', flatten=nd.flatten,
           twice=False, scale=1, shift=1, training_in='', eps=1e-5):
    """The network with one thing changed; its averages stay as they are. ``relu_first``: the numbers of the layers."""
    p, means, variances = net.params, dict(net.bn_ewv_means), dict(net.bn_ewv_vars)

    def norm_relu(h, k):
        def norm(h):
            g, b = (p[name + k] if used else nd.ones_like(p[name + k]) * unused
                    for name, used, unused in ((gamma, scale, 1), (beta, shift, 0)))
            return gbn.batch_norm(h, g, b, means, variances, eps=eps, layer_name='bn' + k,
                                  is_training=is_training or k in training_in)
        h = relu(h) if twice else h
        if k in relu_first:
            return norm(h if k in no_relu else relu(h))
        h = h if k in no_norm else norm(h)
        return h if k in no_relu else relu(h)
    h = X
    for k, size, filters in (('1', 3, 20), ('2', 5, 50)):
        bias = 0 if k in no_bias else 1
        h = nd.Convolution(h, p['W' + k], p['b' + k] * bias, kernel=(size, size), num_filter=filters)
        h = norm_relu(h, k) if order == 'pool last' else h
        h = nd.Pooling(h, pool_type=pool if k in pool_in else 'avg', kernel=(2, 2), stride=(2, 2))
        h = h if order == 'pool last' else norm_relu(h, k)
    h = norm_relu(nd.dot(flatten(h), p['W3']) + (0 if '3' in no_bias else p['b3']), '3')
    h = nd.dot(h, p['W4']) + (p['b4'] if last_bias else 0)
    return end(h) if end else h


def pooled(net, X, is_training):
    """What other poolings lead to."""
    for pool in ('max', 'sum'):
        yield f'{pool}-pooling', tuple(scores(net, X, is_training, pool=pool, pool_in=layers)
                                       for layers in ('12', '1', '2'))


def run(answer, net, X, **options):
    return function(answer, 'forward')(X, net.params, net.bn_ewv_means, net.bn_ewv_vars, **options)


def mistakes_in_training(net, X):
    """What they lead to, one after the other: together they are 64 passes through the network."""
    for hint, change in {
            'last-relu': {'no_relu': '3'}, 'relu-twice': {'twice': True},
            'flatten-order': {'flatten': lambda h: nd.flatten(h.transpose((0, 2, 3, 1)))},
            'log-softmax': {'end': nd.log_softmax}, 'pool-first': {'order': 'pool first'},
            'gamma-beta': {'gamma': 'beta', 'beta': 'gamma'},
            'relu-on-scores': {'end': gbn.relu}, 'softmax': {'end': gbn.softmax}, 'no-last-bias': {'last_bias': False},
            'no-dense-norm': {'no_norm': '3'}}.items():
        yield hint, scores(net, X, True, **change)
    yield from pooled(net, X, True)
    yield 'sigmoid', tuple(scores(net, X, True, relu=relu) for relu in (
        nd.sigmoid, nd.tanh, nd.softsign, lambda h: nd.Activation(h, act_type='softrelu'),
        *(lambda h, slope=slope: nd.LeakyReLU(h, slope=slope) for slope in (0.01, 0.1, 0.2, 0.25))))
    yield 'no-gamma-beta', tuple(scores(net, X, True, scale=a, shift=b) for a, b in ((0, 0), (0, 1), (1, 0)))
    yield 'images-scaled', tuple(scores(net, X * factor, True) for factor in (1 / 255, 1 / 256, 1 / 2, 2, 255))
    yield 'eps', tuple(scores(net, X, True, eps=eps) for eps in (1e-3, 1e-2, 0.1, 1))
    yield 'relu-first', tuple(scores(net, X, True, relu_first=layers) for layers in SOME if layers)
    for hint, what in (('no-relu', 'no_relu'), ('norm-missing', 'no_norm')):
        yield hint, tuple(scores(net, X, True, **{what: layers}) for layers in SOME if layers not in ('', '3'))


def mistakes_in_test_mode(net, X):
    """What they lead to, one after the other."""
    yield 'no-bias', tuple(scores(net, X, False, no_bias=layers) for layers in ('1', '2', '3', '12', '123'))
    yield 'mode-lost', tuple(scores(net, X, False, training_in=layers) for layers in (
        '123', '1', '2', '3', '12', '13', '23'))
    yield from pooled(net, X, False)


def mistakes_with_relu_first(net, X, is_training):
    """What they lead to, one after the other."""
    yield 'order-ignored', tuple(scores(net, X, is_training, relu_first=layers) for layers in SOME if layers != '123')
    yield 'relu-lost', tuple(scores(net, X, is_training, relu_first='123', no_relu=layers) for layers in SOME if layers)
    yield 'relu-twice', scores(net, X, is_training, twice=True)


def check_scores_in_training(answer):
    """In training the scores (8, 10) are those of gbn.LeNet with the same parameters."""
    net, X = network(), images()
    right = scores(net, X, True)
    got = run(answer, net, X)
    expect_kind(got, right, 'the result')
    if got.shape == (8,):
        raise Wrong('labels', "the result has shape (8,), and should have (8, 10).")
    expect(got, right, lambda: mistakes_in_training(net, X), 'the result', 1e-3)


def check_averages(answer):
    """Training keeps averages for the layers bn1, bn2 and bn3."""
    net, X = network(), images()
    means, variances = {}, {}
    function(answer, 'forward')(X, net.params, means, variances)
    if set(means) != NAMES or set(variances) != NAMES:
        raise Wrong('norm-missing' if set(means) < NAMES else 'names',
                    f"after training there are averages for {', '.join(map(repr, sorted(means))) or 'no layer'}.")


def check_scores_in_test_mode(answer):
    """In test mode the scores are those of gbn.LeNet with the stored averages."""
    net, X = network(), images()
    means, variances = net.bn_ewv_means, net.bn_ewv_vars
    got = function(answer, 'forward')(X, net.params, dict(means), dict(variances), is_training=False)
    if not np.isfinite(as_numpy(got)).all():
        raise Wrong('exchanged', "there is NaN among the scores in test mode.")
    expect(got, scores(net, X, False), lambda: mistakes_in_test_mode(net, X), 'the result in test mode', 1e-3)


def check_average_values(answer):
    """Training folds the statistics of the batch into the averages as gbn.batch_norm does it by default."""
    net, X = network(), images()
    means, variances = dict(net.bn_ewv_means), dict(net.bn_ewv_vars)
    old = dict(means), dict(variances)
    function(answer, 'forward')(X, net.params, means, variances)
    net(X)  # its averages are the right ones now
    for name in sorted(NAMES):
        for what, got, right, other, before in (('mean', means, net.bn_ewv_means, net.bn_ewv_vars, old[0]),
                                                ('variance', variances, net.bn_ewv_vars, net.bn_ewv_means, old[1])):
            expect(got[name], right[name], {'exchanged': other[name], 'momentum': tuple(
                before[name] + c * (right[name] - before[name]) for c in (0, 0.1, 5, 9, 10))},
                   f'the average {what} of {name}', 1e-3)


def check_relu_first(answer):
    """With relu_first=True the activation comes before batch norm, in training and in test mode."""
    net, X = network(), images()
    for is_training in (True, False):
        right = scores(net, X, is_training, relu_first='123')
        means, variances = dict(net.bn_ewv_means), dict(net.bn_ewv_vars)
        got = function(answer, 'forward')(X, net.params, means, variances, is_training=is_training, relu_first=True)
        expect(got, right, lambda mode=is_training: mistakes_with_relu_first(net, X, mode),
               'the result with relu_first=True', 1e-3)
