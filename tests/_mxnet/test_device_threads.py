"""Several CPU devices in one process, whose MXNet has several threads, as users' has: these tests have one."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

START = '''
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
for _ in range(30):
    devices.step(nd.random.uniform(shape=(64, 1, 28, 28)), [1] * 64, lr=0.001)
'''
SHARED_LAYER = '''
def product(group):
    x = nd.random.normal(shape=(300, 300), ctx=contexts[group.rank])
    for _ in range(100):
        with autograd.record():
            out = gbn.batch_norm(x, nd.ones(300, x.context), nd.zeros(300, x.context), {}, {}, group=group)
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
