import numpy as np

from gluon_bn.run import plots


def test_the_band_is_one_standard_deviation_of_the_seeds_on_either_side():
    axes = plots.Figure().subplots()
    plots.draw_band(axes, [0, 1], [[1, 5], [3, 5], [8, 5]], 'tab:blue', 'o', 'what')
    deviation = np.std([1, 3, 8], ddof=1)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [4, 5])
    edges = axes.collections[0].get_paths()[0].vertices
    first, second = (edges[edges[:, 0] == x, 1] for x in (0, 1))
    np.testing.assert_allclose([first.min(), first.max()], [4 - deviation, 4 + deviation])
    np.testing.assert_allclose(second, 5)


def test_the_inside_of_each_network_is_a_row(rng):
    look = {'pre-activations': {'1': rng.normal(size=(8, 3)), '2': rng.normal(size=(8, 3))},
            'weights': {'W1': np.ones((2, 3)), 'b1': np.ones(3)},
            'gradients': {'W1': np.full((2, 3), 0.5), 'b1': np.ones(3)}}
    figure = plots.draw_inside({'with': [look, look], 'without': [look, look]}, [0, 10], lr=0.1)
    assert len(figure.axes) == 6
    assert [axes.get_title() for axes in figure.axes[::3]] == ['with', 'without']
    for inputs, gradients, ratios in (figure.axes[:3], figure.axes[3:]):
        assert [text.get_text() for text in inputs.get_legend().get_texts()] == ['layer 1', 'layer 2']
        assert [text.get_text() for text in gradients.get_legend().get_texts()] == ['W1']
        np.testing.assert_allclose(ratios.lines[0].get_ydata(), [0.05, 0.05])
        assert all(axes.get_xlabel() and axes.get_ylabel() for axes in (inputs, gradients, ratios))


def test_the_histograms_are_of_the_first_look_and_of_the_lengths_that_are_not_zero():
    first = {'pre-activations': {'1': np.array([[-3., 1.]])}, 'weights': {'W1': np.full((1, 3), 2.)},
             'gradients': {'W1': np.array([[-1e-2, 0, 1e-4]])}}
    later = {'pre-activations': {'1': np.array([[50., 60.]])}, 'weights': {'W1': np.full((1, 3), 4.)},
             'gradients': {'W1': np.array([[1e3, 1e3, 1e3]])}}
    inputs, gradients, ratios = plots.draw_inside({'net': [first, later]}, [0, 7], lr=0.5).axes
    for axes, low, high in ((inputs, -3, 1), (gradients, -4, -2)):
        outline = axes.patches[0].get_xy()
        np.testing.assert_allclose([outline[:, 0].min(), outline[:, 0].max()], [low, high])
        heights, widths = outline[1:-1:2, 1], np.diff(outline[::2, 0])
        assert (heights > 0).sum() >= 2
        np.testing.assert_allclose((heights * widths[:len(heights)]).sum(), 1, rtol=1e-6)  # a density
    (line, usual) = ratios.lines
    np.testing.assert_allclose(line.get_xdata(), [0, 7])
    np.testing.assert_allclose(line.get_ydata(), [0.5 * np.linalg.norm([1e-2, 1e-4]) / np.linalg.norm([2, 2, 2]),
                                                  0.5 * 1e3 / 4])
    assert usual.get_ydata()[0] == 1e-3
    assert (inputs.get_yscale(), ratios.get_yscale()) == ('log', 'log')


def test_channels_before_and_after(rng):
    filters, before = rng.normal(size=(7, 1, 3, 3)), rng.normal(2, 3, (4, 7, 5, 5))
    after = rng.normal(size=before.shape)
    figure = plots.draw_channels(filters, before, after)
    images = [axes for axes in figure.axes if axes.images]
    np.testing.assert_array_equal([axes.images[0].get_array() for axes in images[:7]], filters[:, 0])
    for axes, values in zip(figure.axes[-2:], (before, after)):
        np.testing.assert_allclose(axes.lines[0].get_ydata(), values.mean(axis=(0, 2, 3)))
    assert [axes.get_title() for axes in figure.axes[-2:]] == ['before batch norm', 'after batch norm']


def test_stored_statistics_and_the_batches_behind_them():
    batches = np.array([4., 2, 6, 5])
    stored = [batches[0]]
    for mean in batches[1:]:
        stored.append(0.8 * stored[-1] + 0.2 * mean)
    figure = plots.draw_stored_statistics(np.array(stored), 0.8, 5., {'bn1': np.zeros(3)}, {'bn1': np.ones(3)})
    left, right = figure.axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), batches[1:])
    np.testing.assert_allclose(left.lines[1].get_ydata(), stored)
    assert list(left.lines[2].get_ydata()) == [5, 5]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ['bn1', 'exact']


def test_accuracies_are_bars_side_by_side():
    axes, = plots.draw_accuracies({'one': {'a': 0.5, 'b': 0.25}, 'two': {'a': 1., 'b': 0.}}).axes
    assert [bar.get_height() for bar in axes.patches] == [50, 25, 100, 0]
    places = [bar.get_x() for bar in axes.patches]
    assert places[0] < places[2] < places[1] < places[3]
    assert [text.get_text() for text in axes.get_xticklabels()] == ['a', 'b']
    assert axes.get_ylim()[1] < 110


def test_the_mean_of_an_epoch_stands_at_its_middle():
    axes, = plots.draw_epoch_losses({'net': [4., 2, 1, 1]}, 2, 'the rows').axes
    each, means = axes.lines
    np.testing.assert_allclose(each.get_xdata(), [0.5, 1, 1.5, 2])
    np.testing.assert_allclose([means.get_xdata(), means.get_ydata()], [[0.5, 1.5], [3, 1]])


def test_times_stand_beside_their_limit_in_milliseconds():
    figure = plots.draw_times([('first', {'slow': 0.004, 'for comparison: other': 0.002}, 0.001, 'copying'),
                               ('second', {'a': 1.}, 0.5, 'arithmetic')])
    first, second = figure.axes
    np.testing.assert_allclose([bar.get_width() for bar in first.patches], [4, 2, 1])
    names = [label.get_text() for label in first.get_yticklabels()]
    assert names == ['slow', 'for comparison: other', 'limit: copying']
    assert first.patches[0].get_facecolor() != first.patches[1].get_facecolor() != first.patches[2].get_facecolor()
    assert (first.get_title(), second.get_title(), first.get_xscale()) == ('first', 'second', 'log')
