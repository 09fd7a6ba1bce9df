"""The layer for a batch that several ranks share: :func:`batch_norm`, an operator of MXNet's written in Python.

Forward it merges ``(n, mean, M2)`` of all shards, backward it adds up their sums of dy and dy·x_hat; between the two
exchanges it is the layer as ever, in its closed form, by native operators where there are any. The exchanges take place
in threads that MXNet has for such operators: they hold nothing that another rank of this process may need. Inputs of a
``CustomOp`` are real dependencies, other than those of an ``autograd.Function``.

Backward, the layers exchange in the order in which MXNet computes them, the last one first, since each needs the
gradient of the next. Of two layers that lie side by side any may be first; then a group finds that its ranks are not
together, and raises. ``MXNET_ENGINE_TYPE=NaiveEngine`` has one order for all.
"""
import numpy as np

from ._mxnet import mx, nd
from ._mxnet.arrays import spec_of
from ._mxnet.device_threads import compute_beside_others
from ._mxnet.features import all_but_features, beside, first_values
from .fast import operators, ranks
from .parallel.shared_layer import by_number

OPERATOR = 'gluon_bn_shared_batch_norm'


def batch_norm(part, X, gamma, beta, eps, impl):
    """``(out, (mean, var))`` of the shard ``X`` of a batch; mean and variance ``(C,)``, in float64, of the whole batch.

    It waits for the gradients of the last backward pass first, so that no exchange of one pass comes between those of
    another, and for the statistics afterwards, so that an exchange that fails is raised here.
    """
    compute_beside_others(X.context)
    ranks.wait([part], *(array.grad for array in (X, gamma, beta) if array.grad is not None))
    out, mean, var = nd.Custom(X, gamma, beta, op_type=OPERATOR, number=part.layer.number, absent=int(part.absent),
                               eps=eps, impl=impl)
    ranks.wait([part], mean, var)
    return out, (mean, var)


class _SharedBatchNorm(mx.operator.CustomOp):
    """One call of the layer. ``numbers`` are those of the whole batch: how many values a feature has, their sums, M2.

    What cannot be computed is NaN, and ``SharedLayer.error`` says why: of exceptions in two threads at once MXNet may
    lose one.
    """

    def __init__(self, layer, absent, eps, impl):
        super().__init__()
        self._layer, self._absent, self._eps, self._impl = layer, absent, eps, impl

    def forward(self, is_train, req, in_data, out_data, aux):
        try:
            with np.errstate(all='ignore'):  # of a network that has diverged
                results = self._forward(*in_data)
        except Exception as error:  # raised by batch_norm, which waits for it
            self._layer.error, results = error, [np.nan] * len(out_data)
        for destination, how, value in zip(out_data, req, results):
            self.assign(destination, how, value)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        failure = None
        try:
            with np.errstate(all='ignore'):
                results = self._backward(out_grad[0], *in_data[:2])
        except Exception as error:
            self._layer.error, failure, results = error, error, [np.nan] * len(in_grad)
        for destination, how, value in zip(in_grad, req, results):
            self.assign(destination, how, value)
        if failure is not None:
            raise failure

    def _forward(self, X, gamma, beta):
        """Output, mean and variance."""
        steps = _steps(X, self._impl)
        self._numbers = self._exchange(steps.statistics(X), backward=False)
        out = steps.normalize(X, gamma, beta, self._numbers, self._eps)
        return (out, *(_on(X, value) for value in _mean_and_variance(self._numbers)))            # (C,)

    def _backward(self, g, X, gamma):
        """The gradients of X, gamma and beta; the last two are those of this rank's rows."""
        C, steps = X.shape[1], _steps(X, self._impl)
        own = steps.sums(X, g, self._numbers, self._eps)                                         # (1 + 2 C,)
        if self._absent:
            own = np.zeros_like(own)
        totals = self._exchange(own, backward=True)
        dX = nd.zeros_like(X) if self._absent else steps.gradient(X, g, gamma, self._numbers, totals, self._eps)
        return dX, _on(X, own[1 + C:]).astype(gamma.dtype), _on(X, own[1:1 + C]).astype(gamma.dtype)

    def _exchange(self, own, backward):
        """The numbers of the whole batch, from those of the shard."""
        numbers = np.zeros_like(own) if self._absent else own.copy()
        self._layer.exchange(numbers, backward)
        return numbers


