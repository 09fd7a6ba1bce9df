"""Mark a folder of submissions: one folder a learner, with the files as ``start`` made them."""
import csv
import io
from pathlib import Path

from .runner import TIME_LIMIT, check_file


class NoSubmissions(ValueError):
    """The folder to be marked holds nothing to mark."""


def grade(folder, exercises, time_limit=TIME_LIMIT):
    """Yield ``(learner, {exercise name: Verdict or None})`` for each folder in ``folder``; None: nothing handed in."""
    folder = Path(folder)
    if not folder.is_dir():
        raise NoSubmissions(f"{folder} is no folder; expected one with a folder for each learner in it.")
    learners = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith('.'))
    if not any((learner / exercise.skeleton.name).is_file() for learner in learners for exercise in exercises):
        raise NoSubmissions(f"{folder} has no submissions; expected files such as "
                            f"{folder / 'NAME-OF-LEARNER' / exercises[0].skeleton.name}.")
    for learner in learners:
        files = {exercise: learner / exercise.skeleton.name for exercise in exercises}
        yield learner.name, {exercise.name: check_file(exercise, path, time_limit) if path.is_file() else None
                             for exercise, path in files.items()}


def as_csv(graded, exercises):
    """The marks as CSV: a line a learner; for each exercise the share of requirements passed, or nothing."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(['learner', *(exercise.name for exercise in exercises), 'complete'])
    for learner, verdicts in graded:
        shares = ['' if v is None else f"{v.passed / len(v.lines):.2f}" for v in verdicts.values()]
        writer.writerow([learner, *shares, _complete(verdicts)])
    return text.getvalue()


def as_text(graded):
    """The marks for reading: for each learner what was handed in, and the first hint where something is wrong."""
    lines = []
    for learner, verdicts in graded:
        lines.append(f"{learner}: {_complete(verdicts)} of {len(verdicts)} exercises complete")
        for name, verdict in verdicts.items():
            if verdict is not None:
                wrong = next((f"; {line.message}" for line in verdict.lines if not line.passed), '')
                lines.append(f"  {name}: {verdict.passed} of {len(verdict.lines)} requirements{wrong}")
    return '\n'.join(lines) + '\n'


def _complete(verdicts):
    return sum(verdict is not None and verdict.complete for verdict in verdicts.values())
