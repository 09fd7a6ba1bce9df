"""Functions of tensors that do what MXNet's operators without parameters do."""
import math

import torch
from torch.nn import functional as F

from ..layer import end_pad


def pool(x, kind, kernel, stride, pad, convention, count_include_pad):
    """Maxima or means of windows, as MXNet places and divides them."""
    sizes = x.shape[2:]
    end = [end_pad(*each, convention) for each in zip(sizes, kernel, stride, pad)]
    if None in end:
        raise ValueError(f"an input of shape {tuple(x.shape)} has windows that lie in the pad altogether.")
    pads = [width for both in list(zip(pad, end))[::-1] for width in both]         # the last axis first
    dimensions = len(kernel)
    if kind == 'max':
        largest = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[dimensions - 1]
        return largest(F.pad(x, pads, value=-math.inf) if any(pads) else x, kernel, stride)
    mean = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[dimensions - 1]
    if not any(pads):
        return mean(x, kernel, stride)
    counted = torch.ones((1, 1, *sizes), dtype=x.dtype, device=x.device)
    if count_include_pad:
        counted = F.pad(counted, [width for width in pad[::-1] for _ in range(2)], value=1)
        extra = [width for a, b in list(zip(pad, end))[::-1] for width in (0, b - a)]
    else:
        extra = pads
    return mean(F.pad(x, pads), kernel, stride) / mean(F.pad(counted, extra), kernel, stride)


def global_pool(x, kind):
    """One value for each channel of each example."""
    if kind == 'max':
        return (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)[x.dim() - 3](x, 1)
    return x.mean(dim=tuple(range(2, x.dim())), keepdim=True)


def reshaped(x, shape, reverse=False):
    """``x`` in MXNet's shape: 0 keeps a size, -1 is what is left, -2 the other sizes, -3 joins two, -4 parts one."""
    old, codes, new = list(x.shape), list(shape), []
    if reverse:
        old, codes = old[::-1], codes[::-1]
        for i, code in enumerate(codes):  # the two parts stand before their -4 now
            if code == -4:
                codes[i - 2:i + 1] = [-4, codes[i - 1], codes[i - 2]]
    while codes:
        code = codes.pop(0)
        if code == -2:
            new, old = new + old, []
        elif code == -3:
            new.append(old.pop(0) * old.pop(0))
        elif code == -4:
            size, a, b = old.pop(0), codes.pop(0), codes.pop(0)
            new += [size // b if a == -1 else a, size // a if b == -1 else b]
        else:
            size = old.pop(0) if old else None
            new.append(size if code == 0 else code)
    return x.reshape(new[::-1] if reverse else new)


def padded(x, width, mode, fill):
    """With a number, with the values at the edge, or reflected; ``width`` is before and after each axis."""
    pads = [w for pair in list(zip(width[::2], width[1::2]))[::-1] for w in pair]
    if mode == 'constant':
        return F.pad(x, pads, value=fill)
    return F.pad(x, pads[:-4], mode={'edge': 'replicate', 'reflect': 'reflect'}[mode])


def sliced(x, begin, end, axes, step):
    """A piece of some axes."""
    cut = [slice(None)] * x.dim()
    for a, b, axis, s in zip(begin, end, axes, step):
        cut[axis] = slice(a, b, s)
    return x[tuple(cut)]


def reduced(x, operator, axis, keepdims, exclude):
    """A sum, mean, largest or smallest value over axes."""
    axes = [a % x.dim() for a in axis] or list(range(x.dim()))
    if exclude:
        axes = [a for a in range(x.dim()) if a not in axes]
    return operator(x, dim=axes, keepdim=keepdims)


def l2_normalized(x, mode, eps):
    """Divided by the root of a sum of squares."""
    axes = {'instance': range(1, x.dim()), 'channel': [1], 'spatial': range(2, x.dim())}[mode]
    return x / torch.sqrt((x * x).sum(dim=tuple(axes), keepdim=True) + eps)


def with_number_first(operator, scalar, x):
    """The operator with its number first."""
    return operator(torch.as_tensor(scalar, dtype=x.dtype, device=x.device), x)


def with_number(operator, scalar, x):
    """The operator with its number second."""
    return operator(x, torch.as_tensor(scalar, dtype=x.dtype, device=x.device))


def permuted(x, axes):
    """The axes in another order; reversed if none is given."""
    return x.permute(*(axes or range(x.dim())[::-1]))


def parts(x, count, axis, squeeze):
    """Equal parts along an axis."""
    pieces = torch.chunk(x, count, dim=axis)
    return [piece.squeeze(axis) for piece in pieces] if squeeze else list(pieces)


def product(a, b, transpose_a, transpose_b):
    """A matrix product."""
    return torch.tensordot(a, b, dims=([0 if transpose_a else a.dim() - 1], [b.dim() - 1 if transpose_b else 0]))


def batch_product(a, b, transpose_a, transpose_b):
    """A matrix product of each example."""
    return torch.bmm(a.transpose(1, 2) if transpose_a else a, b.transpose(1, 2) if transpose_b else b)


def joined(*inputs, dim):
    """Along an axis."""
    return torch.cat(inputs, dim=dim)


def stacked(*inputs, dim):
    """Along a new axis."""
    return torch.stack(inputs, dim=dim)


def total(*inputs):
    """The sum of all inputs."""
    return sum(inputs[1:], inputs[0])


def itself(x):
    """Nothing is done."""
    return x


def detached(x):
    """No gradient goes through."""
    return x.detach()


def soft(x, operator, axis, temperature):
    """Softmax or its logarithm."""
    return operator(x if temperature is None else x / temperature, dim=axis)


def softmax_of_examples(x):
    """Over all values of an example."""
    return F.softmax(x.flatten(1), dim=1).reshape(x.shape)


def hard_sigmoid(x, alpha, beta):
    """A line between 0 and 1."""
    return torch.clamp(alpha * x + beta, 0, 1)


def enlarged(x, scale):
    """Each pixel several times."""
    return F.interpolate(x, scale_factor=scale, mode='nearest')


def squeezed(x, axes):
    """Without some axes of size 1, or all."""
    return x.squeeze() if axes is None else x.reshape([n for i, n in enumerate(x.shape)
                                                       if i not in [a % x.dim() for a in axes]])
