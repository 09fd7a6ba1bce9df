"""The program of the page on many workers, as it stands there."""
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gluon_bn.parallel.launch import ENVIRONMENT, files_in

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_it_computes_the_same_with_one_process_and_with_two(mpi, tmp_path):
    page = (ROOT / 'docs' / 'howto' / 'many_workers.md').read_text()
    (tmp_path / 'program.py').write_text(textwrap.dedent(re.search(r'( *import gluon_bn.*?)```', page, re.S).group(1)))
    losses = []
    for size in ('1', '2'):
        done = subprocess.run([mpi, '-n', size, sys.executable, '-m', 'mpi4py', tmp_path / 'program.py'], timeout=300,
                              text=True, capture_output=True, check=True, stdin=subprocess.DEVNULL,
                              env={**os.environ, **ENVIRONMENT, **files_in(str(tmp_path)), 'PYTHONPATH': str(ROOT)})
        losses.append(list(map(float, done.stdout.split())))
    alone, together = losses
    assert len(alone) == 5
    # Later they part: the page says why.
    assert max(abs(one / two - 1) for one, two in zip(alone[:2], together)) < 1e-5
    assert together[-1] < 0.8 * together[0]
