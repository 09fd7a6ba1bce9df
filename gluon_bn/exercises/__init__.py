"""Exercises that mark themselves: ``gluon-bn exercises``, or ``python -m gluon_bn.exercises``.

===============  ===================================================================================================
``catalog``      which exercises there are, and where their files live
``expect``       what a check says of an answer: the right one, a known mistake with its hint, or another
``harness``      runs the checks of one exercise on one answer; the program that the runner starts
``runner``       starts it in a process of its own, with limits on time, memory and output
``answers``      checks functions of the running program: ``check_answer``, and ``demand`` for test cells
``notebooks``    the skeleton as a notebook, and the code of a notebook
``progress``     what a learner has started and passed
``submissions``  the files of a class: a folder, a zip, the exports of Moodle and Canvas
``grading``      these as a table, and a page for each learner
``verify``       for authors: right answers pass, and every known mistake gets its own hint
===============  ===================================================================================================

They use ``support``, and ``autodiff`` for answers that are Nodes. The exercises themselves are files in
``tutorials/exercises``; an installed package has them in ``exercises/tasks``.
"""
__all__ = ['check_answer', 'demand']


def __getattr__(name):
    """``check_answer`` and ``demand``, imported when they are asked for: the harness starts as a program of its own."""
    if name in __all__:
        from . import answers
        return getattr(answers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
