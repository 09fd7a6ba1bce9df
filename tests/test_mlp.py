import numpy as np
import pytest

from gluon_bn import MLP, Solver, mlp_run
from gluon_bn.gradient_check import check_gradients


@pytest.fixture(scope='module')
def digits():
    """A few of MNIST's images."""
    return {part: (X[:2000], y[:2000]) for part, (X, y) in mlp_run.splits().items()}


@pytest.mark.parametrize('init', ['he', 'xavier'])
def test_gradients_of_every_parameter(init, rng, seed):
    net = MLP([5, 7, 6, 4], init, dtype=np.float64, seed=seed)
    for param in net.params.values():  # away from 0 and 1
        param += rng.uniform(0.1, 0.5, param.shape)
    X, y = rng.standard_normal((8, 5)), rng.integers(0, 4, 8)
    _, grads = net.loss(X, y)
    assert grads.keys() == net.params.keys()
    check_gradients(lambda: net.loss(X, y)[0], net.params, grads, h=1e-6)


def test_every_layer_is_normalised_the_output_too(rng):
    net = MLP([5, 7, 4], seed=0)
    assert sorted(net.params) == ['W1', 'W2', 'beta1', 'beta2', 'gamma1', 'gamma2']
    X = rng.standard_normal((50, 5))
    loss, _ = net.loss(X, rng.integers(0, 4, 50))
    loss_of_larger_weights = net.loss(X, np.zeros(50, int))[0]
    net.params['W2'] *= 1000
    np.testing.assert_allclose(net.loss(X, np.zeros(50, int))[0], loss_of_larger_weights, rtol=1e-3)


@pytest.mark.parametrize(('init', 'expected'), [('he', np.sqrt(2 / 400)), ('xavier', np.sqrt(2 / 500))])
def test_initial_weights_have_their_papers_spread(init, expected):
    W = MLP([400, 100], init, seed=0).params['W1']
    assert abs(W.std() / expected - 1) < 0.02  # 40,000 values: 5 standard deviations


def test_digits_are_learned(digits):
    net = MLP([784, 25, 10, 10], seed=0)
    history = net.fit(digits, epochs=15, batch_size=200, progress=False)
    assert all(np.isfinite(values).all() for values in history.values())
    assert len(history['test_acc']) == 15
    assert history['test_acc'][-1] > 0.8
    assert history['train_loss'][-1] < 0.5 * history['train_loss'][0]
    best = history['best_epoch']
    assert history['dev_acc'][best] == max(history['dev_acc'])
    assert net.evaluate(*digits['test']) == (history['test_loss'][best], history['test_acc'][best])


def test_same_seed_same_history(digits):
    first, second = (MLP([784, 10, 10], seed=3).fit(digits, 2, 500, seed=5, progress=False) for _ in range(2))
    assert first == second
    assert MLP([784, 10, 10], seed=3).fit(digits, 2, 500, seed=6, progress=False) != first


def test_without_momentum_the_statistics_are_the_mean_over_all_batches(digits):
    (X, y), net = digits['train'], MLP([784, 10], momentum=None, seed=0)
    means = []
    for start in range(0, 2000, 500):
        net.loss(X[start:start + 500], y[start:start + 500])
        means.append((X[start:start + 500] @ net.params['W1']).mean(axis=0))
    np.testing.assert_allclose(net.statistics['running_mean1'], np.mean(means, axis=0), atol=1e-5)
    assert net.statistics['num_batches1'] == 4


def test_a_last_batch_of_one_is_left_out(digits):
    few = {**digits, 'train': tuple(array[:21] for array in digits['train'])}
    MLP([784, 5, 10], seed=0).fit(few, epochs=1, batch_size=10, progress=False)


def test_live_is_called_after_each_epoch(digits):
    lengths = []
    MLP([784, 5, 10], seed=0).fit(digits, 3, 1000, live=lambda h: lengths.append(len(h['dev_loss'])), progress=False)
    assert lengths == [1, 2, 3]


def test_a_loss_that_is_not_finite_stops_training(digits):
    net = MLP([784, 5, 10], seed=0)
    net.params['gamma2'][0] = np.nan
    with pytest.raises(FloatingPointError, match='the loss is nan in epoch 0'):
        net.fit(digits, 1, 1000, progress=False)


def test_the_solver_trains_it_too(digits):
    data = {'X_train': digits['train'][0], 'y_train': digits['train'][1], 'X_val': digits['dev'][0],
            'y_val': digits['dev'][1]}
    net = MLP([784, 25, 10], seed=0, momentum=None)
    solver = Solver(net, data, update_rule='adam', optim_config={'learning_rate': 0.01}, num_epochs=3, verbose=False)
    solver.train()
    assert solver.best_val_acc == net.evaluate(data['X_val'], data['y_val'])[1] > 0.5


@pytest.mark.parametrize(('options', 'message'), [({'init': 'zeros'}, 'expected one of xavier, he'),
                                                  ({'layer_sizes': [5]}, 'layer_sizes is'),
                                                  ({'layer_sizes': [5, 0, 2]}, 'layer_sizes is')])
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        MLP(**{'layer_sizes': [4, 2], **options})


@pytest.mark.parametrize(('change', 'message'), [
    (lambda d: {'train': d['train']}, "expected 'train', 'dev' and 'test'"),
    (lambda d: {**d, 'dev': (d['dev'][0], d['dev'][1][:5])}, 'dev has 2000 examples and 5 labels'),
    (lambda d: {**d, 'train': (d['train'][0][:1], d['train'][1][:1])}, 'at least two')])
def test_fit_refuses_data(change, message, digits):
    with pytest.raises(ValueError, match=message):
        MLP([784, 10]).fit(change(digits), 1)


def test_fit_refuses_batches_of_one(digits):
    with pytest.raises(ValueError, match='batch_size is 1'):
        MLP([784, 10]).fit(digits, 1, batch_size=1)
