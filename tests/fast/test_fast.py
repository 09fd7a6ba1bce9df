"""The quick operators against the plain formulas: values, gradients, statistics, the same bits every time."""
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gluon_bn import LeNet, batch_norm, which_impl
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn._mxnet.arrays import ArraySpec
from gluon_bn.fast import batch_norm as fast
from gluon_bn.fast import compiler, native, operators
from gluon_bn.fast import lenet as fast_lenet

ROOT = Path(__file__).resolve().parents[2]
SHAPES = ((2, 1), (5, 3), (130, 131), (64, 128), (2, 3, 1, 1), (1, 3, 3, 5), (7, 5, 9, 9), (3, 20, 26, 26),
          (2, 1, 200, 201), (70, 150, 2, 3), (17, 530))
BATCHES = (2, 7, 8, 9, 31, 32, 33, 64, 65, 130)
needs_native = pytest.mark.usefixtures('library')


def close(found, expected, tolerance):
    """Within ``tolerance`` of the largest value: single values may be the small rest of a sum that cancels."""
    scale = max(np.abs(expected).max(), 1e-3)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=tolerance)


def layer(rng_seed, shape, dtype, ctx, impl, is_training=True, batches=2):
    """Output, gradients, stored statistics after some batches, as NumPy arrays; size of dX's terms, of the sums' terms
    (the root of their summed squares, about what a sum is unless its terms cancel), condition.
    """
    rng = np.random.default_rng(rng_seed)
    gamma, beta = (nd.array(rng.uniform(1, 2, shape[1]).astype('float32'), dtype=dtype, ctx=ctx) for _ in range(2))
    means, vars_ = {}, {}
    for number in range(batches):
        X, dY = (nd.array(rng.normal(1, 2, shape).astype('float32'), dtype=dtype, ctx=ctx) for _ in range(2))
        for array in (X, gamma, beta):
            array.attach_grad()
        with autograd.record():
            out = batch_norm(X, gamma, beta, means, vars_, layer_name='a', impl=impl,
                             is_training=is_training or number == 0)
        out.backward(dY)
    narrowest = np.sqrt(X.asnumpy().astype('float64').var(axis=(0, *range(2, len(shape)))).min())
    narrowest = max(narrowest, 1e-3)
    terms = max(1, np.abs(dY.asnumpy()).max() * 2 / narrowest)          # that dX is made of; gamma is below 2
    condition = max(1, np.abs(X.asnumpy()).max() / narrowest / 10)      # X - mean is only known to eps * X
    summed = np.linalg.norm(dY.asnumpy()) / np.sqrt(shape[1])           # a channel's gradients; X_hat is about 1
    return [*(a.asnumpy() for a in (out, X.grad, gamma.grad, beta.grad, means['a'], vars_['a'])),
            {'dX': terms, 'dgamma': summed, 'dbeta': summed}, condition]


@needs_native
@pytest.mark.parametrize('is_training', [True, False])
@pytest.mark.parametrize('dtype', ['float32', 'float64'])
@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_the_layer_agrees_with_the_plain_formula(ctx, seed, shape, dtype, is_training):
    *fast, terms, condition = layer(seed, shape, dtype, ctx, 'fast', is_training)
    *plain, _, _ = layer(seed, shape, 'float64', ctx, 'plain', is_training)  # of the same numbers
    tolerance = 1e-5 if dtype == 'float32' else 1e-10
    for name, a, b in zip(('out', 'dX', 'dgamma', 'dbeta', 'mean', 'var'), fast, plain):
        # A gradient may be the small rest of terms that cancel, and is known only as well as these are.
        scale = condition * max(np.abs(b).max(), 1, terms.get(name, 0))
        np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=tolerance, err_msg=name)


@needs_native
@pytest.mark.parametrize('shape', [(64, 3), (4, 3, 8, 8)], ids=str)
def test_a_large_mean_costs_no_accuracy(rng, shape):
    X = rng.normal(1e4, 1, shape).astype('float32')
    vars_ = {}
    batch_norm(nd.array(X), nd.ones(3), nd.zeros(3), {}, vars_, impl='fast')
    expected = X.astype('float64').var(axis=(0, *range(2, X.ndim)))
    np.testing.assert_allclose(vars_[''].asnumpy(), expected, rtol=1e-5)


