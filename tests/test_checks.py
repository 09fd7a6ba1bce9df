"""What networks, losses, training and scoring refuse: in one sentence, and with nothing changed."""
import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gluon_bn as gbn
from gluon_bn._mxnet import mx, nd
from gluon_bn.run.observation import observe

IMAGES = np.random.default_rng(0).uniform(size=(16, 1, 28, 28)).astype(np.float32)
REFUSED = (TypeError, ValueError)


def values(net):
    """Everything that a refusal must leave as it is."""
    return {(group, name): array.asnumpy() for group in ('params', 'bn_ewv_means', 'bn_ewv_vars')
            for name, array in getattr(net, group).items()}


def assert_refused(net, work, message):
    before = values(net)
    with pytest.raises(REFUSED, match=message) as caught:
        work()
    assert '\n' not in str(caught.value)
    after = values(net)
    assert before.keys() == after.keys()
    for key in before:
        np.testing.assert_array_equal(before[key], after[key], err_msg=str(key))


@pytest.fixture(params=[gbn.LeNet, gbn.SigmoidMLP], ids=lambda kind: kind.__name__)
def net(request):
    """One that has been trained for a step, so that it has statistics."""
    net = request.param()
    gbn.train_step(net, nd.array(IMAGES), np.arange(16) % 10, 0.001)
    return net


# ---- made ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('options', 'message'), [
    ({'momentum': 2}, 'momentum is 2; expected a finite number from 0 to 1'), ({'momentum': None}, 'momentum is None'),
    ({'momentum': float('nan')}, 'momentum is nan'), ({'momentum': True}, 'momentum is True'),
    ({'eps': -1}, 'eps is -1; expected a finite number, at least 0'), ({'eps': 'a'}, "eps is 'a'"),
    ({'eps': float('inf')}, 'eps is inf'), ({'eps': np.array([1e-5])}, r'eps is an array \(numpy\) of shape \(1,\)'),
    ({'impl': 'foo'}, "impl is 'foo'; expected 'auto', 'plain' or 'fast'"), ({'impl': None}, 'impl is None'),
    ({'batch_norm': 'no'}, "batch_norm is 'no'; expected True or False"), ({'batch_norm': 0}, 'batch_norm is 0'),
    ({'ctx': 'cpu'}, "ctx is 'cpu'; expected one of MXNet's contexts"), ({'ctx': 0}, 'ctx is 0'),
    *(({'weight_scale': scale}, 'weight_scale is .*; expected a finite number from 1e-30 to')
      for scale in (float('nan'), float('inf'), -1, 1e300, None, '1')),
    *(({name: units}, f'{name} is .*; expected a whole number from 1 to') for name in ('num_fc', 'num_outputs')
      for units in (0, -1, 2.5, True, None, 10 ** 12)),
], ids=str)
def test_settings_of_a_network(options, message):
    with pytest.raises(REFUSED, match=message):
        gbn.LeNet(**options)


@pytest.mark.parametrize(('name', 'value'), [('momentum', 2), ('momentum', 'a'), ('eps', -1), ('eps', float('nan')),
                                             ('impl', 'foo'), ('batch_norm', 'no')])
@pytest.mark.parametrize('m', [4, 16])  # by MXNet's operators, and natively
def test_settings_that_are_changed_later(net, name, value, m):
    setattr(net, name, value)
    assert_refused(net, lambda: net(nd.array(IMAGES[:m])), f'{name} is ')


# ---- called ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('is_training', [True, False])
@pytest.mark.parametrize('m', [4, 16])
@pytest.mark.parametrize(('convert', 'message'), [
    (lambda X: X, r'X is a numpy.ndarray; expected an mxnet.nd.NDArray'),
    (lambda X: X.tolist(), r'X is a builtins.list; expected an mxnet.nd.NDArray'),
    (mx.np.array, r'X is a mxnet.numpy.ndarray; expected an mxnet.nd.NDArray'),
    *((lambda X, dtype=dtype: nd.array(X, dtype=dtype), f"X has type {dtype} and the network's parameters float32; "
       "expected the same type: convert with .astype") for dtype in ('uint8', 'float16', 'float64', 'int32')),
    (lambda X: nd.array(X, ctx=mx.cpu(1)), "X is on cpu.1. and the network's parameters on cpu.0.; expected one"),
    (lambda X: nd.array(X[:, :, 1:]), 'X has shape .*expects'),
    (lambda X: nd.array(X[:0]), 'X has shape .*there is no example in it'),
], ids=['numpy', 'list', 'mx.np', 'uint8', 'float16', 'float64', 'int32', 'cpu(1)', 'small', 'empty'])
def test_examples_of_another_kind(net, m, is_training, convert, message):
    assert_refused(net, lambda: net(convert(IMAGES[:m]), is_training=is_training), message)
    assert_refused(net, lambda: net.activation_inputs(convert(IMAGES[:m]), is_training=is_training), message)


