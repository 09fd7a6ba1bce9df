"""The course of a study: each job is trained once, and its experiments are drawn, written, and judged by their claims.

What is finished is a file, so that an interrupted run continues. Run as a module, this is a worker.
"""
import hashlib
import importlib
import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Callable, NamedTuple, Optional

from ..data import DataError, load
from ..support.files import atomic_write, folder_locked, remove_leftovers
from ..support.parallel import run_jobs, serve_jobs
from ..support.reading import content, json_of


class Study(NamedTuple):
    """What one study consists of. It is ``STUDY`` of the module ``gluon_bn.studies.<name>``, where a worker finds it.

    A *job* is one training: of ``job``, a frozen dataclass whose fields JSON can hold. ``experiments`` has for each
    name a function of the seeds, and of settings, that returns jobs; ``quick`` the settings that make it short.
    """

    name: str
    job: type
    load: Callable        # (data_dir) -> dict name -> NumPy array
    train: Callable       # (job, data, **options) -> dict as JSON can hold it, with the job as 'job'
    words: Callable       # (job) -> the beginning of its file's name
    cost: Callable        # (job) -> a number, about proportional to how long it takes
    experiments: dict
    quick: dict
    summarise: Callable   # (results of an experiment) -> its summary
    figures: dict         # name -> {name of a file: (summary) -> matplotlib's Figure}
    claims: dict          # name -> (summary) -> dict sentence -> whether the summary bears it out
    numbers: Callable     # (summary) -> dict as JSON can hold it, kept beside the figures
    prepare: Callable = dict              # (what ``load`` gives) -> what ``train`` gets; once a process
    table: Optional[Callable] = None      # (summary) -> a table in Markdown
    remarks: Optional[Callable] = None    # (name, summary, judged) -> lines that are reported before the claims
    overview: Optional[Callable] = None   # (dict name -> summary) -> a table in Markdown of several experiments


def run(study, folder, jobs, data_dir=None, processes=None, report=print, **options):
    """Train the jobs that have no result in ``folder`` yet, in processes of one thread; returns all results, in order.

    Parameters
    ----------
    folder : path; each result is a file in ``folder/jobs`` as soon as it is there. It is a dict: what ``study.train``
        returned, with ``job`` and ``data``, a fingerprint of the data.
    jobs : list of ``study.job``; one that stands in it twice is trained once
    data_dir : for ``study.load``; None for the files that come with the package
    processes : int, None for one a physical core
    report : function that is told in one line how many are done
    options : for ``study.train``, as JSON can hold them

    A file that is damaged, or holds the result of another job, counts as missing. Raises ``DataError`` for bad data and
    for results of other data, ``files.FolderInUse`` if another process is at work there, ``parallel.WorkerError``.
    """
    fingerprint = fingerprint_of(study.load(data_dir))  # here first: bad data are one sentence, not a traceback
    ordered = sorted(dict.fromkeys(jobs), key=study.cost, reverse=True)  # so the processes end at about the same time
    with folder_locked(folder):
        remove_leftovers(Path(folder) / 'jobs')
        results = {job: read_result(_path(study, folder, job), _as_json(job), fingerprint) for job in ordered}
        missing = [job for job in ordered if results[job] is None]
        report(f"{len(ordered)} trainings, {len(ordered) - len(missing)} of them done before.")

        def keep(description, result):
            job = job_from(study, description)
            results[job] = {**result, 'job': _as_json(job), 'data': fingerprint}
            with atomic_write(_path(study, folder, job), 'w') as file:
                json.dump({**results[job], 'sha256': _digest(results[job])}, file)

        where = None if data_dir is None else str(Path(data_dir).resolve())
        run_jobs(__name__, [study.name, json.dumps([where, options])], [_as_json(job) for job in missing], keep,
                 processes)
    return [results[job] for job in jobs]


def conduct(study, experiments, folder, data_dir=None, processes=None, report=print, judged=True, train=None):
    """Do experiments, a dict name -> jobs: all trainings first, so that no process waits for another's last one.

    Then for each: its figures as PNG, its numbers as ``<name>.json`` and its table, if the study has one, as
    ``<name>.md`` in ``folder``; table, remarks and claims go to ``report``. With ``judged=False``, for trainings too
    short to show anything, no claim is asked. A table of several experiments comes last.

    Returns name -> claims, a dict sentence -> bool. ``train`` is called instead of :func:`run`, without the study; see
    there for the other parameters and errors.
    """
    jobs = list(dict.fromkeys(job for some in experiments.values() for job in some))
    results = dict(zip(jobs, (train or partial(run, study))(folder, jobs, data_dir, processes, report)))
    summaries = {name: study.summarise([results[job] for job in some]) for name, some in experiments.items()}
    verdicts = {}
    for name, summary in summaries.items():
        verdicts[name] = judge(study, name, summary) if judged else {}
        _keep_experiment(study, name, summary, verdicts[name], Path(folder), data_dir)
        if study.table:
            report(study.table(summary))
        for line in study.remarks(name, summary, judged) if study.remarks else ():
            report(line)
        for sentence, holds in verdicts[name].items():
            report(f"{'holds' if holds else 'FAILS'}: {sentence}")
    if not judged:
        report("The claims are not judged: the trainings are too short.")
    if study.overview and (len(summaries) > 1 or not study.table):
        report(f"\n{study.overview(summaries)}\n")
    return verdicts


