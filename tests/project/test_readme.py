"""The README's example runs and prints what the README says; its commands, files and links are there."""
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / 'README.md').read_text(encoding='utf-8')
ABOUT = re.compile(r'about (\d+\.\d+)$', re.M)


def test_the_example_prints_what_it_says():
    """To the last character; but a number after "about" is of a training, whose last digit depends on the processor."""
    code, printed = re.search(r'```python\n(.+?)```\s+It prints\s+```\n(.+?)```', README, re.S).groups()
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert ABOUT.sub('about', result.stdout) == ABOUT.sub('about', printed)
    assert [float(n) for n in ABOUT.findall(result.stdout)] == pytest.approx(
        [float(n) for n in ABOUT.findall(printed)], abs=0.0101)
    assert len(ABOUT.findall(printed)) == 1


def test_what_the_main_job_prints_is_what_its_table_of_results_says():
    table = json.loads((ROOT / 'docs' / 'results' / 'accuracy.json').read_text(encoding='utf-8'))
    printed = re.search(r'^Epoch 0\. Loss: [\d.]+, Train_acc ([\d.]+), Test_acc ([\d.]+)$', README, re.M).groups()
    assert table['rows'][0] == ['1 epoch, seed 0', *printed]


def test_both_commands_are_on_the_first_screen():
    screen = README[:3500]
    assert 'bash scripts/run.sh' in screen
    assert 'bash scripts/test.sh' in screen


def test_commands_are_written_in_one_way():
    """For a terminal in which .venv is active: the README says how, and no page names its programs by path."""
    assert '`. .venv/bin/activate`, once in each terminal, makes `python` and\n`gluon-bn` those of `.venv`' in README
    pages = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *(ROOT / 'docs').rglob('*.md'),
             *(ROOT / 'tutorials').rglob('*.md'), *(ROOT / 'tutorials').rglob('*.py')]
    for page in pages:
        text = page.read_text(encoding='utf-8')
        assert text.count('.venv/bin/') == text.count('.venv/bin/activate'), page


def test_every_file_that_is_named_exists():
    named = set(re.findall(r'\]\(((?!https?://)[^)#]+)', README)) | set(
        re.findall(r'`((?:scripts|tutorials|tests|gluon_bn)/[\w./-]+)`', README))
    assert named
    missing = sorted(name for name in named if not (ROOT / name).exists())
    assert not missing


def test_every_extra_is_in_the_table_of_installing():
    metadata = (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
    extras = re.search(r'^\[project.optional-dependencies\]\n(.+?)^\[', metadata, re.M | re.S)[1]
    rows = re.findall(r'^\| (`.+?`) \|', (ROOT / 'docs' / 'howto' / 'installing.md').read_text(encoding='utf-8'), re.M)
    assert sorted(re.findall(r'^([\w-]+) = ', extras, re.M)) == sorted(re.findall(r'`([\w-]+)`', ' '.join(rows)))


def test_tutorials_and_exercises_are_as_many_as_is_said():
    there = {'tutorials': len(list((ROOT / 'tutorials').glob('[0-9]*.py'))),
             'exercises': len(list((ROOT / 'tutorials' / 'exercises').glob('[0-9]*.py')))}
    words = {'eleven': 11, 'twelve': 12, 'thirteen': 13, 'fourteen': 14}
    pages = README + (ROOT / 'docs' / 'index.md').read_text(encoding='utf-8')
    said = re.findall(rf"({'|'.join(words)}) (tutorials|exercises)", pages, re.I)
    assert {kind for _, kind in said} == set(there)
    assert [words[word.lower()] for word, _ in said] == [there[kind] for _, kind in said]
