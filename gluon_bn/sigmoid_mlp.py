"""A multilayer perceptron with sigmoids, in ``nd``: the network of Figure 1 in Ioffe and Szegedy (2015)."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._mxnet import nd
from .checks import LARGEST_SCALE, MOST_VALUES, SMALLEST_SCALE
from .network import Network
from .network_state import stored_statistics_kept, watched
from .support.arguments import integer, number, sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxnet import Context
    from mxnet.ndarray import NDArray


class SigmoidMLP(Network):
    """Dense layers, each followed by batch norm and a sigmoid, and a dense layer of scores; in plain ``nd`` operators.

    It is the network of Ioffe and Szegedy (2015), section 4.1: three hidden layers of 100 units for MNIST.

    Parameters
    ----------
    ctx : Context, where the parameters live; None is ``mx.current_context()``
    weight_scale : float, or ``'glorot'``
        Weights are drawn from N(0, weight_scale²), or uniformly between ±sqrt(6 / (inputs + units)) (Glorot and Bengio,
        2010; the default of Keras's ``Dense``), by MXNet's generator: ``mx.random.seed`` makes them the same again.
        Biases and beta begin at 0, gamma at 1.
    hidden : the units of each hidden layer
    num_inputs, num_outputs : int, values of an example, and scores
    batch_norm : bool, False leaves batch norm (and gamma, beta) out
    momentum : float, weight of the old value in the stored statistics
    eps : float, added to the variance before the square root
    impl : 'auto', 'plain' or 'fast', see :func:`gluon_bn.which_impl`

    Attributes
    ----------
    params : dict name -> NDArray with a gradient attached: W1 b1 gamma1 beta1 ... W4 b4; W is ``(units, inputs)``, as
        in Gluon's ``Dense``; optimisers change these
    bn_ewv_means, bn_ewv_vars : dict 'bn1', 'bn2', ... -> NDArray; changed by every call with ``is_training=True``

    Raises ``ValueError`` or ``TypeError`` for settings out of range or of another kind. ``copy.deepcopy`` and pickle
    make a network that trains on, with gradients of 0.

    Example
    -------
    >>> net = gbn.SigmoidMLP(mx.cpu())
    >>> net(nd.random.normal(shape=(60, 1, 28, 28))).shape
    (60, 10)
    >>> print(gbn.SigmoidMLP(num_inputs=2, hidden=[3], num_outputs=2).summary())
    layer             output           parameters
    ---------------------------------------------
    1  dense          (m, 3)                    9
       batch norm     (m, 3)               6 (+6)
       sigmoid        (m, 3)                    0
    2  dense          (m, 2)                    8
    ---------------------------------------------
    trainable parameters                       23
    stored statistics (not trainable)           6
    """

    def __init__(self, ctx: Context | None = None, weight_scale: float | str = 0.01,
                 hidden: Sequence[int] = (100, 100, 100), num_inputs: int = 784, num_outputs: int = 10,
                 batch_norm: bool = True, momentum: float = 0.9, eps: float = 1e-5, impl: str = 'auto') -> None:
        super().__init__(ctx, batch_norm, momentum, eps, impl)
        hidden = sizes('hidden', hidden)
        if not hidden:
            raise ValueError("hidden is empty; expected the units of at least one hidden layer, such as (100, 100).")
        self.sizes = (integer('num_inputs', num_inputs, at_least=1), *hidden,
                      integer('num_outputs', num_outputs, at_least=1))
        if max(a * b for a, b in zip(self.sizes, self.sizes[1:])) > MOST_VALUES:
            raise ValueError(f"the layers' sizes are {self.sizes}; expected at most {MOST_VALUES:,} weights a layer: "
                             "make them smaller.")
        if not isinstance(weight_scale, str) or weight_scale != 'glorot':  # an array would be compared value by value
            number('weight_scale', weight_scale, at_least=SMALLEST_SCALE, at_most=LARGEST_SCALE, hint="or 'glorot'")
        self._make_params(lambda name, shape: self._weights(shape, weight_scale) if name.startswith('W') else
                          (nd.ones if name.startswith('gamma') else nd.zeros)(shape, ctx=self.ctx))

    def _layers(self):
        return [((units, inputs), units) for inputs, units in zip(self.sizes, self.sizes[1:])]

    def _weights(self, shape, weight_scale):
        if weight_scale == 'glorot':
            limit = np.sqrt(6 / sum(shape))
            return nd.random.uniform(-limit, limit, shape=shape, ctx=self.ctx)
        return nd.random.normal(0, weight_scale, shape=shape, ctx=self.ctx)

    @property
    def hidden_numbers(self):
        """The numbers of the hidden layers, from first to last: '1', '2', '3' of the paper's network."""
        return [str(i + 1) for i in range(len(self.sizes) - 2)]

    def __call__(self, X: NDArray, is_training: bool = True) -> NDArray:
        """Scores before the softmax, ``(m, 784)`` or ``(m, 1, 28, 28) -> (m, num_outputs)``.

        ``is_training=True`` normalises by the batch and updates ``bn_ewv_means`` and ``bn_ewv_vars``; False uses them
        and changes nothing. Examples of another size are a ``ValueError``, and so is training batch norm on one
        example; examples that are no NDArray of the parameters' type are a ``TypeError``. Nothing is changed then.
        """
        if X is None and is_training and self.group is not None:  # this rank has no examples, see LeNet
            return self._without_rows(self.sizes[0])
        h = self._checked_and_flat(X, is_training)                                      # (m, num_inputs)
        with stored_statistics_kept(self, only_if_refused=True):
            for number in self.hidden_numbers:
                h = self.activate(self._affine(h, number), number, is_training)         # (m, units)
            return self._affine(h, str(len(self.sizes) - 1))                            # (m, num_outputs)

    def activate(self, h, number, is_training):
        """What hidden layer ``number`` ('1' is the first) does with its product ``h``, ``(m, units)``.

        It is the sigmoid of :meth:`before_sigmoid`; a subclass may do otherwise with either.
        """
        return nd.sigmoid(watched(self, self.before_sigmoid(h, number, is_training), number))

    def before_sigmoid(self, h, number, is_training):
        """The input of the sigmoids of hidden layer ``number``: the batch norm of ``h``, or ``h`` in a net without."""
        return self._normalize(h, number, is_training)

    sigmoid_inputs = Network.activation_inputs

    def summary(self):
        """A table of the layers with the shapes of their outputs and the numbers of their parameters, as a string.

        In brackets stand the stored means and variances of batch norm, which no optimiser changes.
        """
        rows, stored = [], 0
        for i, units in enumerate(self.sizes[1:]):
            number, shape = str(i + 1), f'(m, {units})'
            rows.append((f'{number:<2} dense', shape, f"{self._count('W' + number, 'b' + number):,}"))
            if 'gamma' + number in self.params:
                stored += 2 * units
                count = self._count('gamma' + number, 'beta' + number)
                rows.append(('   batch norm', shape, f"{count:,} (+{2 * units:,})"))
            if number in self.hidden_numbers:
                rows.append(('   sigmoid', shape, '0'))
        line = '-' * 45
        return '\n'.join([f"{'layer':<17} {'output':<12} {'parameters':>14}", line,
                          *(f'{name:<17} {shape:<12} {count:>14}' for name, shape, count in rows), line,
                          f"{'trainable parameters':<33} {self._count(*self.params):>11,}",
                          f"{'stored statistics (not trainable)':<33} {stored:>11,}"])

    def _count(self, *names):
        return sum(self.params[name].size for name in names)

    def _checked_and_flat(self, X, is_training):
        self._check(X, is_training=is_training)
        if X.ndim < 2 or np.prod(X.shape[1:]) != self.sizes[0]:
            raise ValueError(f"X has shape {X.shape}; this network expects (m, {self.sizes[0]}), or examples of "
                             f"another shape with {self.sizes[0]} values each: reshape or crop them.")
        return X if X.ndim == 2 else X.reshape((X.shape[0], -1))                        # (m, num_inputs)

    def _affine(self, h, number):
        """``h W^T + b`` of layer ``number``, ``(m, inputs) -> (m, units)``."""
        W = self.params['W' + number]
        return nd.FullyConnected(h, W, self.params['b' + number], num_hidden=W.shape[0])
