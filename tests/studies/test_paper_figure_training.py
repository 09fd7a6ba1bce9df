import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import SigmoidMLP, data, evaluate_accuracy, reference, sgd, softmax_cross_entropy, train_step
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.studies.paper_figure.training import LOOKED_AT, Digits, Job, load_digits, look, recorded_steps, train

SGD = Job(seed=3, batch_norm=True, optimizer='sgd', lr=0.1 / 60, weight_scale=0.1, steps=40)
RMSPROP = Job(seed=3, batch_norm=True, optimizer='rmsprop', lr=0.001, weight_scale='glorot', steps=40, momentum=0.99,
              eps=1e-3)


@pytest.fixture(scope='module')
def arrays():
    return load_digits()


@pytest.fixture(scope='module')
def digits(arrays):
    """The first 6,000 training and 2,000 test images."""
    return Digits({name: array[:6000 if 'train' in name else 2000] for name, array in arrays.items()})


@given(st.integers(20, 100_000))
def test_the_recorded_steps_rise_to_the_last_and_have_every_tenth(steps):
    recorded = recorded_steps(steps)
    assert recorded == sorted(set(recorded))
    assert recorded[-1] == steps
    assert recorded[0] >= 1
    assert {round(steps * k / 10) for k in range(1, 11)} <= set(recorded)
    assert len(recorded) < 120


