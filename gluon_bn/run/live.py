"""Figures in a notebook or a window: :class:`LivePlot` grows while training runs, :func:`show` shows one once."""
import io
import sys
import time
from pathlib import Path

from matplotlib import get_backend

from ..support.arguments import integer
from .curves import draw_history, save_history


class LivePlot:
    """Call it with a history after each epoch: it draws the losses and accuracies so far where they can be seen.

    In a notebook a cell's output is updated; with a display, a window; elsewhere pictures ``epoch_00001.png``, ... are
    saved in a folder.

    Parameters
    ----------
    frames : the folder for pictures; None saves none
    every : int, a picture is saved every so many epochs. Windows and cells are updated at most once a second.
    title : str

    Example
    -------
    >>> live = LivePlot(path, every=2)
    >>> history = {'train_loss': [2., 1.], 'train_acc': [0.5, 0.6]}
    >>> live(history)
    >>> [file.name for file in path.iterdir()]
    ['epoch_00002.png']
    """

    def __init__(self, frames=None, every=1, title=''):
        self.frames, self.title = None if frames is None else Path(frames), title
        self.every = integer('every', every, at_least=1)
        self._where = _where_to_show()
        self._shown, self._last = None, float('-inf')

    def __call__(self, history):
        """Show the history so far: a dict with lists ``train_loss``, ``train_acc``, and so on for dev and test."""
        epochs = len(history['train_loss'])
        if self._where == 'files':
            if self.frames is not None and epochs % self.every == 0:
                save_history(self.frames / f'epoch_{epochs:05d}.png', history, self.title)
        elif time.monotonic() - self._last >= 1:
            self._last = time.monotonic()
            (self._show_in_cell if self._where == 'notebook' else self._show_in_window)(history)

    def _show_in_cell(self, history):
        from IPython.display import Image, display  # it is there: this is a notebook
        png = io.BytesIO()  # a picture, because only pyplot's backends teach a notebook to show figures
        save_history(png, history, self.title)
        picture = Image(data=png.getvalue())
        if self._shown is None:
            self._shown = display(picture, display_id=True)
        else:
            self._shown.update(picture)

    def _show_in_window(self, history):
        import matplotlib.pyplot as plt  # only here: it opens the display
        if self._shown is None:
            self._shown = plt.figure(figsize=(10, 4), layout='constrained')
            plt.show(block=False)
        self._shown.clear()
        draw_history(self._shown, history, self.title)
        self._shown.canvas.draw_idle()
        self._shown.canvas.flush_events()


def show(figure):
    """Show a figure that was made without pyplot: in the notebook's cell, or in a window; elsewhere nothing is done.

    >>> from matplotlib.figure import Figure
    >>> show(Figure())
    """
    where = _where_to_show()
    if where == 'files':
        return
    png = io.BytesIO()
    figure.savefig(png, format='png', dpi=100)
    if where == 'notebook':
        from IPython.display import Image, display  # it is there: this is a notebook
        display(Image(data=png.getvalue()))
        return
    import matplotlib.pyplot as plt  # only here: it opens the display
    png.seek(0)
    window = plt.figure(figsize=figure.get_size_inches(), layout='constrained')
    axes = window.subplots()
    axes.imshow(plt.imread(png))
    axes.axis('off')
    plt.show()


def _where_to_show():
    """'notebook', 'window' or 'files'."""
    ipython = sys.modules.get('IPython')
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and getattr(shell, 'kernel', None) is not None:
        return 'notebook'
    noninteractive = ('agg', 'cairo', 'pdf', 'pgf', 'ps', 'svg', 'template')
    return 'files' if get_backend().lower() in noninteractive else 'window'
