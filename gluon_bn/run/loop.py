"""The training loop of a run: :class:`Job` trains epoch after epoch, saves in between, and reports."""
import math
import time
from functools import partial

from .. import data
from .._mxnet import mx
from .._mxnet.devices import context_from_name
from ..lenet import LeNet
from ..optimizers import momentum_sgd, one_cycle, sgd
from ..support.arguments import BETA_ALONE
from ..support.files import writing
from ..support.progress import progress
from ..training import MovingLoss, evaluate_accuracy, train_step
from .configuration import RunError
from .events import RunEvents
from .interrupts import NotedInterrupt
from .state import LossNotFinite, State, save_state

EVALUATION_BATCH = 256


class Job:
    """The training of a run in this process: its network, its batches and its state.

    ``folder`` is a :class:`.folder.RunFolder`; ``report`` is called with each line for the user. Raises ``RunError`` or
    ``DataError`` for data that do not fit the configuration.
    """

    progress = staticmethod(progress)

    def __init__(self, config, folder, report, workers=1):
        if config.workers != workers:
            raise RunError(f"workers is {config.workers}, and there are {workers}; start the run with --workers "
                           f"{config.workers}, or with mpiexec -n {config.workers} and --mpi.")
        self.config, self.folder, self.report = config, folder, report
        ctx = context_from_name(config.ctx)
        training, scored = images_of(config)
        self.training_batches = data.batches(*training, config.batch_size, shuffle=True, seed=config.seed, ctx=ctx,
                                             max_shift=config.max_shift)
        self.evaluation = {'train_acc': data.batches(*training, EVALUATION_BATCH, ctx=ctx),
                           config.scored: data.batches(*scored, EVALUATION_BATCH, ctx=ctx)}
        mx.random.seed(config.seed)
        self.net = network_of(config, ctx)
        self.events = None
        if config.tensorboard:
            own = config.tensorboard is True
            self.events = RunEvents(folder.path / 'tensorboard' if own else config.tensorboard, config,
                                    len(self.training_batches), self.learning_rate,
                                    first_batch=next(iter(self.evaluation['train_acc'])))
        self.state = State()
        self.interrupt = NotedInterrupt()
        self.saved = time.perf_counter()  # when the state was saved, or its training began

    def train(self):
        """Train to the last epoch; returns the history."""
        self.moving_loss = MovingLoss(self.state.losses)
        self.state.losses = self.moving_loss.losses
        with self.interrupt:
            if self.events and self.step == 0:
                self.events.write(0, self.state, self.net)
            while self.state.epoch < self.config.epochs:
                self.train_rest_of_epoch()
                self.finish_epoch(self.evaluate())
        self.folder.refuse_if_gone()
        return self.state.history

    def finished(self):
        """Say that there is nothing to do any more; returns the history."""
        self.write_reports()
        epochs = self.config.epochs
        self.report(f"The run in {self.folder} is finished: {epochs} of {epochs} epochs. Nothing to do.")
        return self.state.history

    def train_rest_of_epoch(self):
        """Train from the batch where the state is to the end of its epoch."""
        state = self.state
        self.saved = time.perf_counter()
        with self.progress(f"Epoch {state.epoch}", state.batch, len(self.training_batches)) as show:
            self.moving_loss.on_read = partial(self.read_loss, show)
            for data_, label in self.batches_from(state.epoch, state.batch):
                self.moving_loss.add(self.train_on(data_, label))
                state.batch += 1
                if self.is_due():
                    self.save_within_epoch()
                    self.interrupt.stop_if_noted()
            self.save_within_epoch()

    def batches_from(self, epoch, batch):
        """The batches of epoch ``epoch`` from number ``batch`` on."""
        return self.training_batches.from_batch(epoch, batch)

    def train_on(self, data_, label):
        """The next step, with this batch; returns its mean loss, ``(1,)``."""
        return train_step(self.net, data_, label, self.learning_rate(self.step), self.update)

    def is_due(self):
        """Whether to save now: after Ctrl-C, and now and then."""
        return self.interrupt.noted or time.perf_counter() - self.saved >= self.config.checkpoint_seconds

    def read_loss(self, show, loss):
        """Check and ``show`` the loss of a batch. It comes some batches late: the batch is the one of this loss."""
        batch = len(self.state.losses) - self.state.epoch * len(self.training_batches)
        if not math.isfinite(loss):
            raise LossNotFinite(f"the loss is {loss} in epoch {self.state.epoch}, batch {batch} of "
                                f"{len(self.training_batches)}")
        show(batch, self.moving_loss.average)

    def save_within_epoch(self):
        """Read the losses that are still in flight, note the time of training, and save."""
        self.moving_loss.finish()
        now = time.perf_counter()
        self.state.seconds += now - self.saved
        self.saved = now
        self.save()

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
            momentum_sgd(params, self.state.velocities, lr, self.config.sgd_momentum)
        else:
            sgd(params, lr)

    def evaluate(self):
        """The accuracies in test mode, and the seconds they took."""
        began = time.perf_counter()
        accuracies = {name: self.accuracy(batches) for name, batches in self.evaluation.items()}
        return {**accuracies, 'eval_seconds': time.perf_counter() - began}

    def accuracy(self, batches):
        """The share of right answers in test mode; ``Interrupted`` after Ctrl-C."""
        return evaluate_accuracy(self.interrupt.checked_before_each(batches), self.net)

    def finish_epoch(self, result):
        """Note the metrics of the epoch, save, and tell the user."""
        state, scored = self.state, self.config.scored
        record = {'epoch': state.epoch, 'loss': self.moving_loss.average, 'train_acc': result['train_acc'],
                  scored: result[scored], 'train_seconds': round(state.seconds, 3),
                  'eval_seconds': round(result['eval_seconds'], 3)}
        state.history.append(record)
        state.epoch, state.batch, state.seconds = state.epoch + 1, 0, 0.0
        self.folder.refuse_if_gone()
        if self.events:  # before the checkpoint: killed between the two, the epoch ends once more
            self.events.write(state.epoch, state, self.net)
        self.save()
        self.write_reports()
        self.report(f"Epoch {record['epoch']}. Loss: {record['loss']:.4f}, Train_acc {record['train_acc']:.4f}, "
                    f"{scored.capitalize()} {record[scored]:.4f}")
        self.report_target()

    def report_target(self):
        """Say when the target was reached, if that was in this epoch."""
        target, scored, history = self.config.target, self.config.scored, self.state.history
        reached = [target is not None and record[scored] >= target for record in history]
        if reached and reached[-1] and not any(reached[:-1]):
            seconds = sum(record['train_seconds'] for record in history)
            self.report(f"{scored.capitalize()} {target} reached after {seconds:.1f} s of training.")

    def save(self):
        """Write the checkpoint, unless the network is no longer finite: then the last good one stays."""
        self.folder.refuse_if_gone()
        with writing(self.folder, RunError):
            save_state(self.folder.checkpoint, self.state, self.net, self.config, len(self.training_batches),
                       self.learning_rate(self.step))

    def write_reports(self):
        """Write metrics.jsonl and curves.png."""
        self.folder.write_reports(self.config, self.state, len(self.training_batches))