def betas_away_from_kinks(seed, m):
    """Values for the three betas with which no unit is near the kink of ReLU, where float32 and float64 may differ.

    Of the values of a channel, the widest gap near the kink is chosen; each layer's beta moves the layers after it.
    """
    betas = {}

    def choose(i, z, beta):
        for c, values in enumerate(np.moveaxis(z, 1, 0).reshape(z.shape[1], -1)):
            near = np.sort(values[np.abs(values + beta[c]) < 0.3])
            edges = np.concatenate([[-beta[c] - 0.3], near, [-beta[c] + 0.3]])
            widest = np.argmax(np.diff(edges))
            beta[c] = -(edges[widest] + edges[widest + 1]) / 2
        betas['beta' + i] = beta.astype('float32')
        return betas['beta' + i]

    in_double(seed, m, choose)
    return betas


def network(seed, m, impl, ctx=None, grad_req='write', steps=1, betas=None, without=None):
    """Scores, the gradients of images and parameters, and the stored statistics of a LeNet, as NumPy arrays.

    ``without`` names the array that gets no gradient.
    """
    mx.random.seed(seed)
    net = LeNet(ctx or mx.cpu(), weight_scale=0.3, impl=impl)
    for name, beta in (betas or {}).items():
        net.params[name][:] = beta
    rng = np.random.default_rng(seed)
    X, dY = (nd.array(a, ctx=net.ctx) for a in (rng.uniform(size=(m, 1, 28, 28)), rng.normal(size=(m, 10))))
    for name, array in {'X': X, **net.params}.items():
        array.attach_grad('null' if name == without else grad_req)
    for _ in range(steps):
        with autograd.record():
            scores = net(X)
        scores.backward(dY)
    arrays = {'scores': scores, 'dX': X.grad, **{f'd{name}': param.grad for name, param in net.params.items()}}
    arrays.update({f'mean {name}': a for name, a in net.bn_ewv_means.items()},
                  **{f'var {name}': a for name, a in net.bn_ewv_vars.items()}, tested=net(X, is_training=False))
    return {name: a.asnumpy() for name, a in arrays.items() if a is not None}


def in_double(seed, m, choose_beta):
    """The same network and gradients in float64, by the plain formula and MXNet's own operators.

    ``choose_beta(number, z, beta)`` gives the beta of a layer, from its values ``z`` without one and its drawn one.
    """
    mx.random.seed(seed)
    p = {name: param.astype('float64') for name, param in LeNet(mx.cpu(), weight_scale=0.3).params.items()}
    rng = np.random.default_rng(seed)
    X, dY = (nd.array(a.astype('float32'), dtype='float64')
             for a in (rng.uniform(size=(m, 1, 28, 28)), rng.normal(size=(m, 10))))
    for array in (X, *p.values()):
        array.attach_grad()

    def normalized(h, i):
        with autograd.pause():
            z = batch_norm(h, p['gamma' + i], nd.zeros_like(p['beta' + i]), {}, {}, impl='plain')
            p['beta' + i][:] = choose_beta(i, z.asnumpy(), p['beta' + i].asnumpy())
        return nd.maximum(batch_norm(h, p['gamma' + i], p['beta' + i], {}, {}, impl='plain'), 0)

    with autograd.record():
        h = nd.Convolution(X, p['W1'], p['b1'], kernel=(3, 3), num_filter=20)
        h = nd.Pooling(normalized(h, '1'), pool_type='avg', kernel=(2, 2), stride=(2, 2))
        h = nd.Convolution(h, p['W2'], p['b2'], kernel=(5, 5), num_filter=50)
        h = nd.Pooling(normalized(h, '2'), pool_type='avg', kernel=(2, 2), stride=(2, 2))
        scores = nd.dot(normalized(nd.dot(nd.flatten(h), p['W3']) + p['b3'], '3'), p['W4']) + p['b4']
    scores.backward(dY)
    return {'scores': scores.asnumpy(), 'dX': X.grad.asnumpy(),
            **{f'd{name}': param.grad.asnumpy() for name, param in p.items()}}


@needs_native
@pytest.mark.parametrize('m', BATCHES)
def test_the_network_agrees_with_the_plain_formulas_in_double_precision(seed, m):
    betas = betas_away_from_kinks(seed, m)
    found, plain = (network(seed, m, impl, betas=betas) for impl in ('fast', 'plain'))
    expected = in_double(seed, m, lambda i, z, beta: betas['beta' + i])
    for name, value in expected.items():
        if name in ('db1', 'db2', 'db3'):  # exactly 0 in exact arithmetic
            assert np.abs(found[name]).max() <= 1e-4 * np.abs(expected['dbeta' + name[-1]]).max()
        else:  # of two values batch norm leaves only which is larger: gradients are the rest of rounding
            error, of_float32 = (np.linalg.norm(a[name] - value) / np.linalg.norm(value) for a in (found, plain))
            assert error < max(1e-3 if m == 2 else 1e-5, 5 * of_float32), (name, error, of_float32)


