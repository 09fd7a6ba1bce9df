import json
from pathlib import Path

import numpy as np
import pytest

from gluon_bn import data
from gluon_bn.run import mlp_job as mlp_run

SCRIPT = Path(__file__).resolve().parents[2] / 'scripts' / 'train_mlp.py'


def test_the_parts_do_not_overlap_and_are_all_of_mnist():
    parts = mlp_run.splits()
    assert {part: len(y) for part, (X, y) in parts.items()} == {'train': 55_000, 'dev': 5000, 'test': 10_000}
    images, labels = data.load('mnist')
    np.testing.assert_array_equal(np.concatenate([parts['train'][1], parts['dev'][1]]), labels)
    np.testing.assert_allclose(parts['dev'][0][0], images[55_000].ravel() / 255, rtol=1e-6)


def test_a_run_writes_its_numbers_curves_and_frames(tmp_path):
    said = []
    result = mlp_run.train(mlp_run.Config(epochs=3, limit=3000, batch_size=500), tmp_path / 'run', said.append)
    with open(tmp_path / 'run' / 'result.json', encoding='utf-8') as file:
        written = json.load(file)
    assert written['best'] == result['best']
    assert written['history']['test_acc'][written['best_epoch']] == written['best']['test_acc']
    assert written['best']['test_acc'] > 0.5
    assert f"{written['best']['test_acc']:.4f}" in said[0]
    assert (tmp_path / 'run' / 'curves.png').read_bytes().startswith(b'\x89PNG')
    assert len(list((tmp_path / 'run' / 'frames').iterdir())) == 3


@pytest.mark.parametrize('wrong', [{'epochs': 0}, {'lr': -1}, {'momentum': 2}, {'hidden': (0,)}, {'batch_size': 1},
                                   {'init': 'x'}, {'dataset': 'cifar10'}, {'limit': 1}, {'seed': -1}])
def test_config_refuses(wrong):
    (name, value), = wrong.items()
    with pytest.raises(ValueError, match=f'{name}.* is .*; expected'):
        mlp_run.Config(**wrong)


def test_the_script(tmp_path, script_here):
    status, out, err = script_here(SCRIPT, '--epochs', 1, '--limit', 500, '--batch-size', 100, '--momentum', 'none',
                                   '--output', tmp_path)
    assert status == 0, err
    assert 'Test accuracy' in out
    assert f"| 0 | {json.loads((tmp_path / 'result.json').read_text())['best']['test_acc']:.4f} | " in out
    assert (tmp_path / 'result.json').exists()
    status, _, err = script_here(SCRIPT, '--batch-size', 1, '--output', tmp_path / 'wrong')
    assert status == 2
    assert len(err.splitlines()) == 1


def test_a_limit_beyond_the_training_images_is_refused():
    with pytest.raises(ValueError, match='limit is 55001; expected at most the 55000 training images'):
        mlp_run.splits(limit=55001)


@pytest.mark.parametrize('limit', [-1, 0, 1, True, 2.5, '10'])
def test_a_limit_that_is_no_number_of_images_is_refused(limit):
    with pytest.raises((ValueError, TypeError), match='^limit is .*; expected a whole number, at least 2'):
        mlp_run.splits(limit=limit)


def test_the_defaults_are_those_that_are_said():
    assert vars(mlp_run.Config()) == {
        'dataset': 'mnist', 'data_dir': None, 'hidden': (25, 10), 'epochs': 1000, 'batch_size': 1000, 'lr': 0.03,
        'momentum': 0.9, 'init': 'he', 'seed': 0, 'limit': None}


def test_too_few_images_are_refused(small_data):
    with pytest.raises(data.DataError, match='there are 640 training images; expected at least 5,002'):
        mlp_run.splits(data_dir=small_data)


@pytest.mark.parametrize(('epochs', 'every'), [(1, 1), (39, 1), (40, 2), (1000, 50)])
def test_twenty_frames_are_saved_of_a_long_training(epochs, every, tmp_path, monkeypatch):
    def plot(frames, every, title):
        raise KeyboardInterrupt((frames, every))

    monkeypatch.setattr(mlp_run, 'LivePlot', plot)
    with pytest.raises(KeyboardInterrupt) as asked:
        mlp_run.train(mlp_run.Config(epochs=epochs, limit=100), tmp_path)
    assert asked.value.args == ((tmp_path / 'frames', every),)
