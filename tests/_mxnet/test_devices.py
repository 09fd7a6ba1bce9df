"""try_gpu against builds of MXNet that lack GPU support, and against GPUs that fail, hang, crash or compute nonsense.

The subprocess that tries the GPU is real; what it imports as MXNet is a stand-in that behaves like the broken one.
"""
import re
import shlex
import time
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import psutil
import pytest

import gluon_bn as gbn
from gluon_bn._mxnet import devices, mx, surroundings

STAND_IN = """
import sys, types
import numpy as np

class _Array:
    def __init__(self, value): self.value = np.asarray(value)
    def asnumpy(self): return self.value

def _array(value, ctx=None):
    {on_array}
    return _Array(value)

def _dot(a, b):
    {on_dot}

nd = types.ModuleType('mxnet.nd'); nd.array = _array; nd.dot = _dot
autograd = types.ModuleType('mxnet.autograd')
context = types.SimpleNamespace(num_gpus=lambda: {num_gpus})
gpu = lambda i: ('gpu', i)
for name in ('numpy.multiarray', 'ndarray.numpy._op', 'symbol.numpy._symbol', 'test_utils', 'numpy', 'ndarray',
             'ndarray.numpy', 'symbol', 'symbol.numpy'):
    sys.modules['mxnet.' + name] = types.ModuleType('mxnet.' + name)
class MXNetError(Exception): pass
"""


@pytest.fixture(autouse=True)
def fresh_answers():
    """No answer is kept from test to test."""
    def forget():
        for cached in (devices.ask_subprocess, devices.say_once):
            cached.cache_clear()
    forget()
    yield
    forget()


@pytest.fixture
def gpu_build(monkeypatch, tmp_path):
    """A function that puts a stand-in for a GPU build in place, for the subprocess alone."""
    def put(num_gpus=1, on_array='pass', on_dot='return _Array(a.value @ b.value)', seconds=60):
        package = tmp_path / 'mxnet'
        package.mkdir()
        (package / '__init__.py').write_text(STAND_IN.format(num_gpus=num_gpus, on_array=on_array, on_dot=on_dot))
        # the probe imports gluon_bn._mxnet.gpu_probe alone; the rest of the package would need a whole MXNet
        monkeypatch.setenv('PYTHONPATH', str(tmp_path))
        monkeypatch.setattr(devices, '_built_with_cuda', lambda: True)
        monkeypatch.setenv('GLUON_BN_GPU_SECONDS', str(seconds))
    return put


@pytest.fixture
def cpu_build(monkeypatch):
    """A function that puts a build for CPUs in place, on a machine with an NVIDIA device or without."""
    def put(nvidia_device):
        monkeypatch.setattr(devices, '_built_with_cuda', lambda: False)
        monkeypatch.setattr(devices, 'has_nvidia_device', lambda: nvidia_device)
    return put


def test_a_gpu_that_mxnet_cannot_use_is_named_once_with_the_command_for_it(cpu_build, capfd):
    cpu_build(nvidia_device=True)
    assert gbn.try_gpu() == mx.cpu()
    assert gbn.try_gpu() == mx.cpu()
    assert gbn.try_all_gpus() == [mx.cpu()]
    said = capfd.readouterr().err
    assert said.count('no GPU support') == 1
    assert said.count('\n') == 1
    command = re.search(r'comes with: bash (.+) cu117\. Using', said).group(1)
    assert Path(shlex.split(command)[0]).is_file()


def test_where_there_is_no_nvidia_device_nothing_is_said(cpu_build, capfd):
    cpu_build(nvidia_device=False)
    assert gbn.try_gpu() == mx.cpu()
    assert gbn.try_all_gpus() == [mx.cpu()]
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('sign', ['/proc/driver/nvidia', '/dev/nvidia0', 'nvidia-smi', None])
def test_each_sign_of_an_nvidia_device_counts(monkeypatch, sign):
    monkeypatch.setattr(devices.os.path, 'exists', lambda path: path == sign)
    monkeypatch.setattr(devices.glob, 'glob', lambda pattern: [sign] if sign and fnmatch(sign, pattern) else [])
    monkeypatch.setattr(devices.shutil, 'which', lambda name: f'/usr/bin/{name}' if name == sign else None)
    assert devices.has_nvidia_device() == (sign is not None)


