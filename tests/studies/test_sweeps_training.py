import json

import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.studies.study import job_from, load_mnist
from gluon_bn.studies.sweeps import STUDY
from gluon_bn.studies.sweeps import training as sweeps_run
from gluon_bn.studies.sweeps.training import Job, NormAfterActivation, make_network, train

SHORT = {'batch_size': 16, 'score_after': (2, 6), 'test_images': 250}


@pytest.fixture(scope='module')
def images():
    return load_mnist()


@pytest.mark.parametrize('batch_norm', ['before', 'after', None])
def test_a_result_is_a_function_of_the_run_alone_and_json_can_hold_it(images, batch_norm):
    run = Job(3, batch_norm, **SHORT)
    first = train(run, images)
    np.random.seed(5), mx.random.seed(5)
    nd.random.normal(shape=(100,)).wait_to_read()
    second = train(job_from(STUDY, json.loads(json.dumps(first['job']))), images)
    assert json.dumps(first, allow_nan=False) == json.dumps(second)
    assert first['status'] == 'finished'
    assert [score['step'] for score in first['scores']] == [2, 6]
    assert all(0 <= score['test_acc'] <= 1 for score in first['scores'])
    assert train(Job(4, batch_norm, **SHORT), images)['loss'] != first['loss']


def test_the_result_is_that_of_the_training_that_it_describes(images):
    """The same steps with the package's public names."""
    run = Job(0, lr=0.2, weight_scale=0.05, batch_size=10, momentum=0.5, eps=1e-3, score_after=(20,), test_images=1000)
    result = train(run, images)
    mx.random.seed(0)
    net = gbn.LeNet(mx.cpu(), weight_scale=0.05, momentum=0.5, eps=1e-3)
    losses = []
    batches = iter(gbn.data.batches(images['X_train'], images['y_train'], 10, shuffle=True, seed=0))
    for _ in range(20):
        X, y = next(batches)
        losses.append(gbn.train_step(net, X, y, lr=0.02).asscalar())
    assert result['loss'] == pytest.approx(np.mean(losses[-2:]), rel=1e-5)
    test = gbn.data.batches(images['X_test'][::10], images['y_test'][::10], 100)
    assert result['scores'][0]['test_acc'] == pytest.approx(gbn.evaluate_accuracy(test, net), abs=2e-3)


def test_momentum_does_not_change_training(images):
    losses = {train(Job(1, momentum=momentum, **SHORT), images)['loss'] for momentum in (0, 0.9, 1)}
    assert len(losses) == 1


def test_training_goes_on_over_passes_with_batches_of_one_size(images):
    few = {**images, 'X_train': images['X_train'][:40], 'y_train': images['y_train'][:40]}  # two of 16, 8 left over
    result = train(Job(0, **{**SHORT, 'score_after': (7,)}), few)
    assert (result['status'], result['scores'][0]['step']) == ('finished', 7)


def test_a_batch_of_one_is_refused_with_batch_norm_and_trains_without(images):
    run = {'batch_size': 1, 'score_after': (3,), 'test_images': 250}
    refused = train(Job(0, **run), images)
    assert refused['status'] == 'refused'
    assert 'a batch of one: the dense layer has one value per unit' in refused['reason']
    assert (refused['scores'], refused['loss']) == ([], None)
    assert train(Job(0, 'after', **run), images)['status'] == 'refused'
    assert train(Job(0, None, **run), images)['status'] == 'finished'


@pytest.mark.parametrize('batch_norm', ['before', None])
def test_a_loss_that_is_not_finite_is_a_result(images, batch_norm):
    result = train(Job(0, batch_norm, lr=1e30, **{**SHORT, 'score_after': (1, 100)}), images)
    assert result['status'] == 'diverged'
    assert result['loss'] is None
    assert result['scores'][-1]['step'] < 100
    assert 0 <= result['scores'][-1]['test_acc'] < 0.3
    json.dumps(result, allow_nan=False)


def test_parameters_that_are_not_finite_after_the_last_step_are_seen(images):
    result = train(Job(0, None, lr=1e39, **{**SHORT, 'score_after': (1,)}), images)
    assert result['status'] == 'diverged'
    assert len(result['scores']) == 1


def test_recalibrated_scores_stand_beside_the_others_and_leave_training_alone(images):
    plain = train(Job(0, **SHORT), images)
    result = train(Job(0, recalibrate=64, **SHORT), images)
    assert result['loss'] == plain['loss']
    assert [score['test_acc'] for score in result['scores']] == [score['test_acc'] for score in plain['scores']]
    assert all({'recalibrated_acc', 'batch_acc'} < set(score) for score in result['scores'])
    assert result['scores'][0]['recalibrated_acc'] != result['scores'][0]['test_acc']


