"""The measured trainings in one table: three quantities for each network and learning rate, a column for each kind."""
import numpy as np

from ...support.markdown import markdown_table
from .figures import NETWORKS

KINDS = {'batch_norm': 'with batch norm', 'plain': 'without', 'noisy_batch_norm': 'noise behind batch norm'}
QUANTITIES = {'final_loss': 'training loss at the end', 'loss_range': 'range of the loss', 'mean_shift': 'move'}


def overview(rows):
    """A Markdown table of ``rows``, what :func:`.numbers.numbers` returns; means over the seeds.

    It says how many seeds. A cell is empty where there is no such training; "diverged": of one seed or more.
    """
    kinds = {kind: name for kind, name in KINDS.items() if any(row['job']['kind'] == kind for row in rows)}
    settings, lines = {}, []
    for row in rows:
        setting = tuple(row['job'][name] for name in ('network', 'weight_scale', 'learning_rate'))
        settings.setdefault(setting, {})[row['job']['kind']] = row
    for (network, scale, rate), found in settings.items():
        net = f"{NETWORKS[network]}, weights of {scale:g}, learning rate {rate:g}"
        lines += [[net, said, *(_cell(found[kind][name]) if kind in found else '' for kind in kinds)]
                  for name, said in QUANTITIES.items()]
    seeds = len(rows[0]['seeds'])
    return markdown_table(['network', f'mean of {seeds} seeds' if seeds > 1 else 'one seed', *kinds.values()], lines)


def _cell(values):
    """The mean of the seeds with three digits; ``numbers`` has None for what was not finite."""
    return 'diverged' if None in values else f'{np.mean(values):.3g}'
