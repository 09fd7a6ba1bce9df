"""Exercises that mark themselves: ``python -m gluon_bn.exercises``.

===========  =======================================================================================================
``catalog``  which exercises there are, and where their files live
``expect``   what a check says of an answer: the right one, a known mistake with its hint, or another
``harness``  runs the checks of one exercise on one answer; the program that the runner starts
``runner``   starts it in a process of its own, with limits on time, memory and output
``progress`` what a learner has started and passed
``grading``  a folder of submissions as a table
``verify``   for authors: the solution passes, and every known mistake gets its own hint
===========  =======================================================================================================

The exercises themselves are files in ``tutorials/exercises``; an installed package has them in ``exercises/tasks``.
"""