def test_recalibration_is_by_whole_batches_of_training_images_in_another_order(images, monkeypatch):
    """The scores are those of the network with the recalibrated statistics, which it does not keep."""
    seen, trained_on = [], []

    def noted(net, batches):
        batches = list(batches)
        recalibrate(net, batches)
        test = gbn.data.batches(images['X_test'][::40], images['y_test'][::40], 250)
        seen.append((batches, gbn.evaluate_accuracy(test, net), gbn.evaluate_accuracy(test, net, is_training=True)))

    def step(net, X, y, lr):
        trained_on.append(y.asnumpy())
        return train_step(net, X, y, lr)

    recalibrate, train_step = sweeps_run.recalibrate, sweeps_run.train_step
    monkeypatch.setattr(sweeps_run, 'recalibrate', noted)
    monkeypatch.setattr(sweeps_run, 'train_step', step)
    scores = train(Job(0, batch_size=32, recalibrate=70, score_after=(1, 3), test_images=250), images)['scores']
    for score, (batches, recalibrated, own) in zip(scores, seen):
        assert [y.shape[0] for _, y in batches] == [32, 32, 32]  # the fewest that hold 70
        assert (score['recalibrated_acc'], score['batch_acc']) == (recalibrated, own)
        assert not np.array_equal(batches[0][1].asnumpy(), trained_on[0])
    assert len(scores) == len(seen) == 2


def test_after_the_activation_the_next_layer_sees_normalised_values(rng):
    """In NumPy: what goes into the second convolution is the mean over 2×2 of normalised ReLUs."""
    mx.random.seed(1)
    net = NormAfterActivation(mx.cpu(), weight_scale=0.3)
    seen = []
    X = nd.array(rng.uniform(size=(9, 1, 28, 28)))

    class Looking(NormAfterActivation):
        def activate(self, h, number, is_training):
            out = super().activate(h, number, is_training)
            seen.append((h.asnumpy().astype(np.float64), out.asnumpy()))
            return out

    looking = Looking(mx.cpu())
    looking.params = net.params
    np.testing.assert_array_equal(looking(X).asnumpy(), net(X).asnumpy())
    for number, (h, out) in enumerate(seen, 1):
        gamma, beta = (net.params[f'{name}{number}'].asnumpy() for name in ('gamma', 'beta'))
        axes, shape = (0, *range(2, h.ndim)), (1, -1) + (1,) * (h.ndim - 2)
        h = np.maximum(h, 0)
        expected = (h - h.mean(axis=axes, keepdims=True)) / np.sqrt(h.var(axis=axes, keepdims=True) + 1e-5)
        np.testing.assert_allclose(out, gamma.reshape(shape) * expected + beta.reshape(shape), rtol=1e-3, atol=1e-4)
    with autograd.record():
        loss = net(X).sum()
    loss.backward()
    assert all(np.isfinite(param.grad.asnumpy()).all() for param in net.params.values())


def test_the_network_is_the_one_that_the_run_says():
    assert type(make_network(Job(0))) is gbn.LeNet
    assert isinstance(make_network(Job(0, 'after')), NormAfterActivation)
    assert 'gamma1' not in make_network(Job(0, None)).params
    net = make_network(Job(0, weight_scale=0.5, momentum=0.7, eps=0.1))
    assert (net.momentum, net.eps) == (0.7, 0.1)
    assert net.params['W3'].asnumpy().std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize(('name', 'value', 'expected'), [
    ('seed', -1, 'from 0'), ('batch_norm', 'yes', "'before' or 'after'"), ('lr', 0, 'above 0'),
    ('lr', float('inf'), 'above 0'), ('weight_scale', -1, 'above 0'), ('batch_size', 0, 'from 1'),
    ('momentum', 1.5, 'from 0 to 1'), ('eps', -1e-5, 'at least 0'), ('score_after', (), 'rising'),
    ('score_after', (5, 5), 'rising'), ('score_after', (0, 5), 'rising'), ('test_images', 0, 'from 1'),
    ('recalibrate', 1, 'from 2')])
def test_a_configuration_that_makes_no_sense_is_refused(name, value, expected):
    with pytest.raises(ValueError, match=f'^{name} is .*; expected .*{expected}'):
        Job(**{'seed': 0, name: value})


def test_recalibration_needs_batch_norm():
    with pytest.raises(ValueError, match='recalibrate is 64; expected 0 for a network without batch norm'):
        Job(0, None, recalibrate=64)


@pytest.mark.parametrize('batch_norm', ['before', None])
def test_an_error_in_a_later_step_is_no_refusal(batch_norm, images, monkeypatch):
    """A network refuses batches of its kind in the first step; what comes later is a mistake of somebody's."""
    real, steps = sweeps_run.train_step, []

    def failing(*arguments):
        steps.append(1)
        if len(steps) == 3:
            raise ValueError('a mistake')
        return real(*arguments)

    monkeypatch.setattr(sweeps_run, 'train_step', failing)
    with pytest.raises(ValueError, match='a mistake'):
        train(Job(0, batch_norm, **SHORT), images)
    assert len(steps) == 3


def test_the_scale_of_the_weights_alone():
    """gamma_one leaves the weights as they are and begins with gamma 1 and beta 0."""
    drawn, alone = (make_network(Job(2, weight_scale=0.5, gamma_one=gamma_one)) for gamma_one in (False, True))
    for name, param in alone.params.items():
        if name.startswith(('gamma', 'beta')):
            assert set(param.asnumpy().tolist()) == {float(name.startswith('gamma'))}
            assert drawn.params[name].asnumpy().std() > 0.2
        else:
            np.testing.assert_array_equal(param.asnumpy(), drawn.params[name].asnumpy())
    with pytest.raises(ValueError, match='gamma_one is True; expected False for a network without batch norm'):
        Job(0, None, gamma_one=True)
