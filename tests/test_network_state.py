"""What is put back, what stays, and what is collected when a network is looked at."""
import pytest

from gluon_bn import LeNet
from gluon_bn._mxnet import nd
from gluon_bn.network_state import activations_watched, stored_statistics_kept


@pytest.fixture
def net():
    """A network that has stored the statistics of one batch."""
    net = LeNet()
    net(nd.random.uniform(shape=(8, 1, 28, 28)), is_training=True)
    return net


def stored(net):
    return {(i, name): value.asnumpy().tobytes() for i, values in enumerate((net.bn_ewv_means, net.bn_ewv_vars))
            for name, value in values.items()}


def another_batch(net, fails=False):
    net(nd.random.uniform(shape=(8, 1, 28, 28)) * 2, is_training=True)
    if fails:
        raise ZeroDivisionError


@pytest.mark.parametrize(('only_if_refused', 'fails', 'kept'), [
    (False, False, True), (False, True, True), (True, False, False), (True, True, True)])
def test_stored_statistics_are_put_back_always_or_after_an_exception(only_if_refused, fails, kept, net):
    before = stored(net)
    try:
        with stored_statistics_kept(net, only_if_refused=only_if_refused):
            another_batch(net, fails)
    except ZeroDivisionError:
        assert fails
    assert (stored(net) == before) is kept


def test_what_was_not_stored_before_is_gone_again():
    net = LeNet()
    with stored_statistics_kept(net):
        another_batch(net)
        assert net.bn_ewv_vars
    assert (net.bn_ewv_means, net.bn_ewv_vars) == ({}, {})


@pytest.mark.parametrize('fails', [False, True])
def test_a_network_is_watched_for_the_block_and_trains_in_it_as_ever(fails, net):
    before, seen = stored(net), []
    net.watch = lambda number, h: seen.append(number)
    try:
        with activations_watched(net) as inputs:
            another_batch(net, fails)
    except ZeroDivisionError:
        assert fails
    assert {number: h.shape for number, h in inputs.items()} == {
        '1': (8, 20, 26, 26), '2': (8, 50, 9, 9), '3': (8, 128)}
    assert (stored(net) == before) is fails
    assert seen == []
    another_batch(net)  # and whoever watched before goes on
    assert seen == ['1', '2', '3']


def test_a_network_that_shows_nothing_is_refused_and_keeps_its_statistics():
    class Own(LeNet):
        def activate(self, h, number, is_training):
            return nd.relu(h)

    net = Own()
    with pytest.raises(ValueError, match='Own activates its layers in its own way'), activations_watched(net):
        another_batch(net)
    assert stored(net) == {}
    assert net.watch is None
