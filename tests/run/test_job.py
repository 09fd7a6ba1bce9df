"""The main job in its folder: files, exit statuses, interruptions at any moment."""
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn._mxnet import mx, nd
from gluon_bn.run import checkpoint, loop
from gluon_bn.run import folder as run_folder
from gluon_bn.run import job as run
from gluon_bn.run.configuration import Config, RunError, write_config

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'scripts' / 'train_mnist.py'
SMALL = ('--limit', '640', '--batch-size', '32', '--epochs', '2', '--seed', '5', '--ctx', 'cpu')


def start(*arguments, **options):
    return subprocess.Popen([sys.executable, str(SCRIPT), *map(str, arguments)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def train(*arguments, timeout=600, **options):
    """Run the script to its end; returns ``(status, stdout, stderr)``."""
    with start(*arguments, **options) as process:
        out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def metrics(folder):
    """What metrics.jsonl says, without the times."""
    with open(folder / 'metrics.jsonl', encoding='utf-8') as file:
        return [{name: value for name, value in json.loads(line).items() if not name.endswith('seconds')}
                for line in file]


def state(folder):
    """Everything in the checkpoint that must be the same after the same training."""
    arrays, description = checkpoint.load(folder / 'checkpoint' / 'latest.npz')
    return {name: array.tobytes() for name, array in arrays.items()}, description['epoch'], description['batch']


@pytest.fixture(scope='module')
def uninterrupted(small_data, tmp_path_factory):
    """The folder of a run that nobody interrupted."""
    folder = tmp_path_factory.mktemp('run') / 'whole'
    status, out, err = train(*SMALL, '--data-dir', small_data, '--output', folder)
    assert (status, 'Traceback' in err) == (0, False), err
    (folder / 'stdout').write_text(out)
    return folder


def test_without_a_compiler_a_line_says_what_one_would_bring(small_data, tmp_path):
    status, _, err = train('--limit', 32, '--epochs', 1, '--ctx', 'cpu', '--data-dir', small_data,
                           '--output', tmp_path / 'run', env={**os.environ, 'CXX': 'no-such-compiler'})
    assert status == 0
    assert err.splitlines()[-1] == 'native operators: not in use, there is no C++ compiler (no-such-compiler).'


# ---- what a run leaves -----------------------------------------------------------------------------------------------

def test_a_run_prints_a_line_an_epoch_and_writes_its_files(uninterrupted):
    records = metrics(uninterrupted)
    assert [record['epoch'] for record in records] == [0, 1]
    lines = (uninterrupted / 'stdout').read_text().splitlines()
    for line, record in zip(lines, records):
        assert line == (f"Epoch {record['epoch']}. Loss: {record['loss']:.4f}, Train_acc {record['train_acc']:.4f}, "
                        f"Test_acc {record['test_acc']:.4f}")
    with open(uninterrupted / 'metrics.jsonl', encoding='utf-8') as file:
        assert set(json.loads(file.readline())) == {'epoch', 'loss', 'train_acc', 'test_acc', 'train_seconds',
                                                    'eval_seconds'}
    config = json.loads((uninterrupted / 'config.json').read_text())
    assert (config['lr'], config['batch_size'], config['limit'], config['seed']) == (0.001, 32, 640, 5)
    assert config['environment']['mxnet'] == '1.9.1'
    assert (uninterrupted / 'curves.png').read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
    assert os.listdir(uninterrupted / 'checkpoint') == ['latest.npz']


def test_the_accuracies_are_those_of_the_saved_network(uninterrupted, small_data):
    net = gbn.load_network(uninterrupted)
    record = metrics(uninterrupted)[-1]
    for name, train_, size in (('train_acc', True, 640), ('test_acc', False, 500)):
        images, labels = gbn.data.load('mnist', train_, small_data)
        predictions = np.concatenate([net(X, is_training=False).asnumpy().argmax(axis=1)
                                      for X, _ in gbn.data.batches(images, labels, 100)])
        assert len(labels) == size
        assert record[name] == np.mean(predictions == labels)
    assert record['train_acc'] > 0.8


def test_the_same_seed_gives_the_same_history_bit_for_bit(uninterrupted, small_data, tmp_path):
    assert train(*SMALL, '--data-dir', small_data, '--output', tmp_path / 'again')[0] == 0
    assert metrics(tmp_path / 'again') == metrics(uninterrupted)
    assert state(tmp_path / 'again') == state(uninterrupted)


def test_another_seed_gives_another_history(finished, tiny, tmp_path):
    run.start(replace(tiny, seed=6), tmp_path / 'other', quiet)
    assert metrics(tmp_path / 'other') != metrics(finished)


def test_resuming_a_finished_run_says_so_and_changes_nothing(uninterrupted, script_here):
    before = state(uninterrupted), metrics(uninterrupted)
    status, out, _ = script_here(SCRIPT, '--resume', uninterrupted)
    assert status == 0
    assert 'is finished: 2 of 2 epochs' in out
    assert (state(uninterrupted), metrics(uninterrupted)) == before


def test_a_preset_is_a_configuration_whose_options_can_be_overridden(small_data, tmp_path, script_here):
    status, out, err = script_here(SCRIPT, '--preset', 'fast', '--ctx', 'cpu', '--limit', 640, '--epochs', 3,
                                   '--batch-size', 32, '--target', 0.5, '--data-dir', small_data,
                                   '--output', tmp_path / 'run')
    assert status == 0, err
    config = json.loads((tmp_path / 'run' / 'config.json').read_text())
    assert (config['epochs'], config['sgd_momentum'], config['schedule']) == (3, 0.9, 'one-cycle')
    assert out.count('Test_acc 0.5 reached after ') == 1


def test_held_out_images_are_scored_in_place_of_the_test_images(small_data, tmp_path, script_here):
    folder = tmp_path / 'run'
    assert script_here(SCRIPT, *SMALL, '--validation', 160, '--data-dir', small_data, '--output', folder)[0] == 0
    record = metrics(folder)[-1]
    assert 'test_acc' not in record
    images, labels = gbn.data.load('mnist', True, small_data)
    held_out = gbn.data.batches(images[480:], labels[480:], 50)
    assert record['valid_acc'] == gbn.evaluate_accuracy(held_out, gbn.load_network(folder))
    config = json.loads((folder / 'config.json').read_text())
    losses = checkpoint.load(folder / 'checkpoint' / 'latest.npz')[0]['losses']
    assert len(losses) == config['epochs'] * -(-480 // config['batch_size'])  # none of them was trained on


# ---- interruptions ---------------------------------------------------------------------------------------------------

def kill_at_random_moments(folder, arguments, kills, longest):
    """Start or resume the run until it is done, killing it ``kills`` times; returns how many kills hit it alive."""
    hits = 0
    for attempt in range(kills + 1):
        resume = (folder / 'config.json').exists()
        process = start(*(('--resume', folder) if resume else arguments))
        if attempt < kills:
            time.sleep(random.uniform(0, longest))
            hits += process.poll() is None
            process.send_signal(signal.SIGKILL)
        _, err = process.communicate(timeout=300)
        assert process.returncode in (0, -signal.SIGKILL), err
    assert process.returncode == 0, err
    return hits


def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(uninterrupted, small_data, tmp_path):
    arguments = (*SMALL, '--data-dir', small_data, '--output', tmp_path / 'run', '--checkpoint-seconds', 0)
    kill_at_random_moments(tmp_path / 'run', arguments, kills=3, longest=6)
    assert metrics(tmp_path / 'run') == metrics(uninterrupted)
    assert state(tmp_path / 'run') == state(uninterrupted)


@pytest.mark.slow
@pytest.mark.by_hand
def test_twenty_kills_at_random_moments(tmp_path):
    """On 6,400 images and all of the test images, with a checkpoint after every batch: most kills hit a write."""
    arguments = ('--limit', 6400, '--epochs', 3, '--ctx', 'cpu', '--checkpoint-seconds', 0)
    assert train(*arguments, '--output', tmp_path / 'whole', timeout=600)[0] == 0
    hits = rounds = 0
    while hits < 20:
        rounds += 1
        folder = tmp_path / f'killed{rounds}'
        hits += kill_at_random_moments(folder, (*arguments, '--output', folder), kills=10, longest=12)
        assert metrics(folder) == metrics(tmp_path / 'whole')
        assert state(folder) == state(tmp_path / 'whole')


@pytest.mark.slow
def test_momentum_shifts_and_the_schedule_are_gone_on_with_as_well(small_data, tmp_path):
    options = ('--preset', 'best', '--ctx', 'cpu', '--limit', 640, '--batch-size', 32, '--epochs', 2, '--seed', 5,
               '--data-dir', small_data, '--checkpoint-seconds', 0)
    assert train(*options, '--output', tmp_path / 'whole')[0] == 0
    kill_at_random_moments(tmp_path / 'run', (*options, '--output', tmp_path / 'run'), kills=2, longest=6)
    assert metrics(tmp_path / 'run') == metrics(tmp_path / 'whole')
    assert state(tmp_path / 'run') == state(tmp_path / 'whole')
    assert any(name.startswith('velocity/') for name in state(tmp_path / 'run')[0])


def test_ctrl_c_saves_and_the_run_can_be_gone_on_with(uninterrupted, small_data, tmp_path):
    folder = tmp_path / 'run'
    process = start(*SMALL, '--data-dir', small_data, '--output', folder)
    for line in process.stderr:  # wait until it trains
        if line.startswith('Epoch 0: batch'):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 130, err
    assert f' train --resume {folder}\n' in err.partition('interrupted; resume it with: ')[2]
    assert 'Traceback' not in err
    status, out, err = train('--resume', folder)
    assert status == 0, err
    assert metrics(folder) == metrics(uninterrupted)
    assert state(folder) == state(uninterrupted)


def test_two_processes_never_train_in_one_folder(small_data, tmp_path):
    first = start(*SMALL, '--epochs', 50, '--data-dir', small_data, '--output', tmp_path / 'run')
    for line in first.stderr:
        if line.startswith('Epoch 0: batch'):
            break
    first.send_signal(signal.SIGSTOP)  # it keeps the folder, and leaves the processor to the other
    status, _, err = train('--resume', tmp_path / 'run')
    first.kill()
    first.communicate()
    assert status == 2
    assert 'another process is training in' in err


def test_a_loss_that_is_not_finite_is_status_3_and_keeps_the_last_good_checkpoint(small_data, tmp_path, script_here):
    status, _, err = script_here(SCRIPT, *SMALL, '--lr', 1e30, '--checkpoint-seconds', 0, '--no-batch-norm',
                                 '--data-dir', small_data, '--output', tmp_path / 'run')
    assert status == 3, err
    assert 'not finite' in err or 'the loss is' in err
    assert 'average) nan' not in err
    assert 'Traceback' not in err
    path = tmp_path / 'run' / 'checkpoint' / 'latest.npz'
    if path.exists():
        assert all(np.isfinite(array).all() for array in checkpoint.load(path)[0].values())


# ---- refusals --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('arguments', 'message'), [
    (('--epochs', '0'), 'epochs is 0; expected a whole number, at least 1'),
    (('--batch-size', '-3'), 'batch_size is -3'),
    (('--lr', 'nan'), 'lr is nan; expected a finite number, above 0'),
    (('--momentum', '2'), 'momentum is 2.0; expected a finite number from 0 to 1'),
    (('--ctx', 'tpu'), "context 'tpu' is unknown; expected auto, cpu, cpu:N, gpu or gpu:N"),
    (('--data-dir', '/nowhere/at/all'), '/nowhere/at/all is not a folder'),
    (('--limit', '65'), 'leave a last batch of one'),
    (('--batch-size', '1'), 'training images in batches of 1 are batches of one'),
    (('--limit', '100000'), 'limit is 100000; expected at most the 60000 training images of mnist'),
    (('--max-shift', '28'), 'max_shift is 28; expected a whole number from 0 to 27'),
    (('--sgd-momentum', '1'), 'sgd_momentum is 1.0; expected a finite number, at least 0 and below 1'),
    (('--weight-scale', '1e300'), 'weight_scale is 1e+300; expected a finite number, above 0 and below 1e+30'),
    (('--resume', '/nowhere/at/all'), '/nowhere/at/all contains no run to resume'),
    (('--frobnicate',), 'unrecognized arguments: --frobnicate'),
    (('--dataset', 'imagenet'), 'invalid choice'),
], ids=lambda value: ' '.join(value) if isinstance(value, tuple) else '')
def test_bad_arguments_end_with_status_2_and_a_sentence(arguments, message, tmp_path, script_here):
    output = () if '--resume' in arguments else ('--output', tmp_path / 'run')
    status, out, err = script_here(SCRIPT, *arguments, *output)
    assert status == 2
    assert message in err
    assert 'Traceback' not in err
    assert out == ''
    assert not (tmp_path / 'run' / 'config.json').exists()


def test_bad_data_end_with_status_2_and_one_line_naming_the_file(small_data, tmp_path, script_here):
    for path in small_data.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / 't10k-labels-idx1-ubyte').write_bytes(b'<html>not found</html>')
    status, _, err = script_here(SCRIPT, '--ctx', 'cpu', '--data-dir', tmp_path, '--output', tmp_path / 'run')
    assert status == 2
    assert err == (f"train_mnist: {tmp_path / 't10k-labels-idx1-ubyte'} is a web page (HTML), not an IDX file: the "
                   "download went wrong; get the file again.\n")


