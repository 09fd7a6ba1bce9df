"""Base of the networks by hand: settings, parameters and stored statistics, and what is checked before a call."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ._mxnet import mx, nd
from ._mxnet.devices import check_context
from .batch_norm import batch_norm
from .checks import check_examples, check_network, check_params
from .network_state import activations_watched
from .parallel.shared_layer import NoRows, part_of_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from mxnet import Context
    from mxnet.ndarray import NDArray


class Network:
    """What :class:`gluon_bn.LeNet` and :class:`gluon_bn.SigmoidMLP` have in common; their docstrings say what it is.

    Layers are numbered '1', '2', ... All but the last may have batch norm and have an activation. A subclass has
    ``_layers()``, calls ``_make_params`` at the end of its ``__init__``, and ``_check`` before anything else in its
    ``__call__``.
    """

    watch: Callable[[str, NDArray], None] | None = None  # see network_state.activations_watched
    _checked: Sequence[NDArray] = ()  # the parameters whose shapes have been looked at

    def __init__(self, ctx: Context | None, batch_norm: bool, momentum: float, eps: float, impl: str,
                 group: Any = None) -> None:
        check_network(momentum, eps, impl, batch_norm=batch_norm)
        part_of_layer(group, '')  # refuses what is none
        self.ctx = check_context(mx.current_context() if ctx is None else ctx)
        self.batch_norm = batch_norm
        self.momentum = momentum
        self.eps = eps
        self.impl = impl
        self.group = group
        self.bn_ewv_means: dict[str, NDArray] = {}
        self.bn_ewv_vars: dict[str, NDArray] = {}
        self.params: dict[str, NDArray] = {}

    def _make_params(self, value):
        """Fill ``params`` with what ``value(name, shape)`` returns for each, in their order."""
        for name, shape in self._shapes().items():
            self.params[name] = value(name, shape)
            self.params[name].attach_grad()

    def _layers(self):
        """The shape of the weights and the number of units of each layer, from first to last."""
        raise NotImplementedError

    def _shapes(self):
        """Those of the parameters, in their order: dict name -> tuple."""
        shapes, layers = {}, self._layers()
        for i, (weights, units) in enumerate(layers, 1):
            shapes.update({f'W{i}': weights, f'b{i}': (units,)})
            if self.batch_norm and i < len(layers):
                shapes.update({f'gamma{i}': (units,), f'beta{i}': (units,)})
        return shapes

    def __getstate__(self) -> dict[str, Any]:
        """A copy belongs to no group."""
        return {**vars(self), 'group': None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a copy's state, with arrays in the network's context, and gradients: MXNet leaves both behind.

        A shallow copy shares its arrays, which have both, and is left as it is.

        >>> from copy import deepcopy
        >>> net = gbn.LeNet(mx.cpu(1))
        >>> twin = deepcopy(net)
        >>> twin.params['W1'].ctx, twin.params['W1'].grad is net.params['W1'].grad
        (cpu(1), False)
        """
        vars(self).update(state)
        for arrays in (self.params, self.bn_ewv_means, self.bn_ewv_vars):
            for name, array in arrays.items():
                if array.ctx != self.ctx:
                    arrays[name] = array.as_in_context(self.ctx)
        for param in self.params.values():
            if param.grad is None:
                param.attach_grad()

    def _check(self, X, **switches):
        """Raise unless the network is as it was made, and ``X`` holds examples beside it; ``switches`` are booleans."""
        check_network(self.momentum, self.eps, self.impl, batch_norm=self.batch_norm, **switches)
        self._checked = check_params(self.params, self._shapes(), self._checked)
        check_examples(X, self._checked[0])

    @property
    def _layer_impl(self):
        """The formulation that is asked for in each layer."""
        return self.impl

    def _normalize(self, h, number, is_training):
        """The batch norm of layer ``number``, or ``h`` itself in a net without."""
        if not self.batch_norm:
            return h
        return batch_norm(h, self.params['gamma' + number], self.params['beta' + number], self.bn_ewv_means,
                          self.bn_ewv_vars, self.momentum, self.eps, layer_name='bn' + number, is_training=is_training,
                          impl=self._layer_impl, group=self.group)

    @property
    def _shares_batches(self):
        """Whether batch norm, while training, needs other ranks."""
        return self.batch_norm and self.group is not None and (self.group.size > 1 or isinstance(self.group, NoRows))

    def _without_rows(self, *shape):
        """Scores of 0 ``(1, num_outputs)``, for the other ranks' sake alone; ``shape`` is that of an example."""
        before, self.group = self.group, NoRows(self.group)
        try:
            return 0 * self(nd.zeros((1, *shape), ctx=self.ctx, dtype=self.params['W1'].dtype))
        finally:
            self.group = before

    def __call__(self, X: NDArray, is_training: bool = True) -> NDArray:
        """Scores before the softmax, one row an example."""
        raise NotImplementedError

    def activation_inputs(self, X: NDArray, is_training: bool = False) -> dict[str, NDArray]:
        """What the activation of each layer gets for ``X``: dict '1', '2', ... -> NDArray.

        As a call does, this updates the stored statistics with ``is_training=True``, and changes nothing without.
        ``ValueError`` in a subclass that activates otherwise.

        >>> inputs = gbn.LeNet(batch_norm=False).activation_inputs(nd.ones((5, 1, 28, 28)))
        >>> {number: h.shape for number, h in inputs.items()}
        {'1': (5, 20, 26, 26), '2': (5, 50, 9, 9), '3': (5, 128)}
        """
        with activations_watched(self) as inputs:
            self(X, is_training)
        return inputs
