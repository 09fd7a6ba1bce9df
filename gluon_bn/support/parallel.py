"""Jobs in parallel processes: :func:`run_jobs` and the other end, :func:`serve_jobs`.

A worker is a fresh Python that reads jobs from its standard input and writes results to its standard output, one line
of JSON each. Nothing is forked (a process that has loaded MXNet must not be), nothing is pickled, and the caller's
main module is not imported again, so that it works from scripts, notebooks and tests alike.
"""
import json
import subprocess
import sys
import threading

from tqdm import tqdm

from .subprocesses import environment
from .tether import command_of
from .threads import physical_cores


class WorkerError(RuntimeError):
    """A worker process failed; what it wrote to standard error says why."""


def run_jobs(module, arguments, jobs, on_result, processes=None):
    """Do ``jobs`` in worker processes ``python -m module arguments...``.

    Parameters
    ----------
    module, arguments : the module that calls :func:`serve_jobs`, and its command line, a list of str
    jobs : list of what JSON can hold
    on_result : function ``(job, result)``, called for each as it comes, in any order but never twice at once
    processes : int, None for one a physical core; each has one thread

    Raises ``WorkerError`` when a worker ends early; the others are ended then. An exception in ``on_result`` and Ctrl-C
    end them as well, and so does the end of this process, whatever ends it. Results that have come stay.
    """
    if not jobs:
        return
    waiting, lock, failures, workers = list(reversed(jobs)), threading.Lock(), [], []
    processes = min(processes or physical_cores(), len(jobs))

    def feed(worker):
        try:
            while not failures:
                with lock:
                    if not waiting:
                        return
                    job = waiting.pop()
                worker.stdin.write(json.dumps(job) + '\n')
                worker.stdin.flush()
                line = worker.stdout.readline()
                if not line:
                    raise WorkerError(f"a worker process ended with status {worker.wait()} at the job {job}.")
                with lock:
                    on_result(job, json.loads(line))
                    bar.update()
        except BaseException as error:
            failures.append(error)

    with tqdm(total=len(jobs), unit='job', disable=None) as bar:
        try:
            for _ in range(processes):
                workers.append(_start(module, arguments))
            threads = [threading.Thread(target=feed, args=(worker,), daemon=True) for worker in workers]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads) and not failures:
                for thread in threads:
                    thread.join(0.1)  # a join without end would not see Ctrl-C
        finally:
            for worker in workers:
                _end(worker, kill=bool(failures or waiting))
    if failures:
        raise failures[0]


def serve_jobs(work):
    """Be a worker: answer each line of standard input, a job, with ``work(job)`` on standard output."""
    results, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed must not come between
    for line in sys.stdin:
        print(json.dumps(work(json.loads(line))), file=results, flush=True)


def _start(module, arguments):
    one_thread = environment(OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1', MKL_NUM_THREADS='1')
    return subprocess.Popen(command_of(module, *arguments), env=one_thread, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def _end(worker, kill):
    if kill:
        worker.kill()
    try:
        worker.stdin.close()  # the end of its input is the end of its work
    except BrokenPipeError:
        pass
    worker.wait()
    worker.stdout.close()