def test_a_folder_with_a_run_is_never_overwritten(uninterrupted, small_data, script_here):
    before = state(uninterrupted)
    status, _, err = script_here(SCRIPT, *SMALL, '--data-dir', small_data, '--output', uninterrupted)
    assert status == 2
    assert 'already contains a run; choose another --output, or resume it with: ' in err
    assert state(uninterrupted) == before


def test_resume_takes_no_other_configuration(uninterrupted, script_here):
    status, _, err = script_here(SCRIPT, '--resume', uninterrupted, '--lr', 0.1, '--batch-size', 8, '--preset', 'fast',
                                 '--no-batch-norm')
    assert status == 2
    named = err.strip().partition('leave out ')[2].rstrip('.').split(', ')
    assert sorted(named) == ['--batch-size', '--lr', '--no-batch-norm', '--preset']


def test_a_checkpoint_of_another_configuration_is_refused(uninterrupted, tmp_path, script_here):
    folder = tmp_path / 'run'
    (folder / 'checkpoint').mkdir(parents=True)
    config = json.loads((uninterrupted / 'config.json').read_text())
    (folder / 'config.json').write_text(json.dumps({**config, 'lr': 0.5}))
    source = (uninterrupted / 'checkpoint' / 'latest.npz').read_bytes()
    (folder / 'checkpoint' / 'latest.npz').write_bytes(source)
    status, _, err = script_here(SCRIPT, '--resume', folder)
    assert status == 2
    assert 'is from another configuration than config.json (lr differ)' in err
    assert (folder / 'checkpoint' / 'latest.npz').read_bytes() == source


