import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from gluon_bn.run import curves

HISTORY = [{'epoch': epoch, 'train_acc': 0.9 + 0.01 * epoch, 'test_acc': 0.89 + 0.01 * epoch} for epoch in range(3)]
BY_PART = {f'{part}_{what}': [0.9, 0.8, 0.7] for part in ('train', 'dev', 'test') for what in ('loss', 'acc')}


@pytest.mark.parametrize('history', [[], HISTORY[:1], HISTORY], ids=len)
def test_a_picture_is_drawn_for_any_number_of_epochs(tmp_path, rng, history):
    losses = rng.uniform(0.1, 2, 5 + 10 * len(history))
    curves.plot_run(tmp_path / 'curves.png', losses, 10, history, 'a title')
    picture = matplotlib.image.imread(tmp_path / 'curves.png')
    assert picture.shape[:2] == (480, 1200)
    assert picture[..., :3].std() > 0.05  # something is drawn


def test_the_picture_says_what_it_shows(tmp_path, monkeypatch, rng):
    figures = []
    monkeypatch.setattr(curves.Figure, 'savefig', lambda figure, *args, **options: figures.append(figure))
    curves.plot_run(tmp_path / 'curves.png', rng.uniform(0.1, 2, 30), 10, HISTORY, 'LeNet on mnist')
    loss, accuracy = figures[0].axes
    assert figures[0]._suptitle.get_text() == 'LeNet on mnist'
    assert 'nats' in loss.get_ylabel()
    assert 'epochs' in loss.get_xlabel()
    assert '%' in accuracy.get_ylabel()
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == ['training images', 'test images']
    np.testing.assert_allclose(accuracy.lines[1].get_ydata(), [89, 90, 91])
    np.testing.assert_allclose(accuracy.lines[1].get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(accuracy.lines[0].get_ydata(), [90, 91, 92])
    assert {text.get_text(): text.xy for text in accuracy.texts} == {'92.00 %': (3, 92), '91.00 %': (3, 91)}
    assert loss.get_yscale() == 'log'
    assert accuracy.get_xlim() == (0, pytest.approx(3.3))


def test_held_out_images_are_called_so(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(curves.Figure, 'savefig', lambda figure, *args, **options: figures.append(figure))
    curves.plot_run(tmp_path / 'curves.png', [1, 2], 2, [{'epoch': 0, 'train_acc': 0.9, 'valid_acc': 0.8}], 'title')
    accuracy = figures[0].axes[1]
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == ['training images', 'held-out images']
    np.testing.assert_allclose(accuracy.lines[1].get_ydata(), [80])


def test_the_moving_average_is_the_weighted_mean_of_what_came_so_far():
    weights = [0.99 ** 2, 0.99, 1]
    np.testing.assert_allclose(curves.moving_average([2, 1, 5]), [
        2, np.average([2, 1], weights=weights[1:]), np.average([2, 1, 5], weights=weights)])


def test_the_moving_average_goes_on_from_epoch_to_epoch(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(curves.Figure, 'savefig', lambda figure, *args, **options: figures.append(figure))
    losses = [4, 2, 1, 3, 5, 9, 7]
    curves.plot_run(tmp_path / 'curves.png', losses, 3, HISTORY[:2], 'title')
    each, average = figures[0].axes[0].lines
    np.testing.assert_allclose(each.get_ydata(), losses)
    np.testing.assert_allclose(each.get_xdata(), np.arange(1, 8) / 3)
    np.testing.assert_allclose(average.get_ydata(), [
        np.average(losses[:n], weights=0.99 ** np.arange(n)[::-1]) for n in range(1, 8)])
    np.testing.assert_allclose(average.get_xdata(), each.get_xdata())
    assert 'moving average' in average.get_label()


def test_a_picture_that_cannot_be_drawn_leaves_the_old_one(tmp_path, monkeypatch):
    def fail(figure, file, **options):
        file.write(b'half')
        raise MemoryError

    path = tmp_path / 'curves.png'
    path.write_bytes(b'old')
    monkeypatch.setattr(curves.Figure, 'savefig', fail)
    with pytest.raises(MemoryError):
        curves.plot_run(path, [1, 2], 2, [], 'title')
    assert path.read_bytes() == b'old'


def test_what_is_drawn():
    figure = curves.Figure()
    curves.draw_history(figure, BY_PART, 'the title')
    loss, accuracy = figure.axes
    expected = [BY_PART[f'{part}_loss'] for part in ('train', 'dev', 'test')]
    assert [line.get_ydata().tolist() for line in loss.lines] == expected
    assert accuracy.lines[0].get_ydata().tolist() == pytest.approx([90, 80, 70])
    assert 'nats' in loss.get_ylabel()
    assert '%' in accuracy.get_ylabel()


def test_a_picture_is_written_whole(tmp_path):
    curves.save_history(tmp_path / 'curves.png', BY_PART)
    assert (tmp_path / 'curves.png').read_bytes().startswith(b'\x89PNG')
    assert len(list(tmp_path.iterdir())) == 1


def test_losses_have_plain_numbers_on_their_axis(tmp_path, monkeypatch):
    figures = [Figure()]
    monkeypatch.setattr(curves.Figure, 'savefig', lambda figure, *args, **options: figures.append(figure))
    curves.draw_history(figures[0], BY_PART)
    curves.plot_run(tmp_path / 'curves.png', [0.9, 0.8, 0.3], 10, HISTORY, 'title')
    for figure in figures:
        axis = figure.axes[0].yaxis
        assert not axis.get_minor_formatter().format_ticks(axis.get_minorticklocs())
        labels = axis.get_major_formatter().format_ticks(axis.get_majorticklocs())
        assert len(labels) > 1
        assert all(float(label) > 0 for label in labels)


def test_what_a_reader_needs_beside_the_lines(tmp_path, monkeypatch):
    """A legend for both panels, epochs as whole numbers, and percentages as they are, not as differences from one."""
    figures = []
    monkeypatch.setattr(curves.Figure, 'savefig', lambda figure, *args, **options: figures.append(figure))
    history = [{'epoch': epoch, 'train_acc': 0.99990 + 1e-6 * epoch, 'test_acc': 0.99980} for epoch in range(3)]
    curves.plot_run(tmp_path / 'curves.png', [0.9, 0.8, 0.3], 1, history, 'title')
    loss, accuracy = figures[0].axes
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        'each batch', 'moving average, about 100 batches']
    assert not accuracy.yaxis.get_major_formatter().get_useOffset()
    own = Figure()
    curves.draw_history(own, BY_PART, 'title')
    for axes in (accuracy, *own.axes):
        assert axes.get_legend() is not None
        ticks = axes.xaxis.get_major_locator().tick_values(0, 3)
        assert (ticks == ticks.round()).all()