@needs_native
def test_the_first_blocks_gradients_are_summed_with_little_rounding():
    """With all 88,000 values of a channel in one float32 sum, that of beta was 1e-5 off for this seed."""
    seed, m = 1378712275, 130
    betas = betas_away_from_kinks(seed, m)
    found, expected = network(seed, m, 'fast', betas=betas), in_double(seed, m, lambda i, z, beta: betas['beta' + i])
    assert np.linalg.norm(found['dbeta1'] - expected['dbeta1']) < 5e-6 * np.linalg.norm(expected['dbeta1'])


@needs_native
def test_the_network_on_every_device_and_by_both_formulations(ctx, seed):
    betas = betas_away_from_kinks(seed, 40)
    fast, plain = (network(seed, 40, impl, ctx, betas=betas) for impl in ('fast', 'plain'))
    for name, value in plain.items():
        if not name.startswith('db1') and not name.startswith('db2') and not name.startswith('db3'):
            assert np.linalg.norm(fast[name] - value) <= 2e-5 * np.linalg.norm(value), name  # 1e-5 each


@needs_native
def test_bit_for_bit_the_same(seed):
    first, second = network(seed, 70, 'fast'), network(seed, 70, 'fast')
    for name in first:
        assert np.array_equal(first[name], second[name]), name
    for a, b in zip(layer(seed, (9, 5, 7, 7), 'float32', mx.cpu(), 'fast'),
                    layer(seed, (9, 5, 7, 7), 'float32', mx.cpu(), 'fast')):
        assert np.array_equal(a, b)


def test_gradients_are_added_where_that_is_asked_for(seed):
    once, twice = network(seed, 16, 'auto'), network(seed, 16, 'auto', grad_req='add', steps=2)
    for name, value in once.items():
        if name.startswith('d') and name not in ('db1', 'db2', 'db3'):
            np.testing.assert_allclose(twice[name], 2 * value, rtol=1e-4, atol=1e-5 * np.abs(value).max(), err_msg=name)


def test_no_gradient_is_made_where_none_is_asked_for(seed):
    """grad_req='null', for images or parameters, makes none, and leaves the others to the last bit."""
    everything = network(seed, 16, 'auto')
    for without in ('X', 'W1', 'gamma1', 'W2', 'beta2', 'gamma3', 'W4'):
        found = network(seed, 16, 'auto', without=without)
        assert set(everything) - set(found) == {'d' + without}
        for name, value in found.items():
            assert np.array_equal(value, everything[name]), (without, name)


def test_other_processes_compute_the_same_bits(seed):
    command = [sys.executable, '-c', f'import test_fast; print(test_fast.digest({seed}))']
    here = str(Path(__file__).parent)
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), here])}
    found = {subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=600).stdout
             for _ in range(2)}
    assert found == {digest(seed) + '\n'}


def digest(seed):
    """Of all that a network and a layer compute."""
    arrays = [*network(seed, 70, 'auto').values(), *layer(seed, (9, 5, 7, 7), 'float32', mx.cpu(), 'auto')[:6],
              *layer(seed, (64, 128), 'float32', mx.cpu(), 'auto')[:6]]
    return sha256(b''.join(array.tobytes() for array in arrays)).hexdigest()


def test_fast_is_no_error_for_any_layer_of_the_network():
    assert LeNet(impl='fast')(nd.zeros((64, 1, 28, 28))).shape == (64, 10)
    assert which_impl(nd.ones((4, 3), dtype='float64')) == ('fast' if native.available() else 'plain')


# ---- LeNet in its other modes ----------------------------------------------------------------------------------------

@needs_native
@pytest.mark.parametrize('m', [8, 40])
def test_gradients_in_test_mode_agree_with_the_plain_formula(seed, m):
    """As saliency maps need them: of the scores with the stored statistics, after training."""
    found = {}
    for impl in ('fast', 'plain'):
        mx.random.seed(seed)
        net = LeNet(mx.cpu(), weight_scale=0.3, impl=impl)
        rng = np.random.default_rng(seed)
        X, dY = (nd.array(a) for a in (rng.uniform(size=(m, 1, 28, 28)), rng.normal(size=(m, 10))))
        net(X)
        X.attach_grad()
        with autograd.record(train_mode=False):
            scores = net(X, is_training=False)
        scores.backward(dY, train_mode=False)
        found[impl] = [a.asnumpy() for a in (scores, X.grad, *(param.grad for param in net.params.values()))]
    for native_, plain in zip(*found.values()):
        assert np.isfinite(native_).all()
        assert np.linalg.norm(native_ - plain) <= 2e-2 * np.linalg.norm(plain)  # near a kink of ReLU the two may differ


