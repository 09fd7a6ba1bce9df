"""Run a command, and keep the last table that it prints as docs/results/NAME.json, which the page of results shows.

The file holds the columns and rows, the command, the machine and the date. Example, from the project's folder:
python scripts/keep_results.py accuracy 'scripts/accuracy_table.py --seeds 5'

Exit status: 0 done; 2 bad arguments, or no table in what was printed; otherwise the command's own, and nothing is kept.
"""
import datetime
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_bn.studies.machine import describe_machine
from gluon_bn.support.command_line import Parser, main_of
from gluon_bn.support.files import atomic_write


def last_table(text):
    """Columns and rows of the last table in Markdown in ``text``: a list, and a list of lists of what its cells say.

    Raises ``ValueError`` if there is none.
    """
    tables = re.findall(r'^(\|.*\|)\n\|[-:| ]+\|\n((?:\|.*\|(?:\n|\Z))+)', text, re.M)
    if not tables:
        raise ValueError("the command printed no table in Markdown; nothing is kept.")
    head, body = tables[-1]
    return cells(head), [cells(line) for line in body.splitlines()]


def cells(line):
    """What stands in the cells of a row in Markdown."""
    return [cell.strip() for cell in line.strip()[1:-1].split('|')]


def work(args):
    """Run the command and write the file; returns the exit status."""
    command = shlex.split(args.command)
    if not command:
        raise ValueError("the command is empty; expected a script with its arguments.")
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:
        printed = []
        for line in process.stdout:
            print(line, end='', flush=True)
            printed.append(line)
    if process.returncode:
        return process.returncode
    columns, rows = last_table(''.join(printed))
    path = args.folder / f'{args.name}.json'
    with atomic_write(path, 'w') as file:
        json.dump({'command': f'python {args.command}', 'machine': describe_machine(),
                   'date': datetime.date.today().isoformat(), 'columns': columns, 'rows': rows}, file, indent=1,
                  ensure_ascii=False)
        file.write('\n')
    print(f"{len(rows)} rows are in {path}")
    return 0


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('name', metavar='NAME', help="of the file, without .json")
    p.add_argument('command', metavar='COMMAND',
                   help="what to run with this Python, a script with its arguments, in quotes")
    p.add_argument('--folder', type=Path, default=ROOT / 'docs' / 'results', metavar='DIR',
                   help="(default: docs/results)")
    return p


main = main_of(parser, work)

if __name__ == '__main__':
    sys.exit(main())
