import json
from dataclasses import replace

import numpy as np
import pytest

from gluon_bn._mxnet import mx, nd
from gluon_bn.studies.landscape.measures import MULTIPLES
from gluon_bn.studies.landscape.training import EXPERIMENTS, KINDS, LEARNING_RATES, make_network, noise_jobs, train
from gluon_bn.studies.study import load_mnist

NETWORKS = tuple(LEARNING_RATES)
QUICK = {network: noise_jobs(network, [0], batch_size=16, steps=4, measure_every=2)
         for network in NETWORKS}
ALL_QUICK = [pytest.param(job, id=f'{job.network}-{job.kind}') for jobs in QUICK.values() for job in jobs]


@pytest.fixture(scope='module')
def splits():
    return {name: array[:100 if name.endswith('train') else 50] for name, array in load_mnist().items()}


@pytest.mark.parametrize('job', ALL_QUICK)
def test_how_often_is_measured_does_not_change_the_training(job, splits):
    often, seldom = (train(replace(job, measure_every=every), splits) for every in (1, 4))
    assert [record['step'] for record in often['measured']] == [0, 1, 2, 3]
    assert [record['step'] for record in seldom['measured']] == [0]
    assert often['losses'] == seldom['losses']
    assert often['measured'][0] == seldom['measured'][0]
    assert [often['test_acc'], often['test_acc_batch']] == [seldom['test_acc'], seldom['test_acc_batch']]


@pytest.mark.parametrize('network', NETWORKS)
def test_what_a_job_measures(network, splits):
    results = {job.kind: train(job, splits) for job in QUICK[network]}
    assert results['plain'] == train(QUICK[network][0], splits) == json.loads(json.dumps(results['plain']))
    for result in results.values():
        assert len(result['losses']) == 4
        assert result['diverged'] is None
        assert [record['step'] for record in result['measured']] == [0, 2]
        for record in result['measured']:
            assert record['loss'] == pytest.approx(result['losses'][record['step']], rel=1e-4)
            assert len(record['losses']) == len(record['gradient_changes']) == len(MULTIPLES)
            assert [layer['change'] for layer in record['shift']][0] == 0
            assert len(record['shift']) == 4
            assert list(record['inputs']) == ['1', '2', '3']
    move = {kind: [record['inputs']['1']['mean_shift'] for record in result['measured']]
            for kind, result in results.items()}
    # A batch's normalised means are beta whatever the layers before do; noise moves them at every step.
    assert max(move['batch_norm']) < 0.05 < 0.2 < min(move['noisy_batch_norm'])


def test_the_same_seed_is_the_same_start_for_all_kinds():
    nets = [make_network(job) for job in QUICK['sigmoid_mlp']]
    weights = [net.params['W1'].asnumpy() for net in nets]
    assert all((weights[0] == other).all() for other in weights)
    assert [net.noise is not None for net in nets] == [kind.startswith('noisy') for kind in KINDS]
    assert [net.batch_norm for net in nets] == [False, True, True, False]


def test_a_training_that_diverges_is_a_result_that_json_can_hold(splits):
    job = replace(QUICK['sigmoid_mlp'][0], learning_rate=1e38, steps=8)
    result = train(job, splits)
    assert result['diverged'] is not None
    assert len(result['measured']) < 4
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_batches_are_whole_and_go_on_pass_after_pass(splits):
    result = train(replace(QUICK['sigmoid_mlp'][0], steps=14, measure_every=100), splits)  # six batches of 16 in 100
    assert len(result['losses']) == 14
    assert len(set(result['losses'])) == 14


def test_fewer_images_than_a_batch_are_refused(splits):
    with pytest.raises(ValueError, match='100 images are fewer than a batch of 101'):
        train(replace(QUICK['sigmoid_mlp'][0], batch_size=101), splits)


def test_the_jobs_are_those_that_are_announced():
    for network in NETWORKS:
        jobs = EXPERIMENTS[f'learning_rates-{network}'](range(3))
        assert len(jobs) == 3 * 2 * 3
        assert {job.learning_rate for job in jobs} == set(LEARNING_RATES[network])
        noise = EXPERIMENTS[f'noise-{network}'](range(3))
        assert len(set(jobs) & set(noise)) == 2 * 3  # done once for both
        assert {job.kind for job in noise} == set(KINDS)
    assert {job.weight_scale for job in EXPERIMENTS['small_weights-sigmoid_mlp'](range(3))} == {0.01}


def test_no_generator_of_the_caller_decides(splits):
    job = QUICK['lenet'][2]
    mx.random.seed(1)
    np.random.seed(1)
    first = train(job, splits)
    nd.random.uniform(shape=3)
    np.random.rand(3)
    assert train(job, splits) == first
