"""Importing MXNet 1.9.1 where it cannot import itself, each case in a process of its own."""
import os
import subprocess
import sys

import pytest

from gluon_bn._mxnet import threads
from gluon_bn.python_version import check_python


def python(code, **environment):
    """Run ``code`` in a fresh interpreter; returns what it printed."""
    variables = {name: value for name, value in os.environ.items() if name != 'OMP_NUM_THREADS'}
    result = subprocess.run([sys.executable, '-W', 'error::FutureWarning', '-c', code],
                            env={**variables, **environment}, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_numpy_is_left_as_it_is_and_mxnet_has_the_bool_it_needs():
    shown = python("""
import numpy as np
before = {name: id(value) for name, value in vars(np).items()}
import gluon_bn
from gluon_bn._mxnet import mx
changed = {name for name, value in vars(np).items() if name in before and before[name] != id(value)}
print(changed)
print(mx.np.array([1, 2, 3])[[True, False, True]])
""")
    assert shown.splitlines() == ['set()', '[1. 3.]']


def test_numpy_bool_is_no_more_there_than_before():
    before, after = python("""
import numpy as np
before = 'bool' in vars(np)
import gluon_bn
print(before, 'bool' in vars(np))
""").split()
    assert before == after


def test_importing_after_the_user_has_imported_mxnet():
    assert python("""
import numpy as np
if 'bool' not in vars(np):
    np.bool = np.bool_          # as users do who import MXNet by themselves
try:
    import distutils
except ImportError:
    import setuptools
import mxnet
import gluon_bn as gbn
from gluon_bn._mxnet import mx
assert mx is mxnet
print(gbn.relu(mxnet.nd.array([-1, 2])).asnumpy().tolist())
""") == '[0.0, 2.0]'


def test_all_physical_cores_unless_the_user_has_said_otherwise():
    show = "import gluon_bn, os; print(os.environ['OMP_NUM_THREADS'])"
    assert python(show) == str(threads.physical_cores())
    assert python(show, OMP_NUM_THREADS='1') == '1'


def test_physical_cores_are_at_most_the_processors():
    assert 1 <= threads.physical_cores() <= len(os.sched_getaffinity(0))


def test_two_hyper_threads_of_a_core_count_once(monkeypatch, tmp_path):
    files = {f'/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list': pair
             for cpu, pair in enumerate(('0,2', '1,3', '0,2', '1,3'))}

    def fake_open(path, **kwargs):
        file = tmp_path / path.replace('/', '_')
        file.write_text(files[path] + '\n')
        return open(file, **kwargs)

    monkeypatch.setattr(threads.os, 'sched_getaffinity', lambda pid: {0, 1, 2, 3})
    monkeypatch.setattr(threads, 'open', fake_open, raising=False)
    assert threads.physical_cores() == 2


@pytest.mark.parametrize('version', [(3, 7, 17), (3, 13, 0), (4, 0, 0)])
def test_other_pythons_get_one_sentence(version):
    with pytest.raises(ImportError) as error:
        check_python(version)
    assert f'Python {version[0]}.{version[1]}:' in str(error.value)
    assert 'Python 3.8 to 3.12' in str(error.value)
    assert '\n' not in str(error.value)


def test_nvidias_libraries_are_loaded_for_a_gpu_build_alone(tmp_path):
    """PyTorch's, for another CUDA, may lie in the same place."""
    library = tmp_path / 'nvidia' / 'cublas' / 'lib' / 'libcublas.so.11'
    library.parent.mkdir(parents=True)
    library.touch()
    loaded = """
import ctypes, importlib.metadata, sys
real, seen = ctypes.CDLL, []
ctypes.CDLL = lambda name, *args, **options: (seen.append(str(name)), real(name, *args, **options))[1]
found = importlib.metadata.distribution
if {gpu}:
    importlib.metadata.distribution = lambda name: None if name == 'mxnet-cu117' else found(name)
import gluon_bn
print(any('libcublas' in name for name in seen))
"""
    for gpu in (True, False):
        assert python(loaded.format(gpu=gpu), PYTHONPATH=str(tmp_path)) == str(gpu)


def test_missing_extras_are_named(monkeypatch):
    from gluon_bn.extras import import_extra
    with pytest.raises(ImportError, match=r"no_such_module is not installed.*pip install .*\[plots\]'"):
        import_extra('no_such_module', 'plots')
