"""Every tutorial runs (in quick mode), has the parts that all of them have, and needs nothing that is not public."""
import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / 'tutorials').glob('[0-9]*.py'))
SECONDS = 300  # far more than any needs, so that a hang ends and a busy machine does not matter
NAMEDTUPLE = ('_replace', '_asdict', '_fields')  # public, in spite of their names
SECTIONS = ('question', 'expect', 'mathematics', 'fact', 'conjecture', 'exercises', 'next')

LONG = ('02', '05', '09', '10', '11', '14')  # in quick mode, too, they take more than a few seconds of a processor
SITE_RUNS_THEM = [pytest.mark.slow, pytest.mark.by_hand]  # .ci/run executes them once, when it builds the site
every_tutorial = pytest.mark.parametrize('path', TUTORIALS, ids=lambda path: path.stem)


def markdown(path):
    """The text of the markdown cells."""
    cells = path.read_text(encoding='utf-8').split('\n# %%')
    return '\n'.join(re.sub('^# ?', '', line) for cell in cells if '[markdown]' in cell.split('\n')[0]
                     for line in cell.split('\n')[1:])


def from_table():
    """The names of gluon_bn beside the public ones that tutorials may use: module -> names, from ``docs/api.md``."""
    text = (ROOT / 'docs' / 'api.md').read_text(encoding='utf-8')
    return {module: re.findall(r'`(\w+)`', cell) for module, cell in re.findall(r'^\| `(\S+)` \| (.+) \|$', text, re.M)}


def public_names(module):
    """The names of a module of gluon_bn that users may rely on, as a list."""
    if f'{{public-names}} {module}\n' in (ROOT / 'docs' / 'api.md').read_text(encoding='utf-8'):
        module = importlib.import_module(module)
        return getattr(module, '__all__', [name for name in vars(module) if not name.startswith('_')])
    return from_table().get(module, [])


def imported_names(source):
    """The ``(module, name)`` that ``source`` imports from modules of gluon_bn."""
    return [(node.module, alias.name) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)
            and (node.module or '').split('.')[0] == 'gluon_bn' for alias in node.names]


def private_names(source):
    """What ``source`` imports or reads of gluon_bn that is not public, as a list."""
    tree, package = ast.parse(source), set()
    found = [name for module, name in imported_names(source) if name not in public_names(module)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split('.')[0] == 'gluon_bn':
                    package.add(alias.asname or 'gluon_bn')
                    found += [] if public_names(alias.name) else [alias.name]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match('_[^_]', node.attr) and node.attr not in NAMEDTUPLE:
            found.append(node.attr)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in package:
            found += [] if node.attr in public_names('gluon_bn') else [node.attr]
    return found


def test_there_are_tutorials_with_numbers_of_their_own():
    numbers = [path.name.split('_')[0] for path in TUTORIALS]
    assert {'01', '02'} <= set(numbers)
    assert len(set(numbers)) == len(numbers)


@every_tutorial
def test_no_sentence_ends_in_the_middle(path):
    text = re.sub(r'\s*\$\$.*?\$\$', '$', markdown(path), flags=re.S)  # a formula is a part of the sentence before it
    blocks = re.split(r'\n(?:\s*\n|(?=- |\d+\. |#|\|))', text)
    endings = [block.strip().split('\n')[-1] for block in blocks if block.strip() and not block.startswith(('#', '|'))]
    assert [line for line in endings if not re.search(r'[.:!?`|$*,;)]$', line)] == []


@pytest.mark.parametrize('path', [
    pytest.param(path, id=path.stem, marks=SITE_RUNS_THEM if path.stem.startswith(LONG) else [])
    for path in TUTORIALS])
def test_runs_in_quick_mode(path):
    environment = {**os.environ, 'GLUON_BN_QUICK': '1', 'MPLBACKEND': 'Agg',
                   'PYTHONPATH': os.pathsep.join(filter(None, (str(ROOT), os.environ.get('PYTHONPATH'))))}
    run = subprocess.run([sys.executable, '-W', 'default', str(path)], env=environment, timeout=SECONDS,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, run.stdout
    ours = [line for line in run.stdout.splitlines()
            if re.search(r'(tutorials|gluon_bn)/.*Warning', line) and 'site-packages' not in line]
    assert not ours, run.stdout


@every_tutorial
def test_begins_with_a_title_and_has_the_sections(path):
    first_cell = path.read_text(encoding='utf-8').split('\n# %%')[0]
    assert re.match(r'# %% \[markdown\]\n# # \w', first_cell)
    assert 'Batch norm, in one sentence: ' in first_cell
    headings = ' '.join(re.findall('^#+ (.*)$', markdown(path), flags=re.M)).lower()
    assert [section for section in SECTIONS if section not in headings] == []
    assert 'Algorithm' in markdown(path)


@every_tutorial
def test_its_questions_are_answered(path):
    answers = (ROOT / 'tutorials' / 'answers.md').read_text(encoding='utf-8')
    sections = dict(re.findall(r'^## (\d\d) [^\n]+\n(.+?)(?=^## |\Z)', answers, re.M | re.S))
    questions = markdown(path).split('## Exercises')[1].split('## Next')[0]
    assert 'answers.md' in questions
    numbers = re.findall(r'^(\d)\. ', questions, re.M)
    assert re.findall(r'^(\d)\. ', sections[path.stem[:2]], re.M) == numbers


@every_tutorial
def test_needs_only_public_names(path):
    assert private_names(path.read_text(encoding='utf-8')) == []


def test_the_table_has_no_names_that_no_tutorial_uses():
    used = {name for path in TUTORIALS for name in imported_names(path.read_text(encoding='utf-8'))}
    assert {(module, name) for module, names in from_table().items() for name in names} - used == set()


@every_tutorial
def test_checks_what_it_claims(path):
    text = path.read_text(encoding='utf-8')
    assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(text)))


@pytest.mark.parametrize(('source', 'found'), [
    ('import gluon_bn as gbn\ngbn.relu', []),
    ('import gluon_bn as gbn\ngbn.data.load', []),
    ('import gluon_bn._mxnet', ['gluon_bn._mxnet']),
    ('from gluon_bn._mxnet import nd', ['nd']),
    ('from gluon_bn.checks import check_layer', ['check_layer']),
    ('from gluon_bn.batch_norm import _update', ['_update']),
    ('from gluon_bn import checks', ['checks']),
    ('import gluon_bn as gbn\ngbn.checks', ['checks']),
    ('import gluon_bn as gbn\ngbn.LeNet()._normalize', ['_normalize']),
])
def test_the_check_for_private_names_finds_them(source, found):
    assert private_names(source) == found
