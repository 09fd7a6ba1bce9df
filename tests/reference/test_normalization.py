"""The NumPy layers: cs231n's published numbers, gradient checks, wrong terms, and MXNet as an independent source."""
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gluon_bn import reference
from gluon_bn._mxnet import autograd, nd
from gluon_bn.gradient_check import GradientError, check_gradients, rel_error

BACKWARDS = {'staged': reference.batchnorm_backward, 'closed form': reference.batchnorm_backward_alt}


def two_layer_net(seed=231, N=200, D1=50, D2=60, D3=3):
    """The activations of cs231n's exercise."""
    np.random.seed(seed)
    X, W1, W2 = np.random.randn(N, D1), np.random.randn(D1, D2), np.random.randn(D2, D3)
    return np.maximum(0, X.dot(W1)).dot(W2)


def problem(rng, shape, features):
    """Arguments of a layer away from 0 and 1, and a random upstream gradient."""
    return (3 * rng.standard_normal(shape) + 12, rng.standard_normal(features) + 0.5, rng.standard_normal(features),
            rng.standard_normal(shape))


def test_forward_gives_the_published_means_and_stds():
    a = two_layer_net()
    np.testing.assert_allclose(a.mean(axis=0), [-2.3814598, -13.18038246, 1.91780462], atol=5e-9)
    np.testing.assert_allclose(a.std(axis=0), [27.18502186, 34.21455511, 37.68611762], atol=5e-9)
    out, _ = reference.batchnorm_forward(a, np.ones(3), np.zeros(3), {'mode': 'train'})
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(out.std(axis=0), [0.99999999, 1, 1], atol=5e-9)
    out, _ = reference.batchnorm_forward(a, np.array([1., 2., 3.]), np.array([11., 12., 13.]), {'mode': 'train'})
    np.testing.assert_allclose(out.mean(axis=0), [11, 12, 13], rtol=1e-13)
    np.testing.assert_allclose(out.std(axis=0), [0.99999999, 1.99999999, 2.99999999], atol=5e-9)


def test_after_50_batches_test_mode_gives_the_published_means_and_stds():
    np.random.seed(231)
    N, D1, D2, D3 = 200, 50, 60, 3
    W1, W2 = np.random.randn(D1, D2), np.random.randn(D2, D3)
    bn_param = {'mode': 'train'}
    for _ in range(50):
        a = np.maximum(0, np.random.randn(N, D1).dot(W1)).dot(W2)
        reference.batchnorm_forward(a, np.ones(D3), np.zeros(D3), bn_param)
    bn_param['mode'] = 'test'
    a = np.maximum(0, np.random.randn(N, D1).dot(W1)).dot(W2)
    out, _ = reference.batchnorm_forward(a, np.ones(D3), np.zeros(D3), bn_param)
    np.testing.assert_allclose(out.mean(axis=0), [-0.03927354, -0.04349152, -0.10452688], atol=5e-9)
    np.testing.assert_allclose(out.std(axis=0), [1.01531428, 1.01238373, 0.97819988], atol=5e-9)


@pytest.mark.parametrize('backward', BACKWARDS.values(), ids=BACKWARDS)
def test_gradients_on_the_exercises_numbers(backward):
    np.random.seed(231)
    x = 5 * np.random.randn(4, 5) + 12
    gamma, beta, dout = np.random.randn(5), np.random.randn(5), np.random.randn(4, 5)
    _, cache = reference.batchnorm_forward(x, gamma, beta, {'mode': 'train'})
    gradients = dict(zip(('x', 'gamma', 'beta'), backward(dout, cache)))
    errors = check_gradients(lambda: reference.batchnorm_forward(x, gamma, beta, {'mode': 'train'})[0],
                             {'x': x, 'gamma': gamma, 'beta': beta}, gradients, dout)
    assert errors['x'] < 1e-8
    assert errors['gamma'] < 1e-11
    assert errors['beta'] < 1e-11


