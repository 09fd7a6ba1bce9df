"""The main job: train LeNet on a data set in a folder, from which any interrupted run can be continued.

The folder holds ``config.json``, ``metrics.jsonl``, ``curves.png`` and ``checkpoint/latest.npz``. Only the checkpoint
is state; the others are written anew from it, and so is each of TensorBoard's files, at the end of its epoch. Nothing
else is needed for that: the order of the examples is a function of the seed and the epoch, and training uses no other
random number. So a run that is killed at any moment and resumed computes what it would have computed, bit for bit.
"""
from __future__ import annotations

import json
import math
import signal
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import data
from .._mxnet import mx, nd
from .._mxnet.devices import context_from_name
from ..lenet import LeNet
from ..optimizers import momentum_sgd, one_cycle, sgd
from ..support.arguments import integer, number
from ..support.files import FolderInUse, folder_locked, remove_leftovers, written_whole
from ..support.invocation import command_line
from ..support.progress import progress
from ..training import MovingLoss, evaluate_accuracy, train_step
from . import checkpoint
from .configuration import RunError, config_from, read_config, write_config
from .events import RunEvents
from .plots import plot_run

if TYPE_CHECKING:
    import os

    from mxnet import Context

EVALUATION_BATCH = 256


class LossNotFinite(ArithmeticError):
    """The loss, or a parameter, is no longer a finite number; the last good checkpoint is kept."""


class Interrupted(Exception):  # noqa: N818 - it is not an error
    """Ctrl-C: training stopped between two batches, and the checkpoint holds all of it."""


@dataclass
class State:
    """Where a run is: ``batch`` batches of epoch ``epoch`` are done; ``history`` has the finished epochs' metrics."""

    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    history: list = field(default_factory=list)
    losses: list = field(default_factory=list)  # of all batches of all epochs


def start(config, folder, report=print):
    """Train from the beginning in ``folder``, which must not hold a run yet; returns the metrics, one dict an epoch.

    ``report`` is called with each line for the user. Raises ``RunError``, ``gbn.data.DataError``, ``LossNotFinite``
    or ``Interrupted``; in the last two cases the checkpoint is the last good one.
    """
    folder = Path(folder)
    if (folder / 'config.json').exists():
        raise RunError(f"{folder} holds a run already; choose another --output, or resume it with: "
                       f"{command_line('train', '--resume', folder)}")
    job = _Job(config, folder, report)
    with job.folder_locked():
        if job.events:
            job.events.claim()
        write_config(folder / 'config.json', config, job.net.ctx)
        return job.train()


def resume(folder, ctx=None, epochs=None, report=print):
    """Go on with the run in ``folder``, with its configuration (``ctx`` may replace its context); returns the metrics.

    ``epochs`` extends the run, a finished one as well: it becomes one of so many epochs, which ends as if it had been
    begun with them, bit for bit; but with the schedule one-cycle the steps that are done had other learning rates, of
    which a line tells. A finished run is left as it is without. Raises what :func:`start` raises, and
    ``CheckpointError``.
    """
    folder = Path(folder)
    config = read_config(folder)
    if epochs is not None:
        config, before = replace(config, epochs=epochs), config
        if config.epochs < before.epochs:
            raise RunError(f"epochs is {epochs}; expected at least {before.epochs}, the epochs of the run in {folder}.")
    job = _Job(config if ctx is None else replace(config, ctx=ctx), folder, report)
    with job.folder_locked():
        path = folder / 'checkpoint' / 'latest.npz'
        if path.exists():  # else it was killed before its first checkpoint, and begins anew
            job.restore(path, config)
        if epochs is not None and config != before:
            job.extend(before, config)
        if job.events:
            job.events.mend(job.state)
        if job.state.epoch >= config.epochs:
            job.write_reports()
            report(f"The run in {folder} is finished: {config.epochs} of {config.epochs} epochs. Nothing to do.")
            return job.state.history
        report(f"Resuming {folder} at epoch {job.state.epoch}, batch {job.state.batch}.")
        return job.train()


def load_network(path: str | os.PathLike[str], ctx: Context | None = None) -> LeNet:
    """The network of a run's checkpoint, on ``ctx`` (None is ``mx.current_context()``).

    ``path`` is the run's folder, or a checkpoint file. Raises ``CheckpointError``.
    """
    path = Path(path)
    path = path / 'checkpoint' / 'latest.npz' if path.is_dir() else path
    arrays, description = checkpoint.load(path)
    net = _build(_config_of(description, path), mx.current_context() if ctx is None else ctx)
    checkpoint.restore_network(net, arrays)
    return net


