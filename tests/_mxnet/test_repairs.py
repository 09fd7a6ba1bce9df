"""What MXNet writes and adds up, against what it did with NumPy 1.26: the numbers here are from there."""
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn._mxnet import mx, nd, repairs

SCALARS = st.one_of(st.integers(-9, 9).map(np.int64), st.integers(0, 9).map(np.uint8), st.integers(-9, 9),
                    st.booleans(), st.booleans().map(np.bool_), st.floats(-9, 9), st.floats(-9, 9).map(np.float64),
                    st.text(max_size=3), st.none())


def without_numpy(value):
    return type(value)(map(without_numpy, value)) if isinstance(value, (tuple, list)) else (
        value.item() if isinstance(value, np.generic) else value)


@given(st.recursive(SCALARS, lambda some: st.lists(some, max_size=4) | st.lists(some, max_size=4).map(tuple)))
def test_text_is_that_of_pythons_own_numbers(value):
    assert repairs.text(value) == str(without_numpy(value))


@pytest.mark.parametrize(('value', 'expected'), [
    ((np.float32(0.1), np.float16(0.1)), '(0.1, 0.1)'),
    ((np.str_('np.'), 'np.int64(3)'), "('np.', 'np.int64(3)')"),
    ([(np.int64(1),), ()], '[(1,), ()]'),
    ('np.int64(3)', 'np.int64(3)'),
    (np.array([1, 2]), '[1 2]'),
])
def test_text(value, expected):
    assert repairs.text(value) == expected
    assert isinstance('a', repairs.text)
    assert not isinstance(1, repairs.text)


def test_numpys_integers_are_sizes():
    two, three = np.int64(2), np.int32(3)
    assert nd.zeros((two, three)).shape == (2, 3)
    assert nd.ones((2, 3)).sum(axis=(np.int64(0), np.int64(1))).asscalar() == 6
    assert mx.sym.var('x', shape=(two, 3)).attr('__shape__') == '(2, 3)'
    pooled = mx.sym.Pooling(mx.sym.var('x'), kernel=(two, two), pool_type='max')
    assert pooled.attr('kernel') == '(2, 2)'
    assert pooled.infer_shape(x=(1, 1, 4, 4))[1] == [(1, 1, 3, 3)]
    assert mx.np.zeros((two, three)).shape == (2, 3)


def test_orthogonal_weights():
    weights = nd.zeros((3, 4))
    mx.init.Orthogonal()(mx.init.InitDesc('w_weight'), weights)
    w = weights.asnumpy()
    np.testing.assert_allclose(w @ w.T, 1.414 ** 2 * np.eye(3), atol=1e-5)  # MXNet's scale: 1.414


def test_an_iterator_of_mxnets_library(tmp_path):
    (tmp_path / 'rows.csv').write_text('1,2\n3,4\n')
    batch = mx.io.CSVIter(data_csv=str(tmp_path / 'rows.csv'), data_shape=(np.int64(2),), batch_size=2).next()
    assert batch.data[0].asnumpy().tolist() == [[1, 2], [3, 4]]


PACKED = bytes.fromhex('03000000' '00000000' '0700000000000000' '0000000000000000' '0000c03f' '00000040' '000040c0')


@pytest.mark.parametrize('label', [[1.5, 2, -3], np.array([1.5, 2, -3]), (np.float32(1.5), 2, -3)])
def test_records_with_several_labels(label):
    packed = mx.recordio.pack(mx.recordio.IRHeader(0, label, 7, 0), b'image')
    assert packed == PACKED + b'image'
    header, content = mx.recordio.unpack(packed)
    assert (header.flag, header.label.tolist(), header.id, content) == (3, [1.5, 2, -3], 7, b'image')


@pytest.mark.parametrize('label', [2, 2.0, np.float32(2)])
def test_records_with_one_label(label):
    assert mx.recordio.pack((5, label, 7, 1), b'x') == bytes.fromhex(
        '00000000' '00000040' '0700000000000000' '0100000000000000') + b'x'


@pytest.mark.parametrize(('form', 'parameter'), [('.jpg', [1, 80]), ('.JPEG', [1, 80]), ('.png', [16, 80]),
                                                 ('.bmp', None)])
