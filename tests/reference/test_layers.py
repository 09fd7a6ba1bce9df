import warnings

import numpy as np
import pytest

from gluon_bn.gradient_check import check_gradients
from gluon_bn.reference import layers


def test_affine_gradients(rng):
    x, w, b = rng.standard_normal((3, 2, 2)), rng.standard_normal((4, 5)), rng.standard_normal(5)
    dout = rng.standard_normal((3, 5))
    gradients = layers.affine_backward(dout, layers.affine_forward(x, w, b)[1])
    check_gradients(lambda: layers.affine_forward(x, w, b)[0], {'x': x, 'w': w, 'b': b},
                    dict(zip('xwb', gradients)), dout)


def test_affine_names_the_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match=r'6 values an example, and w \(5, 2\)'):
        layers.affine_forward(np.ones((4, 2, 3)), np.ones((5, 2)), np.ones(2))


def test_relu_gradients_away_from_the_kink(rng):
    x = rng.choice([-1, 1], (4, 5)) * rng.uniform(0.1, 2, (4, 5))
    dout = rng.standard_normal((4, 5))
    check_gradients(lambda: layers.relu_forward(x)[0], {'x': x}, {'x': layers.relu_backward(dout, x)}, dout)
    assert layers.relu_backward(np.ones(1), np.zeros(1)).tolist() == [0]


def test_dropout_gradients(rng):
    x, dout = rng.standard_normal((6, 5)), rng.standard_normal((6, 5))
    param = {'p': 0.3, 'mode': 'train', 'seed': 123}
    gradient = layers.dropout_backward(dout, layers.dropout_forward(x, param)[1])
    check_gradients(lambda: layers.dropout_forward(x, param)[0], {'x': x}, {'x': gradient}, dout)


def test_dropout_drops_with_probability_p_and_keeps_the_mean(seed):
    x = np.full((300, 300), 10.)
    out, _ = layers.dropout_forward(x, {'p': 0.25, 'mode': 'train'})
    assert abs((out == 0).mean() - 0.25) < 0.01  # 7 standard deviations
    assert abs(out.mean() - 10) < 0.15
    again, _ = layers.dropout_forward(x, {'p': 0.25, 'mode': 'train'})
    assert (again != out).any()


def test_dropout_passes_everything_on_when_testing(rng):
    x = rng.standard_normal((2, 3))
    out, cache = layers.dropout_forward(x, {'p': 0.9, 'mode': 'test'})
    np.testing.assert_array_equal(out, x)
    np.testing.assert_array_equal(layers.dropout_backward(x, cache), x)


@pytest.mark.parametrize(('param', 'message'), [({'p': 1, 'mode': 'train'}, 'p is 1; .*dropping'),
                                                ({'p': 0.5, 'mode': 'tset'}, "'tset'"), ({'p': 0.5}, 'has no mode'),
                                                ({'p': '0', 'mode': 'train'}, "p is '0'"),
                                                ({'p': np.nan, 'mode': 'train'}, 'p is nan'),
                                                ({'p': 0.5, 'mode': 'train', 'seed': -1}, 'seed is -1')])
def test_dropout_refuses(param, message):
    with pytest.raises((TypeError, ValueError), match=message):
        layers.dropout_forward(np.ones(3), param)


def test_softmax_gradients(rng):
    x, y = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    check_gradients(lambda: layers.softmax_loss(x, y)[0], {'x': x}, {'x': layers.softmax_loss(x, y)[1]})


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_softmax_does_not_overflow(dtype):
    x = np.array([[1e4, 0, -1e4], [-1e30, -1e30, -1e30]], dtype)
    loss, dx = layers.softmax_loss(x, np.array([1, 2]))
    assert loss.dtype == dx.dtype == dtype
    np.testing.assert_allclose(loss, (1e4 + np.log(3)) / 2, rtol=1e-6)
    np.testing.assert_allclose(dx, np.array([[1, -1, 0], [1 / 3, 1 / 3, -2 / 3]]) / 2, rtol=1e-6)


@pytest.mark.parametrize(('y', 'message'), [
    (np.array([0, 1]), '3 images and 2 labels'), (np.array([0., 1.5, 2.]), r'holds 1.5 \(at position 1\)'),
    (np.array([[0], [1], [2]]), r'y has shape \(3, 1\)'), (np.eye(3), 'one-hot'), ([True, False, True], 'type bool'),
    (np.array([0, 1, 4]), 'holds 4 .*expected class numbers from 0 to 3'), (np.array([-1, 1, 2]), 'holds -1')])
def test_softmax_refuses_labels(y, message):
    with pytest.raises((TypeError, ValueError), match=message):
        layers.softmax_loss(np.zeros((3, 4)), y)


FORWARDS = {'affine': (lambda x: layers.affine_forward(x, [[1, 2], [3, 4]], [5, 6]), layers.affine_backward),
            'relu': (layers.relu_forward, layers.relu_backward),
            'dropout': (lambda x: layers.dropout_forward(x, {'p': 0.3, 'mode': 'train', 'seed': 1}),
                        layers.dropout_backward),
            'dropout in test mode': (lambda x: layers.dropout_forward(x, {'p': 0.3, 'mode': 'test'}),
                                     layers.dropout_backward)}


@pytest.mark.parametrize('name', FORWARDS)
@pytest.mark.parametrize('shape', [(1, 2), (4, 1), (2,), (), (1, 4, 2), (2, 4), (8,)])
def test_an_upstream_gradient_of_another_shape_is_refused(name, shape, rng):
    forward, backward = FORWARDS[name]
    _, cache = forward(rng.standard_normal((4, 2)))
    with pytest.raises(ValueError, match=r'dout has shape .*; expected \(4, 2\)'):
        backward(np.ones(shape), cache)


