"""Memory stays flat however long training runs. Each case runs in a process of its own, so that nothing else counts.

Long runs look at the most that the process has ever had (``VmHWM``): the memory of a step goes back and forth between
the process and the system, as the engine is ahead or behind, and the most of it does not. Short ones look at what is
allocated and not freed, after each of several parts, and take the median: a leak of a few bytes a step is in all parts,
and a pool of MXNet's that grows by a tenth of a megabyte is in one.
"""
import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_bn._mxnet import nd

ROOT = Path(__file__).resolve().parent.parent


class Allocated(ctypes.Structure):
    """What the C library's ``mallinfo2`` returns."""

    _fields_ = [(name, ctypes.c_size_t) for name in ('arena', 'ordblks', 'smblks', 'hblks', 'hblkhd', 'usmblks',
                                                     'fsmblks', 'uordblks', 'fordblks', 'keepcost')]


def allocated():
    """Megabytes that this process has and has not freed; NaN where the C library (before glibc 2.33) does not say."""
    nd.waitall()
    ask = getattr(ctypes.CDLL(None), 'mallinfo2', None)
    if ask is None:
        return float('nan')
    ask.restype = Allocated
    return ask().uordblks / 2**20


CODE = """
import sys
import numpy as np
import gluon_bn as gbn
from gluon_bn import optimizers, training
from gluon_bn._mxnet import mx, nd
from test_memory import allocated

network, first, parts, steps, *optimizers_ = sys.argv[1:]

def peak():
    '''Megabytes.'''
    nd.waitall()
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmHWM')) / 1024

class Small:
    '''Two dense layers with batch norm between them.'''
    def __init__(self):
        self.params = dict(W1=nd.random.normal(0, .1, (6, 8)), gamma=nd.ones(8), beta=nd.zeros(8),
                           W2=nd.random.normal(0, .1, (8, 3)))
        for param in self.params.values():
            param.attach_grad()
        self.bn_ewv_means, self.bn_ewv_vars = {}, {}
    def __call__(self, X, is_training=True):
        p = self.params
        h = gbn.batch_norm(nd.dot(X, p['W1']), p['gamma'], p['beta'], self.bn_ewv_means, self.bn_ewv_vars,
                           layer_name='bn1', is_training=is_training)
        return nd.dot(gbn.relu(h), p['W2'])

updates = {'sgd': lambda state: gbn.sgd,
           'momentum': lambda state: lambda params, lr: optimizers.momentum_sgd(params, state, lr),
           'rmsprop': lambda state: lambda params, lr: optimizers.rmsprop(params, state, lr)}
net, shape = (Small(), (8, 6)) if network == 'small' else (gbn.LeNet(mx.cpu()), (8, 1, 28, 28))
X, y = nd.random.uniform(shape=shape), nd.array(np.arange(8) % 3)

def train(steps, update):
    moving_loss = training.MovingLoss()
    for _ in range(steps):
        moving_loss.add(training.train_step(net, X, y, 1e-4, update))
    moving_loss.finish()

for optimizer in optimizers_:
    update = updates[optimizer]({})
    train(int(first), update)
    most, kept = peak(), [allocated()]
    for _ in range(int(parts)):
        train(int(steps), update)
        kept.append(allocated())
    print('grown by', peak() - most, np.median(np.diff(kept)))
"""


def grown(network, first, parts, steps, optimizer):
    """By how many megabytes the most grows after step ``first`` in all ``parts`` of so many ``steps`` each, and by how
    many what is allocated does in one of them, the median."""
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), str(Path(__file__).parent)])}
    result = subprocess.run([sys.executable, '-c', CODE, network, str(first), str(parts), str(steps), optimizer],
                            env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return tuple(map(float, result.stdout.split('grown by')[1].split()))


@pytest.mark.parametrize(('network', 'first', 'parts', 'steps', 'limit', 'optimizer'), [
    ('small', 500, 11, 500, 0.006, 'sgd'),  # 12 bytes a step
    ('lenet', 50, 9, 30, 0.02, 'sgd'), *(pytest.param('lenet', 50, 9, 30, 0.02, optimizer, marks=pytest.mark.slow)
                                         for optimizer in ('momentum', 'rmsprop'))])
def test_a_step_of_training_frees_what_it_allocates(network, first, parts, steps, limit, optimizer):
    _, more = grown(network, first, parts, steps, optimizer)
    assert not more > limit, f'{more:.4f} MB in {steps} steps'


@pytest.mark.slow
@pytest.mark.by_hand
@pytest.mark.parametrize('optimizer', ['sgd', 'momentum', 'rmsprop'])
def test_training_lenet_for_100000_steps_ends_within_2_megabytes_of_step_10000(optimizer):
    most, _ = grown('lenet', 10000, 1, 90000, optimizer)
    assert most < 2, f'{most:.2f} MB'