def test_a_damaged_checkpoint_or_configuration_is_refused(uninterrupted, tmp_path, script_here):
    folder = tmp_path / 'run'
    (folder / 'checkpoint').mkdir(parents=True)
    (folder / 'config.json').write_bytes((uninterrupted / 'config.json').read_bytes())
    (folder / 'checkpoint' / 'latest.npz').write_bytes(
        (uninterrupted / 'checkpoint' / 'latest.npz').read_bytes()[:-100])
    status, _, err = script_here(SCRIPT, '--resume', folder)
    assert status == 2
    assert 'truncated or altered' in err
    (folder / 'config.json').write_text('{"epochs": 3')
    status, _, err = script_here(SCRIPT, '--resume', folder)
    assert status == 2
    assert 'is not valid JSON' in err
    (folder / 'config.json').write_text('{"epochs": 3}')
    with pytest.raises(RunError, match='not the configuration of a run'):
        run.resume(folder)


# ---- in this process: what needs no interruption ---------------------------------------------------------------------

@pytest.fixture(scope='module')
def tiny(small_data):
    """A configuration that is trained in no time: six batches an epoch, in its last epoch already."""
    return Config(limit=48, batch_size=8, ctx='cpu', seed=5, data_dir=str(small_data), sgd_momentum=0.5)


