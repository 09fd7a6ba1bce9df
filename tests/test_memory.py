"""Memory stays flat however long training runs. Each case runs in a process of its own, so that nothing else counts."""
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, sys
sys.path.insert(0, {root!r})
import numpy as np
import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd

def resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20

class Small:
    '''Two dense layers with batch norm between them.'''
    def __init__(self):
        self.params = dict(W1=nd.random.normal(0, .1, (6, 8)), gamma=nd.ones(8), beta=nd.zeros(8),
                           W2=nd.random.normal(0, .1, (8, 3)))
        for param in self.params.values():
            param.attach_grad()
        self.bn_ewv_means, self.bn_ewv_vars = {{}}, {{}}
    def __call__(self, X, is_training=True):
        p = self.params
        h = gbn.batch_norm(nd.dot(X, p['W1']), p['gamma'], p['beta'], self.bn_ewv_means, self.bn_ewv_vars,
                           layer_name='bn1', is_training=is_training, impl={impl!r})
        return nd.dot(gbn.relu(h), p['W2'])

class Repeated:
    def __init__(self, n): self.n = n
    def __iter__(self):
        for _ in range(self.n):
            yield X, y
X, y = nd.random.normal(shape=(16, 6)), nd.array(np.arange(16) % 3)
net = Small()
gbn.train_epoch(net, Repeated(2000), 0.001)
nd.waitall()
before = resident()
gbn.train_epoch(net, Repeated({iterations}), 0.001)
nd.waitall()
print('grown by', resident() - before)
"""


@pytest.mark.parametrize('iterations', [2000, pytest.param(18000, marks=pytest.mark.slow)])
def test_training_ends_within_2_megabytes_of_iteration_2000(iterations):
    root = str(Path(__file__).resolve().parent.parent)
    result = subprocess.run([sys.executable, '-c', CODE.format(root=root, impl='auto', iterations=iterations)],
                            capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    grown = float(result.stdout.split('grown by')[1])
    assert grown < 2, f'{grown:.2f} MB more after {iterations} iterations'
