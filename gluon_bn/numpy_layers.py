"""The layers of a network beside normalisation, in NumPy alone: affine, ReLU, dropout and the softmax loss.

As in ``reference``, ``forward`` returns ``(out, cache)``, ``backward`` takes ``(dout, cache)``, and names and arguments
are those of cs231n.
"""
import numpy as np


def affine_forward(x, w, b):
    """``out = x w + b``, each example flattened first.

    ``x`` is ``(N, d_1, ..., d_k)`` with ``d_1 * ... * d_k = D``, ``w`` is ``(D, M)``, ``b`` is ``(M,)``. Returns
    ``(out (N, M), cache)``. Raises ``ValueError`` for sizes that do not fit.

    >>> affine_forward(np.array([[1., 2.]]), np.array([[1.], [10.]]), np.array([100.]))[0].tolist()
    [[121.0]]
    """
    flat = x.reshape(len(x), -1)                            # (N, D)
    if flat.shape[1] != w.shape[0]:
        raise ValueError(f"x has shape {x.shape}, {flat.shape[1]} values an example, and w {w.shape}; expected w to "
                         "have as many rows as an example has values.")
    return flat @ w + b, (x, w)                             # (N, M)


def affine_backward(dout, cache, need_dx=True):
    """The gradients of :func:`affine_forward`: dx shaped as x, dw ``(D, M)``, db ``(M,)``.

    ``need_dx=False`` leaves dx out and returns None in its place: a first layer has nobody to give it to.
    """
    x, w = cache
    dx = (dout @ w.T).reshape(x.shape) if need_dx else None
    dw = x.reshape(len(x), -1).T @ dout                     # (D, M)
    return dx, dw, np.sum(dout, axis=0)


def relu_forward(x):
    """``max(x, 0)`` for each value; returns ``(out, cache)``.

    >>> relu_forward(np.array([-2., 0., 3.]))[0].tolist()
    [0.0, 0.0, 3.0]
    """
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    """The gradient of :func:`relu_forward`: dout where x was above 0, and 0 elsewhere, at the kink too."""
    return dout * (cache > 0)


def dropout_forward(x, dropout_param):
    """Inverted dropout: in mode 'train' each value is dropped with probability p, and the others divided by 1 - p.

    ``dropout_param`` is a dictionary: ``p``, the probability of *dropping* (from 0 to below 1; later versions of the
    exercise give the probability of keeping), ``mode`` ('train' or 'test', which passes x on), and possibly ``seed``:
    with it the same values are dropped at every call, which a gradient check needs; without it NumPy's global generator
    chooses. Returns ``(out shaped as x, cache)``.

    >>> dropout_forward(np.ones(4), {'p': 0.5, 'mode': 'test'})[0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    p, mode = dropout_param['p'], dropout_param['mode']
    if not 0 <= p < 1:
        raise ValueError(f"p is {p}; expected the probability of dropping, from 0 to below 1.")
    if mode not in ('train', 'test'):
        raise ValueError(f"dropout_param['mode'] is {mode!r}; expected 'train' or 'test'.")
    if mode == 'test':
        return x, None
    random = np.random if dropout_param.get('seed') is None else np.random.RandomState(dropout_param['seed'])
    mask = ((random.random_sample(x.shape) >= p) / (1 - p)).astype(x.dtype)
    return x * mask, mask


def dropout_backward(dout, cache):
    """The gradient of :func:`dropout_forward`, shaped as dout."""
    return dout if cache is None else dout * cache


def softmax_loss(x, y):
    """The mean cross entropy of the softmax of scores, and its gradient.

    ``x`` is ``(N, C)``, any scores; ``y`` holds N labels from 0 to C - 1. Returns ``(loss, dx (N, C))``. Each row's own
    maximum is subtracted first, so that no exponential overflows. Raises ``ValueError`` for labels that do not fit.

    >>> loss, dx = softmax_loss(np.array([[0., 0.]]), np.array([1]))
    >>> round(float(loss), 4), dx.tolist()  # log 2, and softmax minus one-hot
    (0.6931, [[0.5, -0.5]])
    """
    y = np.asarray(y)
    if y.shape != x.shape[:1] or y.dtype.kind not in 'iu':
        raise ValueError(f"y has shape {y.shape} and type {y.dtype}; expected {len(x)} whole numbers, one label a row "
                         f"of x {x.shape}.")
    if y.min() < 0 or y.max() >= x.shape[1]:
        raise ValueError(f"y has labels from {y.min()} to {y.max()}; expected 0 to {x.shape[1] - 1}, as x has "
                         f"{x.shape[1]} columns.")
    rows = np.arange(len(x))
    shifted = x - np.max(x, axis=1, keepdims=True)                                # (N, C), at most 0
    exp = np.exp(shifted)                                                         # (N, C)
    total = np.sum(exp, axis=1, keepdims=True)                                    # (N, 1)
    loss = np.mean(np.log(total[:, 0]) - shifted[rows, y])
    dx = exp / total                                                              # (N, C)
    dx[rows, y] -= 1
    return loss, dx / float(len(x))
