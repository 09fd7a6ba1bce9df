"""The layer against NumPy in float64, Gluon's own layer, and the properties that follow from the formula."""
import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import batch_norm, pure_batch_norm, which_impl
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.fast import operators

IMPLS = ('plain', 'fast')
SHAPES = ((5, 3), (64, 128), (2, 3, 1, 1), (4, 3, 5, 2), (1, 2, 3, 3), (16, 20, 13, 13))


def usable(impl, shape, dtype):
    return impl == 'plain' or which_impl(nd.zeros(shape, dtype=dtype)) == 'fast'


def oracle(X, gamma, beta, eps=1e-5, mean=None, var=None):
    """Algorithm 1 of the paper in float64, feature by feature, on purpose without any of the layer's own tricks."""
    X = np.asarray(X, np.float64)
    out = np.empty_like(X)
    for k in range(X.shape[1]):
        x = X[:, k]
        mu = x.mean() if mean is None else mean[k]
        sigma2 = ((x - mu) ** 2).mean() if var is None else var[k]
        out[:, k] = gamma[k] * (x - mu) / np.sqrt(sigma2 + eps) + beta[k]
    return out


def oracle_gradients(X, gamma, dY, eps=1e-5):
    """The chain rule of section 3 of the paper in float64, feature by feature: ``(dX, dgamma, dbeta)``."""
    X, dY = np.asarray(X, np.float64), np.asarray(dY, np.float64)
    dX, dgamma, dbeta = np.empty_like(X), [], []
    for k in range(X.shape[1]):
        x, dy = X[:, k], dY[:, k]
        m, mu = x.size, x.mean()
        sigma2 = ((x - mu) ** 2).mean()
        dx_hat = dy * gamma[k]
        dsigma2 = (dx_hat * (x - mu)).sum() * -0.5 * (sigma2 + eps) ** -1.5
        dmu = -dx_hat.sum() / np.sqrt(sigma2 + eps) + dsigma2 * (-2 * (x - mu)).mean()
        dX[:, k] = dx_hat / np.sqrt(sigma2 + eps) + dsigma2 * 2 * (x - mu) / m + dmu / m
        dgamma.append((dy * (x - mu)).sum() / np.sqrt(sigma2 + eps))
        dbeta.append(dy.sum())
    return dX, np.array(dgamma), np.array(dbeta)


def example(rng, shape, mean=2.0, std=3.0):
    """X, gamma, beta, dY with gamma and beta away from 0 and 1 and a random upstream gradient."""
    C = shape[1]
    return (rng.normal(mean, std, shape), rng.uniform(1.5, 2.5, C) * rng.choice([-1, 1], C), rng.uniform(-3, -2, C),
            rng.normal(size=shape))


def run(impl, X, gamma, beta, dY, ctx=None, dtype='float64', **options):
    """The layer's output and gradients in training mode, as NumPy arrays."""
    X, gamma, beta, dY = (nd.array(a, ctx=ctx, dtype=dtype) for a in (X, gamma, beta, dY))
    for a in (X, gamma, beta):
        a.attach_grad()
    with autograd.record():
        out = batch_norm(X, gamma, beta, {}, {}, impl=impl, **options)
    out.backward(dY)
    assert out.dtype == X.dtype
    assert out.ctx == X.ctx
    return [a.asnumpy() for a in (out, X.grad, gamma.grad, beta.grad)]


def rel_error(a, b):
    """Relative error as cs231n defines it: the largest |a - b| over max(1e-8, |a| + |b|)."""
    return np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b)))


# ---- what it computes ------------------------------------------------------------------------------------------------

def test_the_matrix_to_check_by_eye(ctx):
    A = nd.array([[1, 7], [5, 4], [6, 10]], ctx=ctx)
    out = pure_batch_norm(A, nd.array([1, 1], ctx=ctx), nd.array([0, 0], ctx=ctx))
    np.testing.assert_allclose(out.asnumpy(), [[-1.3887, 0], [0.4629, -1.2247], [0.9258, 1.2247]], atol=1e-4)


