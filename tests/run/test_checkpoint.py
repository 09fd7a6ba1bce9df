"""Checkpoints come back exactly, or are refused in one sentence."""
import gc
import json
import random
import signal
import sys

import numpy as np
import pytest

from gluon_bn import LeNet
from gluon_bn._mxnet import mx, nd
from gluon_bn.run import checkpoint
from gluon_bn.run.checkpoint import CheckpointError
from gluon_bn.support import archive

ARRAYS = {'params/W1': np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3), 'losses': np.array([0.1, np.pi]),
          'empty': np.zeros((0, 3), np.float64), 'scalar': np.array(3, np.int64)}
DESCRIPTION = {'epoch': 3, 'loss': 0.1 + 0.2, 'config': {'lr': 0.001, 'name': 'é', 'none': None}}


def test_arrays_and_description_come_back_exactly(tmp_path):
    checkpoint.save(tmp_path / 'c.npz', ARRAYS, DESCRIPTION)
    arrays, description = checkpoint.load(tmp_path / 'c.npz')
    assert description == DESCRIPTION
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].tobytes() == array.tobytes()
        assert arrays[name].shape == array.shape


def test_it_is_an_ordinary_archive_without_pickle(tmp_path):
    checkpoint.save(tmp_path / 'c.npz', ARRAYS, DESCRIPTION)
    with np.load(tmp_path / 'c.npz', allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive['array:params/W1'], ARRAYS['params/W1'])


def test_any_truncation_is_noticed(tmp_path):
    path = tmp_path / 'c.npz'
    checkpoint.save(path, ARRAYS, DESCRIPTION)
    whole = path.read_bytes()
    for length in [0, 1, 100, len(whole) // 2, len(whole) - 1, *random.sample(range(len(whole)), 20)]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match='truncated or altered') as error:
            checkpoint.load(path)
        assert str(path) in str(error.value)


def test_any_altered_byte_is_noticed_or_harmless(tmp_path):
    """Some bytes of an archive mean nothing (dates, for example); all others must be noticed."""
    path = tmp_path / 'c.npz'
    checkpoint.save(path, ARRAYS, DESCRIPTION)
    whole = path.read_bytes()
    noticed = 0
    for position in random.sample(range(len(whole)), 150):
        altered = bytearray(whole)
        altered[position] ^= 1 << random.randrange(8)
        path.write_bytes(bytes(altered))
        try:
            arrays, description = checkpoint.load(path)
        except CheckpointError:
            noticed += 1
        else:
            assert description == DESCRIPTION
            assert {name: array.tobytes() for name, array in arrays.items()} == \
                   {name: array.tobytes() for name, array in ARRAYS.items()}
    assert noticed > 75


def test_an_archive_rewritten_with_another_value_is_refused(tmp_path):
    path = tmp_path / 'c.npz'
    checkpoint.save(path, ARRAYS, DESCRIPTION)
    with np.load(path) as archive:
        entries = {name: archive[name] for name in archive.files}
    entries['array:losses'] = entries['array:losses'] + 1
    np.savez(path, **entries)
    with pytest.raises(CheckpointError, match='is altered'):
        checkpoint.load(path)


def test_other_files_and_versions_are_refused(tmp_path, monkeypatch):
    path = tmp_path / 'c.npz'
    with pytest.raises(CheckpointError, match='does not exist'):
        checkpoint.load(path)
    path.write_bytes(b'not a checkpoint')
    with pytest.raises(CheckpointError, match='not a (valid )?checkpoint'):
        checkpoint.load(path)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(CheckpointError, match='not a (valid )?checkpoint'):
        checkpoint.load(path)
    np.savez(path, description=np.array(object(), dtype=object))  # a pickle inside is not opened
    with pytest.raises(CheckpointError, match='not a (valid )?checkpoint'):
        checkpoint.load(path)
    monkeypatch.setattr(archive, 'FORMAT_VERSION', 99)
    checkpoint.save(path, ARRAYS, DESCRIPTION)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match='format version 99; this gluon_bn reads version 1'):
        checkpoint.load(path)


