"""The main job of several workers: :class:`WorkerJob`, one rank's share of it, and :func:`start` and :func:`resume`.

Every rank has the whole network and the whole state, and computes its rows of each batch. The gradients of the summed
loss are added up over the ranks, so all of them take the same step. Rank 0 alone has the folder; it writes what
:mod:`.job` would, and the others learn from it what was in it.
"""
import platform
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from .. import __version__, data
from .._mxnet import mx, nd
from ..fast.lenet import LAYERS
from ..network_state import merge_stored, stored_statistics_kept
from ..optimizers import joined
from ..parallel.group import part_of
from ..training import evaluate_accuracy, recorded_losses
from .configuration import Config, RunError, write_config
from .folder import RunFolder
from .interrupts import Interrupted
from .job import configurations, restore
from .loop import EVALUATION_BATCH, Job
from .state import LossNotFinite, State

OF_A_MACHINE = ('data_dir', 'ctx')  # what may differ from rank to rank: where the data are, and where it computes
LOGS = 'workers'  # the folder with what each rank prints, in the run's


class WorkerJob(Job):
    """The training of a run as one rank does its share of it."""

    def __init__(self, config, folder, worker):
        self.worker, self.group = worker, worker.group
        own = config if worker.rank == 0 else replace(config, tensorboard=False)
        super().__init__(own, folder, worker.report, workers=worker.group.size)
        self.config = config
        self.progress = worker.progress
        self.data_set = {name: described(batches.images, batches.labels) for name, batches in (
            ('training images', self.training_batches), *self.evaluation.items())}
        self.evaluation = {name: self._share_of(batches) for name, batches in self.evaluation.items()}
        self.joined = joined(self.net.params)
        self._flags = np.zeros(2)
        if config.statistics == 'local' and config.batch_norm and 1 in self._shards():
            raise RunError(f"batches of {config.batch_size} leave rank {worker.rank} of {worker.group.size} a shard of "
                           "one image, which has no statistics of its own; choose another batch size, or "
                           "--statistics synchronised.")

    def _shards(self):
        """The rows that this rank has of a batch, and of the last one of an epoch."""
        n, size = len(self.training_batches.images), self.config.batch_size
        parts = [part_of(m, self.group.rank, self.group.size) for m in (min(n, size), n % size or min(n, size))]
        return [part.stop - part.start for part in parts]

    def _rows(self):
        """How many rows this rank has trained with."""
        one, last = self._shards()
        whole = (len(self.training_batches) - 1) * one + last
        done = self.state.batch == len(self.training_batches)
        return self.state.epoch * whole + (whole if done else self.state.batch * one)

    def batches_from(self, epoch, batch):
        """This rank's rows of the batches."""
        return self.training_batches.from_batch(epoch, batch, part=(self.group.rank, self.group.size))

    def train_on(self, data_, label):
        """The next step of all ranks, with this one's rows of the batch, maybe none; the mean loss of all rows."""
        self.group.step = self.step
        together = self.config.statistics == 'synchronised'
        with stored_statistics_kept(self.net, only_if_refused=True):
            mine = 0.
            if together or label is not None:
                self.net.group = self.group if together else None  # for this moment: what rank 0 does alone has none
                losses = recorded_losses(self.net, data_, label)
                losses.backward()
                mine = losses.asnumpy().sum(dtype=np.float64)
                self.joined.grad.wait_to_read()
                self.net.group = None
            total = self._add_gradients(mine, empty=label is None)
            self.update(self.net.params, self.learning_rate(self.step))
        n, size = len(self.training_batches.images), self.config.batch_size
        return nd.array([total / min(size, n - self.state.batch * size)])

    def _add_gradients(self, loss, empty):
        """Make each gradient that of all ranks; returns the sum of their losses. What is due travels along."""
        gradient = self.joined.grad
        mine = np.empty(gradient.size + 3, gradient.dtype)
        mine[:-3] = 0 if empty else gradient.asnumpy()
        mine[-3:] = loss, self.worker.rank == 0 and super().is_due(), self.stopped
        everybodys = self.group.sum('gradients', mine, by_halves=True)
        gradient[:] = everybodys[:-3]
        self._flags = everybodys[-2:]
        return float(everybodys[-3])

    @property
    def stopped(self):
        """Whether this rank has been told to stop."""
        return self.interrupt.noted or self.worker.interrupted

    def is_due(self):
        """Whether rank 0 said, before this step, that it is time to save, or any rank that it was interrupted."""
        if self._flags[1]:
            self.interrupt.noted = True
        return bool(self._flags.any())

    def accuracy(self, batches):
        """The share of right answers of all ranks, of which each scores a part of the images."""
        right = 0
        if batches is not None and not self.stopped:
            try:
                right = round(evaluate_accuracy(self._until_stopped(batches), self.net) * len(batches.images))
            except Interrupted:
                pass
        right, images, stopped = self.group.sum('right answers', np.array([
            right, len(batches.images) if batches else 0, self.stopped], np.int64))
        if stopped:
            raise Interrupted
        return float(np.float64(right) / images)

    def _until_stopped(self, batches):
        for batch in batches:
            if self.stopped:
                raise Interrupted
            yield batch

    def _share_of(self, batches):
        mine = part_of(len(batches.images), self.group.rank, self.group.size)
        if mine.start == mine.stop:
            return None
        return data.batches(batches.images[mine], batches.labels[mine], EVALUATION_BATCH, ctx=self.net.ctx)

    def save(self):
        """All ranks compare their parameters, and rank 0 writes the checkpoint."""
        parameters = self.joined.asnumpy()
        if not np.isfinite(parameters).all():
            raise LossNotFinite(f"a parameter is not finite after batch {self.state.batch} of epoch {self.state.epoch}")
        self.group.agree('network', {'SHA-256 of the parameters': digest(parameters)})
        with self._merged_statistics():
            if self.worker.rank == 0:
                super().save()

    def evaluate(self):
        """The accuracies, with the statistics of all ranks."""
        with self._merged_statistics():
            return super().evaluate()

    @contextmanager
    def _merged_statistics(self):
        """Local statistics merged for the block; the state notes what they were."""
        if not (self.config.statistics == 'local' and self.group.size > 1 and self.config.batch_norm and self.step):
            yield
            return
        for what, stored in (('means', self.net.bn_ewv_means), ('vars', self.net.bn_ewv_vars)):
            for name in LAYERS:
                own = stored[name].asnumpy() if name in stored else np.zeros_like(
                    self.net.params['gamma' + name[len('bn'):]].asnumpy())
                self.state.local[f'{what}/{name}'] = self.group.gather(f'{what} of {name}', own)          # (size, C)
        with stored_statistics_kept(self.net):
            merge_stored(self.net, self.group, self._rows())
            yield

    def share_state(self):
        """Take over rank 0's state: its numbers, its parameters, its stored statistics and its velocities."""
        own = self.state
        names = {'means': sorted(self.net.bn_ewv_means), 'velocities': sorted(own.velocities)}
        numbers, names = self.group.share('state', [
            [own.epoch, own.batch, own.seconds, own.history, own.losses], names])[0]
        self.joined[:] = self.group.broadcast('parameters', self.joined.asnumpy())
        for stored in (self.net.bn_ewv_means, self.net.bn_ewv_vars):
            stored.update({name: self._from_rank_0(name, stored.get(name), self.net.params['gamma' + name[len('bn'):]])
                           for name in names['means']})
        velocities = {name: self._from_rank_0(name, own.velocities.get(name), self.net.params[name])
                      for name in names['velocities']}
        self.state = State(*numbers, velocities)
        if self.config.statistics == 'local' and self.group.size > 1 and names['means']:
            self._take_local_statistics(own.local)

    def _take_local_statistics(self, local):
        """Go on with what each rank had by itself; what was in the checkpoint was merged."""
        for what, stored in (('means', self.net.bn_ewv_means), ('vars', self.net.bn_ewv_vars)):
            for name, merged in list(stored.items()):
                size = self.group.size
                rows = self.group.broadcast(f'{what} of {name}', local.get(
                    f'{what}/{name}', np.zeros((size, *merged.shape), merged.dtype)))
                self.state.local[f'{what}/{name}'] = rows
                stored[name] = nd.array(rows[self.group.rank], ctx=merged.ctx, dtype=merged.dtype)
            if not self._rows():
                stored.clear()

    def _from_rank_0(self, name, own, like):
        """Rank 0's array, which has the shape and the type of ``like``."""
        return nd.array(self.group.broadcast(name, (nd.zeros_like(like) if own is None else own).asnumpy()),
                        ctx=like.ctx, dtype=like.dtype)


