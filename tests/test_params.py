"""MXNet's files of arrays in NumPy alone: against what MXNet itself writes and reads, and against damage."""
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gluon_bn import params
from gluon_bn._mxnet import mx, nd
from gluon_bn.params import CSR, RowSparse, dense, load, save

TYPES = ['float32', 'float64', 'float16', 'uint8', 'int8', 'int32', 'int64', 'bool']
names = st.text(st.characters(blacklist_categories=['Cs'], blacklist_characters='\0'), max_size=12)


@st.composite
def arrays(draw, smallest=1):
    dtype = draw(st.sampled_from(TYPES))
    return draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=smallest, max_dims=5, min_side=smallest, max_side=3)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'net-0000.params'


def mxnets(path, values):
    """The bytes of the file that MXNet writes, in which these NumPy arrays are."""
    def converted(value):
        return nd.array(value, dtype=value.dtype)
    nd.save(str(path), {name: converted(value) for name, value in values.items()} if isinstance(values, dict) else
            [converted(value) for value in values])
    return path.read_bytes()


def equal(first, second):
    assert first.dtype == second.dtype
    assert first.shape == second.shape
    assert first.tobytes() == second.tobytes()


@given(st.one_of(st.lists(arrays(), max_size=4), st.dictionaries(names, arrays(), max_size=4)))
def test_files_are_byte_for_byte_those_of_mxnet(path, values):
    expected = mxnets(path, values)
    read = load(path)
    assert (list(read) == list(values)) if values and isinstance(values, dict) else isinstance(read, list)
    for key in (values if isinstance(values, dict) else range(len(values))):
        equal(read[key], values[key])
    save(path, values)
    assert path.read_bytes() == expected


@given(st.lists(arrays(smallest=0), min_size=1, max_size=3))
def test_shapes_as_numpy_has_them_are_written_as_mxnet_does_under_np_shape(path, values):
    if all(value.ndim and value.size for value in values):
        values.append(np.float32(3))
    save(path, values)
    for ours, value in zip(load(path), values):
        equal(ours, np.asarray(value))
    if any(value.dtype == bool and not value.ndim for value in values):
        return  # MXNet cannot make one of a number
    with mx.util.np_shape(True):
        for theirs, value in zip(nd.load(str(path)), values):
            equal(theirs.asnumpy(), np.asarray(value))
        written = path.read_bytes()
        nd.save(str(path), nd.load(str(path)))
        assert path.read_bytes() == written


@pytest.mark.parametrize('values', [[[0, 0, 1], [0, 0, 0], [2, 0, 3]], [[0, 0], [0, 0]]])
@pytest.mark.parametrize('dtype', ['float32', 'float64', 'int64'])
def test_sparse_arrays_go_both_ways(values, dtype, path):
    whole = nd.array(values, dtype=dtype)
    rows = nd.sparse.row_sparse_array(whole)
    compressed = nd.sparse.csr_matrix(whole).copy()  # for one just made of a dense one, MXNet writes a wrong shape
    nd.waitall()
    nd.save(str(path), {'rows': rows, 'csr': compressed})
    expected, read = path.read_bytes(), load(path)
    assert (type(read['rows']), type(read['csr'])) == (RowSparse, CSR)
    for value in read.values():
        equal(dense(value), np.array(values, dtype))
    save(path, read)
    assert path.read_bytes() == expected


def test_a_csr_matrix_is_read_that_mxnet_has_just_made_of_a_dense_one(path):
    values = np.array([[0, 5, 0], [6, 0, 7]], 'f')
    nd.save(str(path), [nd.array(values).tostype('csr')])
    equal(dense(load(path)[0]), values)


# ---- older files -----------------------------------------------------------------------------------------------------

def file_of(*records, names=()):
    encoded = [struct.pack('<Q', len(name)) + name for name in names]
    return b''.join([struct.pack('<3Q', 0x112, 0, len(records)), *records, struct.pack('<Q', len(names)), *encoded])


VALUES = np.arange(6, dtype='<f4').reshape(2, 3)
BEFORE_0_11 = struct.pack('<3I', 2, 2, 3) + struct.pack('<3i', 1, 0, 0) + VALUES.tobytes()
OF_0_11 = struct.pack('<IIqq', 0xF993FAC8, 2, 2, 3) + struct.pack('<3i', 1, 0, 0) + VALUES.tobytes()
ON_A_GPU = struct.pack('<IiIqq', 0xF993FAC9, 0, 2, 2, 3) + struct.pack('<3i', 2, 7, 0) + VALUES.tobytes()


