"""The sweeps in one table: a few rows for each, a column with batch norm and one without."""
from ...support.markdown import markdown_table
from ...support.results import mean_cell, of_seeds
from .claims import final, of, trained, trained_rates, values_of

WITH, WITHOUT = 'before', None  # positions of batch norm


def overview(experiments):
    """A Markdown table of ``experiments``, a dict name -> what ``claims.summary`` returns; it says how many seeds.

    Accuracies are the mean ± standard deviation over the seeds. Of the sweeps of momentum and eps there is no row:
    their own tables say more.
    """
    rows = [row for name, kinds in experiments.items() if name in _ROWS for row in _ROWS[name](kinds)]
    seeds = len(next(iter(experiments.values()))[0]['seeds'])
    return markdown_table([of_seeds(seeds), 'with batch norm', 'without'], rows)


def _training(kinds):
    for scale, lr in dict.fromkeys((kind['run']['weight_scale'], kind['run']['lr']) for kind in kinds):
        chosen = of(kinds, weight_scale=scale, lr=lr)
        yield [f"weights N(0, {scale:g}²), learning rate {lr:g}, {chosen[0]['steps'][-1]} steps: test accuracy",
               _cell(chosen, WITH), _cell(chosen, WITHOUT)]


def _learning_rates(kinds):
    rates = values_of(kinds, 'lr')
    yield [f"learning rates at which every seed trains, of {len(rates)} from {rates[0]:g} to {rates[-1]:g}",
           *(_span(trained_rates(kinds, batch_norm=which)) for which in (WITH, WITHOUT))]


def _positions(kinds):
    yield ["the same with batch norm after the activation", _span(trained_rates(kinds, batch_norm='after')), '']


def _weight_scales(kinds):
    pairs = len(values_of(kinds, 'weight_scale')) * len(values_of(kinds, 'lr'))
    yield [f"pairs of weight scale and learning rate at which every seed trains, of {pairs}",
           *(sum(map(trained, of(kinds, batch_norm=which))) for which in (WITH, WITHOUT))]


def _batch_sizes(kinds, lr=0.1):
    for size in values_of(kinds, 'batch_size'):
        chosen = of(kinds, batch_size=size, lr=lr)
        images = size * chosen[0]['steps'][-1]
        yield [f"{images:,} images at learning rate {lr:g} in batches of {size}: test accuracy",
               _cell(chosen, WITH), _cell(chosen, WITHOUT)]


def _recalibration(kinds):
    size, momentum = max(values_of(kinds, 'batch_size')), max(values_of(kinds, 'momentum'))
    kind, = of(kinds, batch_size=size, momentum=momentum)
    for at, step in enumerate(kind['steps']):
        for said, name in ((f"stored with momentum {momentum:g}", 'test_acc'),
                           ("of Algorithm 2 (`gbn.recalibrate`)", 'recalibrated_acc')):
            yield [f"after {step:,} step{'s' * (step > 1)} on {size} images, statistics {said}: test accuracy",
                   mean_cell(kind[name][:, at]), '']


_ROWS = {'training': _training, 'learning_rates': _learning_rates, 'positions': _positions,
         'weight_scales': _weight_scales, 'batch_sizes': _batch_sizes, 'recalibration': _recalibration}


def _cell(kinds, position):
    kind, = of(kinds, batch_norm=position)
    return 'refused' if 'refused' in kind['status'] else mean_cell(final(kind))


def _span(rates):
    """The first and the last of the rates, and how many they are."""
    return f'{rates[0]:g} to {rates[-1]:g} ({len(rates)})' if rates else 'none'