def quiet(line):
    pass


@pytest.fixture(scope='module')
def trained_once(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp('trained') / 'once'
    run.start(tiny, folder, quiet)
    return folder


@pytest.fixture
def finished(trained_once, tmp_path):
    """The folder of a finished run of ``tiny``, the test's own."""
    return shutil.copytree(trained_once, tmp_path / 'finished')


def test_held_out_images_are_not_trained_on(small_data, tmp_path, tiny):
    images, labels = gbn.data.load('mnist', True, small_data)
    seen = []

    def noted(net, data, label, *rest):
        seen.extend(data.asnumpy().sum(axis=(1, 2, 3)).tolist())
        return train_step(net, data, label, *rest)

    train_step = loop.train_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, 'train_step', noted)
        run.start(replace(tiny, validation=16, batch_size=8), tmp_path / 'run', quiet)
    sums = (images[:48].astype(np.float32) / 255).sum(axis=(1, 2, 3))
    assert len(seen) == 32
    np.testing.assert_allclose(sorted(seen), sorted(sums[:32]), rtol=1e-5)


@pytest.mark.parametrize('momentum', [0, 0.5])
def test_a_finished_run_that_is_made_longer_ends_as_if_it_had_been_so_long_from_the_beginning(tmp_path, tiny, momentum):
    tiny, lines = replace(tiny, sgd_momentum=momentum), []
    run.start(replace(tiny, epochs=3), tmp_path / 'whole', quiet)
    run.start(tiny, tmp_path / 'run', quiet)
    run.resume(tmp_path / 'run', epochs=3, report=lines.append)
    assert f"The run in {tmp_path / 'run'} is extended from 1 to 3 epochs." in lines
    assert metrics(tmp_path / 'run') == metrics(tmp_path / 'whole')
    assert state(tmp_path / 'run') == state(tmp_path / 'whole')
    lines.clear()
    run.resume(tmp_path / 'run', report=lines.append)  # it knows how long it is now
    assert 'is finished: 3 of 3 epochs' in lines[-1]


