"""What people read whose MXNet is not installed, cannot be, or does not load."""
import subprocess
import sys

import pytest

from gluon_bn._mxnet.missing import explained, why_mxnet_is_missing
from gluon_bn.support.python_version import check_python, warn_of_new_python


@pytest.mark.parametrize(('version', 'words'), [((3, 8), ['mxnet==1.9.1']), ((3, 12, 1), ['mxnet==1.9.1']),
                                                ((3, 13, 0), ['--no-deps', 'mxnet==1.9.1']),
                                                ((3, 14), ['--no-deps', 'mxnet==1.9.1'])])
def test_the_command_for_each_python(version, words):
    sentence = why_mxnet_is_missing('linux', 'x86_64', version)
    assert sentence.startswith('this part of gluon_bn needs MXNet 1.9.1, which is not installed: ')
    assert sentence.split(' install ')[1].split() == [*words]
    assert sys.executable in sentence
    assert '\n' not in sentence


@pytest.mark.parametrize(('system', 'machine'), [('darwin', 'arm64'), ('win32', 'AMD64'), ('linux', 'aarch64')])
def test_where_mxnet_cannot_be_installed(system, machine):
    sentence = why_mxnet_is_missing(system, machine)
    assert f'this is {system} with {machine}' in sentence
    assert 'needs NumPy alone works here' in sentence
    assert 'install ' not in sentence


def test_without_mxnet_one_sentence_and_the_numpy_half_works():
    """With nothing of MXNet to be found, as if it were not installed."""
    result = subprocess.run([sys.executable, '-c', """
import importlib.machinery
real = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = (
    lambda name, *rest: None if name.partition('.')[0] == 'mxnet' else real(name, *rest))
import gluon_bn as gbn
gbn.reference.batchnorm_forward
try:
    import mxnet
except ModuleNotFoundError as error:
    print(error)
try:
    gbn.LeNet
except ImportError as error:
    print(error.name, error)
"""], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "No module named 'mxnet'", f"mxnet gluon_bn.LeNet is not there: {why_mxnet_is_missing()}"]


@pytest.mark.parametrize(('error', 'sentence'), [
    (OSError('libcuda.so.1: cannot open shared object file'), "this is a GPU build of MXNet, and NVIDIA's driver"),
    (OSError('libmxnet.so: bad'), 'MXNet is installed, but its native library does not load: libmxnet.so: bad'),
    (OSError('libstdc++.so.6: cannot open shared object file'), r'libstdc\+\+6'),
    (ModuleNotFoundError("No module named 'requests'", name='requests'), r'not installed: .*install requests$'),
])
def test_errors_of_the_import_are_explained(error, sentence):
    with pytest.raises(ImportError, match=sentence) as raised, explained():
        raise error
    assert raised.value.__cause__ is error
    assert '\n' not in str(raised.value)


@pytest.mark.parametrize('error', [ValueError('x'), ModuleNotFoundError('x', name='mxnet.nothing'), ImportError('x')])
def test_other_errors_pass(error):
    with pytest.raises(type(error)) as raised, explained():
        raise error
    assert raised.value is error


@pytest.mark.parametrize('version', [(2, 7, 18), (3, 6), (3, 7, 17)])
def test_older_pythons_get_one_sentence(version):
    with pytest.raises(ImportError) as error:
        check_python(version)
    assert str(error.value) == (f'gluon_bn needs Python 3.8 or newer, and this is Python {version[0]}.{version[1]}: '
                                'use a newer interpreter.')


@pytest.mark.parametrize('version', [(3, 8, 0), (3, 13, 1), (3, 14, 10), (3, 15, 0), (4, 0)])
def test_newer_pythons_are_tried_with_one_line(version, capfd):
    check_python(version)
    warn_of_new_python(version)
    said = capfd.readouterr().err
    assert said.count('\n') == (version >= (3, 15))
    assert (f'this is Python {version[0]}.{version[1]}. Continuing' in said) == (version >= (3, 15))


def test_an_error_of_no_module_in_particular_passes():
    with pytest.raises(ModuleNotFoundError, match='^x$') as raised, explained():
        raise ModuleNotFoundError('x')
    assert raised.value.__cause__ is None


@pytest.mark.parametrize('name', ['mxnet', 'numpy', 'gluon_bn.nothing', 'numpy.nothing'])
def test_modules_of_ours_and_of_numpy_are_no_packages_to_install(name):
    with pytest.raises(ModuleNotFoundError, match='^x$'), explained():
        raise ModuleNotFoundError('x', name=name)


@pytest.mark.parametrize('machine', ['AMD64', 'X86_64', 'amd64'])
def test_an_x86_processor_has_several_names(machine):
    assert 'which is not installed' in why_mxnet_is_missing('linux', machine, (3, 11))
    assert '--no-deps' not in why_mxnet_is_missing('linux', machine, (3, 12, 9))


def test_a_package_inside_another_is_named_in_full():
    with pytest.raises(ImportError, match=r'^MXNet needs the package a\.b, which is not installed: ') as raised, \
            explained():
        raise ModuleNotFoundError("No module named 'a.b'", name='a.b')
    assert raised.value.name == 'a.b'
