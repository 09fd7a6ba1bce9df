"""A batch split over several devices of one process, against one device with all of it."""
import copy
import threading

import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn._mxnet import mx, nd
from gluon_bn.data_parallel import DataParallel
from gluon_bn.parallel.group import GroupError
from gluon_bn.sigmoid_mlp import SigmoidMLP

LR = 1e-3


@pytest.fixture(scope='module')
def images():
    images, labels = gbn.data.load('mnist')
    return images[:256].astype('float32') / 255, labels[:256]


def lenet(seed=1, ctx=None, **settings):
    mx.random.seed(seed)
    return gbn.LeNet(ctx or mx.cpu(0), weight_scale=0.05, **settings)


def kept(net):
    return {(kind, name): array.asnumpy() for kind, arrays in (
        ('params', net.params), ('means', net.bn_ewv_means), ('vars', net.bn_ewv_vars))
        for name, array in arrays.items()}


def batches(images, size, steps):
    for step in range(steps):
        rows = np.arange(step * size, (step + 1) * size) % len(images[0])
        yield nd.array(images[0][rows]), images[1][rows]


def losses_alone(net, images, size, steps):
    return [gbn.train_step(net, data.as_in_context(net.ctx), label, LR).asscalar()
            for data, label in batches(images, size, steps)]


@pytest.mark.parametrize('size', [10, pytest.param(16, marks=pytest.mark.slow)])
def test_synchronised_devices_train_as_one_does(ctx, images, size):
    """50 steps of a network of matrices, to 1e-5; images of LeNet are for the next test."""
    flat = images[0].reshape(len(images[0]), -1), images[1]
    mx.random.seed(1)
    alone = SigmoidMLP(ctx=mx.cpu(0), batch_norm=True)
    mx.random.seed(1)
    net = SigmoidMLP(ctx=mx.cpu(0), batch_norm=True)
    devices = DataParallel(net, [mx.cpu(0), *({ctx, mx.cpu(1)} - {mx.cpu(0)}), mx.cpu(2)])
    found = [devices.step(data, label, LR) for data, label in batches(flat, size, 50)]
    np.testing.assert_allclose(found, losses_alone(alone, flat, size, 50), rtol=1e-5)
    for name, value in kept(alone).items():
        for twin in devices.nets:
            np.testing.assert_allclose(kept(twin)[name], value, rtol=1e-5, atol=1e-5, err_msg=str(name))
    for twin in devices.nets[1:]:
        for name, value in kept(net).items():
            np.testing.assert_array_equal(kept(twin)[name], value)


def test_lenet_on_more_contexts_than_rows(images):
    alone, net = lenet(), lenet()
    devices = DataParallel(net, [mx.cpu(i) for i in range(4)])
    found = [devices.step(data, label, LR) for data, label in batches(images, 3, 3)]
    np.testing.assert_allclose(found, losses_alone(alone, images, 3, 3), rtol=1e-4)
    assert devices.rows == [0, 3, 3, 3]
    for name, value in kept(alone).items():
        np.testing.assert_allclose(kept(net)[name], value, rtol=0, atol=2e-3 * np.abs(value).max(), err_msg=str(name))


@pytest.mark.parametrize('batch_norm', [True, False])
def test_a_network_of_matrices_on_more_contexts_than_rows(images, batch_norm):
    flat = images[0].reshape(len(images[0]), -1), images[1]
    nets = []
    for _ in range(2):
        mx.random.seed(1)
        nets.append(SigmoidMLP(ctx=mx.cpu(0), batch_norm=batch_norm))
    devices = DataParallel(nets[0], [mx.cpu(i) for i in range(3)])
    found = [devices.step(data, label, LR) for data, label in batches(flat, 2, 3)]
    np.testing.assert_allclose(found, losses_alone(nets[1], flat, 2, 3), rtol=1e-5)
    assert devices.rows == [0, 3, 3]


