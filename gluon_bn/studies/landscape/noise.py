"""Noise between batch norm and activation, anew at every step of training: 'noisy batch norm'; and what passes there.

Santurkar et al. (2018), section 2.1 and their appendix: if batch norm helped because it keeps the distributions of the
layers' inputs stable, then noise that shifts them at every step should undo the help.
"""
import numpy as np

from ..._mxnet import nd
from ...functions import relu
from ...lenet import LeNet
from ...network_state import watched
from ...sigmoid_mlp import SigmoidMLP


class Noise:
    """``s * h + m``: every value of a layer gets a scale and a shift, from distributions that change with the step.

    At each step, for each unit (or channel) of each layer, a mean ``mu`` is drawn from U(-mean, mean) and a standard
    deviation ``sigma`` from U(1, scale); then for each value of the batch ``m`` from U(mu - spread, mu + spread) and
    ``s`` from N(sigma, spread²). The numbers are a function of seed, step and layer, so that all evaluations of one
    step meet the same noise, and no generator is moved on.

    Parameters
    ----------
    seed : int
    mean, scale, spread : float, how strong it is; ``mean=0, scale=1, spread=0`` is none

    Attributes
    ----------
    step : int, the step of training; whoever trains sets it

    Example
    -------
    >>> noise = Noise(seed=0, spread=0)
    >>> h = nd.array([[0, 1], [0, 3]])
    >>> first = noise(h, '1').asnumpy()
    >>> bool((noise(h, '1').asnumpy() == first).all())         # the same step: the same noise
    True
    >>> noise.step += 1
    >>> bool((noise(h, '1').asnumpy() == first).any())
    False
    """

    def __init__(self, seed, mean=0.5, scale=1.25, spread=0.1):
        self.seed, self.mean, self.scale, self.spread = seed, mean, scale, spread
        self.step = 0
        self._drawn, self._drawn_at = {}, 0

    def __call__(self, h, number):
        """``h`` is ``(m, D)`` or ``(m, C, H, W)``, of the layer ``number``; returns the same shape."""
        if self._drawn_at != self.step:
            self._drawn, self._drawn_at = {}, self.step
        key = number, h.shape
        if key not in self._drawn:
            self._drawn[key] = [nd.array(values, ctx=h.ctx, dtype=h.dtype) for values in self.draw(h.shape, number)]
        s, m = self._drawn[key]
        return s * h + m

    def draw(self, shape, number):
        """The scales and shifts, two float32 arrays of ``shape``, of layer ``number`` at the current step."""
        rng = np.random.default_rng([self.seed, self.step, int(number)])
        units = (1, shape[1]) + (1,) * (len(shape) - 2)
        mu = rng.uniform(-self.mean, self.mean, units).astype(np.float32)            # (1, D) or (1, C, 1, 1)
        sigma = rng.uniform(1, self.scale, units).astype(np.float32)
        m = mu + np.float32(self.spread) * (2 * rng.random(shape, dtype=np.float32) - 1)
        s = sigma + np.float32(self.spread) * rng.standard_normal(shape, dtype=np.float32)
        return s, m


class Disturbed:
    """A network with ``noise`` before its activations while it trains.

    A network adds this before its own class, and calls :meth:`disturb` between norm and activation.
    """

    noise = None   # a Noise, or None

    def disturb(self, h, number, is_training):
        """``h`` of layer ``number``, with noise if there is any and the network trains."""
        if is_training and self.noise is not None:
            h = self.noise(h, number)
        return h


class DisturbedLeNet(Disturbed, LeNet):
    """:class:`gluon_bn.LeNet` with ``noise``."""

    def activate(self, h, number, is_training):
        """Norm, noise, ReLU."""
        h = self.disturb(self._normalize(h, number, is_training), number, is_training)
        return relu(watched(self, h, number))


class DisturbedMLP(Disturbed, SigmoidMLP):
    """:class:`gluon_bn.SigmoidMLP` with ``noise``."""

    def before_sigmoid(self, h, number, is_training):
        """Norm, noise."""
        return self.disturb(super().before_sigmoid(h, number, is_training), number, is_training)
