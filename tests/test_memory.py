"""Memory stays flat however long training runs. Each case runs in a process of its own, so that nothing else counts.

Long runs look at the most that the process has ever had (``VmHWM``): the memory of a step goes back and forth between
the process and the system, as the engine is ahead or behind, and the most of it does not. Short ones look at what is
allocated and not freed: a few bytes a step show at once there.
"""
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = """
import ctypes, sys
import numpy as np
import gluon_bn as gbn
from gluon_bn import optimizers, training
from gluon_bn._mxnet import mx, nd

network, optimizer, first, more = sys.argv[1:]

def peak():
    '''Megabytes.'''
    nd.waitall()
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmHWM')) / 1024

class Allocated(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ('arena', 'ordblks', 'smblks', 'hblks', 'hblkhd', 'usmblks',
                                                     'fsmblks', 'uordblks', 'fordblks', 'keepcost')]

def allocated():
    '''Megabytes; NaN where the C library (before glibc 2.33) does not say.'''
    nd.waitall()
    ask = getattr(ctypes.CDLL(None), 'mallinfo2', None)
    if ask is None:
        return float('nan')
    ask.restype = Allocated
    return ask().uordblks / 2**20

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

state = {}
update = {'sgd': gbn.sgd,
          'momentum': lambda params, lr: optimizers.momentum_sgd(params, state, lr),
          'rmsprop': lambda params, lr: optimizers.rmsprop(params, state, lr)}[optimizer]
net, shape = (Small(), (8, 6)) if network == 'small' else (gbn.LeNet(mx.cpu()), (8, 1, 28, 28))
X, y = nd.random.uniform(shape=shape), nd.array(np.arange(8) % 3)

def train(steps):
    moving_loss = training.MovingLoss()
    for _ in range(steps):
        moving_loss.add(training.train_step(net, X, y, 1e-4, update))
    moving_loss.finish()

train(int(first))
before = peak(), allocated()
train(int(more))
print('grown by', peak() - before[0], allocated() - before[1])
"""


def grown(network, optimizer, first, more):
    """By how many megabytes the most and what is allocated grow after step ``first``, in so many steps ``more``."""
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    result = subprocess.run([sys.executable, '-c', CODE, network, optimizer, str(first), str(more)], env=environment,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return map(float, result.stdout.split('grown by')[1].split())


@pytest.mark.parametrize(('network', 'optimizer', 'first', 'more'), [
    ('small', 'sgd', 200, 2000), ('lenet', 'sgd', 50, 250), ('lenet', 'momentum', 50, 250),
    ('lenet', 'rmsprop', 50, 250)])
def test_a_step_of_training_frees_what_it_allocates(network, optimizer, first, more):
    _, more_allocated = grown(network, optimizer, first, more)
    assert not more_allocated > 0.06, f'{more_allocated:.3f} MB in {more} steps'


@pytest.mark.slow
@pytest.mark.by_hand
@pytest.mark.parametrize('optimizer', ['sgd', 'momentum', 'rmsprop'])
def test_training_lenet_for_100000_steps_ends_within_2_megabytes_of_step_10000(optimizer):
    most, _ = grown('lenet', optimizer, 10000, 90000)
    assert most < 2, f'{most:.2f} MB'
