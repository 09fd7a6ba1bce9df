"""For authors of exercises: what must be true of every exercise, :func:`verify`."""
import tempfile
from pathlib import Path

from .expect import COMMON_HINTS
from .harness import load, run_checks

FEWEST_MISTAKES = 4


def verify(exercise):
    """A list of what is wrong with an exercise, empty if nothing is. Its files run in this process.

    The skeleton must fail each requirement as not written yet, the solution must pass all, and each of at least four
    known mistakes must get the hint of its own. A mistake is ``(hint, [(old, new), ...])``: the solution with pieces of
    its text replaced.
    """
    problems = [f"skeleton: {verdict['check']} says {verdict.get('message', 'passed')!r}"
                for verdict in run_checks(exercise.checks, exercise.skeleton)
                if verdict.get('hint_key') != 'not-written']
    problems += [f"solution: {verdict['check']}: {verdict['message']}"
                 for verdict in run_checks(exercise.checks, exercise.solution) if not verdict['passed']]
    mistakes = known_mistakes(exercise)
    hints = getattr(load('gluon_bn_exercise_checks', exercise.checks), 'HINTS', {})
    if len({hint for hint, _ in mistakes}) < FEWEST_MISTAKES:
        problems.append(f"mistakes: expected at least {FEWEST_MISTAKES} with a hint of their own")
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
    solution = exercise.solution.read_text(encoding='utf-8')
    texts = []
    for hint, replacements in load('gluon_bn_exercise_mistakes', exercise.mistakes).MISTAKES:
        text = solution
        for old, new in replacements:
            if text.count(old) != 1:
                raise ValueError(f"{exercise.mistakes}: {old!r} is {text.count(old)} times in the solution, not once.")
            text = text.replace(old, new)
        texts.append((hint, text))
    return texts


def hints_for(exercise, text):
    """The keys of the hints that an answer of this text gets, in the order of the requirements."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f'{exercise.name}.py'
        path.write_text(text, encoding='utf-8')
        return [verdict['hint_key'] for verdict in run_checks(exercise.checks, path) if not verdict['passed']]
