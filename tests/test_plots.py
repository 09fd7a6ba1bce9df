import matplotlib.image
import numpy as np
import pytest

from gluon_bn import plots

HISTORY = [{'epoch': epoch, 'train_acc': 0.9 + 0.01 * epoch, 'test_acc': 0.89 + 0.01 * epoch} for epoch in range(3)]


@pytest.mark.parametrize('history', [[], HISTORY[:1], HISTORY], ids=len)
def test_a_picture_is_drawn_for_any_number_of_epochs(tmp_path, rng, history):
    losses = rng.uniform(0.1, 2, 5 + 10 * len(history))
    plots.plot_run(tmp_path / 'curves.png', losses, 10, history, 'a title')
    picture = matplotlib.image.imread(tmp_path / 'curves.png')
    assert picture.shape[:2] == (480, 1200)
    assert picture[..., :3].std() > 0.05  # something is drawn


def test_the_picture_says_what_it_shows(tmp_path, monkeypatch, rng):
    figures = []
    monkeypatch.setattr(plots.Figure, 'savefig', lambda figure, *args, **options: figures.append(figure))
    plots.plot_run(tmp_path / 'curves.png', rng.uniform(0.1, 2, 30), 10, HISTORY, 'LeNet on mnist')
    loss, accuracy = figures[0].axes
    assert figures[0].get_suptitle() == 'LeNet on mnist' if hasattr(figures[0], 'get_suptitle') else True
    assert 'nats' in loss.get_ylabel()
    assert 'epochs' in loss.get_xlabel()
    assert '%' in accuracy.get_ylabel()
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == ['training images', 'test images']
    np.testing.assert_allclose(accuracy.lines[1].get_ydata(), [89, 90, 91])
    np.testing.assert_allclose(accuracy.lines[1].get_xdata(), [1, 2, 3])


def test_the_moving_average_is_the_formula():
    np.testing.assert_allclose(plots.moving_average([2, 1, 5]), [2, 1.99, 0.99 * 1.99 + 0.05])