@pytest.mark.parametrize('value', ['no', 1, 0, None, np.array([True])], ids=str)
def test_a_mode_is_true_or_false(net, value):
    X, y = nd.array(IMAGES), nd.array(np.arange(16) % 10)
    message = 'is_training is .*; expected True or False'
    assert_refused(net, lambda: net(X, is_training=value), message)
    assert_refused(net, lambda: gbn.evaluate_accuracy([(X, y)], net, value), message)
    one = nd.ones(784)
    assert_refused(net, lambda: gbn.batch_norm(X.reshape((16, 784)), one, one, {}, {}, is_training=value), message)


@pytest.mark.parametrize('value', ['no', 1, None])
def test_debugging_is_switched_on_with_true(value):
    net, one = gbn.LeNet(), nd.ones(784)
    message = 'debug is .*; expected True or False'
    assert_refused(net, lambda: net(nd.array(IMAGES), debug=value), message)
    with pytest.raises(TypeError, match=message):
        gbn.batch_norm(nd.array(IMAGES).reshape((16, 784)), one, one, {}, {}, debug=value)


@pytest.mark.parametrize('m', [4, 16])
@pytest.mark.parametrize(('name', 'shape'), [('W1', (20, 3, 3, 3)), ('W2', (50, 1, 5, 5)), ('W3', (801, 128)),
                                             ('b1', (19,)), ('gamma2', (51,)), ('beta3', (1,)), ('W4', (128, 11)),
                                             ('b4', (1,)), ('W2', (50, 20, 5)), ('W1', (20, 1, 4, 4))])
def test_parameters_of_another_shape(name, shape, m):
    net = gbn.LeNet()
    net(nd.array(IMAGES))
    net.params[name] = nd.zeros(shape)
    expected = gbn.LeNet().params[name].shape
    message = f'{name} has shape {shape}; this network expects {expected}'.replace('(', '.').replace(')', '.')
    for is_training in (True, False):
        assert_refused(net, lambda mode=is_training: net(nd.array(IMAGES[:m]), is_training=mode), message)


def test_parameters_of_another_kind(net):
    for value, message in ((np.zeros(10), 'b3 is a numpy.ndarray'), (net.params['b3'].astype('int32'), 'b3 has type'),
                           (net.params['b3'].astype('float64'), 'b3 has type float64 and W1 float32'),
                           (net.params['b3'].as_in_context(mx.cpu(1)), 'b3 is on cpu.1. and W1 on cpu.0.')):
        twin = copy.deepcopy(net)
        twin.params['b3'] = value
        with pytest.raises(REFUSED, match=message):
            twin(nd.array(IMAGES))
    del net.params['b3']
    assert_refused(net, lambda: net(nd.array(IMAGES)), "params has no 'b3'; expected W1, b1")


@pytest.mark.parametrize('m', [4, 16])
@pytest.mark.parametrize('wrong', [lambda stored: stored[:-1], lambda stored: stored.astype('float64')])
def test_a_late_layer_that_refuses_leaves_the_earlier_ones_as_they_were(net, m, wrong):
    net.bn_ewv_vars['bn3'] = wrong(net.bn_ewv_vars['bn3'])
    assert_refused(net, lambda: net(nd.array(IMAGES[:m])), "bn_ewv_vars.'bn3'. has ")


# ---- trained and scored ----------------------------------------------------------------------------------------------