def test_batches_are_images_with_their_labels_in_an_order_of_seed_and_pass(arrays, digits):
    def passes(seed, batch_size=60):
        batches = digits.batches(seed, batch_size)
        return [[next(batches) for _ in range(6000 // batch_size)] for _ in range(2)]

    first, second = passes(0)
    for one in (first, second):
        images = np.concatenate([X.asnumpy() for X, _ in one])
        labels = np.concatenate([y.asnumpy() for _, y in one])
        order = np.lexsort(images.T)
        expected = arrays['X_train'][:6000].reshape(6000, 784).astype('float32') / np.float32(255)
        theirs = np.lexsort(expected.T)
        np.testing.assert_allclose(images[order], expected[theirs], rtol=1e-6)  # every image once
        np.testing.assert_array_equal(labels[order], arrays['y_train'][:6000][theirs])
    assert (first[0][1] != second[0][1]).asnumpy().any()
    assert (passes(0)[1][5][0] == second[5][0]).asnumpy().all()
    assert (passes(1)[0][0][1] != first[0][1]).asnumpy().any()
    assert {X.shape for X, _ in passes(0, 61)[0]} == {(61, 784)}


def test_fewer_images_than_a_batch_are_refused(digits):
    with pytest.raises(ValueError, match=r'there are 6000 training images; expected at least a batch, 6001\.'):
        next(digits.batches(0, 6001))


def in_numpy(params, X, number_of_layers=3):
    """The inputs of the last hidden layer's sigmoids in a training batch, in float64."""
    for number in '123'[:number_of_layers]:
        h = X @ params['W' + number].T + params['b' + number]
        h = reference.batchnorm_forward(h, params['gamma' + number], params['beta' + number], {'mode': 'train'})[0]
        X = 1 / (1 + np.exp(-h))
    return h


@pytest.mark.parametrize('batch_norm', [True, False])
def test_a_training_is_that_of_train_step(digits, batch_norm):
    """The same batches through the package's own step, parameter by parameter, with the loss computed."""
    job = replace(SGD, batch_norm=batch_norm)
    net, records = train(job, digits)
    mx.random.seed(job.seed)
    other, batches = SigmoidMLP(weight_scale=0.1, batch_norm=batch_norm), digits.batches(job.seed, 60)
    losses = [train_step(other, X, y, job.lr, sgd).asscalar() for X, y in (next(batches) for _ in range(job.steps))]
    for name, param in net.params.items():
        np.testing.assert_allclose(param.asnumpy(), other.params[name].asnumpy(), rtol=2e-3, atol=2e-4)
    for name, stored in net.bn_ewv_means.items():
        np.testing.assert_allclose(stored.asnumpy(), other.bn_ewv_means[name].asnumpy(), rtol=2e-3, atol=2e-3)
    assert [record['step'] for record in records] == recorded_steps(40)
    np.testing.assert_allclose([record['loss'] for record in records],
                               [losses[record['step'] - 1] for record in records], rtol=1e-3)


def test_rmsprop_is_on_the_mean_loss(digits):
    """A step in NumPy from the mean loss's gradient: Keras's loss is the mean over the batch."""
    job = replace(RMSPROP, steps=20)
    net, _ = train(job, digits)
    other, batches, mean_squares = job.network(), digits.batches(job.seed, 60), {}
    for X, y in (next(batches) for _ in range(job.steps)):
        with autograd.record():
            loss = nd.mean(softmax_cross_entropy(other(X), nd.one_hot(y, 10)))
        loss.backward()
        for name, param in other.params.items():
            gradient = param.grad.asnumpy().astype('float64')
            mean_squares[name] = 0.9 * mean_squares.get(name, 0) + 0.1 * gradient ** 2
            param[:] = param.asnumpy() - 0.001 * gradient / np.sqrt(mean_squares[name] + 1e-7)
    for name, param in net.params.items():
        np.testing.assert_allclose(param.asnumpy(), other.params[name].asnumpy(), rtol=1e-2, atol=1e-3)


def test_a_look_measures_and_changes_nothing(arrays, digits):
    net, _ = train(SGD, digits)
    before = {name: value.asnumpy() for stored in (net.bn_ewv_means, net.bn_ewv_vars) for name, value in stored.items()}
    found = look(net, digits)
    after = {name: value.asnumpy() for stored in (net.bn_ewv_means, net.bn_ewv_vars) for name, value in stored.items()}
    assert all((before[name] == after[name]).all() for name in before)
    for name, which in (('train_acc', 'train'), ('test_acc', 'test')):
        n = {'train': 6000, 'test': 2000}[which]
        batches = data.batches(arrays['X_' + which][:n], arrays['y_' + which][:n], 100)
        assert found[name] == pytest.approx(evaluate_accuracy(batches, net), abs=1e-3)
    params = {name: param.asnumpy().astype('float64') for name, param in net.params.items()}
    inputs = np.sort(in_numpy(params, arrays['X_test'][:LOOKED_AT].reshape(-1, 784) / 255), axis=0)
    for share, values in zip((0.15, 0.5, 0.85), found['percentiles']):  # the definition: so many lie below
        place = share * (LOOKED_AT - 1)
        expected = inputs[int(place)] + (place % 1) * (inputs[int(place) + 1] - inputs[int(place)])
        np.testing.assert_allclose(values, expected, atol=1e-3)


def test_the_same_job_gives_the_same_records_and_another_seed_others(digits):
    first, again, other = (json.dumps(train(job, digits)[1]) for job in (SGD, SGD, replace(SGD, seed=4)))
    assert first == again
    assert first != other


def test_nets_with_and_without_batch_norm_begin_with_the_same_weights():
    with_norm, without = (replace(SGD, batch_norm=batch_norm).network().params for batch_norm in (True, False))
    assert all((with_norm[name] == param).asnumpy().all() for name, param in without.items())


def test_who_asks_is_told_of_every_record(digits):
    told = []
    _, records = train(SGD, digits, on_record=lambda step, net, record: told.append((step, net.params.keys(), record)))
    assert [record for _, _, record in told] == records
    assert [step for step, _, _ in told] == recorded_steps(40)


@pytest.mark.slow
@pytest.mark.parametrize('job', [SGD, RMSPROP], ids=['sgd', 'rmsprop'])
def test_it_learns(digits, job):
    _, records = train(replace(job, steps=300), digits)
    assert records[-1]['test_acc'] > 0.8
    assert records[-1]['loss'] < records[0]['loss'] - 1


def test_a_loss_that_is_not_finite_and_an_unknown_optimizer_are_refused(digits):
    with pytest.raises(FloatingPointError, match='the loss is nan after'):
        train(replace(SGD, lr=1e38), digits)
    with pytest.raises(ValueError, match="there is no optimizer 'adam'; expected 'sgd' or 'rmsprop'"):
        train(replace(SGD, optimizer='adam'), digits)
