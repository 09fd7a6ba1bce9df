"""Claims that the numbers of the measured trainings must bear out, and what is said beside them."""
import numpy as np

from ..study import select, values_of
from .figures import NETWORKS
from .numbers import best_rate, final_loss, median, series, trains
from .training import EXPERIMENTS, KINDS


def remarks(name, results, judged):
    """The lines about an experiment: its heading, and for the learning rates which is the best."""
    kind, network = name.split('-')
    lines = [f"\n{kind}, {NETWORKS[network]}"]
    if kind == 'learning_rates':
        lines.append(f"lowest loss at the end: without batch norm at {best_rate(results, 'plain'):g}, with it at "
                     f"{best_rate(results, 'batch_norm'):g}")
    return lines


def _less(results, name, smaller, larger, **values):
    """Whether the median of ``name`` is less for the kind ``smaller`` than for ``larger``, seed by seed."""
    a, b = ([median(series([result], name)) for result in select(results, kind=kind, **values)]
            for kind in (smaller, larger))
    return all(np.array(a) < b)


def _learning_rate_claims(results):
    rates = values_of(results, 'learning_rate')
    both = [rate for rate in rates if all(trains(select(results, kind=kind, learning_rate=rate))
                                          for kind in ('plain', 'batch_norm'))]
    ends = {kind: np.array([final_loss(result) for result in select(results, kind=kind, learning_rate=rates[-1])])
            for kind in ('plain', 'batch_norm')}
    said = {'loss_range': (both, "the loss varies less along the gradient"),
            'relative_change': (both, "the gradient changes by less of its length"),
            'smoothness': (both[:1], "the effective beta-smoothness is smaller")}
    return {
        "there is a learning rate at which both nets train": both,
        "with batch norm the net trains at each of the learning rates":
            trains(select(results, kind='batch_norm')),
        "at the largest of them, the net without batch norm ends with a higher loss, for every seed":
            all(ends['plain'] > ends['batch_norm']),
        **{f"{sentence} with batch norm, median over the steps, for every seed, at the learning rates "
           f"{', '.join(f'{rate:g}' for rate in where)}":
           where and all(_less(results, name, 'batch_norm', 'plain', learning_rate=rate) for rate in where)
           for name, (where, sentence) in said.items()}}


def _noise_claims(results):
    ends = {kind: np.array([final_loss(result) for result in select(results, kind=kind)]) for kind in KINDS}
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
            trains(select(results, kind='batch_norm')) and not any(trains([r]) for r in select(results, kind='plain')),
        "though without batch norm the loss varies less, for every seed (median over the steps)":
            _less(results, 'loss_range', 'plain', 'batch_norm'),
        "and the effective beta-smoothness is smaller": _less(results, 'smoothness', 'plain', 'batch_norm')}


_ASKED = {'learning_rates': _learning_rate_claims, 'noise': _noise_claims, 'small_weights': _small_weight_claims}
CLAIMS = {experiment: _ASKED[experiment.split('-')[0]] for experiment in EXPERIMENTS}