def test_records_of_images(monkeypatch, form, parameter):
    """OpenCV's Python package is not needed for anything else: a stand-in with its names and numbers."""
    asked = []

    def imencode(*arguments):
        asked.append(arguments)
        return True, np.frombuffer(b'encoded', np.uint8)

    monkeypatch.setattr(mx.recordio, 'cv2', types.SimpleNamespace(
        IMWRITE_JPEG_QUALITY=1, IMWRITE_PNG_COMPRESSION=16, imencode=imencode))
    packed = mx.recordio.pack_img((0, 2, 7, 1), 'image', quality=80, img_fmt=form)
    assert packed == mx.recordio.pack((0, 2, 7, 1), b'encoded')
    assert asked == [(form, 'image', parameter)]


def test_detection_iterator(tmp_path):
    """Labels with boxes are arrays: written, read and given out."""
    label = [4, 5, 16, 16, 1, .1, .2, .3, .4]  # header of 4, objects of 5: id, box
    record = mx.recordio.MXIndexedRecordIO(str(tmp_path / 'a.idx'), str(tmp_path / 'a.rec'), 'w')
    record.write_idx(0, mx.recordio.pack((0, label, 0, 0), ONE_PIXEL_PNG))
    record.close()
    iterator = mx.image.ImageDetIter(batch_size=1, data_shape=(3, 16, 16), path_imgrec=str(tmp_path / 'a.rec'))
    batch = iterator.next()
    assert batch.data[0].shape == (1, 3, 16, 16)
    np.testing.assert_allclose(batch.label[0].asnumpy(), [[[1, .1, .2, .3, .4]]], rtol=1e-6)


ONE_PIXEL_PNG = bytes.fromhex(
    '89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8dfc00800040201815c3814'
    'ff0000000049454e44ae426082')

BIG = 2.0 ** 24  # a float32 with this value does not change when 0.5 is added


@pytest.mark.parametrize(('metric', 'label', 'first', 'then', 'expected'), [
    ('loss', [0], [BIG], [.5], 16777266.0),
    ('mae', [0], [BIG], [.5], 16777266.0),
    ('mse', [0], [2.0 ** 12], [.5], 16777241.0),
    ('rmse', [0], [BIG], [.5], 16777266.0),
])
def test_sums_of_metrics(metric, label, first, then, expected):
    metric = mx.metric.create(metric)
    for prediction in [first] + 100 * [then]:
        metric.update([nd.array(label)], [nd.array(prediction)])
    assert metric.sum_metric == metric.global_sum_metric == expected
    assert metric.get()[1] == metric.get_global()[1] == expected / 101
    assert metric.num_inst == 101
    metric.reset()
    assert (metric.sum_metric, metric.num_inst) == (0, 0)


@pytest.mark.parametrize(('name', 'options'), [('ce', {}), ('nll_loss', {}), ('perplexity', {'ignore_label': None}),
                                               ('perplexity', {'ignore_label': 0})])
def test_sums_of_entropies(name, options):
    metric = mx.metric.create(name, **options)
    metric.sum_metric = metric.global_sum_metric = BIG
    for _ in range(100):
        metric.update([nd.array([1])], [nd.array([[.2, .6]])])
    assert metric.sum_metric == metric.global_sum_metric == pytest.approx(16777267.08255744, rel=0, abs=1e-8)
    assert metric.num_inst == 100


def test_perplexity_of_many_outputs_at_once():
    labels, predictions = [nd.array([k % 3]) for k in range(50)], 50 * [nd.array([[.2, .3, .5]])]
    metric = mx.metric.Perplexity(None)
    metric.update(labels, predictions)
    assert metric.sum_metric == pytest.approx(58.91833782196045, rel=1e-15)
    assert metric.get()[1] == pytest.approx(3.2490633553127513, rel=1e-14)
    with pytest.raises(AssertionError):
        metric.update(labels, predictions[:-1])