LABELS = np.arange(16) % 10
WRONG_LABELS = {
    '(n, 1)': (LABELS.reshape(16, 1), r'label has shape \(16, 1\); expected one class number an example, \(n,\)'),
    'one-hot': (np.eye(10)[LABELS], r'label has shape \(16, 10\); .*argmax'),
    'too few': (LABELS[:15], '16 images and 15 labels'),
    'too many': (np.arange(17) % 10, '16 images and 17 labels'),
    'one': (LABELS[:1], '16 images and 1 labels'),
    '10': (np.where(LABELS == 3, 10, LABELS), r'label holds 10 \(at position 3\); expected class numbers from 0 to 9'),
    '-1': (np.where(LABELS == 3, -1, LABELS), r'label holds -1\S* \(at position 3\); expected'),
    'nan': (np.where(LABELS == 3, np.nan, LABELS), r'label holds nan \(at position 3\); expected'),
    '2.5': (np.where(LABELS == 3, 2.5, LABELS), r'label holds 2.5 \(at position 3\); expected'),
}


@pytest.mark.parametrize('kind', [np.array, nd.array, lambda y: y.tolist()], ids=['numpy', 'nd', 'list'])
@pytest.mark.parametrize('name', WRONG_LABELS)
def test_labels_that_are_no_class_numbers(net, name, kind):
    labels, message = WRONG_LABELS[name]
    X, y = nd.array(IMAGES), kind(labels)
    for work in (lambda: gbn.train_step(net, X, y, 0.1), lambda: gbn.train_epoch(net, [(X, y)], 0.1),
                 lambda: gbn.evaluate_accuracy([(X, y)], net), lambda: gbn.evaluate_accuracy([(X, y)], net, True),
                 lambda: observe(net, X, y)):
        assert_refused(net, work, message)


def test_labels_beyond_the_classes_from_batches(net):
    batches = gbn.data.batches((IMAGES * 255).astype(np.uint8), LABELS + 1, 4)
    for work in (lambda: gbn.train_epoch(net, [list(batches)[2]], 0.1), lambda: gbn.evaluate_accuracy(batches, net)):
        assert_refused(net, work, r'label holds 10\S* \(at position 1\); expected class numbers from 0 to 9')


@pytest.mark.parametrize('kind', [np.array, list, lambda y: nd.array(y, dtype='int32'),
                                  lambda y: nd.array(y, dtype='uint8'), np.float64],
                         ids=['numpy', 'list', 'int32', 'uint8', 'float64'])
def test_labels_of_other_kinds_train_as_well(kind):
    X, nets = nd.array(IMAGES), []
    for label in (nd.array(LABELS), kind(LABELS)):
        mx.random.seed(3)
        nets.append(gbn.LeNet())
        gbn.train_epoch(nets[-1], [(X, label)] * 2, 0.01)
    for ours, theirs in zip(*(values(net).values() for net in nets)):
        np.testing.assert_array_equal(ours, theirs)
    accuracies = {gbn.evaluate_accuracy([(X, label)], nets[0]) for label in (kind(LABELS), nd.array(LABELS))}
    assert len(accuracies) == 1


@pytest.mark.parametrize('lr', [np.array([.1]), nd.array([.1]), True, None, '0.1', float('nan'), float('inf'),
                                -0.1], ids=str)
def test_learning_rates_that_are_no_numbers(net, lr):
    batches = [(nd.array(IMAGES), nd.array(LABELS))]
    assert_refused(net, lambda: gbn.train_epoch(net, batches, lr), 'lr is .*; expected a finite number')


@pytest.mark.parametrize('other', [None, 3, 'net', gbn.MLP([4, 3]), gbn.FullyConnectedNet([3]), mx.gluon.nn.Dense(3)],
                         ids=lambda other: type(other).__name__)
def test_networks_that_cannot_be_called_with_a_mode(other):
    batches = [(nd.array(IMAGES), nd.array(LABELS))]
    for work in (lambda: gbn.train_epoch(other, batches, 0.1), lambda: gbn.evaluate_accuracy(batches, other)):
        with pytest.raises(TypeError, match=r'^net is a .*; expected a network as gbn.LeNet is'):
            work()


