"""Checkpoints come back exactly, or are refused in one sentence."""
import random

import numpy as np
import pytest

from gluon_bn import LeNet, checkpoint
from gluon_bn._mxnet import nd
from gluon_bn.checkpoint import CheckpointError

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
    with pytest.raises(CheckpointError, match='no checkpoint'):
        checkpoint.load(path)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(CheckpointError, match='no checkpoint'):
        checkpoint.load(path)
    np.savez(path, description=np.array(object(), dtype=object))  # a pickle inside is not opened
    with pytest.raises(CheckpointError, match='no checkpoint'):
        checkpoint.load(path)
    monkeypatch.setattr(checkpoint, 'FORMAT_VERSION', 99)
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