@pytest.mark.parametrize('name', FORWARDS)
def test_lists_and_integers_become_floats(name):
    forward, backward = FORWARDS[name]
    x, dout = np.array([[3, -2], [0, 5]]), np.array([[1, 2], [3, 4]])
    out, cache = forward(x.astype(float))
    expected = backward(dout.astype(float), cache)
    for kind in (np.asarray, np.ndarray.tolist, lambda a: a.astype(np.int8)):
        got, cache = forward(kind(x))
        np.testing.assert_array_equal(got, out)
        assert got.dtype == np.float64
        for ours, theirs in zip(backward(kind(dout), cache), expected):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize('x', ['text', [['a']], np.ones((2, 2), complex), [[1], [1, 2]], None], ids=str)
@pytest.mark.parametrize('name', FORWARDS)
def test_what_are_no_numbers_is_refused(name, x):
    with pytest.raises(TypeError, match='x (is|has type)'):
        FORWARDS[name][0](x)


@pytest.mark.parametrize(('x', 'w', 'b', 'message'), [
    (np.ones((2, 3)), np.ones(3), np.ones(1), r'w has shape \(3,\)'),
    (np.ones((0, 3)), np.ones((3, 2)), np.ones(2), 'one example'),
    (np.ones((2, 3)), np.ones((3, 2)), np.ones(1), r'b has shape \(1,\); expected \(2,\)'),
    (np.ones((2, 3)), np.ones((3, 2)), np.ones((2, 2)), r'b has shape \(2, 2\)'),
    (1., np.ones((1, 1)), np.ones(1), 'one example')])
def test_affine_refuses_what_would_be_broadcast(x, w, b, message):
    with pytest.raises(ValueError, match=message):
        layers.affine_forward(x, w, b)


def test_softmax_of_no_examples_is_refused():
    with pytest.raises(ValueError, match='at least one example'):
        layers.softmax_loss(np.zeros((0, 3)), [])
    assert layers.softmax_loss([[0, 0]], [1])[0] == pytest.approx(np.log(2))


@pytest.mark.parametrize('param', [None, 3, 'p mode', ['p', 'mode']])
def test_settings_of_dropout_that_are_no_dictionary_are_refused(param):
    with pytest.raises(TypeError, match='^dropout_param is a .*; expected a dictionary with p and mode'):
        layers.dropout_forward(np.ones(2), param)


@pytest.mark.parametrize('name', FORWARDS)
def test_gradients_are_plain_arrays_of_floats_and_a_complex_upstream_gradient_is_refused(name, rng):
    forward, backward = FORWARDS[name]
    _, cache = forward(rng.standard_normal((2, 2)))
    dout = np.array([[1, 2], [3, 4]])
    expected = backward(dout.astype(float), cache)
    kinds = [dout, dout.astype(np.int8), np.ma.array(dout)]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # NumPy advises against it
        kinds.append(np.matrix(dout.astype(float)))
    for kind in kinds:
        gradients, right = backward(kind, cache), expected
        if isinstance(right, np.ndarray):
            gradients, right = [gradients], [right]
        for gradient, one in zip(gradients, right):
            assert (type(gradient), gradient.dtype) == (np.ndarray, np.float64)
            np.testing.assert_array_equal(gradient, one)
    for dtype in (complex, bool):
        with pytest.raises(TypeError, match='^dout has type'):
            backward(dout.astype(dtype), cache)


@pytest.mark.parametrize('shape', [(), (3,), (3, 2, 2), (3, 0)])
def test_scores_of_another_form_are_refused(shape):
    with pytest.raises(ValueError, match=r'^x has shape .*; expected \(N, C\), at least one example and one class'):
        layers.softmax_loss(np.ones(shape), [0, 1, 0])


def test_a_negative_probability_of_dropping_is_refused_and_0_drops_nothing():
    with pytest.raises(ValueError, match='p is -0.1; expected a finite number, at least 0 and below 1'):
        layers.dropout_forward(np.ones(3), {'p': -0.1, 'mode': 'train'})
    assert layers.dropout_forward(np.arange(3.), {'p': 0, 'mode': 'train'})[0].tolist() == [0, 1, 2]


def test_dropout_is_of_its_seed_at_both_ends_of_the_range():
    x = np.ones((50, 50))
    for seed in (0, 2**32 - 1):
        kept = np.random.RandomState(seed).random_sample(x.shape) >= 0.75
        out, _ = layers.dropout_forward(x, {'p': 0.75, 'mode': 'train', 'seed': seed})
        np.testing.assert_array_equal(out, 4. * kept)
    with pytest.raises(ValueError, match='^seed is 4294967296; expected a whole number from 0 to 4294967295'):
        layers.dropout_forward(x, {'p': 0.5, 'mode': 'train', 'seed': 2**32})


def test_what_is_missing_of_dropouts_settings_is_named():
    for param, message in (({}, 'has no p and no mode; expected'), ({'mode': 'test'}, 'has no p; expected')):
        with pytest.raises(ValueError, match=message):
            layers.dropout_forward(np.ones(2), param)


def test_a_first_layer_may_leave_out_the_gradient_of_its_input():
    _, cache = layers.affine_forward([[1., 2.]], [[3.], [4.]], [0.])
    dx, dw, db = layers.affine_backward([[10.]], cache, need_dx=False)
    assert dx is None
    assert (dw.tolist(), db.tolist()) == ([[10], [20]], [10])
