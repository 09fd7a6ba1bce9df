"""Print the README's table of modules, or put it there with --write: lines, and what the docstring begins with."""
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_bn.files import written_whole
from gluon_bn.support.command_line import Parser


def rows():
    """A row for each module: in the order of the package's docstring, then the others by name."""
    package = ROOT / 'gluon_bn'
    order = re.findall(r'^``([\w/]+)``', ast.get_docstring(ast.parse((package / '__init__.py').read_text())), re.M)
    modules = {str(path.relative_to(package)): path for path in package.rglob('*.py')}

    def place(name):
        stem = name[:-len('.py')].split('/')[0]
        return (order.index(stem) if stem in order else len(order), name)

    for name in sorted(modules, key=place):
        text = modules[name].read_text(encoding='utf-8')
        summary = re.split(r'\n\n|(?<=\.)\s', ast.get_docstring(ast.parse(text)), maxsplit=1)[0]
        summary = re.sub(r':\w+:`([^`]+)`', r'`\1`', summary.replace('``', '`').replace('\n', ' '))
        yield f"| [`{name}`](gluon_bn/{name}) | {len(text.splitlines())} | {summary} |"


def main():
    """Print the table, or replace it in README.md."""
    options = Parser(description=__doc__)
    options.add_argument('--write', action='store_true', help='put the table into README.md')
    table = '\n'.join(['| module | lines | what it is about |', '|---|---|---|', *rows()]) + '\n'
    if not options.parse_args().write:
        print(table, end='')
        return
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    text, count = re.subn(r'\| module \| lines \|.*?\n(?!\|)', lambda match: table, text, flags=re.S)
    if count != 1:
        sys.exit("README.md has no table of modules to replace (a header '| module | lines | ...').")
    with written_whole(ROOT / 'README.md', 'w') as file:
        file.write(text)


if __name__ == '__main__':
    main()
