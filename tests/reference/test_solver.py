import io
import sys

import numpy as np
import pytest

from gluon_bn import MLP, FullyConnectedNet, Solver, data
from gluon_bn.run import checkpoint
from gluon_bn.run.checkpoint import CheckpointError


@pytest.fixture(scope='module')
def images():
    return data.cifar10_splits(num_training=100, num_validation=50)


def network(seed=0, **options):
    return FullyConnectedNet([20, 20], weight_scale=2e-2, use_batchnorm=True, seed=seed, **options)


OPTIONS = {'update_rule': 'adam', 'optim_config': {'learning_rate': 1e-3}, 'batch_size': 25, 'num_epochs': 4,
           'verbose': False, 'seed': 1}


def test_a_small_set_of_real_images_is_learned_by_heart(images):
    net = FullyConnectedNet([50], weight_scale=2e-2, use_batchnorm=True, seed=0)
    solver = Solver(net, images, **{**OPTIONS, 'num_epochs': 20, 'optim_config': {'learning_rate': 1e-2}})
    solver.train()
    assert max(solver.train_acc_history) > 0.95
    assert len(solver.loss_history) == 20 * 4
    assert len(solver.train_acc_history) == len(solver.val_acc_history) == 21  # after the first batch, and each epoch
    assert np.mean(solver.loss_history[-4:]) < 0.2 * np.mean(solver.loss_history[:4])


@pytest.mark.parametrize('rule', ['sgd', 'momentum', 'sgd_momentum', 'rmsprop', 'adam'])
def test_every_rule_trains(rule, images):
    rate = {'sgd': 0.05, 'momentum': 0.01, 'sgd_momentum': 0.01, 'rmsprop': 1e-3, 'adam': 1e-2}[rule]
    solver = Solver(network(), images, **{**OPTIONS, 'update_rule': rule, 'optim_config': {'learning_rate': rate},
                                          'num_epochs': 8})
    solver.train()
    assert np.mean(solver.loss_history[-4:]) < 0.8 * np.mean(solver.loss_history[:4])


def test_sgd_does_what_the_formula_says(images):
    """One step with the batch that NumPy's global generator draws, written out here."""
    net, twin = network(), network()
    np.random.seed(3)
    solver = Solver(net, images, batch_size=10, optim_config={'learning_rate': 0.5}, verbose=False)
    solver.step()
    np.random.seed(3)
    chosen = np.random.choice(100, 10)
    loss, grads = twin.loss(images['X_train'][chosen], images['y_train'][chosen])
    assert solver.loss_history == [loss]
    for name, param in net.params.items():
        np.testing.assert_allclose(param, twin.params[name] - 0.5 * grads[name], rtol=1e-6, atol=1e-9)


def test_the_learning_rate_decays_each_epoch(images):
    solver = Solver(network(), images, **{**OPTIONS, 'lr_decay': 0.5, 'num_epochs': 3})
    solver.train()
    assert {config['learning_rate'] for config in solver.configs.values()} == {1e-3 / 8}


class Untrainable:
    """A model by a user: it needs no more than params and loss. It forgets more with each step."""

    def __init__(self):
        self.params = {'w': np.zeros(1)}

    def loss(self, X, y=None):
        if y is None:
            return np.stack([X[:, 0] > self.params['w'][0], X[:, 0] <= self.params['w'][0]], axis=1)
        return 1.0, {'w': np.full(1, -1.)}


def test_any_model_that_keeps_the_contract_is_trained_and_the_best_parameters_are_kept():
    X, y = np.arange(8.)[:, None], np.array([1, 1, 1, 0, 0, 0, 0, 0])
    parts = {'X_train': X, 'y_train': y, 'X_val': X, 'y_val': y}
    model = Untrainable()
    solver = Solver(model, parts, optim_config={'learning_rate': 1.}, batch_size=8, num_epochs=6, verbose=False)
    solver.train()  # w = 1, 2, ..., 6; best at 2
    assert solver.val_acc_history == [7 / 8, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8]
    assert solver.best_val_acc == 1
    assert model.params['w'].tolist() == [2]


class Forgetful(Untrainable):
    """Keeps a statistic as well, which counts the steps; right only while it is at most 2."""

    def __init__(self):
        super().__init__()
        self.statistics = {'steps': np.zeros(1)}

    def loss(self, X, y=None):
        if y is not None:
            self.statistics = {'steps': self.statistics['steps'] + 1}
            return super().loss(X, y)
        good = np.full(len(X), 2 <= self.statistics['steps'][0] <= 3)  # the same score for 2 and 3: a tie
        return np.stack([~good, good], axis=1)


