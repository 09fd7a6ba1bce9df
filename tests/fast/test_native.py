"""Building and loading the native operators: once, whole, within a time limit, and never an exception without them."""
import functools
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gluon_bn.fast import native
from gluon_bn.fast.compiler import BuildError, find

ROOT = Path(__file__).resolve().parents[2]
USE = """
import gluon_bn as gbn
from gluon_bn._mxnet import nd
means = {}
out = gbn.batch_norm(nd.array([[1.], [3.]]), nd.ones(1), nd.zeros(1), means, {}, layer_name='a')
assert abs(out.asnumpy() - [[-1], [1]]).max() < 1e-4 and means['a'].asscalar() == 2
assert gbn.LeNet()(nd.zeros((9, 1, 28, 28))).shape == (9, 10)
print(gbn.which_impl(nd.ones((4, 3))), gbn.which_impl(nd.ones((4, 3, 2, 2))), '|', gbn.native_status())
"""


def start(cache, **variables):
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'GLUON_BN_CACHE': str(cache), **variables}
    return subprocess.Popen([sys.executable, '-c', USE], env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def use(cache, **variables):
    process = start(cache, **variables)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out.strip(), err


def compiler(path, script):
    path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo 1; exit 0; fi\n{script}\n')
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def library():
    if not native.available():
        pytest.skip(native.native_status())
    return native.path()


def copying_compiler(path, library, seconds=0):
    """A compiler that needs no time: it gives out the library that is there already, and counts how often."""
    return compiler(path, f'echo run >> {path}.runs\nsleep {seconds}\n'
                          f'for last; do :; done\ncp {library} "$last"')


def test_where_there_is_a_compiler_they_are_in_use():
    """Tests of what they compute are skipped without them, and would not say that they are gone."""
    if os.environ.get('GLUON_BN_NATIVE') == '0' or native.mx.__version__ != native.MXNET or sys.platform != 'linux':
        pytest.skip(native.native_status())
    try:
        find()
    except BuildError as error:
        pytest.skip(str(error))
    assert native.available(), native.native_status()


@pytest.mark.slow
def test_it_is_built_once_and_kept(tmp_path, library):
    cxx = copying_compiler(tmp_path / 'cxx', library)
    out, err = use(tmp_path / 'cache', CXX=cxx)
    assert out == 'fast fast | native operators: in use, built here by 1.'
    assert err.startswith('gluon_bn: building the native operators')
    assert use(tmp_path / 'cache', CXX=cxx) == (out, '')
    assert (tmp_path / 'cxx.runs').read_text() == 'run\n'
    assert not list((tmp_path / 'cache').rglob('*.tmp'))


@pytest.mark.slow
def test_two_processes_at_once_build_it_once(tmp_path, library):
    cxx = copying_compiler(tmp_path / 'cxx', library, seconds=2)
    processes = [start(tmp_path / 'cache', CXX=cxx) for _ in range(2)]
    for process in processes:
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        assert out.strip() == 'fast fast | native operators: in use, built here by 1.'
    assert (tmp_path / 'cxx.runs').read_text() == 'run\n'


def test_without_a_compiler_mxnets_operators_compute(tmp_path):
    out, err = use(tmp_path, CXX='no-such-compiler')
    assert out == 'plain fast | native operators: not in use, there is no C++ compiler (no-such-compiler).'
    assert err == ''


def test_they_can_be_switched_off(tmp_path):
    out, err = use(tmp_path, GLUON_BN_NATIVE='0')
    assert (out, err) == ('plain fast | native operators: not in use, GLUON_BN_NATIVE is 0.', '')
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_failed_build_is_not_tried_again(tmp_path):
    cxx = compiler(tmp_path / 'cxx', f'echo run >> {tmp_path}/runs; echo "error: no" >&2; exit 3')
    for message in ('the compiler failed with status 3; what was said is in ', 'the build failed before'):
        out, _ = use(tmp_path / 'cache', CXX=cxx)
        assert out.startswith(f'plain fast | native operators: not in use, {message}')
    assert (tmp_path / 'runs').read_text() == 'run\n'
    assert [path.read_text() for path in (tmp_path / 'cache').rglob('*.failed')] == [
        'the compiler failed with status 3\nerror: no\n']


@pytest.mark.slow
def test_a_compiler_that_hangs_is_ended(tmp_path):
    cxx = compiler(tmp_path / 'cxx', 'sleep 60')
    began = time.monotonic()
    out, _ = use(tmp_path / 'cache', CXX=cxx, GLUON_BN_BUILD_SECONDS='0.5')
    assert out.startswith('plain fast | native operators: not in use, cxx did not end within 0.5 s')
    assert time.monotonic() - began < 50
    assert not list((tmp_path / 'cache').rglob('*.tmp'))


def test_a_cache_folder_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('not a folder')
    out, _ = use(tmp_path / 'file')
    assert out.startswith('plain fast | native operators: not in use, ')


@pytest.mark.parametrize(('reason', 'missing'), [
    ('there is no C++ compiler (g++); with one, ...', True), (None, False), ('GLUON_BN_NATIVE is 0', False)])
def test_a_missing_compiler_is_named_only_once_the_operators_were_looked_for(reason, missing, monkeypatch):
    looked = []

    @functools.lru_cache(maxsize=None)
    def found():
        looked.append(1)
        return native.Native(None, None, None, reason)

    monkeypatch.setattr(native, '_found', found)
    assert not native.only_a_compiler_is_missing()
    assert not looked
    assert native.available() is (reason is None)
    assert native.only_a_compiler_is_missing() is missing


@pytest.mark.slow
def test_the_real_compiler_builds_it(tmp_path, library):
    out, _ = use(tmp_path, GLUON_BN_NATIVE_VARIANT='native')
    assert out.startswith('fast fast | native operators: in use, built here by ')


def test_threads_that_ask_first_at_once_load_it_once(monkeypatch):
    loads = []

    def load():
        time.sleep(0.05)
        loads.append(native.Native(None, None, None, 'a test'))
        return loads[-1]

    once = functools.lru_cache(maxsize=None)(load)
    monkeypatch.setattr(native, '_load_once', once)
    monkeypatch.setattr(native, '_found', functools.lru_cache(maxsize=None)(native._found.__wrapped__))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: native.available(), range(4))) == [False] * 4
    assert len(loads) == 1
