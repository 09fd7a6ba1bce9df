import sys
import types

import pytest

from gluon_bn.run import live
from gluon_bn.run.live import LivePlot

HISTORY = {f'{part}_{what}': [0.9, 0.8, 0.7] for part in ('train', 'dev', 'test') for what in ('loss', 'acc')}


def test_without_a_display_frames_are_saved(tmp_path):
    live = LivePlot(tmp_path / 'frames', every=2, title='t')
    for epochs in (1, 2, 3, 4):
        live({name: [0.5] * epochs for name in HISTORY})
    assert sorted(path.name for path in (tmp_path / 'frames').iterdir()) == ['epoch_00002.png', 'epoch_00004.png']
    LivePlot()(HISTORY)  # nowhere to draw: nothing happens


def test_a_notebook_cell_is_updated(monkeypatch):
    """In a notebook one display is made and then updated."""
    shown = []

    class Handle:
        def update(self, picture):
            shown.append(('update', picture['data'][:4]))

    def display(picture, display_id):
        assert display_id is True  # without it nothing can be updated
        shown.append(('display', picture['data'][:4]))
        return Handle()

    ipython = types.ModuleType('IPython')
    ipython.version_info = (9, 0, 0)  # matplotlib asks for it
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    ipython_display = types.ModuleType('IPython.display')
    ipython_display.display, ipython_display.Image = display, dict
    monkeypatch.setitem(sys.modules, 'IPython', ipython)
    monkeypatch.setitem(sys.modules, 'IPython.display', ipython_display)
    now = [100.]
    monkeypatch.setattr('gluon_bn.run.live.time.monotonic', lambda: now[0])
    live = LivePlot()
    live(HISTORY)
    live(HISTORY)  # too soon after the first
    now[0] += 2
    live(HISTORY)
    assert shown == [('display', b'\x89PNG'), ('update', b'\x89PNG')]


def test_a_window_is_drawn_into(monkeypatch):
    """With an interactive backend the same figure is cleared and drawn again."""
    monkeypatch.setattr('gluon_bn.run.live.get_backend', lambda: 'TkAgg')
    live = LivePlot()
    import matplotlib.pyplot as plt
    monkeypatch.setattr(plt, 'show', lambda block: None)
    live(HISTORY)
    live._last -= 2
    live(HISTORY)
    assert len(live._shown.axes) == 2
    plt.close(live._shown)


def test_a_figure_is_shown_in_a_cell_in_a_window_or_nowhere(monkeypatch):
    from matplotlib.figure import Figure
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([1, 2])
    live.show(figure)                                   # no display: nothing happens
    shown = []
    ipython_display = types.ModuleType('IPython.display')
    ipython_display.display, ipython_display.Image = shown.append, dict
    monkeypatch.setitem(sys.modules, 'IPython.display', ipython_display)
    monkeypatch.setattr(live, '_where_to_show', lambda: 'notebook')
    live.show(figure)
    assert shown[0]['data'][:4] == b'\x89PNG'
    import matplotlib.pyplot as plt
    monkeypatch.setattr(live, '_where_to_show', lambda: 'window')
    monkeypatch.setattr(plt, 'show', lambda: shown.append(plt.gcf()))
    live.show(figure)
    assert shown[1].get_size_inches().tolist() == [3, 2]
    assert shown[1].axes[0].images[0].get_array().shape[:2] == (200, 300)
    plt.close(shown[1])


@pytest.mark.slow
def test_in_a_real_notebook_one_picture_is_updated():
    nbformat, nbclient = pytest.importorskip('nbformat'), pytest.importorskip('nbclient')
    cell = nbformat.v4.new_code_cell(
        "import time\nfrom gluon_bn.run.live import LivePlot\nlive = LivePlot()\nfor epochs in (1, 2):\n"
        "    live({'train_loss': [1.] * epochs, 'train_acc': [0.5] * epochs})\n    time.sleep(1.1)")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=600).execute()
    outputs = [output for output in notebook.cells[0].outputs if output.output_type == 'display_data']
    assert len(outputs) == 1
    assert 'image/png' in outputs[0].data


@pytest.mark.parametrize('every', [0, -1, 2.5, True, None])
def test_a_picture_is_saved_every_so_many_epochs(every, tmp_path):
    with pytest.raises((ValueError, TypeError), match='^every is .*; expected a whole number, at least 1'):
        LivePlot(tmp_path, every)


@pytest.mark.parametrize(('shell', 'where'), [
    (None, 'files'), (types.SimpleNamespace(), 'files'), (types.SimpleNamespace(kernel=None), 'files'),
    (types.SimpleNamespace(kernel=object()), 'notebook')], ids=['python', 'terminal', 'no kernel', 'notebook'])
def test_a_notebook_is_what_has_a_kernel(shell, where, monkeypatch):
    monkeypatch.setitem(sys.modules, 'IPython', types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(live, 'get_backend', lambda: 'agg')
    assert live._where_to_show() == where
    monkeypatch.delitem(sys.modules, 'IPython')
    assert live._where_to_show() == 'files'
    monkeypatch.setattr(live, 'get_backend', lambda: 'TkAgg')
    assert live._where_to_show() == 'window'
