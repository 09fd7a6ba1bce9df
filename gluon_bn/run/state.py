"""State of a run: how far its training is, as a checkpoint and back."""
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from .._mxnet import nd
from ..support.arguments import integer, number
from ..training import MovingLoss
from . import checkpoint
from .checkpoint import CheckpointError
from .configuration import RunError, config_from

# First parts of the names in a checkpoint.
ARRAYS = ('params', 'bn_ewv_means', 'bn_ewv_vars', 'velocity', 'local', 'losses')


class LossNotFinite(ArithmeticError):
    """The loss, or a parameter, is no longer a finite number; the last good checkpoint is kept."""


@dataclass
class State:
    """How far a run is: ``batch`` batches of epoch ``epoch`` are done; ``history`` has the finished epochs' metrics."""

    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0  # of training, in this epoch
    history: list = field(default_factory=list)
    losses: list = field(default_factory=list)  # of all batches of all epochs
    velocities: dict = field(default_factory=dict)  # of SGD with momentum: parameter name -> NDArray
    local: dict = field(default_factory=dict)  # statistics that each worker has by itself: 'means/bn1' -> (workers, C)


def save_state(path, state, net, config, batches, lr):
    """Write the checkpoint ``path`` of a run with ``batches`` batches an epoch; ``lr`` is the next learning rate.

    ``LossNotFinite`` if a number of the network is not finite: then the checkpoint stays as it was.
    """
    arrays = checkpoint.network_arrays(net)
    arrays.update({f'velocity/{name}': velocity.asnumpy() for name, velocity in state.velocities.items()})
    arrays.update({f'local/{name}': rows for name, rows in state.local.items()})
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise LossNotFinite(f"{name} is not finite after batch {state.batch} of {batches} of epoch {state.epoch}")
    arrays['losses'] = np.asarray(state.losses, np.float64)
    checkpoint.save(path, arrays, {
        'config': asdict(config), 'epoch': state.epoch, 'batch': state.batch, 'seconds': state.seconds,
        'history': state.history, 'optimizer': {'name': 'sgd', 'lr': lr, 'momentum': config.sgd_momentum},
        'random_state': {'seed': config.seed, 'epoch': state.epoch}})


def restore_state(path, net, config, batches):
    """The state in the checkpoint ``path``, and its arrays into ``net``; ``batches`` is the number in an epoch.

    The checkpoint must be of the configuration ``config``. It may have fewer epochs: a run that was killed while it
    was extended has the checkpoint of before. ``CheckpointError`` if it does not fit; then nothing is changed.
    """
    arrays, description = checkpoint.load(path)
    made_with = config_of(description, path)
    same = replace(made_with, ctx=config.ctx, epochs=max(config.epochs, made_with.epochs))
    differing = [name for name, value in asdict(same).items() if getattr(config, name) != value]
    if differing:
        raise CheckpointError(f"{path} is from another configuration than config.json ({', '.join(differing)} differ); "
                              "put back the files that belong together.")
    state = _state_from(arrays, description, path, made_with, batches)
    velocities = {name[len('velocity/'):]: array for name, array in arrays.items() if name.startswith('velocity/')}
    shapes = {name: (param.shape, param.dtype) for name, param in net.params.items()}
    has_begun = state.epoch + state.batch > 0
    checkpoint.check_same_arrays('velocities', velocities, shapes if config.sgd_momentum and has_begun else {})
    if has_begun and config.batch_norm and not any(name.startswith('bn_ewv_') for name in arrays):
        raise CheckpointError(f"{path} has no statistics of batch norm: it is not a checkpoint of this run.")
    checkpoint.restore_network(net, arrays)
    state.local = _checked_local(arrays, config, has_begun)
    state.velocities = {name: nd.array(array, ctx=net.ctx, dtype=array.dtype) for name, array in velocities.items()}
    return state


def _checked_local(arrays, config, has_begun):
    """The statistics that each worker had by itself; ``CheckpointError`` if they are not those of such a run."""
    local = {name[len('local/'):]: array for name, array in arrays.items() if name.startswith('local/')}
    expected = {f'{what}/{name.split("/", 1)[1]}': ((config.workers, *array.shape), array.dtype)
                for what in ('means', 'vars') for name, array in arrays.items() if name.startswith(f'bn_ewv_{what}/')}
    checkpoint.check_same_arrays('statistics of workers', local,
                                 expected if config.statistics == 'local' and config.workers > 1 and has_begun else {})
    return local


def config_of(description, path):
    """The configuration that a checkpoint was made with; ``CheckpointError`` if its description has none."""
    try:
        return config_from(description['config'], path)
    except (RunError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a checkpoint of a run ({error}).") from error


def _state_from(arrays, description, path, config, batches):
    """The state, without velocities, in a checkpoint; ``CheckpointError`` if it cannot be one."""
    try:
        epoch = integer('epoch', description['epoch'], at_least=0, at_most=config.epochs)
        batch = integer('batch', description['batch'], at_least=0, at_most=batches if epoch < config.epochs else 0)
        seconds = number('seconds', description['seconds'], at_least=0)
        history = _checked_history(description['history'], epoch, config.scored)
        losses = arrays['losses']
        unknown = [name for name in arrays if name.split('/')[0] not in ARRAYS]
        if unknown:
            raise ValueError(f"there are arrays {unknown}, which a run does not have")
        if losses.shape != (epoch * batches + batch,) or losses.dtype != np.float64 or not np.isfinite(losses).all():
            raise ValueError(f"there are {losses.dtype} {losses.shape} losses, not {epoch * batches + batch}")
        if (losses < 0).any():
            raise ValueError("there are losses below 0")
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is not a checkpoint of this run ({error}).") from error
    moving_loss = MovingLoss()
    for place, record in enumerate(history):  # an older version had another average there
        for loss in losses[place * batches:(place + 1) * batches]:
            moving_loss.read(loss)
        record['loss'] = moving_loss.average
    return State(epoch, batch, seconds, history, losses.tolist())


def _checked_history(history, epochs, scored):
    if not isinstance(history, list) or len(history) != epochs:
        raise ValueError(f"history does not have the {epochs} epochs that are done")
    for place, record in enumerate(history):
        integer('epoch in history', record['epoch'], at_least=place, at_most=place)
        for name, most in (('loss', None), ('train_acc', 1), (scored, 1), ('train_seconds', None),
                           ('eval_seconds', None)):
            number(name, record[name], at_least=0, at_most=most)
    return history
