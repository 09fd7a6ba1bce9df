"""Every tutorial runs as it is, quickly, and the claims that it asserts hold."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = sorted((ROOT / 'tutorials').glob('[0-9]*.py'))


@pytest.mark.parametrize('path', TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_runs(path, tmp_path):
    environment = {**os.environ, 'GLUON_BN_QUICK': '1', 'MPLBACKEND': 'Agg', 'PYTHONPATH': str(ROOT)}
    done = subprocess.run([sys.executable, '-W', 'error::UserWarning:__main__', str(path)], cwd=tmp_path, timeout=600,
                          env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir()), 'a quick run leaves nothing behind where it is run'


@pytest.mark.parametrize('path', TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_begins_with_its_title(path):
    lines = path.read_text(encoding='utf-8').splitlines()
    assert lines[0] == '# %% [markdown]'
    assert lines[1].startswith('# # ')
