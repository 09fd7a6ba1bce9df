"""The trainings of the paper's figure in TensorBoard: each is a run with one event file, there when it is finished."""
from contextlib import contextmanager
from dataclasses import asdict

from ..._mxnet import nd
from ...run.observation import observe
from ...run.tensorboard import add_end, add_hparams, add_observation, event_file, part_path

OBSERVED = 256  # training images, with which the network is observed
SCALARS = ('loss', 'train_acc', 'test_acc')


@contextmanager
def recorded(folder, job, digits):
    """For the time of one training: what :func:`.training.train` is to call at every record.

    ``folder`` gets the run's events, as :mod:`gluon_bn.run.tensorboard` describes:
    the scalars of each record; at the first
    one, and at the first of each tenth of the training, also the histograms and filters, for the first training images.
    """
    first, tenth = (digits.X_train[:OBSERVED], nd.array(digits.y_train[:OBSERVED])), -1
    with _events(folder, job) as writer:
        def on_record(step, net, record):
            nonlocal tenth
            _add_scalars(writer, job, record)
            if 10 * step // job.steps > tenth:
                tenth = 10 * step // job.steps
                add_observation(writer, observe(net, *first), step)

        yield on_record


def write_scalars(folder, job, records):
    """Write the events of a training that is long done, unless they are there: the scalars are all that is known."""
    if not part_path(folder, 0).exists():
        with _events(folder, job) as writer:
            for record in records:
                _add_scalars(writer, job, record)


@contextmanager
def _events(folder, job):
    with event_file(folder, 0) as writer:
        # A scale of weights is a number or a word; TensorBoard wants one type for a column.
        add_hparams(writer, {**asdict(job), 'weight_scale': str(job.weight_scale)}, SCALARS)
        yield writer
        add_end(writer)


def _add_scalars(writer, job, record):
    for tag in SCALARS:
        writer.add_scalar(tag, record[tag], record['step'])
    writer.add_scalar('lr', job.lr, record['step'])
