"""gluon-bn convert: what it says, what it writes, and what it refuses with nothing written."""
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gluon_bn import params
from gluon_bn._mxnet import mx, nd
from gluon_bn.commands import __main__ as command
from gluon_bn.exchange import gluon, running, saved

ROOT = Path(__file__).resolve().parents[2]
nn = mx.gluon.nn


@pytest.fixture(autouse=True)
def called_gluon_bn(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['/usr/bin/gluon-bn'])


@pytest.fixture
def exported(tmp_path, rng):
    """A network with everything that remarks are made of, exported; its two files, and its outputs for an input."""
    net = nn.HybridSequential(prefix='net_')
    with net.name_scope():
        net.add(nn.Conv2D(4, 3), nn.BatchNorm(scale=False, epsilon=1e-6), nn.Activation('relu'), nn.Flatten(),
                nn.Dense(3), nn.BatchNorm(use_global_stats=True))
    net.initialize(mx.init.Xavier())
    net.hybridize()
    X = nd.array(rng.normal(size=(5, 2, 6, 6)))
    with mx.autograd.record():
        net(X)
    for name, param in net.collect_params().items():
        if name.endswith(('running_mean', 'running_var', 'beta')):
            param.set_data(nd.array(rng.uniform(0.5, 2, param.shape)))
    expected = net(X).asnumpy()
    net.export(str(tmp_path / 'net'))
    # net.export writes a gamma of 1 where it is fixed: MXNet sets it. Other trainings leave others.
    arrays = params.load(tmp_path / 'net-0000.params')
    arrays['arg:net_batchnorm0_gamma'] = np.full(4, 7, 'f')
    params.save(tmp_path / 'net-0000.params', {**arrays, 'arg:old_weight': np.ones(3)})
    return tmp_path / 'net-symbol.json', tmp_path / 'net-0000.params', X, expected


def convert(*arguments):
    return command.main(['convert', *map(str, arguments)])


def close(first, second):
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-5 * np.abs(second).max())


REMARKS = """note: net_batchnorm0 has fix_gamma=True: MXNet computes with a gamma of 1 whatever is stored (7 to 7), \
and so does what is written.
note: net_batchnorm0 has eps=1e-06, below the 1e-05 that cuDNN takes at least: on a GPU its outputs may be others.
note: net_batchnorm1 has use_global_stats=True: it normalises by the stored statistics in training too.
note: The network does not use 1 of the arrays: old_weight.
"""


def test_folded_files_have_no_batch_norm_and_the_same_outputs(exported, capsys):
    symbol, arrays, X, expected = exported
    assert convert(symbol, arrays, '--to', 'folded', '--shape', '3,2,6,6') == 0
    out, err = capsys.readouterr()
    assert err == ''
    lines = out.splitlines()
    assert lines[0] == (f"{symbol}: 6 layers (1 Convolution, 2 BatchNorm, 1 Activation, 1 Flatten, 1 FullyConnected), "
                        "299 numbers in 12 arrays")
    assert REMARKS in out
    assert 'largest difference between the original in MXNet and what is written in MXNet: ' in lines[-3]
    assert lines[-3].endswith('random inputs of 3x2x6x6')
    folded = symbol.parent / 'net-folded-symbol.json', symbol.parent / 'net-folded-0000.params'
    assert [line.split(' (')[0] for line in lines[-2:]] == [f'wrote {path}' for path in folded]
    assert 'BatchNorm' not in folded[0].read_text()
    block = nn.SymbolBlock.imports(str(folded[0]), ['data'], str(folded[1]))  # by MXNet itself
    close(block(X).asnumpy(), expected)


def test_numpy_arrays_are_those_of_the_file(exported, tmp_path, capsys):
    symbol, arrays, *_ = exported
    path = tmp_path / 'new' / 'arrays.npz'
    assert convert(symbol, arrays, '--to', 'npz', '--shape', 'data=1,2,6,6', '--output', path) == 0
    assert f'wrote {path}' in capsys.readouterr().out
    original = params.load(arrays)
    with np.load(path, allow_pickle=False) as archive:
        assert set(archive) == set(original) - {'arg:old_weight'}
        assert all((archive[name] == original[name]).all() for name in archive)


def test_onnx(exported, capsys):
    onnxruntime = pytest.importorskip('onnxruntime')
    symbol, arrays, X, expected = exported
    assert convert(symbol, arrays, '--to', 'onnx', '--shape', '1,2,6,6') == 0
    assert 'the original in MXNet and what is written in ONNX: ' in capsys.readouterr().out
    session = onnxruntime.InferenceSession(symbol.parent / 'net.onnx')
    close(session.run(None, {'data': X.asnumpy()})[0], expected)


