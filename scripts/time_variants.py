"""Time the native operators as each variant has them: processor time to train LeNet on 6,400 images of MNIST.

    time_variants.py [VARIANT ...]   default: none (MXNet's operators), native (built here), and each that can run here

Each one runs in a process of its own, with the threads that OMP_NUM_THREADS says (default here: 1). Processor time is
the best of three epochs; unlike the time on the clock it hardly depends on what else the machine does.
"""
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


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


def main(names):
    """Start a process for each of the names."""
    for name in names or ('none', 'native', 'avx512', 'avx2', 'x86_64'):
        chosen = {'GLUON_BN_NATIVE': '0'} if name == 'none' else {'GLUON_BN_NATIVE_VARIANT': name}
        subprocess.run([sys.executable, __file__, '--train'], check=True,
                       env={**os.environ, 'OMP_NUM_THREADS': os.environ.get('OMP_NUM_THREADS', '1'), **chosen})


if __name__ == '__main__':
    if sys.argv[1:] == ['--train']:
        train()
    else:
        main(sys.argv[1:])
