"""What the user sees while an epoch runs: a bar on a terminal, lines elsewhere."""
import fcntl
import io
import os
import pty
import struct
import sys
import termios

import pytest

from gluon_bn.support.progress import progress


def run(monkeypatch, stream, batches=range(4, 11), total=10):
    monkeypatch.setattr(sys, 'stderr', stream)
    with progress('Epoch 3', batches[0] - 1, total) as show:
        for batch in batches:
            show(batch, 0.5)


def test_a_bar_with_rate_loss_and_time_left_on_a_terminal(monkeypatch):
    try:
        ours, theirs = pty.openpty()
    except OSError:
        pytest.skip('this machine has no pseudo-terminals (/dev/pts)')
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 120, 0, 0))
    with os.fdopen(theirs, 'w') as terminal:
        run(monkeypatch, terminal)
        monkeypatch.undo()
        terminal.flush()
        shown = b''
        while b'\n' not in shown:  # the end of the bar; a terminal passes on what it gets piece by piece
            shown += os.read(ours, 65536)
    os.close(ours)
    last = shown.decode().replace('\r', '\n').strip().splitlines()[-1]
    assert last.startswith('Epoch 3: 100%')
    for part in ('10/10', 'loss (moving average) 0.5000', 'batch/s'):
        assert part in last
    assert '<' in last  # elapsed < left


def test_a_line_every_tenth_of_an_epoch_elsewhere(monkeypatch):
    stream = io.StringIO()
    run(monkeypatch, stream, range(1, 101), 100)
    monkeypatch.undo()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == 'Epoch 3: batch 10 of 100, loss (moving average) 0.5000'
