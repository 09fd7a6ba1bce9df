"""A run in TensorBoard: every tag, step and value, each once, whatever happened to the run in between."""
import errno
import io
import json
import multiprocessing.synchronize
import shutil
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from test_job import SCRIPT, SMALL, kill_at_random_moments, metrics, state, train

import gluon_bn as gbn
from gluon_bn import data
from gluon_bn._mxnet import autograd, nd
from gluon_bn.functions import softmax_cross_entropy
from gluon_bn.run import checkpoint, tensorboard
from gluon_bn.run import events as run_events
from gluon_bn.run import job as run
from gluon_bn.run.configuration import Config, RunError

tensorboardx = pytest.importorskip('tensorboardX', reason='tensorboardX is not installed')
STEPS = 10  # an epoch: 320 images in batches of 32


def quiet(line):
    """What a run reports, for nobody."""


@pytest.fixture(scope='module')
def config(small_data):
    return Config(limit=320, data_dir=str(small_data), ctx='cpu', epochs=2, batch_size=32, seed=5, sgd_momentum=0.5,
                  schedule='one-cycle', tensorboard=True)


@pytest.fixture(scope='module')
def whole(config, tmp_path_factory):
    """The folder of a run that nobody interrupted."""
    folder = tmp_path_factory.mktemp('run') / 'whole'
    run.start(config, folder, quiet)
    return folder


def test_the_scalars_are_those_of_the_metrics_and_of_the_steps(whole, read_events):
    found = {tag: values for (kind, tag), values in read_events(whole / 'tensorboard').items() if kind == 'scalars'}
    arrays, _ = checkpoint.load(whole / 'checkpoint' / 'latest.npz')
    expected = {'loss': list(enumerate(arrays['losses'])),
                'lr': [(step, 0.001 * share) for step, share in enumerate(
                    [*np.arange(1, 6) / 5, *np.arange(15, 0, -1) / 16])]}  # up over a quarter, down to the end
    for tag, name in (('moving_loss', 'loss'), ('train_acc', 'train_acc'), ('test_acc', 'test_acc')):
        expected[tag] = [(STEPS * (1 + record['epoch']), record[name]) for record in metrics(whole)]
    assert set(found) == set(expected)
    for tag, values in expected.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in values]
        np.testing.assert_allclose([v for _, v in found[tag]], [v for _, v in values], rtol=1e-6, err_msg=tag)


def test_the_histograms_are_those_of_the_network(whole, config, read_events):
    """After the last epoch, of the checkpoint's network, here computed as training computes them, on 256 images."""
    found = {tag: values for (kind, tag), values in read_events(whole / 'tensorboard').items() if kind == 'histograms'}
    net = gbn.load_network(whole)
    images, labels = gbn.data.load('mnist', True, config.data_dir)
    [X, y] = next(iter(data.batches(images, labels, 256)))
    inputs = net.activation_inputs(X, is_training=True)
    with autograd.record():
        loss = softmax_cross_entropy(net(X), nd.one_hot(y, 10)).mean()
    loss.backward()
    expected = {**{'pre-activations/' + name: h for name, h in inputs.items()},
                **{'weights/' + name: param for name, param in net.params.items()},
                **{'gradients/' + name: param.grad for name, param in net.params.items()}}
    assert set(found) == set(expected)
    assert len(found) == 3 + 14 + 14
    for tag, array in expected.items():
        assert [step for step, _ in found[tag]] == [0, STEPS, 2 * STEPS]
        if tag.startswith('gradients/b') and tag[-1] in '123' and 'beta' not in tag:
            continue  # rounding errors around 0 (batch norm follows), which plain and native operators round otherwise
        values, histogram = array.asnumpy().astype(np.float64), found[tag][-1][1]
        exact = not tag.startswith('gradients')
        scale = np.abs(values).max()
        assert histogram.num == sum(histogram.bucket) == values.size
        np.testing.assert_allclose([histogram.min, histogram.max], [values.min(), values.max()],
                                   rtol=0 if exact else 1e-3, atol=0 if exact else 1e-3 * scale, err_msg=tag)
        if exact:
            assert histogram.bucket[-tensorboard.BINS:] == np.histogram(values, tensorboard.BINS)[0].tolist()
            assert histogram.bucket_limit[-1] == values.max()


def test_the_first_layers_filters_are_images(whole, read_events):
    images = read_events(whole / 'tensorboard')['images', 'filters']
    assert [step for step, _ in images] == [0, STEPS, 2 * STEPS]
    pixels = [np.rint(255 * image.imread(io.BytesIO(encoded))[..., :3]) for _, encoded in images]
    np.testing.assert_array_equal(
        pixels[-1], tensorboard.filter_grid(gbn.load_network(whole).params['W1'].asnumpy()[:, 0]))
    assert (pixels[0] != pixels[-1]).any()


