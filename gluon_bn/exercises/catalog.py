"""The exercises: for each a skeleton, a solution, checks and known mistakes, four files of the same name."""
import ast
from collections import namedtuple
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


class UnknownExercise(ValueError):
    """There is no such exercise, or more than one."""


class Exercise(namedtuple('Exercise', 'folder name')):
    """One exercise: ``name`` is that of its files without ``.py``, ``folder`` where they live."""

    @property
    def skeleton(self):
        """What a learner starts from."""
        return self.folder / f'{self.name}.py'

    @property
    def solution(self):
        """An answer that passes."""
        return self.folder / 'solutions' / f'{self.name}.py'

    @property
    def checks(self):
        """The requirements: a function ``check_...(answer)`` for each, and the hints."""
        return self.folder / 'checks' / f'{self.name}.py'

    @property
    def mistakes(self):
        """Known wrong answers, each with the hint that it must get."""
        return self.folder / 'mistakes' / f'{self.name}.py'

    @property
    def title(self):
        """The first line of the skeleton."""
        return _first_line(ast.parse(self.skeleton.read_text(encoding='utf-8')))

    @property
    def needs_mxnet(self):
        """Whether its checks compute with MXNet's arrays; the others need NumPy alone."""
        tree = ast.parse(self.checks.read_text(encoding='utf-8'))
        return any(isinstance(node, ast.ImportFrom) and node.module == 'gluon_bn._mxnet' for node in tree.body)

    def requirements(self):
        """A dictionary: name of the check -> the requirement in words, in the order in which they are checked."""
        tree = ast.parse(self.checks.read_text(encoding='utf-8'))
        return {node.name: _first_line(node) for node in tree.body
                if isinstance(node, ast.FunctionDef) and node.name.startswith('check_')}


def default_folder():
    """Where the exercises of the package are: ``tutorials/exercises`` in the repository, else beside this module."""
    in_repository = _PACKAGE.parent.parent / 'tutorials' / 'exercises'
    return in_repository if (in_repository / 'checks').is_dir() else _PACKAGE / 'tasks'


def all_exercises(folder=None):
    """All exercises in ``folder`` (None: the package's own), in order.

    >>> [exercise.name for exercise in all_exercises()][:2]
    ['01_normalize_matrix', '02_broadcast_gamma_beta']
    """
    folder = Path(folder or default_folder()).resolve()
    if not (folder / 'checks').is_dir():
        raise UnknownExercise(f"{folder} holds no exercises: it has no folder checks.")
    names = sorted(path.stem for path in folder.glob('*.py') if (folder / 'checks' / path.name).is_file())
    return [Exercise(folder, name) for name in names]


def find(name, folder=None):
    """The exercise called ``name``: ``'01_normalize_matrix'``, without the number, or the number alone.

    >>> find('normalize_matrix').name == find('1').name == '01_normalize_matrix'
    True
    """
    exercises = all_exercises(folder)
    wanted = name[:-3] if name.endswith('.py') else name
    for exercise in exercises:
        number, _, rest = exercise.name.partition('_')
        if wanted in (exercise.name, rest, number, number.lstrip('0')):
            return exercise
    raise UnknownExercise(f"there is no exercise {name!r}; expected one of: "
                          f"{', '.join(exercise.name for exercise in exercises)}.")


def _first_line(node):
    return (ast.get_docstring(node) or getattr(node, 'name', '')).split('\n')[0]
