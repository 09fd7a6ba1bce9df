"""A fully connected network of any depth in NumPy, with its gradients by hand: :class:`FullyConnectedNet`."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..support.arguments import boolean, integer, labels, number, shown, sizes
from . import layers
from .normalization import batchnorm_backward_alt, batchnorm_forward, layernorm_backward, layernorm_forward
from .running_statistics import RunningStatistics, flat_examples, float_type

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy.typing as npt

NORMALIZATIONS = {'batchnorm': (batchnorm_forward, batchnorm_backward_alt),
                  'layernorm': (layernorm_forward, layernorm_backward)}


class FullyConnectedNet(RunningStatistics):
    """{affine, [normalisation], ReLU, [dropout]} for each hidden layer, then affine and softmax, as in cs231n.

    Parameters
    ----------
    hidden_dims : list of int, the units of each hidden layer
    input_dim, num_classes : int
    dropout : float, the probability of *dropping* a value; 0 is no dropout
    use_batchnorm : bool, the same as ``normalization='batchnorm'``
    reg : float, the strength of L2 regularisation: ``0.5 * reg * sum(W**2)`` of every W is added to the loss
    weight_scale : float, the standard deviation of the initial weights; biases and beta start at 0, gamma at 1
    dtype : of all arithmetic, float32 or wider; float64 for gradient checks
    seed : int from 0 to 2**32 - 1, or None
        None draws the weights W1, W2, ... from NumPy's global generator, as the exercise does, and dropout masks too.
        With a seed the weights are the same each time, and every dropout drops the same values at every call: that is
        for gradient checks, not for training.
    normalization : 'batchnorm', 'layernorm' or None

    Attributes
    ----------
    params : dict name -> array: W1 b1 gamma1 beta1 W2 ... ; whoever trains the network changes these
    bn_params : list with one ``bn_param`` a batch norm; every call of ``loss`` with labels updates the running values
    statistics : dict name -> array, the running values (a view of ``bn_params``); assign one to restore them

    A bias before batch norm is there because the exercise has it, and does nothing: the mean that is subtracted next
    contains it, so its gradient is zero. beta takes its place.

    Raises ``ValueError`` or ``TypeError``, in one sentence, for a value out of range or of another kind.

    Example
    -------
    >>> net = gbn.FullyConnectedNet([5], input_dim=4, num_classes=3, use_batchnorm=True, seed=0)
    >>> list(net.params)
    ['W1', 'b1', 'gamma1', 'beta1', 'W2', 'b2']
    >>> loss, grads = net.loss(np.eye(4), np.array([0, 1, 2, 0]))
    >>> net.loss(np.eye(4)).shape  # without labels: the scores, in test mode
    (4, 3)
    """

    def __init__(self, hidden_dims: Sequence[int], input_dim: int = 3 * 32 * 32, num_classes: int = 10,
                 dropout: float = 0, use_batchnorm: bool = False, reg: float = 0.0, weight_scale: float = 1e-2,
                 dtype: npt.DTypeLike = np.float32, seed: int | None = None, normalization: str | None = None) -> None:
        if normalization is not None and not (isinstance(normalization, str) and normalization in NORMALIZATIONS):
            raise ValueError(f"normalization is {shown(normalization)}; expected None or one of "
                             f"{', '.join(NORMALIZATIONS)}.")
        if boolean('use_batchnorm', use_batchnorm) and normalization == 'layernorm':
            raise ValueError("use_batchnorm is True and normalization 'layernorm'; choose one.")
        dropout = number('dropout', dropout, at_least=0, below=1, hint='the probability of dropping; 0 is no dropout')
        self.normalization = 'batchnorm' if use_batchnorm else normalization
        self.reg, self.dtype = number('reg', reg, at_least=0), float_type(dtype)
        weight_scale = number('weight_scale', weight_scale, at_least=0)
        hidden_dims = sizes('hidden_dims', hidden_dims)
        input_dim, num_classes = (integer(name, value, at_least=1)
                                  for name, value in (('input_dim', input_dim), ('num_classes', num_classes)))
        self.num_layers = 1 + len(hidden_dims)
        self.dropout_param = {'p': dropout, 'mode': 'train', 'seed': seed}
        self.bn_params = [{'mode': 'train'} for _ in hidden_dims] if self.normalization == 'batchnorm' else []
        self.params = self._draw([input_dim, *hidden_dims, num_classes], weight_scale, seed)

    def _draw(self, dims, weight_scale, seed):
        random = layers.generator(seed)
        params = {}
        for i, (rows, columns) in enumerate(zip(dims, dims[1:]), 1):
            params[f'W{i}'] = weight_scale * random.standard_normal((rows, columns))
            params[f'b{i}'] = np.zeros(columns)
            if self.normalization and i < self.num_layers:
                params[f'gamma{i}'], params[f'beta{i}'] = np.ones(columns), np.zeros(columns)
        return {name: param.astype(self.dtype) for name, param in params.items()}

    def loss(self, X: np.ndarray, y: np.ndarray | None = None) -> Any:
        """The loss of a batch and its gradients, or without labels the scores.

        Parameters
        ----------
        X : array or lists ``(N, d_1, ..., d_k)``, flattened to ``(N, input_dim)``
        y : N class numbers from 0 to ``num_classes - 1``, the labels. Others are refused, before anything changes.

        Returns
        -------
        Without ``y``, in test mode (running statistics, no dropout), which changes nothing: the scores
        ``(N, num_classes)``. With ``y``, in training mode, which updates the running values: ``(loss, grads)``, a
        number and a dict with the gradient of every parameter.
        """
        mode = 'test' if y is None else 'train'
        h, caches = flat_examples(X, self.dtype), []                                 # (N, input_dim)
        if y is not None:  # before anything changes
            y = labels('y', y, len(h), len(self.params[f'b{self.num_layers}']))
        for i in range(1, self.num_layers):
            h, cache = self._hidden_forward(h, i, mode)                              # (N, hidden_dims[i - 1])
            caches.append(cache)
        last = self.num_layers
        scores, cache = layers.affine_forward(h, self.params[f'W{last}'], self.params[f'b{last}'])    # (N, num_classes)
        if y is None:
            return scores

        loss, dscores = layers.softmax_loss(scores, y)
        grads = {}
        dh, grads[f'W{last}'], grads[f'b{last}'] = layers.affine_backward(dscores, cache)
        for i in range(last - 1, 0, -1):
            dh = self._hidden_backward(dh, i, caches.pop(), grads)
        for i in range(1, last + 1):
            W = self.params[f'W{i}']
            loss += 0.5 * self.reg * np.sum(W * W)
            grads[f'W{i}'] += self.reg * W
        return loss, grads

    def _hidden_forward(self, h, i, mode):
        """Layer ``i``: affine, normalisation, ReLU, dropout."""
        p, norm_cache, drop_cache = self.params, None, None
        h, affine_cache = layers.affine_forward(h, p[f'W{i}'], p[f'b{i}'])
        if self.normalization:
            forward, _ = NORMALIZATIONS[self.normalization]
            norm_param = self.bn_params[i - 1] if self.bn_params else {}
            norm_param['mode'] = mode
            h, norm_cache = forward(h, p[f'gamma{i}'], p[f'beta{i}'], norm_param)
        h, relu_cache = layers.relu_forward(h)
        if self.dropout_param['p']:
            h, drop_cache = layers.dropout_forward(h, {**self.dropout_param, 'mode': mode})
        return h, (affine_cache, norm_cache, relu_cache, drop_cache)

    def _hidden_backward(self, dh, i, cache, grads):
        """Back through layer ``i``: puts its gradients into ``grads``; returns that of its input, None of the first."""
        affine_cache, norm_cache, relu_cache, drop_cache = cache
        if drop_cache is not None:
            dh = layers.dropout_backward(dh, drop_cache)
        dh = layers.relu_backward(dh, relu_cache)
        if self.normalization:
            _, backward = NORMALIZATIONS[self.normalization]
            dh, grads[f'gamma{i}'], grads[f'beta{i}'] = backward(dh, norm_cache)
        dh, grads[f'W{i}'], grads[f'b{i}'] = layers.affine_backward(dh, affine_cache, need_dx=i > 1)
        return dh