def images_of(config):
    """What a run trains on and what it scores beside that: two pairs ``(images, labels)``.

    Raises ``RunError`` if there are too few training images for the configuration, and ``DataError``.
    """
    images, labels = data.load(config.dataset, True, config.data_dir)
    if config.limit is not None and config.limit > len(images):
        raise RunError(f"limit is {config.limit}; expected at most the {len(images)} training images of "
                       f"{config.data_dir or config.dataset}.")
    images, labels = images[:config.limit], labels[:config.limit]
    if config.validation >= len(images):
        raise RunError(f"validation is {config.validation}; expected less than the {len(images)} training images.")
    end = len(images) - config.validation
    scored = ((images[end:], labels[end:]) if config.validation else
              data.load(config.dataset, False, config.data_dir))
    if config.batch_norm and 1 in (config.batch_size, end % config.batch_size):
        leave = "are batches" if config.batch_size == 1 else "leave a last batch"
        raise RunError(f"{end} training images in batches of {config.batch_size} {leave} of one, on which batch norm "
                       f"cannot train ({BETA_ALONE}); choose another batch size or limit.")
    return (images[:end], labels[:end]), scored


def network_of(config, ctx):
    """The network of a run before its first step."""
    return LeNet(ctx, weight_scale=config.weight_scale, batch_norm=config.batch_norm, momentum=config.momentum,
                 impl=config.impl)
