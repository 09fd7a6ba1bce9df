"""Progress of an epoch: a bar on a terminal, plain lines elsewhere."""
import sys
from contextlib import contextmanager

from tqdm import tqdm

LINES_PER_EPOCH = 10
LOSS = 'loss (moving average)'


@contextmanager
def progress(name, done, total, file=None):
    """Yield ``show(batch, loss)``, to be called for each batch of an epoch of which ``done`` batches are done.

    ``loss`` is a moving average up to this batch, and is called so. On a terminal a bar moves, with the rate, the loss
    and the time left; elsewhere a line is printed every tenth of the epoch. Both go to ``file``, or to
    standard error.
    """
    file = file or sys.stderr
    if file.isatty():
        with tqdm(total=total, initial=done, desc=name, unit='batch', file=file) as bar:
            def show(batch, loss):
                bar.set_postfix_str(f"{LOSS} {loss:.4f}", refresh=False)
                bar.update(batch - bar.n)
            yield show
    else:
        step = max(1, total // LINES_PER_EPOCH)

        def show(batch, loss):
            if batch % step == 0:
                print(f"{name}: batch {batch} of {total}, {LOSS} {loss:.4f}", file=file, flush=True)
        yield show
