"""Command lines for messages: they work when the reader pastes them, wherever this process was started.

They name this interpreter by its path, because ``python`` may be another one, or none, in the reader's shell.
"""
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent


def python_command():
    """This interpreter, quoted for the shell."""
    return quoted(sys.executable or 'python')


def command_line(*words):
    """The line for the shell that calls the command ``gluon-bn`` with the arguments ``words``.

    It uses the console script of this environment; where there is none, ``python -m``.

    >>> command_line('exercises', 'check', '3', 'my folder').endswith("exercises check 3 'my folder'")
    True
    """
    script = _console_script()
    if script is None and not (_ROOT / 'gluon_bn' / '__main__.py').is_file():
        script, words = f'{_path_of_the_package()}{python_command()} -m gluon_bn.{words[0]}', words[1:]
    elif script is None:
        script = f'{_path_of_the_package()}{python_command()} -m gluon_bn'
    return ' '.join([script, *(quoted(word) for word in words)])


def script_command(path):
    """The line for the shell that runs the Python script ``path``, which imports this package.

    >>> script_command('my folder/01.py').endswith("'my folder/01.py'")
    True
    """
    return f'{_path_of_the_package(current_folder=False)}{python_command()} {quoted(path)}'


def install_command(extra):
    """The line for the shell that installs the optional libraries called ``extra``, from this checkout if it is one.

    >>> install_command('tensorboard').endswith("[tensorboard]'")
    True
    """
    is_checkout = (_ROOT / 'setup.py').is_file() and (_ROOT / 'gluon_bn').is_dir()
    what = ['-e', f'{_ROOT}[{extra}]'] if is_checkout else [f'gluon_bn[{extra}]']
    return ' '.join([installer(), *(quoted(word) for word in what)])


def open_command(path):
    """The line for the shell that opens the notebook or the folder ``path`` in a browser, with this interpreter.

    Where Jupyter is missing, the line installs it first.

    >>> open_command('my folder').endswith("-m notebook 'my folder'")
    True
    """
    server = next((name for name in ('notebook', 'jupyterlab') if importlib.util.find_spec(name)), None)
    first = '' if server else f'{installer()} notebook && '
    return f'{first}{python_command()} -m {server or "notebook"} {quoted(path)}'


def quoted(word):
    """One argument as the shell of this system reads it.

    >>> quoted('plain')
    'plain'
    """
    return subprocess.list2cmdline([str(word)]) if os.name == 'nt' else shlex.quote(str(word))


def installer():
    """The beginning of a line for the shell that installs packages into this environment."""
    if not any(metadata.distributions(name='pip')) and shutil.which('uv'):  # environments that uv makes have no pip
        return f'uv pip install --python {python_command()}'
    return f'{python_command()} -m pip install'


def _console_script():
    """The script ``gluon-bn`` of this environment: by name where the shell finds it, else its path; None without."""
    script = Path(sysconfig.get_path('scripts'), 'gluon-bn.exe' if os.name == 'nt' else 'gluon-bn')
    if not script.is_file():
        return None
    found = shutil.which('gluon-bn')
    return 'gluon-bn' if found and Path(found).absolute() == script.absolute() else quoted(script)


def _path_of_the_package(current_folder=True):
    """What must stand before the interpreter so that it finds this package: nothing, if it does so by itself.

    It looks in the ``current_folder``, too, for a module, but not for a script. This process's PYTHONPATH counts for
    nothing: it may have been set for this process alone.
    """
    site_packages = [sysconfig.get_path('purelib'), sysconfig.get_path('platlib')]
    searched = [*site_packages, *([os.curdir] if current_folder else [])]
    if (os.name == 'nt' or _ROOT in (Path(os.path.realpath(folder)) for folder in searched)
            or any(metadata.distributions(name='gluon_bn', path=site_packages))):
        return ''
    return f'PYTHONPATH={quoted(_ROOT)} '
