"""gluon-bn doctor: what it says of this machine, and of machines on which something is missing or broken."""
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_bn import native_status
from gluon_bn.commands import doctor, doctor_checks, doctor_probe

ROOT = Path(__file__).resolve().parents[2]
LINUX = pytest.mark.skipif(not doctor_checks.has_build(), reason='MXNet has no build for this machine')
HEALTHY = {'mxnet': {'version': '1.9.1', 'file': '/x/mxnet'}, 'computes': True, 'product': [[19, 22], [43, 50]],
           'libraries': {'libgomp.so.1': '/lib/libgomp.so.1'}, 'threads': '2', 'features': ['MKLDNN'],
           'native': {'available': True, 'status': 'native operators: in use.'}, 'gpus': ['no GPU support.']}


def by_name(checks):
    return {check.name: check for check in checks}


@pytest.fixture
def answers(monkeypatch):
    """A function that lets the probe give this answer."""
    def give(**answer):
        monkeypatch.setattr(doctor_checks, 'probe', lambda: answer)
        monkeypatch.setattr(doctor_checks, 'has_build', lambda: True)
    return give


@LINUX
def test_this_machine(capsys):
    """The real probe, in its own process."""
    assert doctor.main(['--json'], 'gluon-bn doctor') == 0
    found = json.loads(capsys.readouterr().out)
    checks = {check['name']: check for check in found['checks']}
    assert found['healthy'] is True
    assert sys.executable in checks['Python']['found']
    assert checks['numpy']['found'] == importlib.metadata.version('numpy')
    assert checks['MXNet']['found'].startswith('1.9.1 (mxnet')
    assert 'libgomp' in checks['runtime libraries']['found']
    assert checks['native operators']['found'] == native_status().replace('native operators: ', '')
    assert all(check['advice'] for check in found['checks'] if check['state'] == 'wrong')


def test_a_healthy_machine_in_words(answers, capsys):
    answers(**HEALTHY)
    assert doctor.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24  # one screen
    assert not any(line.startswith('wrong') for line in lines)
    assert next(line for line in lines if 'MXNet' in line).startswith('ok    MXNet             1.9.1 (')


def test_a_missing_mxnet_is_wrong_and_the_command_is_there(answers, monkeypatch, capsys):
    answers(**HEALTHY)
    monkeypatch.setitem(sys.modules, 'mxnet', None)
    assert doctor.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith('wrong'))
    assert lines[place].split() == ['wrong', 'MXNet', 'not', 'installed']
    assert 'install' in lines[place + 1]
    assert lines[place + 1].endswith('mxnet==1.9.1')


def test_a_process_without_mxnet_and_numpy_still_answers(tmp_path):
    """Both are blocked as if they were not installed: in the doctor and in all that it starts."""
    (tmp_path / 'sitecustomize.py').write_text("""import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('mxnet', 'numpy', 'matplotlib', 'tqdm'):
            raise ModuleNotFoundError('no ' + name, name=name)
sys.meta_path.insert(0, Hide())
""")
    done = subprocess.run([sys.executable, '-m', 'gluon_bn', 'doctor', '--json'], capture_output=True, text=True,
                          timeout=600, env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path), str(ROOT)])})
    assert done.returncode == 1, done.stderr
    checks = {check['name']: check for check in json.loads(done.stdout)['checks']}
    for name in ('numpy', 'matplotlib', 'tqdm'):
        assert checks[name]['state'] == 'wrong'
        assert checks[name]['advice'].endswith(f'install {name}')


@pytest.mark.parametrize(('answer', 'said', 'advice'), [
    ({'mxnet_error': 'ImportError: broken'}, 'does not load: ImportError: broken', '--force-reinstall'),
    ({'died': 'the process that tried it was ended by signal 11 (SIGSEGV)'}, 'signal 11 (SIGSEGV)', '--force-'),
    ({**HEALTHY, 'computes': False, 'product': [[0]]}, 'wrongly: a product of two matrices is [[0]]', 'install'),
])
def test_a_broken_mxnet_is_wrong(answer, said, advice, answers, capsys):
    answers(**answer)
    assert doctor.main(['--json']) == 1
    check = next(check for check in json.loads(capsys.readouterr().out)['checks'] if check['name'] == 'MXNet')
    assert check['state'] == 'wrong'
    assert said in check['found']
    assert advice in check['advice']


@pytest.mark.parametrize(('dnf', 'command'), [(None, 'apt-get install libgomp1 libquadmath0'),
                                              ('/usr/bin/dnf', 'dnf install libgomp libquadmath')])
def test_missing_runtime_libraries_are_named_with_their_packages(dnf, command, monkeypatch):
    monkeypatch.setattr(doctor_checks.shutil, 'which', lambda name: dnf)
    check, = doctor_checks.runtime_libraries({'missing_libraries': ['libgomp.so.1', 'libquadmath.so.0']})
    assert (check.state, check.advice) == ('wrong', command)


@pytest.mark.parametrize(('status', 'advice'), [('not in use, there is no C++ compiler (g++).', 'g++'),
                                                ('not in use, GLUON_BN_NATIVE is 0.', 'unset GLUON_BN_NATIVE')])
def test_native_operators_that_are_not_in_use_are_a_note(status, advice):
    check, = doctor_checks.native({'native': {'available': False, 'status': f'native operators: {status}'}})
    assert (check.state, check.found) == ('note', status)
    assert advice in check.advice


def test_a_probe_that_crashes_or_hangs_is_an_answer(monkeypatch):
    real = subprocess.Popen

    def instead(code):
        monkeypatch.setattr(subprocess, 'Popen',
                            lambda command, **options: real([sys.executable, '-c', code], **options))
    instead("print('{\"computes\": true}', flush=True); import os; os.abort()")
    answer = doctor_checks.probe()
    assert answer['computes'] is True
    assert 'SIGABRT' in answer['died']
    instead("import time; time.sleep(60)")
    assert doctor_checks.probe(seconds=0.5)['died'] == 'the process that tried it did not end within 0.5 s'


def test_the_probe_says_why_mxnet_does_not_load(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'gluon_bn._mxnet', None)
    doctor_probe.main()
    answer = json.loads(capsys.readouterr().out)
    assert answer['mxnet_error'].startswith('ModuleNotFoundError')
    assert answer['missing_libraries'] == doctor_probe.missing_libraries()


def test_gpus(monkeypatch):
    devices = []
    monkeypatch.setattr(doctor_checks.Path, 'glob', lambda self, pattern: devices)
    assert [check.state for check in doctor_checks.graphics(HEALTHY)] == ['-']
    devices.append(Path('/dev/nvidia0'))
    check, = doctor_checks.graphics(HEALTHY)
    assert (check.state, 'cu117' in check.advice) == ('note', True)
    with_gpus = {**HEALTHY, 'features': ['CUDA'], 'gpus': [None, 'a kernel on it fails.']}
    assert [(check.name, check.state) for check in doctor_checks.graphics(with_gpus)] == [('gpu(0)', 'ok'),
                                                                                        ('gpu(1)', 'note')]


@pytest.mark.parametrize(('value', 'state'), [('1', 'ok'), ('0', 'note'), ('many', 'note'), ('100000', 'note')])
def test_threads(value, state, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', value)
    check = doctor_checks.threads({})
    assert check.state == state
    assert check.advice == (None if state == 'ok' else 'unset OMP_NUM_THREADS')


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv('GLUON_BN_CACHE', str(tmp_path / 'cache'))
    assert doctor_checks.cache_folder().state == 'ok'
    assert 'not there yet' in doctor_checks.cache_folder().found
    assert not (tmp_path / 'cache').exists()
    (tmp_path / 'cache').mkdir(mode=0o700)
    assert doctor_checks.cache_folder() == ('cache folder', 'ok', f"{tmp_path / 'cache'}, writable", None)
    (tmp_path / 'cache').chmod(0o777)
    check = doctor_checks.cache_folder()
    assert (check.state, check.advice) == ('note', f"chmod go-w {tmp_path / 'cache'}")
    monkeypatch.setattr(doctor_checks.os, 'access', lambda *arguments: False)
    assert 'cannot be written' in doctor_checks.cache_folder().found
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('GLUON_BN_CACHE', str(tmp_path / 'file'))
    assert 'is not a folder' in doctor_checks.cache_folder().found


def test_a_foreign_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv('GLUON_BN_CACHE', str(tmp_path))
    monkeypatch.setattr(doctor_checks.os, 'getuid', lambda: 12345)
    assert 'you are 12345' in doctor_checks.cache_folder().found


def test_an_extra_that_is_missing_is_no_fault(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorboardX', None)
    check = doctor_checks.extra('tensorboard', 'tensorboardX')
    assert check.state == '-'
    assert check.advice.endswith("[tensorboard]'")


@pytest.mark.parametrize(('version', 'state'), [((3, 7), 'wrong'), ((3, 8), 'ok'), ((3, 14), 'ok'), ((3, 15), 'note')])
def test_pythons(version, state, monkeypatch):
    monkeypatch.setattr(doctor_checks.sys, 'version_info', (*version, 0, 'final', 0))
    assert doctor_checks.python().state == state