@pytest.mark.parametrize(('written', 'seconds'), [(None, 90), ('', 90), (' ', 90), ('3', 3), ('0.5', 0.5)])
def test_the_time_limit_is_set_by_a_variable(monkeypatch, capfd, written, seconds):
    monkeypatch.delenv('GLUON_BN_GPU_SECONDS', raising=False)
    if written is not None:
        monkeypatch.setenv('GLUON_BN_GPU_SECONDS', written)
    assert devices.probe_seconds() == seconds
    assert capfd.readouterr().err == ''


@pytest.mark.parametrize('written', ['abc', '0', '-1', 'nan', 'inf'])
def test_a_time_limit_that_is_none_is_named_and_the_default_taken(monkeypatch, capfd, written):
    monkeypatch.setenv('GLUON_BN_GPU_SECONDS', written)
    assert devices.probe_seconds() == devices.probe_seconds() == 90
    assert capfd.readouterr().err == (f"gluon_bn: GLUON_BN_GPU_SECONDS is '{written}'; expected a number of seconds "
                                      "above 0, so 90 is used.\n")


def test_outside_a_checkout_the_command_installs_a_gpu_build_with_nvidias_libraries(monkeypatch, tmp_path):
    monkeypatch.setattr(surroundings, '_ROOT', tmp_path)
    words = shlex.split(surroundings.gpu_build_command())
    assert words[words.index('install') + 1:][:2] == ['--no-deps', 'mxnet-cu117==1.9.1']
    assert {'nvidia-cuda-runtime-cu11', 'nvidia-cudnn-cu11<9', 'nvidia-nvtx-cu11'} <= set(words)


def test_a_gpu_that_computes_is_used(gpu_build, capfd):
    gpu_build(num_gpus=2)
    assert gbn.try_gpu() == mx.gpu(0)
    assert gbn.try_gpu(1) == mx.gpu(1)
    assert gbn.try_all_gpus() == [mx.gpu(0), mx.gpu(1)]
    assert capfd.readouterr().err == ''


@pytest.mark.parametrize(('behaviour', 'reason'), [
    ({'num_gpus': 0}, 'MXNet finds 0 GPUs'),
    ({'on_dot': "raise MXNetError('CUDA: Check failed: e == cudaSuccess: no kernel image is available')"},
     'kernel on it fails (CUDA: Check failed: e == cudaSuccess: no kernel image is available)'),
    ({'on_dot': 'return _Array(np.zeros((2, 2)))'}, 'is wrong: [[0.0, 0.0], [0.0, 0.0]]'),
    ({'on_array': 'import os; os.abort()'}, 'ended with status -6 and no answer'),
    ({'on_dot': 'import time; time.sleep(600)', 'seconds': 3}, 'did not end within 3 s'),
], ids=['none found', 'kernel fails', 'wrong numbers', 'crash', 'hang'])
def test_a_gpu_that_does_not_work_is_not_used(gpu_build, capfd, behaviour, reason):
    gpu_build(**behaviour)
    began = time.monotonic()
    assert gbn.try_gpu() == mx.cpu()
    assert time.monotonic() - began < 60
    said = capfd.readouterr().err
    assert reason in said
    assert said.startswith('gluon_bn: not using gpu(0): ')
    assert 'Using cpu(0) instead.' in said
    assert said.count('\n') == 1
    assert gbn.try_all_gpus() == [mx.cpu()]


