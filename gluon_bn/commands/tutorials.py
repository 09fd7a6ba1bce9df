"""The tutorials in a folder of yours, as scripts in percent format or as notebooks, with their images and exercises.

A file that is there already and differs is never overwritten, unless --force is given; nothing is written then.

Exit status: 0 done; 2 bad arguments, or files that would be overwritten (one line on standard error); 130 Ctrl-C.
"""
from pathlib import Path

from ..support.command_line import Parser, folder, loading, main_of
from ..support.invocation import command_line, open_command, script_command

_PACKAGE = Path(__file__).resolve().parent.parent


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('folder', type=folder, metavar='DIR', help="folder for them, made if need be")
    p.add_argument('names', nargs='*', metavar='NAME',
                   help="tutorials, such as 01 or 01_batch_norm_by_hand (default: all)")
    p.add_argument('--notebooks', action='store_true', help="Jupyter notebooks instead of scripts")
    p.add_argument('--force', action='store_true', help="overwrite files that differ")
    return p


def work(options):
    """Write the files; returns 0."""
    with loading('tutorials'):
        from ..support.notebooks import find_tutorials, notebook_text
    source = default_folder()
    scripts = find_tutorials(source, options.names)
    if options.notebooks:
        files = {f'{script.stem}.ipynb': notebook_text(script).encode() for script in scripts}
    else:
        files = {script.name: script.read_bytes() for script in scripts}
    files.update(companions(source))
    write(Path(options.folder), files, options.force)
    first = next(iter(files))
    print(f"{len(scripts)} tutorials, their images and the exercises are in {options.folder}")
    if options.notebooks:
        print(f"Open them: {open_command(Path(options.folder))}")
    else:
        print(f"Begin with: {script_command(Path(options.folder) / first)}")
    print(f"Exercises: {command_line('exercises', 'list', Path(options.folder) / 'exercises')}")
    return 0


def default_folder():
    """Where the tutorials of the package are: ``tutorials`` in the repository, else beside this module."""
    in_repository = _PACKAGE.parent / 'tutorials'
    installed = Path(__file__).resolve().parent / 'tutorial_files'
    return in_repository if (in_repository / 'exercises' / 'checks').is_dir() else installed


def companions(source):
    """What the tutorials show and point to: name below the folder -> bytes."""
    from ..exercises.catalog import all_exercises, default_folder
    files = {f'images/{path.name}': path.read_bytes() for path in sorted((source / 'images').glob('*.png'))}
    files['answers.md'] = (source / 'answers.md').read_bytes()
    exercises = [exercise.skeleton for exercise in all_exercises()]
    for path in [*exercises, default_folder() / 'README.md']:
        files[f'exercises/{path.name}'] = path.read_bytes()
    return files


def write(folder, files, force):
    """Write ``files``, name -> bytes, below ``folder``, each whole; ``ValueError`` first if any would be lost."""
    from ..support.files import atomic_write
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; expected a folder, or a name that is not taken.")
    changed = {name for name, content in files.items()
               if (folder / name).exists() and (folder / name).read_bytes() != content}
    if changed and not force:
        raise ValueError(f"{', '.join(sorted(changed))} in {folder} would be overwritten; move what you have changed, "
                         "give another DIR, or --force.")
    for name, content in files.items():
        if name in changed or not (folder / name).exists():
            with atomic_write(folder / name) as file:
                file.write(content)


main = main_of(parser, work)
