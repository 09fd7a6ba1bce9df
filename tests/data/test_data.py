"""The data sets and their batches, with the real files and with files broken in every way seen in the wild."""
import gzip
import struct
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import data
from gluon_bn._mxnet import mx, nd
from gluon_bn.data import datasets
from gluon_bn.data import idx as idx_module
from gluon_bn.data.augmentation import shift_images

EMBEDDED = Path(data.__file__).parent / 'mnist'
TEST_IMAGES, TEST_LABELS = 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'


def idx(array, sizes=None, magic=None):
    """An IDX file as bytes."""
    array = np.asarray(array, np.uint8)
    sizes = array.shape if sizes is None else sizes
    return struct.pack(f'>{1 + len(sizes)}I', 2048 + len(sizes) if magic is None else magic, *sizes) + array.tobytes()


@pytest.fixture
def folder(tmp_path, rng):
    """A folder with five right test images and labels, not gzipped."""
    (tmp_path / TEST_IMAGES).write_bytes(idx(rng.integers(0, 256, (5, 28, 28))))
    (tmp_path / TEST_LABELS).write_bytes(idx([3, 1, 4, 1, 5]))
    return tmp_path


# ---- loading ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('train', 'n', 'first'), [(True, 60000, [5, 0, 4, 1, 9]), (False, 10000, [7, 2, 1, 0, 4])])
def test_mnist_comes_with_the_package(train, n, first):
    images, labels = data.load('mnist', train)
    assert (images.shape, images.dtype) == ((n, 1, 28, 28), np.uint8)
    assert (labels.shape, labels.dtype) == ((n,), np.int32)
    assert labels[:5].tolist() == first
    assert sorted(set(labels.tolist())) == list(range(10))
    assert 0.12 < images.mean() / 255 < 0.14  # the mean of MNIST's pixels is 0.13


def test_embedded_files_are_the_original_ones():
    sizes = {path.name: path.stat().st_size for path in EMBEDDED.glob('*.gz')}
    assert sizes == {'train-images-idx3-ubyte.gz': 9912422, 'train-labels-idx1-ubyte.gz': 28881,
                     't10k-images-idx3-ubyte.gz': 1648877, 't10k-labels-idx1-ubyte.gz': 4542}


@pytest.mark.parametrize('gzipped', [False, True])
def test_a_folder_of_the_same_format(folder, gzipped):
    if gzipped:
        for path in list(folder.iterdir()):
            path.with_name(path.name + '.gz').write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    images, labels = data.load('mnist', False, folder)
    assert images.shape == (5, 1, 28, 28)
    assert labels.tolist() == [3, 1, 4, 1, 5]


def test_a_row_is_all_that_a_further_data_set_needs(folder, monkeypatch, tmp_path):
    sums = {name: sha256((folder / name).read_bytes()).hexdigest() for name in (TEST_IMAGES, TEST_LABELS)}
    row = datasets.Source(sums, tmp_path / 'nowhere', ('https://one.test/', 'https://two.test/sub/'))
    asked = []

    def download(urls, path, checksum):
        asked.extend(urls)
        assert checksum == sums[path.stem]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((folder / path.stem).read_bytes())

    monkeypatch.setitem(datasets.SOURCES, 'kmnist', row)
    monkeypatch.setattr(datasets, 'download', download)
    monkeypatch.setenv('GLUON_BN_CACHE', str(tmp_path / 'cache'))
    for _ in range(2):  # the second time they are in the cache
        assert data.load('kmnist', False)[1].tolist() == [3, 1, 4, 1, 5]
    assert asked == [f'{mirror}{name}.gz' for name in (TEST_IMAGES, TEST_LABELS) for mirror in row.mirrors]
    monkeypatch.setitem(datasets.SOURCES, 'kmnist', row._replace(folder=folder))
    (folder / TEST_LABELS).write_bytes(idx([3, 1, 4, 1, 6]))
    with pytest.raises(data.DataError, match=f'{folder / TEST_LABELS} is altered'):  # the machine's folder comes first
        data.load('kmnist', False)
    assert data.load('kmnist', False, folder)[1].tolist() == [3, 1, 4, 1, 6]  # the user's own may hold anything


