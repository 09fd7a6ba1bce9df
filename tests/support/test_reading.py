"""Files that would hang, fill the memory or claim what they do not have: each is refused in one sentence, at once."""
import bz2
import gzip
import io
import lzma
import os
import struct
import subprocess
import sys
import tarfile
import threading
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn.data import DataError, cifar10, idx, load
from gluon_bn.data.cifar10 import load_cifar10, read_records
from gluon_bn.run import checkpoint
from gluon_bn.run.checkpoint import CheckpointError
from gluon_bn.support.reading import content, json_of, read_npz, regular_file, unpacked_file, up_to

IMAGES = struct.pack('>4I', 2051, 2, 28, 28) + bytes(range(224)) * 7
LABELS = struct.pack('>2I', 2049, 5) + bytes([3, 1, 4, 1, 5])
READERS = {'images': lambda path: idx.read_images(path), 'labels': lambda path: idx.read_labels(path),
           'records': read_records, 'archive': lambda path: load_cifar10(True, path), 'checkpoint': checkpoint.load,
           'bytes': lambda path: content(path, DataError), 'arrays': lambda path: read_npz(path, DataError)}
REFUSED = (DataError, CheckpointError)


@pytest.fixture(params=READERS)
def read(request):
    return READERS[request.param]


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'file'


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='this system has no named pipes')
def test_a_pipe_is_refused_and_not_waited_for(read, path):
    os.mkfifo(path)
    with pytest.raises(REFUSED, match='not a regular file') as error:
        read(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize('device', ['/dev/zero', '/dev/full', '/dev/stdin'])
def test_a_device_is_refused(read, device):
    if not os.path.exists(device) or os.path.isfile(device):
        pytest.skip(f'{device} is no device here')
    with pytest.raises(REFUSED, match='not a regular file'):
        read(device)


def test_a_link_to_a_device_is_refused(read, path):
    if not os.path.exists('/dev/zero'):
        pytest.skip('this system has no /dev/zero')
    path.symlink_to('/dev/zero')
    with pytest.raises(REFUSED, match='not a regular file'):
        read(path)


def test_what_is_not_there_is_named(read, path):
    with pytest.raises(REFUSED, match='cannot be read: No such file|does not exist'):
        read(path)
    with pytest.raises(DataError, match='cannot be read: .*null'):
        content('a\0b', DataError)


def test_a_sparse_file_is_not_read_to_its_end(read, path):
    with open(path, 'wb') as file:
        file.write(IMAGES[:16])
        file.truncate(2**40)
    with pytest.raises(REFUSED):
        read(path)


@pytest.mark.parametrize('sizes', [(2**32 - 1, 28, 28), (2**24, 784, 784)])
def test_a_sparse_file_with_a_header_that_fits_it_is_refused(sizes, path):
    with open(path, 'wb') as file:
        file.write(struct.pack('>4I', 2051, *sizes))
        file.truncate(16 + 784 * (2**32 - 1))
    with pytest.raises(DataError, match='held in memory'):
        idx.read_images(path)


@pytest.fixture(scope='module')
def bomb():
    """A gzip file of a few hundred kilobytes with 64 MB in it."""
    return gzip.compress(bytes(2**24), 1) * 4  # a gzip file may have several parts


@pytest.mark.parametrize('start', [b'', IMAGES, LABELS])
@pytest.mark.parametrize('kind', READERS)
def test_a_bomb_is_not_inflated_to_its_end(bomb, start, kind, path, monkeypatch):
    """The limits are lower here than they are, so that the bomb can be small."""
    monkeypatch.setattr(cifar10, '_MOST_RECORDS', 1000)
    monkeypatch.setattr(cifar10, '_MOST_UNPACKED', 2**22)
    monkeypatch.setitem(READERS, 'bytes', lambda path: content(path, DataError, 2**22))
    unpacked, inflate = [], gzip.GzipFile.read

    def counted(self, size=-1):
        data = inflate(self, size)
        unpacked.append(len(data))
        return data

    monkeypatch.setattr(gzip.GzipFile, 'read', counted)
    path.write_bytes((gzip.compress(start, mtime=0) if start else b'') + bomb)
    with pytest.raises(REFUSED):
        READERS[kind](path)
    assert sum(unpacked) <= 2**22 + 2**16


def test_no_more_than_the_header_calls_for_is_read(path, monkeypatch):
    class Counting(io.BytesIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    asked = []
    monkeypatch.setattr(idx, 'unpacked_file', lambda path, error: Counting(IMAGES + bytes(10**6)))
    with pytest.raises(DataError, match='has more bytes where its header .* too long'):
        idx.read_images(path)
    assert min(asked) >= 0
    assert sum(asked) == len(IMAGES) + 1


@pytest.mark.parametrize('compress', [bytes, gzip.compress, bz2.compress, lzma.compress],
                         ids=['plain', 'gz', 'bz2', 'xz'])
def test_what_is_compressed_is_unpacked_and_its_checksum_looked_at(compress, path):
    packed = compress(IMAGES)
    path.write_bytes(packed)
    np.testing.assert_array_equal(idx.read_images(path).ravel(), np.frombuffer(IMAGES, np.uint8)[16:])
    assert content(path, DataError) == IMAGES
    assert content(path, DataError, most=len(IMAGES)) == IMAGES
    with pytest.raises(DataError, match='more than 1,583 bytes'):
        content(path, DataError, most=len(IMAGES) - 1)
    if compress is not bytes:
        for damaged in (packed[:-3], packed[:len(packed) // 2], packed[:3]):
            path.write_bytes(damaged)
            for read in (lambda path: content(path, DataError), idx.read_images):
                with pytest.raises(DataError, match='damaged or truncated'):
                    read(path)


def test_a_wrong_checksum_at_the_end_of_a_gzip_file_is_seen(path):
    packed = bytearray(gzip.compress(LABELS, mtime=0))
    packed[-8] ^= 1
    path.write_bytes(packed)
    with pytest.raises(DataError, match='damaged or truncated gzip'):
        idx.read_labels(path)


def test_a_file_that_becomes_a_pipe_meanwhile_is_not_waited_for(path, tmp_path, monkeypatch):
    if not hasattr(os, 'mkfifo'):
        pytest.skip('this system has no named pipes')
    path.write_bytes(b'x')
    looked_at = os.stat(path)
    os.unlink(path)
    os.mkfifo(path)
    monkeypatch.setattr(os, 'stat', lambda *args, **kwargs: looked_at)
    with pytest.raises(DataError, match='not a regular file any more'), regular_file(path, DataError):
        pass


def test_the_file_is_closed_however_the_block_ends(path):
    path.write_bytes(b'abc')
    with pytest.raises(KeyError), unpacked_file(path, DataError) as file:
        raise KeyError
    assert file.closed
    with regular_file(path, DataError) as file:
        assert up_to(file, 2) == b'ab'
    assert file.closed


# ---- archives of CIFAR-10 ----


def tar(members, mode='w', tar_format=tarfile.GNU_FORMAT):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=tar_format) as archive:
        for name, data in members:
            member = tarfile.TarInfo(f'cifar-10-batches-bin/{name}')
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


RECORD = bytes([7]) + bytes(range(256)) * 12
TRAINING = [(f'data_batch_{i}.bin', RECORD) for i in range(1, 6)]


@pytest.mark.parametrize('mode', ['w', 'w:gz', 'w:bz2', 'w:xz'])
def test_archives_are_read_however_they_are_compressed(mode, path):
    path.write_bytes(tar([('readme.html', b'x' * 5000), *TRAINING[::-1]], mode))
    images, labels = load_cifar10(True, path)
    assert labels.tolist() == [7] * 5
    assert images[0].tobytes() == RECORD[1:]


def test_what_is_behind_the_last_file_is_not_looked_at(path):
    path.write_bytes(gzip.compress(tar(TRAINING)[:-10000], 1) + bytes(100))
    assert len(load_cifar10(True, path)[0]) == 5


def test_a_member_of_an_archive_that_claims_too_much_is_refused(path):
    whole = bytearray(tar(TRAINING))
    with tarfile.open(fileobj=io.BytesIO(bytes(whole))) as archive:
        member = archive.getmembers()[0]
    member.size = 2**36
    whole[:512] = member.tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(whole)
    with pytest.raises(DataError, match='data_batch_1.bin claims 68,719,476,736 bytes; expected at most'):
        load_cifar10(True, path)


def test_a_bomb_before_the_files_is_refused(bomb, path, monkeypatch):
    """A member of 64 MB of zeros, which nobody wants, before those that are."""
    monkeypatch.setattr(cifar10, '_MOST_UNPACKED', 2**22)
    member = tarfile.TarInfo('cifar-10-batches-bin/data_batch_0.bin')
    member.size = 2**26
    path.write_bytes(gzip.compress(member.tobuf(), 1) + bomb + gzip.compress(tar(TRAINING)))
    with pytest.raises(DataError, match='more than 4,194,304 bytes'):
        load_cifar10(True, path)


# ---- archives of arrays ----


ARRAYS = {'description': np.frombuffer(b'{}', np.uint8), 'array:W': np.arange(6.).reshape(2, 3),
          'none': np.zeros((0, 3)),
          'columns': np.asfortranarray(np.arange(6, dtype='>i2').reshape(2, 3)), 'one': np.array(3, np.float32)}


def test_arrays_come_back_and_can_be_written_to(path):
    with open(path, 'wb') as file:
        np.savez(file, **ARRAYS)
    found = read_npz(path, DataError)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)
        found[name][...] = 0


def npy(header, data=b'', version=(1, 0)):
    header = header.encode() if isinstance(header, str) else header
    length = struct.pack('<H' if version[0] == 1 else '<I', len(header))
    return b'\x93NUMPY' + bytes(version) + length + header + data


def described(descr="'<f8'", shape='(2,)', order='False'):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


@pytest.mark.parametrize(('member', 'message'), [
    (npy(described(shape='(13421772800,)'), bytes(16)), r'and \(13421772800,\) of float64 do not'),
    (npy(described(shape='(1,)'), bytes(16)), 'do not'), (npy(described(shape='(3,)'), bytes(16)), 'do not'),
    (npy(described(shape='(-1,)'), bytes(16)), 'shape'), (npy(described(shape='(-2, -1)'), bytes(16)), 'shape'),
    (npy(described(shape='(0, 1' + '0' * 40 + ')')), 'archive of arrays'),
    (npy(described(shape=str((1,) * 70)), bytes(8)), 'archive of arrays'),
    (npy(described("'|O'"), bytes(16)), 'type object'), (npy(described("'<U1'"), bytes(8)), 'of type'),
    (npy(described("'|V0'", '(9,)')), 'of type'), (npy(described("[('a', '<f8')]"), bytes(16)), 'of type'),
    (npy(described("'<M8[s]'"), bytes(16)), 'of type'), (npy('(' * 5000), 'archive of arrays'),
    (npy('[' * 99), 'archive of arrays'), (npy("__import__('os').abort()   \n"), 'archive of arrays'),
    (npy('1' * 60000), 'has 60000 bytes'), (npy('1' * 9), 'has 9 bytes'), (npy(''), 'is not an array'),
    (npy(described(), bytes(16), (3, 0)), 'is not an array'), (npy(described(), bytes(16), (9, 0)), 'is not an array'),
    (npy(described(), bytes(16), (1, 4)), 'is not an array'),
    (b'', 'is not an array'), (b'\x93NUMPY\x01', 'is not an array'), (b'pickle' * 9, 'is not an array'),
    (npy(described())[:-20], 'archive of arrays')], ids=lambda value: repr(value)[:30])
def test_a_member_that_is_no_array_or_not_the_one_it_claims_is_refused(member, message, path):
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a.npy', member)
    with pytest.raises(DataError, match=message):
        read_npz(path, DataError)
    with pytest.raises(CheckpointError):
        checkpoint.load(path)


def test_both_versions_of_an_arrays_header_are_read(path):
    with zipfile.ZipFile(path, 'w') as archive:
        for version in ((1, 0), (2, 0)):
            archive.writestr(f'{version[0]}.npy', npy(described(), struct.pack('<2d', 1, 2), version))
    assert {name: array.tolist() for name, array in read_npz(path, DataError).items()} == {'1': [1, 2], '2': [1, 2]}


def test_compressed_encrypted_and_doubled_members_and_other_files_are_refused(path):
    np.savez_compressed(path.with_suffix('.npz'), a=np.zeros(10**6))
    with pytest.raises(DataError, match="'a.npy' is not an array, or is compressed|claim more bytes"):
        read_npz(path.with_suffix('.npz'), DataError)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a.txt', 'text')
    with pytest.raises(DataError, match="'a.txt' is not an array"):
        read_npz(path, DataError)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a.npy', npy(described(), bytes(16)))
        with pytest.warns(UserWarning, match='Duplicate'):
            archive.writestr('a.npy', npy(described(), bytes(16)))
    with pytest.raises(DataError, match='a name occurs twice'):
        read_npz(path, DataError)
    with pytest.raises(DataError, match='more than 100'):
        read_npz(path, DataError, most=100)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='the limit on memory is that of Linux')
def test_a_member_that_claims_100_gb_takes_no_memory(path):
    """In a process that may take 1 GB: whoever believed the claim would end in MemoryError."""
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('description.npy', npy(described("'|u1'", '(100000000000,)'), b'{}'))
    code = ("import resource, sys\n"
            "import numpy\n"
            "from gluon_bn.support.reading import read_npz\n"
            "resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30))\n"
            "try: read_npz(sys.argv[1], ValueError)\n"
            "except ValueError as error: print(error)\n")
    done = subprocess.run([sys.executable, '-c', code, str(path)], capture_output=True, text=True, timeout=600,
                          check=True)
    assert '(100000000000,) of uint8 do not' in done.stdout


# ---- whatever bytes come, they are read, or refused in one sentence ----


WHOLE = {'images': IMAGES, 'labels': LABELS, 'records': RECORD * 2, 'archive': tar(TRAINING[:1]),
         'bytes': gzip.compress(LABELS, mtime=0), 'arrays': None, 'checkpoint': None}


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A file of each kind, as bytes."""
    path = tmp_path_factory.mktemp('whole') / 'c'
    checkpoint.save(path, {'W': np.arange(3.)}, {'epoch': 1})
    return {kind: path.read_bytes() if data is None else data for kind, data in WHOLE.items()}


ALTERATIONS = {
    'flip': lambda data, at, n: data[:at] + bytes(byte ^ n for byte in data[at:at + 1]) + data[at + 1:],
    'cut': lambda data, at, n: data[:at] + data[at + n:],
    'double': lambda data, at, n: data[:at] + data[max(0, at - n):],
    'zeros': lambda data, at, n: data[:at] + bytes(n % 8) + data[at + n % 8:],
    'ones': lambda data, at, n: data[:at] + b'\xff' * (n % 8) + data[at + n % 8:],
    'gzip': lambda data, at, n: gzip.compress(data, 1, mtime=0)}


def read_or_refused_in_one_line(kind, path):
    try:
        READERS[kind](path)
    except REFUSED as error:
        message = str(error)
    else:
        return
    assert str(path) in message
    assert '\n' not in message.replace(str(path), '')


@pytest.mark.parametrize('kind', READERS)
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.sampled_from(sorted(ALTERATIONS)), st.integers(1, 255)),
                        max_size=4))
def test_altered_files_are_read_or_refused(kind, changes, whole, path):
    data = whole[kind]
    for place, what, amount in changes:
        data = ALTERATIONS[what](data, int(place * len(data)), amount)
    path.write_bytes(data)
    read_or_refused_in_one_line(kind, path)


@pytest.mark.parametrize('kind', READERS)
@given(data=st.binary(max_size=200), start=st.sampled_from([b'', b'\x1f\x8b\x08', b'PK\3\4', b'\0\0\x08\3', b'BZh9']))
def test_any_bytes_are_refused_or_read(kind, data, start, path):
    path.write_bytes(start + data)
    read_or_refused_in_one_line(kind, path)


# ---- folders ----


@pytest.mark.parametrize('inside', [True, False])
def test_a_folder_with_a_files_name_beside_the_file(inside, tmp_path):
    """As one well-known archive unpacks: a folder train-images-idx3-ubyte, and the file train-images.idx3-ubyte."""
    for name, data in (('t10k-images-idx3-ubyte', IMAGES), ('t10k-labels-idx1-ubyte', LABELS[:7] + b'\2' + b'\3\4')):
        (tmp_path / name).mkdir()
        path = tmp_path / name / name if inside else tmp_path / name.replace('-idx', '.idx')
        path.write_bytes(data)
    images, labels = load('mnist', train=False, data_dir=tmp_path)
    assert (len(images), labels.tolist()) == (2, [3, 4])


def test_a_folder_with_folders_alone_has_no_such_file(tmp_path):
    (tmp_path / 't10k-images-idx3-ubyte').mkdir()
    (tmp_path / 'cifar-10-binary.tar.gz').mkdir()
    (tmp_path / 'test_batch.bin').mkdir()
    with pytest.raises(DataError, match='has neither t10k-images-idx3-ubyte nor'):
        load('mnist', train=False, data_dir=tmp_path)
    with pytest.raises(DataError, match='has no test_batch.bin'):
        load('cifar-10', train=False, data_dir=tmp_path)


@pytest.mark.parametrize(('magic', 'what'), [
    (0x0C02, 'is an IDX file of int32 with 2 axes (QMNIST'), (0x0D03, 'is an IDX file of float32 with 3 axes;'),
    (0x0804, 'is an IDX file of unsigned bytes with 4 axes;'), (0x0E01, 'is an IDX file of float64 with 1 axis;'),
    (0x0903, 'is an IDX file of signed bytes with 3 axes;'), (0x0B03, 'is an IDX file of int16 with 3 axes;'),
    (0x0800, 'is not an IDX file'), (0x0A03, 'is not an IDX file'), (0x10803, 'is not an IDX file')])
def test_other_kinds_of_idx_files_are_called_what_they_are(magic, what, path):
    path.write_bytes(struct.pack('>I', magic) + bytes(100))
    for read, expected in ((idx.read_images, 'images (magic number 2051)'),
                           (idx.read_labels, 'labels (magic number 2049)')):
        with pytest.raises(DataError) as error:
            read(path)
        assert what in str(error.value)
        assert f'expected {expected}' in str(error.value)


def test_reading_takes_no_thread_along(path):
    """A pipe must not be handed to a thread that waits for it for ever."""
    before = threading.active_count()
    if hasattr(os, 'mkfifo'):
        os.mkfifo(path)
    with pytest.raises(DataError):
        content(path, DataError)
    assert threading.active_count() == before


# ---- just at the limits ----


def test_a_message_names_the_file_once(path):
    path.mkdir()
    with pytest.raises(DataError) as error, regular_file(path, DataError):
        pass
    assert str(error.value) == (f'{path} is not a regular file; expected a file with data, not a folder, a pipe or a '
                                'device.')


def test_a_sparse_file_above_two_gigabytes_is_not_read(path):
    with open(path, 'wb') as file:
        file.truncate(2**31 + 1)
    with pytest.raises(DataError, match='has more than 2,147,483,648 bytes, decompressed'):
        content(path, DataError)
    with pytest.raises(DataError, match='it has 2,147,483,649 bytes, more than 2,147,483,648'):
        read_npz(path, DataError)


def test_an_archive_of_just_as_many_bytes_as_it_may_have_is_read(path):
    with open(path, 'wb') as file:
        np.savez(file, a=np.arange(3))
    size = path.stat().st_size
    assert read_npz(path, DataError, most=size)['a'].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=f'it has {size:,} bytes, more than {size - 1:,}'):
        read_npz(path, DataError, most=size - 1)


@pytest.mark.parametrize(('length', 'message'), [(9, 'has 9 bytes'), (10, 'cannot be read'), (10_000, 'cannot be read'),
                                                 (10_001, 'has 10001 bytes')])
def test_the_length_of_a_header_has_limits(length, message, path):
    for version in ((1, 0), (2, 0)):
        with zipfile.ZipFile(path, 'w') as archive:
            archive.writestr('a.npy', npy('1' * length, version=version))
        with pytest.raises(DataError, match=message):
            read_npz(path, DataError)


def test_a_longest_header_is_read_and_one_of_python_2_without_a_warning(path):
    header = described().rstrip('\n')
    for written in (header.ljust(9_999) + '\n', described(shape='(2L,)')):
        with zipfile.ZipFile(path, 'w') as archive:
            archive.writestr('a.npy', npy(written, struct.pack('<2d', 1, 2)))
        assert read_npz(path, DataError)['a'].tolist() == [1, 2]


def test_a_changed_byte_of_an_array_is_seen(path):
    values = np.arange(1000.)
    with open(path, 'wb') as file:
        np.savez(file, a=values)
    whole = bytearray(path.read_bytes())
    whole[whole.index(values.tobytes()) + 4001] ^= 1
    path.write_bytes(whole)
    with pytest.raises(DataError, match='CRC'):
        read_npz(path, DataError)


def test_what_is_wrong_with_a_compressed_archive_is_said(path, rng):
    np.savez_compressed(path.with_suffix('.npz'), a=np.zeros(10**5))
    with pytest.raises(DataError, match='its members claim more bytes than it has'):
        read_npz(path.with_suffix('.npz'), DataError)
    np.savez_compressed(path.with_suffix('.npz'), a=rng.integers(0, 256, 10**4, np.uint8))  # hardly smaller
    with pytest.raises(DataError, match="'a.npy' is not an array, or is compressed"):
        read_npz(path.with_suffix('.npz'), DataError)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a.npy', npy(described(shape='(-2, 1)'), bytes(16)))
    with pytest.raises(DataError, match=r"'a.npy' is of type float64 and shape \(-2, 1\)"):
        read_npz(path, DataError)


def test_a_name_that_stands_twice_in_json_is_refused():
    with pytest.raises(ValueError, match="the name 'epochs' occurs twice"):
        json_of(b'[{"epochs": 1, "lr": 2, "epochs": 7}]')
    assert json_of(b'[{"a": {"a": 1}, "b": 1}, {"a": 1}]') == [{'a': {'a': 1}, 'b': 1}, {'a': 1}]
