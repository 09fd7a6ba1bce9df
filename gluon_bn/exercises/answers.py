"""Answers that are functions of the running program, a notebook's for example: :func:`check_answer`."""
import inspect
import types

from .catalog import find
from .harness import checked, load_checks
from .runner import verdict_of


def check_answer(name, namespace, requirement=None, folder=None):
    """The verdict on functions of this program: requirements, what is wrong, and hints.

    Parameters
    ----------
    name : str, the exercise: ``'01_normalize_matrix'``, ``'normalize_matrix'`` or ``'1'``
    namespace : dict, where the functions are, ``globals()`` in a notebook
    requirement : str or None, the name of one check, ``'check_eps'``; None checks all
    folder : the folder of the exercises; None is the package's own

    Returns a :class:`.runner.Verdict`; print it, or ask ``verdict.complete``, ``verdict.passed`` and ``verdict.lines``.
    The functions run in this process and without limits: to mark what others wrote, see the command ``grade``. Raises
    :class:`.catalog.UnknownExercise` for an unknown name, and ``ValueError`` for an unknown requirement.

    >>> import numpy as np
    >>> def adam_step(w, dw, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    ...     raise NotImplementedError("adam_step")
    >>> verdict = check_answer('adam_bias_correction', {'adam_step': adam_step})
    >>> verdict.passed, len(verdict.lines), verdict.complete
    (0, 3, False)
    """
    exercise = find(name, folder)
    known = exercise.requirements()
    if requirement is not None and requirement not in known:
        raise ValueError(f"{exercise.name} has no requirement {requirement!r}; expected one of: {', '.join(known)}.")
    answer = types.ModuleType('answer')
    vars(answer).update({key: value for key, value in namespace.items() if not key.startswith('__')})
    answer.source_text = '\n'.join(_sources(namespace))
    checks, failure = load_checks(exercise.checks)
    told = [failure] if failure else list(checked(checks, answer, None, requirement))
    return verdict_of(exercise, told, requirement)


def demand(name, namespace, requirement=None, folder=None):
    """``AssertionError`` with what is wrong and the hint, unless :func:`check_answer` finds all right.

    For the test cells of nbgrader and Otter, which take any exception for a failure.
    """
    verdict = check_answer(name, namespace, requirement, folder)
    if not verdict.complete:
        raise AssertionError(f"\n{verdict}")


def _sources(namespace):
    """The texts of the functions that were written here, as far as Python knows them."""
    for value in namespace.values():
        if isinstance(value, types.FunctionType) and value.__globals__ is namespace:
            try:
                yield inspect.cleandoc('\n' + inspect.getsource(value))
            except (OSError, TypeError):
                pass
