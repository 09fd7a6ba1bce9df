"""Command lines in messages: a shell that runs them, anywhere, gets what they promise."""
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_bn.support import invocation

REPOSITORY = Path(__file__).resolve().parents[2]


def pasted(line, folder, **environment):
    """What a shell prints that runs ``line`` in ``folder``, without this process's PYTHONPATH."""
    variables = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    done = subprocess.run(['sh', '-c', line], cwd=folder, env={**variables, **environment}, capture_output=True,
                          text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_interpreter_is_this_one(tmp_path):
    assert pasted(f'{invocation.python_command()} -c "import sys; print(sys.prefix)"', tmp_path).strip() == sys.prefix


@pytest.mark.parametrize('on_path', [True, False])
def test_a_command_works_from_another_folder(tmp_path, monkeypatch, on_path):
    monkeypatch.chdir(tmp_path)
    environment = {'PYTHONPATH': str(REPOSITORY)} if on_path else {}
    monkeypatch.delenv('PYTHONPATH', raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    line = invocation.command_line('exercises', 'solution', '4')
    assert 'def ' in pasted(line, tmp_path, **environment)


def test_arguments_with_blanks_and_quotes_arrive_whole():
    assert shlex.split(invocation.command_line('exercises', 'list', "it's my folder"))[-1] == "it's my folder"


def test_the_console_script_of_this_environment_is_used_where_there_is_one(tmp_path, monkeypatch):
    script = tmp_path / 'my programs' / 'gluon-bn'
    script.parent.mkdir()
    script.write_text('#!/bin/sh\necho "script: $*"\n', encoding='utf-8')
    script.chmod(0o755)
    monkeypatch.setattr(invocation.sysconfig, 'get_path', lambda name: str(script.parent))
    monkeypatch.setenv('PATH', os.defpath)
    line = invocation.command_line('exercises', 'check', '3')
    assert pasted(line, tmp_path) == 'script: exercises check 3\n'
    monkeypatch.setenv('PATH', f'{script.parent}{os.pathsep}{os.defpath}')
    assert invocation.command_line('doctor') == 'gluon-bn doctor'


@pytest.mark.parametrize(('there', 'expected'), [
    ([], '/bin/python -m pip install notebook && /bin/python -m notebook'),
    (['notebook', 'jupyterlab'], '/bin/python -m notebook'), (['jupyterlab'], '/bin/python -m jupyterlab')])
def test_what_opens_notebooks_is_installed_first_where_it_is_missing(monkeypatch, there, expected):
    monkeypatch.setattr(invocation.sys, 'executable', '/bin/python')
    monkeypatch.setattr(invocation.importlib.util, 'find_spec', lambda name: name if name in there else None)
    monkeypatch.setattr(invocation, 'installer', lambda: '/bin/python -m pip install')
    assert invocation.open_command('my own.ipynb') == f"{expected} 'my own.ipynb'"


def test_extras_come_from_this_checkout(monkeypatch):
    monkeypatch.setattr(invocation.sys, 'executable', "/home/o'neil/my env/bin/python")
    assert shlex.split(invocation.install_command('tensorboard')) == [
        "/home/o'neil/my env/bin/python", '-m', 'pip', 'install', '-e', f'{REPOSITORY}[tensorboard]']


def test_extras_of_an_installed_package_come_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(invocation, '_ROOT', tmp_path)
    assert shlex.split(invocation.install_command('notebooks'))[1:] == ['-m', 'pip', 'install', 'gluon_bn[notebooks]']


def test_an_environment_without_pip_is_served_by_uv(monkeypatch):
    monkeypatch.setattr(invocation.metadata, 'distributions', lambda **of: iter(()))
    monkeypatch.setattr(invocation.shutil, 'which', lambda name: '/usr/bin/uv')
    assert shlex.split(invocation.install_command('tensorboard'))[:5] == ['uv', 'pip', 'install', '--python',
                                                                          sys.executable]


def test_windows_quotes_in_its_own_way(monkeypatch):
    monkeypatch.setattr(invocation.os, 'name', 'nt')
    assert invocation.quoted(r'C:\my programs\python.exe') == r'"C:\my programs\python.exe"'
