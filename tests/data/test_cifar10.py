import gzip
import tarfile
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import data
from gluon_bn.data import DataError, cifar10
from gluon_bn.data.cifar10 import read_records

RECORD = 3073


def records(labels):
    """The bytes of one record a label, whose pixels count up from the label."""
    return b''.join(bytes([label]) + bytes((label + i) % 256 for i in range(RECORD - 1)) for label in labels)


@pytest.fixture
def folder(tmp_path):
    """A folder with six small files of the binary format."""
    folder = tmp_path / 'cifar'
    folder.mkdir()
    for i in range(1, 6):
        (folder / f'data_batch_{i}.bin').write_bytes(records([i - 1, i]))
    (folder / 'test_batch.bin').write_bytes(records([9, 8, 7]))
    return folder


def test_the_embedded_images_are_cifar10s_first_ones():
    images, labels = data.load('cifar-10')
    assert images.shape == (1000, 3, 32, 32)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int32
    assert [cifar10.CLASSES[label] for label in labels[:5]] == ['frog', 'truck', 'truck', 'deer', 'automobile']
    assert images[0, :, 0, 0].tolist() == [59, 62, 63]  # the frog's first pixel: red, green, blue
    images, labels = data.load('cifar-10', train=False)
    assert images.shape == (500, 3, 32, 32)
    assert [cifar10.CLASSES[label] for label in labels[:4]] == ['cat', 'ship', 'ship', 'airplane']


def test_embedded_files_are_small():
    folder = cifar10.Path(cifar10.__file__).parent / 'cifar10'
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 5e6


def test_channels_come_first(tmp_path):
    path = tmp_path / 'x.bin'
    path.write_bytes(records([3]))
    images, labels = read_records(path)
    assert labels.tolist() == [3]
    assert images[0, 1, 2, 5] == (3 + 1 * 1024 + 2 * 32 + 5) % 256


def test_a_folder_plain_gzipped_or_unpacked(folder, tmp_path):
    images, labels = data.load('cifar-10', True, folder)
    assert labels.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert images.shape == (10, 3, 32, 32)
    assert data.load('cifar-10', False, str(folder))[1].tolist() == [9, 8, 7]
    (folder / 'test_batch.bin.gz').write_bytes(gzip.compress((folder / 'test_batch.bin').read_bytes()))
    (folder / 'test_batch.bin').unlink()
    assert data.load('cifar-10', False, folder)[1].tolist() == [9, 8, 7]
    folder.rename(tmp_path / 'cifar-10-batches-bin')
    assert data.load('cifar-10', True, tmp_path)[1].tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]


@pytest.fixture
def archive(folder):
    path = folder.parent / 'cifar-10-binary.tar.gz'
    with tarfile.open(path, 'w:gz') as tar:
        tar.add(folder, 'cifar-10-batches-bin')
    return path


def test_the_archive_and_a_folder_that_holds_it(folder, archive):
    for path in (archive, archive.parent):
        for train in (True, False):
            for ours, expected in zip(data.load('cifar-10', train, path), data.load('cifar-10', train, folder)):
                np.testing.assert_array_equal(ours, expected)


def test_a_damaged_archive(archive, tmp_path):
    whole = archive.read_bytes()
    archive.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(DataError, match='truncated or damaged'):
        data.load('cifar-10', True, archive)
    other = tmp_path / 'other.tar'
    with tarfile.open(other, 'w') as tar:
        tar.add(__file__, 'something.py')
    with pytest.raises(DataError, match='no data_batch_1.bin, data_batch_2.bin'):
        data.load('cifar-10', True, other)


@pytest.mark.parametrize(('content', 'message'), [
    (records([1, 2])[:-1], r'6,145 bytes, 1 records of 3,073 bytes and 3,072 bytes more.*truncated'),
    (records([1]) + b'x', 'and 1 bytes more'),
    (b'', 'is empty'),
    (records([1, 10, 3]), 'the label 10 in record 1; expected 0 to 9'),
    (gzip.compress(records([1]), mtime=0)[:50], 'damaged or truncated gzip'),
])
def test_wrong_files_are_named_in_one_sentence(content, message, folder):
    path = folder / 'data_batch_3.bin'
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        data.load('cifar-10', True, folder)
    assert str(path) in str(error.value)
    assert '\n' not in str(error.value)


def test_missing_files_are_named(folder, tmp_path):
    with pytest.raises(DataError, match='does not exist'):
        data.load('cifar-10', True, tmp_path / 'nowhere')
    (folder / 'data_batch_4.bin').unlink()
    with pytest.raises(DataError, match='has no data_batch_4.bin'):
        data.load('cifar-10', True, folder)


def test_altered_embedded_files_are_found_out(tmp_path):
    path = tmp_path / 'x.bin'
    path.write_bytes(records([1]))
    with pytest.raises(DataError, match='altered'):
        read_records(path, '0' * 64)


@given(st.binary(max_size=2 * RECORD + 5))
def test_any_bytes_are_records_or_a_data_error(tmp_path, content):
    path = tmp_path / 'any.bin'
    path.write_bytes(content)
    try:
        images, labels = read_records(path)
    except DataError:
        return
    assert len(images) == len(labels) > 0
    assert labels.max() <= 9


def test_splits_of_the_embedded_images():
    splits = data.cifar10_splits()
    images, labels = data.load('cifar-10')
    mean = images.mean(axis=0)
    np.testing.assert_allclose(splits['X_train'], images - mean, atol=1e-5)
    np.testing.assert_allclose(splits['X_train'].mean(axis=0), 0, atol=1e-4)
    test_images, test_labels = data.load('cifar-10', train=False)
    np.testing.assert_allclose(np.concatenate([splits['X_val'], splits['X_test']]), test_images - mean, atol=1e-5)
    np.testing.assert_array_equal(np.concatenate([splits['y_val'], splits['y_test']]), test_labels)
    assert {array.dtype for name, array in splits.items() if name.startswith('X')} == {np.dtype(np.float32)}


def test_splits_of_a_folder_take_the_last_training_images_for_validation(folder):
    splits = data.cifar10_splits(folder, num_training=4, num_validation=3, num_test=2)
    assert splits['y_train'].tolist() == [0, 1, 1, 2]
    assert splits['y_val'].tolist() == [4, 4, 5]
    assert splits['y_test'].tolist() == [9, 8]
    images, _ = data.load('cifar-10', True, folder)
    np.testing.assert_allclose(splits['X_val'], images[-3:] - images[:4].mean(axis=0), atol=1e-5)
    assert len(data.cifar10_splits(folder, num_validation=3)['y_train']) == 7


@pytest.mark.parametrize('wanted', [{'num_training': 0}, {'num_training': 1001}, {'num_test': 251},
                                    {'num_validation': 500}])
def test_splits_larger_than_the_data(wanted):
    with pytest.raises(DataError, match='from 1 to .*, the number of examples in the data'):
        data.cifar10_splits(**wanted)


def test_a_download_must_have_the_right_checksum(tmp_path, monkeypatch):
    asked = []

    def download(urls, path, checksum, context, as_it_is, advice):
        asked.append((urls, checksum, as_it_is))
        raise DataError(f'not there; {advice}')

    monkeypatch.setattr(cifar10, 'download', download)
    with pytest.raises(DataError, match='pass its path as data_dir'):
        data.download_cifar10(tmp_path)
    (urls, checksum, as_it_is), = asked
    assert all(url.startswith('https://') for url in urls)
    assert checksum.startswith('c4a38c50')
    assert as_it_is
    (tmp_path / 'cifar-10-binary.tar.gz').write_bytes(b'here')
    assert data.download_cifar10(tmp_path) == tmp_path / 'cifar-10-binary.tar.gz'


@pytest.mark.parametrize('as_it_is', [True, False])
def test_a_checksum_of_the_file_as_it_is(as_it_is, tmp_path, monkeypatch):
    """CIFAR-10's archive is known by the SHA-256 of its compressed bytes, MNIST's files by that of their content."""
    from gluon_bn.data import download as downloads
    content = gzip.compress(b'content')
    monkeypatch.setattr(downloads, '_append', lambda url, file, context: file.write(content))
    checksum = sha256(content if as_it_is else b'content').hexdigest()
    downloads.download(['https://example.org/x'], tmp_path / 'right', checksum, as_it_is=as_it_is)
    assert (tmp_path / 'right').read_bytes() == content
    with pytest.raises(DataError, match=r'SHA-256.*; do this'):
        downloads.download(['https://example.org/x'], tmp_path / 'wrong', checksum, as_it_is=not as_it_is,
                           advice='do this')


