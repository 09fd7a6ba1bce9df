import numpy as np
import pytest

from gluon_bn import FullyConnectedNet, Solver, data
from gluon_bn.checkpoint import CheckpointError


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
    assert {config['learning_rate'] for config in solver._configs.values()} == {1e-3 / 8}


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


@pytest.mark.parametrize(('options', 'message'), [
    ({'epochs': 3}, "no option 'epochs'; expected one of: update_rule, optim_config, lr_decay, batch_size"),
    ({'update_rule': 'adagrad'}, 'expected one of sgd, momentum'),
    ({'optim_config': {'lr': 1}}, "no setting 'lr'; expected one of: learning_rate"),
    ({'optim_config': 0.1}, 'expected a dictionary'),
    ({'batch_size': 0}, 'batch_size is 0'), ({'num_epochs': 1.5}, 'num_epochs is 1.5'),
    ({'lr_decay': 0}, 'lr_decay is 0'),
    ({'num_val_samples': 0}, 'num_val_samples is 0; expected a whole number, at least 1 or None')])
def test_wrong_options_say_what_is_right(options, message, images):
    with pytest.raises(ValueError, match=message):
        Solver(network(), images, **options)


def test_wrong_data_say_what_is_right(images):
    with pytest.raises(ValueError, match='data has no X_val, y_val'):
        Solver(network(), {name: images[name] for name in ('X_train', 'y_train')})
    with pytest.raises(ValueError, match='X_train has 100 examples and y_train 99 labels'):
        Solver(network(), {**images, 'y_train': images['y_train'][:-1]})


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