@needs_native
def test_images_on_another_device_are_refused_by_a_sentence_and_change_nothing(rng):
    net = LeNet(mx.cpu(0))
    for is_training in (True, False):
        with pytest.raises(ValueError, match=r'cpu\(1\)'):
            net(nd.zeros((9, 1, 28, 28), ctx=mx.cpu(1)), is_training)
    assert net.bn_ewv_means == {}


def refused(net, X, error):
    with pytest.raises(error) as refusal:
        net(X, is_training=False)
    return str(refusal.value)


@needs_native
@pytest.mark.parametrize(('change', 'error'), [
    (lambda net: net.bn_ewv_vars.pop('bn2'), ValueError), (lambda net: net.bn_ewv_means.pop('bn2'), ValueError),
    (lambda net: net.bn_ewv_means.update(bn3=nd.zeros(3)), ValueError),
    (lambda net: net.bn_ewv_vars.update(bn1=np.ones(20, 'float32')), TypeError)],
    ids=['no variance', 'no mean', 'shape', 'NumPy'])
def test_stored_statistics_that_do_not_fit_are_refused_as_by_the_plain_formula(rng, change, error):
    X, said = nd.array(rng.uniform(size=(9, 1, 28, 28))), []
    for impl in ('auto', 'plain'):
        net = LeNet(mx.cpu(), impl=impl)
        net(X, is_training=True)
        change(net)
        said.append(refused(net, X, error))
    assert said[0] == said[1]


@needs_native
def test_a_batch_too_large_for_the_work_space_takes_the_other_way():
    for m, fits in ((7, False), (8, True), (8192, True), (8193, False), (60000, False)):
        images = SimpleNamespace(dtype=np.float32, ctx=mx.cpu(), shape=(m, 1, 28, 28))
        assert fast_lenet.supports(images, True) == fits


@needs_native
@pytest.mark.parametrize(('what', 'value', 'fits'), [
    ('ctx', mx.cpu(1), True), ('ctx', mx.cpu_pinned(), True), ('ctx', mx.gpu(0), False), ('dtype', np.float64, False),
    ('dtype', np.float16, False)], ids=str)
def test_the_networks_operators_are_for_float32_on_a_cpu(what, value, fits):
    images = SimpleNamespace(**{'dtype': np.float32, 'ctx': mx.cpu(), 'shape': (64, 1, 28, 28), what: value})
    for is_training in (True, False):
        assert fast_lenet.supports(images, is_training) is fits


@needs_native
def test_the_networks_operators_are_for_networks_with_batch_norm_and_not_for_the_plain_formula():
    X = nd.zeros((8, 1, 28, 28))
    assert fast_lenet.scores(LeNet(mx.cpu()), X, True).shape == (8, 10)
    for net in (LeNet(mx.cpu(), batch_norm=False), LeNet(mx.cpu(), impl='plain')):
        assert fast_lenet.scores(net, X, True) is None


@pytest.mark.parametrize(('what', 'value', 'native_', 'without'), [
    ('device', 'cpu(1)', True, True), ('device', 'gpu(0)', False, False), ('dtype', np.float64, True, False),
    ('dtype', np.float16, False, False), ('shape', (8, 3), True, False), ('shape', (1, 1, 1, 1), True, True)], ids=str)
def test_for_which_layers_fast_is(library, monkeypatch, what, value, native_, without):
    spec = ArraySpec((8, 3, 2, 2), np.float32, 'cpu(0)', False)._replace(**{what: value})
    assert fast.supports(spec) is native_
    monkeypatch.setattr(operators, 'available', lambda: False)
    assert fast.supports(spec) is without


def test_why_fast_does_not_apply_names_what_it_is_for(monkeypatch):
    monkeypatch.setattr(operators, 'available', lambda: False)
    monkeypatch.setattr(native, 'available', lambda: False)
    with pytest.raises(ValueError, match=r'\(m, C, H, W\) in float32 on a CPU .*X is float32 \(8, 3\) on cpu\(0\)'):
        which_impl(nd.zeros((8, 3)), 'fast')