@pytest.mark.parametrize('record', [BEFORE_0_11, OF_0_11, ON_A_GPU])
def test_older_files_are_read_as_mxnet_reads_them(record, path):
    path.write_bytes(file_of(record, BEFORE_0_11, names=[b'arg:a', b'aux:b']))
    theirs, ours = nd.load(str(path)), load(path)
    assert list(ours) == ['arg:a', 'aux:b']
    for name, value in ours.items():
        equal(value, theirs[name].asnumpy())
        equal(value, VALUES)


@pytest.mark.parametrize(('code', 'dtype'), [(8, 'int16'), (9, 'uint16'), (10, 'uint32'), (11, 'uint64')])
def test_types_of_mxnet_2_are_read(code, dtype, path):
    values = np.array([0, 1, np.iinfo(dtype).max], dtype)
    path.write_bytes(file_of(struct.pack('<Iiiq4i', 0xF993FAC9, 0, 1, 3, 1, 0, code, 0)[:-4] + values.tobytes()))
    equal(load(path)[0], values)


def test_bfloat16_becomes_float32(path):
    values = np.array([1, -2.5, 2.**127, 0, np.inf], 'f')  # bfloat16 has all of these: the first half of their bits
    path.write_bytes(file_of(head(5) + struct.pack('<3i', 1, 0, 12) + values.view('u2')[1::2].tobytes()))
    equal(load(path)[0], values)
    equal(nd.amp_cast(nd.load(str(path))[0], dtype='float32').asnumpy(), values)


def test_a_number_that_mxnet_writes_and_cannot_read_is_read(path):
    nd.save(str(path), [nd.array(3.0), nd.ones(2)])
    with pytest.raises(mx.MXNetError):
        nd.load(str(path))
    number, other = load(path)
    equal(number, np.array(3, 'f'))
    equal(other, np.ones(2, 'f'))


# ---- what cannot be written ------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('values', 'error', 'message'), [
    ({'w': np.ones(2, complex)}, TypeError, 'w is of type complex128; MXNet has float32, '),
    ([np.ones(2, 'int16')], TypeError, 'array 0 is of type int16'),
    ([np.array(['a'])], TypeError, 'array 0 is of type <U1'), ({'a\0b': np.ones(2)}, ValueError, 'null character'),
    ({3: np.ones(2)}, TypeError, 'the name of an array is 3; expected a string'), ('abc', TypeError, "'abc'"),
    ([np.ones(2), None], TypeError, 'array 1 is None'), ([[1, 2], [[1], [2, 3]]], TypeError, 'array 1 is'),
    ({'\ud800': np.ones(1)}, ValueError, 'surrogates not allowed'),
    ([np.ma.masked_equal([1., 2.], 1)], ValueError, 'has masked values'),
    ([RowSparse((2, 2), np.array([0.]), np.ones((1, 2)))], ValueError, 'parts do not fit together'),
    ([CSR((2,), np.array([0]), np.array([0]), np.ones(1))], ValueError, 'parts do not fit together'),
    ([RowSparse((4, 2), np.array([7]), np.ones((1, 2)))], ValueError, 'parts do not fit together'),
    ([RowSparse((4, 5), np.array([1]), np.ones((1, 2)))], ValueError, 'parts do not fit together'),
    ([RowSparse((4, 2), np.array([1, 2]), np.ones((1, 2)))], ValueError, 'parts do not fit together'),
    ([CSR((2, 2), np.array([0, 1]), np.array([0]), np.ones(1))], ValueError, 'parts do not fit together'),
    ([CSR((2, 2), np.array([0, 1, 1]), np.array([2]), np.ones(1))], ValueError, 'parts do not fit together'),
    ([RowSparse((2, 2), np.array([0]), np.ones((1, 2))), np.float32(1)], ValueError, 'write two')])
def test_what_mxnet_could_not_read_is_refused_and_the_file_stays(values, error, message, path):
    path.write_bytes(b'before')
    with pytest.raises(error, match=message):
        save(path, values)
    assert os.listdir(path.parent) == [path.name]
    assert path.read_bytes() == b'before'


