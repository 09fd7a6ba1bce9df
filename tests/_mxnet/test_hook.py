"""The import hook: MXNet made to run, and NumPy left alone; each case in a process of its own."""
import json
import os
import re
import subprocess
import sys

import pytest

from gluon_bn._mxnet import hook, mx


def python(code, *options, **environment):
    """Run ``code`` in a fresh interpreter; returns what it printed."""
    variables = {name: value for name, value in os.environ.items() if name != 'OMP_NUM_THREADS'}
    result = subprocess.run([sys.executable, '-W', 'error::FutureWarning', *options, '-c', code],
                            env={**variables, **environment}, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_the_package_imports_neither_mxnet_nor_numpy():
    assert python("""
import sys
import gluon_bn
from gluon_bn._mxnet import hook
hook.install()
print([name for name in ('mxnet', 'numpy', 'matplotlib', 'multiprocessing') if name in sys.modules])
""") == '[]'


# One process serves all tests of what a plain import gives: a start of MXNet takes longer than all of them. A finder
# that is asked for every module looks each time whether NumPy is as it was.
PLAIN_IMPORT = """
import json, os, sys, types
import numpy
import gluon_bn
before = dict(vars(numpy))
asked, changes, found = [], set(), {}

def look():
    for name, value in vars(numpy).items():
        # a name that appears may be a module of NumPy's own
        if before.get(name, numpy) is not value and not (name not in before and isinstance(value, types.ModuleType)):
            changes.add(name)
    changes.update(set(before) - set(vars(numpy)))

class Looks:
    def find_spec(self, name, path=None, target=None):
        asked.append(name)
        look()

sys.meta_path.insert(0, Looks())
import mxnet
look()
found['changes of numpy'] = sorted(changes)
found['looked at modules'] = sum(name.startswith('mxnet.') for name in asked)
found['loaded'] = sorted({'scipy', 'sklearn'} & set(sys.modules))

from gluon_bn._mxnet import mx
from gluon_bn._mxnet.numpy_view import view
from gluon_bn.support import threads
users = [module for name, module in sys.modules.items() if name.startswith('mxnet')]
found['numpy in mxnet'] = any(value is numpy for module in users for value in vars(module).values())
found['views in mxnet'] = sum(value is view() for module in users for value in vars(module).values())
found['numpy is itself'] = sys.modules['numpy'] is numpy and 'PZERO' in vars(view())
found['threads'] = os.environ['OMP_NUM_THREADS'] == str(threads.physical_cores())
found['one mxnet'] = mx is mxnet
found['values'] = [str(mxnet.np.array([1, 2, 3])[[True, False, True]]), mxnet.nd.zeros((numpy.int64(2), 1)).shape]

import mxnet_extras, mxnetish
found['others have numpy'] = mxnet_extras.found is numpy and mxnetish.found is numpy

import importlib, inspect, pkgutil
assert mxnet.__spec__.name == 'mxnet' and mxnet.__file__.endswith('__init__.py')
assert 'def pack(' in inspect.getsource(mxnet.recordio)
assert pkgutil.get_data('mxnet', 'libinfo.py').startswith(b'# Licensed')
importlib.reload(mxnet.lr_scheduler)
importlib.reload(mxnet.metric)
found['reloaded'] = mxnet.metric.create('acc').get()[0]
print(json.dumps(found))
"""


@pytest.fixture(scope='module')
def plain_import(tmp_path_factory):
    """What a process of its own has found after ``import mxnet``."""
    folder = tmp_path_factory.mktemp('modules')
    for name in ('mxnet_extras', 'mxnetish'):
        (folder / f'{name}.py').write_text('import numpy; found = numpy')
    path = os.pathsep.join([str(folder), os.environ.get('PYTHONPATH', '')])
    return json.loads(python(PLAIN_IMPORT, PYTHONPATH=path))


def test_numpy_is_never_changed_not_even_while_mxnet_is_imported(plain_import):
    assert plain_import['changes of numpy'] == []
    assert plain_import['looked at modules'] > 100


def test_every_module_of_mxnet_has_the_view_and_everybody_else_numpy(plain_import):
    assert not plain_import['numpy in mxnet']
    assert plain_import['views in mxnet'] > 40
    assert plain_import['numpy is itself']


def test_a_plain_import_gets_all_of_it(plain_import):
    assert plain_import['one mxnet']
    assert plain_import['threads']
    assert plain_import['values'] == ['[1. 3.]', [2, 1]]


def test_modules_keep_what_python_asks_of_them(plain_import):
    """Their source, their file and their spec; and reload works."""
    assert plain_import['reloaded'] == 'accuracy'


def test_only_mxnets_modules_are_touched(plain_import):
    assert plain_import['others have numpy']


def test_scipy_and_scikit_learn_are_not_loaded_for_mxnet(plain_import):
    assert plain_import['loaded'] == []


# Ways to say it in a module of MXNet that is imported late.
@pytest.mark.parametrize(('source', 'found'), [
    ('import numpy; found = numpy', 'view'),
    ('import numpy as np; found = np', 'view'),
    ('import numpy.linalg; found = numpy', 'view'),
    ('import numpy.random as rnd; found = rnd', 'numpy.random'),
    ('from numpy import mirr, in1d as found', 'view.in1d'),
    ('from numpy.linalg import norm as found', 'numpy.linalg.norm'),
    ('import numpy.testing as npt; found = npt', 'numpy.testing'),
    ('def inside():\n    import numpy as np\n    return np\nfound = inside()', 'view'),
    ('class A:\n    @staticmethod\n    def method():\n        from numpy import PINF\n        return PINF\n'
     'found = A.method()', 'float("inf")'),
    ('found = __import__("numpy")', 'view'),
    ('exec("import numpy as found")', 'view'),
    ('from . import base as found', 'mxnet.base'),
])
def test_a_module_that_mxnet_imports_late_gets_the_view(tmp_path, source, found):
    (tmp_path / 'late_module.py').write_text(source)
    code = f"""
import mxnet, numpy, numpy.testing, warnings
from gluon_bn._mxnet.numpy_view import view
warnings.simplefilter('ignore')
mxnet.__path__.append({str(tmp_path)!r})
import mxnet.late_module as late
view = view()
expected = {found}
assert late.found is expected or late.found == expected == float('inf'), late.found
"""
    namespace = {}
    sys.modules.pop('mxnet.late_module', None)
    try:
        exec(code, namespace)
    finally:
        mx.__path__.remove(str(tmp_path))
        sys.modules.pop('mxnet.late_module', None)


@pytest.mark.parametrize('first', ['import gluon_bn as gbn; gbn.relu; import mxnet',
                                   'from gluon_bn._mxnet import mx as mxnet',
                                   'import gluon_bn; from mxnet import nd; import mxnet'])
def test_other_ways_to_import_it_get_all_of_it(first):
    shown = python(first + """
import os
from gluon_bn._mxnet import mx
from gluon_bn.support import threads
assert mx is mxnet
print(os.environ['OMP_NUM_THREADS'] == str(threads.physical_cores()))
print(mxnet.np.array([1, 2, 3])[[True, False, True]])
print(mxnet.nd.zeros((mxnet.np.fallback.onp.int64(2), 1)).shape)
""")
    assert shown.splitlines() == ['True', '[1. 3.]', '(2, 1)']


HALF_MADE = """
import sys
FAIL_AT = {fail_at!r}

class Fails:
    def find_spec(self, name, path=None, target=None):
        if name == FAIL_AT:
            raise AttributeError('not today')

sys.meta_path.insert(0, Fails())
try:
    import mxnet
except Exception as error:
    failed = error
del sys.meta_path[0]
left = [name for name in sys.modules if name.startswith('mxnet.')]
assert failed and 'mxnet' not in sys.modules and left, left
old = set(map(id, [sys.modules[name] for name in left]))
"""


@pytest.mark.parametrize('fail_at', ['mxnet.ndarray.sparse', 'mxnet.gluon', 'mxnet.numpy_dispatch_protocol'])
def test_an_import_that_failed_before_is_done_again(fail_at):
    """Whatever made it fail: as it does by itself, or later."""
    assert python(HALF_MADE.format(fail_at=fail_at) + """
kept = [sys.modules[name] for name in left]   # so that no new module gets an old one's place
import gluon_bn as gbn
import mxnet as mx
from gluon_bn._mxnet import nd
assert not old & {id(module) for name, module in sys.modules.items() if name.startswith('mxnet')}
x = nd.array([[-1., 2.]])
x.attach_grad()
with mx.autograd.record():
    loss = gbn.relu(x).sum()
loss.backward()
print(x.grad.asnumpy().tolist(), mx.gluon.nn.Dense(2).__class__.__module__, mx.np.ones(2).sum())
""") == '[[0.0, 1.0]] mxnet.gluon.nn.basic_layers 2.0'


def test_mxnets_own_failure_is_mended():
    """As the first cell of many notebooks does: it fails where NumPy is newer than 1.23, and works elsewhere."""
    assert python("""
try:
    import mxnet
except Exception:
    pass
import gluon_bn as gbn
from gluon_bn._mxnet import mx
import mxnet
assert mx is mxnet
print(gbn.relu(mxnet.nd.array([-1, 2])).asnumpy().tolist(), mxnet.np.array([1, 2, 3])[[True, False, True]])
""", '-W', 'ignore') == '[0.0, 2.0] [1. 3.]'


ALONE = """
import numpy
try:
    import distutils
except ImportError:
    import setuptools
lacking = {'bool': numpy.bool_, 'int': int}
import types
from gluon_bn._mxnet import numpy_view
lacking.update(numpy_view._lost_names())     # as people do who make MXNet run by themselves
added = [name for name in lacking if name not in vars(numpy)]
for name in added:
    setattr(numpy, name, lacking[name])
import sys
finder = sys.meta_path.pop(0)                # gluon_bn's
assert finder.makes_mxnet_run
import mxnet
for name in added:
    delattr(numpy, name)
"""


def test_mxnet_that_was_imported_without_the_hook_is_mended():
    both = "from ctypes import CDLL; CDLL('libgomp.so.1'), CDLL('libquadmath.so.0')"
    if subprocess.run([sys.executable, '-c', both], stderr=subprocess.DEVNULL).returncode:
        pytest.skip('MXNet alone cannot be imported: this system has no libgomp or no libquadmath')
    assert python(ALONE + """
from gluon_bn._mxnet import hook, mx         # as at the first import of gluon_bn
assert mx is mxnet
import gluon_bn as gbn
print(gbn.relu(mxnet.nd.array([-1, 2])).asnumpy().tolist(), mxnet.np.array([1, 2, 3])[[True, False, True]])
print(mxnet.nd.zeros((numpy.int64(2), 1)).shape)
print(mxnet.recordio.pack(mxnet.recordio.IRHeader(0, [1.], 0, 0), b'x')[-5:])
metric = mxnet.metric.Loss()
metric.update(None, [mxnet.nd.array([2 ** 24])])
metric.update(None, [mxnet.nd.array([.5])])
print(float(metric.sum_metric))
""").splitlines() == ['[0.0, 2.0] [1. 3.]', '(2, 1)', r"b'\x00\x00\x80?x'", '16777216.5']


def test_two_installations_are_one():
    before = list(sys.meta_path)
    hook.install()
    hook.install()
    assert sys.meta_path == before
    assert sum(getattr(finder, 'makes_mxnet_run', False) for finder in sys.meta_path) == 1


def test_other_attributes_of_the_package_are_refused():
    import gluon_bn._mxnet
    with pytest.raises(AttributeError, match=re.escape("module 'gluon_bn._mxnet' has no attribute 'nothing'")):
        gluon_bn._mxnet.nothing  # noqa: B018


@pytest.mark.parametrize('importing', [True, False])
def test_an_mxnet_that_is_being_imported_just_now_is_left_alone(importing):
    assert python(f"""
import sys, types
import numpy
mxnet, other = types.ModuleType('mxnet'), types.ModuleType('mxnet_extras')
mxnet.np = other.np = numpy
mxnet.__spec__ = types.SimpleNamespace(_initializing={importing})
sys.modules.update(mxnet=mxnet, mxnet_extras=other)
import gluon_bn
from gluon_bn._mxnet.numpy_view import view
print(mxnet.np is numpy, mxnet.np is view(), other.np is numpy)
""") == f'{importing} {not importing} True'
