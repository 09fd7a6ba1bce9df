"""The trial of a library that was just built: ``python -m gluon_bn.fast.trial LIBRARY`` loads it and computes.

It runs in a process of its own, because a library that is not right may end the process that loads it.
"""
import ctypes
import os
import sys


def main(path):
    """Load the library into MXNet and check two results of it."""
    size = os.stat(path).st_size
    with open(path, 'rb') as file:
        if size < 64 or file.read(4) != b'\x7fELF':
            sys.exit("it is no shared library")
    ctypes.CDLL(path)  # says what is wrong in one line, which MXNet does not
    from .._mxnet import mx, nd
    mx.library.load(path, verbose=False)
    scores = nd.array([[0., 0.], [1., 1.]])
    loss = nd._internal._gluon_bn_cross_entropy(scores, nd.array([[1., 0.], [0., 1.]])).asnumpy()
    if abs(loss - 0.6931472).max() > 1e-5:
        sys.exit(f"it computes {loss.tolist()} where ln 2 is right")
    rows = nd.empty((5, 1))
    out = nd._internal._gluon_bn_layer(nd.array([[1.], [3.]]), nd.ones(1), nd.zeros(1), nd.zeros(1), nd.zeros(1), rows,
                                       training=1, first=1, momentum=0.9, eps=1e-5).asnumpy()
    if abs(out.ravel() - (-1, 1)).max() > 1e-4:
        sys.exit(f"it normalizes 1 and 3 to {out.ravel().tolist()}")


if __name__ == '__main__':
    main(sys.argv[1])
