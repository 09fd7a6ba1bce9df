"""The state of a :class:`gluon_bn.Solver` as arrays and a description, and the way back, on which all of it is checked.

A file that nobody has altered can still be of another model, or made by another program: what does not fit together is
refused, before anything has changed.
"""
import numpy as np

from ..support.archive import CheckpointError
from ..support.arguments import floats, integer, number
from .running_statistics import RunningStatistics
from .update_rules import remembered, update_rule

_GROUPS = ('params', 'best_params', 'statistics', 'best_statistics', 'optimizer', 'random')
_HISTORIES = ('loss_history', 'train_acc_history', 'val_acc_history')


def state_of(solver):
    """``(arrays, description)`` of a solver: everything that is needed to continue."""
    groups = {'params': solver.model.params, 'best_params': solver.best_params,
              'statistics': getattr(solver.model, 'statistics', {}), 'best_statistics': solver.best_statistics}
    arrays = {f'{group}/{name}': array for group, named in groups.items() for name, array in named.items()}
    settings = {}
    for name, config in solver.configs.items():
        arrays.update({f'optimizer/{name}/{key}': v for key, v in config.items() if isinstance(v, np.ndarray)})
        settings[name] = {key: v for key, v in config.items() if not isinstance(v, np.ndarray)}
    random_states = {}
    for name, random in (('global', np.random), ('own', solver.random)):
        _, arrays[f'random/{name}'], *random_states[name] = random.get_state()
    return arrays, {'kind': 'Solver', 'options': solver.options, 'iteration': solver.iteration, 'settings': settings,
                    'iterations_per_epoch': solver.iterations_per_epoch,
                    'random': random_states, 'best_val_acc': solver.best_val_acc,
                    **{name: getattr(solver, name) for name in _HISTORIES}}


def restore(solver, arrays, description):
    """Put the state that :func:`state_of` gave into a new solver; ``CheckpointError`` unless it fits together."""
    try:
        _check_arrays(solver, arrays)
        per_epoch = integer('iterations_per_epoch', description['iterations_per_epoch'])
        if per_epoch != solver.iterations_per_epoch:
            raise ValueError(f"its epochs have {per_epoch} batches, and those of these data and this batch_size "
                             f"{solver.iterations_per_epoch}")
        iteration = integer('iteration', description['iteration'], at_least=0)
        histories = _checked_histories(description, iteration)
        if iteration > solver.options['num_epochs'] * per_epoch:
            raise ValueError(f"its {iteration} iterations are more than those of num_epochs")
        best_val_acc = number('best_val_acc', description['best_val_acc'])
        if best_val_acc != max(histories['val_acc_history'], default=-1):
            raise ValueError(f"best_val_acc is {best_val_acc}; expected the best of val_acc_history.")
        params = _like_parameters(solver, arrays, 'params')
        best_params = _like_parameters(solver, arrays, 'best_params') if histories['val_acc_history'] else {}
        configs = _checked_configs(solver, arrays, description['settings'], iteration)
        random_states = {name: _checked_random_state(arrays[f'random/{name}'], description['random'][name])
                         for name in ('global', 'own')}
        statistics, best = _of(arrays, 'statistics'), _of(arrays, 'best_statistics')
        if isinstance(solver.model, RunningStatistics) and solver.model.bn_params and iteration and not statistics:
            raise ValueError("there are no statistics, though the network was trained.")
        if bool(best) != bool(statistics) and best_params:
            raise ValueError("only one of statistics and best_statistics is empty.")
        if hasattr(solver.model, 'statistics'):
            _restore_statistics(solver.model, statistics, best)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error).rstrip('.')
        raise CheckpointError(f"the checkpoint does not fit: {what}; build the model as it was, or begin "
                              "anew.") from error
    solver.model.params.update(params)
    solver.best_params, solver.best_statistics, solver.configs = best_params, best, configs
    solver.iteration, solver.best_val_acc = iteration, best_val_acc
    for name, random in (('global', np.random), ('own', solver.random)):
        random.set_state(random_states[name])
    for name, history in histories.items():
        setattr(solver, name, history)


