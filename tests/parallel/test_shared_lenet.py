"""LeNet on a batch that several ranks share, against one process with the whole batch."""
import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pair
import pytest

import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.parallel import group as groups
from gluon_bn.training import recorded_losses

in_threads = functools.partial(groups.in_threads, pool=ThreadPoolExecutor(4))  # new threads cost memory for ever
STEPS = 3
LR = 1e-4  # small, since an activation beside 0 may be on its other side from the second step on: a ReLU


def batches():
    images, labels = gbn.data.load('mnist')
    n = STEPS * 40
    return images[:n].reshape(STEPS, 40, 1, 28, 28).astype('float32') / 255, labels[:n].reshape(STEPS, 40)


def train(group, bounds=None, seed=3):
    """Some steps of SGD on this rank's rows: the losses of all rows, the first gradients, and what the network is then.
    """
    mx.random.seed(seed)  # each rank in turn draws the same weights
    return steps(gbn.LeNet(mx.cpu(), weight_scale=0.05, group=group), group, batches(), bounds)


def steps(net, group, data, bounds):
    rows, losses, first = slice(*bounds[group.rank:group.rank + 2]) if group else slice(None), [], None
    for images, labels in zip(*data):
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
            if name in ('b1', 'b2'):  # what follows takes every bias away: one process has what rounding leaves of 0
                assert not first[name].any()
            else:
                np.testing.assert_allclose(first[name], gradient, rtol=0, atol=1e-5 * max(1, size), err_msg=name)
        assert kept.keys() == expected[2].keys()
        for name, value in expected[2].items():
            np.testing.assert_allclose(kept[name], value, rtol=0, atol=1e-3 * np.abs(value).max(), err_msg=str(name))
    for _, _, kept in ranks[1:]:
        for name, value in ranks[0][2].items():
            np.testing.assert_array_equal(kept[name], value, err_msg=str(name))


@pytest.fixture(scope='module')
def two_processes():
    return pair.run(2, train, (0, 10, 40))


@pytest.mark.usefixtures('library')
def test_processes_train_as_one_does(two_processes):
    compare(two_processes, train(None))


@pytest.mark.slow
@pytest.mark.usefixtures('library')
def test_also_with_shards_of_one_row_and_of_none():
    """With one row, a rank computes its layers one by one, between native operators and those of the others."""
    compare(pair.run(4, train, (0, 25, 26, 40, 40)), train(None))


@pytest.mark.slow
@pytest.mark.usefixtures('library')
def test_processes_compute_the_same_bits_every_time(two_processes):
    for (losses, _, kept), (losses_again, _, kept_again) in zip(two_processes, pair.run(2, train, (0, 10, 40))):
        np.testing.assert_array_equal(losses, losses_again)
        for name, value in kept.items():
            np.testing.assert_array_equal(kept_again[name], value)


@pytest.mark.parametrize('impl', ['auto', 'plain'])
def test_threads_train_as_one_does(impl):
    mx.random.seed(3)
    whole = gbn.LeNet(mx.cpu(), weight_scale=0.05, impl=impl)
    bounds, few = (0, 3, 3, 4, 10), [arrays[:, :10] for arrays in batches()]

    def work(group):
        net = gbn.LeNet(mx.cpu(group.rank), impl=impl, group=group)
        for name, param in whole_params.items():
            net.params[name][:] = nd.array(param, ctx=net.ctx)
        return steps(net, group, few, bounds)

    whole_params = {name: param.asnumpy() for name, param in whole.params.items()}
    ranks = in_threads(4, work)
    compare(ranks, steps(whole, None, few, None))


def refused(group):
    """Whether what all ranks refuse, and then what one of them does not hear of, is raised and changes nothing."""
    net = gbn.LeNet(group=group)
    with pytest.raises(ValueError, match="layer 'bn3' has 1 value per feature on all 2 ranks together"):
        net(nd.ones((1, 1, 28, 28)) if group.rank else None)
    unchanged = not net.bn_ewv_means and not net.bn_ewv_vars
    if group.rank == 0:
        with pytest.raises((EOFError, OSError)):  # those of pipes: rank 1 has ended
            net(nd.ones((9, 1, 28, 28)))
    return unchanged and not net.bn_ewv_means


def test_an_exchange_that_fails_is_raised_where_the_network_is_called_and_nothing_is_stored():
    assert pair.run(2, refused) == [True, True]


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
        net.params['b1'].grad[:] = 7
        loss.backward()
        gradients = [param.grad.asnumpy() for param in net.params.values()]
        return scores.asnumpy(), max(np.abs(gradient).max() for gradient in gradients)

    (scores, largest), (_, other) = in_threads(2, work)
    assert scores.shape == (1, 10)
    assert not scores.any()
    assert largest < 1e-6 < other  # a bias before batch norm has what rounding leaves of 0