def test_contexts_by_name(monkeypatch):
    monkeypatch.setattr(devices, '_built_with_cuda', lambda: False)
    assert devices.context_from_name('cpu') == mx.cpu(0)
    assert devices.context_from_name('cpu:1') == mx.cpu(1)
    assert devices.context_from_name('auto') == mx.cpu(0)
    for name in ('gpu', 'gpu:1'):
        with pytest.raises(ValueError, match=f"context '{name}' cannot be used: this build of MXNet has no GPU"):
            devices.context_from_name(name)
    for name in ('tpu', 'cpu:', 'cpu:x', 'gpu0', '', 'cpu:\u00b2', 'cpu:2147483648'):
        with pytest.raises(ValueError, match='expected auto, cpu, cpu:N, gpu or gpu:N'):
            devices.context_from_name(name)


def test_contexts_are_mxnets_own_and_no_gpu_of_a_build_for_cpus():
    assert devices.check_context(mx.cpu(1)) == mx.cpu(1)
    for value in ('cpu', None, 0, mx.cpu):
        with pytest.raises(TypeError, match="^ctx is .*; expected one of MXNet's contexts"):
            devices.check_context(value)
    if not mx.runtime.Features().is_enabled('CUDA'):
        with pytest.raises(ValueError, match=r'^ctx is gpu\(0\); expected a CPU, because this build .* no GPU support'):
            devices.check_context(mx.gpu(0))


def test_a_gpu_by_name_is_that_of_its_number(gpu_build):
    gpu_build(num_gpus=1)
    assert devices.why_no_gpu() is None
    assert devices.context_from_name('gpu') == devices.context_from_name('gpu:0') == mx.gpu(0)
    assert devices.context_from_name('auto') == mx.gpu(0)
    with pytest.raises(ValueError, match="context 'gpu:1' cannot be used: MXNet finds 1 GPUs"):
        devices.context_from_name('gpu:1')
    assert devices.context_from_name('cpu:123456789') == mx.cpu(123456789)


def test_what_a_gpu_says_stays_in_its_process_which_has_a_session_of_its_own(gpu_build, capfd):
    """Ctrl-C in the terminal goes to this process alone, which then ends the other one."""
    gpu_build(on_array="sys.stderr.write('noise'); print('more noise')",
              on_dot="import os; raise MXNetError('of its own' if os.getsid(0) == os.getpid() else 'ours')")
    assert gbn.try_gpu() == mx.cpu()
    assert capfd.readouterr().err.startswith('gluon_bn: not using gpu(0): MXNet finds it, but a kernel on it fails '
                                             '(of its own)')


def test_a_process_that_hangs_is_ended(gpu_build, tmp_path):
    note = tmp_path / 'pid'
    gpu_build(on_dot=f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)", seconds=5)
    assert 'did not end within 5 s' in devices.why_no_gpu(0)
    assert not note.exists() or not psutil.pid_exists(int(note.read_text()))


@pytest.mark.parametrize('i', [-1, 2.5, True, None, 'gpu', np.array(0)])
def test_the_number_of_a_gpu_is_a_whole_one(i):
    with pytest.raises((ValueError, TypeError), match='^i is .*; expected a whole number, at least 0'):
        gbn.try_gpu(i)


@pytest.mark.parametrize('name', [None, 0, b'cpu', ['cpu'], np.array('cpu')])
def test_the_name_of_a_context_is_a_string(name):
    with pytest.raises(TypeError, match='^the name of a context is .*; expected auto, cpu, cpu:N, gpu or gpu:N'):
        devices.context_from_name(name)


@pytest.mark.parametrize('ctx', [np.ones((4, 5)), 10**400])
def test_what_is_no_context_is_named_in_one_short_line(ctx):
    with pytest.raises(TypeError, match='^ctx is .*; expected one of MXNet') as error:
        devices.check_context(ctx)
    assert len(str(error.value)) < 150
    assert '\n' not in str(error.value)
