"""Checks for 11_lenet_forward."""
from itertools import product

import gluon_bn as gbn
from gluon_bn._mxnet import mx, nd
from gluon_bn.exercises.expect import Wrong, expect, function

HINTS = {
    'max-pooling': "The pooling takes the maximum; this network takes the mean: pool_type='avg'.",
    'relu-first': "ReLU comes before batch norm, in all three places or in some; here batch norm comes first.",
    'order-ignored': "relu_first=True made no difference, or not in every place: then ReLU comes before batch norm in all three.",
    'no-relu': "There is no ReLU in the network; it comes behind each batch norm.",
    'last-relu': "The ReLU after the dense layer of 128 is missing.",
    'relu-on-scores': "A ReLU stands after the last layer; scores may be negative: leave them as they are.",
    'softmax': "The result is a softmax; return the scores before it, the loss does the rest.",
    'no-last-bias': "The bias b4 of the last layer is missing.",
    'no-dense-norm': "The batch norm after the dense layer of 128 is missing.",
    'mode-lost': "is_training=False has no effect; pass it on to every batch norm.",
    'names': "Each batch norm needs a name of its own: bn1, bn2 and bn3.",
}


def network():
    """A LeNet with random gammas and betas, which has seen a batch."""
    mx.random.seed(5)
    net = gbn.LeNet(mx.cpu(), weight_scale=0.3, impl='plain')
    net(images(2))
    return net


def images(factor=1.):
    return nd.random.normal(0, factor, (8, 1, 28, 28))


def scores(net, X, is_training, pool='avg', relu_first='', dense=True, no_relu='', last_bias=True, end=None):
    """The network with one thing changed; its averages stay as they are. ``relu_first``: the numbers of the layers."""
    p, means, variances = net.params, dict(net.bn_ewv_means), dict(net.bn_ewv_vars)

    def norm_relu(h, k):
        def norm(h):
            return gbn.batch_norm(h, p['gamma' + k], p['beta' + k], means, variances, layer_name='bn' + k,
                                  is_training=is_training)
        if k in relu_first:
            return norm(gbn.relu(h))
        h = norm(h) if dense or k != '3' else h
        return h if k in no_relu else gbn.relu(h)
    h = X
    for k, size, filters in (('1', 3, 20), ('2', 5, 50)):
        h = norm_relu(nd.Convolution(h, p['W' + k], p['b' + k], kernel=(size, size), num_filter=filters), k)
        h = nd.Pooling(h, pool_type=pool, kernel=(2, 2), stride=(2, 2))
    h = norm_relu(nd.dot(nd.flatten(h), p['W3']) + p['b3'], '3')
    h = nd.dot(h, p['W4']) + (p['b4'] if last_bias else 0)
    return end(h) if end else h


def run(answer, net, X, **options):
    return function(answer, 'forward')(X, net.params, net.bn_ewv_means, net.bn_ewv_vars, **options)


def check_scores_in_training(answer):
    """In training the scores (8, 10) are those of gbn.LeNet with the same parameters."""
    net, X = network(), images()
    wrong = {hint: scores(net, X, True, **change) for hint, change in {
        'max-pooling': {'pool': 'max'}, 'last-relu': {'no_relu': '3'}, 'no-relu': {'no_relu': '123'},
        'relu-on-scores': {'end': gbn.relu}, 'softmax': {'end': gbn.softmax}, 'no-last-bias': {'last_bias': False},
        'no-dense-norm': {'dense': False}}.items()}
    some = [''.join(layers) for layers in product(*(('', k) for k in '123'))]
    wrong['relu-first'] = tuple(scores(net, X, True, relu_first=layers) for layers in some if layers)
    right = net(X)
    expect(run(answer, net, X), right, wrong, 'the result', 1e-3)


def check_averages(answer):
    """Training keeps averages for the layers bn1, bn2 and bn3."""
    net, X = network(), images()
    means, variances = {}, {}
    function(answer, 'forward')(X, net.params, means, variances)
    if set(means) != {'bn1', 'bn2', 'bn3'} or set(variances) != set(means):
        raise Wrong('names', f"after training there are averages for {', '.join(sorted(means)) or 'no layer'}.")


def check_scores_in_test_mode(answer):
    """In test mode the scores are those of gbn.LeNet with the stored averages."""
    net, X = network(), images()
    expect(run(answer, net, X, is_training=False), net(X, is_training=False), {'mode-lost': scores(net, X, True)},
           'the result in test mode', 1e-3)


def check_relu_first(answer):
    """With relu_first=True the activation comes before batch norm, in training and in test mode."""
    net, X = network(), images()
    some = [''.join(layers) for layers in product(*(('', k) for k in '123'))]
    for is_training in (True, False):
        wrong = tuple(scores(net, X, is_training, relu_first=layers) for layers in some if layers != '123')
        right = scores(net, X, is_training, relu_first='123')
        means, variances = dict(net.bn_ewv_means), dict(net.bn_ewv_vars)
        got = function(answer, 'forward')(X, net.params, means, variances, is_training=is_training, relu_first=True)
        expect(got, right, {'order-ignored': wrong}, 'the result with relu_first=True', 1e-3)
