"""A multilayer perceptron in NumPy with batch norm on every layer, the output included: :class:`MLP`."""
from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from ..support.arguments import BETA_ALONE, as_array, boolean, integer, labels, number, one_of, shown, sizes
from .layers import affine_backward, affine_forward, generator, hits, relu_backward, relu_forward, softmax_loss
from .normalization import batchnorm_backward_alt, batchnorm_forward
from .running_statistics import RunningStatistics, flat_examples, float_type
from .update_rules import adam

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy.typing as npt

# The standard deviation of initial weights of a layer of n inputs and k outputs.
INITIALIZATIONS = {
    'xavier': lambda n, k: math.sqrt(2 / (n + k)),  # Glorot and Bengio, 2010, equation 16
    'he': lambda n, k: math.sqrt(2 / n),            # He et al., 2015, equation 10
}
_EVALUATION_BATCH = 10_000


class MLP(RunningStatistics):
    """affine, batch norm and ReLU for each hidden layer; affine, batch norm and softmax at the end.

    Parameters
    ----------
    layer_sizes : list of int, the inputs, the units of each hidden layer, the classes: ``[784, 25, 10, 10]``
    init : 'he' or 'xavier', how weights are drawn
    momentum : float or None
        Weight of the old value in the running statistics that testing uses. None makes them the mean over all batches
        since the first one.
    eps : float, added to the variance under the root
    dtype : of all arithmetic, float32 or wider; float64 for gradient checks
    seed : int from 0 to 2**32 - 1, or None, of the weights; None draws them from NumPy's global generator

    Attributes
    ----------
    params : dict name -> array: W1 gamma1 beta1 W2 ... . There are no biases: batch norm would take them away.
    bn_params : list of batch norm's dictionaries, see ``reference.batchnorm_forward``
    statistics : dict name -> array, the running values; assign one to restore them
    history : what :meth:`fit` returns, as far as it has come

    :class:`gluon_bn.Solver` can train it as well.

    Example
    -------
    >>> X, y = np.array([[1., 0.], [0., 1.]] * 10), np.array([0, 1] * 10)
    >>> net = gbn.MLP([2, 4, 2], seed=0)
    >>> history = net.fit({'train': (X, y), 'dev': (X, y), 'test': (X, y)}, epochs=30, batch_size=10, progress=False)
    >>> history['test_acc'][-1]
    1.0
    """

    def __init__(self, layer_sizes: Sequence[int], init: str = 'he', momentum: float = 0.9, eps: float = 1e-5,
                 dtype: npt.DTypeLike = np.float32, seed: int | None = None) -> None:
        one_of('init', init, INITIALIZATIONS)
        layer_sizes = sizes('layer_sizes', layer_sizes)
        if len(layer_sizes) < 2:
            raise ValueError(f"layer_sizes is {layer_sizes}; expected the number of inputs, the units of each hidden "
                             "layer and the number of classes.")
        if momentum is not None:
            momentum = number('momentum', momentum, at_least=0, at_most=1,
                              hint='the weight of the old value; 0.9 is the usual one, None the mean over all batches')
        eps = number('eps', eps, at_least=0, hint='1e-5 is the usual one')
        dtype, random = float_type(dtype), generator(seed)
        self.dtype, self.num_layers = dtype, len(layer_sizes) - 1
        self.params, self.history = {}, {}
        for i, (n, k) in enumerate(zip(layer_sizes, layer_sizes[1:]), 1):
            self.params[f'W{i}'] = (INITIALIZATIONS[init](n, k) * random.standard_normal((n, k))).astype(dtype)
            self.params[f'gamma{i}'], self.params[f'beta{i}'] = np.ones(k, dtype), np.zeros(k, dtype)
        self.bn_params = [{'mode': 'train', 'momentum': momentum, 'eps': eps} for _ in range(self.num_layers)]

    def loss(self, X: np.ndarray, y: np.ndarray | None = None) -> Any:
        """The loss of a batch and its gradients, updating the running statistics; or without ``y`` test-mode scores.

        ``X`` is ``(N, ...)``, flattened; ``y`` holds N labels. Returns ``(loss, grads)``, the mean cross entropy in
        nats and a dict with the gradient of every parameter, or scores ``(N, classes)``.
        """
        mode = 'test' if y is None else 'train'
        h, caches = flat_examples(X, self.dtype), []                                   # (N, inputs)
        if y is not None:  # before anything changes
            y = labels('y', y, len(h), len(self.params[f'beta{self.num_layers}']))
        for i in range(1, self.num_layers + 1):
            W, gamma, beta = (self.params[f'{name}{i}'] for name in ('W', 'gamma', 'beta'))
            z, affine_cache = affine_forward(h, W, np.zeros_like(beta))                # (N, units)
            bn_param = self.bn_params[i - 1]
            bn_param['mode'] = mode
            h, bn_cache = batchnorm_forward(z, gamma, beta, bn_param)
            relu_cache = None
            if i < self.num_layers:
                h, relu_cache = relu_forward(h)
            caches.append((affine_cache, bn_cache, relu_cache))
        if y is None:
            return h

        loss, dh = softmax_loss(h, y)                                                  # dh (N, classes)
        grads = {}
        for i in range(self.num_layers, 0, -1):
            affine_cache, bn_cache, relu_cache = caches.pop()
            if relu_cache is not None:
                dh = relu_backward(dh, relu_cache)
            dz, grads[f'gamma{i}'], grads[f'beta{i}'] = batchnorm_backward_alt(dh, bn_cache)
            dh, grads[f'W{i}'], _ = affine_backward(dz, affine_cache, need_dx=i > 1)
        return loss, grads

    def evaluate(self, X, y):
        """Mean cross entropy (nats) and accuracy in test mode; nothing is changed."""
        X = as_array('X', X, 'examples, (N, ...)')
        y = labels('y', y, len(X), len(self.params[f'beta{self.num_layers}']))
        if not len(y):
            raise ValueError("X and y are empty; expected at least one example.")
        scores = np.concatenate([self.loss(X[i:i + _EVALUATION_BATCH]) for i in range(0, len(X), _EVALUATION_BATCH)])
        return float(softmax_loss(scores.astype(np.float64), y)[0]), float(np.mean(hits(scores, y)))

    def fit(self, data, epochs, batch_size=1000, learning_rate=0.03, seed=0, live=None, progress=True):
        """Train with Adam; every epoch goes once through the training examples in a new order.

        Parameters
        ----------
        data : dict 'train', 'dev', 'test' -> ``(X, y)``. Training sees the first only; dev chooses the epoch whose
            parameters the network has in the end (the first of equals); test is only looked at. Arrays or lists.
        epochs, batch_size : int, at least 1 and 2; a last batch of one example is left out
        learning_rate : float
        seed : int, at least 0, of the orders
        live : function that is called with the history after each epoch, such as :class:`gluon_bn.run.live.LivePlot`
        progress : True for a progress bar, if there is a terminal

        Returns
        -------
        dict with a list, one value an epoch, for each of ``train_loss``, ``train_acc``, ``dev_loss``, ``dev_acc``,
        ``test_loss``, ``test_acc`` (all in test mode), and ``best_epoch``, counted from 0, the one with the best dev
        accuracy

        Raises ``FloatingPointError`` when the loss is no longer finite; ``ValueError`` or ``TypeError``, before
        anything has changed, for data that do not fit and values out of range.
        """
        epochs, batch_size = integer('epochs', epochs, at_least=1), integer(
            'batch_size', batch_size, at_least=2, hint=f'of one example, {BETA_ALONE}')
        learning_rate = number('learning_rate', learning_rate, above=0)
        random = np.random.default_rng(integer('seed', seed, at_least=0))
        boolean('progress', progress)
        if live is not None and not callable(live):
            raise TypeError(f"live is {shown(live)}; expected a function of the history, or None.")
        data = _checked_data(data, len(self.params['W1']), len(self.params[f'beta{self.num_layers}']))
        X, y = data['train']
        configs = {name: {'learning_rate': learning_rate} for name in self.params}
        self.history = {f'{part}_{what}': [] for part in ('train', 'dev', 'test') for what in ('loss', 'acc')}
        best = None
        with tqdm(total=epochs, unit='epoch', disable=None if progress else True) as bar:
            for epoch in range(epochs):
                order = random.permutation(len(X))
                for start in range(0, len(X) - 1, batch_size):
                    chosen = order[start:start + batch_size]
                    self._step(X[chosen], y[chosen], configs, epoch)
                for part, examples in data.items():
                    for what, value in zip(('loss', 'acc'), self.evaluate(*examples)):
                        self.history[f'{part}_{what}'].append(value)
                if best is None or self.history['dev_acc'][-1] > self.history['dev_acc'][self.history['best_epoch']]:
                    self.history['best_epoch'] = epoch
                    best = dict(self.params), self.statistics
                bar.set_postfix_str(f"dev loss {self.history['dev_loss'][-1]:.4f}, "
                                    f"accuracy {self.history['dev_acc'][-1]:.4f}", refresh=False)
                bar.update()
                if live is not None:
                    live(self.history)
        self.params, self.statistics = best
        return self.history

    def _step(self, X, y, configs, epoch):
        """One step of Adam for every parameter."""
        loss, grads = self.loss(X, y)
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} in epoch {epoch}; a smaller learning_rate may help.")
        for name, w in self.params.items():
            self.params[name], _ = adam(w, grads[name], configs[name])