def test_staged_and_closed_form_agree():
    np.random.seed(231)
    x = 5 * np.random.randn(100, 500) + 12
    gamma, beta, dout = np.random.randn(500), np.random.randn(500), np.random.randn(100, 500)
    _, cache = reference.batchnorm_forward(x, gamma, beta, {'mode': 'train'})
    for staged, closed in zip(reference.batchnorm_backward(dout, cache), reference.batchnorm_backward_alt(dout, cache)):
        assert rel_error(staged, closed) < 1e-11


@pytest.mark.parametrize('backward', BACKWARDS.values(), ids=BACKWARDS)
@pytest.mark.parametrize('mode', ['train', 'test'])
def test_gradients_in_both_modes(backward, mode, rng):
    x, gamma, beta, dout = problem(rng, (5, 4), 4)
    running = {'running_mean': rng.standard_normal(4), 'running_var': rng.uniform(0.5, 2, 4), 'eps': 0.01}

    def forward():
        return reference.batchnorm_forward(x, gamma, beta, {'mode': mode, **running})

    gradients = dict(zip(('x', 'gamma', 'beta'), backward(dout, forward()[1])))
    check_gradients(lambda: forward()[0], {'x': x, 'gamma': gamma, 'beta': beta}, gradients, dout)


def by_terms(x, gamma, dout, direct=1, mean=1, variance=1, std=lambda var: np.sqrt(var + 1e-5), upstream=None,
             dgamma=lambda dout, xhat: (dout * xhat).sum(axis=0), dbeta=np.sum):
    """The gradients of batch norm, each term with a factor: 1 is right."""
    xhat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    dxhat = dout if upstream == 'without gamma' else dout * gamma
    dx = (direct * dxhat - mean * dxhat.mean(axis=0) - variance * xhat * (dxhat * xhat).mean(axis=0))
    return dx / std(x.var(axis=0)), dgamma(dout, xhat), dbeta(dout, axis=0)


# What may be wrong in a backward pass for batches of five; each must fail the check.
WRONG_TERMS = {
    'direct term dropped': {'direct': 0}, 'mean term dropped': {'mean': 0}, 'variance term dropped': {'variance': 0},
    'sign of the mean term': {'mean': -1}, 'sign of the variance term': {'variance': -1},
    'm - 1 for m in the mean': {'mean': 5 / 4}, 'm - 1 for m in the variance': {'variance': 5 / 4},
    '2 dropped from the square': {'variance': 1 / 2}, '2 dropped from the root': {'variance': 2},
    'gamma dropped': {'upstream': 'without gamma'}, 'no root': {'std': lambda var: var + 1e-5},
    'eps outside the root': {'std': lambda var: np.sqrt(var) + 1e-5},
    'xhat dropped from dgamma': {'dgamma': lambda dout, xhat: dout.sum(axis=0)},
    'sum missing in dbeta': {'dbeta': np.mean},
}


@pytest.mark.parametrize('wrong', WRONG_TERMS)
def test_a_wrong_term_fails_the_check(wrong, rng):
    x, gamma, beta, dout = problem(rng, (5, 3), 3)
    x = (x - 12) / 3
    _, cache = reference.batchnorm_forward(x, gamma, beta, {'mode': 'train'})

    def check(gradients):
        check_gradients(lambda: reference.batchnorm_forward(x, gamma, beta, {'mode': 'train'})[0],
                        {'x': x, 'gamma': gamma, 'beta': beta}, dict(zip(('x', 'gamma', 'beta'), gradients)), dout,
                        tolerance=1e-7)

    check(by_terms(x, gamma, dout))
    for backward in BACKWARDS.values():
        for ours, expected in zip(backward(dout, cache), by_terms(x, gamma, dout)):
            np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)
    with pytest.raises(GradientError):
        check(by_terms(x, gamma, dout, **WRONG_TERMS[wrong]))


