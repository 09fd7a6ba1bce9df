"""Time the native operators as each variant has them: processor time to train LeNet on 6,400 images of MNIST.

Each one runs in a process of its own, with the threads that OMP_NUM_THREADS says (default here: 1). Processor time is
the best of three epochs; unlike the time on the clock it hardly depends on what else the machine does.
"""
import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
WAYS = ('none', 'native', 'avx512', 'avx2', 'x86_64')


def train():
    """Train in this process, and print a line."""
    import gluon_bn as gbn
    from gluon_bn._mxnet import nd
    images, labels = gbn.data.load('mnist')
    status, times = gbn.native_status(), []
    for _ in range(3):
        net, began = gbn.LeNet(), time.process_time()
        gbn.train_epoch(net, gbn.data.batches(images[:6400], labels[:6400], 64), lr=0.001)
        nd.waitall()
        times.append(time.process_time() - began)
    print(f"{min(times):6.2f} s   {status}", flush=True)


def one_of_them(name):
    """The name, if it is one of ``WAYS``; argparse's own choices refuse that none is given."""
    if name not in WAYS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(WAYS)}")
    return name


def main():
    """Start a process for each of the names on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('variants', metavar='VARIANT', nargs='*', type=one_of_them,
                        help="none (MXNet's operators), native (built here), or a wheel's: avx512, avx2, x86_64 "
                             "(default: all five; where one is not to be had, its line says why)")
    parser.add_argument('--train', action='store_true', help=argparse.SUPPRESS)  # what each process is started with
    options = parser.parse_args()
    if options.train:
        train()
        return
    for name in options.variants or WAYS:
        chosen = {'GLUON_BN_NATIVE': '0'} if name == 'none' else {'GLUON_BN_NATIVE_VARIANT': name}
        print(f"{name}: three times 6,400 images ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, __file__, '--train'], check=True,
                       env={**os.environ, 'OMP_NUM_THREADS': os.environ.get('OMP_NUM_THREADS', '1'), **chosen})


if __name__ == '__main__':
    main()