@pytest.mark.parametrize('train', ['no', 0, 1, None])
@pytest.mark.parametrize('name', ['mnist', 'cifar-10'])
def test_train_is_true_or_false(name, train):
    with pytest.raises(TypeError, match='train is .*; expected True or False'):
        data.load(name, train)


@pytest.mark.parametrize('wanted', [{'num_training': True}, {'num_training': 2.5}, {'num_test': '2'},
                                    {'num_validation': 0}, {'num_validation': -1}, {'num_test': 0}])
def test_numbers_of_examples_that_are_none_are_refused(wanted):
    (name, value), = wanted.items()
    with pytest.raises(DataError, match=f'^{name} is {value!r}; expected a whole number from 1 to .*, the number '):
        data.cifar10_splits(**wanted)


def test_splits_at_both_ends_of_what_the_data_hold():
    splits = data.cifar10_splits(num_training=np.int64(1), num_validation=499, num_test=1)
    assert [len(splits[f'y_{part}']) for part in ('train', 'val', 'test')] == [1, 499, 1]
    np.testing.assert_array_equal(splits['mean_image'], data.load('cifar-10')[0][0])
    splits = data.cifar10_splits(num_training=1000, num_validation=1, num_test=499)
    assert [len(splits[f'y_{part}']) for part in ('train', 'val', 'test')] == [1000, 1, 499]


def test_of_a_large_folder_a_thousand_images_validate_and_a_thousand_test(tmp_path):
    def one_byte_a_record(labels):
        return np.hstack([np.array(labels, np.uint8)[:, None], np.zeros((len(labels), RECORD - 1), np.uint8)]).tobytes()

    for i in range(1, 6):
        (tmp_path / f'data_batch_{i}.bin').write_bytes(one_byte_a_record([i] * 202))
    (tmp_path / 'test_batch.bin').write_bytes(one_byte_a_record([9] * 1003))
    splits = data.cifar10_splits(tmp_path)
    assert splits['y_train'].tolist() == [1] * 10
    assert (len(splits['y_val']), splits['y_val'][0]) == (1000, 1)
    assert len(splits['y_test']) == 1000


def test_of_files_of_one_name_in_the_archive_the_first_is_taken_and_folders_are_none(folder):
    path = folder.parent / 'other.tar'
    with tarfile.open(path, 'w') as tar:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE):
            member = tarfile.TarInfo('x/test_batch.bin')
            member.type = kind
            tar.addfile(member)
        tar.add(folder / 'test_batch.bin', 'a/test_batch.bin')
        tar.add(folder / 'data_batch_1.bin', 'b/test_batch.bin')
    assert data.load('cifar-10', False, path)[1].tolist() == [9, 8, 7]
    with tarfile.open(path, 'w') as tar:
        for i in range(1, 6):
            tar.add(folder / f'data_batch_{i}.bin', f'a/data_batch_{i}.bin')
            tar.add(folder / 'test_batch.bin', f'b/data_batch_{i}.bin')
    assert data.load('cifar-10', True, path)[1].tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]


def test_a_record_may_have_the_last_class_and_its_place_is_named(tmp_path):
    path = tmp_path / 'x.bin'
    path.write_bytes(records([9, 0, 9]))
    assert read_records(path)[1].tolist() == [9, 0, 9]
    path.write_bytes(records([9, 0, 255]))
    with pytest.raises(DataError, match='has the label 255 in record 2; expected 0 to 9'):
        read_records(path)


def test_of_a_folder_one_image_at_least_is_left_for_training(folder):
    assert data.cifar10_splits(folder, num_validation=9)['y_train'].tolist() == [0]
    with pytest.raises(DataError, match='^num_validation is 10; expected a whole number from 1 to 9, the number'):
        data.cifar10_splits(folder, num_validation=10)