def test_the_best_epoch_is_the_first_of_equals_with_its_statistics():
    X, y = np.zeros((8, 1)), np.ones(8, int)
    model = Forgetful()
    solver = Solver(model, {'X_train': X, 'y_train': y, 'X_val': X, 'y_val': y}, batch_size=8, num_epochs=5,
                    optim_config={'learning_rate': 1.}, verbose=False)
    solver.train()
    assert solver.val_acc_history == [0, 1, 1, 0, 0]
    assert (model.params['w'].tolist(), model.statistics['steps'].tolist()) == ([2], [2])
    assert (solver.best_params['w'].tolist(), solver.best_statistics['steps'].tolist()) == ([2], [2])


def test_the_best_statistics_are_restored_with_the_best_parameters(images):
    net = network()
    solver = Solver(net, images, **{**OPTIONS, 'num_epochs': 6, 'num_train_samples': None})
    solver.train()
    assert solver.check_accuracy(images['X_val'], images['y_val']) == solver.best_val_acc


def run(images, tmp_path, stop_after=None, **options):
    """A run, interrupted after that many batches by an exception and resumed, or not."""
    options = {**OPTIONS, 'checkpoint_name': str(tmp_path / f'{stop_after}.npz'), **options}
    np.random.seed(4)
    solver = Solver(network(seed=None, dropout=0.2), images, **options)
    if stop_after:
        step, done = solver.step, []

        def interrupted():
            if len(done) == stop_after:
                raise KeyboardInterrupt
            done.append(step())

        solver.step = interrupted
        with pytest.raises(KeyboardInterrupt):
            solver.train()
        np.random.seed(99)  # another process has another generator
        solver = Solver.resume(options['checkpoint_name'], network(seed=None, dropout=0.2), images)
        assert solver.epoch == stop_after // solver.iterations_per_epoch
    solver.train()
    return solver


@pytest.mark.parametrize('seed', [None, 7])
@pytest.mark.parametrize('rule', ['sgd', 'adam'])
def test_interrupted_and_resumed_is_as_if_uninterrupted(rule, seed, images, tmp_path):
    options = {'update_rule': rule, 'seed': seed, 'lr_decay': 0.9, 'num_train_samples': 60}
    whole = run(images, tmp_path, **options)
    resumed = run(images, tmp_path, stop_after=10, **options)
    for history in ('loss_history', 'train_acc_history', 'val_acc_history', 'best_val_acc'):
        assert getattr(resumed, history) == getattr(whole, history)
    for name, param in whole.model.params.items():
        np.testing.assert_array_equal(resumed.model.params[name], param)
    for name, array in whole.model.statistics.items():
        np.testing.assert_array_equal(resumed.model.statistics[name], array)


def test_a_finished_run_can_be_prolonged(images, tmp_path):
    path = tmp_path / 'solver.npz'
    Solver(network(), images, **OPTIONS, checkpoint_name=path).train()
    longer = Solver.resume(path, network(), images, num_epochs=6)
    longer.train()
    whole = Solver(network(), images, **{**OPTIONS, 'num_epochs': 6})
    whole.train()
    assert longer.loss_history == whole.loss_history


def test_a_checkpoint_of_another_model_is_refused(images, tmp_path):
    path = tmp_path / 'solver.npz'
    Solver(network(), images, **OPTIONS).save(path)
    net = FullyConnectedNet([20], use_batchnorm=True)
    with pytest.raises(CheckpointError, match='build the model as it was'):
        Solver.resume(path, net, images)


def altered(path, change):
    """Write the checkpoint anew, with a right digest, after ``change(arrays, description)``."""
    arrays, description = checkpoint.load(path)
    change(arrays, description)
    checkpoint.save(path, arrays, description)


def setting(name, value):
    return lambda arrays, description: description.update({name: value})


def array(name, change):
    return lambda arrays, description: arrays.update({name: change(arrays[name])})


def without(name):
    return lambda arrays, description: arrays.pop(name)


