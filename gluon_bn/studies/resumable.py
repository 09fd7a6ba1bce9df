"""Sets of jobs of which each is done once: what is finished is a file, so that an interrupted run can continue.

:mod:`gluon_bn.support.parallel` does the jobs; this keeps their results and knows which are there.
"""
import hashlib
import json

from ..data import DataError
from ..support.files import atomic_write
from ..support.parallel import run_jobs
from ..support.reading import content, json_of


def run_missing(module, arguments, jobs, fingerprint, processes=None, report=print):
    """Do the jobs that have no result yet, in worker processes; returns all results, path -> dict.

    Parameters
    ----------
    module, arguments, processes : as for :func:`gluon_bn.support.parallel.run_jobs`
    jobs : dict path -> job, a file for the result and what JSON can hold; they are begun in this order
    fingerprint : str that says which data the jobs are done with
    report : function that is told in one line how many are done

    What a worker answers is a dict; it is written as soon as it comes, with ``job`` and ``data``, the fingerprint,
    added. A file that is damaged, or holds the result of another job, counts as missing.

    Raises ``DataError`` for a result of other data, and what ``run_jobs`` raises.
    """
    jobs = {path: json.loads(json.dumps(job)) for path, job in jobs.items()}  # as they will be when they are read
    results = {path: _read(path, job, fingerprint) for path, job in jobs.items()}
    missing = [path for path, result in results.items() if result is None]
    report(f"{len(jobs)} trainings, {len(jobs) - len(missing)} of them done before.")

    def keep(job, result):
        path = next(path for path in missing if jobs[path] == job)
        results[path] = {**result, 'job': job, 'data': fingerprint}
        with atomic_write(path, 'w') as file:
            json.dump(results[path], file)

    run_jobs(module, arguments, [jobs[path] for path in missing], keep, processes)
    return results


def file_name(words, job):
    """A name for the result of a job, a dict: some words for people, and a digest of all that is in it.

    >>> file_name('seed0', {'seed': 0, 'lr': 0.1}) == file_name('seed0', {'lr': 0.1, 'seed': 0})
    True
    """
    return f'{words}-{hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:10]}.json'


def fingerprint_of(arrays):
    """A digest of the values of NumPy arrays, ``name -> array``."""
    content = hashlib.sha256()
    for name in sorted(arrays):
        content.update(arrays[name].tobytes())
    return content.hexdigest()


def _read(path, job, fingerprint):
    """The result of a job that was done before, None if there is none."""
    try:
        result = json_of(content(path, ValueError))
        if result['job'] != job:
            return None
        if result['data'] == fingerprint:
            return result
    except (OSError, ValueError, KeyError, TypeError):
        return None
    raise DataError(f"{path} is the result of other images; choose another folder for these.")
