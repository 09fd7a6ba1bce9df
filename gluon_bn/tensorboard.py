"""TensorBoard's event files, written by tensorboardX (the extra ``tensorboard``)."""
import shutil

from .extras import import_extra


def write_scalars(folder, losses, batches_per_epoch, history):
    """Write a run's scalars to ``folder`` anew: ``loss`` of every batch, the accuracies of every epoch.

    Raises ``ImportError`` naming the extra when tensorboardX is not installed.
    """
    tensorboardx = import_extra('tensorboardX', 'tensorboard')
    shutil.rmtree(folder, ignore_errors=True)
    with tensorboardx.SummaryWriter(str(folder)) as writer:
        for step, loss in enumerate(losses):
            writer.add_scalar('loss', loss, step)
        for record in history:
            for name in (key for key in record if key.endswith('_acc')):
                writer.add_scalar(name, record[name], (1 + record['epoch']) * batches_per_epoch)
