"""A small network in Nodes that tells malignant from benign tumours, with batch norm or without.

The layers are functions of Nodes (:func:`batch_norm`, :func:`binary_cross_entropy`), the network keeps its parameters
in a dictionary, and :func:`train` is plain SGD. The data, 569 samples of 30 measurements (Street, Wolberg and
Mangasarian, 1993), come with scikit-learn, the extra ``scikit-learn``.
"""
import numpy as np

from ..support.arguments import BETA_ALONE, boolean, floats, integer, labels, number, shown
from ..support.extras import import_extra
from ..support.markdown import markdown_table
from .node import Node

LAYERS = (('fc1', 30, 20), ('fc2', 20, 10), ('fc3', 10, 1))


def batch_norm(X, gamma, beta, eps=1e-5):
    """Algorithm 1 of Ioffe and Szegedy (2015) in Nodes: ``(out, mean, var)``.

    ``X`` is a Node ``(m, D)`` or ``(m, C, H, W)``, ``gamma`` and ``beta`` are Nodes ``(D,)`` or ``(C,)``; ``mean`` and
    the biased ``var`` are Nodes with the axes of ``X``, all of length 1 but the features'. There is no backward pass to
    write: ``out.grad(dout)`` has all three gradients.

    >>> X = Node([[1., 7.], [5., 4.], [6., 10.]], 'X')
    >>> out, mean, var = batch_norm(X, Node(np.ones(2), 'gamma'), Node(np.zeros(2), 'beta'))
    >>> out.value.round(4)
    array([[-1.3887,  0.    ],
           [ 0.4629, -1.2247],
           [ 0.9258,  1.2247]])
    """
    number('eps', eps, at_least=0, hint='1e-5 is the usual one')
    axes = (0, *range(2, len(X.shape)))
    mean = X.mean(axis=axes, keepdims=True)                         # (1, D) or (1, C, 1, 1)
    var = X.var(axis=axes, keepdims=True)                           # (1, D) or (1, C, 1, 1)
    return _normalize_with(X, mean, var, gamma, beta, eps), mean, var


def _normalize_with(X, mean, var, gamma, beta, eps):
    X_hat = (X - mean) / (var + eps).sqrt()
    return gamma.reshape(mean.shape) * X_hat + beta.reshape(mean.shape)


def binary_cross_entropy(scores, y):
    """The mean of ``-y log p - (1 - y) log(1 - p)`` with ``p = sigmoid(scores)``, a Node of one value.

    ``scores`` is a Node of any shape, ``y`` an array of zeros and ones of that shape. Computed from the scores as
    ``max(s, 0) - s y + log(1 + exp(-|s|))``, it is finite where ``p`` is 0 or 1 to the last bit, where the logarithm of
    ``p`` is not.

    >>> float(binary_cross_entropy(Node([1000.]), [0.]).value)
    1000.0
    """
    if not isinstance(scores, Node):
        raise TypeError(f"scores are {shown(scores)}; expected a Node: make one with Node(...).")
    y = floats('y', y).astype(scores.value.dtype)
    if y.shape != scores.shape:
        raise ValueError(f"scores have shape {scores.shape} and y {y.shape}; they must agree: reshape y.")
    size = scores.maximum(-scores)                                  # |s|
    return (scores.maximum(0) - scores * y + (1 + (-size).exp()).log()).mean()


class BreastCancerNet:
    """30 -> linear 20 -> batch norm -> tanh -> linear 10 -> batch norm -> tanh -> linear 1 -> sigmoid.

    Parameters
    ----------
    seed : int, of the initial weights, drawn from N(0, 1 / inputs)
    batch_norm : bool, False leaves both batch norms out and gives the first two linear layers a bias instead
    momentum : float, weight of the old value in the moving averages
    eps : float, added to the variance under the root; float64 can do with less than the usual 1e-5

    Attributes
    ----------
    params : dict name -> array
        ``weight_fc1`` (30, 20), ``gamma_bn1``, ``beta_bn1``, ``avg_mean_bn1``, ``avg_variance_bn1`` (20,),
        ``weight_fc2`` ..., ``weight_fc3`` (10, 1), ``bias_fc3`` (1,). The averages start at 0, are changed by
        ``forward`` while training, and have no gradient.

    Example
    -------
    >>> net = BreastCancerNet()
    >>> net.forward(np.random.normal(size=(5, 30))).shape
    (5, 1)
    """

    def __init__(self, seed=0, batch_norm=True, momentum=0.9, eps=1e-8):
        rng = np.random.default_rng(integer('seed', seed, at_least=0))
        self.batch_norm = boolean('batch_norm', batch_norm)
        self.momentum = number('momentum', momentum, at_least=0, at_most=1, hint='0.9 is the usual one')
        self.eps = number('eps', eps, at_least=0, hint='1e-5 is the usual one')
        self.params = {}
        for (layer, inputs, outputs), position in zip(LAYERS, '123'):
            self.params[f'weight_{layer}'] = rng.normal(0, inputs ** -0.5, (inputs, outputs))
            if batch_norm and layer != 'fc3':
                for name, start in (('gamma', 1.), ('beta', 0.), ('avg_mean', 0.), ('avg_variance', 0.)):
                    self.params[f'{name}_bn{position}'] = np.full(outputs, start)
            else:
                self.params[f'bias_{layer}'] = np.zeros(outputs)

    def forward(self, x, train=True):
        """The probability of class 1 for each row of ``x``: ``(m, 30)`` -> Node ``(m, 1)``."""
        return self.scores(x, train).sigmoid()

    def scores(self, x, train=True):
        """What goes into the sigmoid: ``(m, 30)`` -> Node ``(m, 1)``.

        ``train=True`` normalises by the batch and folds its statistics into the moving averages; False uses those and
        changes nothing.
        """
        boolean('train', train)
        x = _rows(x)
        if train and self.batch_norm and x.shape[0] < 2:
            raise ValueError(f"x has shape {x.shape}, one row: {BETA_ALONE}. Train with more rows.")
        h = self._between(self._linear(x, '1'), '1', train).tanh()  # (m, 20)
        h = self._between(self._linear(h, '2'), '2', train).tanh()  # (m, 10)
        return self._linear(h, '3')                                 # (m, 1)

    def loss(self, x, y, train=True):
        """The mean binary cross entropy for labels ``y`` ``(m,)``, a Node: its ``grad()`` is that of all parameters."""
        x = _rows(x)
        y = labels('y', y, len(x), 2)
        return binary_cross_entropy(self.scores(x, train), y[:, np.newaxis])

    def accuracy(self, x, y):
        """The share of rows on the right side of probability 1/2, by the moving averages."""
        x = _rows(x)
        y = labels('y', y, len(x), 2)
        scores = self.scores(x, train=False).value[:, 0]
        return float(np.mean(np.where(y == 1, scores > 0, scores <= 0)))  # NaN is on neither side

    def _param(self, name):
        return Node(self.params[name], name)

    def _linear(self, x, number):
        out = x @ self._param(f'weight_fc{number}')
        return out + self._param(f'bias_fc{number}') if f'bias_fc{number}' in self.params else out

    def _between(self, x, number, train):
        """The batch norm after linear layer ``number``, or ``x`` itself in a network without."""
        if not self.batch_norm:
            return x
        gamma, beta = self._param(f'gamma_bn{number}'), self._param(f'beta_bn{number}')
        if train:
            out, mean, var = batch_norm(x, gamma, beta, self.eps)
            self._update(f'avg_mean_bn{number}', mean)
            self._update(f'avg_variance_bn{number}', var)
            return out
        mean, var = (self.params[f'{name}_bn{number}'][np.newaxis] for name in ('avg_mean', 'avg_variance'))
        return _normalize_with(x, mean, Node(var), gamma, beta, self.eps)

    def _update(self, name, new):
        """Fold the batch's statistic into the average: its value alone, so that no graph outlives its batch."""
        self.params[name] = self.momentum * self.params[name] + (1 - self.momentum) * new.value[0]