def test_a_network_comes_back_exactly(ctx, rng, tmp_path):
    X = nd.array(rng.normal(size=(8, 1, 28, 28)), ctx=ctx)
    net, other = LeNet(ctx), LeNet(ctx)
    net(X)
    checkpoint.save(tmp_path / 'c.npz', checkpoint.network_arrays(net), {})
    checkpoint.restore_network(other, checkpoint.load(tmp_path / 'c.npz')[0])
    np.testing.assert_array_equal(other(X, is_training=False).asnumpy(), net(X, is_training=False).asnumpy())
    assert all(param.grad is not None for param in other.params.values())
    assert other.bn_ewv_means['bn1'].ctx == ctx


def test_a_network_of_other_shapes_is_refused_and_left_alone(tmp_path):
    net, other = LeNet(), LeNet(num_fc=64)
    before = {name: param.asnumpy() for name, param in other.params.items()}
    with pytest.raises(CheckpointError, match=r"'W3': \(800, 128\).*'W3': \(800, 64\)"):
        checkpoint.restore_network(other, checkpoint.network_arrays(net))
    for name, param in other.params.items():
        np.testing.assert_array_equal(param.asnumpy(), before[name])


def test_the_digest_is_of_the_description_the_names_the_types_and_the_shapes_too(tmp_path):
    path = tmp_path / 'c.npz'
    checkpoint.save(path, ARRAYS, DESCRIPTION)
    with np.load(path) as archive:
        entries = {name: archive[name] for name in archive.files}
    described = json.loads(entries['description'].tobytes())

    def with_description(**changes):
        return {**entries, 'description': np.frombuffer(json.dumps({**described, **changes}).encode(), np.uint8)}

    W1 = entries['array:params/W1']
    others = [with_description(description={**DESCRIPTION, 'epoch': 4}), with_description(description=None),
              {**entries, 'array:params/W1': W1.reshape(3, 2)}, {**entries, 'array:params/W1': W1.view(np.int32)},
              {**entries, 'array:new': W1}, {name: entry for name, entry in entries.items() if 'W1' not in name},
              {**{name: entry for name, entry in entries.items() if 'W1' not in name}, 'array:params/W2': W1},
              {**entries, 'array:scalar': entries['array:empty'], 'array:empty': entries['array:scalar']}]
    for altered in others:
        np.savez(path, **altered)
        with pytest.raises(CheckpointError, match='is altered'):
            checkpoint.load(path)
    np.savez(path, **with_description())  # the same once more is the same
    assert checkpoint.load(path)[1] == DESCRIPTION


def test_statistics_that_the_checkpoint_does_not_have_do_not_stay():
    net, other = LeNet(), LeNet()
    other(nd.random.normal(shape=(2, 1, 28, 28)))
    checkpoint.restore_network(other, checkpoint.network_arrays(net))
    assert other.bn_ewv_means == other.bn_ewv_vars == {}


@pytest.mark.parametrize(('name', 'array', 'message'), [
    ('bn_ewv_vars/bn2', None, 'bn2'), ('bn_ewv_means/bn9', np.zeros(20, np.float32), 'bn9'),
    ('bn_ewv_means/bn1', np.zeros(21, np.float32), r'\(21,\)'), ('bn_ewv_means/bn1', np.zeros(20), 'float64'),
    ('bn_ewv_vars/bn1', np.full(20, -1e-3, np.float32), 'variances below 0'),
    ('bn_ewv_vars/bn1', np.full(20, np.nan, np.float32), 'are not finite'),
    ('params/W4', np.zeros((128, 10), np.int32), 'int32'),
    ('params/W4', np.full((128, 10), np.inf, 'f4'), 'not finite'),
    ('params/W4', None, 'W4'), ('params/W5', np.zeros(3, np.float32), 'W5'),
])
def test_arrays_that_do_not_belong_to_the_network_are_refused_and_nothing_is_changed(name, array, message):
    net = LeNet()
    net(nd.random.normal(shape=(2, 1, 28, 28)))
    arrays = {**checkpoint.network_arrays(net), name: array}
    arrays = {key: value for key, value in arrays.items() if value is not None}
    before = checkpoint.network_arrays(net)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.restore_network(net, arrays)
    for key, value in checkpoint.network_arrays(net).items():
        np.testing.assert_array_equal(value, before[key])


