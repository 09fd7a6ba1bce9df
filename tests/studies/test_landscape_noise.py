import numpy as np
import pytest

from gluon_bn import LeNet, SigmoidMLP
from gluon_bn._mxnet import mx, nd
from gluon_bn.studies.landscape.noise import DisturbedLeNet, DisturbedMLP, Noise

PAIRS = [(DisturbedLeNet, LeNet), (DisturbedMLP, SigmoidMLP)]


def test_the_noise_of_one_step_has_the_distributions_that_are_announced(seed):
    s, m = Noise(seed, mean=0.5, scale=1.25, spread=0.1).draw((40_000, 8), '2')
    mu, sigma = m.mean(axis=0), s.mean(axis=0)
    assert (np.abs(mu) < 0.5 + 0.01).all()
    assert ((sigma > 1 - 0.01) & (sigma < 1.25 + 0.01)).all()
    assert len(np.unique(mu.round(3))) > 4          # each unit has its own
    np.testing.assert_allclose(m.std(axis=0), 0.1 / np.sqrt(3), rtol=0.05)  # uniform over a width of 0.2
    assert (np.abs(m - mu) <= 0.1 + 0.01).all()
    np.testing.assert_allclose(s.std(axis=0), 0.1, rtol=0.05)
    np.testing.assert_allclose(((s - sigma) ** 3).mean(axis=0) / 0.1 ** 3, 0, atol=0.15)  # not skew
    np.testing.assert_allclose(((s - sigma) ** 4).mean(axis=0) / 0.1 ** 4, 3, rtol=0.15)  # a normal distribution's
    assert abs(np.corrcoef(s[:, 0], m[:, 0])[0, 1]) < 0.03


def test_means_and_deviations_are_drawn_anew_at_every_step_and_for_every_layer(seed):
    noise, mus, sigmas = Noise(seed, spread=0), [], []
    for step in range(400):
        noise.step = step
        s, m = noise.draw((2, 10), '1')
        assert (s[0] == s[1]).all()
        mus.append(m[0])
        sigmas.append(s[0])
    mus, sigmas = np.array(mus), np.array(sigmas)
    assert abs(mus.mean()) < 0.03
    assert mus.std() == pytest.approx(0.5 / np.sqrt(3), rel=0.06)
    assert sigmas.mean() == pytest.approx(1.125, abs=0.01)
    assert sigmas.std() == pytest.approx(0.25 / np.sqrt(12), rel=0.06)
    assert abs(np.corrcoef(mus[:-1, 0], mus[1:, 0])[0, 1]) < 0.25   # no step knows of the last
    assert (noise.draw((2, 10), '2')[1] != noise.draw((2, 10), '1')[1]).all()


def test_channels_are_units():
    s, m = Noise(0, spread=0).draw((4, 3, 5, 5), '1')
    assert (m == m[:1, :, :1, :1]).all()
    assert len(np.unique(m)) == 3
    assert (s == s[:1, :, :1, :1]).all()


def test_it_is_applied_as_it_is_drawn_and_moves_no_generator(seed):
    noise, h = Noise(seed), nd.random.normal(shape=(6, 5))
    s, m = noise.draw((6, 5), '3')
    np.random.seed(1)
    mx.random.seed(1)
    expected = np.random.rand(), nd.random.uniform(shape=1).asscalar()
    np.random.seed(1)
    mx.random.seed(1)
    out = noise(h, '3').asnumpy()
    assert (np.random.rand(), nd.random.uniform(shape=1).asscalar()) == expected
    np.testing.assert_allclose(out, s * h.asnumpy() + m, rtol=1e-6, atol=1e-6)
    assert (noise(h, '3').asnumpy() == out).all()
    noise.step = 1
    assert (noise(h, '3').asnumpy() != out).all()
    noise.step = 0
    assert (noise(h, '3').asnumpy() == out).all()


@pytest.mark.parametrize('batch_norm', [True, False])
@pytest.mark.parametrize(('disturbed', 'network'), PAIRS)
def test_without_noise_it_is_the_network_itself(disturbed, network, batch_norm, seed):
    data, nets = nd.random.uniform(shape=(6, 1, 28, 28)), []
    for make in (disturbed, network):
        mx.random.seed(seed)
        nets.append(make(batch_norm=batch_norm, weight_scale=0.1, impl='plain'))
    ours, theirs = nets
    assert (ours(data).asnumpy() == theirs(data).asnumpy()).all()
    ours.noise = Noise(seed, mean=0, scale=1, spread=0)
    assert (ours(data).asnumpy() == theirs(data).asnumpy()).all()
    ours.noise = Noise(seed)
    assert (ours(data).asnumpy() != theirs(data).asnumpy()).all()
    if not batch_norm:  # else the stored statistics differ by now
        assert (ours(data, is_training=False).asnumpy() == theirs(data, is_training=False).asnumpy()).all()


@pytest.mark.parametrize(('disturbed', 'network'), PAIRS)
def test_what_is_watched_is_what_the_activations_get(disturbed, network):
    """After batch norm every unit has mean beta and deviation gamma; after the noise, what the noise makes of them."""
    net, seen = disturbed(weight_scale=0.1), {}
    data = nd.random.uniform(shape=(50, 1, 28, 28))
    net.watch = seen.__setitem__
    net(data)
    assert list(seen) == ['1', '2', '3']
    for number, h in seen.items():
        axes = (0, *range(2, h.ndim))
        gamma, beta = net.params['gamma' + number].asnumpy(), net.params['beta' + number].asnumpy()
        np.testing.assert_allclose(h.asnumpy().mean(axis=axes), beta, atol=1e-4)
        np.testing.assert_allclose(h.asnumpy().std(axis=axes), np.abs(gamma), rtol=0.02, atol=1e-4)
    net.noise = Noise(3, scale=1, spread=0)
    net(data)
    for number, h in seen.items():
        axes = (0, *range(2, h.ndim))
        mu = net.noise.draw(h.shape, number)[1].mean(axis=axes)
        np.testing.assert_allclose(h.asnumpy().mean(axis=axes), net.params['beta' + number].asnumpy() + mu, atol=1e-4)
