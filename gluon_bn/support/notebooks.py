"""The tutorials as Jupyter notebooks, by jupytext and nbclient (the extra ``notebooks``).

A tutorial is a script in percent format, and the one source of its notebook: nothing is ever read back.
"""
import base64
import re
from pathlib import Path

from .extras import import_extra
from .files import atomic_write
from .invocation import script_command
from .subprocesses import environment

_ROOT = Path(__file__).resolve().parent.parent.parent


class TutorialFailed(RuntimeError):
    """A tutorial did not run to its end; one sentence says which, and why."""


def find_tutorials(folder, names=()):
    """The tutorials ``NN_name.py`` in ``folder``, sorted: all, or those that ``names`` asks for.

    A name is a number (``1`` or ``01``), a name (``01_batch_norm_by_hand``), or a file (``01_batch_norm_by_hand.py``).
    Raises ``ValueError`` for a folder without tutorials, and for a name that is none of them.
    """
    found = sorted(Path(folder).glob('[0-9]*_*.py'))
    if not found:
        raise ValueError(f"{folder} contains no tutorials; expected files such as 01_name.py.")
    chosen = set()
    for name in names:
        stem = Path(name).name
        stem = stem[:-3] if stem.endswith('.py') else stem
        fits = [path for path in found if stem == path.stem or stem.zfill(2) == path.stem.split('_')[0]]
        if not fits:
            raise ValueError(f"there is no tutorial {name!r}; expected a number, or one of "
                             f"{', '.join(path.stem for path in found)}.")
        chosen.update(fits)
    return sorted(chosen) if names else found


def build(script, output, execute=False, quick=False, timeout=1800):
    """Make the notebook of one tutorial; returns its path, ``output/<name of the script>.ipynb``.

    Parameters
    ----------
    script : path of a script in percent format
    output : folder, made if need be; the notebook is written whole, or not at all
    execute : bool, True runs the cells in a fresh kernel of this Python, and keeps what they print and draw
    quick : bool, True runs them with ``GLUON_BN_QUICK=1``
    timeout : float, seconds that a single cell may take

    Raises
    ------
    ValueError : a script that is no tutorial, a time limit that is not above 0
    TutorialFailed : a cell raised an error or took too long; nothing is written then
    ImportError : jupytext or nbclient is missing; the message names the extra
    """
    script = Path(script)
    if not timeout > 0:
        raise ValueError(f"the time limit is {timeout} s; expected a number of seconds above 0.")
    notebook = read_script(script)
    if execute:
        _execute(notebook, script.name, quick, timeout)
    path = Path(output) / f'{script.stem}.ipynb'
    text = _as_text(notebook)
    with atomic_write(path, 'w') as file:
        file.write(text)
    return path


def notebook_text(script):
    """What stands in the file of a script's notebook that is not executed."""
    return _as_text(read_script(script))


def _as_text(notebook):
    nbformat = import_extra('nbformat', 'notebooks')
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + '\n'


def read_script(script):
    """The notebook (an ``nbformat`` object, not executed) of a script in percent format."""
    jupytext = import_extra('jupytext', 'notebooks')
    text = Path(script).read_text(encoding='utf-8')
    if not text.startswith('# %% [markdown]\n# # '):
        raise ValueError(f"{script} is not a tutorial; expected '# %% [markdown]' and a title, '# # ...', in its first "
                         "two lines.")
    notebook = jupytext.reads(text, fmt='py:percent')
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = {'kernelspec': {'name': 'python3', 'display_name': 'Python 3', 'language': 'python'},
                         'language_info': {'name': 'python', 'file_extension': '.py'}}
    for number, cell in enumerate(notebook.cells):
        cell.id = f'cell-{number}'  # the same every time, so that two builds can be compared
        cell.metadata = {}
        if cell.cell_type == 'markdown':
            _attach_pictures(cell, Path(script).parent)
    return notebook


def _attach_pictures(cell, folder):
    """Put the pictures that a cell of text shows, PNG files below ``folder``, into it: a notebook often lies alone."""
    for address in set(re.findall(r'!\[[^\]]*\]\(([^():]+\.png)\)', cell.source)):
        name = Path(address).name
        picture = base64.b64encode((folder / address).read_bytes()).decode()
        cell.setdefault('attachments', {})[name] = {'image/png': picture}
        cell.source = cell.source.replace(f']({address})', f'](attachment:{name})')


def _execute(notebook, name, quick, timeout):
    """Run the cells in place, in the folder of the project, with figures inline."""
    nbclient = import_extra('nbclient', 'notebooks')
    import_extra('ipykernel', 'notebooks')
    client = import_extra('jupyter_client', 'notebooks')
    # No folders to look in: what is left is ipykernel's own kernel, of the Python that runs this.
    this_python = client.kernelspec.KernelSpecManager(kernel_dirs=[])
    manager = client.AsyncKernelManager(kernel_name='python3', kernel_spec_manager=this_python)
    variables = environment()
    for unwanted in ('MPLBACKEND', 'GLUON_BN_QUICK'):
        variables.pop(unwanted, None)
    if quick:
        variables['GLUON_BN_QUICK'] = '1'
    runner = nbclient.NotebookClient(notebook, km=manager, timeout=timeout, extra_arguments=['--log-level=ERROR'],
                                     resources={'metadata': {'path': str(_ROOT)}})
    try:
        runner.execute(cleanup_kc=True, env=variables)  # cleanup_kc: or it would leave our manager's kernel running
    except nbclient.exceptions.CellTimeoutError as error:
        raise TutorialFailed(f"{name}: a cell took longer than {timeout:g} s; give --timeout more.") from error
    except nbclient.exceptions.CellExecutionError as error:
        raise TutorialFailed(f"{name}: {error.ename}: {error.evalue} (to see where: "
                             f"{script_command(_ROOT / 'tutorials' / name)}).") from error
    except nbclient.exceptions.DeadKernelError as error:
        raise TutorialFailed(f"{name}: Python itself ended while it ran ({error}).") from error
    finally:
        for cell in notebook.cells:
            cell.metadata.pop('execution', None)  # times of day, another every time
