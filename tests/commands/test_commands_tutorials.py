"""gluon-bn tutorials: what it puts into a folder, what it leaves alone, and that it runs from there."""
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gluon_bn.commands import tutorials
from gluon_bn.support import invocation, notebooks

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / 'tutorials'


def main(*arguments):
    return tutorials.main([str(argument) for argument in arguments], 'gluon-bn tutorials')


def files_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_everything_is_there_as_it_is_in_the_project(tmp_path, capsys):
    assert main(tmp_path / 'a folder') == 0
    files = files_below(tmp_path / 'a folder')
    assert sorted(name for name in files if '/' not in name) == sorted(
        [*(path.name for path in SOURCE.glob('[0-9]*.py')), 'answers.md'])
    assert all(files[name] == (SOURCE / name).read_bytes() for name in files)
    assert {'images/tensorboard.png', 'exercises/01_normalize_matrix.py', 'exercises/README.md',
            'answers.md'} < set(files)
    assert not any('solutions' in name or 'checks' in name for name in files)
    assert f"'{tmp_path / 'a folder' / '01_batch_norm_by_hand.py'}'" in capsys.readouterr().out


def test_what_was_changed_is_never_lost(tmp_path, capsys):
    assert main(tmp_path, '01', '02') == 0
    changed, deleted = tmp_path / '01_batch_norm_by_hand.py', tmp_path / '02_lenet_on_mnist.py'
    changed.write_text('mine')
    deleted.unlink()
    before = files_below(tmp_path)
    capsys.readouterr()
    assert main(tmp_path) == 2
    out, err = capsys.readouterr()
    assert (out, err.count('\n')) == ('', 1)
    assert '01_batch_norm_by_hand.py in' in err
    assert '--force' in err
    assert files_below(tmp_path) == before  # nothing else was written either
    assert main(tmp_path, '02') == 0
    assert deleted.exists()
    assert changed.read_text() == 'mine'
    assert main(tmp_path, '--force') == 0
    assert changed.read_bytes() == (SOURCE / changed.name).read_bytes()


def test_twice_is_the_same(tmp_path):
    assert main(tmp_path) == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.py')}
    assert main(tmp_path) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.py')} == before


def test_notebooks(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(invocation.importlib.util, 'find_spec', lambda name: name == 'notebook' or None)
    assert main(tmp_path, '3', '--notebooks') == 0
    assert [path.name for path in tmp_path.glob('[0-9]*')] == ['03_backward_by_hand.ipynb']
    notebook = nbformat.read(tmp_path / '03_backward_by_hand.ipynb', as_version=4)
    nbformat.validate(notebook)
    assert notebook == notebooks.read_script(SOURCE / '03_backward_by_hand.py')
    assert f'-m notebook {tmp_path}\n' in capsys.readouterr().out
    assert main(tmp_path, '3', '--notebooks') == 0


@pytest.mark.parametrize(('arguments', 'said'), [(['99'], "there is no tutorial '99'"),
                                                 (['--notebooks', 'x'], "there is no tutorial 'x'")])
def test_bad_names_are_refused_and_nothing_is_written(arguments, said, tmp_path, capsys):
    assert main(tmp_path / 'new', *arguments) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / 'new').exists()


def test_a_file_where_the_folder_should_be(tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    assert main(tmp_path / 'file') == 2
    assert 'is a file; expected a folder' in capsys.readouterr().err


def test_without_jupytext_the_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'jupytext', None)
    assert main(tmp_path / 'new', '--notebooks') == 2
    assert '[notebooks]' in capsys.readouterr().err
    assert not (tmp_path / 'new').exists()


@pytest.mark.slow
def test_a_tutorial_runs_from_there_with_the_line_that_was_printed(tmp_path, capsys):
    assert main(tmp_path / 'a folder') == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith('Begin with: '))
    environment = {**os.environ, 'GLUON_BN_QUICK': '1', 'MPLBACKEND': 'Agg'}
    if 'PYTHONPATH=' in line:
        environment.pop('PYTHONPATH', None)
    done = subprocess.run(line.partition(': ')[2], shell=True, cwd=tmp_path, env=environment, capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr
