"""A record of what a learner has started and passed, in a small file beside the answers."""
import hashlib
import json
from pathlib import Path

from ..support.files import atomic_write
from ..support.reading import content, json_of
from .notebooks import skeleton_notebook

FILE_NAME = '.gluon_bn_exercises.json'
_LONGEST_FILE = 10**6  # bytes; it has a few thousand


def state(exercise, folder):
    """The state of the exercise in ``folder``, in words: 'not started', 'started', 'passed', '3 of 5 passed', ..."""
    path = Path(folder) / f'{exercise.name}.py'
    path = path if path.is_file() else path.with_suffix('.ipynb')
    if not path.is_file():
        return 'not started'
    text = path.read_bytes()
    if text in (exercise.skeleton.read_bytes(), skeleton_notebook(exercise).encode()):
        return 'started'
    record = _read(folder).get(exercise.name)
    if not isinstance(record, dict) or not {'sha256', 'passed', 'of'} <= set(record):
        return 'not checked'
    if record['sha256'] != _digest(text):
        return 'changed since the last check'
    return 'passed' if record['passed'] == record['of'] else f"{record['passed']} of {record['of']} passed"


def note(exercise, path, verdict):
    """Keep the result for the file ``path``, unless its folder cannot be written to."""
    path = Path(path)
    records = _read(path.parent)
    records[exercise.name] = {'sha256': _digest(path.read_bytes()), 'passed': verdict.passed, 'of': len(verdict.lines)}
    try:
        with atomic_write(path.parent / FILE_NAME, 'w') as file:
            json.dump(records, file, indent=1)
    except OSError:
        pass  # the verdict is on the screen; only the list will not know of it


def _read(folder):
    try:
        records = json_of(content(Path(folder) / FILE_NAME, ValueError, _LONGEST_FILE))
    except ValueError:
        return {}  # none yet, or not ours to read: then nothing counts as checked
    return records if isinstance(records, dict) else {}


def _digest(text):
    return hashlib.sha256(text).hexdigest()