@pytest.mark.parametrize(('change', 'message'), [
    (setting('iteration', -1), 'iteration is -1'), (setting('iteration', 10**9), 'entries after 1000000000 iterations'),
    (setting('iteration', 8.0), 'iteration is 8.0'), (setting('iteration', True), 'iteration is True'),
    (setting('loss_history', ['a'] * 16), "loss_history is 'a'"), (setting('loss_history', None), 'expected|iterable'),
    (lambda arrays, description: description['val_acc_history'].pop(), 'histories'),
    (setting('best_val_acc', 1.5), 'best_val_acc is 1.5; expected the best'),
    (lambda arrays, description: description.pop('settings'), "it has no 'settings'"),
    (lambda arrays, description: description['settings'].pop('W1'), "it has no 'W1'"),
    (lambda arrays, description: description['settings']['W1'].update(t=10**9), 't is 1000000000'),
    (lambda arrays, description: description['settings']['W1'].pop('t'), 'have no t'),
    (lambda arrays, description: description['settings']['W1'].update(beta1='x'), "beta1 is 'x'"),
    (lambda arrays, description: description['settings']['W1'].update(lr=1), "no setting 'lr'"),
    (lambda arrays, description: description['random']['own'].__setitem__(0, 10**6), 'checkpoint does not fit'),
    (without('random/global'), 'random/global'),
    (array('random/own', lambda keys: keys[:-1]), 'checkpoint does not fit'),
    (array('params/W1', lambda w: w.astype(int)), 'params .*int64'),
    (array('params/W1', lambda w: w[:, :-1]), 'build the model as it was'),
    (without('best_params/W2'), 'best_params'),
    (array('best_params/W1', lambda w: w.astype(np.float64)), 'best_params .*float64'),
    (without('statistics/running_var2'), 'no running_var2'), (without('statistics/running_mean1'), 'no running_mean1'),
    (array('statistics/running_var1', lambda v: -v), 'running_var1 has -'),
    (array('statistics/running_mean1', lambda v: v[None]), r'running_mean1 has shape \(1, 20\)'),
    (array('best_statistics/running_var1', lambda v: -v), 'running_var1 has -'),
    (without('best_statistics/running_var1'), 'no running_var1'),
    (lambda arrays, description: [arrays.pop(name) for name in list(arrays) if name.startswith('best_statistics')],
     'only one of statistics and best_statistics is empty'),
    (lambda arrays, description: [arrays.pop(name) for name in list(arrays) if 'statistics/' in name],
     'there are no statistics'),
    (array('optimizer/W1/m', lambda m: m[:, :1]), r'm has shape \(3072, 1\); expected \(3072, 20\)'),
    (array('optimizer/W1/m', lambda m: m.astype(np.float64)), 'm of W1 is float64; expected float32'),
    (array('optimizer/W1/v', lambda v: (v + 1).astype(int)), 'v of W1 is int64; expected float32'),
    (array('optimizer/W1/m', lambda m: m * np.nan), 'optimizer/W1/m is not finite'),
    (array('params/W1', lambda w: w * np.inf), 'params/W1 is not finite'),
    (array('statistics/running_mean1', lambda v: v * np.nan), 'statistics/running_mean1 is not finite'),
    (array('statistics/running_mean1', lambda v: v.astype(np.float64)), 'running_mean1 is float64, and the model fl'),
    (array('best_statistics/running_var1', lambda v: v.astype(int)), 'running_var1 is int64, and the model float32'),
    (lambda arrays, description: arrays.update({'x/y': np.ones(2)}), "there is 'x/y'"),
    (lambda arrays, description: description['train_acc_history'].__setitem__(0, 2), 'train_acc_history is 2'),
    (lambda arrays, description: description['options'].update(batch_size=0), 'options.*batch_size is 0'),
    (lambda arrays, description: description['options'].update(update_rule='x'), "options.*update_rule is 'x'"),
    (lambda arrays, description: description['options'].update(optim_config={'learning_rate': -1}), 'options.*-1'),
    (lambda arrays, description: description['options'].update(x=1), "options.*no option 'x'"),
    (array('optimizer/W1/v', lambda v: v - 1), 'v of W1 has -'), (without('optimizer/b1/v'), 'optimizer/b1/v'),
    (lambda arrays, description: description['settings']['W1'].update(t=3), 't is 3; expected a whole number from 16'),
    (array('random/own', lambda keys: keys.astype(np.int64)), r'int64 \(624,\); expected uint32 \(624,\)'),
    (array('random/global', lambda keys: keys[None]), r'uint32 \(1, 624\); expected uint32 \(624,\)'),
    (lambda arrays, description: description['random']['own'].__setitem__(0, 625), 'position is 625; .* 0 to 624'),
    (lambda arrays, description: description['random']['own'].__setitem__(0, -1), 'position is -1'),
    (lambda arrays, description: description['random']['global'].__setitem__(1, 'a'), 'checkpoint does not fit'),
    (lambda arrays, description: description['random']['own'].__delitem__(2), r'\[\d+, 0\]; expected its position'),
    (lambda arrays, description: description['random'].update(own={'0': 1}), 'expected its position'),
    (lambda arrays, description: description['random']['own'].__setitem__(1, 2), 'has_gauss is 2'),
    (lambda arrays, description: description['random']['own'].__setitem__(2, float('inf')), 'cached_gaussian is inf'),
    (lambda arrays, description: description['options'].update(seed=2**32), 'has wrong options.*seed is 4294967296'),
    (lambda arrays, description: description['options'].update(num_val_samples=0), 'wrong options.*num_val_samples is'),
    (lambda arrays, description: description['options'].update(optim_config=[]), 'wrong options.*optim_config is a li'),
    (lambda arrays, description: description['options'].update(checkpoint_name=5), 'wrong options.*checkpoint_name')])