def test_killed_while_it_is_made_longer_a_run_can_be_gone_on_with(finished, tiny):
    write_config(finished / 'config.json', replace(tiny, epochs=2), 'cpu(0)')
    assert len(run.resume(finished, report=quiet)) == 2


def test_a_schedule_that_is_made_longer_says_that_the_rates_were_others(finished, tiny, tmp_path):
    lines = []
    run.start(replace(tiny, schedule='one-cycle'), tmp_path / 'run', quiet)
    assert len(run.resume(tmp_path / 'run', epochs=2, report=lines.append)) == 2
    assert 'is extended from 1 to 2 epochs; from here on the learning rate is that of 2 epochs.' in lines[0]


def test_a_run_is_not_made_shorter(tiny, tmp_path):
    run.start(replace(tiny, epochs=2), tmp_path / 'run', quiet)
    before = state(tmp_path / 'run'), (tmp_path / 'run' / 'config.json').read_bytes()
    for epochs, message in ((1, 'epochs is 1; expected at least 2'), (0, 'epochs is 0'), (2.5, 'epochs is 2.5'),
                            (True, 'epochs is True')):
        with pytest.raises(RunError, match=message):
            run.resume(tmp_path / 'run', epochs=epochs, report=quiet)
        assert (state(tmp_path / 'run'), (tmp_path / 'run' / 'config.json').read_bytes()) == before


def test_the_command_makes_a_run_longer(finished, script_here):
    status, out, err = script_here(SCRIPT, '--resume', finished, '--epochs', 2)
    assert (status, 'Traceback' in err) == (0, False), err
    assert 'is extended from 1 to 2 epochs' in out
    assert len(metrics(finished)) == 2


def average(losses):
    """The weighted mean of the losses: 0.99 times the weight for each batch of age."""
    return np.average(losses, weights=0.99 ** np.arange(len(losses))[::-1])


def losses_of(folder):
    return checkpoint.load(folder / 'checkpoint' / 'latest.npz')[0]['losses']


def test_the_loss_that_is_shown_is_the_average_of_all_batches_so_far(tiny, tmp_path, capsys):
    """Each line is about the batches that it names, in the first epoch and in the second; nan stands nowhere."""
    lines = []
    run.start(replace(tiny, epochs=2), tmp_path / 'run', lines.append)
    losses = losses_of(tmp_path / 'run')
    assert capsys.readouterr().err.splitlines() == [
        f'Epoch {epoch}: batch {batch} of 6, loss (moving average) {average(losses[:6 * epoch + batch]):.4f}'
        for epoch in (0, 1) for batch in range(1, 7)]
    for epoch, (line, record) in enumerate(zip(lines, metrics(tmp_path / 'run'))):
        assert record['loss'] == pytest.approx(average(losses[:6 * epoch + 6]), rel=1e-12)
        assert line.startswith(f"Epoch {epoch}. Loss: {record['loss']:.4f}, Train_acc ")


@pytest.mark.parametrize(('batch', 'seconds'), [(1, 1e9), (3, 1e9), (14, 1e9), (20, 1e9), (14, 0), (1, 0)])
def test_a_run_that_diverges_says_at_which_batch(tiny, tmp_path, monkeypatch, capsys, batch, seconds):
    """Here the loss of one batch is not finite: read late, or at once because every batch is saved; it is named."""
    count, train_step = [], loop.train_step

    def diverging(*args):
        count.append(1)
        return train_step(*args) * (float('nan') if len(count) == batch else 1)

    monkeypatch.setattr(loop, 'train_step', diverging)
    with pytest.raises(run.LossNotFinite, match=f'^the loss is nan in epoch 0, batch {batch} of 20$'):
        run.start(replace(tiny, limit=160, checkpoint_seconds=seconds), tmp_path / 'run', quiet)
    shown = [line.split(',')[0] for line in capsys.readouterr().err.splitlines()]
    assert shown == [f'Epoch 0: batch {k} of 20' for k in range(2, batch, 2)]  # nothing of it, or of a later one
    path = tmp_path / 'run' / 'checkpoint' / 'latest.npz'
    assert path.exists() == (seconds == 0 and batch > 1)
    if path.exists():
        assert np.isfinite(losses_of(tmp_path / 'run')).all()
        assert checkpoint.load(path)[1]['batch'] == batch - 1