def _config_of(description, path):
    """The configuration that a checkpoint was made with; ``CheckpointError`` if it says none."""
    try:
        return config_from(description['config'], path)
    except (RunError, KeyError, TypeError) as error:
        raise checkpoint.CheckpointError(f"{path} is no checkpoint of a run ({error}).") from error


class _Job:
    """A run while it runs: its network, its data, its state, and how each is kept in the folder."""

    def __init__(self, config, folder, report):
        self.config, self.folder, self.report = config, folder, report
        ctx = context_from_name(config.ctx)
        images, labels = data.load(config.dataset, True, config.data_dir)
        if config.limit is not None and config.limit > len(images):
            raise RunError(f"limit is {config.limit}; expected at most the {len(images)} training images of "
                           f"{config.data_dir or config.dataset}.")
        images, labels = images[:config.limit], labels[:config.limit]
        if config.validation >= len(images):
            raise RunError(f"validation is {config.validation}; expected less than the {len(images)} training images.")
        if config.validation:
            self.scored, test = 'valid_acc', (images[-config.validation:], labels[-config.validation:])
            images, labels = images[:-config.validation], labels[:-config.validation]
        else:
            self.scored, test = 'test_acc', data.load(config.dataset, False, config.data_dir)
        if config.batch_norm and len(images) % config.batch_size == 1:
            raise RunError(f"{len(images)} training images in batches of {config.batch_size} leave a last batch of "
                           "one, which batch norm cannot train on (every output would be beta); choose another batch "
                           "size or limit.")
        self.training_batches = data.batches(images, labels, config.batch_size, shuffle=True, seed=config.seed, ctx=ctx,
                                             max_shift=config.max_shift)
        self.evaluation = {'train_acc': data.batches(images, labels, EVALUATION_BATCH, ctx=ctx),
                           self.scored: data.batches(*test, EVALUATION_BATCH, ctx=ctx)}
        mx.random.seed(config.seed)
        self.net = _build(config, ctx)
        self.velocities = {}
        self.events = None
        if config.tensorboard:
            own = config.tensorboard is True
            self.events = RunEvents(folder / 'tensorboard' if own else config.tensorboard, config,
                                    len(self.training_batches), self.learning_rate,
                                    first_batch=next(iter(self.evaluation['train_acc'])))
        self.state = State()
        self.interrupted = False

    def train(self):
        """Train to the last epoch; returns the history."""
        self.moving_loss = MovingLoss(self.state.losses)
        self.state.losses = self.moving_loss.losses
        with self.interrupts_noted():
            if self.events and self.step == 0:
                self.events.write(0, self.state, self.net)
            while self.state.epoch < self.config.epochs:
                self.train_rest_of_epoch()
                self.finish_epoch(self.evaluate())
        self.check_folder()
        return self.state.history

    def train_rest_of_epoch(self):
        """Train from the batch where the state is to the end of its epoch."""
        state, moving_loss, total = self.state, self.moving_loss, len(self.training_batches)
        done_before = len(state.losses) - state.batch
        began, saved = time.perf_counter(), time.perf_counter()

        def save():
            nonlocal began, saved
            moving_loss.finish()
            state.seconds += time.perf_counter() - began
            began = saved = time.perf_counter()
            self.save()

        def read(loss):  # some batches late: what is said is about the batches whose losses are known
            batch = len(state.losses) - done_before
            if not math.isfinite(loss):
                raise LossNotFinite(f"the loss is {loss} in epoch {state.epoch}, batch {batch} of {total}")
            show(batch, moving_loss.average)

        with progress(f"Epoch {state.epoch}", state.batch, total) as show:
            moving_loss.on_read = read
            for data_, label in self.training_batches.from_batch(state.epoch, state.batch):
                moving_loss.add(train_step(self.net, data_, label, self.learning_rate(self.step), self.update))
                state.batch += 1
                if self.interrupted or time.perf_counter() - saved >= self.config.checkpoint_seconds:
                    save()
                    self.stop_if_interrupted()
            save()

    @property
    def step(self):
        """The number of the next step, counted through all epochs from 0."""
        return self.state.epoch * len(self.training_batches) + self.state.batch

    def learning_rate(self, step):
        """That of step ``step``."""
        if self.config.schedule == 'constant':
            return self.config.lr
        return self.config.lr * one_cycle(step, self.config.epochs * len(self.training_batches))

    def update(self, params, lr):
        """The optimiser of this run, as :func:`gluon_bn.training.train_step` calls it."""
        if self.config.sgd_momentum:
            momentum_sgd(params, self.velocities, lr, self.config.sgd_momentum)
        else:
            sgd(params, lr)

    def evaluate(self):
        """The accuracies in test mode, and the seconds they took."""
        began = time.perf_counter()
        accuracies = {name: evaluate_accuracy(self.until_interrupted(batches), self.net)
                      for name, batches in self.evaluation.items()}
        return {**accuracies, 'eval_seconds': time.perf_counter() - began}

    def finish_epoch(self, result):
        """Note the metrics of the epoch, save, and tell the user."""
        state = self.state
        record = {'epoch': state.epoch, 'loss': self.moving_loss.average, 'train_acc': result['train_acc'],
                  self.scored: result[self.scored], 'train_seconds': round(state.seconds, 3),
                  'eval_seconds': round(result['eval_seconds'], 3)}
        state.history.append(record)
        state.epoch, state.batch, state.seconds = state.epoch + 1, 0, 0.0
        self.check_folder()
        if self.events:  # before the checkpoint: killed between the two, the epoch ends once more
            self.events.write(state.epoch, state, self.net)
        self.save()
        self.write_reports()
        self.report(f"Epoch {record['epoch']}. Loss: {record['loss']:.4f}, Train_acc {record['train_acc']:.4f}, "
                    f"{self.scored.capitalize()} {record[self.scored]:.4f}")
        self.report_target()

    def report_target(self):
        """Say when the target was reached, if that was in this epoch."""
        reached = [self.config.target is not None and record[self.scored] >= self.config.target
                   for record in self.state.history]
        if reached and reached[-1] and not any(reached[:-1]):
            seconds = sum(record['train_seconds'] for record in self.state.history)
            self.report(f"{self.scored.capitalize()} {self.config.target} reached after {seconds:.1f} s of training.")

    def check_folder(self):
        """``RunError`` if the run's folder is gone: what is written from now on would be another one's."""
        if not (self.folder / 'config.json').exists():
            raise RunError(f"{self.folder} was deleted or moved while the run trained in it; begin anew, or move it "
                           f"back and continue with --resume {self.folder}.")

    def save(self):
        """Write the checkpoint, unless the network is no longer finite: then the last good one stays."""
        self.check_folder()
        arrays = checkpoint.network_arrays(self.net)
        arrays.update({f'velocity/{name}': velocity.asnumpy() for name, velocity in self.velocities.items()})
        state = self.state
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise LossNotFinite(f"{name} is not finite after batch {state.batch} of {len(self.training_batches)} "
                                    f"of epoch {state.epoch}")
        arrays['losses'] = np.asarray(state.losses, np.float64)
        checkpoint.save(self.folder / 'checkpoint' / 'latest.npz', arrays, {
            'config': asdict(self.config), 'epoch': state.epoch, 'batch': state.batch, 'seconds': state.seconds,
            'history': state.history,
            'optimizer': {'name': 'sgd', 'lr': self.learning_rate(self.step), 'momentum': self.config.sgd_momentum},
            'random_state': {'seed': self.config.seed, 'epoch': state.epoch}})

    def restore(self, path, config):
        """Take the state from the checkpoint ``path``, which must be of the configuration ``config``.

        It may have been for fewer epochs: killed while it was extended, a run has that of before.
        """
        arrays, description = checkpoint.load(path)
        made_with = _config_of(description, path)
        same = replace(made_with, ctx=config.ctx, epochs=max(config.epochs, made_with.epochs))
        differing = [name for name, value in asdict(same).items() if getattr(config, name) != value]
        if differing:
            raise checkpoint.CheckpointError(
                f"{path} is from another configuration than config.json ({', '.join(differing)} differ); put back the "
                "files that belong together.")
        state = _state_from(arrays, description, path, made_with, len(self.training_batches))
        velocities = {name[len('velocity/'):]: array for name, array in arrays.items() if name.startswith('velocity/')}
        shapes = {name: (param.shape, param.dtype) for name, param in self.net.params.items()}
        has_begun = state.epoch + state.batch > 0
        checkpoint.check_same_arrays('velocities', velocities, shapes if config.sgd_momentum and has_begun else {})
        if has_begun and config.batch_norm and not any(name.startswith('bn_ewv_') for name in arrays):
            raise checkpoint.CheckpointError(f"{path} has no statistics of batch norm: it is no checkpoint of this "
                                             "run.")
        checkpoint.restore_network(self.net, arrays)
        self.velocities = {name: nd.array(array, ctx=self.net.ctx, dtype=array.dtype)
                           for name, array in velocities.items()}
        self.state = state

    def extend(self, before, config):
        """Make the run one of ``config``, which has more epochs than the configuration ``before``."""
        self.check_folder()
        write_config(self.folder / 'config.json', config, self.net.ctx)
        other_rates = config.schedule != 'constant' and self.step > 0
        self.report(f"The run in {self.folder} is extended from {before.epochs} to {config.epochs} epochs" + (
            f"; from here on the learning rate is that of {config.epochs} epochs." if other_rates else "."))

    def write_reports(self):
        """Write metrics.jsonl and curves.png from the state."""
        history, losses = self.state.history, self.state.losses
        with written_whole(self.folder / 'metrics.jsonl', 'w') as file:
            file.writelines(json.dumps(record) + '\n' for record in history)
        plot_run(self.folder / 'curves.png', losses, len(self.training_batches), history,
                 f"LeNet {'with' if self.config.batch_norm else 'without'} batch norm on {self.config.dataset}, batch "
                 f"{self.config.batch_size}, learning rate {self.config.lr:g}, seed {self.config.seed}")

    def stop_if_interrupted(self):
        """Raise ``Interrupted`` after Ctrl-C."""
        if self.interrupted:
            raise Interrupted

    def until_interrupted(self, batches):
        """The same batches, with a look at Ctrl-C before each."""
        for batch in batches:
            self.stop_if_interrupted()
            yield batch

    @contextmanager
    def interrupts_noted(self):
        """Let Ctrl-C be noted and acted on between two batches, so that no update is saved half done."""
        def note(signum, frame):
            self.interrupted = True
        try:
            before = signal.signal(signal.SIGINT, note)
        except ValueError:  # not the main thread, which alone gets signals
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def folder_locked(self):
        """Hold the folder's lock, so that two processes never train in one folder; leftovers of a kill are removed."""
        try:
            with folder_locked(self.folder):
                for folder in (self.folder, self.folder / 'checkpoint'):
                    remove_leftovers(folder)
                yield
        except FolderInUse:
            raise RunError(f"another process is training in {self.folder}; wait for it, or choose another "
                           "--output.") from None
        except OSError as error:
            raise RunError(f"{self.folder} cannot be written: {error.strerror or error}.") from error


