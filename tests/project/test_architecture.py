"""The architecture page names what there is."""
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'architecture.md'
ROOM = re.compile(r'`(gluon_bn/[\w./-]+)`')


@pytest.fixture
def page():
    if not PAGE.exists():
        pytest.skip('the pages are in a checkout alone')
    return PAGE.read_text(encoding='utf-8')


def test_every_path_exists(page):
    paths = set(re.findall(r'`((?:gluon_bn|scripts|tests|tutorials)/[\w./-]*)`', page))
    assert len(paths) > 30
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_module_is_in_a_room(page):
    table = page.partition('## The rooms')[2].partition('\n## ')[0]
    rooms = [ROOT / room for row in table.splitlines() if row.startswith('|') for room in ROOM.findall(row)]
    modules = [path for path in (ROOT / 'gluon_bn').rglob('*.py') if path.name not in ('__init__.py', '__main__.py')]
    assert [str(path) for path in modules if not any(path == room or room in path.parents for room in rooms)] == []


def test_the_state_of_each_row_is_in_its_module(page):
    table = page.partition('## Module-level state')[2]
    rows = [row.split('|')[1] for row in table.splitlines() if row.startswith('| `')]
    assert rows
    for row in rows:
        names = []
        for word in re.findall(r'`([\w./-]+)`', row):  # names, then the module that they are in
            if not word.startswith('gluon_bn/'):
                names.append(word)
                continue
            text = (ROOT / word).read_text(encoding='utf-8')
            assert names
            assert [name for name in names if not re.search(rf'^(def )?{name}\b', text, re.M)] == []
            names = []
        assert names == [], row