def test_torch(exported, capsys):
    torch = pytest.importorskip('torch')
    symbol, arrays, X, expected = exported
    assert convert(symbol, arrays, '--to', 'torch', '--shape', '1,2,6,6') == 0
    assert 'the original in MXNet and what is written in PyTorch: ' in capsys.readouterr().out
    program = torch.export.load(symbol.parent / 'net.pt2')
    close(program.module()(torch.from_numpy(X.asnumpy())).detach().numpy(), expected)
    assert any(name.endswith('running_var') for name in program.state_dict)


@pytest.mark.parametrize('dtype', ['float16', 'float64'])
@pytest.mark.parametrize('form', ['npz', 'folded', 'torch'])
def test_parameters_of_another_type_keep_it(form, dtype, exported, capsys):
    if form == 'torch':
        pytest.importorskip('torch')
    symbol, path, X, expected = exported
    arrays = {name: value if dtype == 'float16' and 'batchnorm' in name else value.astype(dtype)
              for name, value in params.load(path).items()}
    params.save(path, arrays)
    assert convert(symbol, path, '--to', form, '--shape', '3,2,6,6') == 0
    assert 'largest difference between the original in MXNet and ' in capsys.readouterr().out
    if form == 'folded':
        folded = params.load(symbol.parent / 'net-folded-0000.params')
        assert {value.dtype.name for value in folded.values()} == {dtype}


def test_a_name_with_quotes_is_converted(tmp_path, capsys):
    torch = pytest.importorskip('torch')
    net = mx.sym.FullyConnected(mx.sym.var('data'), num_hidden=2, name='"a"\\b')
    (tmp_path / 'm-symbol.json').write_text(net.tojson())
    arrays = {'"a"\\b_weight': np.ones((2, 3), 'f'), '"a"\\b_bias': np.ones(2, 'f')}
    params.save(tmp_path / 'm-0001.params', arrays)
    assert convert(tmp_path / 'm-symbol.json', tmp_path / 'm-0001.params', '--to', 'torch', '--shape', '2,3') == 0
    assert 'wrote ' in capsys.readouterr().out
    assert torch.export.load(tmp_path / 'm.pt2').module()(torch.ones(2, 3)).tolist() == [[4, 4], [4, 4]]


# ---- refusals --------------------------------------------------------------------------------------------------------