def test_a_run_that_diverges_in_a_later_epoch_counts_the_batches_of_that_epoch(tiny, tmp_path, monkeypatch):
    count, train_step = [], loop.train_step

    def diverging(*args):
        count.append(1)
        return train_step(*args) * (float('inf') if len(count) == 9 else 1)

    monkeypatch.setattr(loop, 'train_step', diverging)
    with pytest.raises(run.LossNotFinite, match='^the loss is inf in epoch 1, batch 3 of 6$'):
        run.start(replace(tiny, epochs=2), tmp_path / 'run', quiet)
    assert len(metrics(tmp_path / 'run')) == 1


def test_training_waits_for_no_loss_that_is_still_computed(tiny, tmp_path, monkeypatch):
    """Each number is asked for when so many batches are under way behind it, but for those at the end."""
    began, read, train_step = [], [], loop.train_step
    monkeypatch.setattr(loop, 'train_step', lambda *args: (began.append(1), train_step(*args))[1])
    asscalar = nd.NDArray.asscalar
    monkeypatch.setattr(nd.NDArray, 'asscalar', lambda array: (read.append(len(began)), asscalar(array))[1])
    monkeypatch.setattr(loop, 'evaluate_accuracy', lambda batches, net: 0.5)
    run.start(replace(tiny, limit=160), tmp_path / 'run', quiet)
    assert read == [*range(9, 21), *[20] * 8]


def test_a_run_of_an_older_version_gets_the_same_loss_in_all_its_epochs(tiny, tmp_path):
    """Its checkpoint has another average in the history; the losses are there, and what is written is made of them."""
    run.start(replace(tiny, epochs=3), tmp_path / 'whole', quiet)
    run.start(tiny, tmp_path / 'run', quiet)
    path = tmp_path / 'run' / 'checkpoint' / 'latest.npz'
    arrays, description = checkpoint.load(path)
    description['history'][0]['loss'] = 2.0
    checkpoint.save(path, arrays, description)
    run.resume(tmp_path / 'run', epochs=3, report=quiet)
    assert metrics(tmp_path / 'run') == metrics(tmp_path / 'whole')
    assert state(tmp_path / 'run') == state(tmp_path / 'whole')


@pytest.mark.parametrize('when', ['train_step', 'evaluate_accuracy', 'plot_run'])
def test_a_folder_that_is_deleted_ends_the_run_with_a_sentence(tmp_path, monkeypatch, script_here, small_data, when):
    module = run_folder if when == 'plot_run' else loop
    folder, function = tmp_path / 'run', getattr(module, when)

    def deleting(*args):
        shutil.rmtree(folder, ignore_errors=True)
        return function(*args)

    monkeypatch.setattr(module, when, deleting)
    status, _, err = script_here(SCRIPT, '--limit', 48, '--batch-size', 8, '--ctx', 'cpu', '--data-dir', small_data,
                                 '--output', folder)
    assert status == 2
    assert f'train_mnist: {folder} was deleted or moved while the run trained in it' in err
    assert not (folder / 'checkpoint').exists()  # nothing of it comes back


@pytest.mark.parametrize('at', [1, 2, 3, 4])
def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch, script_here, small_data, at):
    """Full at the first, second, ... file that is written."""
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) >= at:
            raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    status, _, err = script_here(SCRIPT, '--limit', 48, '--batch-size', 8, '--ctx', 'cpu', '--data-dir', small_data,
                                 '--output', tmp_path / 'run')
    assert status == 2
    assert err.splitlines()[-1] == f"train_mnist: {tmp_path / 'run'} cannot be written: No space left on device."
    assert not list(tmp_path.rglob('*.tmp'))


@pytest.mark.parametrize('error', [BrokenPipeError(errno.EPIPE, 'Broken pipe'), OSError(errno.ENOSPC, 'No space')])
def test_what_cannot_be_printed_is_not_said_of_the_folder(tmp_path, tiny, error):
    """``gluon-bn train | head -1`` ended with "RUN cannot be written: Broken pipe"."""
    def report(line):
        raise error

    with pytest.raises(OSError, match=error.strerror) as raised:
        run.start(tiny, tmp_path / 'run', report)
    assert raised.value is error