def test_arrays_in_any_order_of_bytes_or_axes_are_written(path):
    values = np.arange(6.).reshape(2, 3)
    save(path, {'big': values.astype('>f8'), 'columns': np.asfortranarray(values), 'part': values[:, ::2],
                'list': [1.5, 2.5], 'theirs': nd.ones((2,))})
    read = nd.load(str(path))
    for name, expected in (('big', values), ('columns', values), ('part', values[:, ::2]), ('list', [1.5, 2.5]),
                           ('theirs', [1, 1])):
        assert (read[name].asnumpy() == expected).all()
    save(path, values)
    assert len(load(path)) == 1


# ---- damage ----------------------------------------------------------------------------------------------------------

RIGHT = file_of(BEFORE_0_11, OF_0_11, ON_A_GPU, names=[b'a', b'b', b'c'])
SPARSE = file_of(  # CSR (2, 3) with one value; one row of (4, 2)
    struct.pack('<IiIq', 0xF993FAC9, 2, 1, 1) + struct.pack('<Iqq3i', 2, 2, 3, 1, 0, 0)
    + struct.pack('<iIqiIq', 6, 1, 3, 6, 1, 1) + struct.pack('<f', 5) + struct.pack('<3qq', 0, 1, 1, 2),
    struct.pack('<IiIqq', 0xF993FAC9, 1, 2, 1, 2) + struct.pack('<Iqq3i', 2, 4, 2, 1, 0, 0)
    + struct.pack('<iIq', 6, 1, 1) + struct.pack('<2f', 5, 6) + struct.pack('<q', 3))


def refused(path, data, message='is not a file of arrays that MXNet wrote'):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as error:
        load(path)
    assert str(error.value).startswith(str(path))
    assert '\n' not in str(error.value)


def test_the_files_that_are_damaged_below_are_right(path):
    path.write_bytes(RIGHT)
    assert list(load(path)) == ['a', 'b', 'c']
    path.write_bytes(SPARSE)
    assert [dense(value).tolist() for value in load(path)] == [
        [[0, 0, 5], [0, 0, 0]], [[0, 0], [0, 0], [0, 0], [5, 6]]]
    assert [value.asnumpy().tolist() for value in nd.load(str(path))] == [dense(value).tolist() for value in load(path)]


@pytest.mark.parametrize('whole', [RIGHT, SPARSE])
def test_a_file_that_ends_too_early_is_refused_wherever_it_ends(whole, path):
    for length in range(len(whole)):
        refused(path, whole[:length])


def test_a_file_that_is_shortened_while_it_is_read_is_refused_wherever_it_ends(path, monkeypatch):
    path.write_bytes(RIGHT)
    before = os.stat(path)
    monkeypatch.setattr(os, 'fstat', lambda file: before)  # what is known of it when it is opened
    for size in range(len(RIGHT)):
        refused(path, RIGHT[:size])
    path.write_bytes(RIGHT)
    assert list(load(path)) == ['a', 'b', 'c']


@given(st.sampled_from([RIGHT, SPARSE]), st.data())
@example(RIGHT, None)
def test_altered_files_are_read_or_refused(path, whole, data):
    if data is not None:
        start = data.draw(st.integers(0, len(whole) - 1))
        end = data.draw(st.integers(start, min(len(whole), start + 9)))
        whole = whole[:start] + data.draw(st.binary(max_size=9)) + whole[end:]
    path.write_bytes(whole)
    try:
        read = load(path)
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017 - most altered files are refused, some are not
    else:
        size = sum(getattr(part, 'nbytes', 0) for value in (read.values() if isinstance(read, dict) else read)
                   for part in (value if isinstance(value, tuple) else (value,)))
        assert size <= 2 * len(whole)  # bfloat16 becomes twice as long


def head(*numbers):
    return struct.pack('<Iii', 0xF993FAC9, 0, len(numbers)) + struct.pack(f'<{len(numbers)}q', *numbers)


CPU_FLOAT = struct.pack('<3i', 1, 0, 0)