@pytest.mark.parametrize('shape', [(3, 4, 2, 5), (1, 2, 3, 3)])
def test_spatial_batchnorm_agrees_with_mxnet(shape, rng):
    x, gamma, beta, dout = problem(rng, shape, shape[1])
    bn_param = {'mode': 'train', 'eps': 1e-3}
    out, cache = reference.spatial_batchnorm_forward(x, gamma, beta, bn_param)
    expected = mxnet_layer(lambda X, g, b: nd.BatchNorm(X, g, b, nd.zeros(shape[1], dtype='float64'),
                                                        nd.ones(shape[1], dtype='float64'), eps=1e-3, fix_gamma=False),
                           x, gamma, beta, dout)
    for ours, theirs in zip((out, *reference.spatial_batchnorm_backward(dout, cache)), expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_layernorm_agrees_with_mxnet(rng):
    x, gamma, beta, dout = problem(rng, (4, 6), 6)
    out, cache = reference.layernorm_forward(x, gamma, beta, {'eps': 1e-3})
    expected = mxnet_layer(lambda X, g, b: nd.LayerNorm(X, g, b, eps=1e-3), x, gamma, beta, dout)
    for ours, theirs in zip((out, *reference.layernorm_backward(dout, cache)), expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def mxnet_layer(layer, x, gamma, beta, dout):
    """The output and the gradients of one of MXNet's layers in float64."""
    X, g, b = (nd.array(array, dtype='float64') for array in (x, gamma, beta))
    for array in (X, g, b):
        array.attach_grad()
    with autograd.record():
        out = layer(X, g, b)
    out.backward(nd.array(dout, dtype='float64'))
    return [array.asnumpy() for array in (out, X.grad, g.grad, b.grad)]


def test_layernorm_gives_the_published_means_and_stds():
    a = two_layer_net(N=4)
    np.testing.assert_allclose(a.mean(axis=1), [-59.06673243, -47.60782686, -43.31137368, -26.40991744], atol=5e-9)
    out, _ = reference.layernorm_forward(a, np.ones(3), np.zeros(3), {'mode': 'train'})
    np.testing.assert_allclose(out.mean(axis=1), 0, atol=2e-15)
    np.testing.assert_allclose(out.std(axis=1), [0.99999995, 0.99999999, 1, 0.99999969], atol=5e-9)
    out, _ = reference.layernorm_forward(a, np.full(3, 3.), np.full(3, 5.), {})
    np.testing.assert_allclose(out.std(axis=1), [2.99999985, 2.99999998, 2.99999999, 2.99999907], atol=5e-9)


def test_layernorm_gradients(rng):
    x, gamma, beta, dout = problem(rng, (3, 5), 5)
    gradients = reference.layernorm_backward(dout, reference.layernorm_forward(x, gamma, beta, {})[1])
    check_gradients(lambda: reference.layernorm_forward(x, gamma, beta, {})[0],
                    {'x': x, 'gamma': gamma, 'beta': beta}, dict(zip(('x', 'gamma', 'beta'), gradients)), dout)


@pytest.mark.parametrize('parameter_shape', [(6,), (1, 6, 1, 1)])
@pytest.mark.parametrize('G', [1, 2, 3])
def test_groupnorm_gradients(parameter_shape, G, rng):
    x, gamma, beta, dout = problem(rng, (2, 6, 2, 3), parameter_shape)
    out, cache = reference.spatial_groupnorm_forward(x, gamma, beta, G, {})
    gradients = reference.spatial_groupnorm_backward(dout, cache)
    check_gradients(lambda: reference.spatial_groupnorm_forward(x, gamma, beta, G, {})[0],
                    {'x': x, 'gamma': gamma, 'beta': beta}, dict(zip(('x', 'gamma', 'beta'), gradients)), dout)


def test_groupnorm_with_one_group_is_layernorm_of_the_whole_example(rng):
    x = rng.standard_normal((3, 4, 2, 2))
    out, _ = reference.spatial_groupnorm_forward(x, np.ones(4), np.zeros(4), 1, {})
    flat, _ = reference.layernorm_forward(x.reshape(3, -1), np.ones(16), np.zeros(16), {})
    np.testing.assert_allclose(out.reshape(3, -1), flat, rtol=1e-12, atol=1e-12)


@given(arrays(np.float64, (6, 3), elements=st.floats(-100, 100)), st.floats(0.5, 20), st.floats(-100, 100))
def test_batchnorm_does_not_see_a_shift_and_a_scale(x, scale, shift):
    x = x + 30 * np.eye(6, 3)  # no feature is the same in all examples
    if (x.std(axis=0) < 0.1).any():
        return
    args = np.ones(3), np.zeros(3), {'mode': 'train', 'eps': 0}
    out, cache = reference.batchnorm_forward(x, *args)
    again, _ = reference.batchnorm_forward(scale * x + shift, *args)
    np.testing.assert_allclose(again, out, rtol=1e-8, atol=1e-8)
    dx, _, _ = reference.batchnorm_backward(np.cos(np.arange(18.)).reshape(6, 3), cache)
    np.testing.assert_allclose(dx.sum(axis=0), 0, atol=1e-9)            # nothing along a shift
    np.testing.assert_allclose((dx * x).sum(axis=0), 0, atol=1e-7)      # nothing along a scale


def test_running_values_start_at_zero_and_momentum_weighs_the_old_value():
    x = np.array([[1.], [3.]])
    bn_param = {'mode': 'train', 'momentum': 0.75}
    reference.batchnorm_forward(x, np.ones(1), np.zeros(1), bn_param)
    assert bn_param['running_mean'].tolist() == [0.25 * 2]
    assert bn_param['running_var'].tolist() == [0.25 * 1]
    reference.batchnorm_forward(x + 2, np.ones(1), np.zeros(1), bn_param)
    assert bn_param['running_mean'].tolist() == [0.75 * 0.5 + 0.25 * 4]


def test_without_momentum_the_running_values_are_the_mean_over_all_batches(rng):
    batches = rng.standard_normal((7, 5, 3))
    bn_param = {'mode': 'train', 'momentum': None}
    for batch in batches:
        reference.batchnorm_forward(batch, np.ones(3), np.zeros(3), bn_param)
    np.testing.assert_allclose(bn_param['running_mean'], batches.mean(axis=1).mean(axis=0), atol=1e-15)
    np.testing.assert_allclose(bn_param['running_var'], batches.var(axis=1).mean(axis=0), rtol=1e-14)


def test_test_mode_changes_nothing(rng):
    x = rng.standard_normal((4, 3))
    bn_param = {'mode': 'test', 'running_mean': np.ones(3), 'running_var': np.full(3, 4.), 'eps': 0}
    out, _ = reference.batchnorm_forward(x, np.ones(3), np.zeros(3), bn_param)
    np.testing.assert_allclose(out, (x - 1) / 2, rtol=1e-15)
    assert sorted(bn_param) == ['eps', 'mode', 'running_mean', 'running_var']
    np.testing.assert_array_equal(bn_param['running_mean'], np.ones(3))


def test_float32_stays_float32_and_right_far_from_zero(rng):
    x = rng.standard_normal((200_000, 1)).astype(np.float32) + np.float32(1e4)
    bn_param = {'mode': 'train'}
    out, cache = reference.batchnorm_forward(x, np.ones(1, np.float32), np.zeros(1, np.float32), bn_param)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(out, (exact - exact.mean()) / np.sqrt(exact.var() + 1e-5), atol=2e-3)
    gradients = *reference.batchnorm_backward(out, cache), *reference.batchnorm_backward_alt(out, cache)
    assert {array.dtype for array in (out, bn_param['running_mean'], *gradients)} == {np.dtype(np.float32)}


ONE = np.ones(3)


@pytest.mark.parametrize(('arguments', 'message'), [
    ((np.ones((2, 3, 4)), ONE, ONE, {'mode': 'train'}), r'\(2, 3, 4\); expected \(N, D\)'),
    ((np.ones((0, 3)), ONE, ONE, {'mode': 'train'}), 'at least one example'),
    ((np.ones((1, 3)), ONE, ONE, {'mode': 'train'}), 'every output would be beta'),
    ((np.ones((2, 3)), np.ones(2), ONE, {'mode': 'train'}), r'gamma has shape \(2,\)'),
    ((np.ones((2, 3)), ONE, np.ones((1, 3)), {'mode': 'train'}), r'beta has shape \(1, 3\)'),
    ((np.ones((2, 3)), ONE, ONE, {}), "is None; expected 'train' or 'test'"),
    ((np.ones((2, 3)), ONE, ONE, {'mode': 'eval'}), "'eval'"),
    ((np.ones((2, 3)), ONE, ONE, {'mode': 'train', 'eps': -1}), 'eps is -1'),
    ((np.ones((2, 3)), ONE, ONE, {'mode': 'train', 'momentum': 2}), 'momentum is 2'),
])
def test_batchnorm_refuses_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        reference.batchnorm_forward(*arguments)


LAYERS = {
    'batchnorm': ((4, 2), lambda x: reference.batchnorm_forward(x, [1, 2], [3, 4], {'mode': 'train'}),
                  reference.batchnorm_backward),
    'closed form': ((4, 2), lambda x: reference.batchnorm_forward(x, [1, 2], [3, 4], {'mode': 'train'}),
                    reference.batchnorm_backward_alt),
    'batchnorm, test': ((4, 2), lambda x: reference.batchnorm_forward(x, [1, 2], [3, 4], {'mode': 'test'}),
                        reference.batchnorm_backward),
    'closed form, test': ((4, 2), lambda x: reference.batchnorm_forward(x, [1, 2], [3, 4], {'mode': 'test'}),
                          reference.batchnorm_backward_alt),
    'layernorm': ((4, 2), lambda x: reference.layernorm_forward(x, [1, 2], [3, 4], {}), reference.layernorm_backward),
    'spatial': ((4, 2, 3, 5), lambda x: reference.spatial_batchnorm_forward(x, [1, 2], [3, 4], {'mode': 'train'}),
                reference.spatial_batchnorm_backward),
    'group norm': ((4, 2, 3, 5), lambda x: reference.spatial_groupnorm_forward(x, [1, 2], [3, 4], 1, {}),
                   reference.spatial_groupnorm_backward)}


@pytest.mark.parametrize('name', LAYERS)
def test_an_upstream_gradient_of_another_shape_is_refused(name, rng):
    shape, forward, backward = LAYERS[name]
    _, cache = forward(rng.standard_normal(shape))
    others = [(1, *shape[1:]), (shape[0], 1, *shape[2:]), shape[:-1] + (1,), shape[1:], (), (1, *shape), shape[::-1],
              (*shape[:2], *shape[:1:-1]), (60, 2)]
    for other in [other for other in others if other != shape]:
        with pytest.raises(ValueError, match='dout has shape .*; expected'):
            backward(np.ones(other), cache)


@pytest.mark.parametrize('name', LAYERS)
def test_lists_and_integers_become_floats(name, rng):
    shape, forward, backward = LAYERS[name]
    x, dout = rng.integers(-9, 9, shape), rng.integers(-9, 9, shape)
    out, cache = forward(x.astype(float))
    expected = backward(dout.astype(float), cache)
    for kind in (np.asarray, np.ndarray.tolist, lambda a: a.astype(np.int8)):
        got, cache = forward(kind(x))
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, out)
        for ours, theirs in zip(backward(kind(dout), cache), expected):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize('x', ['text', np.ones((4, 2), complex), [[1], [1, 2]], None, np.ones((4, 2), bool)], ids=str)
@pytest.mark.parametrize('name', LAYERS)
def test_what_are_no_numbers_is_refused(name, x):
    with pytest.raises(TypeError, match='x (is|has type)'):
        LAYERS[name][1](x)


@pytest.mark.parametrize('kind', [np.matrix, np.ma.masked_array])
@pytest.mark.filterwarnings('ignore:the matrix subclass')
def test_the_arithmetic_of_other_kinds_of_arrays_has_no_part(kind, rng):
    x, dout = rng.standard_normal((3, 3)), rng.standard_normal((3, 3))
    cache = reference.batchnorm_forward(x, ONE, ONE, {'mode': 'train'})[1]
    for backward in BACKWARDS.values():
        np.testing.assert_array_equal(backward(kind(dout), cache)[0], backward(dout, cache)[0])


@pytest.mark.parametrize(('bn_param', 'message'), [
    ({'running_mean': np.zeros(1)}, r"running_mean'\] has shape \(1,\); expected \(3,\)"),
    ({'running_var': np.zeros((2, 3))}, r"running_var'\] has shape"),
    ({'running_var': [1., -1., 1.]}, r"running_var'\] has -1"), ({'num_batches': -1, 'momentum': None}, 'num_batches'),
    ({'num_batches': 1.5, 'momentum': None}, 'num_batches'), ({'eps': 'a'}, "eps is 'a'"),
    ({'eps': np.nan}, 'eps is nan'),
    ({'momentum': True}, 'momentum is True'), ({'momentum': 'x'}, "momentum is 'x'"), ({'mode': ['train']}, 'mode')])
def test_what_stands_in_bn_param_is_checked_before_anything_changes(bn_param, message):
    bn_param = {'mode': 'train', **bn_param}
    before = dict(bn_param)
    with pytest.raises((TypeError, ValueError), match=message):
        reference.batchnorm_forward(np.eye(3), ONE, ONE, bn_param)
    assert bn_param.keys() == before.keys()
    assert all(bn_param[name] is before[name] for name in before)


def test_parameters_that_are_no_dictionary_are_refused():
    with pytest.raises(TypeError, match='is a NoneType; expected a dictionary'):
        reference.layernorm_forward(np.eye(3), ONE, ONE, None)


@pytest.mark.parametrize('G', [0, 4, 1.5])
def test_groups_must_divide_the_channels(G):
    with pytest.raises(ValueError, match='divides the 6 channels'):
        reference.spatial_groupnorm_forward(np.ones((2, 6, 1, 1)), np.ones(6), np.ones(6), G, {})


@pytest.mark.parametrize('layer', [reference.spatial_batchnorm_forward,
                                   lambda *args: reference.spatial_groupnorm_forward(*args[:3], 1, {})])
def test_spatial_layers_want_four_axes(layer):
    with pytest.raises(ValueError, match=r'\(2, 3\).*\(N, C, H, W\)'):
        layer(np.ones((2, 3)), ONE, ONE, {'mode': 'train'})


@pytest.mark.parametrize(('scale', 'eps'), [(400, 1e-5), (1e-3, 1e-8)])
def test_half_precision_has_room_for_no_variance_and_is_widened(scale, eps, rng):
    x = (rng.standard_normal((6, 4, 1, 1)) * scale).astype(np.float16)
    gamma, beta, dout = rng.standard_normal(4), rng.standard_normal(4), rng.standard_normal((6, 4, 1, 1))
    flat, wide, param = x[..., 0, 0], x[..., 0, 0].astype(np.float64), {'mode': 'train', 'eps': eps}
    mean, var = wide.mean(0), wide.var(0)
    out, cache = reference.batchnorm_forward(flat, gamma, beta, dict(param))
    np.testing.assert_allclose(out, gamma * (wide - mean) / np.sqrt(var + eps) + beta, rtol=1e-4, atol=1e-5)
    spatial, _ = reference.spatial_batchnorm_forward(x, gamma, beta, dict(param))
    np.testing.assert_allclose(spatial[..., 0, 0], out, rtol=1e-6)
    _, double = reference.batchnorm_forward(wide, gamma, beta, dict(param))
    for backward in (reference.batchnorm_backward, reference.batchnorm_backward_alt):
        for d, expected in zip(backward(dout[..., 0, 0], cache), backward(dout[..., 0, 0], double)):
            np.testing.assert_allclose(d, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    out, _ = reference.layernorm_forward(flat, gamma, beta, {'eps': eps})
    expected = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + eps)
    np.testing.assert_allclose(out, gamma * expected + beta, rtol=1e-4, atol=1e-5)
    out, _ = reference.spatial_groupnorm_forward(x, gamma, beta, 1, {'eps': eps})
    np.testing.assert_allclose(out[..., 0, 0], gamma * expected + beta, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('shape', [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2), (2, 3, 2, 0), (2, 3, 2, 2, 1)])
@pytest.mark.parametrize('layer', [reference.spatial_batchnorm_forward,
                                   lambda *args: reference.spatial_groupnorm_forward(*args[:3], 1, {})])
def test_images_without_values_are_refused_by_their_own_shape(layer, shape):
    with pytest.raises(ValueError, match=rf"^x has shape {re.escape(str(shape))}; .* expects \(N, C, H, W\), each at "):
        layer(np.ones(shape), np.ones(shape[1]), np.ones(shape[1]), {'mode': 'train'})


@pytest.mark.parametrize('G', [True, -1, '1', None])
def test_a_number_of_groups_that_is_none_is_refused(G):
    with pytest.raises(ValueError, match='^G is .*; expected a number of groups that divides the 6 channels'):
        reference.spatial_groupnorm_forward(np.ones((2, 6, 1, 1)), np.ones(6), np.ones(6), G, {})
    assert reference.spatial_groupnorm_forward(np.ones((2, 6, 1, 1)), np.ones(6), np.ones(6), np.int8(6), {})


@pytest.mark.parametrize('shape', [(6, 1), (1, 6), (6, 1, 1, 1), (1, 6, 1), (5,), (1, 5, 1, 1), (2, 3)])
def test_groupnorm_refuses_parameters_of_another_shape_even_with_as_many_values(shape):
    x, right = np.ones((2, 6, 1, 1)), np.ones(6)
    for name, parameters in (('gamma', (np.ones(shape), right)), ('beta', (right, np.ones(shape)))):
        with pytest.raises(ValueError, match=rf'^{name} has shape {re.escape(str(shape))}; x .* needs \(6,\) or'):
            reference.spatial_groupnorm_forward(x, *parameters, 2, {})


@pytest.mark.parametrize(('bn_param', 'message'), [
    ({'momentum': -0.1}, 'momentum is -0.1; expected a finite number from 0 to 1 .*0.9 is the usual one, None the m'),
    ({'momentum': 1.1}, 'momentum is 1.1'), ({'eps': -1e-9}, 'eps is -1e-09; .*1e-5 is the usual one'),
    ({'mode': np.array(['train', 'test'])}, "mode.*expected 'train' or 'test'"),
    ({'mode': np.array('train')}, "mode.*expected 'train' or 'test'")])
def test_settings_just_out_of_range_are_refused_with_the_usual_ones(bn_param, message):
    with pytest.raises(ValueError, match=message):
        reference.batchnorm_forward(np.eye(3), ONE, ONE, {'mode': 'train', **bn_param})


@pytest.mark.parametrize('momentum', [0, 1])
def test_the_ends_of_the_range_of_momentum_are_in_it(momentum):
    bn_param = {'mode': 'train', 'momentum': momentum, 'running_mean': [7.], 'running_var': [0.]}
    reference.batchnorm_forward([[1], [3]], [1], [0], bn_param)
    assert (bn_param['running_mean'].tolist(), bn_param['running_var'].tolist()) == (([2], [1]), ([7], [0]))[momentum]


def test_one_example_is_enough_when_testing():
    bn_param = {'mode': 'test', 'running_mean': [1.], 'running_var': [4.], 'eps': 0}
    assert reference.batchnorm_forward([[5]], [3], [1], bn_param)[0].tolist() == [[7]]


def test_the_count_of_batches_goes_on_from_where_it_was():
    bn_param = {'mode': 'train', 'momentum': None, 'num_batches': 3, 'running_mean': [2.], 'running_var': [8.]}
    reference.batchnorm_forward([[4], [8]], [1], [0], bn_param)  # mean 6, variance 4
    assert bn_param['num_batches'] == 4
    assert (bn_param['running_mean'].tolist(), bn_param['running_var'].tolist()) == ([3], [7])


@pytest.mark.parametrize('name', LAYERS)
def test_gradients_are_floats_and_a_complex_upstream_gradient_is_refused(name, rng):
    shape, forward, backward = LAYERS[name]
    _, cache = forward(rng.standard_normal(shape))
    for dtype in (np.int8, np.int64):
        assert {gradient.dtype for gradient in backward(np.ones(shape, dtype), cache)} == {np.dtype(np.float64)}
    for dtype in (complex, bool):
        with pytest.raises(TypeError, match='^dout has type'):
            backward(np.ones(shape, dtype), cache)
