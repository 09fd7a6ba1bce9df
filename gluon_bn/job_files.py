"""Jobs whose results are files, one each: what is done is never done again, and an interrupted set of jobs goes on."""
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from .data import DataError
from .files import written_whole
from .parallel import run_jobs


def do_jobs(folder, jobs, name, module, arguments, fingerprint, processes=None, report=print, duration=None):
    """Do those of ``jobs`` that have no result in ``folder`` yet, in worker processes; returns all, in their order.

    Parameters
    ----------
    folder : path; each result is written to ``folder/jobs`` as soon as it is there
    jobs : list of frozen dataclasses; one that stands in it twice is done once
    name : function of a job: the beginning of its file's name, for people; the rest is a digest of the job
    module, arguments : the worker, see :func:`gluon_bn.parallel.run_jobs`; it gets ``asdict(job)``, and answers with a
        dict that has the same as ``'job'``
    fingerprint : str, of the data; it is kept with each result
    processes : int, None for one a physical core
    report : function that is told how many jobs there are
    duration : function of a job, to which its time is about proportional; the longest are done first then

    Raises ``DataError`` for a folder whose results are of other data; ``parallel.WorkerError``.
    """
    paths = {job: Path(folder) / 'jobs' / f'{name(job)}-{_digest(job)}.json' for job in jobs}
    results = {job: _read(path, job, fingerprint) for job, path in paths.items()}
    missing = [job for job in results if results[job] is None]
    report(f"{len(results)} trainings, {len(results) - len(missing)} of them done before.")
    by_description = {_description(job): job for job in missing}

    def keep(description, result):
        job = by_description[json.dumps(description, sort_keys=True)]
        results[job] = {**result, 'data': fingerprint}
        with written_whole(paths[job], 'w') as file:
            json.dump(results[job], file)

    if duration is not None:  # the longest first: so the processes end at about the same time
        missing.sort(key=duration, reverse=True)
    run_jobs(module, arguments, [asdict(job) for job in missing], keep, processes)
    return [results[job] for job in jobs]


def fingerprint_of(arrays):
    """A digest of the contents of the ``arrays``, in their order, as a string.

    >>> fingerprint_of([np.zeros(2), np.ones(2)]) == fingerprint_of([np.ones(2), np.zeros(2)])
    False
    """
    content = hashlib.sha256()
    for array in arrays:
        content.update(array.tobytes())
    return content.hexdigest()


def _description(job):
    """The job as JSON, the same however it is written: a tuple is a list there."""
    return json.dumps(asdict(job), sort_keys=True)


def _digest(job):
    return hashlib.sha256(_description(job).encode()).hexdigest()[:10]


def _read(path, job, fingerprint):
    """The result of a job that was done before, None if there is none, or not a whole one."""
    try:
        with open(path, encoding='utf-8') as file:
            result = json.load(file)
        if json.dumps(result['job'], sort_keys=True) != _description(job):
            return None
        if result['data'] == fingerprint:
            return result
    except (OSError, ValueError, KeyError, TypeError):
        return None
    raise DataError(f"{path} is the result of other images; choose another folder for these.")
