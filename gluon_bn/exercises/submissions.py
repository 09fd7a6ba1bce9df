"""Submissions of a class: a folder or a zip, as people or Moodle or Canvas lay them out, sorted by learner."""
import difflib
import re
import shutil
import tempfile
import zipfile
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ..support.reading import DAMAGED_ARCHIVE

MOST_FILES = 20_000       # in a zip
LARGEST_FILE = 10 * 2**20  # bytes, unpacked
LARGEST_SUM = 500 * 2**20

_MOODLE = re.compile(r'(?P<learner>.+)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<file>.*))?$')
_CANVAS = re.compile(r'(?P<learner>[^_]+)_(?:LATE_)?(?P<number>\d+)_\d+_(?P<file>.+)$')
_AGAIN = re.compile(r'(?P<name>.+)-(?P<version>\d+)$')  # Canvas: handed in once more

Submissions = namedtuple('Submissions', 'learners warnings')
Submissions.__doc__ = "``learners``: name -> {exercise name: path}; ``warnings``: a sentence for each file left out."


class NoSubmissions(ValueError):
    """There is nothing to mark, or it cannot be read."""


@contextmanager
def opened(source):
    """The folder ``source``, or a temporary one with what the zip ``source`` holds."""
    source = Path(source)
    if source.is_dir():
        yield source
    elif source.is_file() and zipfile.is_zipfile(str(source)):
        folder = tempfile.mkdtemp(prefix='gluon_bn_submissions_')
        try:
            _unpack(source, Path(folder))
            yield Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    else:
        raise NoSubmissions(f"{source} is no folder and no zip; expected one with a folder for each learner in it.")


def _unpack(path, folder):
    """Write the files of a zip to ``folder``, after looking at all their names and sizes."""
    try:
        with zipfile.ZipFile(str(path)) as archive:
            files = [info for info in archive.infolist() if not info.filename.endswith(('/', '\\'))]
            for info in files:
                name = PurePosixPath(info.filename.replace('\\', '/'))
                if name.is_absolute() or '..' in name.parts or ':' in info.filename:
                    raise NoSubmissions(f"{path} is refused: its file {info.filename!r} would be written elsewhere.")
            files = [info for info in files if not _is_hidden(PurePosixPath(info.filename.replace('\\', '/')))]
            sizes = [info.file_size for info in files]
            if len(files) > MOST_FILES or max(sizes, default=0) > LARGEST_FILE or sum(sizes) > LARGEST_SUM:
                raise NoSubmissions(
                    f"{path} is refused: it holds {len(files)} files of {sum(sizes):,} bytes, the largest of "
                    f"{max(sizes):,}; expected at most {MOST_FILES:,} of {LARGEST_SUM:,}, each of {LARGEST_FILE:,}.")
            for info in files:
                target = folder / info.filename.replace('\\', '/')
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as packed, open(target, 'wb') as file:
                    shutil.copyfileobj(packed, file)  # never more than the size that the archive names
    except NoSubmissions:
        raise
    except DAMAGED_ARCHIVE as error:
        raise NoSubmissions(f"{path} cannot be unpacked: {error}.") from error


def find_submissions(folder, exercises):
    """The :class:`Submissions` in ``folder``.

    A learner is a folder, ``ada/01_normalize_matrix.py``, also as Moodle names it,
    ``Ada Lovelace_123456_assignsubmission_file_/...``, or the beginning of a file's name, as in the export of Canvas,
    ``lovelaceada_12345_67890_01_normalize_matrix.py``, and in that of Moodle without folders. An answer is a script or
    a notebook. Hidden folders and files and those that begin with ``__`` are left out.
    """
    folder = Path(folder)
    names = {exercise.name for exercise in exercises}
    entries = _entries(folder)
    while len(entries) == 1 and entries[0].is_dir() and not _is_learner(entries[0], names):
        folder, entries = entries[0], _entries(entries[0])  # a zip often holds one folder with all of it
    by_learner, learners, warnings = {}, {}, []
    for path in entries:
        match = _MOODLE.match(path.name) or (_CANVAS.match(path.name) if path.is_file() else None)
        if path.is_file() and not (match and match['file']):
            warnings.append(f"{path.name} belongs to no learner and is left out.")
            continue
        files = [(file, file.stem) for file in _files(path)] if path.is_dir() else [(path, Path(match['file']).stem)]
        learner = (match['learner'], match['number']) if match else (path.name, '')
        by_learner.setdefault(learner, []).extend(files)
    twice = [learner for learner, _ in by_learner]
    for (learner, number), files in by_learner.items():
        name = f'{learner} ({number})' if number and twice.count(learner) > 1 else learner
        _sort(learners.setdefault(name, {}), names, warnings, files, folder)
    return Submissions(learners, warnings)


def _sort(answers, names, warnings, files, folder):
    """Put the files of one learner, pairs of path and name, into ``answers``, or say why not."""
    versions = {}
    for path, stem in files:
        again = _AGAIN.match(stem)
        name, version = (again['name'], int(again['version'])) if again and again['name'] in names else (stem, 0)
        shown = path.relative_to(folder)
        if path.suffix not in ('.py', '.ipynb'):
            warnings.append(f"{shown} is no exercise and is left out.")
        elif name not in names:
            warnings.append(f"{shown} is no exercise and is left out{_closest(name, names)}.")
        elif name in answers and versions[name] >= version:
            warnings.append(f"{shown} is left out: {answers[name].relative_to(folder)} is an answer to the same "
                            f"exercise.")
        else:
            answers[name], versions[name] = path, version


def _closest(name, names):
    """' (the closest name ...)' for a name that is like one of ``names``, with or without its number."""
    short = {known.partition('_')[2]: known for known in names}
    word = re.sub(r'^[\d_\- ]+', '', name.lower())
    close = difflib.get_close_matches(word, short, 1, 0.5) or [known for known in short if word and word in known]
    return f" (the closest name is {short[close[0]]}.py)" if close else ''


def _is_learner(folder, names):
    return bool(_MOODLE.match(folder.name)) or any(path.stem in names for path in _entries(folder) if path.is_file())


def _files(folder):
    """The files in a folder and below, those at the top first."""
    found = [path for path in folder.rglob('*') if path.is_file() and not _is_hidden(path.relative_to(folder))]
    return sorted(found, key=lambda path: (len(path.parts), path))


def _entries(folder):
    return sorted(path for path in folder.iterdir() if not _is_hidden(Path(path.name)))


def _is_hidden(path):
    return any(part.startswith(('.', '__')) for part in path.parts)
