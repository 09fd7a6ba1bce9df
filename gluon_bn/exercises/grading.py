"""Marks of a class: every answer checked, several at a time, as CSV, as text, and as a page for each learner."""
import csv
import io
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..support.files import atomic_write
from .runner import TIME_LIMIT, check_file
from .submissions import NoSubmissions, find_submissions


def grade(folder, exercises, time_limit=TIME_LIMIT, processes=None, warn=lambda sentence: None):
    """Yield ``(learner, {exercise name: Verdict or None})`` for each learner in ``folder``; None: nothing handed in.

    ``processes`` answers are checked at a time (None: as many as there are processors). ``warn`` is called with a
    sentence for each file that is left out. How a folder may look: :func:`.submissions.find_submissions`.
    """
    learners, warnings = find_submissions(folder, exercises)
    for sentence in warnings:
        warn(sentence)
    if not any(learners.values()):
        raise NoSubmissions(f"{folder} has no submissions; expected files such as "
                            f"NAME-OF-LEARNER/{exercises[0].skeleton.name} in it.")
    marked = {}
    pool = ThreadPoolExecutor(processes or os.cpu_count() or 1)  # threads: each waits for a process of its own
    try:
        marked = {learner: {exercise.name: pool.submit(check_file, exercise, answers[exercise.name], time_limit)
                            for exercise in exercises if exercise.name in answers}
                  for learner, answers in learners.items()}
        for learner, futures in marked.items():
            yield learner, {exercise.name: futures[exercise.name].result() if exercise.name in futures else None
                            for exercise in exercises}
    finally:
        for futures in marked.values():
            for future in futures.values():
                future.cancel()  # what has not begun, when the caller has had enough
        pool.shutdown()


def as_csv(graded, exercises):
    """The marks as CSV: a line a learner; for each exercise the share of requirements passed, or nothing."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(['learner', *(exercise.name for exercise in exercises), 'complete'])
    for learner, verdicts in graded:
        shares = ['' if v is None else f"{v.passed / len(v.lines):.2f}" for v in verdicts.values()]
        writer.writerow([_no_formula(learner), *shares, _complete(verdicts)])
    return text.getvalue()


def _no_formula(text):
    """A cell that a spreadsheet takes as text, whatever a learner calls the folder."""
    return f"'{text}" if text.startswith(('=', '+', '-', '@')) else text


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


def as_page(learner, verdicts):
    """A page in Markdown for one learner: every requirement that failed, what is wrong, and the hint."""
    lines = [f"# {learner}", '', f"{_complete(verdicts)} of {len(verdicts)} exercises complete.", '']
    for name, verdict in verdicts.items():
        if verdict is None:
            lines += [f"## {name}: not handed in", '']
            continue
        lines += [f"## {name}: {verdict.passed} of {len(verdict.lines)} requirements", '']
        for line in verdict.lines:
            if not line.passed:
                lines += [f"**{line.requirement}**", '', *_fenced(line.message), '']
                lines += [f"Hint: {line.hint}", ''] if line.hint else []
    return '\n'.join(lines).rstrip() + '\n'


def _fenced(text):
    """``text`` as Markdown shows it unchanged: a learner's words must not become markup."""
    fence = '`' * max(3, *(len(run) + 1 for run in re.findall('`+', text) or ['']))
    return [fence, text, fence]


def write_pages(graded, folder):
    """Write a page for each learner into ``folder``; returns the paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for learner, verdicts in graded:
        stem = re.sub(r'[^\w.-]+', '_', learner).strip('._') or 'learner'
        same = sum(path.stem == stem or path.stem.startswith(f'{stem}~') for path in paths)
        paths.append(folder / (f'{stem}~{same + 1}.md' if same else f'{stem}.md'))
        with atomic_write(paths[-1], 'w') as file:
            file.write(as_page(learner, verdicts))
    return paths


def _complete(verdicts):
    return sum(verdict is not None and verdict.complete for verdict in verdicts.values())
