"""Stored statistics that each rank has made by itself, merged."""
import numpy as np
import pytest

from gluon_bn._mxnet import mx, nd
from gluon_bn.network_state import merge_stored
from gluon_bn.parallel.group import in_threads


class Net:
    """What merging asks of a network."""

    def __init__(self, mean=None, var=None, C=3):
        self.params = {'W1': nd.zeros((2, C)), 'gamma1': nd.ones(C)}
        self.bn_ewv_means = {} if mean is None else {'bn1': nd.array(mean)}
        self.bn_ewv_vars = {} if var is None else {'bn1': nd.array(var)}


def merged(nets, rows):
    in_threads(len(nets), lambda group: merge_stored(nets[group.rank], group, rows[group.rank]))
    stored = [(net.bn_ewv_means['bn1'].asnumpy(), net.bn_ewv_vars['bn1'].asnumpy()) for net in nets]
    for other in stored[1:]:
        np.testing.assert_array_equal(other, stored[0])
    return stored[0]


def test_of_ranks_with_some_rows_each_they_are_those_of_all_rows(rng):
    rows = rng.normal(100, 2, size=(20, 3))
    shards = [rows[:3], rows[3:], None]
    nets = [Net() if shard is None else Net(shard.mean(axis=0), shard.var(axis=0)) for shard in shards]
    mean, var = merged(nets, [3, 17, 0])
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(var, rows.var(axis=0), rtol=1e-5)


def test_of_averages_the_mean_is_the_synchronised_one_and_the_variance_lacks_what_the_means_have_scattered(rng):
    momentum, share = 0.75, np.array([0.25, 0.75])
    own, whole, scatter = [np.zeros((2, 3))] * 2, np.zeros((2, 3)), np.zeros(3)
    deviation = np.zeros((2, 3))
    for step in range(6):
        batch = rng.normal(size=(8, 3)) * 2 + step
        shards = batch[:2], batch[2:]
        old, new = (0, 1) if step == 0 else (momentum, 1 - momentum)
        own = [old * a + new * np.array([s.mean(axis=0), s.var(axis=0)]) for a, s in zip(own, shards)]
        whole = old * whole + new * np.array([batch.mean(axis=0), batch.var(axis=0)])
        d = np.array([s.mean(axis=0) - batch.mean(axis=0) for s in shards])
        deviation = old * deviation + new * d
        scatter = old * scatter + new * (share[:, None] * d ** 2).sum(axis=0)
    mean, var = merged([Net(*values) for values in own], [12, 36])
    np.testing.assert_allclose(mean, whole[0], rtol=1e-5)
    missing = scatter - (share[:, None] * deviation ** 2).sum(axis=0)
    np.testing.assert_allclose(var, whole[1] - missing, rtol=1e-5)
    assert (missing > 0).all()


def test_without_any_rows_there_is_nothing_to_merge():
    with pytest.raises(ValueError, match="no rank has had any rows"):
        merged([Net(), Net()], [0, 0])


def test_what_is_merged_is_where_the_parameters_are_and_of_their_type():
    nets = [Net([1, 2, 3], [1, 1, 1]) for _ in range(2)]
    for number, net in enumerate(nets, start=1):
        net.params['gamma1'] = nd.ones(3, ctx=mx.cpu(number), dtype='float64')
    merged(nets, [1, 1])
    for number, net in enumerate(nets, start=1):
        for stored in (net.bn_ewv_means['bn1'], net.bn_ewv_vars['bn1']):
            assert (stored.context, stored.dtype) == (mx.cpu(number), np.float64)