def hparams_of(folder):
    """What the HParams tab has of each run under ``folder``: run -> (its hyper-parameters, its status)."""
    multiplexer = pytest.importorskip('tensorboard.backend.event_processing.plugin_event_multiplexer',
                                      reason='tensorboard is not installed').EventMultiplexer()
    from tensorboard.plugins.hparams import plugin_data_pb2

    multiplexer.AddRunsFromDirectory(str(folder)).Reload()
    found = {}
    for name, tags in multiplexer.PluginRunToTagToContent('hparams').items():
        contents = {tag: plugin_data_pb2.HParamsPluginData.FromString(content) for tag, content in tags.items()}
        started = contents['_hparams_/session_start_info'].session_start_info.hparams
        values = {key: getattr(value, value.WhichOneof('kind')) for key, value in started.items()}
        end = contents.get('_hparams_/session_end_info')
        found[name] = values, end and end.session_end_info.status
    return found


def sessions_in(folder):
    """How often each of the HParams tab's records stands in the files."""
    reader = pytest.importorskip('tensorboard.backend.event_processing.event_file_loader',
                                 reason='tensorboard is not installed')
    return Counter(value.tag for path in folder.iterdir() for event in reader.LegacyEventFileLoader(str(path)).Load()
                   for value in event.summary.value if value.tag.startswith('_hparams_/'))


def test_the_run_is_one_row_of_hyper_parameters_and_results(whole, config):
    [(values, status)] = hparams_of(whole / 'tensorboard').values()
    assert values == {**{name: getattr(config, name) for name in run_events.HYPERPARAMETERS}, 'limit': '320'}
    assert status == 1  # success
    assert set(sessions_in(whole / 'tensorboard').values()) == {1}


def test_training_is_the_same_bit_for_bit_with_tensorboard_and_without(whole, config, tmp_path):
    run.start(replace(config, tensorboard=False), tmp_path / 'run', quiet)
    assert metrics(tmp_path / 'run') == metrics(whole)
    assert state(tmp_path / 'run') == state(whole)
    assert not (tmp_path / 'run' / 'tensorboard').exists()


# ---- interruptions ---------------------------------------------------------------------------------------------------

class Killed(BaseException):
    """What a test raises where a process might be killed."""


def killed_at(target, name, call, after):
    """In place of ``target.name``: in its call number ``call`` it ends in ``Killed``, ``after`` its work or not."""
    calls, real = [], getattr(target, name)

    def function(*arguments, **options):
        calls.append(name)
        if len(calls) == call and not after:
            raise Killed
        result = real(*arguments, **options)
        if len(calls) == call:
            raise Killed
        return result

    return function


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(('target', 'name', 'call', 'after'), [
    (run, 'write_config', 1, True),                      # before the first file
    slow(tensorboard, 'add_observation', 1, True),  # in the first file
    slow(run_events.RunEvents, 'write', 1, True),  # after it
    (tensorboard, 'add_observation', 2, False),          # in the file of an epoch
    (run_events.RunEvents, 'write', 2, True),                   # after it, before the checkpoint
    slow(checkpoint, 'save', 2, True),  # after the checkpoint
    (checkpoint, 'save', 3, False),                      # in the last epoch, before it is evaluated
    slow(run_events.RunEvents, 'write', 3, True),
    slow(checkpoint, 'save', 4, True),
], ids=lambda value: getattr(value, '__name__', str(value)).rpartition('.')[2])
def test_killed_and_resumed_each_point_is_there_once(target, name, call, after, whole, config, read_events, tmp_path,
                                                     monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(target, name, killed_at(target, name, call, after))
        with pytest.raises(Killed):
            run.start(config, tmp_path / 'run', quiet)
    run.resume(tmp_path / 'run', report=quiet)
    assert read_events(tmp_path / 'run' / 'tensorboard') == read_events(whole / 'tensorboard')
    assert set(sessions_in(tmp_path / 'run' / 'tensorboard').values()) == {1}
    assert metrics(tmp_path / 'run') == metrics(whole)


@pytest.mark.slow
@pytest.mark.by_hand
def test_killed_by_the_system_at_any_moment(small_data, read_events, tmp_path):
    arguments = (*SMALL, '--data-dir', small_data, '--checkpoint-seconds', 0)
    folders = [tmp_path / name for name in ('whole', 'killed')]
    assert train(*arguments, '--output', folders[0], '--tensorboard')[0] == 0
    events = tmp_path / 'events' / 'killed'
    arguments += ('--output', folders[1], '--tensorboard', events)
    kill_at_random_moments(folders[1], arguments, kills=5, longest=8)
    assert read_events(events) == read_events(folders[0] / 'tensorboard')
    assert list(hparams_of(events.parent)) == ['killed']
    assert not (folders[1] / 'tensorboard').exists()


def test_a_run_of_an_older_version_goes_on_and_keeps_its_scalars(whole, config, read_events, tmp_path, monkeypatch):
    """Its scalars were in one file with a name of tensorboardX's making; histograms there were none."""
    folder = tmp_path / 'run'
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, 'save', killed_at(checkpoint, 'save', 2, True))
        with pytest.raises(Killed):
            run.start(config, folder, quiet)
    losses = checkpoint.load(folder / 'checkpoint' / 'latest.npz')[0]['losses']
    shutil.rmtree(folder / 'tensorboard')
    with tensorboardx.SummaryWriter(str(folder / 'tensorboard')) as writer:
        for step, loss in enumerate(losses):
            writer.add_scalar('loss', loss, step)
    assert json.loads((folder / 'config.json').read_text())['tensorboard'] is True
    run.resume(folder, report=quiet)
    expected = read_events(whole / 'tensorboard')
    found = read_events(folder / 'tensorboard')
    assert {key: values for key, values in found.items() if key[0] == 'scalars'} == {
        key: values for key, values in expected.items() if key[0] == 'scalars'}
    assert found['histograms', 'weights/W1'] == expected['histograms', 'weights/W1'][-1:]
    assert set(sessions_in(folder / 'tensorboard').values()) == {1}