def _rows(x):
    """``x`` as a Node of shape ``(m, 30)``."""
    x = x if isinstance(x, Node) else Node(floats('x', x))
    if len(x.shape) != 2 or x.shape[1] != 30 or not x.shape[0]:
        raise ValueError(f"x has shape {x.shape}; this network expects (m, 30).")
    return x


def train(net, x, y, epochs=20, batch_size=32, lr=0.1, seed=0):
    """Minimise ``net.loss`` by SGD; returns the losses of all batches. ``net.params`` is **changed**.

    ``x`` is ``(n, 30)``, ``y`` ``(n,)``. Each epoch takes the rows in a new order from ``seed``; what does not fill the
    last batch waits for the next epoch.
    """
    epochs, batch_size = (integer(name, value, at_least=1) for name, value in (('epochs', epochs),
                                                                               ('batch_size', batch_size)))
    lr = number('lr', lr, above=0)
    x = _rows(x).value
    y = labels('y', y, len(x), 2)
    if len(x) < batch_size:
        raise ValueError(f"x has {len(x)} rows and a batch {batch_size}; take a smaller batch_size.")
    rng, losses = np.random.default_rng(integer('seed', seed, at_least=0)), []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch_size + 1, batch_size):
            rows = order[start:start + batch_size]
            loss = net.loss(x[rows], y[rows])
            losses.append(float(loss.value))
            for name, gradient in loss.grad().items():
                net.params[name] = net.params[name] - lr * gradient
    return losses


def load_split(seed):
    """A random quarter of the data for the test: ``(x_train, x_test, y_train, y_test)``, class 1 is benign.

    Every measurement is brought to mean 0 and standard deviation 1 over all 569 samples by scikit-learn's ``scale``.
    """
    datasets = import_extra('sklearn.datasets', 'scikit-learn')
    preprocessing = import_extra('sklearn.preprocessing', 'scikit-learn')
    selection = import_extra('sklearn.model_selection', 'scikit-learn')
    x, y = datasets.load_breast_cancer(return_X_y=True)             # (569, 30), (569,)
    return selection.train_test_split(preprocessing.scale(x), y, test_size=0.25, random_state=seed)


def accuracies(splits=20, batch_norm=True, **options):
    """The test accuracy after :func:`train` (with ``options``) for each of ``splits`` random splits, an array.

    Split ``s`` has the seeds ``s`` throughout: of the split, of the initial weights, of the order of the rows.
    """
    values = []
    for seed in range(integer('splits', splits, at_least=1)):
        x_train, x_test, y_train, y_test = load_split(seed)
        net = BreastCancerNet(seed, batch_norm)
        train(net, x_train, y_train, seed=seed, **options)
        values.append(net.accuracy(x_test, y_test))
    return np.array(values)


def table(splits=20, epochs=20):
    """:func:`accuracies` with batch norm and without, as the lines of a Markdown table."""
    rows = []
    for name, with_batch_norm in (('with batch norm', True), ('without', False)):
        found = accuracies(splits, with_batch_norm, epochs=epochs)
        spread = f"{found.std(ddof=1):.4f}" if splits > 1 else '-'
        rows.append([name, f'{found.mean():.4f}', spread, f'{found.min():.4f}', f'{found.max():.4f}'])
    return markdown_table(['network', 'mean test accuracy', 'standard deviation', 'lowest', 'highest'], rows)