@needs_native
@pytest.mark.parametrize('m', [8, 33, 70])
def test_images_that_get_brighter_have_the_statistics_of_the_whole_batch(rng, m):
    """Blocks of 32 images have means of their own then, and most of the variance is between them."""
    images = (rng.uniform(size=(m, 28, 28)) + 5 * np.arange(m)[:, None, None]).astype('float32')
    net = LeNet(mx.cpu(), weight_scale=1, momentum=0)
    net(nd.array(images[:, None]))
    W, b = (net.params[name].asnumpy().astype('float64') for name in ('W1', 'b1'))
    patches = np.stack([images[:, i:i + 26, j:j + 26] for i in range(3) for j in range(3)], axis=-1)  # (m, 26, 26, 9)
    convolved = patches.astype('float64') @ W.reshape((20, 9)).T + b                                 # (m, 26, 26, 20)
    mean, var = convolved.mean(axis=(0, 1, 2)), convolved.var(axis=(0, 1, 2))
    np.testing.assert_allclose(net.bn_ewv_means['bn1'].asnumpy(), mean, rtol=1e-5, atol=1e-5 * np.abs(mean).max())
    np.testing.assert_allclose(net.bn_ewv_vars['bn1'].asnumpy(), var, rtol=1e-5, atol=1e-5 * var.max())


@needs_native
def test_a_large_mean_leaves_the_gradients_of_a_block_right():
    """Each filter picks one pixel, so that the convolution is exact; beta is above the kink of ReLU everywhere."""
    rng = np.random.default_rng(0)
    X = rng.normal(1e4, 1, (33, 1, 10, 8)).astype('float32')
    weight = np.eye(9).reshape((9, 1, 3, 3))
    X_, weight, bias, gamma, beta = map(nd.array, (X, weight, np.zeros(9), np.ones(9), np.full(9, 8.)))
    X_.attach_grad()
    leaves = weight, gamma, beta
    for array in leaves:
        array.attach_grad()
    dY = rng.normal(1, 1, (2, 9, 4, 3, 32)).astype('float32')
    dY[1, ..., 1:] = 0  # the places of examples that are not there
    with autograd.record():
        weight_, gamma_, beta_ = map(nd.identity, leaves)
        out = nd._internal._gluon_bn_block(nd.identity(X_), weight_, bias, gamma_, beta_, nd.zeros(9), nd.ones(9),
                                           nd.empty((5, 9)), m=33, flat=0, keep=0, training=1, first=1, momentum=.9,
                                           eps=1e-5)
    out.backward(nd.array(dY))
    z = np.stack([X[:, 0, i:i + 8, j:j + 6] for i in range(3) for j in range(3)], axis=1)        # (33, 9, 8, 6)
    z = z.astype('float64')
    X_hat = (z - z.mean(axis=(0, 2, 3), keepdims=True)) / np.sqrt(z.var(axis=(0, 2, 3), keepdims=True) + 1e-5)
    dout = np.concatenate([np.moveaxis(block, -1, 0) for block in dY])[:33]                      # (33, 9, 4, 3)
    dy = dout.repeat(2, axis=2).repeat(2, axis=3) / 4                                            # (33, 9, 8, 6)
    n = dy[:, 0].size
    np.testing.assert_allclose(gamma.grad.asnumpy() / n, (dy * X_hat).sum(axis=(0, 2, 3)) / n, rtol=0, atol=1e-5)
    np.testing.assert_allclose(beta.grad.asnumpy() / n, dy.sum(axis=(0, 2, 3)) / n, rtol=0, atol=1e-6)


LOOP = r"""
#include <thread>
#include <vector>
#include <chrono>
#include "shared_loop.h"
int main() {
  for (int round = 0; round < 20; ++round) {
    SharedLoop loop;
    std::vector<int> done(4, 0);  // one for each thread
    std::atomic<int> early{0};
    const auto work = [&] {
      loop.run(done.size(), [&](size_t i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(i == 3 ? 30 : 10));
        done[i] += 1;
      });
      for (int times : done) early += times != 1;  // after `run` every item is done, whoever did it, and once
    };
    std::vector<std::thread> team;
    for (int t = 0; t < 4; ++t) team.emplace_back(work);
    for (std::thread& thread : team) thread.join();
    if (early) return 1;
  }
  return 0;
}
"""


@needs_native
def test_a_shared_loop_returns_when_every_item_is_done(tmp_path):
    (tmp_path / 'loop.cc').write_text(LOOP)
    headers = f'-I{compiler.FOLDER}'
    subprocess.run([*compiler.find(), '-std=c++11', '-O1', '-pthread', headers, 'loop.cc', '-o', 'loop'], cwd=tmp_path,
                   check=True, timeout=600)
    assert subprocess.run([str(tmp_path / 'loop')], timeout=600).returncode == 0