def test_files_of_fashion_mnist_come_from_several_mirrors_and_are_not_those_of_mnist():
    fashion, mnist = (datasets.SOURCES[name] for name in ('fashion-mnist', 'mnist'))
    assert len(fashion.mirrors) >= 2
    assert all(mirror.startswith('https://') and mirror.endswith('/') for mirror in fashion.mirrors)
    assert set(fashion.sha256) == set(mnist.sha256)
    assert not set(fashion.sha256.values()) & set(mnist.sha256.values())


def test_an_unknown_data_set_lists_the_known_ones():
    with pytest.raises(ValueError, match="no data set 'imagenet'; expected one of mnist, fashion-mnist"):
        data.load('imagenet')


IMAGES = np.zeros((5, 28, 28))


@pytest.mark.parametrize(('file', 'content', 'message'), [
    (TEST_IMAGES, b'<!DOCTYPE html><html>404</html>', 'is a web page'),
    (TEST_IMAGES, b'\n <html>', 'is a web page'),
    (TEST_IMAGES, idx(IMAGES, magic=1234), 'is not an IDX file .magic number 1234.; expected images'),
    (TEST_IMAGES, idx([3, 1, 4, 1, 5]), 'is an IDX file of labels; expected images'),
    (TEST_LABELS, idx(IMAGES), 'is an IDX file of images; expected labels'),
    (TEST_IMAGES, b'', 'has only 0 bytes'),
    (TEST_IMAGES, idx(IMAGES)[:10], 'ends inside its header'),
    (TEST_IMAGES, idx(IMAGES)[:-1], r'3,935 bytes where its header \(5x28x28\) calls for 3,936: it is truncated'),
    (TEST_IMAGES, idx(IMAGES) + b'x', 'it is too long'),
    (TEST_IMAGES, idx(IMAGES, sizes=(2**32 - 1, 2**32 - 1, 2**32 - 1)), 'it is truncated'),
    (TEST_IMAGES, idx(np.zeros((5, 32, 32))), 'images of 32x32 pixels; expected 28x28'),
    (TEST_IMAGES, idx(np.zeros((0, 28, 28))), 'is empty'),
    (TEST_LABELS, idx([]), 'is empty'),
    (TEST_LABELS, idx([3, 1, 10, 1, 5]), 'label 10 at index 2; expected 0 to 9'),
    (TEST_LABELS, idx([3, 1, 4]), '3 labels and .*5 images'),
    (TEST_IMAGES + '.gz', gzip.compress(idx(IMAGES), mtime=0)[:-20], 'damaged or truncated gzip'),
    (TEST_IMAGES + '.gz', b'\x1f\x8b' + b'nonsense' * 9, 'damaged or truncated gzip'),
    (TEST_IMAGES + '.gz', gzip.compress(b'<html>', mtime=0), 'is a web page'),
], ids=lambda value: value if isinstance(value, str) else '')
def test_wrong_files_are_named_with_what_is_wrong(folder, file, content, message):
    (folder / file).write_bytes(content)
    with pytest.raises(data.DataError, match=message) as error:
        data.load('mnist', False, folder)
    assert str(folder / file) in str(error.value)
    assert '\n' not in str(error.value)


def test_missing_folders_and_files_are_named(folder):
    with pytest.raises(data.DataError, match='nowhere is not a folder'):
        data.load('mnist', False, folder / 'nowhere')
    (folder / TEST_LABELS).unlink()
    with pytest.raises(data.DataError, match=f'has neither {TEST_LABELS} nor {TEST_LABELS}.gz'):
        data.load('mnist', False, folder)


