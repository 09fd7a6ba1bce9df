"""Several CPU devices in one process, whose MXNet has several threads, as users' has: these tests have one."""
import ctypes
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gluon_bn._mxnet import mx, nd
from gluon_bn._mxnet.device_threads import compute_beside_others

ROOT = Path(__file__).resolve().parents[2]

START = '''
import os
import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn._mxnet.devices import check_context
from gluon_bn.data_parallel import DataParallel
from gluon_bn.parallel.group import in_threads

contexts = [mx.cpu(i) for i in range(3)]
'''
PRODUCTS = '''
for ctx in contexts:
    check_context(ctx)
arrays = [nd.random.normal(shape=(300, 300), ctx=ctx) for ctx in contexts]
for _ in range(100):
    products = [nd.dot(array, array) for array in arrays]
nd.waitall()
'''
NETWORKS = '''
devices = DataParallel(gbn.LeNet(contexts[0]), contexts[:2])
for step in range(8):
    devices.step(nd.random.uniform(shape=(64, 1, 28, 28)), [1] * 64, lr=0.001)
    if step == 3:  # after a fork the engine has new threads
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
'''
SHARED_LAYER = '''
def product(group):
    x = nd.random.normal(shape=(300, 300), ctx=contexts[group.rank])
    for _ in range(30):
        with autograd.record():
            out = gbn.batch_norm(nd.dot(x, x), nd.ones(300, x.context), nd.zeros(300, x.context), {}, {}, group=group)
        nd.dot(out, out).wait_to_read()
in_threads(3, product)
'''


@pytest.mark.parametrize('lines', [PRODUCTS, NETWORKS, SHARED_LAYER], ids=['products', 'networks', 'shared layer'])
@pytest.mark.parametrize('engine', [
    'ThreadedEnginePerDevice', pytest.param('NaiveEngine', marks=pytest.mark.slow)])
def test_devices_with_several_threads_do_not_wait_for_each_other_for_ever(lines, engine):
    code = START + lines
    subprocess.run([sys.executable, '-c', code], check=True, timeout=120, cwd=ROOT,
                   env={**os.environ, 'OMP_NUM_THREADS': '2', 'MXNET_ENGINE_TYPE': engine, 'PYTHONPATH': str(ROOT)})


def on_device(number, function):
    """Call ``function()`` where MXNet computes for ``mx.cpu(number)``, and return what it returns."""
    results = []
    callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: results.append(function()))
    context = (ctypes.c_int * 2)(mx.cpu().device_typeid, number)
    mx.base.check_call(mx.base._LIB.MXEnginePushSync(callback, None, None, context, None, 0, None, 0, None, 0, None))
    nd.waitall()
    return results[0]


@pytest.mark.parametrize(('ctx', 'device', 'threads'), [
    (mx.cpu(0), 0, 2), (mx.cpu(5), 5, 1), (mx.gpu(5), 5, 2)], ids=str)
def test_cpu_devices_other_than_the_first_compute_in_one_thread(ctx, device, threads):
    library = mx.base._LIB
    if not hasattr(library, 'omp_get_max_threads'):
        pytest.skip('this build of MXNet has no OpenMP')

    def threads_there():
        before = on_device(device, library.omp_get_max_threads)
        on_device(device, lambda: library.omp_set_num_threads(2))
        try:
            compute_beside_others(ctx)
            return on_device(device, library.omp_get_max_threads)
        finally:
            on_device(device, lambda: library.omp_set_num_threads(before))

    with ThreadPoolExecutor(1) as thread:  # one that has never asked
        assert thread.submit(threads_there).result() == threads
