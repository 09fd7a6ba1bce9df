"""The loss as a function of the parameters, with batch norm and without, after Santurkar et al. (2018).

``measures`` defines what is measured, ``noise`` disturbs a network behind its batch norms, ``step`` measures around one
step of training, ``training`` trains and measures; ``numbers``, ``figures``, ``report`` and ``overview`` say what came
out. The summary of an experiment is the list of its results. It uses the networks, ``training``, ``run`` and ``data``.
"""
from ..study import Study, load_mnist
from .figures import FIGURES
from .numbers import numbers
from .overview import overview
from .report import CLAIMS, remarks
from .training import EXPERIMENTS, QUICK, Job, cost, train, words

STUDY = Study('landscape', Job, load_mnist, train, words, cost, EXPERIMENTS, QUICK, list, FIGURES, CLAIMS,
              lambda results: {'numbers': numbers(results)}, remarks=remarks, overview=overview)