@mx.operator.register(OPERATOR)
class _SharedBatchNormProp(mx.operator.CustomOpProp):
    """What MXNet has to know of it; all arguments come as text."""

    def __init__(self, number, absent, eps, impl):
        super().__init__()
        self._arguments = by_number(int(number)), bool(int(absent)), float(eps), impl

    def list_arguments(self):
        return ['X', 'gamma', 'beta']

    def list_outputs(self):
        return ['out', 'mean', 'var']

    def infer_shape(self, in_shape):
        channels = (in_shape[0][1],)
        return [in_shape[0], channels, channels], [in_shape[0], channels, channels], []

    def infer_type(self, in_type):
        return in_type, [in_type[0], np.float64, np.float64], []

    def declare_backward_dependency(self, out_grad, in_data, out_data):
        return [out_grad[0], in_data[0], in_data[1]]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return _SharedBatchNorm(*self._arguments)


class _Native:
    """The steps by the native operators (``layer.cc``). Numbers are those of NumPy, ``(1 + 2 C,)`` in float64."""

    @staticmethod
    def statistics(X):
        return nd._internal._gluon_bn_shard_statistics(X).asnumpy()

    @staticmethod
    def normalize(X, gamma, beta, numbers, eps):
        return nd._internal._gluon_bn_shard_normalize(X, gamma, beta, _on(X, numbers), eps=eps)

    @staticmethod
    def sums(X, g, numbers, eps):
        return nd._internal._gluon_bn_shard_sums(X, g, _on(X, numbers), eps=eps).asnumpy()

    @staticmethod
    def gradient(X, g, gamma, numbers, totals, eps):
        return nd._internal._gluon_bn_shard_gradient(X, g, gamma, _on(X, numbers), _on(X, totals), eps=eps)


class _Plain:
    """The same steps in MXNet's own operators, for any device."""

    @staticmethod
    def statistics(X):
        first = first_values(X)                                                          # (C,)
        X = X - beside(first, X)                                               # see batch_norm.normalize_batch
        mean = nd.mean(X, axis=all_but_features(X))                                      # (C,)
        m2 = nd.sum((X - beside(mean, X)) ** 2, axis=all_but_features(X))                # (C,)
        n = X.size // X.shape[1]
        mean, m2, first = (array.asnumpy().astype(np.float64) for array in (mean, m2, first))
        return np.concatenate(([n], n * (first + mean), m2))

    @staticmethod
    def normalize(X, gamma, beta, numbers, eps):
        return beside(gamma, X) * _x_hat(X, numbers, eps) + beside(beta, X)

    @staticmethod
    def sums(X, g, numbers, eps):
        sums = [nd.sum(g * factor, axis=all_but_features(X)) for factor in (1, _x_hat(X, numbers, eps))]
        return np.concatenate(([X.size // X.shape[1]], *(array.asnumpy().astype(np.float64) for array in sums)))

    @staticmethod
    def gradient(X, g, gamma, numbers, totals, eps):
        mean_g, mean_gx = (totals[1:] / totals[0]).reshape(2, -1)                        # (C,)
        scale = gamma * nd.array(_rstd(numbers, eps), X.context, dtype=X.dtype)          # (C,)
        mean_g, mean_gx = (beside(nd.array(mean, X.context, dtype=X.dtype), X) for mean in (mean_g, mean_gx))
        return beside(scale, X) * (g - mean_g - _x_hat(X, numbers, eps) * mean_gx)


def _steps(X, impl):
    return _Native if impl != 'plain' and operators.supports(*spec_of(X)) else _Plain


def _x_hat(X, numbers, eps):
    """The normalised X. The mean is subtracted as X's type has it; what that lost comes after it."""
    mean, _ = _mean_and_variance(numbers)                                                # (C,)
    rounded = mean.astype(X.dtype)
    rstd = _rstd(numbers, eps)
    rounded, rstd, rest = (beside(nd.array(value, X.context, dtype=X.dtype), X)
                           for value in (rounded, rstd, (rounded - mean) * rstd))
    return (X - rounded) * rstd + rest


def _rstd(numbers, eps):
    return 1 / np.sqrt(_mean_and_variance(numbers)[1] + eps)                             # (C,)


def _mean_and_variance(numbers):
    return (numbers[1:] / numbers[0]).reshape(2, -1)                                     # (2, C)


def _on(X, numbers):
    return nd.array(numbers, X.context, dtype=np.float64)