def _check_arrays(solver, arrays):
    """``ValueError`` for arrays of no group, of numbers that are not finite, or statistics of another type."""
    for name, array in arrays.items():
        group, _, own = name.partition('/')
        if group not in _GROUPS:
            raise ValueError(f"there is {name!r}, which a Solver does not have")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")
        if (group.endswith('statistics') and own.startswith('running_') and isinstance(solver.model, RunningStatistics)
                and array.dtype != solver.model.dtype):
            raise ValueError(f"{name} is {array.dtype}, and the model {solver.model.dtype}")


def _restore_statistics(model, statistics, best):
    """Assign ``statistics``; the model, which refuses what does not fit, is asked about ``best`` as well."""
    before = model.statistics
    try:
        model.statistics = best
        model.statistics = statistics
    except Exception:
        model.statistics = before
        raise


def _of(arrays, group):
    return {name[len(group) + 1:]: array for name, array in arrays.items() if name.startswith(group + '/')}


def _like_parameters(solver, arrays, group):
    """The arrays of a group, which have the names, shapes and types of the model's parameters."""
    found = _of(arrays, group)
    expected = solver.model.params
    described, wanted = ({name: f'{param.dtype} {param.shape}' for name, param in params.items()}
                         for params in (found, expected))
    if described != wanted:
        raise ValueError(f"the checkpoint has {group} {described}, and the model {wanted}")
    return found


def _checked_configs(solver, arrays, settings, iteration):
    """The update rule's settings and what it remembers, for each parameter."""
    configs, rule = {}, solver.rule
    for name, param in solver.model.params.items():
        own = dict(settings[name])
        steps = {'t': integer('t', own.pop('t'), at_least=iteration, at_most=iteration)} if 't' in own else {}
        if rule.__name__ == 'adam' and iteration and not steps:
            raise ValueError(f"the settings of {name} have no t.")
        configs[name] = {**update_rule(rule.__name__, own)[1], **steps}
        for key in remembered(rule) if iteration else ():
            value = floats(key, arrays[f'optimizer/{name}/{key}'], param.shape)
            if arrays[f'optimizer/{name}/{key}'].dtype != param.dtype:
                raise ValueError(f"{key} of {name} is {arrays[f'optimizer/{name}/{key}'].dtype}; expected "
                                 f"{param.dtype}, as its parameter.")
            if key in ('cache', 'v') and (value < 0).any():
                raise ValueError(f"{key} of {name} has {value.min()}; expected means of squares, at least 0.")
            configs[name][key] = value
    return configs


def _checked_histories(description, iteration):
    limits = {'at_least': 0, 'at_most': 1}  # of accuracies
    histories = {name: [number(name, value, **limits if name != 'loss_history' else {}) for value in description[name]]
                 for name in _HISTORIES}
    lengths = [len(history) for history in histories.values()]
    if lengths[0] != iteration or lengths[1] != lengths[2]:
        raise ValueError(f"its histories have {lengths} entries after {iteration} iterations.")
    return histories


def _checked_random_state(keys, rest):
    """A state of NumPy's generator, which another generator has taken."""
    if not isinstance(rest, list) or len(rest) != 3:
        raise ValueError(f"the generator's state has {rest!r}; expected its position, whether there is one more normal "
                         "number, and that number.")
    position, has_gauss, gauss = rest
    if keys.shape != (624,) or keys.dtype != np.uint32:
        raise ValueError(f"the generator's state is {keys.dtype} {keys.shape}; expected uint32 (624,).")
    state = ('MT19937', keys, integer('position', position, 0, 624), integer('has_gauss', has_gauss, 0, 1),
             number('cached_gaussian', gauss))
    np.random.RandomState().set_state(state)
    return state
