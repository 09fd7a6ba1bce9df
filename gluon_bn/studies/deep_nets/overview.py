"""The experiments on deep nets in one table: a row for each quantity, a column for each normalisation."""
from ...support.markdown import markdown_table
from ...support.results import mean_cell, of_seeds
from ..study import select, values_of
from .report import trained_scales

COLUMNS = {'batchnorm': 'batch norm', 'layernorm': 'layer norm', None: 'none'}


def overview(experiments):
    """A Markdown table of ``experiments``, a dict name -> what :func:`.report.summary` returns; it says how many seeds.

    Numbers are the mean ± standard deviation over the seeds; a cell is empty where there is no such net.
    """
    rows = {}
    for name, kinds in experiments.items():
        for said, *cells in _ROWS[name](kinds):  # the last two experiments share nets, whose cells are the same
            rows[said] = [cell or before for cell, before in zip(cells, rows.get(said, cells))]
    seeds = len(next(iter(experiments.values()))[0]['seeds'])
    return markdown_table([of_seeds(seeds), *COLUMNS.values()], [[said, *cells] for said, cells in rows.items()])


def _deep_net(kinds):
    job = kinds[0]['job']
    net = f"{len(job['hidden'])} hidden layers, Adam at {job['learning_rate']:.2g}, batches of {job['batch_size']}"
    return [_row(f'{net}: training loss, last epoch', kinds, 'final_loss'),
            _row(f'{net}: best training accuracy', kinds, 'best_train_acc'),
            _row(f'{net}: best validation accuracy', kinds, 'best_val_acc')]


def _weight_scales(kinds):
    scales = values_of(kinds, 'weight_scale')
    said = (f"{len(kinds[0]['job']['hidden'])} hidden layers: weight scales at which every seed trains, of "
            f"{len(scales)} from {scales[0]:g} to {scales[-1]:g}")
    trained = {kind['job']['normalization']: len(trained_scales(kinds, kind['job']['normalization'])) for kind in kinds}
    return [[said, *(trained.get(column, '') for column in COLUMNS)]]


def _batch_sizes(kinds):
    sizes = values_of(kinds, 'batch_size')
    job = kinds[0]['job']
    net = f"{len(job['hidden'])} hidden layers, Adam at {job['learning_rate']:.2g}"
    return [_row(f'{net}, batches of {size}: best training accuracy',
                 select(kinds, batch_size=size), 'best_train_acc') for size in sizes]


_ROWS = {'deep_net': _deep_net, 'weight_scales': _weight_scales, 'batch_sizes': _batch_sizes,
         'small_batches': _batch_sizes}


def _row(said, kinds, name):
    cells = {kind['job']['normalization']: mean_cell(kind[name]) for kind in kinds}
    return [said, *(cells.get(column, '') for column in COLUMNS)]