def test_statistics_of_each_device_train_another_network(images):
    """Which is exactly this: every device's rows as a batch of their own, and one step with all gradients."""
    alone, by_hand, net = lenet(), lenet(), lenet()
    devices = DataParallel(net, [mx.cpu(0), mx.cpu(1)], synchronised=False)
    statistics = [({}, {}), ({}, {})]
    for data, label in batches(images, 10, 2):
        gbn.train_step(alone, data, label, LR)
        devices.step(data, label, LR)
        gradients = dict.fromkeys(by_hand.params, 0)
        for own, part in zip(statistics, (slice(0, 5), slice(5, 10))):
            by_hand.bn_ewv_means, by_hand.bn_ewv_vars = own
            gbn.train_step(by_hand, data[part], label[part], 0)
            for name, param in by_hand.params.items():
                gradients[name] = gradients[name] + param.grad.copy()
        for name, param in by_hand.params.items():
            param -= LR * gradients[name]
    for name, param in by_hand.params.items():
        size = np.abs(param.asnumpy()).max()
        np.testing.assert_allclose(net.params[name].asnumpy(), param.asnumpy(), rtol=0, atol=1e-4 * size, err_msg=name)
    for twin, (means, variances) in zip(devices.nets, statistics):
        for name in means:
            np.testing.assert_allclose(twin.bn_ewv_means[name].asnumpy(), means[name].asnumpy(), rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(twin.bn_ewv_vars[name].asnumpy(), variances[name].asnumpy(), rtol=1e-3,
                                       atol=1e-4)
    difference = np.abs(alone.params['gamma3'].asnumpy() - net.params['gamma3'].asnumpy()).max()
    assert difference > 1e-4  # of two steps at this rate


def test_merged_statistics_are_those_of_all_rows(images):
    """With momentum 0 what is stored is the last batch's: that of a device of its own rows."""
    net, alone = lenet(momentum=0.), lenet(momentum=0.)
    devices = DataParallel(net, [mx.cpu(i) for i in range(3)], synchronised=False)
    (data, label), = batches(images, 14, 1)
    gbn.train_step(alone, data, label, 0)
    devices.step(data, label, 0)
    devices.merge_statistics()
    for twin in devices.nets:
        for name in ('bn1',):  # the next layers see what was normalised apart
            np.testing.assert_allclose(twin.bn_ewv_means[name].asnumpy(), alone.bn_ewv_means[name].asnumpy(), rtol=1e-5,
                                       atol=1e-6)
            np.testing.assert_allclose(twin.bn_ewv_vars[name].asnumpy(), alone.bn_ewv_vars[name].asnumpy(), rtol=1e-5)


def test_what_is_wrong_is_refused_and_nothing_has_changed(images):
    net = lenet()
    devices = DataParallel(net, [mx.cpu(0), mx.cpu(1)])
    (data, label), = batches(images, 4, 1)
    devices.step(data, label, LR)
    before = [kept(twin) for twin in devices.nets]
    for arguments, error, message in (
            ((data, label[:3], LR), ValueError, '4 images and 3 labels'),
            ((data, np.array([1, 2, 3, 10]), LR), ValueError, 'class numbers from 0 to 9'),
            ((data[:1], label[:1], LR), ValueError, "has 1 value per feature on all 2 ranks together"),
            ((data, label, -1), ValueError, 'lr is -1')):
        with pytest.raises(error, match=message):
            devices.step(*arguments)
    for twin, was in zip(devices.nets, before):
        for name, value in kept(twin).items():
            np.testing.assert_array_equal(value, was[name])
    assert devices.rows == [2, 2]


def test_a_label_that_is_no_class_is_refused_by_every_device_before_backward(images, capfd):
    """The position is that in the batch. A device that went on alone had a traceback of MXNet's printed."""
    data, label = nd.array(images[0][:4] / 255), np.array([1, 2, 3, 10])
    for size in (2, 5):  # with five devices one has no row
        with pytest.raises(ValueError, match=r'label holds 10 \(at position 3\); expected class numbers from 0 to 9'):
            DataParallel(lenet(), [mx.cpu(i) for i in range(size)]).step(data, label, LR)
    nd.waitall()
    assert capfd.readouterr() == ('', '')


def test_a_shard_of_one_row_has_no_statistics_of_its_own(images):
    (data, label), = batches(images, 3, 1)
    with pytest.raises(ValueError, match='a batch of one'):
        DataParallel(lenet(), [mx.cpu(0), mx.cpu(1)], synchronised=False).step(data, label, LR)


@pytest.mark.parametrize('contexts', [[], [mx.cpu(0), mx.cpu(0)], [mx.cpu(1), mx.cpu(0)]], ids=str)
def test_contexts_that_do_not_fit_are_refused(contexts):
    with pytest.raises(ValueError, match='context'):
        DataParallel(gbn.LeNet(mx.cpu(0)), contexts)


@pytest.mark.parametrize(('net', 'contexts', 'message'), [
    (lambda: 3, [mx.cpu(0)], 'net is 3; expected a gbn.LeNet'),
    (lambda: mx.gluon.nn.Dense(2), [mx.cpu(0)], 'net is .*; expected a gbn.LeNet'),
    (gbn.LeNet, mx.cpu(0), r'contexts is cpu\(0\); expected a list of contexts, such as'),
    (gbn.LeNet, None, 'contexts is None; expected a list of contexts'),
    (gbn.LeNet, ['cpu'], "ctx is 'cpu'; expected one of MXNet's contexts"),
], ids=['number', 'block', 'context', 'nothing', 'names'])
def test_what_is_no_network_and_no_list_of_contexts_is_refused(net, contexts, message):
    with pytest.raises(TypeError, match=message):
        DataParallel(net(), contexts)


def test_labels_may_be_of_any_kind(images):
    (data, label), = batches(images, 6, 1)
    found = [DataParallel(lenet(), [mx.cpu(0), mx.cpu(1)]).step(data, given, LR) for given in (
        label, list(label), nd.array(label), nd.array(label, ctx=mx.cpu(1)))]
    assert len(set(found)) == 1


def test_a_copy_is_refused_and_says_what_can_be_copied():
    with pytest.raises(TypeError, match=r'cannot be copied; copy its nets\[0\]'):
        copy.deepcopy(DataParallel(gbn.LeNet(mx.cpu(0)), [mx.cpu(0)]))


class BackwardInAnyOrder(SigmoidMLP):
    """Whose ranks differ in a layer that they have backward alone."""

    def _normalize(self, h, number, is_training):
        out = super()._normalize(h, number, is_training)
        return nd.BlockGrad(out) if (number, self.ctx) == ('2', mx.cpu(1)) else out


def test_what_goes_wrong_in_the_backward_pass_is_raised_as_itself(images):
    data, label = nd.array(images[0][:6].reshape(6, -1)), images[1][:6]
    devices = DataParallel(BackwardInAnyOrder(ctx=mx.cpu(0), batch_norm=True), [mx.cpu(0), mx.cpu(1)])
    with pytest.raises(GroupError, match=r'rank \d '):
        devices.step(data, label, LR)
    nd.waitall()  # there is nothing more to be raised


def test_steps_take_no_more_memory(images):
    """MXNet keeps five megabytes and more for each thread that has used it: so the threads have to stay the same."""
    devices = DataParallel(lenet(), [mx.cpu(0), mx.cpu(1)])
    threads = set()
    original = devices._gradients

    def gradients(*arguments):
        threads.add(threading.get_ident())
        return original(*arguments)

    devices._gradients = gradients
    for data, label in batches(images, 4, 6):
        devices.step(data, label, LR)
    assert len(threads) == 2