@pytest.mark.parametrize(('data', 'message'), [
    (struct.pack('<3Q', 0x112, 0, 2**60), 'it ends in array 0 of 1152921504606846976'),
    (file_of(head(2**62) + CPU_FLOAT), 'bytes, and the file has 8 more: it is truncated'),
    (file_of(head(-1, 2) + CPU_FLOAT), r'array 0 of 1 has the shape \(-1, 2\)'),
    (file_of(head(2**31, 2**31, 2**31) + CPU_FLOAT), 'it is truncated'),
    (file_of(head(0, 2**62, 2**62) + CPU_FLOAT), 'has the shape'),
    (file_of(head(*[1] * 33) + CPU_FLOAT), 'has 33 axes; there can be 0 to 32'),
    (file_of(struct.pack('<Iii', 0xF993FACA, 0, -1)), 'has -1 axes'), (file_of(struct.pack('<I', 0)), 'has no values'),
    (file_of(struct.pack('<I', 0xF993FACB)), 'axes'), (file_of(struct.pack('<Iii', 0xF993FAC9, 3, 1)), 'in a way 3'),
    (file_of(head(1) + struct.pack('<3i', 1, 0, 13)), 'has the type 13, which MXNet does not have'),
    (file_of(head(1) + struct.pack('<3i', 0, 0, 0)), 'a device of kind 0'),
    (file_of(OF_0_11, names=[b'a', b'b']), 'it has 1 arrays and 2 names'), (RIGHT + b'\0', '1 bytes follow after'),
    (file_of(OF_0_11, OF_0_11, names=[b'a', b'a']), 'two arrays have the same name'),
    (file_of(OF_0_11, names=[b'\xff']), 'a name is no UTF-8'),
    (file_of(OF_0_11)[:-8] + struct.pack('<2Q', 1, 2**50), 'it ends in the names'),
    (b'', 'it ends in its beginning'), (bytes(100), 'it begins with 0000000000000000'),
    (b'PK\3\4' + bytes(30), 'a zip archive'), (b'<!DOCTYPE html>', 'a web page'),
    (b'version https://git-lfs.github.com/spec/v1', 'Git LFS'), (struct.pack('<Q', 0xF7E58D4F05049CB7), "it is TVM's"),
    (SPARSE.replace(struct.pack('<3qq', 0, 1, 1, 2), struct.pack('<3qq', 0, 1, 1, 3)), 'parts do not fit together'),
    (SPARSE.replace(struct.pack('<3qq', 0, 1, 1, 2), struct.pack('<3qq', 0, 2, 1, 2)), 'parts do not fit together'),
    (SPARSE.replace(struct.pack('<3qq', 0, 1, 1, 2), struct.pack('<3qq', 1, 1, 1, 2)), 'parts do not fit together'),
    (SPARSE.replace(struct.pack('<2fq', 5, 6, 3), struct.pack('<2fq', 5, 6, 4)), 'parts do not fit together'),
    (SPARSE.replace(struct.pack('<2fq', 5, 6, 3), struct.pack('<2fq', 5, 6, -1)), 'parts do not fit together')])
def test_lying_files_are_refused_in_one_sentence(data, message, path):
    tracemalloc.start()
    try:
        refused(path, data, message)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_bool_that_is_neither_0_nor_1_is_true(path):
    path.write_bytes(file_of(head(3) + struct.pack('<3i', 1, 0, 7) + bytes([0, 2, 255])))
    assert load(path)[0].view('u1').tolist() == [0, 1, 1]


def test_only_regular_files_of_a_size_that_is_meant_are_read(path, tmp_path):
    with pytest.raises(ValueError, match='cannot be read: No such file'):
        load(path)
    with pytest.raises(ValueError, match='is not a regular file'):
        load(tmp_path)
    if hasattr(os, 'mkfifo'):
        os.mkfifo(path)
        with pytest.raises(ValueError, match='is not a regular file'):
            load(path)
        path.unlink()
    save(path, [np.ones(5)])
    with pytest.raises(ValueError, match='has 104 bytes, more than 99: pass most=104'):
        load(path, most=99)
    with open(path, 'ab') as file:
        file.truncate(2**40)  # a hole
    with pytest.raises(ValueError, match='more than 2,147,483,648'):
        load(path)


def test_a_sparse_array_that_is_too_large_is_not_made_dense():
    with pytest.raises(ValueError, match='would take more than 2,147,483,648 bytes'):
        dense(RowSparse((2**40, 2), np.array([1]), np.ones((1, 2))))


def test_types_are_mxnets_own():
    assert {code: params.np.dtype(name) for code, name in params._TYPES.items()} == {
        code: np.dtype(dtype) for dtype, code in mx.ndarray.ndarray._DTYPE_NP_TO_MX.items()
        if dtype is not None and code in range(8)}


def test_an_open_file_is_no_path(tmp_path):
    """Python would take its number for it, read from where it is, and close it."""
    with open(tmp_path / 'other', 'wb') as other:
        for work in (lambda: params.load(other.fileno()), lambda: params.save(other.fileno(), [np.ones(2)])):
            with pytest.raises(TypeError, match=r'^path is \d+; expected the path of a file'):
                work()
        other.write(b'still open')
