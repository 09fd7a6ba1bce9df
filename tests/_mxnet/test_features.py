"""What the formulas of every formulation take for granted about the features of a batch."""
import numpy as np
import pytest

from gluon_bn._mxnet import autograd, nd
from gluon_bn._mxnet.features import all_but_features, beside, first_values


@pytest.mark.parametrize('shape', [(4, 3), (4, 3, 5, 2)], ids=str)
def test_one_value_of_each_feature_is_a_constant_to_autograd(ctx, rng, shape):
    """The gradient of what is shifted by it is exactly 1 everywhere, also where the value was taken from."""
    X = nd.array(rng.normal(1e4, 1, shape), ctx=ctx)
    X.attach_grad()
    with autograd.record():
        first = first_values(X)
        shifted = X - beside(first, X)
    shifted.backward()
    np.testing.assert_array_equal(X.grad.asnumpy(), np.ones(shape))
    images = X.asnumpy().reshape((*shape[:2], -1))
    np.testing.assert_array_equal(first.asnumpy(), images[0, :, 0])
    np.testing.assert_array_equal(shifted.asnumpy(), (images - images[:1, :, :1]).reshape(shape))
    assert shifted.mean(axis=all_but_features(X)).shape == (3,)
