"""Settings of the paper's figure, and the jobs that it needs: each setting with batch norm and without, several seeds.
"""
from .training import Job

STEPS = 50_000

# The paper names neither a learning rate nor the scale of the weights; tutorial 09 says how these were chosen.
_PAPER = {'optimizer': 'sgd', 'weight_scale': 0.1}
SETTINGS = {'sgd-0.1': {**_PAPER, 'lr': 0.1 / 60}, 'sgd-0.02': {**_PAPER, 'lr': 0.02 / 60},
            'sgd-0.5': {**_PAPER, 'lr': 0.5 / 60},
            'keras': {'optimizer': 'rmsprop', 'lr': 0.001, 'weight_scale': 'glorot', 'momentum': 0.99, 'eps': 1e-3}}
PAPER = ('sgd-0.1', 'sgd-0.02')  # the paper's setting; what it claims is demanded of these
FIGURE = (*PAPER, 'keras')


def jobs_of(setting, seeds=range(3), steps=STEPS):
    """The trainings of one of ``SETTINGS``: each seed with batch norm and without."""
    return [Job(seed, batch_norm, steps=steps, **SETTINGS[setting]) for seed in seeds for batch_norm in (True, False)]


def jobs_of_figure(seeds, settings=FIGURE, steps=STEPS):
    """The trainings of several of ``SETTINGS``."""
    return [job for setting in settings for job in jobs_of(setting, seeds, steps)]


def setting_of(job):
    """Which of ``SETTINGS`` is that of ``job``, a dict of its fields."""
    return next(name for name, values in SETTINGS.items()
                if all(job[field] == value for field, value in values.items()))


EXPERIMENTS = {'paper_figure': jobs_of_figure}
QUICK = {'paper_figure': {'steps': 200}}