def test_a_checkpoint_that_does_not_fit_together_is_refused_and_nothing_has_changed(change, message, images, tmp_path):
    path = tmp_path / 'solver.npz'
    Solver(network(), images, **OPTIONS, checkpoint_name=path).train()
    altered(path, change)
    net, state = network(), np.random.get_state()[1].copy()
    before = {name: param.copy() for name, param in net.params.items()}
    with pytest.raises(CheckpointError, match=message):
        Solver.resume(path, net, images)
    assert net.statistics == {}
    for name, param in net.params.items():
        np.testing.assert_array_equal(param, before[name])
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize('description', [None, [], {}, {'kind': 'Solver'}, {'kind': 'Solver', 'options': []},
                                         {'kind': 'MLP', 'options': {}}])
def test_a_checkpoint_of_something_else_is_no_solvers(description, images, tmp_path):
    checkpoint.save(tmp_path / 'other.npz', {}, description)
    with pytest.raises(CheckpointError, match='is not a checkpoint of a Solver'):
        Solver.resume(tmp_path / 'other.npz', network(), images)


def test_numpys_own_numbers_can_be_options_of_a_solver_with_a_checkpoint(images, tmp_path):
    options = {'batch_size': np.int64(25), 'num_epochs': np.int32(1), 'lr_decay': np.float32(0.5), 'seed': np.int64(1),
               'optim_config': {'learning_rate': np.float64(1e-3)}, 'verbose': np.bool_(False)}
    Solver(network(), images, **options, checkpoint_name=tmp_path / 'solver.npz').train()
    solver = Solver.resume(tmp_path / 'solver.npz', network(), images)
    assert (solver.iteration, solver.configs['W1']) == (4, {'learning_rate': 5e-4})


def test_the_mlps_running_means_over_all_batches_survive_a_resumption(images, tmp_path):
    def perceptron():
        return MLP([3072, 8, 10], momentum=None, seed=0)

    options = {**OPTIONS, 'update_rule': 'rmsprop', 'num_epochs': 2}
    whole = Solver(perceptron(), images, **options)
    whole.train()
    Solver(perceptron(), images, **{**options, 'num_epochs': 1, 'checkpoint_name': tmp_path / 'mlp.npz'}).train()
    resumed = Solver.resume(tmp_path / 'mlp.npz', perceptron(), images, num_epochs=2)
    resumed.train()
    assert resumed.loss_history == whole.loss_history
    assert resumed.model.statistics['num_batches1'] == whole.model.statistics['num_batches1']


@pytest.mark.parametrize(('options', 'message'), [
    ({'epochs': 3}, "no option 'epochs'; expected one of: update_rule, optim_config, lr_decay, batch_size"),
    ({'update_rule': 'adagrad'}, "expected 'sgd', 'momentum', 'sgd_momentum', 'rmsprop' or 'adam'"),
    ({'optim_config': {'lr': 1}}, "no setting 'lr'; expected one of: learning_rate"),
    ({'optim_config': 0.1}, 'expected a dictionary'),
    ({'batch_size': 0}, 'batch_size is 0'), ({'num_epochs': 1.5}, 'num_epochs is 1.5'),
    ({'lr_decay': 0}, 'lr_decay is 0'),
    ({'batch_size': True}, 'batch_size is True'), ({'seed': -1}, 'seed is -1'), ({'seed': 1.5}, 'seed is 1.5'),
    ({'verbose': 'no'}, "verbose is 'no'; expected True or False"), ({'progress': 0}, 'progress is 0'),
    ({'lr_decay': float('nan')}, 'lr_decay is nan'), ({'lr_decay': '1'}, "lr_decay is '1'"),
    ({'optim_config': {'learning_rate': np.array([0.1])}}, 'learning_rate is an array'),
    ({'optim_config': {'learning_rate': True}}, 'learning_rate is True'),
    ({'optim_config': {'learning_rate': 0}}, 'learning_rate is 0; expected a finite number, above 0'),
    ({'update_rule': 'adam', 'optim_config': {'beta2': 1}}, 'beta2 is 1; .* below 1'),
    ({'checkpoint_name': 3}, 'checkpoint_name is 3; expected the path'),
    ({'checkpoint_name': ''}, "checkpoint_name is ''; expected the path"),
    ({'checkpoint_name': '/'}, "checkpoint_name is '/', which is no file; expected the path of one"),
    ({'num_val_samples': 0}, 'num_val_samples is 0; expected a whole number, at least 1 .or None')])
def test_wrong_options_say_what_is_right(options, message, images):
    with pytest.raises((TypeError, ValueError), match=message):
        Solver(network(), images, **options)