def judge(study, name, summary):
    """The claims of an experiment, a dict sentence -> whether ``summary`` bears it out."""
    return {sentence: bool(holds) for sentence, holds in study.claims[name](summary).items()}


def read_result(path, description, fingerprint):
    """The result in the file ``path`` of the job that is described so; None if there is none, or none that is whole.

    Whole is what has the SHA-256 that it was written with.
    """
    try:
        result = json_of(content(path, ValueError))
        digest = result.pop('sha256', None)  # results of older versions have none
        if result['job'] != description or digest not in (None, _digest(result)):
            return None
        if result['data'] == fingerprint:
            return result
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    raise DataError(f"{path} is the result of other images; choose another folder for these.")


def _digest(result):
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()


def unfinished(study, folder, jobs):
    """Those of the jobs of which ``folder`` has no result."""
    return [job for job in jobs if not _path(study, folder, job).exists()]


def file_stem(words, job):
    """A name for what belongs to ``job``: ``words`` for people, and a digest of all its fields."""
    return f'{words}-{hashlib.sha256(json.dumps(asdict(job), sort_keys=True).encode()).hexdigest()[:10]}'


def job_from(study, description):
    """The job that ``asdict(job)`` describes, also after a way through JSON, which has no tuples."""
    return study.job(**{name: tuple(value) if isinstance(value, list) else value
                        for name, value in description.items()})


def fingerprint_of(arrays):
    """A digest of the values of NumPy arrays, ``name -> array``."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def load_mnist(data_dir=None):
    """MNIST as NumPy arrays: dict ``X_train``, ``y_train``, ``X_test``, ``y_test``; see :func:`gluon_bn.data.load`."""
    arrays = {}
    for name, train in (('train', True), ('test', False)):
        arrays['X_' + name], arrays['y_' + name] = load('mnist', train, data_dir)
    return arrays


def select(results, **values):
    """Those of ``results``, or of what is made of them, whose ``job`` has these values.

    >>> select([{'job': {'seed': 0, 'lr': 0.1}}, {'job': {'seed': 0, 'lr': 1}}], lr=1)
    [{'job': {'seed': 0, 'lr': 1}}]
    """
    return [result for result in results if all(result['job'][name] == value for name, value in values.items())]


def values_of(results, name):
    """The values of a field of the jobs, each once, rising (None first).

    >>> values_of([{'job': {'lr': 0.1}}, {'job': {'lr': None}}, {'job': {'lr': 0.1}}], 'lr')
    [None, 0.1]
    """
    return sorted({result['job'][name] for result in results}, key=lambda value: (value is not None, value))


def seeds_together(results):
    """Bring the seeds together: ``[(job without the seed, its results)]``, in the order of their coming.

    >>> results = [{'job': {'seed': seed, 'lr': lr}} for lr in (0.1, 1) for seed in (0, 1)]
    >>> [(job, len(of_job)) for job, of_job in seeds_together(results)]
    [({'lr': 0.1}, 2), ({'lr': 1}, 2)]
    """
    kinds = {}
    for result in results:
        job = {name: value for name, value in result['job'].items() if name != 'seed'}
        kinds.setdefault(json.dumps(job, sort_keys=True), (job, []))[1].append(result)
    return list(kinds.values())


def _keep_experiment(study, name, summary, verdicts, folder, data_dir):
    for title, draw in study.figures[name].items():
        figure = draw(summary)
        with atomic_write(folder / f'{title}.png') as file:
            figure.savefig(file, format='png', dpi=120)
    with atomic_write(folder / f'{name}.json', 'w') as file:
        json.dump({'experiment': name, 'data': str(data_dir or 'embedded'), 'claims': verdicts,
                   **study.numbers(summary)}, file, indent=1)
    if study.table:
        with atomic_write(folder / f'{name}.md', 'w') as file:
            file.write(study.table(summary) + '\n')


def _path(study, folder, job):
    return Path(folder) / 'jobs' / f'{file_stem(study.words(job), job)}.json'


def _as_json(job):
    return json.loads(json.dumps(asdict(job)))


def _serve(name, arguments):
    study = importlib.import_module(f'gluon_bn.studies.{name}').STUDY
    data_dir, options = json.loads(arguments)
    data = study.prepare(study.load(data_dir))
    serve_jobs(lambda description: study.train(job_from(study, description), data, **options))


if __name__ == '__main__':
    _serve(*sys.argv[1:])
