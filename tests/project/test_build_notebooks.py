"""scripts/build_notebooks.py, and the module behind it."""
import base64
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gluon_bn.support import notebooks

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / 'tutorials').glob('[0-9]*.py'))

TITLE = """# %% [markdown]
# # A small tutorial
#
# Two lines.

"""
SMALL = TITLE + """# %%
import os

import gluon_bn as gbn
import matplotlib.pyplot as plt

plt.plot([1, 2])
plt.show()

# %%
# a comment that is code


def quick():
    return os.environ.get('GLUON_BN_QUICK', 'no')


print('quick:', quick(), gbn.__name__)
"""


@pytest.fixture
def main():
    """The script's function ``main(argv)``."""
    spec = importlib.util.spec_from_file_location('build_notebooks', ROOT / 'scripts' / 'build_notebooks.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def written(path, text):
    path.write_text(text, encoding='utf-8')
    return path


def cells_of(script):
    """The cells of a script in percent format as (type, text), read without jupytext."""
    cells = []
    for header, body in re.findall(r'^# %%(.*)\n((?:(?!# %%).*\n?)*)', script.read_text(encoding='utf-8'), flags=re.M):
        lines = body.strip().split('\n')
        if header.strip() == '[markdown]':
            cells.append(('markdown', '\n'.join(re.sub('^# ?', '', line) for line in lines)))
        else:
            cells.append(('code', '\n'.join(lines)))
    return cells


@pytest.mark.parametrize('script', TUTORIALS, ids=lambda path: path.stem)
def test_an_unexecuted_notebook_has_the_cells_of_the_script(script, tmp_path):
    path = notebooks.build(script, tmp_path)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path == tmp_path / f'{script.stem}.ipynb'
    assert [(cell.cell_type, cell.source.replace('](attachment:', '](images/'))
            for cell in notebook.cells] == cells_of(script)
    pictures = {name: kinds for cell in notebook.cells for name, kinds in cell.get('attachments', {}).items()}
    assert set(pictures) == set(re.findall(r'\]\(images/([^)]+)\)', script.read_text(encoding='utf-8')))
    for name, kinds in pictures.items():
        assert base64.b64decode(kinds['image/png']) == (script.parent / 'images' / name).read_bytes()
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == 'code')


def test_two_builds_are_the_same_bytes(tmp_path):
    script = written(tmp_path / '07_small.py', SMALL)
    first, second = notebooks.build(script, tmp_path / 'a'), notebooks.build(script, tmp_path / 'b')
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
def test_an_executed_notebook_shows_what_was_printed_and_drawn(tmp_path):
    """Run from another folder, on a machine without a display (figures must still come out), with nothing on stderr."""
    script = written(tmp_path / '07_small.py', SMALL)
    code = (f'import sys; sys.path.insert(0, {str(ROOT)!r}); from gluon_bn.support import notebooks; '
            f'notebooks.build({str(script)!r}, "out", execute=True, quick=True)')
    run = subprocess.run([sys.executable, '-c', code], env={**os.environ, 'MPLBACKEND': 'Agg'}, cwd=str(tmp_path),
                         stderr=subprocess.PIPE, text=True, timeout=300)
    assert (run.returncode, run.stderr) == (0, '')
    notebook = nbformat.read(tmp_path / 'out' / '07_small.ipynb', as_version=4)
    nbformat.validate(notebook)
    _, drawing, printing = notebook.cells
    assert any('image/png' in output.get('data', {}) for output in drawing.outputs)
    assert [output.text for output in printing.outputs] == ['quick: 1 gluon_bn\n']
    assert printing.execution_count == 2


@pytest.mark.slow
def test_a_tutorial_that_fails_leaves_no_notebook(tmp_path):
    last_cells = ("import os\nassert 1 + 1 == 3, os.environ.get('GLUON_BN_QUICK', 'not quick')",
                  "import time; time.sleep(60)", "import os; os._exit(3)")
    code = f'import sys; sys.path.insert(0, {str(ROOT)!r}); from gluon_bn.support import notebooks\n'
    for number, cell in enumerate(last_cells):
        script = written(tmp_path / f'0{number}_small.py', f'{TITLE}# %%\n{cell}\n')
        code += (f'try: notebooks.build({str(script)!r}, "out", True, timeout=10)\n'
                 'except notebooks.TutorialFailed as error: print(error)\n')
    run = subprocess.run([sys.executable, '-c', code], env={**os.environ, 'GLUON_BN_QUICK': '1'}, cwd=str(tmp_path),
                         stdout=subprocess.PIPE, text=True, timeout=300)
    failed, slow, dead = run.stdout.splitlines()
    assert failed.startswith('00_small.py: AssertionError: not quick (')
    assert slow.startswith('01_small.py: a cell took longer than 10 s')
    assert dead.startswith('02_small.py: Python itself ended')
    assert not (tmp_path / 'out').exists()


def test_the_script_runs_by_itself_and_builds_what_it_is_asked_for(tmp_path):
    command = [sys.executable, str(ROOT / 'scripts' / 'build_notebooks.py'), '--output', 'new/folder', '1',
               '02_lenet_on_mnist.py']
    run = subprocess.run(command, cwd=str(tmp_path), stdout=subprocess.PIPE, text=True, timeout=300)
    assert run.returncode == 0
    assert run.stdout.split() == ['new/folder/01_batch_norm_by_hand.ipynb', 'new/folder/02_lenet_on_mnist.ipynb']
    assert sorted(path.name for path in (tmp_path / 'new' / 'folder').iterdir()) == ['01_batch_norm_by_hand.ipynb',
                                                                                     '02_lenet_on_mnist.ipynb']


def test_the_script_builds_all_by_default(main, tmp_path, capsys):
    assert main(['--output', str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / f'{script.stem}.ipynb') for script in TUTORIALS]


@pytest.mark.parametrize(('arguments', 'says'), [
    (['no_such'], "there is no tutorial 'no_such'; expected a number, or one of 01_batch_norm_by_hand"),
    (['--timeout', '0', '01'], 'the time limit is 0.0 s'),
    (['--quick', '01'], '--quick is about running the cells'),
    (['--output', str(Path(__file__)), '01'], Path(__file__).name),
])
def test_wrong_arguments_are_one_clear_line(main, capsys, arguments, says):
    try:
        status = main(arguments)
    except SystemExit as error:  # argparse's own
        status = error.code
    assert status == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_a_script_that_is_no_tutorial_is_refused(tmp_path):
    script = tmp_path / '01_other.py'
    script.write_text('print(1)\n', encoding='utf-8')
    with pytest.raises(ValueError, match='01_other.py is not a tutorial'):
        notebooks.build(script, tmp_path)
    with pytest.raises(ValueError, match='contains no tutorials'):
        notebooks.find_tutorials(tmp_path / 'empty')


def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'jupytext', None)
    with pytest.raises(ImportError, match=r"jupytext is not installed.*\[notebooks\]"):
        notebooks.build(TUTORIALS[0], tmp_path)