class OthersFolder(RunFolder):
    """The folder of a run as ranks other than 0 have it: they write nothing and ask for nothing there."""

    def refuse_if_used(self):
        """Rank 0 does."""

    def refuse_if_gone(self):
        """Rank 0 does."""

    def write_reports(self, config, state, batches_per_epoch):
        """Rank 0 does."""

    def locked(self):
        """Rank 0 has the lock."""
        return nullcontext()


def described(images, labels):
    """Data in a few words, which are the same for the same data alone."""
    return f"{len(images)} of {' x '.join(map(str, images.shape[1:]))}, SHA-256 {digest(images, labels)}"


def start(worker, config, folder):
    """Train from the beginning, as :func:`.job.start` does, with all the workers of ``worker.group``.

    ``GroupError`` or ``WorkerEnded`` if one of them differs from rank 0 in its version, configuration or data.
    """
    _agree_on_versions(worker.group)
    worker.group.agree('configuration', _common(config))
    folder = _folder(worker, worker.group.share('folder', str(folder))[0])

    def make():
        folder.refuse_if_used()
        return WorkerJob(config, folder, worker)

    def claim():
        if job.events:
            job.events.claim()
        if worker.rank == 0:
            write_config(folder.config, config, job.net.ctx)

    job = worker.together('start', make)
    return _train(job, claim)