@pytest.mark.skipif(os.geteuid() != 0, reason='root alone may mount')
def test_a_small_disk_is_one_sentence(tmp_path, small_data):
    """A file system of 200 kB, and a process of its own: nothing is complained of when it ends, either."""
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=200k', 'none', str(tmp_path)], capture_output=True,
                      check=False).returncode:
        pytest.skip('a file system cannot be mounted here')
    try:
        status, _, err = train('--limit', 48, '--batch-size', 8, '--ctx', 'cpu', '--data-dir', small_data,
                               '--output', tmp_path / 'run', timeout=300)
        assert status == 2
        said = [line for line in err.splitlines() if not line.startswith('Epoch 0: batch')]
        assert said == [f"train_mnist: {tmp_path / 'run'} cannot be written: No space left on device."]
    finally:
        subprocess.run(['umount', str(tmp_path)], check=True)


WRONG_STATES = {
    'epoch far too large': ({'epoch': 10 ** 9}, {}, 'epoch is 1000000000; expected'),
    'epoch below 0': ({'epoch': -1}, {}, 'epoch is -1'), 'epoch no integer': ({'epoch': 1.0}, {}, 'epoch is 1.0'),
    'epoch true': ({'epoch': True}, {}, 'epoch is True'), 'batch below 0': ({'batch': -1}, {}, 'batch is -1'),
    'batch beyond': ({'epoch': 0, 'batch': 7, 'history': []}, {}, 'batch is 7; expected a whole number from 0 to 6'),
    'batch after the end': ({'batch': 1}, {}, 'batch is 1; expected a whole number from 0 to 0'),
    'seconds below 0': ({'seconds': -1.0}, {}, 'seconds is -1.0'),
    'history gone': ({'history': []}, {}, 'history does'),
    'history no list': ({'history': {}}, {}, 'history does'), 'no history': ({'history': None}, {}, 'history does'),
    'history of numbers': ({'history': [1]}, {}, 'not a (valid )?checkpoint'),
    'losses gone': ({}, {'losses': np.zeros(5)}, 'losses, not 6'),
    'losses below 0': ({}, {'losses': np.full(6, -1.)}, 'losses below 0'),
    'arrays that a run does not have': ({}, {'x/y': np.zeros(2)}, "arrays .'x/y'., which a run does not have"),
    'losses not finite': ({}, {'losses': np.full(6, np.nan)}, 'losses'),
    'losses of another type': ({}, {'losses': np.zeros(6, np.float32)}, 'float32 .6,. losses'),
    'means of a layer gone': ({}, {'bn_ewv_means/bn2': None}, 'bn_ewv_means .*bn2'),
    'variances of a layer gone': ({}, {'bn_ewv_vars/bn2': None}, 'bn_ewv_vars .*bn2'),
    'a layer gone': ({}, {'bn_ewv_means/bn2': None, 'bn_ewv_vars/bn2': None}, 'bn_ewv_means .*bn2'),
    'statistics gone': ({}, {f'bn_ewv_{kind}/bn{layer}': None for kind in ('means', 'vars') for layer in (1, 2, 3)},
                        'no statistics of batch norm'),
    'a layer too many': ({}, {'bn_ewv_means/bn4': np.zeros(10, np.float32)}, 'bn4'),
    'variances below 0': ({}, {'bn_ewv_vars/bn1': np.full(20, -1, np.float32)}, 'variances below 0'),
    'variances not finite': ({}, {'bn_ewv_vars/bn1': np.full(20, np.nan, np.float32)}, 'not finite'),
    'variances of another shape': ({}, {'bn_ewv_vars/bn1': np.ones(21, np.float32)}, r'\(21,\)'),
    'means of another type': ({}, {'bn_ewv_means/bn1': np.zeros(20)}, 'float64'),
    'integer parameters': ({}, {'params/b4': np.zeros(10, np.int32)}, 'int32'),
    'float64 parameters': ({}, {'params/b4': np.zeros(10)}, 'float64'),
    'parameters not finite': ({}, {'params/b4': np.full(10, np.inf, np.float32)}, "parameters 'b4' are not finite"),
    'a parameter gone': ({}, {'params/b4': None}, 'b4'),
    'a velocity gone': ({}, {'velocity/b4': None}, 'velocities .*b4'),
    'a velocity of another shape': ({}, {'velocity/b4': np.zeros(11, np.float32)}, r'\(11,\)'),
    'a velocity of another type': ({}, {'velocity/b4': np.zeros(10, np.int64)}, 'int64'),
    'a velocity too many': ({}, {'velocity/x': np.zeros(10, np.float32)}, 'velocities .*x'),
    'a velocity not finite': ({}, {'velocity/b4': np.full(10, np.nan, np.float32)}, 'not finite'),
    'no configuration': ({'config': None}, {}, 'not a checkpoint of a run'),
    'a configuration that cannot be': ({'config': {'epochs': 1}}, {}, 'not a checkpoint of a run'),
}


