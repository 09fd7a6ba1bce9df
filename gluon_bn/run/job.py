"""The main job: train LeNet on a data set in a folder, from which any interrupted run can be continued.

The folder contains ``config.json``, ``metrics.jsonl``, ``curves.png`` and ``checkpoint/latest.npz``. Only the
checkpoint is state; the others are written anew from it, and so is each of TensorBoard's files, at the end of its
epoch. Nothing else is needed for that: the order of the examples is a function of the seed and the epoch, and training
uses no other random number. So a run that is killed at any moment and resumed computes what it would have computed, bit
for bit.
"""
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .._mxnet import mx
from . import checkpoint
from .configuration import RunError, read_config, write_config
from .folder import RunFolder, checkpoint_of
from .interrupts import Interrupted
from .loop import Job, network_of
from .state import LossNotFinite, config_of, restore_state

if TYPE_CHECKING:
    import os

    from mxnet import Context

    from ..lenet import LeNet

__all__ = ['Interrupted', 'LossNotFinite', 'load_network', 'resume', 'start']


def start(config, folder, report=print):
    """Train from the beginning in ``folder``, which must not contain a run yet; returns the metrics, a dict an epoch.

    ``report`` is called with each line for the user. Raises ``RunError``, ``gbn.data.DataError``, ``LossNotFinite``
    or ``Interrupted``; in the last two cases the checkpoint is the last good one.
    """
    folder = RunFolder(folder)
    folder.refuse_if_used()
    job = Job(config, folder, report)
    with folder.locked():
        if job.events:
            job.events.claim()
        write_config(folder.config, config, job.net.ctx)
        return job.train()


def resume(folder, ctx=None, epochs=None, report=print):
    """Continue the run in ``folder``, with its configuration (``ctx`` may replace its context); returns the metrics.

    ``epochs`` extends the run, a finished one as well: it becomes one of so many epochs, which ends as if it had been
    begun with them, bit for bit; but with the schedule one-cycle the steps that are done had other learning rates, and
    a line says so. Without ``epochs`` a finished run is left as it is. Raises what :func:`start` raises, and
    ``CheckpointError``.
    """
    folder = RunFolder(folder)
    before, config = configurations(folder, epochs)
    job = Job(config if ctx is None else replace(config, ctx=ctx), folder, report)
    with folder.locked():
        restore(job, before)
        return job.finished() if job.state.epoch >= config.epochs else job.train()


def configurations(folder, epochs=None):
    """The configuration of the run in ``folder``, and the one with which it is resumed; ``RunError`` without one."""
    before = read_config(folder.path)
    config = before if epochs is None else replace(before, epochs=epochs)
    if config.epochs < before.epochs:
        raise RunError(f"epochs is {epochs}; expected at least {before.epochs}, the epochs of the run in {folder}.")
    return before, config


def restore(job, before):
    """Put into ``job`` what its folder has, and into its folder what is missing; it was a run of ``before``."""
    if job.folder.checkpoint.exists():  # else it was killed before its first checkpoint, and begins anew
        job.state = restore_state(job.folder.checkpoint, job.net, job.config, len(job.training_batches))
    if job.config.epochs != before.epochs:
        _extend(job, before, replace(before, epochs=job.config.epochs))
    if job.events:
        job.events.mend(job.state)
    if job.state.epoch < job.config.epochs:
        job.report(f"Resuming {job.folder} at epoch {job.state.epoch}, batch {job.state.batch}.")


def _extend(job, before, config):
    """Make the run one of ``config``, which has more epochs than the configuration ``before``."""
    job.folder.refuse_if_gone()
    write_config(job.folder.config, config, job.net.ctx)
    other_rates = config.schedule != 'constant' and job.step > 0
    job.report(f"The run in {job.folder} is extended from {before.epochs} to {config.epochs} epochs" + (
        f"; from here on the learning rate is that of {config.epochs} epochs." if other_rates else "."))


def load_network(path: str | os.PathLike[str], ctx: Context | None = None) -> LeNet:
    """The network of a run's checkpoint, on ``ctx`` (None is ``mx.current_context()``).

    ``path`` is the run's folder, or a checkpoint file. Raises ``CheckpointError``.
    """
    path = checkpoint_of(path)
    arrays, description = checkpoint.load(path)
    net = network_of(config_of(description, path), mx.current_context() if ctx is None else ctx)
    checkpoint.restore_network(net, arrays)
    return net
