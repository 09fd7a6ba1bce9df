import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import LeNet, SigmoidMLP, batch_norm, data, evaluate_accuracy, train_epoch, train_step
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.training import BATCHES_IN_FLIGHT, MovingLoss


class DenseNet:
    """One dense layer and batch norm: the least that trains. Scores (m, 3) of data (m, 4)."""

    def __init__(self, ctx=None):
        self.params = {'W': nd.random.normal(shape=(4, 3), ctx=ctx), 'gamma': nd.ones(3, ctx=ctx),
                       'beta': nd.zeros(3, ctx=ctx)}
        for param in self.params.values():
            param.attach_grad()
        self.bn_ewv_means, self.bn_ewv_vars = {}, {}

    def __call__(self, X, is_training=True):
        return batch_norm(nd.dot(X, self.params['W']), self.params['gamma'], self.params['beta'], self.bn_ewv_means,
                          self.bn_ewv_vars, layer_name='bn', is_training=is_training)

    def copy(self):
        twin = DenseNet(self.params['W'].ctx)
        for name, param in self.params.items():
            twin.params[name][:] = param
        return twin


def random_batches(rng, sizes, ctx=None):
    return [(nd.array(rng.normal(0, 1, (m, 4)), ctx=ctx), nd.array(rng.integers(0, 3, m), ctx=ctx)) for m in sizes]


def values(net):
    """All parameters and stored statistics, as NumPy arrays."""
    groups = (net.params, net.bn_ewv_means, net.bn_ewv_vars)
    return {(i, name): array.asnumpy() for i, group in enumerate(groups) for name, array in group.items()}


def assert_same(first, second):
    """Bit for bit."""
    assert first.keys() == second.keys()
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=str(key))


@pytest.fixture
def mnist():
    """A small part of the real test set, in batches of 32, the last one smaller; and its labels."""
    images, labels = data.load('mnist', train=False)
    return data.batches(images[:150], labels[:150], 32), labels[:150]


# The moving loss

@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_the_moving_loss_is_the_notebooks_formula(losses):
    moving_loss, expected = MovingLoss(), 0.
    for i, loss in enumerate(losses):
        moving_loss.add(nd.array([loss], dtype='float64'))
        expected = loss if i == 0 else .99 * expected + .01 * loss
    assert moving_loss.finish() == pytest.approx(expected, rel=1e-12)
    assert moving_loss.losses == losses
    assert MovingLoss(losses).value == moving_loss.value


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_the_average_weighs_each_loss_by_its_age_alone(losses):
    """So it lies among the losses, the first one as well; NumPy's weighted mean is the same."""
    moving_loss = MovingLoss(losses)
    weights = 0.99 ** np.arange(len(losses))[::-1]
    assert moving_loss.average == pytest.approx(np.average(losses, weights=weights), rel=1e-12, abs=1e-12)
    assert min(losses) - 1e-9 <= moving_loss.average <= max(losses) + 1e-9


def test_the_average_is_not_held_up_by_the_first_loss():
    """A hundred batches after a first loss of 2.3 the notebook's average is still five times too high."""
    moving_loss = MovingLoss([2.3] + [0.1] * 100)
    assert moving_loss.average < 0.14
    assert moving_loss.value > 0.9


def test_each_loss_is_told_of_when_it_has_been_read():
    moving_loss, told = MovingLoss(), []
    moving_loss.on_read = lambda loss: told.append((loss, moving_loss.average))
    for k in range(BATCHES_IN_FLIGHT + 2):
        moving_loss.add(nd.array([k]))
    assert [loss for loss, _ in told] == [0, 1]
    moving_loss.finish()
    assert [loss for loss, _ in told] == list(range(BATCHES_IN_FLIGHT + 2))
    np.testing.assert_allclose([average for _, average in told[:2]], [0, 1 / 1.99])


