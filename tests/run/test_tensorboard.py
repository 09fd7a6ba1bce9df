"""Event files whole or not at all, and what TensorBoard's own reader finds in them."""
import io
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image

from gluon_bn.run.tensorboard import (
    BINS,
    GREY,
    add_end,
    add_filters,
    add_histograms,
    add_hparams,
    event_file,
    filter_grid,
    part_path,
)

pytest.importorskip('tensorboardX', reason='tensorboardX is not installed')


def test_parts_are_read_as_one_run_and_a_part_written_again_takes_its_place(read_events, tmp_path):
    for number, value in ((0, 5.0), (1, 99.0), (10, 7.0), (1, 6.0)):
        with event_file(tmp_path / 'run', number) as writer:
            writer.add_scalar('loss', value, number)
    assert read_events(tmp_path / 'run') == {('scalars', 'loss'): [(0, 5.0), (1, 6.0), (10, 7.0)]}
    assert sorted((tmp_path / 'run').iterdir()) == [part_path(tmp_path / 'run', number) for number in (0, 1, 10)]


def test_a_part_that_fails_leaves_the_folder_as_it_was(tmp_path):
    with event_file(tmp_path, 0) as writer:
        writer.add_scalar('loss', 1.0, 0)
    before = part_path(tmp_path, 0).read_bytes()
    with pytest.raises(ValueError, match='step'), event_file(tmp_path, 0) as writer:
        writer.add_scalar('loss', 2.0, int('step'))
    assert list(tmp_path.iterdir()) == [part_path(tmp_path, 0)]
    assert part_path(tmp_path, 0).read_bytes() == before


def test_what_a_killed_process_left_is_no_run_and_goes_with_the_next_part(read_events, tmp_path):
    (tmp_path / '.unfinished').mkdir()
    for name in ('part', '.part.4711.tmp'):
        (tmp_path / '.unfinished' / name).write_bytes(b'half an event')
    with event_file(tmp_path, 0) as writer:
        writer.add_scalar('loss', 1.0, 0)
    assert list(tmp_path.iterdir()) == [part_path(tmp_path, 0)]
    assert read_events(tmp_path) == {('scalars', 'loss'): [(0, 1.0)]}


def test_without_tensorboardx_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'tensorboardX', None)
    with pytest.raises(ImportError, match=r"pip install .*\[tensorboard\]'"), event_file(tmp_path, 0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_histograms_hold_the_finite_values(read_events, tmp_path, rng):
    arrays = {'normal': rng.normal(size=(50, 20)).astype(np.float32), 'constant': np.zeros(7, np.float32),
              'partly': np.array([1, np.nan, 3, np.inf], np.float32), 'nothing': np.full(3, np.nan)}
    with event_file(tmp_path, 0) as writer:
        add_histograms(writer, 'weights', arrays, 5)
    events = read_events(tmp_path)
    assert set(events) == {('histograms', 'weights/' + name) for name in ('normal', 'constant', 'partly')}
    for name, values in (('normal', arrays['normal'].ravel()), ('constant', np.zeros(7)), ('partly', np.array([1, 3]))):
        [(step, found)] = events['histograms', 'weights/' + name]
        assert (step, found.num, found.min, found.max) == (5, values.size, values.min(), values.max())
        assert found.sum == pytest.approx(values.sum(dtype=np.float64))
        assert sum(found.bucket) == values.size
    counts, edges = np.histogram(arrays['normal'].astype(np.float64), bins=BINS)
    [(_, found)] = events['histograms', 'weights/normal']
    assert found.bucket[-BINS:] == counts.tolist()
    np.testing.assert_array_equal(found.bucket_limit[-BINS:], edges[1:])


@pytest.mark.parametrize(('shape', 'size'), [((20, 1, 3, 3), (140, 174)), ((100, 784), (324, 324))])
def test_filters_become_an_image_that_decodes(shape, size, read_events, tmp_path, rng):
    weights = rng.normal(size=shape).astype(np.float32)
    with event_file(tmp_path, 0) as writer:
        add_filters(writer, weights, 3)
    [(step, encoded)] = read_events(tmp_path)['images', 'filters']
    pixels = np.rint(255 * image.imread(io.BytesIO(encoded))[..., :3]).astype(np.uint8)
    assert (step, pixels.shape) == (3, (*size, 3))
    side = {9: 3, 784: 28}[weights[0].size]
    np.testing.assert_array_equal(pixels, filter_grid(weights.reshape(-1, side, side)))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 6))
def test_each_weight_of_the_grid_is_a_square_with_the_colour_of_its_sign(n, side, gap):
    """Red above 0, blue below, and the opposite filters have the opposite colours."""
    filters = np.random.default_rng([n, side]).normal(size=(n, side, side))
    grid = filter_grid(filters, gap).astype(int)
    columns = int(np.ceil(n ** 0.5))
    zoom = -(-28 // side)
    tile = side * zoom + gap
    assert grid.shape == (-(-n // columns) * tile + gap, columns * tile + gap, 3)
    assert (grid[:gap] == GREY).all()
    assert (grid[:, grid.shape[1] - gap:] == GREY).all()
    redness = np.empty(filters.shape)
    for i in range(n):
        top, left = gap + i // columns * tile, gap + i % columns * tile
        squares = grid[top:top + side * zoom, left:left + side * zoom].reshape(side, zoom, side, zoom, 3)
        assert (squares == squares[:, :1, :, :1]).all()
        redness[i] = squares[:, 0, :, 0, 0] - squares[:, 0, :, 0, 2]
    clear = np.abs(filters) > 0.05 * np.abs(filters).max()
    np.testing.assert_array_equal(np.sign(redness[clear]), np.sign(filters[clear]))


def test_filters_of_zeros_are_white():
    assert (filter_grid(np.zeros((1, 3, 3)), gap=0) > 240).all()


def test_hyper_parameters_are_one_session_of_the_run_itself(tmp_path):
    loader = pytest.importorskip('tensorboard.backend.event_processing.plugin_event_accumulator',
                                 reason='tensorboard is not installed')
    from tensorboard.plugins.hparams import plugin_data_pb2

    with event_file(tmp_path, 0) as writer:
        add_hparams(writer, {'lr': 0.1, 'batch_norm': True, 'dataset': 'mnist', 'limit': None}, ('loss',))
        writer.add_scalar('loss', 2.0, 0)
    with event_file(tmp_path, 1) as writer:
        writer.add_scalar('loss', 1.5, 1)
        add_end(writer)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    events = loader.EventAccumulator(str(tmp_path))
    events.Reload()
    found = {tag: plugin_data_pb2.HParamsPluginData.FromString(content)
             for tag, content in events.PluginTagToContent('hparams').items()}
    assert set(found) == {'_hparams_/experiment', '_hparams_/session_start_info', '_hparams_/session_end_info'}
    started = found['_hparams_/session_start_info'].session_start_info.hparams
    assert (started['lr'].number_value, started['batch_norm'].bool_value, started['dataset'].string_value) == (
        0.1, True, 'mnist')
    assert 'limit' not in started
    assert [info.name.tag for info in found['_hparams_/experiment'].experiment.metric_infos] == ['loss']
    assert found['_hparams_/session_end_info'].session_end_info.status == 1  # STATUS_SUCCESS
