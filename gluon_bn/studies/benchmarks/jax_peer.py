"""JAX, jitted, as a contestant."""
import jax
import jax.numpy as jnp
import numpy as np

from .peers import LEARNING_RATE, as_float


class Jax:
    """The formulas in ``jax.numpy``, compiled by XLA for the CPU."""

    name = 'JAX jitted'

    def __init__(self):
        self._last = []

    def wait(self):
        """Wait for what was computed last."""
        jax.block_until_ready(self._last)

    def _keep(self, function):
        def call(*arguments):
            self._last = function(*arguments)
            return self._last
        return call

    def layer(self, shape):
        """Forward, and forward and backward, of batch norm."""
        rng = np.random.default_rng(0)
        X, dY = (jnp.asarray(rng.normal(size=shape), jnp.float32) for _ in range(2))
        gamma, beta = jnp.ones(shape[1]), jnp.zeros(shape[1])
        forward = jax.jit(lambda *a: _normalize(*a)[0])
        both = jax.jit(lambda X, gamma, beta, dY: jax.vjp(lambda *a: _normalize(*a)[0], X, gamma, beta)[1](dY))
        return self._keep(lambda: forward(X, gamma, beta)), self._keep(lambda: both(X, gamma, beta, dY))

    def network(self):
        """The same LeNet as a pure function."""
        return _Network(self._keep)


def _normalize(X, gamma, beta, stored=None):
    axes, shape = (0, *range(2, X.ndim)), (1, -1, *(1,) * (X.ndim - 2))
    mean, var = stored or (X.mean(axes), X.var(axes))
    scale = gamma / jnp.sqrt(var + 1e-5)
    return X * scale.reshape(shape) + (beta - mean * scale).reshape(shape), (mean, var)


def _forward(p, X, stored=None):
    statistics = []

    def normalized(h, i):
        out, found = _normalize(h, p[f'gamma{i}'], p[f'beta{i}'], stored and stored[i - 1])
        statistics.append(found)
        return jnp.maximum(out, 0)

    def convolved(h, W, b):
        return jax.lax.conv_general_dilated(h, W, (1, 1), 'VALID') + b.reshape((1, -1, 1, 1))

    def pooled(h):
        m, C, H, W = h.shape
        return h[:, :, :H // 2 * 2, :W // 2 * 2].reshape((m, C, H // 2, 2, W // 2, 2)).mean((3, 5))

    h = pooled(normalized(convolved(X, p['W1'], p['b1']), 1))
    h = pooled(normalized(convolved(h, p['W2'], p['b2']), 2))
    h = normalized(h.reshape((len(X), -1)) @ p['W3'] + p['b3'], 3)
    return h @ p['W4'] + p['b4'], statistics


@jax.jit
def _step(p, stored, X, y):
    def loss_of(p):
        scores, statistics = _forward(p, X)
        return -jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], 1).sum(), statistics

    (loss, new), gradients = jax.value_and_grad(loss_of, has_aux=True)(p)
    stored = new if stored is None else jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, stored, new)
    return jax.tree.map(lambda a, g: a - LEARNING_RATE * g, p, gradients), stored, loss / len(X)


_scores = jax.jit(lambda p, stored, X: _forward(p, X, stored)[0])


class _Network:
    def __init__(self, keep):
        rng = np.random.default_rng(0)
        shapes = {'W1': (20, 1, 3, 3), 'W2': (50, 20, 5, 5), 'W3': (800, 128), 'W4': (128, 10)}
        self._p = {name: jnp.asarray(rng.normal(0, 0.01, shape), jnp.float32) for name, shape in shapes.items()}
        for i, units in enumerate((20, 50, 128, 10), 1):
            self._p.update({f'b{i}': jnp.zeros(units), f'gamma{i}': jnp.ones(units), f'beta{i}': jnp.zeros(units)})
        self._stored, self._run = None, keep(_step)

    def batches(self, images, labels, batch_size):
        """Batches of the images in their order."""
        for i in range(0, len(images), batch_size):
            yield as_float(images[i:i + batch_size]), labels[i:i + batch_size]

    def step(self, data, label):
        """One step of SGD on one batch; returns the mean loss, which may still be computed."""
        self._p, self._stored, loss = self._run(self._p, self._stored, data, label)
        return loss

    def correct(self, images, labels):
        """How many of the images are recognised, in batches of 256."""
        return sum(int((np.asarray(_scores(self._p, self._stored, as_float(images[i:i + 256]))).argmax(1)
                        == labels[i:i + 256]).sum()) for i in range(0, len(images), 256))
