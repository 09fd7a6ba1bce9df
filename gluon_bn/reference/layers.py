"""The layers of a network beside normalisation, in NumPy alone: affine, ReLU, dropout and the softmax loss.

As in ``reference``, ``forward`` returns ``(out, cache)``, ``backward`` takes ``(dout, cache)``, and names and arguments
are those of cs231n. Arrays may be lists; integers become float64, and float32 stays float32. A ``dout`` that has not
the shape of ``out`` is a ``ValueError``: NumPy would broadcast it, and the gradients would be those of something else.
"""
import numpy as np

from ..support.arguments import floats, integer, labels, mapping, number, one_of


def affine_forward(x, w, b):
    """``out = x w + b``, each example flattened first.

    ``x`` is ``(N, d_1, ..., d_k)`` with ``d_1 * ... * d_k = D``, ``w`` is ``(D, M)``, ``b`` is ``(M,)``. Returns
    ``(out (N, M), cache)``. Raises ``ValueError`` for sizes that do not fit, and for no examples.

    >>> gbn.reference.affine_forward(np.array([[1., 2.]]), np.array([[1.], [10.]]), np.array([100.]))[0].tolist()
    [[121.0]]
    """
    x, w = floats('x', x), floats('w', w, (None, None))
    if x.ndim == 0 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; expected at least one example, (N, ...), of at least one value.")
    flat = x.reshape(len(x), -1)                            # (N, D)
    if flat.shape[1] != w.shape[0]:
        raise ValueError(f"x has shape {x.shape}, {flat.shape[1]} values an example, and w {w.shape}; expected w to "
                         "have as many rows as an example has values.")
    return flat @ w + floats('b', b, w.shape[1:]), (x, w)   # (N, M)


def affine_backward(dout, cache, need_dx=True):
    """The gradients of :func:`affine_forward`: dx shaped as x, dw ``(D, M)``, db ``(M,)``.

    ``need_dx=False`` leaves dx out and returns None in its place: a first layer has nobody to give it to.
    """
    x, w = cache
    dout = upstream(dout, (len(x), w.shape[1]))
    dx = (dout @ w.T).reshape(x.shape) if need_dx else None
    dw = x.reshape(len(x), -1).T @ dout                     # (D, M)
    return dx, dw, np.sum(dout, axis=0)


def relu_forward(x):
    """``max(x, 0)`` for each value; returns ``(out, cache)``.

    >>> gbn.reference.relu_forward(np.array([-2., 0., 3.]))[0].tolist()
    [0.0, 0.0, 3.0]
    """
    x = floats('x', x)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    """The gradient of :func:`relu_forward`: dout where x was above 0, and 0 elsewhere, at the kink too."""
    return upstream(dout, cache.shape) * (cache > 0)


def dropout_forward(x, dropout_param):
    """Inverted dropout: in mode 'train' each value is dropped with probability p, and the others divided by 1 - p.

    ``dropout_param`` is a dictionary: ``p``, the probability of *dropping* (from 0 to below 1; later versions of the
    exercise give the probability of keeping), ``mode`` ('train' or 'test', which passes x on), and possibly ``seed``:
    with it the same values are dropped at every call, which a gradient check needs; without it NumPy's global generator
    chooses. Returns ``(out shaped as x, cache)``.

    >>> gbn.reference.dropout_forward(np.ones(4), {'p': 0.5, 'mode': 'test'})[0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    mapping('dropout_param', dropout_param, "a dictionary with p and mode, and possibly seed")
    missing = [name for name in ('p', 'mode') if name not in dropout_param]
    if missing:
        raise ValueError(f"dropout_param has no {' and no '.join(missing)}; expected p and mode, and possibly seed.")
    x = floats('x', x)
    p = number('p', dropout_param['p'], at_least=0, below=1, hint='the probability of dropping')
    if one_of("dropout_param['mode']", dropout_param['mode'], ('train', 'test')) == 'test':
        return x, np.broadcast_to(np.ones((), x.dtype), x.shape)
    random = generator(dropout_param.get('seed'))
    mask = ((random.random_sample(x.shape) >= p) / (1 - p)).astype(x.dtype)
    return x * mask, mask


def dropout_backward(dout, cache):
    """The gradient of :func:`dropout_forward`, shaped as dout."""
    return upstream(dout, cache.shape) * cache


def softmax_loss(x, y):
    """The mean cross entropy of the softmax of scores, and its gradient.

    ``x`` is ``(N, C)``, any scores; ``y`` holds N class numbers from 0 to C - 1. Returns ``(loss, dx (N, C))``. Each
    row's own maximum is subtracted first, so that no exponential overflows. Raises ``ValueError`` for labels that do
    not fit.

    >>> loss, dx = gbn.reference.softmax_loss(np.array([[0., 0.]]), np.array([1]))
    >>> round(float(loss), 4), dx.tolist()  # log 2, and softmax minus one-hot
    (0.6931, [[0.5, -0.5]])
    """
    x = floats('x', x)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; expected (N, C), at least one example and one class.")
    y = labels('y', y, len(x), x.shape[1])
    rows = np.arange(len(x))
    shifted = x - np.max(x, axis=1, keepdims=True)                                # (N, C), at most 0
    exp = np.exp(shifted)                                                         # (N, C)
    total = np.sum(exp, axis=1, keepdims=True)                                    # (N, 1)
    loss = np.mean(np.log(total[:, 0]) - shifted[rows, y])
    dx = exp / total                                                              # (N, C)
    dx[rows, y] -= 1
    return loss, dx / float(len(x))


def hits(scores, y):
    """Whether the largest of an example's scores is at its label: ``(N, C), (N,) -> (N,)``. With a NaN there is none.

    >>> hits(np.array([[0., 1.], [np.nan, 0.]]), np.array([1, 0])).tolist()
    [True, False]
    """
    return (np.argmax(scores, axis=1) == y) & ~np.isnan(scores).any(axis=1)


def upstream(dout, shape):
    """``dout`` as an array of floats of that shape; ``ValueError`` for another, which NumPy would broadcast.

    >>> upstream([[1, 2]], (1, 2)).tolist()
    [[1.0, 2.0]]
    """
    if (isinstance(dout, np.ndarray) and dout.dtype.kind == 'f' and dout.shape == shape
            and not isinstance(dout, (np.matrix, np.ma.MaskedArray))):  # their * and their mean are others
        return dout
    return floats('dout', dout, shape)


def generator(seed):
    """A ``RandomState`` of that seed, a whole number from 0 to 2**32 - 1; for None NumPy's global generator."""
    return np.random if seed is None else np.random.RandomState(integer('seed', seed, 0, 2**32 - 1))