def test_wrong_data_say_what_is_right(images):
    with pytest.raises(ValueError, match='data has no X_val, y_val'):
        Solver(network(), {name: images[name] for name in ('X_train', 'y_train')})
    with pytest.raises(ValueError, match='X_train has 100 examples and y_train 99 labels'):
        Solver(network(), {**images, 'y_train': images['y_train'][:-1]})
    with pytest.raises(ValueError, match='X_val has 0 examples'):
        Solver(network(), {**images, 'X_val': images['X_val'][:0], 'y_val': []})
    with pytest.raises(TypeError, match='data is a list; expected a dictionary'):
        Solver(network(), [images])
    with pytest.raises(ValueError, match='values an example'):  # before it trains
        Solver(network(), {**images, 'X_val': images['X_val'][:, :2]})


@pytest.mark.parametrize('part', ['train', 'val'])
@pytest.mark.parametrize(('change', 'message'), [
    (lambda y: y[:, None], r'has shape \(\d+, 1\); expected one class number an example'),
    (lambda y: np.eye(10)[y], r'has shape .*one-hot rows become numbers by \.argmax'),
    (lambda y: y + 1, 'holds 10 .*expected class numbers from 0 to 9'), (lambda y: y - 1, 'holds -1 '),
    (lambda y: np.where(np.arange(len(y)) == 3, np.nan, y), r'holds nan \(at position 3\)'),
    (lambda y: y + 0.5, r'holds \d\.5 '), (lambda y: y > 4, 'has type bool'),
    (lambda y: [str(label) for label in y], 'has type <U1')])
def test_labels_are_classes_of_the_model_or_refused(change, message, part, images):
    with pytest.raises((TypeError, ValueError), match=f'y_{part} {message}'):
        Solver(network(), {**images, f'y_{part}': change(images[f'y_{part}'])})


def test_labels_have_one_reading_in_check_accuracy(images):
    solver, y = Solver(network(), images, **OPTIONS), images['y_val']
    for same in (y, list(y), y.astype(float)):
        assert solver.check_accuracy(images['X_val'], same) == solver.check_accuracy(images['X_val'], y) <= 1
    with pytest.raises(ValueError, match=r'y has shape \(50, 1\)'):
        solver.check_accuracy(images['X_val'], y[:, None])
    with pytest.raises(ValueError, match='y holds 10 .*expected class numbers from 0 to 9'):
        solver.check_accuracy(images['X_val'], np.where(y == 9, 10, y))
    with pytest.raises(ValueError, match='at least one example'):
        solver.check_accuracy(images['X_val'][:0], y[:0])
    with pytest.raises(ValueError, match='num_samples is 0'):
        solver.check_accuracy(images['X_val'], y, 0)


def test_scores_that_are_nan_are_no_right_answer(images):
    """A network of NaN would know class 0 perfectly, and could be the best."""
    solver = Solver(network(), images, **OPTIONS)
    solver.model.loss = lambda X: np.array([[3, 1], [3, np.nan], [np.nan, np.nan], [1, np.inf]])
    assert solver.check_accuracy(images['X_val'][:4], [0, 0, 0, 1]) == 2 / 4


class Table:
    """What pandas' Series and DataFrame are to NumPy: an array, and an index that ``[...]`` looks things up by."""

    def __init__(self, values):
        self.values, self.shape = np.asarray(values), np.shape(values)

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return self.values[::-1][index]


@pytest.mark.parametrize('kind', [list, Table, 'pandas'])
def test_lists_and_tables_are_taken_by_position(kind, images):
    if kind == 'pandas':
        pandas = pytest.importorskip('pandas')

        def kind(values):
            index = np.arange(len(values))[::-1]
            return (pandas.Series if np.ndim(values) == 1 else pandas.DataFrame)(values, index=index)
    flat = {name: images[name].reshape(len(images[name]), -1) for name in ('X_train', 'X_val')}
    flat.update(y_train=images['y_train'], y_val=images['y_val'])
    plain = Solver(network(), flat, **OPTIONS)
    plain.train()
    other = Solver(network(), {name: kind(values) for name, values in flat.items()}, **OPTIONS)
    other.train()
    assert other.loss_history == plain.loss_history
    assert other.val_acc_history == plain.val_acc_history


def test_a_model_must_give_scores_and_every_gradient(images):
    model = Untrainable()
    model.loss = lambda X, y=None: np.zeros(len(X))
    parts = {'X_train': np.ones((2, 1)), 'y_train': [0, 1], 'X_val': np.ones((2, 1)), 'y_val': [0, 1]}
    with pytest.raises(ValueError, match=r'scores of shape \(1,\); expected \(N, num_classes\)'):
        Solver(model, parts)
    words = np.array([['a', 'b']] * 2)
    for scores, said in ((np.zeros((1, 2)), r'has shape \(1, 2\); expected \(2, any\)'), (words, 'has type <U1')):
        model.loss = lambda X, y=None, scores=scores: scores
        with pytest.raises((ValueError, TypeError), match=rf'what the loss\(X\) of the model returns {said}'):
            Solver(model, parts).check_accuracy(parts['X_val'], parts['y_val'])
    model.loss = lambda X, y=None: np.zeros((len(X), 2)) if y is None else (1., {})
    with pytest.raises(ValueError, match='no gradient of w'):
        Solver(model, parts, verbose=False).train()
    model.loss = lambda X, y=None: np.zeros((len(X), 2)) if y is None else (1., {'w': np.ones((3, 1))})
    with pytest.raises(ValueError, match=r'dw has shape \(3, 1\); expected \(1,\)'):
        Solver(model, parts, verbose=False).train()
    assert model.params['w'].tolist() == [0]