_ARRAYS = ('params', 'bn_ewv_means', 'bn_ewv_vars', 'velocity', 'losses')  # how the names of a checkpoint's begin


def _state_from(arrays, description, path, config, batches):
    """The state in a checkpoint of a run with ``batches`` batches an epoch; ``CheckpointError`` if it cannot be one."""
    try:
        epoch = integer('epoch', description['epoch'], at_least=0, at_most=config.epochs)
        batch = integer('batch', description['batch'], at_least=0, at_most=batches if epoch < config.epochs else 0)
        seconds = number('seconds', description['seconds'], at_least=0)
        scored = 'valid_acc' if config.validation else 'test_acc'
        history = description['history']
        if not isinstance(history, list) or len(history) != epoch:
            raise ValueError(f"history has not the {epoch} epochs that are done")
        for place, record in enumerate(history):
            integer('epoch in history', record['epoch'], at_least=place, at_most=place)
            for name, most in (('loss', None), ('train_acc', 1), (scored, 1), ('train_seconds', None),
                               ('eval_seconds', None)):
                number(name, record[name], at_least=0, at_most=most)
        losses = arrays['losses']
        unknown = [name for name in arrays if name.split('/')[0] not in _ARRAYS]
        if unknown:
            raise ValueError(f"there are arrays {unknown}, which a run does not have")
        if losses.shape != (epoch * batches + batch,) or losses.dtype != np.float64 or not np.isfinite(losses).all():
            raise ValueError(f"there are {losses.dtype} {losses.shape} losses, not {epoch * batches + batch}")
        if (losses < 0).any():
            raise ValueError("there are losses below 0")
    except (KeyError, TypeError, ValueError) as error:
        raise checkpoint.CheckpointError(f"{path} is no checkpoint of this run ({error}).") from error
    moving_loss = MovingLoss()
    for place, record in enumerate(history):  # an older version had another average there
        for loss in losses[place * batches:(place + 1) * batches]:
            moving_loss.read(loss)
        record['loss'] = moving_loss.average
    return State(epoch, batch, seconds, history, losses.tolist())


def _build(config, ctx):
    return LeNet(ctx, weight_scale=config.weight_scale, batch_norm=config.batch_norm, momentum=config.momentum,
                 impl=config.impl)