def test_metrics_by_users_and_their_copies():
    import copy
    import pickle
    metric = mx.metric.Loss()
    metric.sum_metric = BIG
    for same in (metric, copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        for _ in range(2):
            same.sum_metric += np.float32(.5)
        assert same.sum_metric == BIG + 1
    del metric.__dict__['sum_metric']
    with pytest.raises(AttributeError, match="has no attribute 'sum_metric'"):
        metric.sum_metric  # noqa: B018


def test_nothing_is_repaired_under_numpy_1():
    module = types.ModuleType('mxnet._ctypes.ndarray')
    repairs.repair(module, '1.26.4')
    assert not hasattr(module, 'str')
    repairs.repair(module, '2.0.0')
    assert module.str is repairs.text


# ---- the repairs for NumPy 2 themselves, under any version of NumPy ----


@pytest.fixture
def recordio():
    """A copy of MXNet's module as NumPy 2 gets it, with a stand-in for OpenCV."""
    asked = []

    def imencode(*arguments):
        asked.append(arguments)
        return len(arguments[1]) > 0, np.frombuffer(b'encoded', np.uint8)

    module = types.SimpleNamespace(**{**vars(mx.recordio), '__name__': 'mxnet.recordio', 'asked': asked})
    module.cv2 = types.SimpleNamespace(IMWRITE_JPEG_QUALITY=1, IMWRITE_PNG_COMPRESSION=16, imencode=imencode)
    repairs.repair(module, '2.3.1')
    return module


@pytest.mark.parametrize('label', [[1.5, 2, -3], np.array([1.5, 2, -3]), (np.float32(1.5), 2, -3)])
def test_repaired_records_with_several_labels(recordio, label):
    assert recordio.pack((9, label, 7, 0), b'image') == PACKED + b'image'
    assert recordio.pack(recordio.IRHeader(0, [], 7, 1), b'x') == bytes.fromhex(
        '00000000' '00000000' '0700000000000000' '0100000000000000') + b'x'


@pytest.mark.parametrize('label', [2, 2.0, np.float32(2)])
def test_repaired_records_with_one_label(recordio, label):
    assert recordio.pack((5, label, 7, 1), b'x') == bytes.fromhex(
        '00000000' '00000040' '0700000000000000' '0100000000000000') + b'x'


@pytest.mark.parametrize(('form', 'parameter'), [('.jpg', [1, 95]), ('.JPEG', [1, 95]), ('.png', [16, 95]),
                                                 ('.bmp', None)])
def test_repaired_records_of_images(recordio, form, parameter):
    packed = recordio.pack_img((0, [2, 3], 7, 1), 'image', img_fmt=form)
    assert packed == recordio.pack((0, [2, 3], 7, 1), b'encoded')
    assert recordio.asked == [(form, 'image', parameter)]
    recordio.pack_img((0, 2, 7, 1), 'image')
    assert recordio.asked[1] == ('.jpg', 'image', [1, 95])
    with pytest.raises(AssertionError, match='failed to encode image'):
        recordio.pack_img((0, 2, 7, 1), '', quality=80)
    assert recordio.pack.__doc__ == mx.recordio.pack.__doc__


def test_repaired_metrics_add_up_in_float64_output_by_output():
    class EvalMetric:
        def __init__(self):
            self.sum_metric, self.num_inst, self.global_sum_metric, self.global_num_inst = 0, 0, 0., 0

    class Perplexity(EvalMetric):
        def update(self, labels, preds):
            """Adds up."""
            updates.append((labels, preds))
            self.sum_metric += np.float32(sum(preds))
            self.num_inst += 1

    updates = []
    module = types.SimpleNamespace(__name__='mxnet.metric', EvalMetric=EvalMetric, Perplexity=Perplexity)
    repairs.repair(module, '2.0.0')
    metric = Perplexity()
    assert (metric.num_inst, type(metric.num_inst), type(metric.sum_metric)) == (0, int, int)
    metric.update([1, 2], [BIG, .5])
    assert updates == [([1], [BIG]), ([2], [.5])]
    assert (metric.sum_metric, metric.sum_metric.dtype, metric.num_inst) == (BIG + .5, np.float64, 2)
    for name in ('sum_metric', 'global_sum_metric', 'global_num_inst'):
        setattr(metric, name, np.float32(.1))
        assert type(getattr(metric, name)) is np.float64
    with pytest.raises(AssertionError):
        metric.update([1, 2], [1])
    assert Perplexity.update.__doc__ == 'Adds up.'


@pytest.mark.parametrize('name', ['mxnet._ctypes.ndarray', 'mxnet.kvstore.base', 'mxnet.io.io', 'mxnet.profiler',
                                  'mxnet._ctypes.symbol', 'mxnet.symbol.symbol', 'mxnet.recordio', 'mxnet.gluon.nn'])
def test_which_modules_write_their_arguments_in_other_words(name):
    module = types.SimpleNamespace(**{**vars(mx.recordio), '__name__': name})
    repairs.repair(module, '2.0.0')
    assert (getattr(module, 'str', None) is repairs.text) == (name not in ('mxnet.recordio', 'mxnet.gluon.nn'))
    assert (module.pack is mx.recordio.pack) == (name != 'mxnet.recordio')
    for version in ('1.26.4', '1.9'):
        module = types.SimpleNamespace(**{**vars(mx.recordio), '__name__': name})
        repairs.repair(module, version)
        assert not hasattr(module, 'str')
        assert module.pack is mx.recordio.pack
