"""Rules for authors: what must be true of every exercise, :func:`verify`."""
import tempfile
from pathlib import Path

from .expect import COMMON_HINTS
from .harness import load, run_checks

FEWEST_HINTS, FEWEST_MISTAKES, FEWEST_RIGHT = 4, 8, 2


def verify(exercise):
    """A list of what is wrong with an exercise, empty if nothing is. Its files run in this process.

    The skeleton must fail each requirement as not written yet. The solution must pass all, and so must at least two
    right answers that are written in another way. Each of at least eight known mistakes must fail, and its first hint
    must be its own; there must be at least four hints. A mistake is ``(hint, [(old, new), ...])``, the solution with
    pieces of its text replaced, and a right answer is such a list of pieces.
    """
    problems = [f"skeleton: {verdict['check']} says {verdict.get('message', 'passed')!r}"
                for verdict in run_checks(exercise.checks, exercise.skeleton)
                if verdict.get('hint_key') != 'not-written']
    problems += [f"solution: {verdict['check']}: {verdict['message']}"
                 for verdict in run_checks(exercise.checks, exercise.solution) if not verdict['passed']]
    right = other_solutions(exercise)
    if len(right) < FEWEST_RIGHT:
        problems.append(f"right answers: there are {len(right)}; expected at least {FEWEST_RIGHT} beside the solution")
    problems += [f"right answer {number}: gets {given}" for number, text in enumerate(right, 1)
                 for given in [hints_for(exercise, text)] if given]
    mistakes = known_mistakes(exercise)
    hints = getattr(load('gluon_bn_exercise_checks', exercise.checks), 'HINTS', {})
    if len({hint for hint, _ in mistakes}) < FEWEST_HINTS:
        problems.append(f"mistakes: expected at least {FEWEST_HINTS} with a hint of their own")
    if len({text for _, text in mistakes}) < FEWEST_MISTAKES:
        problems.append(f"mistakes: expected at least {FEWEST_MISTAKES} different ones")
    problems += [f"mistakes: the hint {hint!r} is never given"
                 for hint in sorted(set(hints) - {hint for hint, _ in mistakes})]
    problems += [f"mistakes: {hint!r} is no hint" for hint in sorted({hint for hint, _ in mistakes})
                 if hint not in hints and hint not in COMMON_HINTS]
    for hint, text in mistakes:
        given = hints_for(exercise, text)
        if not given or given[0] != hint:
            problems.append(f"mistakes: {hint!r} gets {given or 'no hint: it passes'}")
    return problems


def known_mistakes(exercise):
    """A list of ``(hint, text of the wrong answer)``."""
    return [(hint, _replaced(exercise, pieces)) for hint, pieces in _of_mistakes(exercise, 'MISTAKES')]


def other_solutions(exercise):
    """The texts of right answers that are written differently from the solution."""
    return [_replaced(exercise, pieces) for pieces in _of_mistakes(exercise, 'RIGHT')]


def _of_mistakes(exercise, name):
    return getattr(load('gluon_bn_exercise_mistakes', exercise.mistakes), name, [])


def _replaced(exercise, pieces):
    """The solution's text with each ``(old, new)`` of ``pieces`` replaced, in turn."""
    text = exercise.solution.read_text(encoding='utf-8')
    for old, new in pieces:
        if text.count(old) != 1:
            raise ValueError(f"{exercise.mistakes}: {old!r} is {text.count(old)} times in the solution, not once.")
        text = text.replace(old, new)
    return text


def hints_for(exercise, text):
    """The keys of the hints that an answer of this text gets, in the order of the requirements."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f'{exercise.name}.py'
        path.write_text(text, encoding='utf-8')
        return [verdict['hint_key'] for verdict in run_checks(exercise.checks, path) if not verdict['passed']]
