"""LeNet on a batch that several ranks share, against one process with the whole batch."""
import pair
import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.parallel.group import in_threads
from gluon_bn.training import recorded_losses

STEPS = 3
LR = 1e-4  # small, since an activation beside 0 may be on its other side from the second step on: a ReLU


@pytest.fixture(scope='module')
def batches():
    images, labels = gbn.data.load('mnist')
    return images[:STEPS * 40].reshape(STEPS, 40, 1, 28, 28).astype('float32') / 255, labels[:STEPS * 40].reshape(STEPS, 40)


def train(group, batches, bounds, ctx=None, impl='auto', seed=3):
    """Some steps of SGD on this rank's rows: the losses of all rows, the first gradients, and what the network is then.
    """
    mx.random.seed(seed)  # each rank in turn draws the same weights
    net = gbn.LeNet(ctx or mx.cpu(), weight_scale=0.05, impl=impl, group=group)
    return steps(net, group, batches, bounds)


def steps(net, group, batches, bounds):
    rows, losses, first = slice(*bounds[group.rank:group.rank + 2]) if group else slice(None), [], None
    for images, labels in zip(*batches):
        images, labels = images[rows], labels[rows]
        shard = (nd.array(images, ctx=net.ctx), labels) if len(images) else (None, None)
        loss = recorded_losses(net, *shard)
        loss.backward()
        gradients = {name: param.grad.asnumpy() for name, param in net.params.items()}
        total = loss.asnumpy().sum(dtype='float64')
        if group:
            total = group.sum('loss', np.array([total]))[0]
            for name in gradients:
                gradients[name] = group.sum(name, gradients[name])
                net.params[name].grad[:] = gradients[name]
        first = first or gradients
        gbn.sgd(net.params, LR)
        losses.append(total)
    kept = {'params': net.params, 'means': net.bn_ewv_means, 'vars': net.bn_ewv_vars}
    return np.array(losses), first, {(kind, name): array.asnumpy() for kind, arrays in kept.items()
                                     for name, array in arrays.items()}


def compare(ranks, expected):
    for losses, first, kept in ranks:
        np.testing.assert_allclose(losses, expected[0], rtol=1e-5)
        for name, gradient in expected[1].items():
            size = np.abs(gradient).max()
            np.testing.assert_allclose(first[name], gradient, rtol=0, atol=1e-5 * max(1, size), err_msg=name)
        assert kept.keys() == expected[2].keys()
        for name, value in expected[2].items():
            np.testing.assert_allclose(kept[name], value, rtol=0, atol=1e-3 * np.abs(value).max(), err_msg=str(name))
    for _, _, kept in ranks[1:]:
        for name, value in ranks[0][2].items():
            np.testing.assert_array_equal(kept[name], value, err_msg=str(name))


@pytest.mark.usefixtures('library')
@pytest.mark.parametrize('bounds', [(0, 10, 40), (0, 25, 26, 40, 40)], ids=str)
def test_processes_train_as_one_does(batches, bounds):
    """With native operators, in which a rank of 1 row has its layers one by one; the last one of four has none."""
    ranks = pair.run(len(bounds) - 1, train, batches, bounds)
    compare(ranks, train(None, batches, None))


@pytest.mark.usefixtures('library')
def test_processes_compute_the_same_bits_every_time(batches):
    first, second = (pair.run(2, train, batches, (0, 17, 40)) for _ in range(2))
    for (losses, _, kept), (losses_again, _, kept_again) in zip(first, second):
        np.testing.assert_array_equal(losses, losses_again)
        for name, value in kept.items():
            np.testing.assert_array_equal(kept_again[name], value)


@pytest.mark.parametrize('impl', ['auto', 'plain'])
def test_threads_train_as_one_does(batches, impl):
    mx.random.seed(3)
    whole = gbn.LeNet(mx.cpu(), weight_scale=0.05, impl=impl)
    bounds, few = (0, 3, 3, 4, 10), (batches[0][:, :10], batches[1][:, :10])

    def work(group):
        net = gbn.LeNet(mx.cpu(group.rank), impl=impl, group=group)
        for name, param in whole_params.items():
            net.params[name][:] = nd.array(param, ctx=net.ctx)
        return steps(net, group, few, bounds)

    whole_params = {name: param.asnumpy() for name, param in whole.params.items()}
    ranks = in_threads(4, work)
    compare(ranks, steps(whole, None, few, None))


def refused_by_all(group):
    """A network of processes in which one image in all is refused, and the next step is as if nothing had been."""
    mx.random.seed(1)
    net = gbn.LeNet(group=group)
    with pytest.raises(ValueError, match="layer 'bn3' has 1 values per feature on all 2 ranks together"):
        net(nd.ones((1, 1, 28, 28)) if group.rank else None)
    return not net.bn_ewv_means and not net.bn_ewv_vars


def test_one_image_in_all_is_refused_and_nothing_is_stored():
    assert pair.run(2, refused_by_all) == [True, True]


def lost_by_one(group):
    """What rank 0 raises if rank 1 ends before its share of the forward pass."""
    if group.rank == 1:
        return 'gone'
    net = gbn.LeNet(group=group)
    with pytest.raises((EOFError, OSError)):
        net(nd.ones((9, 1, 28, 28)))
    return not net.bn_ewv_means


def test_an_exchange_that_fails_is_raised_where_the_network_is_called():
    assert pair.run(2, lost_by_one) == [True, 'gone']


def test_no_images_in_a_network_alone_are_refused():
    with pytest.raises(TypeError, match="X is a"):
        gbn.LeNet()(None)


def test_a_copy_belongs_to_no_group():
    from copy import deepcopy

    def work(group):
        net = gbn.LeNet(mx.cpu(group.rank), group=group)
        return deepcopy(net).group is None and net.group is group

    assert in_threads(2, work) == [True, True]


def test_a_group_is_a_group():
    with pytest.raises(TypeError, match="group is a int"):
        gbn.LeNet(group=4)


def test_scores_of_no_images_are_zeros_with_gradients_of_zero():
    def work(group):
        net = gbn.LeNet(mx.cpu(group.rank), group=group)
        images = nd.random.uniform(shape=(4, 1, 28, 28), ctx=net.ctx)
        with autograd.record():
            scores = net(images if group.rank else None)
            loss = nd.sum(scores ** 2 + scores)
        loss.backward()
        gradients = [param.grad.asnumpy() for param in net.params.values()]
        return scores.asnumpy(), max(np.abs(gradient).max() for gradient in gradients)

    (scores, largest), (_, other) = in_threads(2, work)
    assert scores.shape == (1, 10)
    assert not scores.any()
    assert largest < 1e-6 < other  # a bias before batch norm has what rounding leaves of 0
