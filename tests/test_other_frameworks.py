"""The page on other frameworks: each block prints what stands below it, where its framework is installed."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / 'docs' / 'other_frameworks.md').read_text(encoding='utf-8')
BLOCKS = dict(zip(('mxnet', 'torch', 'jax'), re.findall(r'```python\n(.+?)```\s+```\n(.+?)```', PAGE, re.S)))


@pytest.mark.parametrize('framework', BLOCKS)
def test_a_block_prints_what_stands_below_it(framework):
    code, printed = BLOCKS[framework]
    if framework != 'mxnet':
        pytest.importorskip(framework)
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert result.stdout == printed


def test_there_is_a_block_for_each_framework():
    assert [framework in code for framework, (code, _) in BLOCKS.items()] == [True] * 3