def test_a_loss_that_is_not_finite_stops_training(images):
    solver = Solver(network(), images, batch_size=50, optim_config={'learning_rate': 1.}, verbose=False)
    solver.model.loss = lambda X, y=None: (float('nan'), {})
    with pytest.raises(FloatingPointError, match='the loss is nan in iteration 1'):
        solver.train()


def test_verbose_prints_the_exercises_lines(images, capsys):
    Solver(network(), images, **{**OPTIONS, 'verbose': True, 'print_every': 4, 'num_epochs': 2}).train()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(')')[0] for line in lines] == ['(Iteration 1 / 8', '(Epoch 0 / 2', '(Epoch 1 / 2',
                                                      '(Iteration 5 / 8', '(Epoch 2 / 2']
    assert 'train acc: ' in lines[-1]
    Solver(network(), images, **OPTIONS).train()
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('changes', [{'batch_size': 20}, {'update_rule': 'rmsprop'}, {'lr_decay': 0.5}, {'seed': 8},
                                     {'optim_config': {'learning_rate': 1.}}, {'num_train_samples': 3}])
def test_what_a_resumed_training_depends_on_cannot_change(images, tmp_path, changes):
    path = tmp_path / 'solver.npz'
    Solver(network(), images, **OPTIONS, checkpoint_name=path).train()
    net, state = network(), np.random.get_state()[1]
    before = {name: param.copy() for name, param in net.params.items()}
    with pytest.raises(ValueError, match=f"^{next(iter(changes))} cannot change in the middle of a training; expected"):
        Solver.resume(path, net, images, **changes)
    for name, param in net.params.items():
        np.testing.assert_array_equal(param, before[name])
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_the_same_options_are_no_changes(images, tmp_path):
    path = tmp_path / 'solver.npz'
    Solver(network(), images, **OPTIONS, checkpoint_name=path).train()
    solver = Solver.resume(path, network(), images, **OPTIONS)
    assert solver.iteration == OPTIONS['num_epochs'] * solver.iterations_per_epoch


@pytest.mark.parametrize('options', [{'batch_size': 10}, {'batch_size': 100}, {'num_epochs': 1}])
def test_a_checkpoint_with_other_options_than_it_was_trained_with_is_refused(images, tmp_path, options):
    path = tmp_path / 'solver.npz'
    Solver(network(), images, **OPTIONS, checkpoint_name=path).train()
    altered(path, lambda arrays, description: description['options'].update(options))
    with pytest.raises(CheckpointError, match='the checkpoint does not fit: it'):
        Solver.resume(path, network(), images)


