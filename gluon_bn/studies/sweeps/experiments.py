"""How far the knobs of LeNet can be turned, with batch norm and without: named sweeps on MNIST, with several seeds.

An experiment is a list of runs. Their results are lines of one file, so that a killed sweep can continue and no run
is done twice, and several processes share the work. ``scripts/sweep.py`` is the command.

What is held fixed is part of each comparison: a number of *steps*, but for the batch sizes a number of *images*, since
a step on 512 images costs 512 times one on a single image. All experiments together take some 25 minutes on two cores.
"""
from dataclasses import asdict
from pathlib import Path

from ...support.files import folder_locked
from ...support.parallel import run_jobs
from ...support.results import append_result, read_results
from .run import POSITIONS, Run, run_from

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # on the mean loss


# Weight scale and learning rate: the main job's; the scale at which the network without batch norm trains best; and
# with that scale a higher rate.
SETTINGS = ((0.01, 0.064), (0.1, 0.064), (0.1, 1.0))


def training(seeds, settings=SETTINGS, score_after=tuple(range(10, 201, 10))):
    """With batch norm and without, in the course of 200 steps on batches of 64: 12,800 images, each once."""
    return [Run(seed, position, lr, scale, score_after=score_after)
            for scale, lr in settings for position in ('before', None) for seed in seeds]


def learning_rates(seeds, rates=RATES, steps=150, positions=('before', None)):
    """With batch norm and without, over the learning rate: 150 steps on batches of 64.

    The weights have the scale 0.1 at which the network without batch norm trains best.
    """
    return [Run(seed, position, lr, score_after=(steps,))
            for position in positions for lr in rates for seed in seeds]


def positions(seeds, rates=RATES, steps=150):
    """Batch norm before the activation, as in the paper, after it, and none; otherwise as ``learning_rates``."""
    return learning_rates(seeds, rates, steps, POSITIONS)


def weight_scales(seeds, scales=(0.001, 0.01, 0.03, 0.1, 0.3, 1.0), rates=RATES[:7], steps=100):
    """With batch norm and without, over the scale of the initial weights and the learning rate: 100 steps of 64.

    The scale is that of the weights alone: gamma begins at 1.
    """
    return [Run(seed, position, lr, scale, score_after=(steps,), gamma_one=position is not None)
            for position in ('before', None) for scale in scales for lr in rates for seed in seeds]


def batch_sizes(seeds, sizes=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512), rates=(0.01, 0.1, 1.0), images=4096):
    """With batch norm and without, over the batch size, at three learning rates: 4,096 training images, each once."""
    return [Run(seed, position, lr, batch_size=size, score_after=(images // size,))
            for position in ('before', None) for lr in rates for size in sizes for seed in seeds]


def momenta(seeds, values=(0.0, 0.5, 0.9, 0.99, 0.999), sizes=(4, 64), score_after=(1, 3, 10, 30, 100, 300)):
    """The momentum of the stored statistics, in the course of 300 steps on batches of 4 and of 64."""
    return [Run(seed, batch_size=size, momentum=momentum, score_after=score_after)
            for size in sizes for momentum in values for seed in seeds]


def eps(seeds, values=(1e-7, 1e-5, 1e-3, 1e-2, 0.1, 1.0, 10.0), scales=(0.01, 0.1, 1.0), steps=100):
    """The eps under the root, at three scales of the initial weights: 100 steps on batches of 64."""
    return [Run(seed, weight_scale=scale, eps=value, score_after=(steps,))
            for scale in scales for value in values for seed in seeds]


def recalibration(seeds, momenta=(0.9, 0.99), sizes=(4, 64), score_after=(10, 100, 1000), images=2048):
    """Statistics stored in training against those of Algorithm 2, from 2,048 training images, after 10 to 1,000 steps.

    Scored on all 10,000 test images.
    """
    return [Run(seed, batch_size=size, momentum=momentum, score_after=score_after, test_images=10000,
                recalibrate=images) for size in sizes for momentum in momenta for seed in seeds]


EXPERIMENTS = {function.__name__: function for function in (
    training, learning_rates, positions, weight_scales, batch_sizes, momenta, eps, recalibration)}

QUICK = {  # as little as shows that everything works, for tests
    'training': {'settings': SETTINGS[:2], 'score_after': (1, 5)},
    'learning_rates': {'rates': (0.1, 1.0), 'steps': 5},
    'positions': {'rates': (0.1, 1.0), 'steps': 5},
    'weight_scales': {'scales': (0.01, 0.1), 'rates': (0.1, 1.0), 'steps': 5},
    'batch_sizes': {'sizes': (1, 16, 64), 'rates': (0.1,), 'images': 64},
    'momenta': {'values': (0.0, 0.99), 'sizes': (16,), 'score_after': (1, 5)},
    'eps': {'values': (1e-5, 10.0), 'scales': (0.1,), 'steps': 5},
    'recalibration': {'momenta': (0.99,), 'sizes': (16,), 'score_after': (1, 5), 'images': 64}}


def sweep(folder, name, runs, processes=None, report=print):
    """Do the runs that have no result in ``folder`` yet, in processes of one thread; returns all results, in order.

    Parameters
    ----------
    folder : path; each result is appended to ``folder/<name>.jsonl`` as soon as it is there. Results of the same runs
        in the files of other experiments are taken over from there.
    runs : list of :class:`gluon_bn.studies.sweeps.run.Run`; one that stands in it twice is done once
    processes : int, None for one a physical core

    Raises ``files.FolderInUse`` if another process sweeps in this folder; ``parallel.WorkerError``.
    """
    own, wanted = Path(folder) / f'{name}.jsonl', dict.fromkeys(runs)

    def keep(description, result):
        results[run_from(description)] = result
        append_result(own, result)

    with folder_locked(folder):
        results = _results_in(own)
        for path in sorted(Path(folder).glob('*.jsonl')):
            for run, result in _results_in(path).items():
                if run in wanted and run not in results:
                    keep(asdict(run), result)
        missing = [run for run in wanted if run not in results]
        missing.sort(key=_work, reverse=True)  # the longest first: so the processes end at about the same time
        report(f"{name}: {len(wanted)} trainings, {len(wanted) - len(missing)} of them done before.")
        run_jobs('gluon_bn.studies.sweeps.run', [], [asdict(run) for run in missing], keep, processes)
    return [results[run] for run in runs]


def _results_in(path):
    """Run -> result, of those lines of the file that are results of such runs as there are now."""
    results = {}
    for result in read_results(path):
        try:
            run = run_from(result['run'])
            results[run] = {**result, 'run': {**asdict(run), 'score_after': list(run.score_after)}}
        except (KeyError, TypeError, ValueError):  # of another version
            continue
    return results


def _work(run):
    """About how long a run takes: the images, and what every step costs besides."""
    return run.steps * (run.batch_size + 10) * (1 if run.batch_norm == 'before' else 2)