@pytest.mark.parametrize('impl', IMPLS)
def test_the_2x2x2x2_tensor_to_check_by_eye(ctx, impl):
    B = nd.array([1, 6, 5, 7, 4, 3, 2, 5, 6, 3, 2, 4, 5, 3, 2, 5], ctx=ctx).reshape((2, 2, 2, 2))
    out = batch_norm(B, nd.ones(2, ctx=ctx), nd.zeros(2, ctx=ctx), {}, {}, impl=impl)
    np.testing.assert_allclose(out.asnumpy(), [
        [[[-1.6378, 0.8819], [0.3780, 1.3859]], [[0.3078, -0.5130], [-1.3338, 1.1286]]],
        [[[0.8819, -0.6299], [-1.1339, -0.1260]], [[1.1286, -0.5130], [-1.3338, 1.1286]]]], atol=1e-4)


@pytest.mark.parametrize(('impl', 'dtype', 'shape'), [
    (impl, dtype, shape) for impl in IMPLS for dtype in ('float32', 'float64')
    for shape in SHAPES], ids=str)
def test_output_and_gradients_agree_with_the_paper_in_float64(ctx, rng, impl, dtype, shape):
    if not usable(impl, shape, dtype):
        pytest.skip("there is no quick way for this")
    X, gamma, beta, dY = example(rng, shape)
    if dtype == 'float32':
        X, gamma, beta, dY = (a.astype(dtype) for a in (X, gamma, beta, dY))
    found = run(impl, X, gamma, beta, dY, ctx, dtype)
    expected = [oracle(X, gamma, beta), *oracle_gradients(X, gamma, dY)]
    smallest = np.sqrt(X.astype('float64').var(axis=(0, *range(2, X.ndim))).min())
    for name, a, b in zip(('out', 'dX', 'dgamma', 'dbeta'), found, expected):
        scale = max(1, np.abs(b).max(), np.abs(dY).max() / smallest)  # that of the terms, which may cancel
        np.testing.assert_allclose(a, b, rtol=1e-9 if dtype == 'float64' else 1e-4,
                                   atol=scale * (1e-11 if dtype == 'float64' else 1e-5), err_msg=name)


@pytest.mark.parametrize('shape', [(6, 4), (3, 2, 4, 3)], ids=str)
def test_gradients_agree_with_central_differences(rng, shape):
    X, gamma, beta, dY = example(rng, shape)

    def f(X, gamma, beta):
        arrays = (nd.array(a, dtype='float64') for a in (X, gamma, beta))
        return float((pure_batch_norm(*arrays).asnumpy() * dY).sum())

    _, *gradients = run('plain', X, gamma, beta, dY)
    for position, found in enumerate(gradients):
        arrays = [X.copy(), gamma.copy(), beta.copy()]
        numerical, h = np.empty_like(arrays[position]), 1e-3
        for index in np.ndindex(numerical.shape):
            value, values = arrays[position][index], []
            for steps in (-2, -1, 1, 2):
                arrays[position][index] = value + steps * h
                values.append(f(*arrays))
            arrays[position][index] = value
            # of fourth order: with the usual two points, entries that happen to be small would drown in the error
            numerical[index] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
        assert rel_error(found, numerical) < 1e-6, ('dX', 'dgamma', 'dbeta')[position]


@pytest.mark.parametrize(('impl', 'shape'), [('plain', (64, 128)), ('plain', (16, 20, 13, 13)),
                                             ('fast', (16, 20, 13, 13))], ids=str)