def _checked_data(data, num_inputs, num_classes):
    """``data`` with arrays of examples and of labels, which are what the network can be trained with."""
    if not isinstance(data, Mapping) or set(data) != {'train', 'dev', 'test'}:
        raise ValueError(f"data has {list(data)}; expected 'train', 'dev' and 'test', each (X, y).")
    checked = {}
    for part, examples in data.items():
        if not isinstance(examples, (tuple, list)) or len(examples) != 2:
            raise ValueError(f"{part} is {shown(examples)}; expected a pair, (X, y).")
        X, y = examples
        X = as_array(f'X of {part}', X, 'examples, (N, ...)')
        if X.ndim == 0 or not len(X) or X.size != len(X) * num_inputs or X.dtype.kind not in 'iuf':
            raise ValueError(f"{part} has X of shape {X.shape} and type {X.dtype}; expected at least one example, "
                             f"(N, ...), of {num_inputs} numbers each.")
        y = labels(f'y of {part}', y, num_classes=num_classes)
        if len(X) != len(y):
            raise ValueError(f"{part} has {len(X)} examples and {len(y)} labels; expected one label an example.")
        checked[part] = X, y
    if len(checked['train'][1]) < 2:
        raise ValueError("train has one example; batch norm expects at least two in a batch.")
    return checked