@pytest.mark.parametrize('batches', [None, 3], ids=str)
def test_batches_that_cannot_be_iterated_over(net, batches):
    for work in (lambda: gbn.train_epoch(net, batches, 0.1), lambda: gbn.evaluate_accuracy(batches, net),
                 lambda: gbn.recalibrate(net, batches)):
        assert_refused(net, work, r'expected batches \(data, label\)')


@pytest.mark.parametrize('batch', [(), (nd.array(IMAGES),), (nd.array(IMAGES), LABELS, LABELS)], ids=len)
def test_recalibrating_with_what_are_no_pairs(net, batch):
    assert_refused(net, lambda: gbn.recalibrate(net, [batch]), r'a batch is a tuple; expected a pair')


@pytest.mark.skipif(mx.runtime.Features().is_enabled('CUDA'), reason="this build has GPU support")
def test_a_gpu_that_this_build_cannot_use():
    for work in (lambda: gbn.LeNet(mx.gpu(0)), lambda: gbn.SigmoidMLP(mx.gpu(0)),
                 lambda: gbn.data.batches(np.zeros((2, 1, 28, 28), np.uint8), [0, 1], 2, ctx=mx.gpu(0))):
        with pytest.raises(ValueError, match=r'^ctx is gpu\(0\); expected a CPU, because .* gbn.try_gpu\(\)'):
            work()


@pytest.mark.parametrize('batch', [nd.array(IMAGES), IMAGES, (nd.array(IMAGES),), None, {'data': 1}], ids=type)
def test_batches_that_are_no_pairs(net, batch):
    for work in (lambda: gbn.train_epoch(net, [batch], 0.1), lambda: gbn.evaluate_accuracy([batch], net)):
        assert_refused(net, work, r'a batch is a \w+; expected a pair \(data, label\)')


def test_images_of_numpy_in_batches(net):
    for work in (lambda: gbn.train_epoch(net, [(IMAGES, LABELS)], 0.1),
                 lambda: gbn.evaluate_accuracy([(IMAGES, LABELS)], net), lambda: gbn.recalibrate(net, [IMAGES]),
                 lambda: gbn.recalibrate(net, [(IMAGES, LABELS)])):
        assert_refused(net, work, 'is a numpy.ndarray; expected an mxnet.nd.NDArray')


def test_a_float64_network_trains():
    net = gbn.SigmoidMLP(num_inputs=4, hidden=(5,), num_outputs=3)
    for name, param in net.params.items():
        net.params[name] = param.astype('float64')
        net.params[name].attach_grad()
    X, y = nd.array(np.random.default_rng(0).normal(size=(8, 4)), dtype='float64'), np.arange(8) % 3
    first = gbn.train_step(net, X, y, 0.1).asscalar()
    for _ in range(20):
        last = gbn.train_step(net, X, y, 0.1).asscalar()
    assert last < first


# ---- functions -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('function', [gbn.relu, gbn.softmax, lambda X: gbn.softmax_cross_entropy(X, X),
                                      lambda X: gbn.softmax_cross_entropy(nd.zeros((2, 3)), X),
                                      lambda X: gbn.softmax_cross_entropy(X, nd.zeros((2, 3)))])
@pytest.mark.parametrize('X', [np.zeros((2, 3), np.float32), [[0., 1., 2.]] * 2, nd.zeros((2, 3), dtype='int32'),
                               nd.zeros((2, 3), dtype='uint8'), mx.np.zeros((2, 3)), None, 3.], ids=type)
def test_functions_take_ndarrays_of_floats(function, X):
    with pytest.raises(TypeError, match='expected (an mxnet.nd.NDArray|float16, float32 or float64)'):
        function(X)


def test_scores_and_labels_of_two_types_or_contexts():
    with pytest.raises(TypeError, match='yhat_linear has type float32 and y float64; expected the same type'):
        gbn.softmax_cross_entropy(nd.zeros((2, 3)), nd.zeros((2, 3), dtype='float64'))
    with pytest.raises(ValueError, match=r'yhat_linear is on cpu\(0\) and y on cpu\(1\); expected one context'):
        gbn.softmax_cross_entropy(nd.zeros((2, 3)), nd.zeros((2, 3), ctx=mx.cpu(1)))


NUMBERS = [None, 'a', True, np.array([.5]), nd.array([.5]), 1j, [.5], float('nan'), float('inf'), -1]


