"""The native dense layer and update against NumPy in float64, for every shape; and what the kernels refuse."""
import functools
import itertools
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import LeNet, batch_norm, softmax_cross_entropy
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.fast import operators
from gluon_bn.optimizers import momentum_sgd, sgd

SIZES = st.integers(1, 70)


pytestmark = pytest.mark.usefixtures('library')


@given(SIZES, SIZES, SIZES, st.integers(0, 2 ** 32 - 1))
def test_a_dense_layer_is_the_product_and_the_bias_and_has_their_gradients(m, D, K, seed):
    compare_dense(m, D, K, seed)


@pytest.mark.parametrize(('m', 'D', 'K'), [(64, 800, 128), (65, 801, 129), (200, 128, 10)])  # by several threads
def test_a_large_dense_layer(m, D, K, seed):
    compare_dense(m, D, K, seed)


def compare_dense(m, D, K, seed):
    rng = np.random.default_rng(seed)
    X, W, b, dout = (rng.normal(size=size).astype('float32') for size in ((m, D), (D, K), K, (m, K)))
    arrays = [nd.array(a) for a in (X, W, b)]
    for array in arrays:
        array.attach_grad()
    with autograd.record():
        out = operators.dense(*arrays)
    out.backward(nd.array(dout))
    X, W, b, dout = (a.astype('float64') for a in (X, W, b, dout))
    expected = X @ W + b, dout @ W.T, X.T @ dout, dout.sum(axis=0)
    terms = (D + 1) ** 0.5, K ** 0.5, m ** 0.5, m ** 0.5  # about what a sum of so many normal numbers is
    for found, value, scale in zip((out, *(a.grad for a in arrays)), expected, terms):
        assert found.shape == value.shape
        np.testing.assert_allclose(found.asnumpy() / scale, value / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize('momentum', [None, 0.0, 0.75])
@pytest.mark.parametrize('sizes', [(1,), (3, 1, 7), (300000, 5, 20), (2,) * 100], ids=len)
def test_updates_of_parameters_of_any_size_and_number(ctx, rng, sizes, momentum):
    """Two steps, so that the second one has a velocity."""
    params = {str(i): nd.array(rng.normal(size=size), ctx=ctx) for i, size in enumerate(sizes)}
    lr, velocities = 0.37, {}
    expected = {name: [param.asnumpy().astype('float64'), 0] for name, param in params.items()}
    for _ in range(2):
        for name, param in params.items():
            param.attach_grad()
            param.grad[:] = nd.array(rng.normal(size=param.shape), ctx=ctx)
            velocity = (momentum or 0) * expected[name][1] - lr * param.grad.asnumpy().astype('float64')
            expected[name] = [expected[name][0] + velocity, velocity]
        if momentum is None:
            sgd(params, lr)
        else:
            momentum_sgd(params, velocities, lr, momentum)
    for name, (value, velocity) in expected.items():
        np.testing.assert_allclose(params[name].asnumpy(), value, rtol=1e-5, atol=1e-6)
        if momentum is not None:
            np.testing.assert_allclose(velocities[name].asnumpy(), velocity, rtol=1e-5, atol=1e-6)


def test_an_update_while_recording_is_refused_as_ever():
    w = nd.ones(3)
    w.attach_grad()
    with autograd.record():
        assert not operators.sgd([(w, w.grad)], 0.1)
        with pytest.raises(mx.base.MXNetError, match='record|graph'):
            sgd([w], 0.1)


@pytest.mark.parametrize('is_training', [True, False])
@pytest.mark.parametrize(('what', 'value'), [
    ('has shape', nd.ones(19)), ('has type', nd.ones(20, dtype='float64')), ('is on', nd.ones(20, ctx=mx.cpu(1)))],
    ids=lambda value: value if isinstance(value, str) else '')
def test_a_network_refuses_stored_statistics_that_do_not_fit(is_training, what, value):
    net, X = LeNet(mx.cpu()), nd.random.normal(shape=(16, 1, 28, 28))
    net(X)
    net.bn_ewv_vars['bn1'] = value
    means = {name: mean.asnumpy() for name, mean in net.bn_ewv_means.items()}
    with pytest.raises((ValueError, TypeError), match=f"bn_ewv_vars\\['bn1'\\] {what}"):
        net(X, is_training)
    for name, mean in means.items():
        np.testing.assert_array_equal(net.bn_ewv_means[name].asnumpy(), mean)


def test_a_network_without_one_layers_statistics_names_it():
    net, X = LeNet(mx.cpu()), nd.random.normal(shape=(16, 1, 28, 28))
    net(X)
    del net.bn_ewv_means['bn2'], net.bn_ewv_vars['bn2']
    with pytest.raises(ValueError, match="layer 'bn2'"):
        net(X, is_training=False)
    net(X)
    assert net(X, is_training=False).shape == (16, 10)


@pytest.mark.parametrize('is_training', [True, False])
@pytest.mark.parametrize('missing', ['bn_ewv_means', 'bn_ewv_vars'])
def test_a_network_whose_dictionaries_know_different_layers_is_refused_and_stays(missing, is_training):
    net, X = LeNet(mx.cpu()), nd.random.normal(shape=(16, 1, 28, 28))
    net(X)
    del getattr(net, missing)['bn2']
    means, vars_ = dict(net.bn_ewv_means), dict(net.bn_ewv_vars)
    with pytest.raises(ValueError, match="only one of bn_ewv_means and bn_ewv_vars knows layer 'bn2'"):
        net(X, is_training)
    assert (net.bn_ewv_means, net.bn_ewv_vars) == (means, vars_)


def test_testing_takes_the_stored_statistics_whatever_is_said_of_the_first_batch():
    X, one = nd.random.normal(shape=(40, 3)), nd.ones(3)
    for rows in (X, X.reshape((10, 3, 2, 2))):
        out = nd._internal._gluon_bn_layer(rows, one, one, 2 * one, 4 * one, nd.empty((5, 3)), training=0, first=1,
                                           momentum=.9, eps=0)
        np.testing.assert_allclose(out.asnumpy(), (rows.asnumpy() - 2) / 2 + 1, rtol=1e-5, atol=1e-5)


# ---- numbers are passed as text --------------------------------------------------------------------------------------

COMMA = """
import locale
import numpy as np
from gluon_bn import LeNet, batch_norm, optimizers, sgd
from gluon_bn._mxnet import mx, nd
from gluon_bn.fast import native, operators
print(locale.setlocale(locale.LC_NUMERIC, 'comma'), locale.localeconv()['decimal_point'], flush=True)
native.available()
for plain in (False, True):
    if plain:
        operators.available = lambda: False
    for lr in (.25, .1, 3e-7):
        w = nd.zeros(3)
        w.attach_grad()
        w.grad[:] = 1
        sgd([w], lr)
        np.testing.assert_allclose(w.asnumpy(), -np.float32(lr), rtol=2e-7 if plain else 0)
        velocities = {'w': nd.ones(3)}
        optimizers.momentum_sgd({'w': w}, velocities, lr, .75)
        np.testing.assert_allclose(velocities['w'].asnumpy(), .75 - lr, rtol=1e-6)
        squares = {'w': nd.ones(3)}
        optimizers.rmsprop({'w': w}, squares, lr, rho=.75, eps=.5, rescale_grad=.5)
        np.testing.assert_allclose(squares['w'].asnumpy(), .75 + .25 * .25, rtol=1e-6)
    for shape in ((4, 3), (200, 100), (5, 20, 20, 20)):  # a small layer, and larger ones
        X, C, axes = nd.random.normal(shape=shape), shape[1], (0, *range(2, len(shape)))
        means, vars_ = {'': nd.ones(C)}, {'': nd.ones(C)}
        out = batch_norm(X, nd.ones(C), nd.zeros(C), means, vars_, momentum=.25, eps=.5)
        var = X.asnumpy().var(axis=axes)
        np.testing.assert_allclose(out.asnumpy().var(axis=axes), var / (var + .5), rtol=1e-4)
        np.testing.assert_allclose(means[''].asnumpy(), .25 + .75 * X.asnumpy().mean(axis=axes), rtol=1e-4, atol=1e-5)
    net = LeNet(momentum=.25, eps=.5)
    X = nd.random.uniform(shape=(9, 1, 28, 28))
    net.bn_ewv_means.update(bn1=nd.ones(20), bn2=nd.ones(50), bn3=nd.ones(128))
    net.bn_ewv_vars.update(bn1=nd.ones(20), bn2=nd.ones(50), bn3=nd.ones(128))
    net(X)
    h = nd.Convolution(X, net.params['W1'], net.params['b1'], kernel=(3, 3), num_filter=20).asnumpy()
    np.testing.assert_allclose(net.bn_ewv_means['bn1'].asnumpy(), .25 + .75 * h.mean(axis=(0, 2, 3)), rtol=1e-4)
print('right')
"""


def write_comma_locale(folder):
    """A locale for numbers alone, as glibc reads it: decimal comma, no thousands."""
    (folder / 'comma').mkdir()
    strings = b',\0', b'.\0', b'\3\3\0\0', struct.pack('<I', ord(',')), struct.pack('<I', ord('.')), b'UTF-8\0'
    offsets = list(itertools.accumulate(map(len, strings), initial=8 + 4 * len(strings)))[:-1]
    (folder / 'comma' / 'LC_NUMERIC').write_bytes(
        struct.pack(f'<II{len(strings)}I', 0x20031115 ^ 1, len(strings), *offsets) + b''.join(strings))


def test_a_decimal_comma_in_the_process_s_locale_changes_no_number(tmp_path):
    write_comma_locale(tmp_path)
    environment = {**os.environ, 'LOCPATH': str(tmp_path), 'PYTHONPATH': str(Path(__file__).resolve().parents[2])}
    result = subprocess.run([sys.executable, '-c', COMMA], env=environment, capture_output=True, text=True, timeout=600)
    assert result.stdout.split() == ['comma', ',', 'right'], result.stderr


@given(st.builds(lambda mantissa, power: mantissa * 10. ** power, st.floats(1, 9), st.integers(-29, 28)))
def test_a_learning_rate_arrives_bit_for_bit(lr):
    w = nd.zeros(2)
    w.attach_grad()
    w.grad[:] = 1
    sgd([w], lr)
    np.testing.assert_array_equal(w.asnumpy(), np.float32([-lr, -lr]))


@pytest.mark.parametrize('text', ['0,5', '', 'True', '[0.1]', 'nan', 'inf', '0.5x'])
def test_what_is_no_number_is_refused(text):
    w = nd.ones(2)
    with pytest.raises(mx.base.MXNetError, match='lr is .*expected a finite number'):
        nd._internal._gluon_bn_sgd(w, nd.ones(2), num_weights=1, lr=text)
    np.testing.assert_array_equal(w.asnumpy(), [1, 1])


# ---- what the operators refuse ---------------------------------------------------------------------------------------

def calls():
    """Right calls of every operator, name -> (function of the arrays, the arrays)."""
    op = nd._internal
    block = [nd.ones(s) for s in ((9, 1, 8, 6), (4, 1, 3, 3), 4, 4, 4, 4, 4, (5, 4))]
    blocked = [nd.ones(s) for s in ((1, 2, 8, 6, 32), (4, 2, 3, 3), 4, 4, 4, 4, 4, (5, 4), (1, 4, 6, 4, 32))]
    return {
        'layer': (functools.partial(op._gluon_bn_layer, training=1, first=1, momentum=.9, eps=1e-5),
                  [nd.ones(s) for s in ((6, 3), 3, 3, 3, 3, (5, 3))]),
        'small_layer': (functools.partial(op._gluon_bn_small_layer, eps=1e-5), [nd.ones(s) for s in ((6, 3), 3, 3)]),
        'small_statistics': (lambda *arrays: op._gluon_bn_small_statistics(*arrays, first=0, momentum=.9)[0],
                             [nd.ones(s) for s in ((6, 3), 3, 3)]),
        'block': (functools.partial(op._gluon_bn_block, m=9, flat=0, keep=0, training=1, first=1, momentum=.9,
                                    eps=1e-5), block),
        'blocked': (functools.partial(op._gluon_bn_block, m=9, flat=1, keep=1, training=1, first=1, momentum=.9,
                                      eps=1e-5), blocked),
        'dense': (op._gluon_bn_dense, [nd.ones(s) for s in ((2, 3), (3, 5), 5)]),
        'cross_entropy': (op._gluon_bn_cross_entropy, [nd.ones((4, 3)), nd.ones((4, 3))]),
        'sgd': (functools.partial(op._gluon_bn_sgd, num_weights=2, lr=.1),
                [nd.ones(s) for s in (3, 3, (2, 2), (2, 2))]),
        'momentum': (functools.partial(op._gluon_bn_sgd, num_weights=1, lr=.1, momentum=.5),
                     [nd.ones(3), nd.ones(3), nd.ones(3)]),
    }


@pytest.mark.parametrize('name', ['layer', 'small_layer', 'small_statistics', 'block', 'blocked', 'dense',
                                  'cross_entropy', 'sgd', 'momentum'])
def test_every_operator_refuses_arrays_of_another_shape_or_type(name):
    function, arrays = calls()[name]
    function(*arrays).wait_to_read()
    free = {('layer', 0), ('small_layer', 0), ('small_statistics', 0), ('block', 0)}  # any m, H, W: other axes below
    for i, array in enumerate(arrays):
        others = [nd.ones(array.shape, dtype='float64'), nd.ones(array.shape, dtype='int32'),
                  nd.ones((*array.shape, 1)), nd.ones(array.size + 1), nd.ones((array.shape[0] + 1, *array.shape[1:]))]
        if array.ndim > 1:
            others.append(nd.ones((array.shape[0], array.shape[1] + 1, *array.shape[2:])))
        for other in others:
            taken = arrays[:i] + [other] + arrays[i + 1:]
            if (name, i) in free and other.ndim == array.ndim and other.shape[1:] == array.shape[1:] \
                    and other.dtype == np.float32:
                continue
            if (name, i) == ('dense', 0) and other.shape[1:] == array.shape[1:] and other.dtype == np.float32:
                continue
            before = [a.asnumpy() for a in taken]
            with pytest.raises(mx.base.MXNetError):
                function(*taken).wait_to_read()
            for a, value in zip(taken, before):
                np.testing.assert_array_equal(a.asnumpy(), value)


@pytest.mark.parametrize('change', [{'m': 0}, {'m': 33}, {'m': 9.5}, {'m': -1}, {'m': 2 ** 33}], ids=str)
def test_a_block_refuses_a_number_of_examples_that_its_input_does_not_have(change):
    function, arrays = calls()['blocked']
    with pytest.raises(mx.base.MXNetError, match='expected'):
        function(*arrays, **change).wait_to_read()


def test_a_block_refuses_more_than_its_work_space_can_count():
    """The shape alone is looked at: with a symbol, nothing of this size is made."""
    names = 'X', 'weight', 'bias', 'gamma', 'beta', 'mean', 'var', 'statistics'
    block = mx.sym._internal._gluon_bn_block(*map(mx.sym.var, names), m=9, flat=0, keep=0, training=1, first=1,
                                             momentum=.9, eps=1e-5)
    shapes = {'weight': (20, 1, 3, 3), 'statistics': (5, 20), **dict.fromkeys(names[2:7], (20,))}
    block.infer_shape(X=(8192, 1, 28, 28), **shapes)
    for X in ((50000, 1, 28, 28), (2000000000, 1, 28, 28), (1, 1, 20000, 20000), (1, 1, 2000000000, 2000000000)):
        with pytest.raises(mx.base.MXNetError, match='31 bits'):
            block.infer_shape(X=X, **shapes)


@pytest.mark.parametrize(('name', 'shape'), [('W1', (20, 3, 3, 3)), ('W2', (50, 1, 5, 5)), ('W3', (801, 128)),
                                             ('b2', (49,))])
def test_a_network_whose_parameters_do_not_fit_is_refused_and_its_statistics_stay(name, shape):
    net, X = LeNet(mx.cpu()), nd.random.uniform(shape=(16, 1, 28, 28))
    net(X)
    means = {key: value.asnumpy() for key, value in net.bn_ewv_means.items()}
    net.params[name] = nd.ones(shape)
    for is_training in (True, False):
        with pytest.raises((ValueError, mx.base.MXNetError), match='expect'):
            net(X, is_training).wait_to_read()
    for key, value in means.items():
        np.testing.assert_array_equal(net.bn_ewv_means[key].asnumpy(), value)


# ---- NaN and infinity ------------------------------------------------------------------------------------------------

BAD = [float('nan'), float('inf'), float('-inf')]


def finite_parts(impl, m, name, value):
    """Where a LeNet's scores, loss, statistics, gradients are finite, one value of array ``name`` being ``value``."""
    mx.random.seed(3)
    net = LeNet(mx.cpu(), weight_scale=.1, impl=impl)
    arrays = {'X': nd.random.uniform(shape=(m, 1, 28, 28)), **net.params}
    array = arrays[name].asnumpy()
    array.reshape(-1)[array.size // 2] = value
    arrays[name][:] = nd.array(array)
    with autograd.record():
        scores = net(arrays['X'])
        loss = softmax_cross_entropy(scores, nd.one_hot(nd.arange(m) % 10, 10))
    loss.backward()
    found = {'scores': scores, 'loss': loss, **net.bn_ewv_means, **{f'var {k}': a for k, a in net.bn_ewv_vars.items()},
             **{f'd{k}': a.grad for k, a in net.params.items()}}
    return {key: np.isfinite(a.asnumpy()) for key, a in found.items() if key not in ('db1', 'db2')}  # natively 0


@pytest.mark.parametrize('value', BAD, ids=str)
@pytest.mark.parametrize('name', ['X', 'W1', 'b1', 'gamma1', 'beta1', 'W2', 'b2', 'gamma2', 'W3', 'b3', 'beta3', 'W4',
                                  'b4'])
def test_nan_and_infinity_go_through_a_network_as_in_the_plain_formula(name, value):
    fast, plain = (finite_parts(impl, 9, name, value) for impl in ('auto', 'plain'))
    if name in ('X', 'W1', 'b1', 'W2', 'b2', 'W3', 'b3'):
        assert not plain['loss'].any()
    for key, finite in plain.items():
        assert not (fast[key] & ~finite).any(), f'{key}: finite natively, not in the plain formula'
    for key in ('scores', 'loss', 'bn1', 'bn2', 'bn3'):
        np.testing.assert_array_equal(fast[key], plain[key], err_msg=key)


@pytest.mark.parametrize('value', BAD, ids=str)
@pytest.mark.parametrize('shape', [(6, 3), (300, 130), (4, 3, 5, 7), (9, 20, 30, 31)], ids=str)
@pytest.mark.parametrize('place', range(3))
def test_nan_and_infinity_go_through_a_layer_as_in_the_plain_formula(shape, value, place):
    found = {}
    for impl in ('fast', 'plain'):
        rng = np.random.default_rng(0)
        arrays = [rng.normal(size=s).astype('float32') for s in (shape, shape[1], shape[1])]
        arrays[place].reshape(-1)[arrays[place].size // 2] = value
        arrays = [nd.array(a) for a in arrays]
        for array in arrays:
            array.attach_grad()
        means, vars_ = {}, {}
        with autograd.record():
            out = batch_norm(*arrays, means, vars_, impl=impl)
        out.backward(nd.array(rng.normal(size=shape)))
        found[impl] = [np.isfinite(a.asnumpy()) for a in (out, means[''], vars_[''], *(a.grad for a in arrays))]
    for fast, plain in zip(*found.values()):
        np.testing.assert_array_equal(fast, plain)


@pytest.mark.parametrize('value', BAD, ids=str)
def test_nan_goes_through_the_loss_the_dense_layer_and_the_update(value):
    scores, labels = nd.array([[1, value, 2], [1, 2, 3]]), nd.array([[0, 0, 1], [1, 0, 0]])
    scores.attach_grad()
    with autograd.record():
        loss = softmax_cross_entropy(scores, labels)
    loss.backward()
    is_nan = np.isnan(value)
    assert np.isnan(loss.asnumpy()).tolist() == [is_nan, False]  # an infinite score is taken as the largest one
    assert np.isnan(scores.grad.asnumpy()).tolist() == [[is_nan] * 3, [False] * 3]
    X, W = np.ones((12, 5)), np.ones((5, 40))
    X[7, 3] = value
    out = operators.dense(*map(nd.array, (X, W, np.zeros(40)))).asnumpy()
    assert np.isfinite(out).all(axis=1).tolist() == [n != 7 for n in range(12)]
    w = nd.ones(40)
    w.attach_grad()
    w.grad[:] = 0
    w.grad[17] = value
    sgd([w], .5)
    assert np.isfinite(w.asnumpy()).tolist() == [n != 17 for n in range(40)]


def test_the_last_digit_of_a_mean_in_float64_is_not_seen_in_float32():
    """Ranks that add up in another order differ there. Where x is the rounded mean, y is what rounding has left."""
    C, n, rng = 200, 3 * 2 ** 10, np.random.default_rng(0)
    means, m2 = rng.normal(0, 3, C), n * rng.uniform(0.2, 5, C)
    X, ones = nd.array(means.reshape(1, C), dtype='float32'), nd.ones(C)

    def normalized(sums):
        numbers = nd.array(np.concatenate(([n], sums, m2)), dtype='float64')
        return nd._internal._gluon_bn_shard_normalize(X, ones, nd.zeros(C), numbers, eps=0.).asnumpy()[0]

    y = normalized(n * means)
    np.testing.assert_array_equal(normalized(np.nextafter(n * means, np.inf)), y)
    np.testing.assert_allclose(y, (X.asnumpy()[0].astype('float64') - means) / np.sqrt(m2 / n), rtol=0, atol=2. ** -28)
    assert y.any()
