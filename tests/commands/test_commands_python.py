"""gluon-bn python: a script that knows nothing of this package runs as ``python SCRIPT`` runs it, and imports MXNet."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_bn.commands import python

ROOT = Path(__file__).resolve().parents[2]
# Not on PYTHONPATH: the script must find MXNet, not this package.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ('PYTHONPATH', 'PYTHONUNBUFFERED')}
STARTER = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from gluon_bn.commands.python import main; main()"


def ours(*arguments, **options):
    """What ``gluon-bn python`` with these arguments does."""
    return _run([sys.executable, '-c', STARTER, *map(str, arguments)], **options)


def plain(*arguments, **options):
    """What ``python`` with these arguments does."""
    return _run([sys.executable, *map(str, arguments)], **options)


def _run(command, environment=ENVIRONMENT, **options):
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, **options)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def script(tmp_path):
    """A function that writes a script in a folder of its own."""
    def write(text, name='a script.py'):
        path = tmp_path / 'scripts' / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding='utf-8')
        return path
    return write


LOOK = """import os, pickle, sys
class Thing:
    pass
print(sys.argv, sys.path, __name__, __file__ if '__file__' in globals() else None, sys.flags, sys.executable)
print(pickle.dumps(Thing(), 0), sys.modules['__main__'].__dict__ is globals(), os.getcwd(), sys.stdin.read())
print(sorted(name for name in sys.modules if name.partition('.')[0] in ('gluon_bn', 'numpy', 'mxnet')))
print([type(finder).__name__ for finder in sys.meta_path if type(finder).__name__ != '_WaitForMXNet'])
"""


def test_a_script_sees_what_it_would_see(script, tmp_path):
    path = script(LOOK)
    for arguments in ((path, '-x', 'a b', '--help'), ('-c', LOOK, 'y'), ('-W', 'error', '-u', path), ('-', 'z')):
        given = {'input': LOOK if arguments[0] == '-' else 'typed', 'cwd': tmp_path}
        assert ours(*arguments, **given) == plain(*arguments, **given)
    script(LOOK, 'module.py')
    assert ours('-m', 'module', '1', cwd=path.parent, input='') == plain('-m', 'module', '1', cwd=path.parent, input='')


@pytest.mark.parametrize('end', ['raise KeyError("no")', 'import sys; sys.exit(7)', 'import sys; sys.exit("bye")',
                                 'import os; os._exit(9)', 'import no_such_module', 'def f(:', '1 / 0',
                                 'import os, signal; os.kill(os.getpid(), signal.SIGTERM)'])
def test_a_script_ends_as_it_would_end(script, end):
    path = script(f"print('begun', flush=True)\n{end}\n")
    assert ours(path) == plain(path)


def test_mxnet_runs_and_numpy_stays_as_it_is(script):
    status, out, err = ours(script("""
import numpy
before = dict(vars(numpy))
import mxnet as mx
from mxnet import autograd, gluon, nd
x = nd.array([[1, 2], [3, 4]])
x.attach_grad()
with autograd.record():
    y = (nd.dot(x, x) * x).sum()
y.backward()
print(x.grad.asnumpy().tolist(), [name for name in before if vars(numpy)[name] is not before[name]],
      [name for name, value in vars(numpy).items() if name not in before and not isinstance(value, type(numpy))])
net = gluon.nn.Dense(3)
net.initialize()
print(net(x).shape, mx.np.array([1., 2.]).sum())
"""))
    assert status == 0, err
    assert out.splitlines()[1] == '(2, 3) 3.0'
    x = [[1, 2], [3, 4]]  # the gradient of sum((x x) * x), by hand: G = x; d = G x' + x' G + x x
    product = [[sum(x[i][k] * x[k][j] for k in range(2)) for j in range(2)] for i in range(2)]
    right = [[sum(x[i][k] * x[j][k] for k in range(2)) for j in range(2)] for i in range(2)]
    left = [[sum(x[k][i] * x[k][j] for k in range(2)) for j in range(2)] for i in range(2)]
    gradient = [[float(product[i][j] + right[i][j] + left[i][j]) for j in range(2)] for i in range(2)]
    assert out.splitlines()[0] == f'{gradient} [] []'


@pytest.mark.slow
def test_child_processes_can_import_mxnet_too(script):
    """Those of multiprocessing, whose work is unpickled before anything else, and plain ones."""
    status, out, err = ours(script("""
import multiprocessing, subprocess, sys
import mxnet
class Thing:
    def __init__(self, array):
        self.total = array.sum().asscalar()
def work(kind, answers):
    answers.put((Thing, kind.__module__, float(Thing(mxnet.nd.array([1, 2])).total)))
if __name__ == '__main__':
    for method in ('spawn', 'forkserver'):
        context = multiprocessing.get_context(method)
        answers = context.Queue()
        child = context.Process(target=work, args=(mxnet.gluon.nn.Dense, answers))
        child.start()
        kind, module, total = answers.get(timeout=600)
        child.join()
        print(method, kind is Thing, module, total, child.exitcode)
    print(subprocess.check_output([sys.executable, '-c', 'import mxnet; print(mxnet.__version__)'], text=True))
"""))
    assert (status, out.split()) == (0, [
        'spawn', 'True', 'mxnet.gluon.nn.basic_layers', '3.0', '0',
        'forkserver', 'True', 'mxnet.gluon.nn.basic_layers', '3.0', '0', '1.9.1']), err


def test_a_sitecustomize_and_a_pythonpath_of_the_users_stay(script, tmp_path):
    (tmp_path / 'sitecustomize.py').write_text("import builtins\nbuiltins.customized = __file__\n")
    path = script("import sys, sitecustomize; print(customized, sitecustomize.__file__, sys.path)")
    environment = {**ENVIRONMENT, 'PYTHONPATH': str(tmp_path)}
    assert ours(path, environment=environment) == plain(path, environment=environment)


def test_without_mxnet_the_error_is_pythons_own(script, tmp_path):
    """With a finder that hides MXNet."""
    hide = """import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'mxnet':
            raise ModuleNotFoundError("No module named 'mxnet'", name='mxnet')
sys.meta_path.insert(0, Hide())
"""
    path = script(hide + "import mxnet\n")
    assert ours(path) == plain(path)


def test_a_gluon_bn_imported_first_is_no_trouble(script):
    path = script(f"import sys; sys.path.insert(0, {str(ROOT)!r})\nimport gluon_bn\nimport mxnet\n"
                  "print(mxnet.nd.ones(2).sum().asscalar() + 1, gluon_bn.relu(mxnet.nd.array([-1])).asscalar())")
    status, out, err = ours(path)
    assert (status, [float(word) for word in out.replace('np.float32(', '').replace(')', '').split()]) == (
        0, [3, 0]), err


def test_help_is_ours_and_python_must_be_known(capsys, monkeypatch):
    assert python.main(['--help'], 'gluon-bn python') == 0
    assert 'SCRIPT | -c CODE | -m MODULE | -' in capsys.readouterr().out
    monkeypatch.setattr(sys, 'executable', '')
    assert python.main(['x.py'], 'gluon-bn python') == 2
    assert capsys.readouterr().err.startswith('gluon-bn python: this Python does not know its own path')
