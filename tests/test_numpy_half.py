"""The NumPy half where MXNet and what only Linux has are missing, each part in a process of its own."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_bn.exercises.catalog import all_exercises

ROOT = Path(__file__).resolve().parent.parent
NUMPY_EXERCISES = [exercise.name for exercise in all_exercises() if not exercise.needs_mxnet]
NUMPY_TUTORIALS = sorted(path for number in ('03', '04', '07') for path in (ROOT / 'tutorials').glob(f'{number}_*.py'))


@pytest.fixture
def elsewhere(tmp_path):
    """A function that runs Python there, in ``tmp_path``: what it printed."""
    def run(*arguments, status=0):
        environment = {**os.environ, 'MPLBACKEND': 'Agg', 'GLUON_BN_QUICK': '1', 'PYTHONIOENCODING': 'cp1252',
                       'PYTHONPATH': os.pathsep.join([str(ROOT / 'tests' / 'foreign'), str(ROOT)])}
        done = subprocess.run([sys.executable, '-X', 'warn_default_encoding', *map(str, arguments)], cwd=tmp_path,
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='cp1252',
                              timeout=300)
        assert done.returncode == status, done.stdout
        return done.stdout
    return run


def test_the_other_system_is_another_one(elsewhere):
    """Without this the tests below would say nothing."""
    elsewhere('-c', '''
import importlib, os
for name in ('mxnet', 'mxnet.nd', 'fcntl', 'resource'):
    try:
        importlib.import_module(name)
    except ImportError:
        continue
    raise AssertionError(name)
assert not hasattr(os, 'killpg') and not os.path.exists('/no') and not hasattr(os, 'sched_getaffinity')
try:
    open('/proc/cpuinfo')
except FileNotFoundError:
    pass
else:
    raise AssertionError('/proc')
''')


def test_a_solver_trains_and_goes_on_from_its_checkpoint(elsewhere):
    elsewhere('-c', '''
import numpy as np
import gluon_bn as gbn
images, labels = gbn.data.load('cifar10')
X, y = images[:80].reshape(80, -1) / 255. - 0.5, labels[:80]
data = {'X_train': X[:60], 'y_train': y[:60], 'X_val': X[60:], 'y_val': y[60:]}

def network():
    return gbn.FullyConnectedNet([20, 20], input_dim=3072, normalization='batchnorm', seed=1)

def solver(epochs, net):
    np.random.seed(3)
    return gbn.Solver(net, data, update_rule='adam', optim_config={'learning_rate': 1e-3}, num_epochs=epochs,
                      batch_size=20, verbose=False, checkpoint_name='solver.npz')

whole, net = network(), network()
solver(4, whole).train()
solver(2, net).train()
resumed = gbn.Solver.resume('solver.npz', network(), data, num_epochs=4)
resumed.train()
assert set(resumed.model.params) == set(whole.params)
for name, value in whole.params.items():
    assert np.array_equal(value, resumed.model.params[name]), name
''')


def test_an_mlp_learns(elsewhere):
    elsewhere('-c', '''
import gluon_bn as gbn
images, labels = gbn.data.load('mnist', train=False)
X, y = images.reshape(len(images), -1).astype('float32') / 255, labels
data = {'train': (X[:2000], y[:2000]), 'dev': (X[2000:2500], y[2000:2500]), 'test': (X[2500:3000], y[2500:3000])}
history = gbn.MLP([784, 30, 10], seed=0).fit(data, epochs=3, batch_size=100)
assert history['test_acc'][-1] > 0.8, history
''')


def test_gradients_by_hand_by_differences_and_by_nodes_agree(elsewhere):
    elsewhere('-c', '''
import numpy as np
from gluon_bn.autodiff import Node
from gluon_bn.gradient_check import check_gradients, eval_numerical_gradient_array, rel_error
import gluon_bn as gbn
rng = np.random.default_rng(0)
x, gamma, beta, dout = rng.normal(size=(6, 4)), rng.normal(size=4) + 2, rng.normal(size=4), rng.normal(size=(6, 4))
out, cache = gbn.reference.batchnorm_forward(x, gamma, beta, {'mode': 'train'})
for backward in (gbn.reference.batchnorm_backward, gbn.reference.batchnorm_backward_alt):
    dx, dgamma, dbeta = backward(dout, cache)
    numeric = eval_numerical_gradient_array(
        lambda v: gbn.reference.batchnorm_forward(v, gamma, beta, {'mode': 'train'})[0], x, dout)
    assert rel_error(dx, numeric) < 1e-6
a = Node(x, 'a')
assert np.allclose((a * a).grad(dout)['a'], 2 * x * dout)
''')


def test_the_breast_cancer_network(elsewhere):
    pytest.importorskip('sklearn')
    elsewhere('-c', '''
from gluon_bn.autodiff.breast_cancer import accuracies
found = accuracies(splits=1, epochs=5)
assert found[0] > 0.9, found
''')


def test_what_needs_mxnet_is_one_sentence(elsewhere):
    shown = elsewhere('-c', '''
import gluon_bn as gbn
from gluon_bn import *
assert 'LeNet' not in dir(gbn) and MLP is gbn.MLP and data is gbn.data
help(gbn)
import numpy as np
images, labels = gbn.data.load('mnist', train=False)
for ask in (lambda: gbn.LeNet, lambda: gbn.batch_norm, lambda: gbn.try_gpu(), lambda: gbn.load_network('x'),
            lambda: gbn.data.batches(images, labels, 10)):
    try:
        ask()
    except ImportError as error:
        print('SAID', str(error))
        assert chr(10) not in str(error)
    else:
        raise AssertionError('no error')
try:
    from gluon_bn import SigmoidMLP
except ImportError as error:
    print('SAID', error)
''')
    said = [line for line in shown.splitlines() if line.startswith('SAID')]
    assert len(said) == 6
    assert all('MXNet' in line for line in said), said


@pytest.mark.parametrize('name', NUMPY_EXERCISES)
def test_an_exercise(name, elsewhere, tmp_path):
    """Started, checked as it is, then with the solution."""
    exercises = ['-m', 'gluon_bn.exercises']
    elsewhere(*exercises, 'start', name, 'mine')
    assert 'not done yet' in elsewhere(*exercises, 'check', name, 'mine', status=1)
    solution = elsewhere(*exercises, 'solution', name)
    (tmp_path / 'mine' / f'{name}.py').write_text(solution, encoding='utf-8')
    shown = elsewhere(*exercises, 'check', name, 'mine')
    passed = [line for line in shown.splitlines() if line.startswith('  passed ')]
    assert shown.splitlines()[-1] == f'{len(passed)} of {len(passed)} requirements passed.'


def test_all_numpy_exercises_are_marked_and_the_others_say_why_not(elsewhere, tmp_path):
    assert NUMPY_EXERCISES == ['04_bias_proof', '05_staged_backward', '06_closed_form_backward', '07_node_batch_norm',
                               '08_node_moving_averages', '09_adam_bias_correction', '13_fold_batch_norm']
    exercises = ['-m', 'gluon_bn.exercises']
    lines = elsewhere(*exercises).splitlines()
    assert [line.split()[0] for line in lines if line and 'needs MXNet' not in line][:7] == NUMPY_EXERCISES
    elsewhere(*exercises, 'start', '1')
    shown = elsewhere(*exercises, 'check', '1', status=1)
    assert shown.count('this exercise cannot be checked here: ') == 1
    assert 'Traceback' not in shown
    learner = tmp_path / 'class' / 'ada'
    learner.mkdir(parents=True)
    (learner / '04_bias_proof.py').write_text(elsewhere(*exercises, 'solution', '4'), encoding='utf-8')
    assert 'ada,,,,1.00,' in elsewhere(*exercises, 'grade', 'class', '--csv')


def test_an_endless_answer_is_stopped(elsewhere, tmp_path):
    (tmp_path / '04_bias_proof.py').write_text('while True: pass\n', encoding='utf-8')
    assert 'still running after 1 seconds' in elsewhere('-m', 'gluon_bn.exercises', 'check', '4', '--time-limit', '1',
                                                        status=1)


def test_every_module_of_it_can_be_imported(elsewhere):
    names = ['autodiff.breast_cancer', 'data', 'exercises.verify', 'gradient_check', 'run.checkpoint',
             'run.configuration', 'run.live', 'run.mlp_job', 'studies.machine',
             *(f'reference.{path.stem}' for path in (ROOT / 'gluon_bn' / 'reference').glob('*.py')),
             *(f'support.{path.stem}' for path in (ROOT / 'gluon_bn' / 'support').glob('*.py'))]
    elsewhere('-c', f"import importlib\nfor name in {names}:\n    importlib.import_module(f'gluon_bn.{{name}}')\n"
                    "from gluon_bn.studies.machine import describe_machine\nassert 'no MXNet' in describe_machine()")


@pytest.mark.slow
@pytest.mark.parametrize('path', NUMPY_TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial(path, elsewhere):
    if path.name.startswith('07'):
        pytest.importorskip('sklearn')
    elsewhere(path)


def test_a_network_as_mxnets_files_and_back(elsewhere):
    elsewhere('-c', '''
import numpy as np
import gluon_bn as gbn
from gluon_bn import params
from gluon_bn.exchange import fold, networks, saved
net = gbn.MLP([4, 3, 2], seed=0)
net.loss(np.random.default_rng(0).normal(size=(6, 4)), np.arange(6) % 2)
graph = fold.folded(networks.of_network(net))
saved.write(graph, 'net-symbol.json', 'net-0000.params')
assert list(params.load('net-0000.params')) == ['arg:dense1_weight', 'arg:dense1_bias', 'arg:dense2_weight',
                                                'arg:dense2_bias']
read = saved.read('net-symbol.json', 'net-0000.params')
assert all((read.params[name] == value).all() for name, value in graph.params.items())
''')
