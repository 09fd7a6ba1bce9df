import io
import sys

import numpy as np
import pytest

from gluon_bn import MLP, Solver
from gluon_bn.gradient_check import check_gradients
from gluon_bn.run import mlp_job as mlp_run


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


@pytest.mark.parametrize(('options', 'message'), [({'init': 'zeros'}, "init is 'zeros'; expected 'xavier' or 'he'"),
                                                  ({'layer_sizes': [5]}, 'layer_sizes is'),
                                                  ({'layer_sizes': [5, 0, 2]}, r'layer_sizes\[1\] is 0'),
                                                  ({'layer_sizes': [5, 2.5]}, r'layer_sizes\[1\] is 2.5'),
                                                  ({'dtype': int}, "dtype is <class 'int'>; expected"),
                                                  ({'momentum': 2}, 'momentum is 2'), ({'eps': -1}, 'eps is -1'),
                                                  ({'eps': 'a'}, "eps is 'a'"), ({'seed': -1}, 'seed is -1')])
def test_refuses(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        MLP(**{'layer_sizes': [4, 2], **options})


@pytest.mark.parametrize(('change', 'message'), [
    (lambda d: {'train': d['train']}, "expected 'train', 'dev' and 'test'"),
    (lambda d: {**d, 'dev': (d['dev'][0], d['dev'][1][:5])}, 'dev has 2000 examples and 5 labels'),
    (lambda d: {**d, 'dev': (d['dev'][0], d['dev'][1][:, None])}, r'y of dev has shape \(2000, 1\)'),
    (lambda d: {**d, 'test': (d['test'][0], d['test'][1] + 1)}, 'y of test holds 10'),
    (lambda d: {**d, 'train': (d['train'][0], d['train'][1] - 0.5)}, 'y of train holds'),
    (lambda d: {**d, 'dev': (d['dev'][0][:0], d['dev'][1][:0])}, 'at least one'),
    (lambda d: {**d, 'train': (d['train'][0][:1], d['train'][1][:1])}, 'at least two'),
    (lambda d: {**d, 'dev': (d['dev'][0][:, 1:], d['dev'][1])}, r'dev has X of shape \(2000, 783\).* of 784 numbers'),
    (lambda d: {**d, 'test': (d['test'][0].astype(str), d['test'][1])}, 'test has X .*type <U.* of 784 numbers each'),
    (lambda d: {**d, 'dev': None}, r'dev is None; expected a pair, \(X, y\)'),
    (lambda d: {**d, 'dev': (*d['dev'], 1)}, r'dev is .*; expected a pair, \(X, y\)')])
def test_fit_refuses_data(change, message, digits):
    net = MLP([784, 10], seed=0)
    with pytest.raises(ValueError, match=message):
        net.fit(change(digits), 1)
    assert not net.statistics


def test_fit_refuses_what_cannot_be_called_before_it_trains(digits):
    net = MLP([784, 10], seed=0)
    with pytest.raises(TypeError, match='^live is True; expected a function of the history, or None'):
        net.fit(digits, 1, live=True)
    assert not net.statistics


def test_fit_refuses_batches_of_one(digits):
    with pytest.raises(ValueError, match='batch_size is 1'):
        MLP([784, 10]).fit(digits, 1, batch_size=1)


@pytest.mark.parametrize(('options', 'message'), [
    ({'epochs': 0}, 'epochs is 0; expected a whole number, at least 1'), ({'epochs': 1.5}, 'epochs is 1.5'),
    ({'seed': -1}, 'seed is -1; expected a whole number, at least 0'), ({'seed': None}, 'seed is None'),
    ({'learning_rate': 0}, 'learning_rate is 0'), ({'learning_rate': np.nan}, 'learning_rate is nan'),
    ({'batch_size': True}, 'batch_size is True'), ({'progress': 'no'}, "progress is 'no'")])
def test_fit_refuses_values_out_of_range_and_has_changed_nothing(options, message, digits):
    net = MLP([784, 10], seed=0)
    before = {name: param.copy() for name, param in net.params.items()}
    with pytest.raises((TypeError, ValueError), match=message):
        net.fit(digits, **{'epochs': 1, 'progress': False, **options})
    assert (net.history, net.statistics) == ({}, {})
    for name, param in net.params.items():
        np.testing.assert_array_equal(param, before[name])


@pytest.mark.parametrize('call', [lambda net, y: net.loss(np.eye(4), y), lambda net, y: net.evaluate(np.eye(4), y)])
@pytest.mark.parametrize('y', [[[0], [1], [0], [1]], [0, 1, 2, 0], [0, -1, 0, 0], [0, 1], np.eye(2)[[0, 1, 0, 1]]],
                         ids=str)
def test_labels_that_are_no_classes_are_refused_and_nothing_has_changed(call, y):
    net = MLP([4, 3, 2], seed=0)
    with pytest.raises(ValueError, match='expected'):
        call(net, y)
    assert net.statistics == {}


def test_lists_are_taken_as_arrays(rng):
    X, y = rng.integers(0, 9, (6, 4)), rng.integers(0, 2, 6)
    net, other = (MLP([4, 3, 2], seed=0) for _ in range(2))
    assert net.loss(X.astype(np.float32), y)[0] == other.loss(X.tolist(), y.tolist())[0]
    assert net.evaluate(X, y) == other.evaluate(X.tolist(), y.tolist())
    assert 0 <= net.evaluate(X, y)[1] <= 1


def test_scores_that_are_nan_are_no_right_answer():
    net = MLP([2, 2], seed=0)
    net.loss(np.eye(2), [0, 1])
    net.params['W1'][:] = np.nan
    assert net.evaluate(np.eye(2), [0, 0])[1] == 0


def test_of_equal_epochs_the_first_is_kept(digits):
    """Of one example that is of one class and of the other, half is right in each epoch."""
    both = np.ones((2, 4)), np.array([0, 1])
    data = {'train': (np.eye(20, 4), np.arange(20) % 2), 'dev': both, 'test': both}
    net, kept = MLP([4, 2], seed=0), []
    net.fit(data, 3, batch_size=20, progress=False, live=lambda history: kept.append(
        {name: param.copy() for name, param in (*net.params.items(), *net.statistics.items())}))
    assert net.history['dev_acc'] == [0.5] * 3
    assert net.history['best_epoch'] == 0
    for name, value in (*net.params.items(), *net.statistics.items()):
        np.testing.assert_array_equal(value, kept[0][name])
    assert not np.array_equal(kept[0]['W1'], kept[2]['W1'])


def few(rng, n=40):
    X, y = rng.standard_normal((n, 4)), rng.integers(0, 2, n)
    return dict.fromkeys(('train', 'dev', 'test'), (X, y))


class Watched(MLP):
    """Notes the first value of each example that it is trained with, batch by batch."""

    def loss(self, X, y=None):
        if y is not None:
            self.seen = [*getattr(self, 'seen', []), X[:, 0].tolist()]
        return super().loss(X, y)


@pytest.mark.parametrize(('n', 'batch_size', 'sizes'), [(22, 10, [10, 10, 2]), (21, 10, [10, 10]), (20, 10, [10, 10]),
                                                        (4, 2, [2, 2]), (3, 10, [3]), (2, 2, [2])])
def test_every_epoch_sees_every_example_once_in_a_new_order(n, batch_size, sizes, rng):
    X = np.column_stack([np.arange(n), rng.standard_normal((n, 2))])
    data = {part: (X, np.arange(n) % 2) for part in ('train', 'dev', 'test')}
    net = Watched([3, 2], seed=0)
    net.fit(data, 3, batch_size=batch_size, progress=False)
    assert [len(batch) for batch in net.seen] == sizes * 3
    epochs = [sum(net.seen[i:i + len(sizes)], []) for i in range(0, len(net.seen), len(sizes))]
    for epoch in epochs:
        assert len(set(epoch)) == sum(sizes)  # none twice
        assert set(epoch) <= set(range(n))
    if n > 10:
        assert epochs[0] != epochs[1] != epochs[2]


def test_the_defaults_of_fit(rng):
    data = few(rng, 1500)
    first = MLP([4, 3, 2], seed=0).fit(data, 2)
    assert first == MLP([4, 3, 2], seed=0).fit(data, 2, batch_size=1000, learning_rate=0.03, seed=0, progress=False)


def test_evaluation_is_of_all_examples_however_many_they_are(rng):
    net = MLP([4, 2], seed=0, dtype=np.float64)
    X, y = rng.standard_normal((20_003, 4)), rng.integers(0, 2, 20_003)
    net.loss(X[:100], y[:100])
    scores = net.loss(X)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss, accuracy = net.evaluate(X, y)
    assert loss == pytest.approx(-np.log(p[np.arange(len(y)), y]).mean(), rel=1e-9)
    assert accuracy == (scores.argmax(axis=1) == y).mean()
    with pytest.raises(ValueError, match='X and y are empty; expected at least one example'):
        net.evaluate(X[:0], y[:0])


class Reversed:
    """Like a table of pandas: what it gives for an index is not what stands at that position."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return self.values[::-1][index]

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


def test_tables_are_taken_by_position(rng):
    data = few(rng)
    tables = {part: (Reversed(X), Reversed(y)) for part, (X, y) in data.items()}
    net, other = MLP([4, 3, 2], seed=0), MLP([4, 3, 2], seed=0)
    assert net.fit(data, 2, 10, progress=False) == other.fit(tables, 2, 10, progress=False)
    assert net.evaluate(*data['dev']) == other.evaluate(*tables['dev'])


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: MLP([4, 2], momentum=-0.1), 'momentum is -0.1; .*0.9 is the usual one, None the mean over all'),
    (lambda: MLP([4, 2], momentum=1.1), 'momentum is 1.1'), (lambda: MLP([4, 2], eps=-1e-9), '1e-5 is the usual one'),
    (lambda: MLP([4, 2]).fit(['train', 'dev', 'test'], 1), "data has .*; expected 'train', 'dev' and 'test'"),
    (lambda: MLP([4, 2]).fit({'train': (3., [1]), 'dev': (3., [1]), 'test': (3., [1])}, 1),
     r'train has X of shape \(\)'),
    (lambda: MLP([4, 2]).fit({}, 1, batch_size=1), 'batch_size is 1; .*every output would be beta')])
def test_what_is_just_out_of_range_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_running_means_over_all_batches_are_restored_with_their_number(rng):
    net, other = (MLP([4, 3, 2], momentum=None, seed=0) for _ in range(2))
    batches = rng.standard_normal((3, 10, 4))
    net.loss(batches[0], np.arange(10) % 2)
    other.statistics = {name: np.array(value) for name, value in net.statistics.items()}  # as a file has them
    for batch in batches[1:]:
        for one in (net, other):
            one.loss(batch, np.arange(10) % 2)
    assert other.statistics['num_batches2'] == 3
    for name, value in net.statistics.items():
        np.testing.assert_array_equal(other.statistics[name], value)
    for number in (0, 1.5, -1):
        with pytest.raises((TypeError, ValueError), match='num_batches1 is .*; expected a whole number, at least 1'):
            other.statistics = {**net.statistics, 'num_batches1': number}
    with pytest.raises(ValueError, match='statistics has no num_batches2; expected those of all layers'):
        other.statistics = {name: value for name, value in net.statistics.items() if name != 'num_batches2'}
    assert other.statistics['num_batches1'] == 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_counts_the_epochs_on_a_terminal_unless_it_is_not_wanted(rng, monkeypatch):
    def shown(stream, **options):
        with monkeypatch.context() as patched:
            patched.setattr(sys, 'stderr', stream)
            MLP([4, 2], seed=0).fit(few(rng), 3, 10, **options)
        return stream.getvalue()

    assert shown(io.StringIO()) == shown(Terminal(), progress=False) == ''
    last = shown(Terminal()).split('\r')[-1]
    assert ' 3/3 ' in last
    assert 'epoch' in last
    assert 'dev loss ' in last


def test_the_best_epoch_is_the_first_with_the_highest_accuracy_and_its_parameters_stay():
    """Of labels at random: the accuracy goes up and down."""
    best = set()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((60, 4)), rng.integers(0, 2, 60)
        data = {'train': (X[:20], y[:20]), 'dev': (X[20:], y[20:]), 'test': (X, y)}
        net = MLP([4, 3, 2], seed=seed)
        history = net.fit(data, 8, 10, learning_rate=0.3, progress=False)
        assert history['best_epoch'] == np.argmax(history['dev_acc'])
        assert net.evaluate(*data['dev']) == (history['dev_loss'][history['best_epoch']],
                                              max(history['dev_acc']))
        best.add(history['best_epoch'])
    assert len(best) > 1  # else the test says little