@given(st.sampled_from(NUMBERS), st.sampled_from(['eps', 'momentum']), st.booleans(),
       st.sampled_from(['plain', 'auto']))
def test_numbers_of_the_layer(value, name, is_training, impl):
    X, one = nd.array([[1., 2.], [3., 5.]]), nd.ones(2)
    means, vars_ = {}, {}
    gbn.batch_norm(X, one, one, means, vars_, impl=impl)
    before = means[''].asnumpy(), vars_[''].asnumpy()
    with pytest.raises(REFUSED, match=f'^{name} is .*; expected a finite number'):
        gbn.batch_norm(X, one, one, means, vars_, is_training=is_training, impl=impl, **{name: value})
    assert (means[''].asnumpy() == before[0]).all()
    assert (vars_[''].asnumpy() == before[1]).all()
    if name == 'eps':
        with pytest.raises(REFUSED, match='^eps is '):
            gbn.pure_batch_norm(X, one, one, eps=value)


# ---- copies ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('duplicate', [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
                         ids=['deepcopy', 'pickle'])
@pytest.mark.parametrize('kind', [gbn.LeNet, gbn.SigmoidMLP])
def test_a_copy_trains_as_the_original_does_and_for_itself(ctx, kind, duplicate):
    X, y = nd.array(IMAGES, ctx=ctx), nd.array(LABELS, ctx=ctx)
    net = kind(ctx)
    gbn.train_step(net, X, y, 0.01)
    twin = duplicate(net)
    untouched = values(net)
    gbn.train_step(twin, X, y, 0.01)
    for key, value in values(net).items():
        np.testing.assert_array_equal(value, untouched[key])
    gbn.train_step(net, X, y, 0.01)
    for key, value in values(twin).items():
        np.testing.assert_array_equal(value, values(net)[key])
    assert {array.ctx for array in (*twin.params.values(), *twin.bn_ewv_means.values())} == {ctx}


def test_a_shallow_copy_shares_parameters_and_gradients(net):
    gradient = net.params['W1'].grad.asnumpy()
    assert copy.copy(net).params['W1'] is net.params['W1']
    assert gradient.any()
    np.testing.assert_array_equal(net.params['W1'].grad.asnumpy(), gradient)


def test_a_parameter_that_was_replaced_is_looked_at_however_often_the_others_passed(net):
    X = nd.array(IMAGES, ctx=net.ctx)
    for _ in range(3):
        net(X)
    right = net.params['b1']
    net.params['b1'] = right.copy()
    net(X)
    net.params['b1'] = nd.ones(right.size + 1, ctx=net.ctx)
    with pytest.raises(ValueError, match='^b1 has shape'):
        net(X)


def test_what_passed_the_checks_before_does_not_let_another_call_pass():
    """The layer remembers what has passed: a call that differs in one thing is looked at again."""
    X, one = nd.array([[1., 2.], [3., 5.]]), nd.ones(2)
    for impl in ('plain', 'auto'):
        for _ in range(3):
            gbn.batch_norm(X, one, one, {}, {}, impl=impl)
            gbn.batch_norm(X[:1], one, one, {'': one}, {'': one}, impl=impl, is_training=False)
        for wrong in ({'X': X[:1]}, {'gamma': nd.ones(3)}, {'beta': one.astype('float64')}, {'momentum': 1.5},
                      {'momentum': True}, {'eps': -1.0}, {'eps': None}, {'bn_ewv_means': {'': one}},
                      {'bn_ewv_means': {'': nd.ones(1)}, 'bn_ewv_vars': {'': one}}, {'is_training': 1},
                      {'debug': 0}, {'impl': 'quick'}):
            right = {'X': X, 'gamma': one, 'beta': one, 'bn_ewv_means': {}, 'bn_ewv_vars': {}, 'impl': impl}
            with pytest.raises(REFUSED):
                gbn.batch_norm(**{**right, **wrong})


@pytest.mark.parametrize('params', [None, [], 'W1'])
def test_parameters_that_are_no_dictionary(params):
    net = gbn.SigmoidMLP()
    net.params = params
    with pytest.raises(TypeError, match='^params is .*; expected a dictionary, name -> NDArray'):
        net(nd.ones((2, 784)))
