"""Memory stays flat however long training runs. Each case runs in a process of its own, so that nothing else counts.

Long runs look at what the process has when all is computed and what is free has gone back to the system: while it
computes, that goes up and down by megabytes, as the engine is ahead or behind. Short ones look at what is allocated and
not freed, after each of several parts, and take the median: a leak is in all parts, and a pool of MXNet's that grows by
a page is in one. What they see is exact to a few dozen bytes, as they wait for what is about to be freed, and as the C
library keeps no freed blocks for each thread, which it counts as allocated (``TCACHE``).
"""
import ctypes
import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gluon_bn._mxnet import nd

ROOT = Path(__file__).resolve().parent.parent
SMALLEST = 32  # bytes: no block of the C library's is smaller
TCACHE = {'GLIBC_TUNABLES': 'glibc.malloc.tcache_count=0'}
THREADS = {'MXNET_ENGINE_TYPE': 'ThreadedEnginePerDevice'}


class Allocated(ctypes.Structure):
    """What the C library's ``mallinfo2`` returns."""

    _fields_ = [(name, ctypes.c_size_t) for name in ('arena', 'ordblks', 'smblks', 'hblks', 'hblkhd', 'usmblks',
                                                     'fsmblks', 'uordblks', 'fordblks', 'keepcost')]


def allocated():
    """Bytes that this process has and has not freed; NaN where the C library (before glibc 2.33) does not say."""
    gc.collect()
    nd.waitall()
    time.sleep(0.05)  # the engine's threads free what was the last operator's a moment after it is done
    ask = getattr(ctypes.CDLL(None), 'mallinfo2', None)
    if ask is None:
        return float('nan')
    ask.restype = Allocated
    found = ask()
    return found.uordblks + found.hblkhd  # small blocks and large ones


CODE = """
import ctypes
import sys
import numpy as np
import gluon_bn as gbn
from gluon_bn import optimizers, training
from gluon_bn._mxnet import autograd, mx, nd
from test_memory import allocated

def resident():
    '''Megabytes.'''
    allocated()  # waits
    give_back = getattr(ctypes.CDLL(None), 'malloc_trim', lambda keep: None)  # the GNU C library's
    give_back(0)
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmRSS')) / 1024

def with_gradients(*arrays):
    for array in arrays:
        array.attach_grad()
    return arrays

class Small:
    '''Two dense layers with batch norm between them.'''
    def __init__(self):
        self.params = dict(zip(('W1', 'gamma', 'beta', 'W2'), with_gradients(
            nd.random.normal(0, .1, (6, 8)), nd.ones(8), nd.zeros(8), nd.random.normal(0, .1, (8, 3)))))
        self.bn_ewv_means, self.bn_ewv_vars = {}, {}
    def __call__(self, X, is_training=True):
        p = self.params
        h = gbn.batch_norm(nd.dot(X, p['W1']), p['gamma'], p['beta'], self.bn_ewv_means, self.bn_ewv_vars,
                           layer_name='bn1', is_training=is_training)
        return nd.dot(gbn.relu(h), p['W2'])

updates = {'sgd': lambda state: gbn.sgd,
           'momentum': lambda state: lambda params, lr: optimizers.momentum_sgd(params, state, lr),
           'rmsprop': lambda state: lambda params, lr: optimizers.rmsprop(params, state, lr)}

def training_of(network, optimizer):
    net, shape = (Small(), (8, 6)) if network == 'small' else (gbn.LeNet(mx.cpu()), (8, 1, 28, 28))
    X, y = nd.random.uniform(shape=shape), nd.array(np.arange(8) % 3)
    update = updates[optimizer]({})
    def train(steps):
        moving_loss = training.MovingLoss()
        for _ in range(steps):
            moving_loss.add(training.train_step(net, X, y, 1e-4, update))
        moving_loss.finish()
    return train

def layers_of_images(_):
    '''Layers one behind the other, and gradients of parameters that are updated in place while the engine computes.'''
    layers = [with_gradients(nd.ones(4), nd.zeros(4)) for _ in range(6)]
    X, means, variances = nd.random.normal(shape=(8, 4, 6, 6)), {}, {}
    def train(steps):
        for _ in range(steps):
            with autograd.record():
                h = X
                for i, pair in enumerate(layers):
                    h = gbn.relu(gbn.batch_norm(h, *pair, means, variances, layer_name=str(i)))
                loss = h.square().sum()
            loss.backward()
            gbn.sgd([array for pair in layers for array in pair], 1e-5)
        assert np.isfinite(loss.asscalar())
    return train

for case in sys.argv[1:]:
    network, optimizer, first, parts, steps = case.split(',')
    train = layers_of_images(optimizer) if network == 'layers' else training_of(network, optimizer)
    train(int(first))
    before, kept = resident(), [allocated()]
    for _ in range(int(parts)):
        train(int(steps))
        kept.append(allocated())
    print('grown by', resident() - before, np.median(np.diff(kept)) / int(steps))
"""


def grown(*cases, **environment):
    """For each case (network, optimizer, first, parts, steps) a pair: by how many megabytes the process grows after
    step ``first``, in all ``parts`` of so many ``steps`` each, and by how many bytes what is allocated does in a step.
    """
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    result = subprocess.run([sys.executable, '-c', CODE, *(','.join(map(str, case)) for case in cases)],
                            env={**os.environ, **THREADS, 'PYTHONPATH': path, **environment}, timeout=36000,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return [tuple(map(float, line.split()[2:])) for line in result.stdout.splitlines() if line.startswith('grown by')]


def test_a_step_of_training_frees_what_it_allocates():
    """All cases in one process, and so with the pools that the ones before have left."""
    cases = [('small', 'sgd', 100, 9, 100), ('layers', 'sgd', 30, 9, 20),
             *(('lenet', optimizer, 20, 9, 20) for optimizer in ('sgd', 'momentum', 'rmsprop'))]
    found = {case[:2]: a_step for case, (_, a_step) in zip(cases, grown(*cases, **TCACHE))}
    assert len(found) == len(cases)
    assert not {case: a_step for case, a_step in found.items() if a_step > SMALLEST / 2}


@pytest.mark.slow
@pytest.mark.by_hand
@pytest.mark.parametrize('optimizer', ['sgd', 'momentum', 'rmsprop'])
def test_training_lenet_for_100000_steps_ends_within_2_megabytes_of_step_10000(optimizer):
    (more, a_step), = grown(('lenet', optimizer, 10000, 1, 90000))
    assert more < 2, f'{more:.2f} MB'
    assert a_step * 90000 < 2e6, f'{a_step:.2f} bytes a step'