def test_an_altered_embedded_file_is_noticed(folder, monkeypatch):
    monkeypatch.setitem(datasets.SOURCES['mnist'].sha256, TEST_LABELS, '0' * 64)
    with pytest.raises(data.DataError, match=f'{TEST_LABELS}.gz is altered'):
        data.load('mnist', False)


# ---- batches ---------------------------------------------------------------------------------------------------------

def numbered(n):
    """Images whose pixels are their number, and labels likewise."""
    return np.broadcast_to(np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1), (n, 1, 2, 2)), np.arange(n)


def order(batches):
    return [int(value) for _, label in batches for value in label.asnumpy()]


def test_batches_are_float32_from_0_to_1_on_their_context(ctx):
    images = np.array([[[[0, 51], [102, 255]]]], np.uint8)
    (X, label), = data.batches(images, np.array([7], np.int32), 4, ctx=ctx)
    assert X.dtype == label.dtype == np.float32
    assert X.ctx == label.ctx == ctx
    np.testing.assert_allclose(X.asnumpy(), [[[[0, 0.2], [0.4, 1]]]], rtol=1e-6)
    assert label.asnumpy().tolist() == [7]


@given(st.integers(1, 60), st.integers(1, 25), st.booleans(), st.integers(0, 2**31 - 1))
def test_each_pass_gives_every_example_once_and_keeps_the_smaller_last_batch(n, size, shuffle, data_seed):
    batches = data.batches(*numbered(n), size, shuffle=shuffle, seed=data_seed)
    sizes = [X.shape[0] for X, _ in batches]
    assert len(sizes) == len(batches) == -(-n // size)
    assert sizes[:-1] == [size] * (len(sizes) - 1)
    assert sum(sizes) == n
    found = order(batches)
    assert sorted(found) == list(range(n))
    assert shuffle or found == list(range(n))


def test_data_and_labels_stay_together_when_shuffled():
    for X, label in data.batches(*numbered(50), 7, shuffle=True, seed=3):
        np.testing.assert_allclose(X.asnumpy()[:, 0, 0, 0] * 255, label.asnumpy(), atol=1e-4)


def test_a_seed_gives_the_same_orders_and_each_pass_another():
    first, second = (data.batches(*numbered(50), 7, shuffle=True, seed=3) for _ in range(2))
    passes = [order(first), order(first)]
    assert passes == [order(second), order(second)]
    assert passes[0] != passes[1]
    assert order(data.batches(*numbered(50), 7, shuffle=True, seed=4)) != passes[0]


def test_without_a_seed_numpys_global_generator_decides():
    orders = []
    for _ in range(2):
        np.random.seed(5)
        orders.append(order(data.batches(*numbered(50), 7, shuffle=True)))
    assert orders[0] == orders[1]


def test_a_pass_can_be_gone_on_with_from_any_batch():
    batches = data.batches(*numbered(50), 7, shuffle=True, seed=3)
    whole = [order(batches), order(batches)]
    assert order(batches.from_batch(1, 3)) == whole[1][21:]


def test_whole_batches_go_on_pass_after_pass_in_new_orders():
    images, labels = np.zeros((10, 1, 2, 2), np.uint8), np.arange(10)

    def first_passes(seed):
        batches = data.whole_batches(images, labels, 3, seed)
        return np.array([next(batches)[1].asnumpy() for _ in range(9)]).reshape(3, 9)

    passes = first_passes(0)
    assert all(sorted(one_pass) == list(range(9)) for one_pass in passes)  # the tenth is beyond the last whole batch
    assert len({tuple(one_pass) for one_pass in passes}) == 3
    assert (first_passes(0) == passes).all()
    assert (first_passes(1) != passes).any()
    with pytest.raises(ValueError, match='10 images are fewer than a batch of 11; take more, or a smaller batch'):
        data.whole_batches(images, labels, 11, seed=0)


@pytest.mark.parametrize(('options', 'message'), [
    ({'labels': np.arange(4)}, '5 images and 4 labels'),
    ({'labels': np.arange(5).reshape(5, 1)}, r'labels has shape \(5, 1\); expected .*\(n,\)'),
    ({'labels': np.eye(5)}, r'labels has shape \(5, 5\); expected .*argmax'),
    ({'labels': [0, 1, 2, 3, -1]}, r'labels holds -1 \(at position 4\); expected'),
    ({'labels': [0, 1, 2.5, 3, 4]}, r'labels holds 2.5 \(at position 2\)'),
    ({'labels': [0, float('nan'), 2, 3, 4]}, r'labels holds nan \(at position 1\)'),
    ({'labels': [0, 2 ** 24, 2, 3, 4]}, r'labels holds 16777216 \(at position 1\)'),  # float32 has no odd number there
    ({'labels': list('abcde')}, 'labels has type <U1; expected whole numbers'),
    *(({'batch_size': size}, 'batch_size is .*; expected a whole number, at least 1')
      for size in (0, -1, 2.5, '2', True)),
    ({'images': numbered(5)[0] / 255}, 'images are float64; expected uint8'),
    ({'images': np.zeros((5, 28, 28), np.uint8)}, r'images have shape \(5, 28, 28\); expected \(n, C, H, W\)'),
    ({'images': 3}, r'images have shape \(\)|images are int64'),
    *(({'max_shift': shift}, 'max_shift is .*; expected a whole number from 0 to 1')
      for shift in (2, 100, -1, 1.5, True)),
    *(({'shuffle': value}, 'shuffle is .*; expected True or False') for value in ('no', 1, None)),
    *(({'seed': value}, 'seed is .*; expected a whole number, at least 0') for value in (-1, 1.5, 'a', True)),
    ({'ctx': 'cpu'}, "ctx is 'cpu'; expected one of MXNet's contexts"),
], ids=str)
def test_batches_refuse_what_does_not_fit(options, message):
    images, labels = numbered(5)
    with pytest.raises((ValueError, TypeError), match=message):
        data.batches(**{'images': images, 'labels': labels, 'batch_size': 2, **options})
    if not {'max_shift', 'shuffle', 'ctx'} & set(options):
        with pytest.raises((ValueError, TypeError), match=message):
            data.whole_batches(**{'images': images, 'labels': labels, 'batch_size': 2, 'seed': 0, **options})


class Series:
    """As one of pandas: what it gives for an index is not what stands at that position."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return Series(self.values[::-1][index])

    def __array__(self, dtype=None, copy=None):
        return self.values


@pytest.mark.parametrize('kind', [list, Series, nd.array, np.float64, np.uint8])
def test_labels_of_every_kind_are_taken_by_position(kind):
    images, labels = numbered(50)
    for batches in (data.batches(images, kind(labels), 7, shuffle=True, seed=3),
                    [next(data.whole_batches(images, kind(labels), 20, seed=3)) for _ in range(2)]):
        for X, label in batches:
            np.testing.assert_allclose(X.asnumpy()[:, 0, 0, 0] * 255, label.asnumpy(), atol=1e-4)


def test_the_default_context_is_the_current_one():
    with mx.cpu(1):
        (X, _), = data.batches(*numbered(3), 3)
    assert X.ctx == mx.cpu(1)


# ---- shifted images --------------------------------------------------------------------------------------------------

def test_shifted_images_are_the_same_images_elsewhere(rng):
    images = np.zeros((200, 1, 9, 9), np.uint8)
    images[:, 0, 4, 4] = np.arange(1, 201)
    moved = shift_images(images, 2, rng)
    assert moved.shape == images.shape
    assert moved.dtype == np.uint8
    numbers, _, rows, columns = np.nonzero(moved)
    assert moved[numbers, 0, rows, columns].tolist() == list(range(1, 201))
    assert set(rows) == set(columns) == {2, 3, 4, 5, 6}


@pytest.mark.parametrize('shift', [3, 100, -1, 1.5, True])
def test_an_image_is_never_moved_by_its_whole_size(shift):
    with pytest.raises((ValueError, TypeError), match='max_shift is .*; expected a whole number from 0 to 2'):
        shift_images(np.ones((1, 1, 3, 5), np.uint8), shift, np.random.default_rng(0))
    assert shift_images(np.ones((50, 1, 3, 5), np.uint8), 2, np.random.default_rng(0)).any(axis=(1, 2, 3)).all()


def test_what_is_moved_out_is_gone_and_zeros_come_in():
    images = np.ones((100, 1, 3, 3), np.uint8)
    sums = set(shift_images(images, 1, np.random.default_rng(0)).sum(axis=(1, 2, 3)).tolist())
    assert sums == {9, 6, 4}


def test_shifts_are_the_same_again_in_a_pass_that_is_gone_on_with_and_others_in_the_next():
    images, labels = data.load('mnist', False)
    batches = data.batches(images[:50], labels[:50], 7, shuffle=True, seed=3, max_shift=2)
    whole = [[X.asnumpy() for X, _ in batches] for _ in range(2)]
    again = [X.asnumpy() for X, _ in batches.from_batch(1, 3)]
    assert all((a == b).all() for a, b in zip(again, whole[1][3:]))


def test_each_pass_has_shifts_of_its_own():
    """Without shuffling nothing else differs."""
    images, labels = data.load('mnist', False)
    batches = data.batches(images[:50], labels[:50], 50, seed=3, max_shift=2)
    first, second, third = (next(iter(batches))[0].asnumpy() for _ in range(3))
    assert not (first == second).all()
    assert not (second == third).all()


# ---- more than is copied to the device at once -----------------------------------------------------------------------

def many(n):
    """Images of one pixel, and labels that count up."""
    return np.zeros((n, 1, 1, 1), np.uint8), np.arange(n)


@pytest.mark.parametrize('size', [1000, 2048, 2100, 5000])
def test_a_pass_over_many_examples_gives_each_once(size):
    images, labels = many(5000)
    batches = data.batches(images, labels, size)  # in their order, unless told otherwise
    assert order(batches) == list(range(5000))
    assert [len(label) for _, label in batches] == [size] * (5000 // size) + [5000 % size] * (5000 % size > 0)
    shuffled = data.batches(images, labels, size, shuffle=True, seed=1)
    whole = order(shuffled)
    assert sorted(whole) == list(range(5000))
    assert order(shuffled.from_batch(0, 1)) == whole[size:]
    assert order(shuffled.from_batch(0, len(shuffled) - 1)) == whole[(len(shuffled) - 1) * size:]


def test_shifts_do_not_depend_on_where_a_pass_began():
    rng = np.random.default_rng(0)
    images = rng.integers(1, 256, (2300, 1, 3, 3), np.uint8)
    batches = data.batches(images, np.arange(2300), 100, shuffle=True, seed=1, max_shift=1)
    whole = [X.asnumpy() for X, _ in batches]
    assert [len(X) for X in whole] == [100] * 23
    for first in (1, 7, 20, 21):  # the first 20 are copied to the device together
        for X, expected in zip(batches.from_batch(0, first), whole[first:]):
            np.testing.assert_array_equal(X[0].asnumpy(), expected)
    assert len({X.tobytes() for X in whole}) == 23


def test_nothing_is_moved_unless_asked_for():
    images = np.arange(1, 10, dtype=np.uint8).reshape(1, 1, 3, 3).repeat(50, axis=0)
    (X, _), = data.batches(images, np.zeros(50), 50)
    np.testing.assert_allclose(X.asnumpy() * 255, images, rtol=1e-6)
    with pytest.raises(ValueError, match='max_shift is 3; .*an image moved by its whole size is black'):
        data.batches(images, np.zeros(50), 50, max_shift=3)


def test_the_global_generator_gives_many_seeds_and_0_is_one():
    images, labels = many(50)
    assert len({tuple(order(data.batches(images, labels, 50, shuffle=True))) for _ in range(20)}) == 20
    first, second = (order(data.batches(images, labels, 50, shuffle=True, seed=0)) for _ in range(2))
    assert first == second


# ---- ends of the format ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('length', 'message'), [
    (1, 'has only 1 bytes; expected images .magic number 2051'), (3, 'has only 3 bytes'),
    (4, 'ends inside its header, after 4 of 16 bytes'), (15, 'ends inside its header, after 15 of 16 bytes'),
    (16, r'16 bytes where its header \(5x28x28\) calls for 3,936: it is truncated')])
def test_files_that_end_early_are_told_where(folder, length, message):
    (folder / TEST_IMAGES).write_bytes(idx(IMAGES)[:length])
    with pytest.raises(data.DataError, match=message):
        data.load('mnist', False, folder)


def test_a_file_of_just_as_many_bytes_as_are_held_in_memory_is_read(folder, monkeypatch):
    monkeypatch.setattr(idx_module, 'MOST_BYTES', 16 + 5 * 784)
    assert len(data.load('mnist', False, folder)[0]) == 5
    monkeypatch.setattr(idx_module, 'MOST_BYTES', 16 + 5 * 784 - 1)
    with pytest.raises(data.DataError, match=r'a header \(5x28x28\) that calls for 3,936 bytes, and at most 3,935'):
        data.load('mnist', False, folder)


def test_other_shapes_and_numbers_of_classes_are_read_when_asked_for(tmp_path):
    (tmp_path / 'images').write_bytes(idx(np.arange(24).reshape(2, 3, 4)))
    (tmp_path / 'labels').write_bytes(idx([25, 3]))
    assert idx_module.read_images(tmp_path / 'images', (3, 4)).tolist() == np.arange(24).reshape(2, 1, 3, 4).tolist()
    with pytest.raises(data.DataError, match='images of 3x4 pixels; expected 4x3'):
        idx_module.read_images(tmp_path / 'images', (4, 3))
    assert idx_module.read_labels(tmp_path / 'labels', 26).tolist() == [25, 3]
    with pytest.raises(data.DataError, match='the label 25 at index 0; expected 0 to 24'):
        idx_module.read_labels(tmp_path / 'labels', 25)


@pytest.mark.parametrize(('epoch', 'first', 'said'), [
    (-1, 0, 'epoch is -1'), (True, 0, 'epoch is True'), (0.5, 0, 'epoch is 0.5'), (None, 0, 'epoch is None'),
    (0, -1, 'first is -1; expected a whole number from 0 to 3'), (0, 4, 'first is 4'), (0, True, 'first is True')])
def test_a_pass_goes_on_from_a_batch_that_there_is(epoch, first, said):
    batches = data.batches(np.zeros((5, 1, 2, 2), np.uint8), range(5), 2)
    with pytest.raises((ValueError, TypeError), match=f'^{said}'):
        batches.from_batch(epoch, first)
    assert [len(label) for _, label in batches.from_batch(np.int64(0), np.int64(1))] == [2, 1]
    assert not list(batches.from_batch(0, 3))


@pytest.mark.parametrize('shape', [(5, 0, 2, 2), (5, 1, 0, 2), (5, 1, 2, 0)])
def test_images_without_a_value_are_refused(shape):
    with pytest.raises(ValueError, match='with at least one value an image'):
        data.batches(np.zeros(shape, np.uint8), range(5), 2)


@pytest.mark.parametrize('name', [None, 5, b'mnist', np.array(['mnist', 'cifar10'])])
def test_the_name_of_a_data_set_is_a_string(name):
    with pytest.raises(TypeError, match='^name is .*; expected the name of a data set, one of mnist, fashion-'):
        data.load(name)


@pytest.mark.parametrize('name', ['mnist', 'cifar-10'])
def test_a_number_is_no_folder_of_data(name):
    with pytest.raises(TypeError, match='^data_dir is 3; expected the path of a folder'):
        data.load(name, data_dir=3)
    with pytest.raises(ValueError, match="^data_dir is ''; expected the path of a folder"):
        data.load(name, data_dir='')