def test_agrees_with_gluons_own_layer(ctx, rng, impl, shape):
    X, gamma, beta, dY = (a.astype('float32') for a in example(rng, shape))
    layer = mx.gluon.nn.BatchNorm(epsilon=1e-5, momentum=0.9)
    layer.initialize(ctx=ctx)
    layer(nd.array(X, ctx=ctx))
    layer.gamma.set_data(nd.array(gamma))
    layer.beta.set_data(nd.array(beta))
    X_ = nd.array(X, ctx=ctx)
    X_.attach_grad()
    with autograd.record():
        expected = layer(X_)
    expected.backward(nd.array(dY, ctx=ctx))
    out, dX, dgamma, dbeta = run(impl, X, gamma, beta, dY, ctx, 'float32')
    np.testing.assert_allclose(out, expected.asnumpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(dX, X_.grad.asnumpy(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(dgamma, layer.gamma.grad(ctx).asnumpy(), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(dbeta, layer.beta.grad(ctx).asnumpy(), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize('shape', [(1000, 3), (100, 3, 6, 5)], ids=str)
def test_a_mean_of_1e4_leaves_float32_right(ctx, rng, shape):
    """A variance as E[x^2] - E[x]^2 would lose all its digits here: 1e8 has an error of 8 in float32."""
    X = rng.normal(1e4, 1, shape).astype('float32')
    ones, zeros = np.ones(shape[1]), np.zeros(shape[1])
    for impl in IMPLS:
        if usable(impl, shape, 'float32'):
            out = run(impl, X, ones, zeros, X, ctx, 'float32')[0]
            # the mean itself is rounded to a multiple of 0.001, the distance of float32 numbers at 1e4
            np.testing.assert_allclose(out, oracle(X, ones, zeros), atol=1e-5 if impl == 'fast' else 1e-3)


def test_float16_is_normalised_in_float32_and_comes_back_as_float16(ctx, rng):
    """300 squared is more than half of float16's largest number: two of them summed in float16 would be inf."""
    X = rng.normal(0, 300, (64, 2, 4, 4)).astype('float16')
    gamma, beta = np.array([2, -1.5], 'float16'), np.array([0.5, 3], 'float16')
    means, vars_ = {}, {}
    out = batch_norm(*(nd.array(a, ctx=ctx, dtype='float16') for a in (X, gamma, beta)), means, vars_)
    assert out.dtype == np.float16
    assert means[''].dtype == vars_[''].dtype == np.float32
    np.testing.assert_allclose(out.asnumpy(), oracle(X, gamma, beta), rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(vars_[''].asnumpy(), X.astype('float64').var(axis=(0, 2, 3)), rtol=1e-4)


def test_float16_with_float32_parameters_has_gradients(rng):
    X, gamma, beta, dY = example(rng, (8, 3))
    X, dY = (nd.array(a, dtype='float16') for a in (X, dY))
    gamma, beta = nd.array(gamma), nd.array(beta)
    for a in (X, gamma, beta):
        a.attach_grad()
    with autograd.record():
        out = batch_norm(X, gamma, beta, {}, {})
    out.backward(dY)
    expected = oracle_gradients(X.asnumpy(), gamma.asnumpy(), dY.asnumpy())
    for found, right in zip((X.grad, gamma.grad, beta.grad), expected):
        np.testing.assert_allclose(found.asnumpy(), right, rtol=1e-2, atol=1e-2)


# ---- properties ------------------------------------------------------------------------------------------------------

shapes = st.one_of(
    st.tuples(st.integers(2, 9), st.integers(1, 6)),
    st.tuples(st.integers(2, 5), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)))
seeds = st.integers(0, 2**32 - 1)


def normalised(X, gamma=None, beta=None):
    C = X.shape[1]
    gamma, beta = (np.ones(C) if gamma is None else gamma), (np.zeros(C) if beta is None else beta)
    return pure_batch_norm(*(nd.array(a, dtype='float64') for a in (X, gamma, beta)), eps=0).asnumpy()


@given(shapes, seeds, st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_shifting_and_scaling_the_input_changes_nothing(shape, data_seed, shift, scale):
    X = np.random.default_rng(data_seed).normal(size=shape)
    # Of scale * X + shift the deviations are only known to half a unit in the last place of its values.
    condition = (abs(shift) + scale) / (scale * X.std(axis=(0, *range(2, X.ndim))).min())
    tolerance = 1e-9 + 20 * np.finfo('float64').eps * condition
    np.testing.assert_allclose(normalised(scale * X + shift), normalised(X), atol=tolerance, rtol=tolerance)


@given(shapes, seeds)
def test_output_has_mean_beta_and_standard_deviation_gamma(shape, data_seed):
    X, gamma, beta, _ = example(np.random.default_rng(data_seed), shape)
    out = normalised(X, gamma, beta)
    axes = (0, *range(2, X.ndim))
    np.testing.assert_allclose(out.mean(axis=axes), beta, atol=1e-9)
    np.testing.assert_allclose(out.std(axis=axes), np.abs(gamma), atol=1e-9)


@given(shapes, seeds)
def test_permuting_the_batch_permutes_the_output(shape, data_seed):
    rng = np.random.default_rng(data_seed)
    X, order = rng.normal(size=shape), rng.permutation(shape[0])
    np.testing.assert_allclose(normalised(X[order]), normalised(X)[order], atol=1e-10)


@given(st.integers(2, 9), st.integers(1, 6), seeds)
def test_images_of_one_pixel_are_a_dense_layer(m, D, data_seed):
    X, gamma, beta, dY = example(np.random.default_rng(data_seed), (m, D))
    dense = run('plain', X, gamma, beta, dY)
    images = run('plain', X.reshape(m, D, 1, 1), gamma, beta, dY.reshape(m, D, 1, 1))
    for a, b in zip(dense, images):
        np.testing.assert_allclose(b.reshape(a.shape), a, rtol=1e-12, atol=1e-12)


@given(shapes, seeds)
def test_gradient_of_X_sums_to_zero_and_is_orthogonal_to_X(shape, data_seed):
    """Because neither a shift nor (with eps = 0) a scale of a feature changes the output."""
    X, gamma, beta, dY = example(np.random.default_rng(data_seed), shape)
    _, dX, _, _ = run('plain', X, gamma, beta, dY, eps=0)
    axes = (0, *range(2, X.ndim))
    deviation = X.std(axis=axes)
    size = np.abs(gamma) * np.abs(dY).sum(axis=axes) / deviation  # that of the terms which cancel
    assert np.all(np.abs(dX.sum(axis=axes)) <= 1e-10 * size)
    X_hat = (X - X.mean(axis=axes, keepdims=True)) / X.std(axis=axes, keepdims=True)
    assert np.all(np.abs((dX * X_hat).sum(axis=axes)) <= 1e-10 * size * np.abs(X_hat).max())


@given(st.tuples(st.integers(2, 6), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)), seeds,
       st.floats(-1e4, 1e4), st.floats(1e-2, 1e2))
def test_fast_and_plain_agree(shape, data_seed, mean, std):
    X, gamma, beta, dY = (a.astype('float32') for a in example(np.random.default_rng(data_seed), shape, mean, std))
    expected = [oracle(X, gamma, beta), *oracle_gradients(X, gamma, dY)]
    # X itself is only known to half a unit in its last place, and so is all that follows from it
    tolerance = 1e-4 + 10 * np.finfo('float32').eps * abs(mean) / max(1e-2, X.std(axis=(0, 2, 3)).min())
    for found, right in zip(run('fast', X, gamma, beta, dY, dtype='float32'), expected):
        assert np.abs(found - right).max() <= tolerance * max(1, np.abs(right).max())


# ---- the stored statistics -------------------------------------------------------------------------------------------

def layer(X, means, vars_, is_training=True, momentum=0.9, name='bn', **options):
    C = X.shape[1]
    return batch_norm(X, nd.ones(C, ctx=X.ctx), nd.zeros(C, ctx=X.ctx), means, vars_, momentum, layer_name=name,
                      is_training=is_training, **options)


@pytest.mark.parametrize('shape', [(8, 3), (8, 3, 4, 4)], ids=str)
def test_first_batch_is_stored_as_it_is_and_momentum_is_the_weight_of_the_old_value(ctx, rng, shape):
    axes = (0, *range(2, len(shape)))
    batches = rng.normal(5, 2, (3, *shape))
    means, vars_ = {}, {}
    expected = None
    for X in batches:
        layer(nd.array(X, ctx=ctx), means, vars_, momentum=0.75)
        new = X.mean(axis=axes), X.var(axis=axes)  # NumPy's var is the biased one
        expected = new if expected is None else tuple(0.75 * o + 0.25 * n for o, n in zip(expected, new))
        np.testing.assert_allclose(means['bn'].asnumpy(), expected[0], rtol=1e-5)
        np.testing.assert_allclose(vars_['bn'].asnumpy(), expected[1], rtol=1e-4)
    assert means['bn'].shape == vars_['bn'].shape == (3,)
    assert means['bn'].ctx == ctx


def test_testing_uses_the_stored_values_and_changes_nothing(ctx, rng):
    shape = (8, 3, 4, 4)
    means, vars_ = {}, {}
    layer(nd.array(rng.normal(5, 2, shape), ctx=ctx), means, vars_)
    kept = {name: (d['bn'], d['bn'].asnumpy()) for name, d in (('means', means), ('vars', vars_))}
    X = rng.normal(-1, 3, shape)
    out = layer(nd.array(X, ctx=ctx), means, vars_, is_training=False)
    expected = oracle(X, np.ones(3), np.zeros(3), mean=kept['means'][1], var=kept['vars'][1])
    np.testing.assert_allclose(out.asnumpy(), expected, rtol=1e-4, atol=1e-4)
    for name, d in (('means', means), ('vars', vars_)):
        assert list(d) == ['bn']
        assert d['bn'] is kept[name][0]
        np.testing.assert_array_equal(d['bn'].asnumpy(), kept[name][1])


def test_testing_works_on_a_batch_of_one(rng):
    means, vars_ = {}, {}
    layer(nd.array(rng.normal(size=(8, 3))), means, vars_)
    assert layer(nd.zeros((1, 3)), means, vars_, is_training=False).shape == (1, 3)


def test_a_stored_array_is_replaced_and_never_written_into(rng):
    means, vars_ = {}, {}
    layer(nd.array(rng.normal(size=(8, 3))), means, vars_)
    old, value = means['bn'], means['bn'].asnumpy()
    layer(nd.array(rng.normal(size=(8, 3))), means, vars_)
    assert means['bn'] is not old
    np.testing.assert_array_equal(old.asnumpy(), value)


@pytest.mark.parametrize('impl', IMPLS)
def test_stored_values_are_not_on_the_tape(rng, impl):
    X = nd.array(rng.normal(size=(4, 2, 3, 3)))
    X.attach_grad()
    means, vars_ = {}, {}
    with autograd.record():
        for _ in range(2):
            layer(X, means, vars_, impl=impl)
        y = means['bn'] + vars_['bn']
    with pytest.raises(mx.MXNetError, match='computational graph'):
        y.backward()


@pytest.mark.parametrize('momentum', [0, 1])
def test_the_ends_of_momentum(rng, momentum):
    first, second = (nd.array(rng.normal(size=(8, 3))) for _ in range(2))
    means, vars_ = {}, {}
    layer(first, means, vars_, momentum=momentum)
    layer(second, means, vars_, momentum=momentum)
    np.testing.assert_allclose(means['bn'].asnumpy(), (first if momentum else second).asnumpy().mean(axis=0), atol=1e-6)


def test_layers_of_other_names_are_left_alone(rng):
    means, vars_ = {}, {}
    layer(nd.array(rng.normal(size=(8, 3))), means, vars_, name='bn1')
    kept = means['bn1']
    layer(nd.array(rng.normal(size=(8, 5))), means, vars_, name='bn2')
    assert means['bn1'] is kept
    assert set(vars_) == {'bn1', 'bn2'}


def test_debug_prints_name_mean_variance_stored_values_and_output(capsys):
    X = nd.array([[1.], [3.]])
    layer(X, {}, {}, name='bn7', debug=True)
    printed = capsys.readouterr().out
    for part in ("'bn7'", 'mean = \n[2.]', 'var = \n[1.]', "bn_ewv_means['bn7'] = \n[2.]",
                 "bn_ewv_vars['bn7'] = \n[1.]", '-0.999995'):
        assert part in printed


def test_without_debug_nothing_is_printed(capsys):
    layer(nd.array([[1.], [3.]]), {}, {})
    assert capsys.readouterr().out == ''


def test_training_leaves_no_arrays_behind(rng):
    X, gamma, beta = nd.array(rng.normal(size=(8, 3))), nd.ones(3), nd.zeros(3)
    for a in (X, gamma, beta):
        a.attach_grad()
    means, vars_ = {}, {}

    def steps(n):
        for _ in range(n):
            with autograd.record():
                out = batch_norm(X, gamma, beta, means, vars_)
            out.backward()
        gc.collect()
        return sum(isinstance(o, nd.NDArray) for o in gc.get_objects())

    assert steps(3) == steps(30)


# ---- what it refuses -------------------------------------------------------------------------------------------------

def ones(*shape, **options):
    return nd.ones(shape, **options)


@pytest.mark.parametrize(('X', 'gamma', 'beta', 'error', 'message'), [
    (ones(3), ones(3), ones(3), ValueError, r'\(3,\).*\(m, D\).*\(m, C, H, W\)'),
    (ones(2, 3, 4), ones(3), ones(3), ValueError, r'\(2, 3, 4\).*\(m, D\).*\(m, C, H, W\)'),
    (ones(2, 3, 4, 5, 6), ones(3), ones(3), ValueError, r'\(m, D\).*\(m, C, H, W\)'),
    (ones(4, 3), ones(4), ones(3), ValueError, r'gamma has shape \(4,\).*\(3,\)'),
    (ones(4, 3), ones(3), ones(1, 3), ValueError, r'beta has shape \(1, 3\).*\(3,\)'),
    (ones(4, 3, 2, 2), ones(2), ones(3), ValueError, r'gamma has shape \(2,\).*3 channels'),
    (nd.array(np.zeros((0, 3))), ones(3), ones(3), ValueError, r'\(0, 3\).*empty batch'),
    (ones(4, 3, dtype='int32'), ones(3), ones(3), TypeError, r'X has type int32.*float32'),
    (ones(4, 3), ones(3, dtype='float64'), ones(3), TypeError, r'gamma has type float64 and X float32'),
    (ones(4, 3), ones(3), ones(3, dtype='float16'), TypeError, r'beta has type float16 and X float32'),
    (ones(4, 3), ones(3, ctx=mx.cpu(1)), ones(3), ValueError, r'gamma is on cpu\(1\) and X on cpu\(0\)'),
    (np.ones((4, 3)), ones(3), ones(3), TypeError, r'X is a numpy.ndarray.*NDArray'),
    (ones(4, 3), [1, 1, 1], ones(3), TypeError, r'gamma is a builtins.list'),
    (mx.np.ones((4, 3)), ones(3), ones(3), TypeError, r'X is a mxnet.numpy.ndarray'),
    (ones(1, 3), ones(3), ones(3), ValueError, r'\(1, 3\).*one value per feature.*beta'),
    (ones(1, 3, 1, 1), ones(3), ones(3), ValueError, r'\(1, 3, 1, 1\).*one value per channel'),
], ids=lambda value: str(getattr(value, 'shape', value))[:40])
def test_refuses_arrays_that_do_not_fit(X, gamma, beta, error, message):
    means, vars_ = {}, {}
    with pytest.raises(error, match=message):
        batch_norm(X, gamma, beta, means, vars_)
    assert means == vars_ == {}
    with pytest.raises(error, match=message):
        pure_batch_norm(X, gamma, beta)


@pytest.mark.parametrize(('options', 'message'), [
    ({'eps': -1e-5}, 'eps is -1e-05'), ({'eps': float('nan')}, 'eps is nan'),
    ({'momentum': -0.1}, r'momentum is -0.1.*from 0 to 1'), ({'momentum': 1.5}, 'momentum is 1.5'),
    ({'impl': 'quick'}, "impl is 'quick'.*'plain' or 'fast'")], ids=str)
def test_refuses_numbers_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        layer(ones(4, 3), {}, {}, **options)


def test_testing_an_unknown_layer_names_it_and_the_known_ones(rng):
    means, vars_ = {}, {}
    layer(nd.array(rng.normal(size=(8, 3))), means, vars_, name='bn1')
    with pytest.raises(ValueError, match="layer 'bn3'; known layers: 'bn1'"):
        layer(ones(4, 3), means, vars_, name='bn3', is_training=False)
    with pytest.raises(ValueError, match='known layers: none'):
        layer(ones(4, 3), {}, {}, is_training=False)
    assert list(means) == ['bn1']


@pytest.mark.parametrize('name', [[], {}, set()], ids=repr)
def test_refuses_a_name_that_is_no_key(name):
    means, vars_ = {}, {}
    for is_training in (True, False):
        with pytest.raises(TypeError, match=r"^layer_name is .*; expected the layer's key"):
            layer(ones(4, 3), means, vars_, name=name, is_training=is_training)
    assert means == vars_ == {}


def test_refuses_dictionaries_that_do_not_belong_together(rng):
    X, same = ones(4, 3), {}
    with pytest.raises(ValueError, match='same dictionary'):
        layer(X, same, same)
    with pytest.raises(TypeError, match='bn_ewv_means is a NoneType'):
        layer(X, None, {})
    with pytest.raises(ValueError, match='only one of'):
        layer(X, {'bn': nd.zeros(3)}, {})
    for is_training in (True, False):
        with pytest.raises(ValueError, match=r"bn_ewv_vars\['bn'\] has shape \(4,\).*\(3,\)"):
            layer(X, {'bn': nd.zeros(3)}, {'bn': nd.zeros(4)}, is_training)
        with pytest.raises(ValueError, match=r"bn_ewv_means\['bn'\] is on cpu\(1\)"):
            layer(X, {'bn': nd.zeros(3, ctx=mx.cpu(1))}, {'bn': nd.zeros(3)}, is_training)
        with pytest.raises(TypeError, match=r"bn_ewv_means\['bn'\] has type float64"):
            layer(X, {'bn': nd.zeros(3, dtype='float64')}, {'bn': nd.zeros(3)}, is_training)


def test_which_impl_says_what_runs():
    assert which_impl(ones(4, 3, 2, 2)) == 'fast'
    assert which_impl(ones(4, 3, 2, 2), 'plain') == 'plain'
    with pytest.raises(ValueError, match=r"impl='fast' is for"):
        which_impl(ones(4, 3, dtype='float16'), 'fast')
    with pytest.raises(TypeError, match='X is a numpy.ndarray; expected an mxnet.nd.NDArray'):
        which_impl(np.ones((4, 3)))


# ---- the same for all three formulations: the formula, native operators, MXNet's quick operators ---------------------

@pytest.fixture(params=['plain', 'native', 'operators'])
def computed_by(request, monkeypatch):
    """The value of ``impl`` for a formulation; skips what a formulation is not for."""
    if request.param == 'native':
        request.getfixturevalue('library')
    if request.param == 'operators':
        monkeypatch.setattr(operators, 'available', lambda: False)

    def impl(shape, dtype):
        if request.param == 'operators' and not (len(shape) == 4 and dtype == 'float32'):
            pytest.skip('MXNet\'s quick operators are for (m, C, H, W) in float32')
        return 'plain' if request.param == 'plain' else 'fast'

    return impl


FORMS = [(5, 3), (6, 700), (40, 530), (3, 4, 2, 7), (4, 3, 9, 2), (9, 20, 30, 31)]


@pytest.mark.parametrize('mean', [0, 1e4, 1e6])
@pytest.mark.parametrize('is_training', [True, False])
@pytest.mark.parametrize('dtype', ['float32', 'float64'])
@pytest.mark.parametrize('shape', FORMS, ids=str)
def test_values_gradients_and_statistics_agree_with_float64(computed_by, rng, shape, dtype, is_training, mean):
    impl, axes = computed_by(shape, dtype), (0, *range(2, len(shape)))
    X, gamma, beta, dY = (a.astype(dtype).astype('float64') for a in example(rng, shape, mean, 1))
    arrays = [nd.array(a, dtype=dtype) for a in (X, gamma, beta)]
    for array in arrays:
        array.attach_grad()
    exact = X.mean(axis=axes), X.var(axis=axes)
    kept = tuple(a.astype(dtype) for a in exact)
    means, vars_ = ({'bn': nd.array(a, dtype=dtype)} for a in kept)
    with autograd.record(train_mode=is_training):
        out = batch_norm(*arrays, means, vars_, 0.0, layer_name='bn', is_training=is_training, impl=impl)
    out.backward(nd.array(dY, dtype=dtype), train_mode=is_training)
    beside = (1, -1) + (1,) * (len(shape) - 2)
    used_mean, used_var = (a.astype('float64').reshape(beside) for a in (exact if is_training else kept))
    X_hat = (X - used_mean) / np.sqrt(used_var + 1e-5)
    dgamma, dbeta = (dY * X_hat).sum(axis=axes), dY.sum(axis=axes)
    dX = gamma.reshape(beside) * dY / np.sqrt(used_var + 1e-5) if not is_training else oracle_gradients(X, gamma, dY)[0]
    expected = {'out': gamma.reshape(beside) * X_hat + beta.reshape(beside), 'dX': dX, 'dgamma': dgamma, 'dbeta': dbeta,
                'mean': kept[0], 'var': exact[1]}
    found = dict(zip(expected, (out, *(a.grad for a in arrays), means['bn'], vars_['bn'])))
    narrow = 1 / np.sqrt(exact[1].min())
    sums = np.sqrt(dY.size / shape[1]) * max(1, np.abs(X_hat).max())
    for name, value in expected.items():
        scale = {'dX': np.abs(dY).max() * 3 * narrow, 'dgamma': sums, 'dbeta': sums}.get(name, 1) * max(1, narrow)
        a = np.abs(found[name].asnumpy() - value).max() / max(scale, np.abs(value).max())
        assert a < (2e-5 if dtype == 'float32' else 1e-9), (name, a)


@pytest.mark.parametrize('value', [0.1, 1 / 3, 1e5 + 0.3, 1e8, -7.7])
@pytest.mark.parametrize('shape', [(64, 3), (7, 3, 5, 9), (300, 3)], ids=str)
def test_a_constant_feature_becomes_beta(computed_by, shape, value):
    X, beta = nd.full(shape, value), nd.array([1, -2, 3])
    means, vars_ = {}, {}
    out = batch_norm(X, nd.array([2, 3, 4]), beta, means, vars_, impl=computed_by(shape, 'float32')).asnumpy()
    rows = np.moveaxis(out, 1, -1).reshape(-1, 3)
    np.testing.assert_allclose(rows, np.tile([1, -2, 3], (len(rows), 1)), rtol=1e-6)
    np.testing.assert_allclose(means[''].asnumpy(), np.float32(value), rtol=1e-6)
    assert np.abs(vars_[''].asnumpy()).max() <= 1e-12 * value ** 2


@pytest.mark.parametrize('shape', [(700, 530), (90, 3, 30, 31), (5, 2, 200, 201)], ids=str)
def test_parts_of_a_batch_with_means_of_their_own_have_the_variance_of_the_whole(computed_by, rng, shape):
    """The examples rise: most of the variance is between the parts that the sums are made of, not within them."""
    X = (rng.normal(0, 1, shape).T + np.linspace(-20, 60, shape[0])).T.astype('float32')
    means, vars_, axes = {}, {}, (0, *range(2, len(shape)))
    out = batch_norm(nd.array(X), nd.ones(shape[1]), nd.zeros(shape[1]), means, vars_,
                     impl=computed_by(shape, 'float32')).asnumpy()
    X = X.astype('float64')
    mean, var = X.mean(axis=axes, keepdims=True), X.var(axis=axes, keepdims=True)
    np.testing.assert_allclose(means[''].asnumpy(), mean.ravel(), rtol=1e-5)
    np.testing.assert_allclose(vars_[''].asnumpy(), var.ravel(), rtol=1e-5)
    np.testing.assert_allclose(out, (X - mean) / np.sqrt(var + 1e-5), rtol=0, atol=1e-5)


@pytest.mark.parametrize('shape', [(70, 64), (4, 64, 5, 7)], ids=str)
def test_a_first_value_far_from_the_others_costs_the_stored_mean_no_accuracy(computed_by, rng, shape):
    """It is what X is shifted by. What the shifted mean loses in rounding has to come back; plain sums lose more."""
    impl = computed_by(shape, 'float32')
    X = rng.normal(0, 1, shape).astype('float32')
    X[(0, slice(None), *(0,) * (len(shape) - 2))] = 1e6
    means = {}
    batch_norm(nd.array(X), nd.ones(64), nd.zeros(64), means, {}, impl=impl)
    exact = X.astype('float64').mean(axis=(0, *range(2, len(shape))))
    np.testing.assert_allclose(means[''].asnumpy(), exact, rtol=5e-7, atol=2e-6 * X.std() if impl == 'plain' else 0)


@pytest.mark.parametrize('shape', [(5, 3), (200, 130), (3, 4, 2, 7), (9, 20, 30, 31)], ids=str)
@pytest.mark.parametrize('is_training', [True, False])
def test_gradients_are_added_with_grad_req_add(computed_by, rng, shape, is_training):
    impl, dtype = computed_by(shape, 'float32'), 'float32'
    arrays = [nd.array(a, dtype=dtype) for a in example(rng, shape)[:3]]
    dY, gradients = nd.array(rng.normal(size=shape)), {}
    means, vars_ = {'': nd.ones(shape[1])}, {'': nd.ones(shape[1])}
    for request, times in (('write', 1), ('add', 3)):
        for array in arrays:
            array.attach_grad(request)
        for _ in range(times):
            with autograd.record():
                out = batch_norm(*arrays, means, vars_, 1.0, is_training=is_training, impl=impl)
            out.backward(dY)
        gradients[request] = [array.grad.asnumpy() for array in arrays]
    for once, added in zip(gradients['write'], gradients['add']):
        np.testing.assert_allclose(added, 3 * once, rtol=1e-5, atol=1e-5 * np.abs(once).max())


def test_small_layers_are_refused_one_dictionary_and_print_when_asked_however_often_they_ran(capsys):
    X, statistics = nd.array([[1.], [3.]]), ({}, {})
    for _ in range(3):
        layer(X, *statistics)
    for _ in range(2):
        layer(X, *statistics, debug=True)
        assert "'bn'" in capsys.readouterr().out
    same = {'bn': nd.ones(1)}
    with pytest.raises(ValueError, match='same dictionary'):
        layer(X, same, same)
    assert same['bn'].asscalar() == 1


@pytest.mark.parametrize('shape', [(4, 2), (4, 2, 3, 5)], ids=str)
def test_the_first_stored_values_are_not_on_the_tape_either(computed_by, rng, shape):
    X, means, vars_ = nd.array(rng.normal(size=shape)), {}, {}
    X.attach_grad()
    with autograd.record():
        layer(X, means, vars_, impl=computed_by(shape, 'float32'))
        y = means['bn'] + vars_['bn']
    with pytest.raises(mx.MXNetError, match='computational graph'):
        y.backward()
