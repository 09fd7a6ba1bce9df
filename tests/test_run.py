"""The main job in its folder: files, exit statuses, interruptions at any moment."""
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn import checkpoint, run
from gluon_bn.config import RunError

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / 'scripts' / 'train_mnist.py'
SMALL = ('--limit', '640', '--batch-size', '32', '--epochs', '2', '--seed', '5', '--ctx', 'cpu')


def start(*arguments, **options):
    return subprocess.Popen([sys.executable, str(SCRIPT), *map(str, arguments)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def train(*arguments, timeout=120, **options):
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


def test_another_seed_gives_another_history(uninterrupted, small_data, tmp_path):
    assert train(*SMALL, '--seed', 6, '--data-dir', small_data, '--output', tmp_path / 'other')[0] == 0
    assert metrics(tmp_path / 'other') != metrics(uninterrupted)


def test_resuming_a_finished_run_says_so_and_changes_nothing(uninterrupted):
    before = state(uninterrupted), metrics(uninterrupted)
    status, out, _ = train('--resume', uninterrupted)
    assert status == 0
    assert 'is finished: 2 of 2 epochs' in out
    assert (state(uninterrupted), metrics(uninterrupted)) == before


def test_a_preset_is_a_configuration_whose_options_can_be_overridden(small_data, tmp_path):
    status, out, err = train('--preset', 'fast', '--ctx', 'cpu', '--limit', 640, '--epochs', 3, '--batch-size', 32,
                             '--target', 0.5, '--data-dir', small_data, '--output', tmp_path / 'run')
    assert status == 0, err
    config = json.loads((tmp_path / 'run' / 'config.json').read_text())
    assert (config['epochs'], config['sgd_momentum'], config['schedule']) == (3, 0.9, 'one-cycle')
    assert out.count('Test_acc 0.5 reached after ') == 1


def test_held_out_images_are_scored_in_place_of_the_test_images(small_data, tmp_path):
    folder = tmp_path / 'run'
    assert train(*SMALL, '--validation', 160, '--data-dir', small_data, '--output', folder)[0] == 0
    record = metrics(folder)[-1]
    assert 'test_acc' not in record
    images, labels = gbn.data.load('mnist', True, small_data)
    held_out = gbn.data.batches(images[480:], labels[480:], 50)
    assert record['valid_acc'] == gbn.evaluate_accuracy(held_out, gbn.load_network(folder))


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
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f' train --resume {folder}\n' in err.partition('interrupted; go on with: ')[2]
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
    status, _, err = train('--resume', tmp_path / 'run')
    first.kill()
    first.communicate()
    assert status == 2
    assert 'another process is training in' in err


def test_a_loss_that_is_not_finite_ends_with_status_3_and_keeps_the_last_good_checkpoint(small_data, tmp_path):
    status, _, err = train(*SMALL, '--lr', 1e30, '--checkpoint-seconds', 0, '--no-batch-norm', '--data-dir', small_data,
                           '--output', tmp_path / 'run')
    assert status == 3, err
    assert 'not finite' in err or 'the loss is' in err
    assert 'Traceback' not in err
    path = tmp_path / 'run' / 'checkpoint' / 'latest.npz'
    if path.exists():
        assert all(np.isfinite(array).all() for array in checkpoint.load(path)[0].values())


# ---- refusals --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('arguments', 'message'), [
    (('--epochs', '0'), 'epochs is 0; expected at least 1'),
    (('--batch-size', '-3'), 'batch_size is -3'),
    (('--lr', 'nan'), 'lr is nan; expected a finite number above 0'),
    (('--momentum', '2'), 'momentum is 2.0; expected from 0 to 1'),
    (('--ctx', 'tpu'), "context 'tpu' is unknown; expected auto, cpu, cpu:N, gpu or gpu:N"),
    (('--data-dir', '/nowhere/at/all'), '/nowhere/at/all is not a folder'),
    (('--limit', '65'), 'leave a last batch of one'),
    (('--resume', '/nowhere/at/all'), '/nowhere/at/all holds no run to resume'),
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
    assert 'holds a run already' in err
    assert state(uninterrupted) == before


def test_resume_takes_no_other_configuration(uninterrupted, script_here):
    status, _, err = script_here(SCRIPT, '--resume', uninterrupted, '--lr', 0.1, '--batch-size', 8)
    assert status == 2
    assert 'leave out --batch-size, --lr' in err or 'leave out --lr, --batch-size' in err


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
