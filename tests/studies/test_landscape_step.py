import numpy as np
import pytest
from test_landscape_runs import ALL_QUICK, QUICK, splits  # noqa: F401

from gluon_bn import train_step
from gluon_bn._mxnet import nd
from gluon_bn.studies.landscape.runs import make_network
from gluon_bn.studies.landscape.step import activation_inputs, measured_step, moved


def state(net):
    return [array.asnumpy() for arrays in (net.params, net.bn_ewv_means, net.bn_ewv_vars) for array in arrays.values()]


@pytest.mark.parametrize('job', ALL_QUICK)
def test_measuring_does_not_disturb_the_training(job, splits):  # noqa: F811
    """Parameters and stored statistics are the same bit for bit as without, and so are the losses."""
    measured, bare = make_network(job), make_network(job)
    for step in range(3):
        images = nd.array(splits[0][0][16 * step:16 * (step + 1)] / 255)
        labels = nd.array(splits[0][1][16 * step:16 * (step + 1)])
        for net in (measured, bare):
            if net.noise is not None:
                net.noise.step = step
        with_measures, _ = measured_step(measured, images, labels, job.learning_rate)
        without = train_step(bare, images, labels, job.learning_rate / 16)
        assert with_measures.asscalar() == without.asscalar()
        assert len(state(measured)) == len(state(bare)) >= 8
        assert all((a == b).all() for a, b in zip(state(measured), state(bare)))


def test_activation_inputs_are_moments_of_each_unit_and_change_nothing():
    net = make_network(QUICK['lenet'][1])
    data = nd.random.uniform(shape=(8, 1, 28, 28))
    net(data)
    before = state(net)
    inputs = activation_inputs(net, data)
    assert all((a == b).all() for a, b in zip(state(net), before))
    assert net.watch is None
    assert {number: moments.shape for number, moments in inputs.items()} == {'1': (2, 20), '2': (2, 50), '3': (2, 128)}
    p = net.params
    for number, (mean, std) in inputs.items():
        np.testing.assert_allclose(mean, p['beta' + number].asnumpy(), atol=1e-4)
        np.testing.assert_allclose(std, np.abs(p['gamma' + number].asnumpy()), rtol=0.01)


def test_moved_counts_in_standard_deviations():
    before = np.array([[0., 1, 2], [3, 4, 5]])
    after = before + np.array([[1., 1, 1], [0, 0, 2]])
    found, size = moved(before, after), np.sqrt((9 + 16 + 25) / 3)
    assert found['mean_shift'] == pytest.approx(1 / size)
    assert found['std_shift'] == pytest.approx(np.sqrt(4 / 3) / size)
    assert found['unit'] == [0, 3]
    assert np.isnan(moved(np.zeros((2, 3)), after)['mean_shift'])