@pytest.mark.parametrize('what', WRONG_STATES)
def test_a_checkpoint_with_a_right_digest_and_a_wrong_state_is_refused(finished, what):
    changed, replaced, message = WRONG_STATES[what]
    path = finished / 'checkpoint' / 'latest.npz'
    arrays, description = checkpoint.load(path)
    arrays.update(replaced)
    checkpoint.save(path, {name: array for name, array in arrays.items() if array is not None},
                    {**description, **changed})
    before = path.read_bytes()
    with pytest.raises(checkpoint.CheckpointError, match=message) as caught:
        run.resume(finished, report=quiet)
    assert '\n' not in str(caught.value)
    assert path.read_bytes() == before
    if not changed and 'velocity' not in what and not what.startswith(('losses', 'statistics gone', 'arrays')):
        with pytest.raises(checkpoint.CheckpointError, match=message):
            gbn.load_network(finished)


def test_velocities_of_a_run_without_momentum_are_refused(tiny, tmp_path):
    run.start(replace(tiny, sgd_momentum=0), tmp_path / 'run', quiet)
    path = tmp_path / 'run' / 'checkpoint' / 'latest.npz'
    arrays, description = checkpoint.load(path)
    checkpoint.save(path, {**arrays, 'velocity/b4': np.zeros(10, np.float32)}, description)
    with pytest.raises(checkpoint.CheckpointError, match='velocities'):
        run.resume(tmp_path / 'run', report=quiet)


def test_what_is_no_path_is_no_folder_of_a_run(tiny):
    """An empty one would be the current folder."""
    for work in (lambda: run.start(tiny, ''), lambda: run.resume(''), lambda: gbn.load_network('')):
        with pytest.raises(ValueError, match="is ''; expected the path of a"):
            work()
    with pytest.raises(TypeError, match='is 3; expected the path of a'):
        gbn.load_network(3)


def test_a_description_of_something_else_is_no_run(tmp_path):
    for description in ({}, {'config': 5}, [], None, 'config'):
        checkpoint.save(tmp_path / 'c.npz', {}, description)
        with pytest.raises(checkpoint.CheckpointError, match='not a checkpoint of a run'):
            gbn.load_network(tmp_path / 'c.npz')


def test_a_run_on_another_device_has_its_batches_there(tiny, tmp_path):
    lines, began = [], time.perf_counter()
    [record] = run.start(replace(tiny, ctx='cpu:1', target=0), tmp_path / 'run', lines.append)
    assert record['train_seconds'] + record['eval_seconds'] < time.perf_counter() - began + 0.001  # rounded
    assert gbn.load_network(str(tmp_path / 'run'), mx.cpu(1)).params['W1'].ctx == mx.cpu(1)
    assert json.loads((tmp_path / 'run' / 'config.json').read_text())['environment']['ctx'] == 'cpu(1)'
    assert record['train_seconds'] > 0
    assert lines[-1] == f"Test_acc 0.0 reached after {record['train_seconds']:.1f} s of training."


@pytest.mark.parametrize(('accuracies', 'said'), [
    ([0.4, 0.6], True), ([0.6], True), ([0.4], False), ([0.6, 0.6], False), ([0.4, 0.6, 0.6], False), ([0.5], True),
    ([0.6, 0.4, 0.6], False), ([0.6, 0.4], False)])
def test_a_target_is_said_to_be_reached_once(accuracies, said):
    lines = []
    history = [{'test_acc': accuracy, 'train_seconds': 2} for accuracy in accuracies]
    loop.Job.report_target(SimpleNamespace(config=SimpleNamespace(target=0.5, scored='test_acc'), report=lines.append,
                                           state=SimpleNamespace(history=history)))
    assert lines == ([f"Test_acc 0.5 reached after {2 * len(accuracies):.1f} s of training."] if said else [])


def test_what_a_killed_process_left_in_the_folder_goes(finished):
    for folder in (finished, finished / 'checkpoint'):
        (folder / '.latest.npz.4711.tmp').write_bytes(b'half')
    (finished / 'metrics.jsonl').unlink()
    lines = []
    run.resume(finished, report=lines.append)
    assert not list(finished.rglob('*.tmp'))
    assert len(metrics(finished)) == 1
    run.resume(finished, epochs=2, report=lines.append)
    assert f"Resuming {finished} at epoch 1, batch 0." in lines