def test_resuming_a_finished_run_writes_what_is_missing_alone(whole, read_events, tmp_path):
    folder = tmp_path / 'run'
    shutil.copytree(whole, folder)
    before = {path: path.read_bytes() for path in (folder / 'tensorboard').iterdir()}
    run.resume(folder, report=quiet)
    assert {path: path.read_bytes() for path in (folder / 'tensorboard').iterdir()} == before
    shutil.rmtree(folder / 'tensorboard')
    run.resume(folder, report=quiet)
    assert read_events(folder / 'tensorboard') == {
        key: values for key, values in read_events(whole / 'tensorboard').items() if key[0] == 'scalars'}


# ---- refusals --------------------------------------------------------------------------------------------------------

def test_a_folder_with_another_runs_files_is_refused(whole, config, tmp_path):
    events = whole / 'tensorboard'
    before = {path: path.read_bytes() for path in events.iterdir()}
    with pytest.raises(RunError, match="already contains TensorBoard's files of a run; choose another folder"):
        run.start(replace(config, tensorboard=str(events)), tmp_path / 'run', quiet)
    assert {path: path.read_bytes() for path in events.iterdir()} == before
    assert not (tmp_path / 'run' / 'config.json').exists()


def test_a_folder_that_cannot_be_made_is_refused(small_data, tmp_path, script_here):
    Path(tmp_path / 'file').touch()
    status, out, err = script_here(SCRIPT, *SMALL, '--data-dir', small_data, '--output', tmp_path / 'run',
                                   '--tensorboard', tmp_path / 'file' / 'events')
    assert (status, out) == (2, '')
    assert err == f"train_mnist: {tmp_path / 'file' / 'events'} cannot be written: Not a directory.\n"


def test_without_semaphores_this_is_said_before_the_run_begins(config, tmp_path, monkeypatch):
    """As where this user may not write in /dev/shm; it was said of the run's folder that it cannot be written."""
    def refused(*args):
        raise PermissionError(errno.EACCES, 'Permission denied')

    monkeypatch.setattr(multiprocessing.synchronize._multiprocessing, 'SemLock', refused)
    with pytest.raises(OSError, match=r'tensorboardX needs semaphores, .* cannot make one \(Permission denied\)'):
        run.start(config, tmp_path / 'run', quiet)
    assert not (tmp_path / 'run').exists()


def test_events_that_cannot_be_written_name_their_folder(config, tmp_path, monkeypatch):
    events = tmp_path / 'events'
    write = tensorboard.atomic_write

    def full(path, *mode):
        if events in Path(path).parents:
            raise OSError(errno.ENOSPC, 'No space left on device')
        return write(path, *mode)

    monkeypatch.setattr(tensorboard, 'atomic_write', full)
    with pytest.raises(OSError, match=f'^{events} cannot be written: No space left on device.$'):
        run.start(replace(config, tensorboard=str(events)), tmp_path / 'run', quiet)


def test_without_tensorboardx_the_extra_is_named_before_the_run_begins(config, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorboardX', None)
    with pytest.raises(ImportError, match=r"pip install .*\[tensorboard\]'"):
        run.start(config, tmp_path / 'run', quiet)
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('value', [3, None, ''])
def test_what_is_no_folder_is_refused(value):
    with pytest.raises(RunError, match='expected true, false or a folder'):
        Config(tensorboard=value)


def test_a_folder_in_folders_that_are_not_there_is_made_and_no_limit_is_in_the_row(config, tmp_path):
    events = tmp_path / 'a' / 'b' / 'run'
    run.start(replace(config, epochs=1, limit=None, tensorboard=str(events)), tmp_path / 'run', quiet)
    [(values, _)] = hparams_of(tmp_path / 'a').values()
    assert values['limit'] == 'all'
    assert len(list(events.iterdir())) == 2
