"""Memory stays flat however long training runs. Each case runs in a process of its own, so that nothing else counts.

Long runs look at the most that the process has ever had (``VmHWM``): the memory of a step goes back and forth between
the process and the system, as the engine is ahead or behind, and the most of it does not. Short ones look at what is
allocated and not freed: a few bytes a step show at once there.
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

network, first, more, *optimizers_ = sys.argv[1:]

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
    before = peak(), allocated()
    train(int(more), update)
    print('grown by', peak() - before[0], allocated() - before[1])
"""


def grown(network, first, more, *optimizers):
    """By how many megabytes the most and what is allocated grow after step ``first``, in so many steps ``more``.

    A pair of numbers for each of the optimisers, which train one after the other in one process.
    """
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), str(Path(__file__).parent)])}
    result = subprocess.run([sys.executable, '-c', CODE, network, str(first), str(more), *optimizers], env=environment,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return [tuple(map(float, part.split()[:2])) for part in result.stdout.split('grown by')[1:]]


@pytest.mark.parametrize(('network', 'first', 'more', 'limit', 'optimizers'), [
    ('small', 500, 6000, 0.2, ['sgd']),  # 33 bytes a step; pools of MXNet's grow now and then by a tenth of a megabyte
    ('lenet', 50, 250, 0.06, ['sgd']), ('lenet', 50, 250, 0.06, ['momentum']), ('lenet', 50, 250, 0.06, ['rmsprop'])])
def test_a_step_of_training_frees_what_it_allocates(network, first, more, limit, optimizers):
    found = grown(network, first, more, *optimizers)
    assert len(found) == len(optimizers)
    for optimizer, (_, more_allocated) in zip(optimizers, found):
        assert not more_allocated > limit, f'{optimizer}: {more_allocated:.3f} MB in {more} steps'


@pytest.mark.slow
@pytest.mark.by_hand
@pytest.mark.parametrize('optimizer', ['sgd', 'momentum', 'rmsprop'])
def test_training_lenet_for_100000_steps_ends_within_2_megabytes_of_step_10000(optimizer):
    (most, _), = grown('lenet', 10000, 90000, optimizer)
    assert most < 2, f'{most:.2f} MB'
