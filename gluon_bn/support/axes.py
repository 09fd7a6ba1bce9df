"""Axes of pictures whose numbers people can read: :func:`label_log_axis`. It needs matplotlib alone."""
from matplotlib.ticker import LogLocator, NullLocator


def label_log_axis(axis, decades=5):
    """Write out 1, 2 and 5 of every decade of a logarithmic axis, as plain numbers; of many decades, 1 alone.

    ``axis`` is ``axes.xaxis`` or ``axes.yaxis``, on which everything is drawn; ``decades`` and more are many.
    """
    lowest, highest = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if highest < 10 ** decades * lowest else (1,), numticks=50))
    axis.set_major_formatter('{x:g}')
    axis.set_minor_locator(NullLocator())