class InDouble:
    """What a checkpoint needs of a network; its parameters are float64."""

    ctx = None

    def __init__(self, units=3):
        self.params = {name: nd.array(np.linspace(0.1, 1, units), dtype='float64') for name in ('gamma1', 'beta1')}
        self.bn_ewv_means, self.bn_ewv_vars = {}, {}


def test_a_network_in_double_precision_comes_back_to_the_last_bit_and_is_refused_by_a_sentence():
    third, net = np.array([1, 0, 1e-9]) / 3, InDouble()  # a constant feature has a variance of 0
    arrays = {**checkpoint.network_arrays(InDouble()), 'bn_ewv_means/bn1': third, 'bn_ewv_vars/bn1': third}
    arrays['params/gamma1'] = third
    checkpoint.restore_network(net, arrays)
    for array in (net.params['gamma1'], net.bn_ewv_means['bn1'], net.bn_ewv_vars['bn1']):
        assert array.dtype == np.float64
        assert np.array_equal(array.asnumpy(), third)
    with pytest.raises(CheckpointError, match=r"'beta1': \(\(4,\), 'float64'\).*'beta1': \(\(3,\), 'float64'\)"):
        checkpoint.restore_network(net, checkpoint.network_arrays(InDouble(4)))


def test_a_full_disk_is_one_error(tmp_path, monkeypatch):
    """No archive is left open that would complain once more when it is collected."""
    unraisable = []
    monkeypatch.setattr(sys, 'unraisablehook', unraisable.append)
    resource = pytest.importorskip('resource')
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(OSError, match='File too large'):
            checkpoint.save(tmp_path / 'c.npz', {'a': np.zeros(10 ** 6)}, {})
        gc.collect()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert unraisable == []
    assert list(tmp_path.iterdir()) == []


def test_lists_and_arrays_of_any_order_are_saved(tmp_path):
    columns = np.asfortranarray(np.arange(6.).reshape(2, 3))
    archive.save(tmp_path / 'a.npz', {'list': [1, 2], 'columns': columns, 'part': columns[:, ::2]}, None)
    arrays, description = archive.load(tmp_path / 'a.npz')
    assert description is None
    assert {name: array.tolist() for name, array in arrays.items()} == {
        'list': [1, 2], 'columns': columns.tolist(), 'part': columns[:, ::2].tolist()}


@pytest.mark.parametrize('group', ['bn_ewv_means', 'bn_ewv_vars'])
def test_one_kind_of_statistics_alone_is_refused(group):
    net = LeNet()
    net(nd.random.normal(shape=(2, 1, 28, 28)))
    arrays = {name: array for name, array in checkpoint.network_arrays(net).items() if not name.startswith(group)}
    other = LeNet()
    with pytest.raises(CheckpointError, match=f"the checkpoint has {group} {{'bn1': None"):
        checkpoint.restore_network(other, arrays)
    assert other.bn_ewv_means == other.bn_ewv_vars == {}


def test_statistics_come_back_in_the_context_of_the_network():
    net, other = LeNet(), LeNet(mx.cpu(1))
    net(nd.random.normal(shape=(2, 1, 28, 28)))
    checkpoint.restore_network(other, checkpoint.network_arrays(net))
    assert {array.ctx for named in (other.params, other.bn_ewv_means, other.bn_ewv_vars)
            for array in named.values()} == {mx.cpu(1)}
