"""What the tests of carried networks share: networks with values far from where they begin, and what is equal."""
import numpy as np
import pytest

from gluon_bn._mxnet import mx, nd


@pytest.fixture
def randomized(rng):
    """A function of a Gluon network and the shape of its input: the network with random values, called once."""
    def draw(net, shape):
        net.initialize(mx.init.Xavier(), force_reinit=True)
        net(nd.zeros(shape))
        for name, param in net.collect_params().items():
            values = (rng.uniform(0.5, 2, param.shape) if name.endswith(('gamma', 'running_var')) else
                      rng.normal(0, 0.5, param.shape) if name.endswith(('beta', 'running_mean', 'bias')) else None)
            if values is not None:
                param.set_data(nd.array(values))
        return net
    return draw


@pytest.fixture
def same():
    """A function that asserts that two arrays are equal to 1e-5 of the largest value, and that there is a value."""
    def check(first, second, tolerance=1e-5):
        first, second = (value.asnumpy() if hasattr(value, 'asnumpy') else value for value in (first, second))
        assert np.abs(second).max() > 0
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerance * np.abs(second).max())
    return check
