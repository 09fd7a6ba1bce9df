"""The package itself: what importing it loads, its names, and a function that shares its name with its module."""
import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import gluon_bn as gbn

HEAVY = ('mxnet', 'numpy', 'matplotlib', 'tqdm', 'scipy', 'sklearn', 'pandas', 'tensorboardX')


def fresh(code):
    """What ``code`` prints in a fresh interpreter."""
    done = subprocess.run([sys.executable, '-W', 'error::ImportWarning', '-c', code], capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(code):
    """Which of ``HEAVY`` are there after ``code``."""
    return json.loads(fresh(f"{code}\nimport json, sys\nprint(json.dumps([m for m in {HEAVY} if m in sys.modules]))"))


def test_importing_loads_nothing_heavy():
    assert loaded_by('import gluon_bn') == []


def test_the_numpy_half_loads_numpy_alone():
    assert loaded_by("import gluon_bn as gbn\n"
                     "gbn.reference, gbn.autodiff, gbn.gradient_check, gbn.FullyConnectedNet\n"
                     "gbn.data.load('mnist', train=False), gbn.data.load('cifar-10')\n"
                     "import gluon_bn.exercises.__main__") == ['numpy']
    assert set(loaded_by("import gluon_bn as gbn\ngbn.Solver, gbn.MLP\n"
                         "import gluon_bn.autodiff.breast_cancer")) == {'numpy', 'tqdm'}


def test_every_name_is_there_and_listed():
    for name in gbn.__all__:
        assert getattr(gbn, name).__name__.split('.')[-1] == name
        assert name in dir(gbn)
    assert {'LeNet', 'batch_norm', 'Solver', 'data', 'autodiff', 'reference', 'gradient_check'} <= set(gbn.__all__)


def test_import_star_brings_exactly_the_public_names():
    names = {}
    exec('from gluon_bn import *', names)
    assert set(names) - {'__builtins__'} == set(gbn.__all__)


def test_help_shows_the_names():
    assert 'class LeNet' in fresh("import gluon_bn, pydoc\nprint(pydoc.render_doc(gluon_bn, renderer=pydoc.plaintext))")


def test_a_name_that_is_not_there():
    assert not hasattr(gbn, 'batchnorm')
    with pytest.raises(AttributeError, match="module 'gluon_bn' has no attribute 'batchnorm'"):
        _ = gbn.batchnorm
    with pytest.raises(ImportError, match="cannot import name 'batchnorm'"):
        exec('from gluon_bn import batchnorm')


def test_pickles_are_read_where_nothing_has_been_imported():
    """A network, and the function that shares its name with its module."""
    import pickle

    net = gbn.FullyConnectedNet([4], input_dim=3, num_classes=2, normalization='batchnorm', seed=0)
    shown = fresh(f"import pickle\nnet, function = pickle.loads({pickle.dumps((net, gbn.batch_norm))!r})\n"
                  "import gluon_bn as gbn\nprint(sorted(net.params), function is gbn.batch_norm)")
    assert shown.strip() == f'{sorted(net.params)} True'


def test_type_checkers_see_the_same_names_from_the_same_modules():
    tree = ast.parse(Path(gbn.__file__).read_text(encoding='utf-8'))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname: node.module for node in block.body for alias in node.names}
    assert seen == gbn._MODULE_OF
    assert not set(gbn._NUMPY_HALF) & set(gbn._MXNET_HALF)


def test_the_map_in_the_docstring_is_small_and_names_what_is_there():
    rows = [line for line in gbn.__doc__.splitlines() if line.startswith('``')]
    assert 5 <= len(rows) <= 15
    folder = Path(gbn.__file__).parent
    for name in (word.strip('`') for row in rows for word in row[:50].split('``, ``')):
        name = name.strip().strip('`')
        assert (folder / f'{name}.py').is_file() or (folder / name / '__init__.py').is_file(), name


# ---- gbn.batch_norm is the function, whatever has been imported before ----


def test_the_function_in_every_order_of_imports():
    fresh('''
import importlib, itertools, sys
steps = {
    'attribute': 'import gluon_bn; gluon_bn.batch_norm',
    'module': 'import gluon_bn.batch_norm',
    'from the package': 'from gluon_bn import batch_norm; assert callable(batch_norm)',
    'from the module': 'from gluon_bn.batch_norm import pure_batch_norm',
    'as': 'import gluon_bn.batch_norm as m; assert callable(m)',
    'by name': 'import importlib; importlib.import_module("gluon_bn.batch_norm").which_impl',
    'by another': 'import gluon_bn.lenet',
    'star': 'from gluon_bn import *; assert callable(batch_norm)',
}
for order in itertools.permutations(steps, 2):
    for name in [name for name in sys.modules if name.partition('.')[0] == 'gluon_bn']:
        del sys.modules[name]
    for step in order:
        exec(steps[step], {})
        gbn = sys.modules['gluon_bn']
        assert gbn.batch_norm is sys.modules['gluon_bn.batch_norm'].batch_norm, order
        assert vars(gbn)['batch_norm'] is gbn.batch_norm, order
    assert importlib.reload(gbn).batch_norm is sys.modules['gluon_bn.batch_norm'].batch_norm, order
''')


def test_the_function_in_every_thread():
    fresh('''
import importlib, sys, threading
import gluon_bn._mxnet
gluon_bn._mxnet.nd
ways = [lambda: importlib.import_module('gluon_bn').batch_norm,
        lambda: (importlib.import_module('gluon_bn.batch_norm'), importlib.import_module('gluon_bn').batch_norm)[1],
        lambda: (importlib.import_module('gluon_bn.lenet'), importlib.import_module('gluon_bn').batch_norm)[1],
        lambda: importlib.import_module('gluon_bn.batch_norm').batch_norm]
sys.setswitchinterval(1e-5)
for repetition in range(20):
    for name in [name for name in sys.modules if name.partition('.')[0] == 'gluon_bn']:
        del sys.modules[name]
    found, start = [], threading.Barrier(8)
    def run(way):
        start.wait()
        found.append(way())
    threads = [threading.Thread(target=run, args=[ways[i % 4]]) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and set(found) == {sys.modules['gluon_bn'].batch_norm}, found
    assert callable(found[0])
''')


def test_it_can_be_replaced_as_any_attribute(monkeypatch):
    monkeypatch.setattr(gbn, 'batch_norm', len)
    assert gbn.batch_norm is len
