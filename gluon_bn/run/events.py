"""A run of the main job in TensorBoard: which events, in which file, and what becomes of them when it is resumed."""
from pathlib import Path

from ..support.files import writing
from . import tensorboard
from .configuration import HYPERPARAMETERS, RunError
from .observation import observe


class RunEvents:
    """TensorBoard's files of a run: number 0 is the network before training, ``e + 1`` is epoch ``e``.

    Each is a function of the run's state at its end, and is written before the checkpoint of this state: whenever the
    run is killed, it comes to the same file again, or has it already.

    Parameters
    ----------
    folder : where the files are
    config : the run's :class:`gluon_bn.run.configuration.Config`
    batches_per_epoch : int
    learning_rate : function of the number of a step, counted through all epochs from 0
    first_batch : ``(data, label)``, for which the network is observed

    Raises ``ImportError`` naming the extra when tensorboardX is not installed, ``OSError`` when it cannot work here.
    """

    def __init__(self, folder, config, batches_per_epoch, learning_rate, first_batch):
        tensorboard.working_tensorboardx()
        self.folder, self.config = Path(folder), config
        self.batches_per_epoch, self.learning_rate, self.first_batch = batches_per_epoch, learning_rate, first_batch

    def claim(self):
        """Make the folder, before the run begins; ``RunError`` if it has another run's files."""
        with writing(self.folder, RunError):
            self.folder.mkdir(parents=True, exist_ok=True)
        if any(self.folder.glob('*tfevents*')):
            raise RunError(f"{self.folder} already contains TensorBoard's files of a run; choose another folder for "
                           "--tensorboard.")

    def mend(self, state):
        """After a resume: write the files that are missing, with the scalars; what was observed then is gone."""
        parts = [tensorboard.part_path(self.folder, number) for number in range(state.epoch + 1)]
        if self.config.tensorboard is True:  # the run's own folder: no other file, nor the one that 0.1.0 wrote
            for path in set(self.folder.glob('*tfevents*')).difference(parts):
                path.unlink()
        for number, path in enumerate(parts):
            if not path.exists():
                self.write(number, state)

    def write(self, number, state, net=None):
        """Write file ``number`` from ``state``, with the histograms and filters of ``net`` if it is given."""
        end = number * self.batches_per_epoch
        with tensorboard.event_file(self.folder, number) as writer:
            if number == 0:
                hparams = {**{name: getattr(self.config, name) for name in HYPERPARAMETERS},
                           'limit': str(self.config.limit or 'all')}  # a number or none; a column has one type
                tensorboard.add_hparams(writer, hparams, ('moving_loss', 'train_acc', self.config.scored))
            else:
                for step in range(end - self.batches_per_epoch, end):
                    writer.add_scalar('loss', state.losses[step], step)
                    writer.add_scalar('lr', self.learning_rate(step), step)
                record = state.history[number - 1]
                writer.add_scalar('moving_loss', record['loss'], end)
                for name in (key for key in record if key.endswith('_acc')):
                    writer.add_scalar(name, record[name], end)
            if net is not None:
                tensorboard.add_observation(writer, observe(net, *self.first_batch), end)
            if number == self.config.epochs:
                tensorboard.add_end(writer)