def test_the_moving_loss_reads_each_number_some_batches_late():
    moving_loss = MovingLoss()
    for k in range(BATCHES_IN_FLIGHT + 3):
        moving_loss.add(nd.array([k]))
    assert moving_loss.losses == [0, 1, 2]
    moving_loss.finish()
    assert moving_loss.losses == list(range(BATCHES_IN_FLIGHT + 3))


def test_the_moving_loss_of_nothing_is_nan():
    assert math.isnan(MovingLoss().finish())
    assert math.isnan(MovingLoss().average)


# One step, one epoch

def test_a_step_is_gluons_trainer_on_the_summed_loss(ctx, rng):
    net = DenseNet(ctx)
    [(X, label)] = random_batches(rng, [8], ctx)
    layer = mx.gluon.nn.HybridSequential()
    layer.add(mx.gluon.nn.Dense(3, in_units=4, use_bias=False), mx.gluon.nn.BatchNorm(in_channels=3))
    layer.initialize(ctx=ctx)
    layer.cast('float64')                                       # an exact one to compare with
    layer[0].weight.set_data(net.params['W'].T.astype('float64'))
    trainer = mx.gluon.Trainer(layer.collect_params(), 'sgd', {'learning_rate': 0.1})
    for _ in range(3):
        loss = train_step(net, X, label, 0.1)
        with autograd.record():
            expected = mx.gluon.loss.SoftmaxCrossEntropyLoss()(layer(X.astype('float64')), label)
        expected.backward()                                     # the gradient of the sum
        trainer.step(1)
        assert loss.shape == (1,)
        assert loss.ctx == ctx
        np.testing.assert_allclose(loss.asscalar(), expected.mean().asscalar(), rtol=1e-4)
    np.testing.assert_allclose(net.params['W'].asnumpy().T, layer[0].weight.data(ctx).asnumpy(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(net.params['gamma'].asnumpy(), layer[1].gamma.data(ctx).asnumpy(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(net.params['beta'].asnumpy(), layer[1].beta.data(ctx).asnumpy(), rtol=1e-3, atol=1e-4)


def test_a_network_is_told_that_it_is_trained(rng):
    class Tests(DenseNet):
        """A network that is in test mode unless told otherwise."""

        def __call__(self, X, is_training=False):
            modes.append(is_training)
            return super().__call__(X, is_training=is_training)

    modes, net = [], Tests()
    [(X, label)] = random_batches(rng, [8])
    train_step(net, X, label, 0.1)
    assert modes == [True]


def test_an_epoch_is_its_steps_bit_for_bit(rng):
    """However late the loop reads its numbers: with a wait after every step the same comes out."""
    net = DenseNet()
    twin, batches = net.copy(), random_batches(rng, [8] * 30 + [5])
    moving_loss = train_epoch(net, batches, 0.01)
    expected = None
    for X, label in batches:
        loss = float(train_step(twin, X, label, 0.01).asscalar())
        nd.waitall()
        expected = loss if expected is None else .99 * expected + .01 * loss
    assert moving_loss == expected
    assert_same(values(net), values(twin))


def test_an_iterator_may_use_one_buffer_for_all_batches(rng):
    """The loop runs ahead of the engine, yet a batch that is overwritten afterwards has been read before."""
    net = DenseNet()
    twin, batches = net.copy(), random_batches(rng, [64] * 40)

    def in_one_buffer():
        X, label = nd.zeros((64, 4)), nd.zeros(64)
        for next_X, next_label in batches:
            X[:], label[:] = next_X, next_label
            yield X, label

    assert train_epoch(net, in_one_buffer(), 0.01) == train_epoch(twin, batches, 0.01)
    assert_same(values(net), values(twin))
    assert evaluate_accuracy(in_one_buffer(), net) == evaluate_accuracy(batches, net)


def test_an_epoch_on_mnist_brings_the_loss_down():
    images, labels = data.load('mnist')
    batches = data.batches(images[:1280], labels[:1280], 64, shuffle=True, seed=1)
    net = LeNet(weight_scale=0.1)
    loss = MovingLoss()
    for X, label in batches:
        loss.add(train_step(net, X, label, 0.001))
    loss.finish()
    assert np.mean(loss.losses[-5:]) < 0.6 * loss.losses[0]
    assert evaluate_accuracy(batches, net) > 0.5


def test_a_loss_that_is_not_finite_is_returned_as_it_is(rng):
    batches = random_batches(rng, [8] * 3)
    batches[1][0][:] = float('nan')
    assert math.isnan(train_epoch(DenseNet(), batches, 0.01))


@pytest.mark.parametrize('nothing', [[], iter(()), ()])
def test_no_batches_are_an_error(nothing):
    net = DenseNet()
    before = values(net)
    with pytest.raises(ValueError, match='gave no batch: nothing to train on'):
        train_epoch(net, nothing, 0.1)
    with pytest.raises(ValueError, match='gave no batch: there is nothing to score'):
        evaluate_accuracy(nothing, net)
    assert_same(values(net), before)


# Accuracy

def trained_lenet(mnist):
    net = LeNet(weight_scale=0.1)
    train_epoch(net, mnist[0], 0.001)
    return net


@pytest.mark.parametrize('is_training', [False, True])
def test_accuracy_is_the_share_of_right_answers(mnist, is_training):
    """Each image counts once, also those of the smaller last batch."""
    net = trained_lenet(mnist)
    batches, labels = mnist
    answers = np.concatenate([net(X, is_training=False).asnumpy().argmax(axis=1) for X, _ in batches])
    if is_training:
        means, variances = dict(net.bn_ewv_means), dict(net.bn_ewv_vars)
        answers = np.concatenate([net(X, is_training=True).asnumpy().argmax(axis=1) for X, _ in batches])
        net.bn_ewv_means.update(means), net.bn_ewv_vars.update(variances)
    accuracy = evaluate_accuracy(batches, net, is_training)
    assert type(accuracy) is float
    assert accuracy == np.sum(answers == labels) / 150
    assert 0 < accuracy < 1                                     # else the test says little


def test_scores_that_are_nan_are_no_right_answer(ctx):
    """The largest of them, NumPy and MXNet say, is the first: a network of NaN knew one class perfectly."""
    def net(X, is_training):
        return nd.array([[3, 1], [3, np.nan], [np.nan, 1], [np.nan, np.nan], [1, np.inf], [3, -np.inf]], ctx=ctx)

    assert evaluate_accuracy([(nd.zeros((6, 1), ctx=ctx), [0, 0, 0, 0, 1, 0])], net) == 3 / 6


@pytest.mark.parametrize('is_training', [False, True])
def test_scoring_leaves_parameters_and_stored_statistics_bit_for_bit(mnist, is_training):
    net = trained_lenet(mnist)
    before, arrays = values(net), (dict(net.bn_ewv_means), dict(net.bn_ewv_vars))
    dictionaries = (net.bn_ewv_means, net.bn_ewv_vars)
    evaluate_accuracy(mnist[0], net, is_training)
    assert_same(values(net), before)
    assert net.bn_ewv_means is dictionaries[0]
    assert net.bn_ewv_vars is dictionaries[1]
    for now, then in zip(dictionaries, arrays):
        assert all(now[name] is then[name] for name in then)


def test_scoring_in_training_mode_leaves_an_untrained_network_untrained(mnist):
    net = LeNet()
    evaluate_accuracy(mnist[0], net, is_training=True)
    assert net.bn_ewv_means == net.bn_ewv_vars == {}
    with pytest.raises(ValueError, match='no stored statistics'):
        evaluate_accuracy(mnist[0], net)


def test_statistics_are_put_back_when_scoring_fails(mnist):
    net = trained_lenet(mnist)
    before = values(net)

    def broken():
        yield next(iter(mnist[0]))
        raise OSError('the disk is gone')

    with pytest.raises(OSError, match='the disk is gone'):
        evaluate_accuracy(broken(), net, is_training=True)
    assert_same(values(net), before)


def test_training_goes_on_after_scoring_as_if_nothing_had_happened(rng):
    net = DenseNet()
    twin, batches = net.copy(), random_batches(rng, [16] * 6)
    for half in (batches[:3], batches[3:]):
        train_epoch(net, half, 0.1)
        train_epoch(twin, half, 0.1)
        evaluate_accuracy(batches, net, is_training=True)
        evaluate_accuracy(batches, net)
    assert_same(values(net), values(twin))


def test_training_mode_uses_each_batchs_own_statistics(rng):
    """Scaling and shifting a batch changes nothing there, and everything in test mode."""
    net, batches = DenseNet(), random_batches(rng, [50] * 4)
    net.params['W'][:] = nd.array(np.eye(4, 3))
    train_epoch(net, batches, 0)
    labels = [nd.argmax(X[:, :3], axis=1) for X, _ in batches]  # what the network itself would say, about
    moved = [(5 * X + nd.array([0, 30, -30, 0]), label) for (X, _), label in zip(batches, labels)]
    same = [(X, label) for (X, _), label in zip(batches, labels)]
    assert evaluate_accuracy(moved, net, True) == pytest.approx(evaluate_accuracy(same, net, True), abs=0.01)
    assert evaluate_accuracy(same, net, True) > 0.8
    assert evaluate_accuracy(moved, net, False) < 0.5


@pytest.mark.parametrize('dtype', ['int32', 'uint8', 'float32', 'float64'])
def test_labels_may_be_of_any_numeric_type(rng, dtype):
    net, [(X, label)] = DenseNet(), random_batches(rng, [20])
    net(X)
    assert evaluate_accuracy([(X, label.astype(dtype))], net) == evaluate_accuracy([(X, label)], net)


def test_any_function_of_the_right_form_can_be_scored():
    X, label = nd.array([[0, 1], [1, 0], [3, 2]]), nd.array([1, 0, 1])
    assert evaluate_accuracy([(X, label)], lambda X, is_training: X) == pytest.approx(2 / 3, abs=1e-15)


def test_more_images_than_float32_can_count():
    """Hits are summed exactly: above 2**24, float32 would lose single ones."""
    X = nd.array([[1.], [0.]]).reshape((1, 2))
    hits = nd.zeros((2**16, 2))
    hits[:, 0] = 1
    batches = ((hits, nd.zeros(2**16)) for _ in range(257))
    assert evaluate_accuracy([(X, nd.zeros(1))], lambda X, is_training: X) == 1
    assert evaluate_accuracy(batches, lambda X, is_training: X) == 1


def test_scoring_waits_for_what_it_began_some_batches_ago(rng, monkeypatch):
    """So the queue of the engine, and the memory of the batches in it, stay short."""
    waits, batches = [], random_batches(rng, [4] * (BATCHES_IN_FLIGHT + 5))
    wait = nd.NDArray.wait_to_read
    monkeypatch.setattr(nd.NDArray, 'wait_to_read', lambda array: (waits.append(array), wait(array)))
    given = []

    def noted():
        for batch in batches:
            given.append(len(waits))
            yield batch

    evaluate_accuracy(noted(), lambda X, is_training: X)
    assert given == [0] * (BATCHES_IN_FLIGHT + 1) + [1, 2, 3, 4]


def test_a_step_reads_labels_and_waits_for_nothing_else(rng, monkeypatch):
    net, [(X, label)] = DenseNet(), random_batches(rng, [8])
    read, asnumpy = [], nd.NDArray.asnumpy
    monkeypatch.setattr(nd.NDArray, 'asnumpy', lambda array: (read.append(array), asnumpy(array))[1])
    for name in ('wait_to_read', 'asscalar'):
        monkeypatch.setattr(nd.NDArray, name, lambda array: pytest.fail('it waits'))
    monkeypatch.setattr(mx.nd, 'waitall', lambda: pytest.fail('it waits'))
    train_step(net, X, label, 0.1)
    train_step(net, X, [0, 1, 2, 0, 1, 2, 0, 1], 0.1)
    assert [array is label for array in read] == [True]


class InDouble(DenseNet):
    """A network whose arithmetic is in float64."""

    def __init__(self):
        super().__init__()
        for name, param in self.params.items():
            self.params[name] = param.astype('float64')
            self.params[name].attach_grad()


@pytest.mark.parametrize('m', [1, 7])
def test_a_network_in_double_precision_is_trained_in_it(m, rng):
    class Linear(InDouble):
        def __call__(self, X, is_training=True):
            return nd.dot(X, self.params['W'])

    net = Linear()
    X, label = rng.normal(size=(m, 4)), rng.integers(0, 3, m)
    W = net.params['W'].asnumpy()
    loss = train_step(net, nd.array(X, dtype='float64'), label, 0.1)
    scores = X @ W
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert (loss.dtype, loss.shape) == (np.float64, (1,))
    assert loss.asscalar() == pytest.approx(-np.log(p[np.arange(m), label]).mean(), rel=1e-12)
    p[np.arange(m), label] -= 1
    np.testing.assert_allclose(net.params['W'].asnumpy(), W - 0.1 * X.T @ p, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize('lr', [-1, -1e-9, 'a', None, True, float('nan')])
def test_a_learning_rate_that_is_none_is_refused_before_a_batch_is_asked_for(lr):
    def batches():
        pytest.fail('a batch was asked for')
        yield

    with pytest.raises((TypeError, ValueError), match='^lr is .*; expected a finite number, at least 0'):
        train_epoch(DenseNet(), batches(), lr)


@pytest.mark.parametrize('value', ['no', 0, None])
def test_whether_it_scores_in_training_mode_is_true_or_false(value, rng):
    with pytest.raises(TypeError, match='^is_training is .*; expected True or False'):
        evaluate_accuracy(random_batches(rng, [4]), DenseNet(), value)


def test_labels_outside_the_classes_are_refused_by_both_and_nothing_has_changed(rng):
    net, (good, bad) = DenseNet(), random_batches(rng, [4, 4])
    train_epoch(net, [good], 0.1)
    before = values(net)
    bad[1][2] = 3
    for use in (lambda: train_epoch(net, [bad], 0.1), lambda: evaluate_accuracy([good, bad], net)):
        with pytest.raises(ValueError, match='3'):
            use()
    assert_same(values(net), before)


def test_a_network_without_parameters_cannot_be_trained_and_can_be_scored(rng):
    [batch] = random_batches(rng, [4])
    with pytest.raises((TypeError, ValueError, AttributeError), match='params'):
        train_epoch(lambda X, is_training: X, [batch], 0.1)
    assert 0 <= evaluate_accuracy([batch], lambda X, is_training: X) <= 1


@pytest.mark.parametrize('net', [None, 'net', int, mx.gluon.nn.Dense(2)])
def test_a_step_of_what_is_no_network_is_refused(net, rng):
    with pytest.raises(TypeError, match='^net is a .*; expected a network as gbn.LeNet is'):
        train_step(net, nd.ones((2, 1, 28, 28)), [0, 1], 0.1)


def test_a_step_with_what_is_no_optimiser_has_changed_nothing():
    net = SigmoidMLP()
    with pytest.raises(TypeError, match=r"^update is 'sgd'; expected a function update\(params, lr\), such as gbn.sgd"):
        train_step(net, nd.ones((2, 784)), [0, 1], 0.1, 'sgd')
    assert not net.bn_ewv_means
