"""MXNet's part of ``gluon-bn doctor``, in a process of its own: if it crashes or hangs here, the doctor does not.

Prints one object of JSON a line, each as soon as it is known, so that what is known before a crash is not lost.
"""
import ctypes
import json
import os
import sys
import traceback

from gluon_bn._mxnet.runtime_libraries import SYSTEM_PACKAGES as LIBRARIES  # what the x86-64 wheel links to

FEATURES = ('CUDA', 'CUDNN', 'MKLDNN', 'BLAS_OPEN', 'OPENMP', 'LAPACK', 'OPENCV', 'DIST_KVSTORE')


def main():
    """Import MXNet, compute with it, and look at what it brings."""
    try:
        from gluon_bn._mxnet import mx, nd
        tell(mxnet={'version': mx.__version__, 'file': os.path.dirname(mx.__file__)})
        product = nd.dot(nd.array([[1, 2], [3, 4]]), nd.array([[5, 6], [7, 8]])).asnumpy().tolist()
        tell(computes=product == [[19, 22], [43, 50]], product=product)
    except Exception as error:  # whatever it is, it is the answer
        tell(mxnet_error=in_one_line(error), missing_libraries=missing_libraries())
        return
    tell(libraries=loaded_libraries(), threads=os.environ.get('OMP_NUM_THREADS'))
    for ask in (features, native, gpus):
        try:
            tell(**ask(mx))
        except Exception as error:
            tell(**{f'{ask.__name__}_error': in_one_line(error)})


def tell(**found):
    """Print what was found."""
    print(json.dumps(found), flush=True)


def in_one_line(error):
    """The error's kind and message, and the innermost line of code, in one line."""
    frame = (traceback.extract_tb(error.__traceback__) or [None])[-1]
    where = f' ({os.path.basename(frame.filename)}, line {frame.lineno})' if frame else ''
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}{where}"


def features(mx):
    """The build's features that matter here."""
    enabled = mx.runtime.Features()
    return {'features': [name for name in FEATURES if name in enabled and enabled.is_enabled(name)]}


def native(mx):
    """Whether the native operators are in use; the first time, that builds them."""
    from gluon_bn.fast.native import available, native_status
    return {'native': {'available': available(), 'status': native_status()}}


def gpus(mx):
    """For each GPU, why it cannot be used; None if it can."""
    from gluon_bn._mxnet.devices import why_no_gpu
    count = max(1, mx.context.num_gpus()) if mx.runtime.Features().is_enabled('CUDA') else 1
    return {'gpus': [why_no_gpu(i) for i in range(count)]}


def missing_libraries():
    """Those of ``LIBRARIES`` that the system's loader does not find."""
    missing = []
    for name in LIBRARIES if sys.platform == 'linux' else ():
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(name)
    return missing


def loaded_libraries():
    """Name -> path of those of ``LIBRARIES`` that this process has loaded."""
    try:
        with open('/proc/self/maps', encoding='utf-8') as file:
            paths = {line.split(None, 5)[5].strip() for line in file if len(line.split(None, 5)) == 6}
    except OSError:
        return {}
    return {name: path for name in LIBRARIES for path in sorted(paths)
            if os.path.basename(path).startswith(name.split('.so')[0])}


if __name__ == '__main__':
    main()
