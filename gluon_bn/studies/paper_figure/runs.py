"""Figure 1 of Ioffe and Szegedy (2015): a sigmoid MLP on MNIST with and without batch norm, several seeds each.

Each training is one file: an interrupted run can continue. Run as a module, this is a worker. How one training goes
is in :mod:`gluon_bn.studies.paper_figure.training`; :mod:`gluon_bn.studies.paper_figure.report` draws and judges.
"""
import json
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from ...support.extras import import_extra
from ...support.parallel import serve_jobs
from ..resumable import file_name, fingerprint_of, run_missing
from .events import recorded, write_scalars
from .training import Digits, Job, load_digits, train

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


def run_job(job, digits, events=None):
    """Train one network; returns its records as JSON holds them, in five digits; ``events``: see :func:`run`."""
    with nullcontext() if events is None else recorded(events_folder(events, job), job, digits) as on_record:
        _, records = train(job, digits, on_record)
    for record in records:
        record['percentiles'] = [[float(f'{value:.5g}') for value in row] for row in record['percentiles']]
    return {'records': records}


def events_folder(events, job):
    """Where TensorBoard's files of the training ``job`` are."""
    return Path(events) / _path('', job).stem


def run(folder, jobs, data_dir=None, processes=None, report=print, events=None):
    """Do the jobs that have no result in ``folder`` yet, in parallel processes; returns all results, in their order.

    Parameters
    ----------
    folder : path; each result is written to ``folder/runs`` as soon as it is there
    jobs : list of :class:`Job`; one that stands in it twice is done once
    data_dir : a folder with the four files of MNIST; None for those that come with the package
    processes : int, None for one a physical core; each has one thread
    events : path, a folder for TensorBoard's files, each training a run; of one that was done before, its scalars alone

    Each result is a dict with ``job`` and ``records``, see :func:`train`. Raises ``DataError`` for bad data, and for a
    folder whose results are of other data; ``parallel.WorkerError``; ``ImportError`` for events without tensorboardX.
    """
    if events is not None:
        import_extra('tensorboardX', 'tensorboard')
        Path(events).mkdir(parents=True, exist_ok=True)
    fingerprint = fingerprint_of(load_digits(data_dir))  # here first: bad data are one sentence, not a traceback
    # Those with batch norm take longer, so they come first; the processes end at about the same time then.
    ordered = sorted(dict.fromkeys(jobs), key=lambda job: (job.steps, job.batch_norm), reverse=True)
    folders = [None if path is None else str(Path(path).resolve()) for path in (data_dir, events)]
    results = run_missing('gluon_bn.studies.paper_figure.runs', [json.dumps(folders)],
                          {_path(folder, job): asdict(job) for job in ordered}, fingerprint, processes, report)
    if events is not None:
        for job in ordered:
            write_scalars(events_folder(events, job), job, results[_path(folder, job)]['records'])
    return [results[_path(folder, job)] for job in jobs]


def unfinished(folder, jobs):
    """Those of the jobs of which ``folder`` has no result."""
    return [job for job in jobs if not _path(folder, job).exists()]


def _path(folder, job):
    words = f"{job.optimizer}-{job.lr:.3g}-{'batchnorm' if job.batch_norm else 'none'}-seed{job.seed}"
    return Path(folder) / 'runs' / file_name(words, asdict(job))


def _work(folders):
    data_dir, events = json.loads(folders)
    digits = Digits(load_digits(data_dir))
    serve_jobs(lambda description: run_job(Job(**description), digits, events))


if __name__ == '__main__':
    _work(sys.argv[1])
