"""Time and traffic of a training step of several workers beside one process; ``scripts/benchmark_workers.py`` calls it.

Each measurement is a job of its own. What is compared is measured in turns.
"""
import json
import os
import subprocess
import sys
import time

from ...support.markdown import markdown_table

WARM_UP = 5  # steps
COLUMNS = ('workers', 'threads each', 'images each', 'ms a step', 'KB a step that each sends')


def beside_one_process(batch=128, steps=50, rounds=5, workers=2):
    """How quick ``workers`` of one thread are beside one process with as many threads: the ratio of each round."""
    return [one_process(batch, steps, workers)['seconds'] / of_workers(workers, batch, steps, 1)['seconds']
            for _ in range(rounds)]


def table(batch=128, steps=50, sizes=(1, 2, 4)):
    """A table in Markdown: a step of so many workers of one thread, who share a batch."""
    rows = []
    for size in sizes:
        found = of_workers(size, batch, steps, 1)
        rows.append((size, 1, f'{batch / size:g}', f"{found['seconds'] * 1e3:.1f}", f"{found['bytes'] / 1e3:.1f}"))
    return markdown_table(COLUMNS, rows)


def one_process(batch, steps, threads):
    """A step of the main job as it is without workers: dict with ``seconds``."""
    done = subprocess.run(_command(batch, steps, alone=True), stdout=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, 'OMP_NUM_THREADS': str(threads)})
    return json.loads(done.stdout)


def of_workers(workers, batch, steps, threads):
    """A step of so many workers: dict with ``seconds``, and ``bytes`` that each sends to the others."""
    from ...parallel.launch import launch
    lines = []
    status = launch('benchmark_workers', _command(batch, steps, alone=False)[1:], workers, lines.append,
                    threads=threads)
    if status:
        raise RuntimeError(f"a job of {workers} workers ended with status {status}.")
    return json.loads(lines[0])


def _command(batch, steps, alone):
    return [sys.executable, '-m', __name__, json.dumps({'batch': batch, 'steps': steps, 'alone': alone})]


def _measure(asked, worker=None):
    from ..._mxnet import nd
    from ...run.configuration import Config
    from ...run.loop import Job
    from ...run.workers import WorkerJob
    steps = WARM_UP + asked['steps']
    config = Config(batch_size=asked['batch'], limit=min(60000, asked['batch'] * steps), ctx='cpu',
                    workers=worker.group.size if worker else 1)
    job = WorkerJob(config, None, worker) if worker else Job(config, None, print)
    for step, (data, label) in enumerate(_without_end(job)):
        if step == WARM_UP:
            nd.waitall()
            began, sent = time.perf_counter(), worker.group.bytes_sent if worker else 0
        if step == steps:
            break
        loss = job.train_on(data, label)
        if step % 8 == 0:
            loss.wait_to_read()
    nd.waitall()
    seconds = (time.perf_counter() - began) / asked['steps']
    return json.dumps({'seconds': seconds,
                       'bytes': (worker.group.bytes_sent - sent) / asked['steps'] if worker else 0})


def _without_end(job):
    while True:
        yield from job.batches_from(0, 0)


def main():
    """The other end of a measurement."""
    asked = json.loads(sys.argv[1])
    if asked['alone']:
        print(_measure(asked))
        return 0
    from ...parallel.worker import as_worker
    return as_worker('benchmark_workers', lambda worker: worker.report(_measure(asked, worker)))


if __name__ == '__main__':
    sys.exit(main())