def test_data_of_another_length_are_refused(images, tmp_path):
    path = tmp_path / 'solver.npz'
    Solver(network(), images, **OPTIONS, checkpoint_name=path).train()
    half = {name: array[:len(array) // 2] for name, array in images.items()}
    with pytest.raises(CheckpointError, match='batches, and those of these data and this batch_size'):
        Solver.resume(path, network(), half)


def test_fewer_epochs_than_are_done_are_refused(images, tmp_path):
    path = tmp_path / 'solver.npz'
    Solver(network(), images, **OPTIONS, checkpoint_name=path).train()
    with pytest.raises(CheckpointError, match='of num_epochs'):
        Solver.resume(path, network(), images, num_epochs=1)


@pytest.mark.parametrize('model', [None, 3, np.ones(2), {}, lambda X, y: 0])
def test_a_model_that_is_none_is_refused(images, model):
    with pytest.raises(TypeError, match='^model is .*; expected one with params'):
        Solver(model, images)


def test_the_defaults_are_those_of_the_exercise(images):
    assert Solver(network(), images).options == {
        'update_rule': 'sgd', 'optim_config': {}, 'lr_decay': 1.0, 'batch_size': 100, 'num_epochs': 10,
        'num_train_samples': 1000, 'num_val_samples': None, 'checkpoint_name': None, 'print_every': 10, 'verbose': True,
        'progress': True, 'seed': None}


class Wrong(Untrainable):
    """Counts its steps, and is never right."""

    def loss(self, X, y=None):
        return np.tile([1., 0.], (len(X), 1)) if y is None else super().loss(X, y)


def test_of_epochs_that_are_all_wrong_the_first_is_the_best():
    X, y = np.zeros((3, 1)), np.ones(3, int)
    model = Wrong()
    solver = Solver(model, {'X_train': X, 'y_train': y, 'X_val': X, 'y_val': y}, batch_size=4, num_epochs=3,
                    optim_config={'learning_rate': 1.}, verbose=False)
    assert solver.iterations_per_epoch == 1  # with fewer examples than a batch has
    solver.train()
    assert solver.val_acc_history == [0, 0, 0]
    assert (solver.best_val_acc, model.params['w'].tolist(), len(solver.loss_history)) == (0, [1], 3)


def test_an_accuracy_on_as_many_examples_as_there_are_is_of_each_once():
    X, y = np.arange(50.)[:, None], (np.arange(50) == 49).astype(int)
    model = Untrainable()
    model.params['w'][0] = 100  # class 1 is said of every example, and right of the last one
    solver = Solver(model, {'X_train': X, 'y_train': y, 'X_val': X, 'y_val': y}, seed=0)
    assert [solver.check_accuracy(X, y, number) for number in (None, 50, 51)] == [1 / 50] * 3
    found = {solver.check_accuracy(X, y, 1) for _ in range(500)}
    assert found == {0, 1}
    assert {solver.check_accuracy(X, y, 10) * 10 for _ in range(20)} <= set(range(11))
    many = solver.check_accuracy(np.repeat(X, 50, axis=0), np.repeat(y, 50))
    assert many == 1 / 50  # more than one batch of the examples


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_counts_the_batches_on_a_terminal_unless_it_is_not_wanted(images, tmp_path, monkeypatch):
    def shown(train, stream):
        with monkeypatch.context() as patched:
            patched.setattr(sys, 'stderr', stream)
            train()
        return stream.getvalue()

    options = {**OPTIONS, 'num_epochs': 2, 'checkpoint_name': tmp_path / 'solver.npz'}
    assert shown(Solver(network(), images, **options).train, io.StringIO()) == ''
    assert shown(Solver(network(), images, **options, progress=False).train, Terminal()) == ''
    bar = shown(Solver(network(), images, **options).train, Terminal())
    assert ' 0/8 ' in bar
    assert bar.strip().endswith(']')
    assert ' 8/8 ' in bar.split('\r')[-1]
    longer = Solver.resume(tmp_path / 'solver.npz', network(), images, num_epochs=3)
    bar = shown(longer.train, Terminal())
    assert ' 8/12 ' in bar  # it goes on where it was
    assert ' 0/12 ' not in bar
    assert ' 12/12 ' in bar.split('\r')[-1]


NAMES = ('X_train', 'y_train', 'X_val', 'y_val')


@pytest.mark.parametrize('make', [network, lambda: MLP([3072, 8, 10], momentum=None, seed=0), Untrainable])
@pytest.mark.parametrize('steps', [0, 2])
def test_a_solver_can_be_saved_before_the_first_epoch_has_ended(make, steps, images, tmp_path):
    """Also before the first batch, and after steps by hand, when there is no best epoch yet."""
    if make is Untrainable:
        images = dict(zip(NAMES, (np.arange(8.)[:, None], np.arange(8) < 3) * 2))
        images['y_train'] = images['y_val'] = images['y_train'].astype(int)
    options = {**OPTIONS, 'batch_size': 4, 'num_epochs': 1}
    whole, saved = Solver(make(), images, **options), Solver(make(), images, **options)
    for _ in range(steps):
        saved.step()
        whole.step()
    saved.save(tmp_path / 'solver.npz')
    resumed = Solver.resume(tmp_path / 'solver.npz', make(), images)
    assert (resumed.iteration, resumed.best_val_acc, resumed.val_acc_history) == (steps, -1, [])
    for solver in (whole, resumed):
        solver.train()
    assert resumed.loss_history == whole.loss_history
    assert resumed.val_acc_history == whole.val_acc_history
    for name, param in whole.model.params.items():
        np.testing.assert_array_equal(resumed.model.params[name], param)


class Counting(Forgetful):
    """A user's model: a statistic with a name as batch norm's have, of another type than the parameters."""

    def __init__(self):
        super().__init__()
        self.statistics = {'running_steps': np.zeros(1, np.float32)}

    def loss(self, X, y=None):
        if y is None:
            return np.tile([0., 1.], (len(X), 1))
        self.statistics = {'running_steps': self.statistics['running_steps'] + np.float32(1)}
        return 1.0, {'w': np.full(1, -1.)}


@pytest.mark.parametrize('make', [Untrainable, Counting, lambda: FullyConnectedNet([3], input_dim=1, num_classes=2)])
def test_models_without_batch_norm_are_resumed_as_well(make, tmp_path):
    X, y = np.arange(8.)[:, None], np.array([1, 1, 1, 0, 0, 0, 0, 0])
    parts, path = dict(zip(NAMES, (X, y) * 2)), tmp_path / 'solver.npz'
    options = {'batch_size': 4, 'num_epochs': 2, 'verbose': False, 'checkpoint_name': path, 'seed': 0,
               'optim_config': {'learning_rate': 1.}}
    first = Solver(make(), parts, **options)
    first.train()
    model = make()
    resumed = Solver.resume(path, model, parts, num_epochs=3)
    assert resumed.best_val_acc == max(first.val_acc_history)
    resumed.train()
    assert resumed.iteration == 6
    for name in getattr(model, 'statistics', {}):
        np.testing.assert_array_equal(model.statistics[name], resumed.best_statistics[name])
        assert model.statistics[name].dtype == np.float32


def test_a_generator_at_the_beginning_of_its_numbers_is_resumed(images, tmp_path):
    path = tmp_path / 'solver.npz'
    Solver(network(), images, **OPTIONS).save(path)
    altered(path, lambda arrays, description: description['random']['own'].__setitem__(0, 0))
    resumed = Solver.resume(path, network(), images)
    again = np.random.RandomState()
    again.set_state(('MT19937', checkpoint.load(path)[0]['random/own'], 0))
    assert resumed.random.random_sample() == again.random_sample()


class Part:
    """A model with only one of the two things that a model has."""

    def __init__(self, **what):
        self.__dict__.update(what)


@pytest.mark.parametrize('what', [{'params': {'w': np.zeros(1)}}, {'loss': lambda X, y=None: 0},
                                  {'params': [np.zeros(1)], 'loss': lambda X, y=None: 0},
                                  {'params': {'w': np.zeros(1)}, 'loss': 3}], ids=sorted)
def test_half_a_model_is_refused(what, images):
    with pytest.raises(TypeError, match='^model is .*; expected one with params, a dictionary of arrays, and loss'):
        Solver(Part(**what), images)


def test_a_model_that_overflows_before_it_is_trained_is_taken_without_a_warning():
    class Overflowing(Untrainable):
        def loss(self, X, y=None):
            return np.exp(1e3 * np.ones((len(X), 2))) / np.zeros(2)

    X, y = np.ones((2, 1)), [0, 1]
    assert Solver(Overflowing(), dict(zip(NAMES, (X, y) * 2))).iteration == 0  # a warning would be an error here


def test_examples_without_an_axis_are_none(images):
    with pytest.raises(ValueError, match='X_train has no axis of examples and y_train 1 labels'):
        Solver(network(), {**images, 'X_train': 3., 'y_train': [1]})


def test_accuracies_are_of_lists_too():
    model = Untrainable()
    model.params['w'][0] = 1  # class 0 where x is above 1
    solver = Solver(model, dict(zip(NAMES, (np.zeros((2, 1)), [0, 1]) * 2)))
    assert solver.check_accuracy([[0], [1], [2], [3]], [1, 1, 1, 0]) == 3 / 4


def test_the_bar_counts_batches_and_its_end(images, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(sys, 'stderr', Terminal())
        Solver(network(), images, **{**OPTIONS, 'num_epochs': 1}).train()
        shown = sys.stderr.getvalue()
    assert ' 4/4 ' in shown.split('\r')[-1]
    assert 'batch' in shown.split('\r')[-1]


def test_the_seeds_of_batches_have_both_ends_of_their_range(images):
    for seed in (0, 2**32 - 1):
        solver = Solver(network(), images, seed=seed)
        assert solver.random.random_sample() == np.random.RandomState(seed).random_sample()
    with pytest.raises(ValueError, match='seed is 4294967296; expected a whole number from 0 to 4294967295'):
        Solver(network(), images, seed=2**32)


def test_the_first_accuracies_are_those_after_the_first_batch():
    X, y = np.arange(8.)[:, None], np.array([1, 1, 1, 0, 0, 0, 0, 0])
    solver = Solver(Untrainable(), dict(zip(NAMES, (X, y) * 2)), optim_config={'learning_rate': 1.}, batch_size=2,
                    num_epochs=2, verbose=False)
    solver.train()  # w = 1, 2, ..., 8: right of all at 2
    assert solver.val_acc_history == [7 / 8, 6 / 8, 3 / 8]  # after batches 1, 4 and 8


@pytest.mark.parametrize('option', ['batch_size', 'num_epochs', 'print_every'])
def test_none_stands_for_all_only_where_all_means_something(option, images):
    with pytest.raises(TypeError, match=f'{option} is None; expected a whole number, at least 1'):
        Solver(network(), images, **{option: None})
    assert Solver(network(), images, num_train_samples=None).options['num_train_samples'] is None
