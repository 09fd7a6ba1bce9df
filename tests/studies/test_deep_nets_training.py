import json

import numpy as np
import pytest

from gluon_bn import data
from gluon_bn.studies.deep_nets import training as runs
from gluon_bn.studies.deep_nets.report import summary
from gluon_bn.studies.deep_nets.training import Job, train

QUICK = [Job(seed, normalization, hidden=(10,), epochs=1) for normalization in ('batchnorm', None) for seed in (0, 1)]


@pytest.fixture(scope='module')
def splits():
    return data.cifar10_splits()


def test_the_jobs_are_those_that_are_announced():
    assert len(runs.weight_scale_jobs(range(3))) == 20 * 2 * 3
    scales = sorted({job.weight_scale for job in runs.weight_scale_jobs([0])})
    assert scales[0] == pytest.approx(1e-4)
    assert scales[-1] == pytest.approx(1)
    assert {job.batch_size for job in runs.batch_size_jobs([0])} == {5, 10, 50}
    assert {job.hidden for job in runs.deep_net_jobs([0])} == {(100,) * 5}
    assert {job.normalization for job in runs.small_batch_jobs([0])} == {'batchnorm', 'layernorm'}
    assert {job.hidden for job in runs.weight_scale_jobs([0])} == {(50,) * 7}
    assert {job.batch_size for job in runs.small_batch_jobs([0])} == {2, 5, 10}
    for jobs in (runs.batch_size_jobs([0]), runs.small_batch_jobs([0])):
        assert {(job.hidden, job.learning_rate, job.weight_scale) for job in jobs} == {((100,) * 5, 10 ** -3.5, 0.02)}
    for jobs in (runs.deep_net_jobs([0]), runs.weight_scale_jobs([0])):
        assert {(job.batch_size, job.learning_rate, job.epochs) for job in jobs} == {(50, 0.001, 10)}


def test_of_the_whole_data_set_1000_images_train(monkeypatch, tmp_path):
    asked = []

    def splits_of(data_dir, num_training=None):
        asked.append((data_dir, num_training))
        return dict.fromkeys(('X_train', 'y_train', 'X_val', 'y_val', 'X_test'))

    monkeypatch.setattr(runs, 'cifar10_splits', splits_of)
    assert set(runs.load_images(tmp_path)) == {'X_train', 'y_train', 'X_val', 'y_val'}
    assert asked == [(tmp_path, 1000)]


def test_a_job_is_reproducible_and_json_can_hold_it(splits):
    first, second = (json.dumps(train(QUICK[0], splits)) for _ in range(2))
    assert first == second
    result = json.loads(first)
    assert len(result['losses']) == 20
    assert len(result['train_acc']) == 2
    assert result['diverged'] is None


def test_a_training_that_diverges_is_a_result(splits):
    poisoned = {**splits, 'X_train': np.full_like(splits['X_train'], np.nan)}
    result = train(QUICK[0], poisoned)
    assert 'nan in iteration 1' in result['diverged']
    kind, = summary([result])
    assert kind['final_loss'] == [float('inf')]


def test_summary_brings_the_seeds_together(splits):
    results = [train(job, splits) for job in QUICK]
    kinds = summary(results)
    assert [kind['seeds'] for kind in kinds] == [[0, 1], [0, 1]]
    assert kinds[0]['job']['normalization'] == 'batchnorm'
    assert kinds[0]['final_loss'][1] == pytest.approx(np.mean(results[1]['losses']))
    assert kinds[1]['best_val_acc'][0] == max(results[2]['val_acc'])


def test_the_final_loss_is_the_mean_over_the_last_epoch_and_the_best_accuracy_the_highest():
    """Losses that fall, and accuracies that rise and fall: the first epoch's, or the last batch's, are others."""
    job = {'seed': 0, 'batch_size': 250}  # four batches an epoch
    result = {'job': job, 'losses': [9., 9., 9., 9., 5., 4., 2., 1.], 'train_acc': [0.1, 0.7, 0.6],
              'val_acc': [0.2, 0.4, 0.3], 'diverged': None}
    kind, = summary([result, {**result, 'job': {**job, 'seed': 1}, 'losses': [9.] * 4 + [1., 2., 3., 4.]}])
    assert kind['final_loss'] == [3., 2.5]
    assert kind['best_train_acc'] == [0.7, 0.7]
    assert kind['best_val_acc'] == [0.4, 0.4]
    assert (kind['job'], kind['seeds']) == ({'batch_size': 250}, [0, 1])


def test_the_final_loss_of_a_real_training_is_that_of_its_last_epoch(splits):
    result = train(Job(0, 'batchnorm', hidden=(10,), epochs=3), splits)
    kind, = summary([result])
    assert kind['final_loss'] == [pytest.approx(np.mean(result['losses'][-20:]))]
    assert kind['final_loss'] != [pytest.approx(np.mean(result['losses'][:20]))]


@pytest.mark.parametrize('name', runs.EXPERIMENTS)
def test_experiments_last_for_as_many_epochs_as_they_are_asked_for(name):
    assert {job.epochs for job in runs.EXPERIMENTS[name]([0], epochs=7)} == {7}
