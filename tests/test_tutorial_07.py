"""The tutorial on differentiable programming runs, and all that it asserts holds."""
import os
import subprocess
import sys
from pathlib import Path

TUTORIAL = Path(__file__).resolve().parent.parent / 'tutorials' / '07_differentiable_programming.py'


def test_the_tutorial_runs_with_little_work():
    done = subprocess.run([sys.executable, str(TUTORIAL)], capture_output=True, text=True, timeout=600, check=False,
                          env={**os.environ, 'GLUON_BN_QUICK': '1', 'MPLBACKEND': 'Agg',
                               'PYTHONPATH': str(TUTORIAL.parent.parent)})
    assert done.returncode == 0, done.stderr
    assert done.stderr == ''