def resume(worker, folder, ctx=None, epochs=None):
    """Continue a run, as :func:`.job.resume` does, with as many workers as it had."""
    _agree_on_versions(worker.group)
    worker.group.agree('number of epochs', epochs)
    folder = _folder(worker, worker.group.share('folder', str(folder))[0])
    found = worker.together('configuration', lambda: worker.rank == 0 and [
        asdict(config) for config in configurations(folder, epochs)])
    before, config = (Config(**values) for values in worker.group.share('configuration', found)[0])
    job = worker.together('start', lambda: WorkerJob(config if ctx is None else replace(config, ctx=ctx), folder,
                                                     worker))
    return _train(job, lambda: worker.rank == 0 and restore(job, before))


def _train(job, prepare):
    """Train with the folder's lock; ``prepare()`` comes first, with the lock."""
    worker, folder = job.worker, job.folder
    with ExitStack() as stack:
        worker.together('lock', lambda: stack.enter_context(folder.locked()))
        worker.together('log', lambda: worker.log_to(folder.path / LOGS))
        worker.group.agree('data set', job.data_set)
        worker.together('folder', prepare)
        job.share_state()
        return job.finished() if job.state.epoch >= job.config.epochs else job.train()


def _folder(worker, path):
    return (RunFolder if worker.rank == 0 else OthersFolder)(path)


def _common(config):
    return {name: value for name, value in asdict(config).items() if name not in OF_A_MACHINE}


def _agree_on_versions(group):
    """``GroupError`` unless every rank computes with the same program."""
    package = Path(__file__).resolve().parent.parent
    files = sorted(path for path in package.rglob('*') if path.suffix in ('.py', '.cc', '.h'))
    group.agree('version', {
        'gluon_bn': __version__, 'mxnet': mx.__version__, 'numpy': np.__version__, 'python': platform.python_version(),
        'SHA-256 of the source': digest(*(np.frombuffer(path.read_bytes(), np.uint8) for path in files))})


def digest(*arrays):
    """The first digits of the SHA-256 of arrays.

    >>> digest(np.zeros(3))
    '9d908ecfb6b256de'
    """
    found = sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array))
    return found.hexdigest()[:16]
