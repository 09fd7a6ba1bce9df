"""The command ``gluon-bn exercises``: list, start, check, solution, grade, verify.

Exit status: 0 all is well, and for check and grade every requirement has passed; 1 something has not; 2 bad arguments.
"""
import argparse
import importlib.util
import sys
from pathlib import Path

from ..support.command_line import Parser, exit_status, folder
from ..support.invocation import command_line, open_command
from . import grading, progress
from .catalog import all_exercises, find
from .notebooks import skeleton_notebook
from .runner import KEPT_OUTPUT, TIME_LIMIT, check_file
from .submissions import opened
from .verify import verify


def main(argv=None, prog=None):
    """Run with the command line ``argv``; returns the exit status."""
    reader = parser(prog)

    def work():
        options = reader.parse_args(argv)
        return options.run(options)

    return exit_status(reader.name, work)


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog or 'python -m gluon_bn.exercises', description="Exercises that mark themselves.")
    p.add_argument('--tasks', type=folder, metavar='DIR',
                   help="take the exercises from DIR instead of the package's own")
    p.set_defaults(run=run_list, folder='.')
    commands = p.add_subparsers(metavar='COMMAND')

    def command(name, run, text):
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + '.')
        sub.set_defaults(run=run)
        return sub

    sub = command('list', run_list, "list the exercises with their state (also without COMMAND)")
    sub.add_argument('folder', nargs='?', default='.', metavar='DIR', help="folder with your files (default: this one)")
    sub = command('start', run_start, "copy a fresh skeleton to DIR; a file that is there stays as it is")
    sub.add_argument('name', metavar='NAME')
    sub.add_argument('folder', nargs='?', default='.', metavar='DIR', help="(default: this one)")
    sub.add_argument('--notebook', action='store_true', help="as a notebook, NAME.ipynb")
    sub = command('check', run_check, "check your file, requirement by requirement")
    sub.add_argument('name', metavar='NAME', help="of the exercise, or your file, if it has that name")
    sub.add_argument('path', nargs='?', default='.', metavar='PATH', help="the file or its folder (default: this one)")
    _add_time_limit(sub)
    sub = command('solution', run_solution, "show the solution")
    sub.add_argument('name', metavar='NAME')
    sub = command('grade', run_grade,
                  "mark a class: a folder or zip with a folder for each learner, as Moodle's and Canvas's")
    sub.add_argument('folder', metavar='SOURCE')
    sub.add_argument('--csv', action='store_true', help="print comma-separated values")
    sub.add_argument('--pages', metavar='DIR', help="write a page in Markdown for each learner to DIR")
    sub.add_argument('--processes', type=_processes, metavar='N',
                     help="answers checked at a time (default: a processor each)")
    _add_time_limit(sub)
    sub = command('verify', run_verify, "for authors: solutions pass, known mistakes get their hints")
    sub.add_argument('name', nargs='?', metavar='NAME', help="(default: all)")
    return p


def _add_time_limit(sub):
    sub.add_argument('--time-limit', type=_seconds, default=TIME_LIMIT, metavar='S',
                     help="seconds for the code of one file (default: %(default)s)")


def _seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0, at most 3600")
    return value


def _processes(text):
    value = int(text) if text.isdecimal() else 0
    if not 1 <= value <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 256")
    return value


def run_list(options):
    """Print every exercise with its state."""
    has_mxnet = importlib.util.find_spec('mxnet') is not None
    for exercise in all_exercises(options.tasks):
        state = progress.state(exercise, options.folder)
        print(f"{exercise.name:26} {exercise.title:62} "
              f"{state if has_mxnet or not exercise.needs_mxnet else f'{state}; needs MXNet'}")
    print(f"\nBegin with: {_command(options, 'start', 'NAME')}\n"
          f"then fill the gaps, and: {_command(options, 'check', 'NAME')}")
    return 0


def _command(options, *words):
    """The line to type for another command on the same exercises."""
    return command_line('exercises', *(['--tasks', options.tasks] if options.tasks else []), *words)


def run_start(options):
    """Copy the skeleton, unless a file is there already."""
    exercise = find(options.name, options.tasks)
    path = Path(options.folder) / exercise.skeleton.name
    content = exercise.skeleton.read_bytes()
    if options.notebook:
        path, content = path.with_suffix('.ipynb'), skeleton_notebook(exercise).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(path, 'xb') as file:  # x: never an existing file, also if it appears at this very moment
            file.write(content)
    except FileExistsError:
        raise ValueError(f"{path} is there already and stays as it is; move it away, or give another DIR.") from None
    if options.notebook:
        print(f"Open it: {open_command(path)}")
        print(f"Fill the gaps, then run its last cell, or: {_command(options, 'check', path)}")
    else:
        print(f"{path}: fill the gaps, then: {_command(options, 'check', exercise.name, options.folder)}")
    return 0


def run_check(options):
    """Check one file and print the verdict."""
    name, path = options.name, Path(options.path)
    if options.path == '.' and Path(name).is_file():  # a file has the name of its exercise
        name, path = Path(name).stem, Path(name)
    exercise = find(name, options.tasks)
    if path.is_dir():
        script = path / exercise.skeleton.name
        notebook = script.with_suffix('.ipynb')
        path = notebook if notebook.is_file() and not script.is_file() else script
    if not path.is_file():
        raise ValueError(f"there is no file {path}; give the PATH of yours to check, or get one with: "
                          f"{_command(options, 'start', exercise.name)}")
    verdict = check_file(exercise, path, options.time_limit)
    progress.note(exercise, path, verdict)
    print_verdict(exercise, verdict)
    return 0 if verdict.complete else 1


def print_verdict(exercise, verdict):
    """The verdict, and what the answer has printed."""
    print(f"{exercise.name}: {exercise.title}")
    *requirements, count = str(verdict).splitlines()
    print('\n'.join(requirements))
    if verdict.printed:
        cut = f", of which these are the first {KEPT_OUTPUT}" if verdict.printed > KEPT_OUTPUT else ''
        print(f"Your file printed {verdict.printed:,} bytes{cut}:")
        print('\n'.join(f"  | {line}" for line in verdict.output.splitlines()))
    print(count)


def run_solution(options):
    """Print the solution."""
    print(find(options.name, options.tasks).solution.read_text(encoding='utf-8'), end='')
    return 0


def run_grade(options):
    """Mark the submissions of a class."""
    def say(text):
        print(text, file=sys.stderr, flush=True)

    exercises = all_exercises(options.tasks)
    graded = []
    with opened(options.folder) as folder:
        for learner, verdicts in grading.grade(folder, exercises, options.time_limit, options.processes,
                                               lambda sentence: say(f"warning: {sentence}")):
            say(f"{learner} ...")
            graded.append((learner, verdicts))
    if options.pages:
        grading.write_pages(graded, options.pages)
    print(grading.as_csv(graded, exercises) if options.csv else grading.as_text(graded), end='')
    return 0 if all(v is None or v.complete for _, verdicts in graded for v in verdicts.values()) else 1


def run_verify(options):
    """Print what is wrong with one exercise, or with any."""
    status = 0
    for exercise in [find(options.name, options.tasks)] if options.name else all_exercises(options.tasks):
        problems = verify(exercise)
        print(f"{exercise.name}: {'; '.join(problems) or 'all is well'}")
        status = 1 if problems else status
    return status


if __name__ == '__main__':
    sys.exit(main())
