"""Limits of LeNet's knobs, with batch norm and without.

``training`` is one training, ``experiments`` says what is varied, ``claims`` judges, ``report`` and ``overview`` show.
It uses ``LeNet``, ``training``, ``recalibration`` and ``data``.
"""
from ..study import Study, load_mnist
from .claims import CLAIMS, numbers, summary
from .experiments import EXPERIMENTS, QUICK
from .overview import overview
from .report import FIGURES, table
from .training import Job, cost, train, words

STUDY = Study('sweeps', Job, load_mnist, train, words, cost, EXPERIMENTS, QUICK, summary, FIGURES, CLAIMS, numbers,
              table=table, overview=overview)
