"""A LeNet-style convolutional network written out by hand, with batch normalization before every activation."""
from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from ._mxnet import nd
from .checks import LARGEST_SCALE, MOST_VALUES, SMALLEST_SCALE
from .fast import lenet as fast
from .fast import native
from .functions import relu
from .network import Network
from .network_state import stored_statistics_kept, watched
from .support.arguments import BETA_ALONE, integer, number

if TYPE_CHECKING:
    from typing import Any

    from mxnet import Context
    from mxnet.ndarray import NDArray


class LeNet(Network):
    """Two convolutions and two dense layers for images of 1×28×28, in plain ``nd`` operators.

    ======= ================================================== =================
    layer   what it does                                       shape
    ======= ================================================== =================
    1       convolution 3×3, batch norm, ReLU, mean of 2×2     (m, 20, 13, 13)
    2       convolution 5×5, batch norm, ReLU, mean of 2×2     (m, 50, 4, 4)
    3       flatten, dense, batch norm, ReLU                   (m, num_fc)
    4       dense                                              (m, num_outputs)
    ======= ================================================== =================

    Parameters
    ----------
    ctx : Context, where the parameters live; None is ``mx.current_context()``
    weight_scale : float
        Weights and biases are drawn from N(0, weight_scale²), gamma from N(1, weight_scale²), beta from
        N(0, weight_scale²), by MXNet's generator: ``mx.random.seed`` makes them the same again.
    num_fc, num_outputs : int, at least 1, units of the two dense layers
    batch_norm : bool, False leaves the three batch norms (and gamma, beta) out
    momentum : float, weight of the old value in the stored statistics
    eps : float, added to the variance before the square root
    impl : 'auto', 'plain' or 'fast', see :func:`gluon_bn.which_impl`
    group : None, or a group of :mod:`gluon_bn.parallel`; also an attribute
        With a group, images in training are this rank's shard of a batch that all its ranks share, and batch norm has
        the statistics of all of it, see :func:`gluon_bn.batch_norm`. A rank whose shard is empty calls ``net(None)``.

    Attributes
    ----------
    params : dict name -> NDArray with a gradient attached: W1 b1 gamma1 beta1 ... W4 b4; optimisers change these
    bn_ewv_means, bn_ewv_vars : dict 'bn1', 'bn2', 'bn3' -> NDArray; changed by every call with ``is_training=True``
    bn_values_per_image : dict 'bn1', 'bn2', 'bn3' -> int, how many values of one image each feature averages (H·W)

    Raises ``ValueError`` or ``TypeError`` for settings out of range or of another kind. ``copy.deepcopy`` and pickle
    make a network that trains on, with gradients of 0.

    Example
    -------
    >>> net = gbn.LeNet(mx.cpu())
    >>> net(nd.zeros((64, 1, 28, 28))).shape
    (64, 10)
    """

    bn_values_per_image = MappingProxyType({'bn1': 26 * 26, 'bn2': 9 * 9, 'bn3': 1})

    def __init__(self, ctx: Context | None = None, weight_scale: float = 0.01, num_fc: int = 128,
                 num_outputs: int = 10, batch_norm: bool = True, momentum: float = 0.9, eps: float = 1e-5,
                 impl: str = 'auto', group: Any = None) -> None:
        super().__init__(ctx, batch_norm, momentum, eps, impl, group)
        number('weight_scale', weight_scale, at_least=SMALLEST_SCALE, at_most=LARGEST_SCALE)
        self.num_fc = integer('num_fc', num_fc, at_least=1, at_most=MOST_VALUES // 800)
        self.num_outputs = integer('num_outputs', num_outputs, at_least=1, at_most=MOST_VALUES // self.num_fc)
        if impl != 'plain' and self.ctx.device_type.startswith('cpu'):
            native.available()  # to build or load them takes a while: better now than in the middle of training
        self._make_params(lambda name, shape: nd.random.normal(
            1 if name.startswith('gamma') else 0, weight_scale, shape=shape, ctx=self.ctx))

    def _layers(self):
        return (((20, 1, 3, 3), 20), ((50, 20, 5, 5), 50), ((50 * 4 * 4, self.num_fc), self.num_fc),
                ((self.num_fc, self.num_outputs), self.num_outputs))

    def __call__(self, X: Any, is_training: bool = True, debug: bool = False) -> NDArray:
        """Scores before the softmax, ``(m, 1, 28, 28) -> (m, num_outputs)``.

        ``is_training=True`` normalises by the batch and updates ``bn_ewv_means`` and ``bn_ewv_vars``; False uses them
        and changes nothing. ``debug=True`` prints the shape after each layer. Images of another shape are a
        ``ValueError``, and so is training batch norm on one image; images that are no NDArray of the parameters' type
        are a ``TypeError``. Nothing is changed then.

        ``net(None)``, in training with a ``group``, is for a rank that has no images of this batch, and takes part for
        the others' sake: the scores are zeros, ``(1, num_outputs)``, all gradients that come of them are 0, and the
        stored statistics are updated as on the other ranks.
        """
        if X is None and is_training and self.group is not None:
            return self._without_rows(1, 28, 28)
        self._check(X, is_training=is_training, debug=debug)
        if X.ndim != 4 or X.shape[1:] != (1, 28, 28):
            raise ValueError(f"X has shape {X.shape}; this LeNet expects (m, 1, 28, 28): reshape or crop the images.")
        if is_training and self.batch_norm and X.shape[0] == 1 and not self._shares_batches:
            # else bn3 would refuse, after bn1 and bn2 had changed
            raise ValueError(f"X has shape {X.shape}, a batch of one: the dense layer has one value per unit, and "
                             f"{BETA_ALONE}. Train with at least two images a batch, or pass is_training=False to use "
                             "the stored statistics.")
        quick = fast.scores(self, X, is_training) if self._as_it_stands and not debug else None
        if quick is not None:
            return quick
        with stored_statistics_kept(self, only_if_refused=True):
            return self._scores(X, is_training, debug)

    def _scores(self, X, is_training, debug):
        """The network, operator by operator."""
        p = dict(self.params)
        if is_training and self._shares_batches:  # their gradient is 0 for all rows together, and not for a shard's: as
            p.update(b1=nd.BlockGrad(p['b1']), b2=nd.BlockGrad(p['b2']))  # the native operators have it, it is 0 here
        h1 = nd.Convolution(X, p['W1'], p['b1'], kernel=(3, 3), num_filter=20)      # (m, 20, 26, 26)
        h1 = self.activate(h1, '1', is_training)
        h1 = nd.Pooling(h1, pool_type='avg', kernel=(2, 2), stride=(2, 2))          # (m, 20, 13, 13)

        h2 = nd.Convolution(h1, p['W2'], p['b2'], kernel=(5, 5), num_filter=50)     # (m, 50, 9, 9)
        h2 = self.activate(h2, '2', is_training)
        h2 = nd.Pooling(h2, pool_type='avg', kernel=(2, 2), stride=(2, 2))          # (m, 50, 4, 4)

        flat = nd.flatten(h2)                                                       # (m, 800)
        h3 = nd.dot(flat, p['W3']) + p['b3']                                        # (m, num_fc)
        h3 = self.activate(h3, '3', is_training)

        yhat_linear = nd.dot(h3, p['W4']) + p['b4']                                 # (m, num_outputs)
        if debug:
            for name, value in (('h1', h1), ('h2', h2), ('flat', flat), ('h3', h3), ('yhat_linear', yhat_linear)):
                print(f"{name} shape: {value.shape}")
        return yhat_linear

    def activate(self, h, number, is_training):
        """What layer ``number``, '1' to '3', does with the values ``h`` of its convolution or product: norm, then ReLU.

        A subclass may do otherwise; it is computed layer by layer then, by the operators above.
        """
        return relu(watched(self, self._normalize(h, number, is_training), number))

    @property
    def _layer_impl(self):
        return 'plain' if self.impl == 'plain' else 'auto'  # 'fast' is not for every layer

    @property
    def _as_it_stands(self):
        return self.watch is None and type(self).activate is LeNet.activate
