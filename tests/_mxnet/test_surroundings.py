"""Threads, and NVIDIA's libraries, as MXNet finds them when it is imported; extras that are not there."""
import ctypes
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import types
import warnings

import pytest

from gluon_bn._mxnet import surroundings
from gluon_bn.support import threads


def python(code, **environment):
    """Run ``code`` in a fresh interpreter; returns what it printed."""
    variables = {name: value for name, value in os.environ.items() if name != 'OMP_NUM_THREADS'}
    result = subprocess.run([sys.executable, '-W', 'error::FutureWarning', '-c', code],
                            env={**variables, **environment}, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_a_list_of_threads_does_not_end_the_process():
    """As it would in MXNet, which reads the variable while it loads."""
    code = "import gluon_bn, mxnet, os; print(mxnet.nd.ones(3).sum().asscalar(), os.environ['OMP_NUM_THREADS'])"
    assert python(code, OMP_NUM_THREADS='2,1') == '3.0 2'


@pytest.mark.parametrize(('given', 'number', 'told'), [
    (None, None, 0), ('', None, 0), ('1', '1', 0), ('2,1', '2', 0), (' 3 ', '3', 0), ('many', None, 1),
    ('1.5', None, 1)])
def test_one_thread_a_physical_core_unless_the_user_has_said_otherwise(given, number, told, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '')
    if given is None:
        monkeypatch.delenv('OMP_NUM_THREADS')
    else:
        monkeypatch.setenv('OMP_NUM_THREADS', given)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter('always')
        threads.set_default_threads()
    assert os.environ['OMP_NUM_THREADS'] == (number or str(threads.physical_cores()))
    assert sum('OMP_NUM_THREADS' in str(each.message) for each in found) == told


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


def test_missing_extras_are_named(monkeypatch):
    from gluon_bn.support.extras import import_extra
    with pytest.raises(ImportError, match=r"no_such_module is not installed.*pip install .*\[plots\]'"):
        import_extra('no_such_module', 'plots')


@pytest.fixture
def without_effect(monkeypatch):
    """What is supplied is written down here, and not done: MXNet is loaded in this process already."""
    done = []
    monkeypatch.setattr(surroundings, 'warn_of_new_python', lambda: done.append('warned'))
    monkeypatch.setattr(surroundings, 'set_default_threads', lambda: done.append('threads'))
    monkeypatch.setattr(surroundings.runtime_libraries, 'preload', lambda: done.append('libraries'))
    monkeypatch.setattr(surroundings.child_processes, 'pass_on', lambda: done.append('children'))
    return done


def test_all_of_it_is_supplied_once(without_effect):
    surroundings.prepare()
    assert sorted(without_effect) == ['children', 'libraries', 'threads', 'warned']


@pytest.mark.parametrize('setuptools', ['brings it', 'does not', 'is not there'])
def test_without_distutils_setuptools_brings_it_or_the_command_is_said(setuptools, without_effect, monkeypatch):
    found = set()

    def import_module(name):
        if name == 'setuptools' and setuptools == 'brings it':
            found.add('distutils.version')
        elif name not in found and (name, setuptools) != ('setuptools', 'does not'):
            raise ImportError(name)

    monkeypatch.setattr(surroundings.importlib, 'import_module', import_module)
    if setuptools == 'brings it':
        surroundings.prepare()
    else:
        with pytest.raises(ImportError, match='^MXNet needs distutils, .*, is not installed: .*install setuptools$'):
            surroundings.prepare()
        assert 'libraries' not in without_effect


@pytest.mark.parametrize('build', ['mxnet-cu112', 'mxnet-cu116', 'mxnet-cu117', 'mxnet'])
def test_nvidias_libraries_are_loaded_for_everybody_in_the_order_in_which_they_need_each_other(
        build, without_effect, monkeypatch, tmp_path):
    """But for a build without a GPU: PyTorch's, for another CUDA, may lie in the same place."""
    def distribution(name):
        if name != build:
            raise importlib.metadata.PackageNotFoundError(name)
        return types.SimpleNamespace(version='1.9.1')

    def load(name, mode=None):
        loaded.append((os.path.basename(name), mode))
        if 'cublas' in name:
            raise OSError('for another CUDA')

    loaded = []
    for package, file in (('nvtx', 'libnvToolsExt.so.1'), ('cuda_runtime', 'libcudart.so.11.0'),
                          ('cublas', 'libcublasLt.so.11'), ('cublas', 'libcublas.so.11'), ('other', 'libother.so.1')):
        (tmp_path / package / 'lib').mkdir(parents=True, exist_ok=True)
        (tmp_path / package / 'lib' / file).touch()
    spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.metadata, 'distribution', distribution)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
    monkeypatch.setattr(ctypes, 'CDLL', load)
    surroundings.prepare()
    expected = [(name, ctypes.RTLD_GLOBAL) for name in (
        'libcudart.so.11.0', 'libcublas.so.11', 'libcublasLt.so.11', 'libnvToolsExt.so.1')] if '-' in build else []
    assert loaded == expected
    for nothing in (None, types.SimpleNamespace(submodule_search_locations=None)):
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name, nothing=nothing: nothing)
        surroundings.prepare()
    assert loaded == expected
