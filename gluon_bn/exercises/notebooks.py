"""Answers in notebooks: the skeleton as a notebook, and the code of a notebook as the script that is checked."""
import ast
import json

from ..support.reading import content, json_of

CHECK = 'gluon_bn-check'  # the tag of the cell that checks the answer; it is no part of the answer


LONGEST_ANSWER = 10 * 2**20  # bytes of a file; a notebook with pictures has some hundred thousand


class NotAnAnswer(ValueError):
    """A file that holds neither a script nor a notebook, or is too large for one."""


def skeleton_notebook(exercise):
    """The text of a notebook: the task, the skeleton's code with a cell for each function, and a cell that checks."""
    text = exercise.skeleton.read_text(encoding='utf-8')
    nodes, lines = ast.parse(text).body, text.splitlines()
    task = '\n'.join(line for line in ast.get_docstring(ast.parse(text)).splitlines()
                     if not line.startswith('Check with: '))
    starts = [node.lineno - 1 for number, node in enumerate(nodes)
              if number == 1 or isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    parts = ['\n'.join(lines[start:end]).strip('\n') for start, end in zip(starts, [*starts[1:], len(lines)])]
    check = f"from gluon_bn.exercises import check_answer\n\nprint(check_answer({exercise.name!r}, globals()))"
    cells = [_cell('markdown', f"# {task}"), *(_cell('code', part) for part in parts), _cell('code', check, [CHECK])]
    for number, cell in enumerate(cells):
        cell['id'] = f'cell-{number}'
    kernel = {'name': 'python3', 'display_name': 'Python 3', 'language': 'python'}
    return json.dumps({'cells': cells, 'metadata': {'kernelspec': kernel, 'language_info': {'name': 'python'}},
                       'nbformat': 4, 'nbformat_minor': 5}, indent=1) + '\n'


def _cell(kind, text, tags=()):
    cell = {'cell_type': kind, 'metadata': {'tags': list(tags)} if tags else {}, 'source': text.splitlines(True)}
    return {**cell, 'execution_count': None, 'outputs': []} if kind == 'code' else cell


def script_of(path):
    """The code of a notebook's cells as one script.

    Left out are the cell that checks, those in other languages (``%%...``), and lines for IPython and the shell.
    """
    try:
        cells = json_of(content(path, NotAnAnswer, LONGEST_ANSWER))['cells']
        sources = [''.join(cell['source']) for cell in cells
                   if cell['cell_type'] == 'code' and CHECK not in cell.get('metadata', {}).get('tags', ())]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotAnAnswer(f"{path} is no notebook that can be read: {type(error).__name__}: {error}.") from error
    return '\n\n'.join(_python(source) for source in sources if not source.lstrip().startswith('%%')) + '\n'


def _python(source):
    lines = source.splitlines()
    try:
        ast.parse(source)
    except (ValueError, RecursionError, MemoryError):  # a zero, or too deep: whoever runs it will be told
        return source
    except SyntaxError:  # only then: in Python a line of an expression may begin with %
        lines = [f"{line[:len(line) - len(line.lstrip())]}pass  # {line.strip()}"
                 if line.lstrip().startswith(('%', '!',
                                              '?')) or line.rstrip().endswith('?') else line for line in lines]
    return '\n'.join(lines)