def refused(arguments, message, folder, capsys):
    before = {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
    assert convert(*arguments) == 2
    _, err = capsys.readouterr()
    assert err.startswith('gluon-bn convert: ')
    assert message in err
    assert err.count('\n') == 1
    assert {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()} == before


def test_what_is_missing_is_said(exported, tmp_path, capsys):
    symbol, arrays, *_ = exported
    refused([symbol, arrays, '--to', 'npz'], 'the file does not say what shape the input data has; give it, the batch '
            'first, such as --shape 1,3,224,224', tmp_path, capsys)
    for shape, message in (('label=1,2', 'there is no input label; the network has data'), ('1,x', "got '1,x'"),
                           ('1,0', "got '1,0'"), ('', "got ''")):
        refused([symbol, arrays, '--to', 'npz', '--shape', shape], message, tmp_path, capsys)
    refused([symbol, arrays, '--to', 'tvm'], "invalid choice: 'tvm'", tmp_path, capsys)
    refused([symbol, arrays, '--to', 'npz', '--output', ''], "expected a file, got ''", tmp_path, capsys)
    refused([symbol, tmp_path / 'none', '--to', 'npz'], 'none cannot be read: No such file', tmp_path, capsys)
    refused([arrays, symbol, '--to', 'npz'], 'is not a symbol that MXNet saved', tmp_path, capsys)
    refused([symbol, symbol, '--to', 'npz'], 'is not a file of arrays that MXNet wrote', tmp_path, capsys)


def test_the_files_that_are_read_are_not_written_over(exported, tmp_path, capsys):
    symbol, arrays, *_ = exported
    (tmp_path / 'link').symlink_to(arrays)
    for path in (arrays, tmp_path / 'link'):
        refused([symbol, arrays, '--to', 'npz', '--shape', '1,2,6,6', '--output', path], 'would be written over',
                tmp_path, capsys)
    refused([symbol, arrays, '--to', 'folded', '--shape', '1,2,6,6', '--output', tmp_path / 'net'],
            'would be written over', tmp_path, capsys)


def test_a_folder_in_the_place_of_the_file_is_refused(exported, tmp_path, capsys):
    symbol, arrays, *_ = exported
    for folder in ('there', 'one-0000.params', 'two-symbol.json'):
        (tmp_path / folder).mkdir()
    for form, output in (('npz', 'there'), ('npz', f'new{os.sep}'), ('folded', 'one'), ('folded', 'two')):
        refused([symbol, arrays, '--to', form, '--shape', '1,2,6,6', '--output', f'{tmp_path}{os.sep}{output}'],
                'is a folder; expected a file: choose another --output', tmp_path, capsys)
    assert not (tmp_path / 'new').exists()


def test_outputs_that_differ_are_refused(exported, tmp_path, capsys, monkeypatch):
    symbol, arrays, *_ = exported
    monkeypatch.setattr(gluon.saved, 'marked', lambda graph: {
        f"{'aux' if name in graph.auxiliary() else 'arg'}:{name}": value * (1.01 if 'conv' in name else 1)
        for name, value in graph.params.items()})
    refused([symbol, arrays, '--to', 'npz', '--shape', '1,2,6,6'], 'more than rounding; nothing was written', tmp_path,
            capsys)


@pytest.mark.parametrize(('name', 'shape'), [
    ('aux:net_batchnorm0_running_var', (1,)), ('arg:net_batchnorm0_gamma', (3,)), ('arg:net_batchnorm1_beta', (4,)),
    ('arg:net_batchnorm0_beta', ()), ('arg:net_conv0_bias', (0,)), ('arg:net_dense0_weight', (3, 7))])
def test_parameters_that_do_not_fit_are_named(name, shape, exported, tmp_path, capsys):
    symbol, path, *_ = exported
    params.save(path, {**params.load(path), name: np.ones(shape, 'f')})
    refused([symbol, path, '--to', 'folded', '--shape', '1,2,6,6'], f'the parameter {name[4:]} has the shape {shape}, '
            'and its layer takes (', tmp_path, capsys)


def test_numbers_that_are_not_finite_are_refused(exported, tmp_path, capsys):
    symbol, arrays, *_ = exported
    broken = params.load(arrays)
    broken['arg:net_dense0_weight'][:] = np.nan
    params.save(arrays, broken)
    refused([symbol, arrays, '--to', 'npz', '--shape', '1,2,6,6'], 'random inputs are not finite', tmp_path, capsys)


@pytest.mark.parametrize('form', ['onnx', 'torch'])
def test_an_operator_that_is_not_known_is_named_with_its_layer(form, tmp_path, capsys):
    pytest.importorskip(form)
    symbol = mx.sym.Correlation(mx.sym.var('a'), mx.sym.var('b'), name='corr7')
    (tmp_path / 'net-symbol.json').write_text(symbol.tojson())
    params.save(tmp_path / 'net-0000.params', {})
    files = [tmp_path / 'net-symbol.json', tmp_path / 'net-0000.params', '--to', form]
    refused([*files, '--shape', 'a=1,2,4,4', '--shape', 'b=1,2,4,4'], "Correlation of layer 'corr7'", tmp_path, capsys)
    refused([*files, '--shape', '1,2,4,4'],
            'the network has the inputs a, b; give --shape NAME=... for each', tmp_path, capsys)


def test_without_mxnet_it_says_what_is_checked_instead(exported, tmp_path):
    """In a process where MXNet cannot be imported."""
    symbol, arrays, *_ = exported
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT / 'tests' / 'foreign'), str(ROOT)])}
    done = subprocess.run([sys.executable, '-m', 'gluon_bn', 'convert', str(symbol), str(arrays), '--to', 'folded',
                           '--shape', '1,2,6,6'], capture_output=True, text=True, env=environment, timeout=300,
                          cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'note: MXNet is not installed: ' in done.stdout
    if running.installed('torch'):
        assert 'PyTorch runs the original in its place' in done.stdout
        assert 'the original in PyTorch and what is written in PyTorch: ' in done.stdout
    else:
        assert 'nothing else that is installed runs it either, so the outputs are not compared' in done.stdout
    assert len(saved.read(tmp_path / 'net-folded-symbol.json', tmp_path / 'net-folded-0000.params').params) == 4


def test_a_shape_that_the_file_has_need_not_be_given(tmp_path, capsys):
    data = mx.sym.var('data', shape=(4, 3))
    net = mx.sym.FullyConnected(data, num_hidden=2, name='fc')
    (tmp_path / 'm-symbol.json').write_text(net.tojson())
    arrays = {'arg:fc_weight': np.ones((2, 3), 'f'), 'arg:fc_bias': np.ones(2, 'f')}
    params.save(tmp_path / 'm-0001.params', arrays)
    for text, shape in ((net.tojson(), '4x3'), (json.dumps({**json.loads(net.tojson()), 'nodes': [
            {**node, 'attrs': {key: value for key, value in node.get('attrs', {}).items() if key != '__shape__'}}
            for node in json.loads(net.tojson())['nodes']]}), '2x3')):
        (tmp_path / 'm-symbol.json').write_text(text)
        assert convert(tmp_path / 'm-symbol.json', tmp_path / 'm-0001.params', '--to', 'npz') == 0
        assert f'random inputs of {shape}\n' in capsys.readouterr().out
