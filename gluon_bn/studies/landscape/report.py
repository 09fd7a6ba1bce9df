"""What came out of the measured trainings: their numbers, figures, and the claims that the numbers must bear out."""
import json
from pathlib import Path

import numpy as np

from ...support.files import atomic_write
from . import runs
from .figures import FIGURES, NETWORKS
from .numbers import best_rate, final_loss, median, numbers, of, series, table, trains
from .runs import EXPERIMENTS, KINDS


def run_experiments(names, networks, seeds, folder, data_dir=None, processes=None, report=print, judged=True,
                    **changes):
    """Do these experiments with these networks, as far as there is such an experiment; see :func:`run_experiment`.

    ``changes`` are fields of the jobs that are to be other than usual. All trainings are done before the first report,
    so that no process waits for another's last training. Returns all claims, their sentences with the network's name.
    """
    jobs = {(name, network): EXPERIMENTS[name][0](network, seeds, **changes)
            for network in networks for name in names if network in EXPERIMENTS[name][1]}
    runs.run(folder, [job for some in jobs.values() for job in some], data_dir, processes, report)
    verdicts = {}
    for (name, network), some in jobs.items():
        report(f"\n{name}, {NETWORKS[network]}")
        found = run_experiment(name, network, folder, some, data_dir, processes, report, judged)
        verdicts.update({f'{NETWORKS[network]}: {sentence}': holds for sentence, holds in found.items()})
    return verdicts


def run_experiment(name, network, folder, jobs, data_dir=None, processes=None, report=print, judged=True):
    """Do one of ``runs.EXPERIMENTS`` with one network; write its figures and its numbers to ``folder``.

    They are ``<name>-<network>.json`` and, for each of ``FIGURES[name]``, ``<figure>-<network>.png``. The table and the
    claims go to ``report``. Returns the claims as a dict sentence -> bool; none if they are not ``judged``, because the
    trainings are too short to say anything. Raises what ``runs.run`` raises.
    """
    folder = Path(folder)
    results = runs.run(folder, jobs, data_dir, processes, report)
    for title, draw in FIGURES[name].items():
        figure = draw(results)
        with atomic_write(folder / f'{title}-{network}.png') as file:
            figure.savefig(file, format='png', dpi=110)
    rows, verdicts = numbers(results), claims(name, results) if judged else {}
    with atomic_write(folder / f'{name}-{network}.json', 'w') as file:
        json.dump({'experiment': name, 'data': str(data_dir or 'embedded'), 'claims': verdicts, 'numbers': rows}, file,
                  indent=1)
    report('\n'.join(table(rows)))
    if name == 'learning_rates':
        report(f"lowest loss at the end: without batch norm at {best_rate(results, 'plain'):g}, with it at "
               f"{best_rate(results, 'batch_norm'):g}")
    for sentence, holds in verdicts.items():
        report(f"{'holds' if holds else 'FAILS'}: {sentence}")
    if not judged:
        report(f"The claims are not judged: {jobs[0].steps} steps a training are too few.")
    return verdicts


def claims(name, results):
    """What the experiment ``name`` is to show, as a dict sentence -> whether ``results`` bear it out."""
    return {sentence: bool(holds) for sentence, holds in _CLAIMS[name](results).items()}


def _less(results, name, smaller, larger, **values):
    """Whether the median of ``name`` is less for the kind ``smaller`` than for ``larger``, seed by seed."""
    a, b = ([median(series([result], name)) for result in of(results, kind=kind, **values)]
            for kind in (smaller, larger))
    return all(np.array(a) < b)


def _learning_rate_claims(results):
    rates = sorted({result['job']['learning_rate'] for result in results})
    both = [rate for rate in rates if all(trains(of(results, kind=kind, learning_rate=rate))
                                          for kind in ('plain', 'batch_norm'))]
    ends = {kind: np.array([final_loss(result) for result in of(results, kind=kind, learning_rate=rates[-1])])
            for kind in ('plain', 'batch_norm')}
    said = {'loss_range': (both, "the loss varies less along the gradient"),
            'relative_change': (both, "the gradient changes by less of its length"),
            'smoothness': (both[:1], "the effective beta-smoothness is smaller")}
    return {
        "there is a learning rate at which both nets train": both,
        "with batch norm the net trains at each of the learning rates":
            trains(of(results, kind='batch_norm')),
        "at the largest of them, the net without batch norm ends with a higher loss, for every seed":
            all(ends['plain'] > ends['batch_norm']),
        **{f"{sentence} with batch norm, median over the steps, for every seed, at the learning rates "
           f"{', '.join(f'{rate:g}' for rate in where)}":
           where and all(_less(results, name, 'batch_norm', 'plain', learning_rate=rate) for rate in where)
           for name, (where, sentence) in said.items()}}


def _noise_claims(results):
    ends = {kind: np.array([final_loss(result) for result in of(results, kind=kind)]) for kind in KINDS}
    return {
        "noisy batch norm ends with a lower training loss than the net without batch norm, for every seed":
            all(ends['noisy_batch_norm'] < ends['plain']),
        "and it is nearer to the loss of batch norm than to that of the net without":
            all(np.abs(ends['noisy_batch_norm'] - ends['batch_norm'])
                < np.abs(ends['noisy_batch_norm'] - ends['plain'])),
        "the means of the last activation's inputs move more from step to step with noisy batch norm than without "
        "batch norm, for every seed (median over the steps)":
            _less(results, 'mean_shift', 'plain', 'noisy_batch_norm'),
        "and so do their standard deviations": _less(results, 'std_shift', 'plain', 'noisy_batch_norm')}


def _small_weight_claims(results):
    return {
        "with small weights the net without batch norm does not train, and with it does":
            trains(of(results, kind='batch_norm')) and not any(trains([r]) for r in of(results, kind='plain')),
        "though without batch norm the loss varies less, for every seed (median over the steps)":
            _less(results, 'loss_range', 'plain', 'batch_norm'),
        "and the effective beta-smoothness is smaller": _less(results, 'smoothness', 'plain', 'batch_norm')}


_CLAIMS = {'learning_rates': _learning_rate_claims, 'noise': _noise_claims, 'small_weights': _small_weight_claims}
