"""Deep nets with batch norm and without, after cs231n.

``training`` trains them, ``report`` draws and judges, ``overview`` is the table of all experiments.
It uses ``reference``, ``data``, ``run.plots`` and ``support``, and MXNet nowhere.
"""
from ..study import Study
from .overview import overview
from .report import CLAIMS, FIGURES, numbers, summary
from .training import EXPERIMENTS, QUICK, Job, cost, load_images, train, words

STUDY = Study('deep_nets', Job, load_images, train, words, cost, EXPERIMENTS, QUICK, summary, FIGURES, CLAIMS, numbers,
              overview=overview)
