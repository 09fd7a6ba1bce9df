"""Batch norm in Nodes and the breast cancer network: the layers against others, the training on the real data."""
import sys

import numpy as np
import pytest

from gluon_bn import pure_batch_norm
from gluon_bn._mxnet import autograd, nd
from gluon_bn.autodiff import Node, breast_cancer
from gluon_bn.autodiff.breast_cancer import BreastCancerNet, accuracies, batch_norm, binary_cross_entropy
from gluon_bn.commands.breast_cancer import main


def by_nodes(X, gamma, beta, dout, eps):
    out, _, _ = batch_norm(Node(X, 'X'), Node(gamma, 'gamma'), Node(beta, 'beta'), eps)
    gradients = out.grad(dout)
    return out.value, gradients['X'], gradients['gamma'], gradients['beta']


def by_nd(X, gamma, beta, dout, eps):
    arrays = [nd.array(a, dtype='float64') for a in (X, gamma, beta)]
    for array in arrays:
        array.attach_grad()
    with autograd.record():
        out = pure_batch_norm(*arrays, eps=eps)
    out.backward(nd.array(dout, dtype='float64'))
    return (out.asnumpy(), *(array.grad.asnumpy() for array in arrays))


def by_numpy(X, gamma, beta, dout, eps):
    """The paper's forward pass, and its six backward equations (section 3), features in the last axis."""
    x, d = (np.moveaxis(a, 1, -1).reshape(-1, a.shape[1]) for a in (X, dout))
    m, mean, var = len(x), x.mean(axis=0), x.var(axis=0)
    x_hat = (x - mean) / np.sqrt(var + eps)
    d_hat = d * gamma
    dvar = (d_hat * (x - mean)).sum(axis=0) * -0.5 * (var + eps) ** -1.5
    dmean = -d_hat.sum(axis=0) / np.sqrt(var + eps) + dvar * (-2 * (x - mean)).sum(axis=0) / m
    dx = d_hat / np.sqrt(var + eps) + dvar * 2 * (x - mean) / m + dmean / m
    back = [np.moveaxis(a.reshape(np.moveaxis(X, 1, -1).shape), -1, 1) for a in (gamma * x_hat + beta, dx)]
    return (*back, (d * x_hat).sum(axis=0), d.sum(axis=0))


def by_reference(X, gamma, beta, dout, eps):
    """The NumPy layer of the package."""
    from gluon_bn import reference
    spatial = 'spatial_' if X.ndim == 4 else ''
    out, cache = getattr(reference, f'{spatial}batchnorm_forward')(X, gamma, beta, {'mode': 'train', 'eps': eps})
    return (out, *getattr(reference, f'{spatial}batchnorm_backward')(dout, cache))


@pytest.mark.parametrize('other', [by_nd, by_numpy, by_reference])
@pytest.mark.parametrize('shape', [(7, 4), (3, 4, 2, 5)])
def test_batch_norm_in_nodes_agrees_with_the_other_layers_to_1e_10(other, shape, rng):
    X, dout = rng.normal(2, 3, shape), rng.normal(size=shape)
    gamma, beta = rng.normal(1, 0.5, shape[1]), rng.normal(size=shape[1])
    for ours, theirs in zip(by_nodes(X, gamma, beta, dout, 1e-3), other(X, gamma, beta, dout, 1e-3)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_output_has_mean_beta_and_standard_deviation_gamma(rng):
    """Also between the layers of the network, where nothing but its own eps bounds the variance from below."""
    net = BreastCancerNet()
    for number, units in (('1', 20), ('2', 10)):
        net.params[f'gamma_bn{number}'] = rng.normal(0, 2, units)
        net.params[f'beta_bn{number}'] = rng.normal(0, 2, units)
    inputs = {node.name: node for node in net.scores(rng.normal(size=(200, 30))).graph() if node.name}
    for number in '12':
        out = next(node for node in net.scores(rng.normal(size=(200, 30))).graph()
                   if node.operation == '+' and any(p.parents and p.parents[0].name == f'beta_bn{number}'
                                                    for p in node.parents)).value
        np.testing.assert_allclose(out.mean(axis=0), inputs[f'beta_bn{number}'].value, atol=1e-5)
        np.testing.assert_allclose(out.std(axis=0), np.abs(inputs[f'gamma_bn{number}'].value), atol=1e-5)


def test_averages_start_at_0_and_approach_the_distribution_in_100_batches(rng):
    net = BreastCancerNet()
    for name in ('avg_mean_bn1', 'avg_variance_bn1', 'avg_mean_bn2', 'avg_variance_bn2'):
        assert not net.params[name].any()
    net.params['weight_fc1'] = np.eye(30, 20)  # so that the batch norm sees the first 20 columns of x as they are
    for _ in range(100):
        net.forward(rng.normal(42, 10, (1000, 30)), train=True)
    assert np.abs(net.params['avg_mean_bn1'] - 42).max() < 1
    assert np.abs(net.params['avg_variance_bn1'] - 100).max() < 5


def test_one_batch_moves_the_averages_by_one_minus_momentum(rng):
    net, x = BreastCancerNet(momentum=0.75), rng.normal(3, 2, (50, 30))
    net.forward(x, train=True)
    h = x @ net.params['weight_fc1']
    np.testing.assert_allclose(net.params['avg_mean_bn1'], 0.25 * h.mean(axis=0))
    np.testing.assert_allclose(net.params['avg_variance_bn1'], 0.25 * h.var(axis=0))


def test_testing_changes_nothing_and_treats_each_row_alone(rng):
    net, x = BreastCancerNet(), rng.normal(size=(40, 30))
    breast_cancer.train(net, x, (x[:, 0] > 0).astype(float), epochs=3, batch_size=10)
    before = {name: value.copy() for name, value in net.params.items()}
    whole = net.forward(x, train=False).value
    np.testing.assert_allclose(np.vstack([net.forward(row[np.newaxis], train=False).value for row in x]), whole)
    assert {name: value.tolist() for name, value in net.params.items()} == {k: v.tolist() for k, v in before.items()}


@pytest.mark.parametrize('with_batch_norm', [True, False])
def test_gradients_of_all_parameters_against_central_differences(with_batch_norm, rng):
    net, x, y = BreastCancerNet(batch_norm=with_batch_norm), rng.normal(size=(8, 30)), rng.integers(0, 2, 8)
    gradients = net.loss(x, y).grad()
    assert sorted(gradients) == sorted(name for name in net.params if not name.startswith('avg'))
    for name, gradient in gradients.items():
        index = tuple(rng.integers(0, n) for n in gradient.shape)
        kept, losses = net.params[name], []
        for h in (1e-5, -1e-5):
            net.params[name] = kept.copy()
            net.params[name][index] += h
            losses.append(float(net.loss(x, y).value))
        net.params[name] = kept
        assert gradient[index] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-6, abs=1e-9)


def test_a_bias_before_batch_norm_changes_nothing_and_has_no_gradient(rng):
    x, gamma, beta, dout = rng.normal(size=(30, 5)), rng.normal(1, 1, 5), rng.normal(size=5), rng.normal(size=(30, 5))
    bias = Node(rng.normal(0, 10, 5), 'bias')
    without, _, var = batch_norm(Node(x), gamma=Node(gamma), beta=Node(beta))
    out, _, var_with = batch_norm(Node(x) + bias, gamma=Node(gamma), beta=Node(beta))
    np.testing.assert_allclose(out.value, without.value, atol=1e-12)
    np.testing.assert_allclose(var_with.value, var.value, rtol=1e-12)
    assert np.abs(out.grad(dout)['bias']).max() < 1e-12


def test_the_loss_is_the_cross_entropy_of_the_sigmoid(rng):
    scores, y = rng.normal(0, 3, (20, 1)), rng.integers(0, 2, (20, 1))
    loss, p = binary_cross_entropy(Node(scores, 's'), y), 1 / (1 + np.exp(-scores))
    assert float(loss.value) == pytest.approx(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), rel=1e-12)
    np.testing.assert_allclose(loss.grad()['s'], (p - y) / 20, atol=1e-15)


def test_the_loss_stays_finite_when_the_sigmoid_saturates():
    for score in (0., 40., 800., 1e300):
        for sign in (1, -1):
            for y in (0, 1):
                node = Node([sign * score], 's')
                loss = binary_cross_entropy(node, [y])
                assert np.isfinite(loss.value)
                assert loss.grad()['s'][0] == pytest.approx(float(node.sigmoid().value[0]) - y, abs=1e-15)
    net = BreastCancerNet()
    net.params['weight_fc3'] *= 1e6
    loss = net.loss(np.random.normal(size=(10, 30)), np.arange(10) % 2)
    assert np.isfinite(loss.value)
    assert all(np.isfinite(gradient).all() for gradient in loss.grad().values())


@pytest.mark.parametrize(('f', 'words'), [
    (lambda net: net.forward(np.ones((4, 29))), r'\(4, 29\).*\(m, 30\)'),
    (lambda net: net.forward(np.ones(30)), r'\(30,\).*\(m, 30\)'),
    (lambda net: net.forward(np.ones((1, 30))), r'\(1, 30\).*more rows'),
    (lambda net: binary_cross_entropy(Node(np.ones((4, 1))), np.ones(4)), r'\(4, 1\).*\(4,\)'),
])
def test_wrong_shapes_get_a_sentence(f, words):
    with pytest.raises(ValueError, match=words):
        f(BreastCancerNet())


def test_the_same_seed_gives_the_same_run(rng):
    x, y = rng.normal(size=(64, 30)), rng.integers(0, 2, 64)
    first, second = (breast_cancer.train(BreastCancerNet(3), x, y, epochs=2, seed=5) for _ in range(2))
    assert first == second
    assert len(first) == 4


@pytest.mark.slow
@pytest.mark.parametrize('with_batch_norm', [True, False])
def test_mean_accuracy_over_20_splits_is_at_least_096(with_batch_norm):
    found = breast_cancer.accuracies(20, with_batch_norm)
    assert found.shape == (20,)
    assert found.mean() >= 0.96
    assert found.std() < 0.03


def test_the_command_prints_the_table(capsys):
    assert main(['--splits', '2', '--epochs', '1']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all(line.count('|') == 6 for line in lines)
    means = [float(line.split('|')[2]) for line in lines[2:]]
    assert means == [round(breast_cancer.accuracies(2, norm, epochs=1).mean(), 4) for norm in (True, False)]


@pytest.mark.parametrize(('number', 'said'), [('0', '--splits is 0; it must be at least 1.'),
                                              ('-1', '--splits is -1; it must be at least 1.'),
                                              ('two', "argument --splits: expected a whole number, got 'two'")])
def test_the_command_refuses_bad_numbers(number, said, capsys):
    assert main(['--splits', number]) == 2
    assert said in capsys.readouterr().err


def test_without_scikit_learn_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    with pytest.raises(ImportError, match=r"pip install .*\[scikit-learn\]"):
        breast_cancer.load_split(0)
    assert main([]) == 2
    assert '[scikit-learn]' in capsys.readouterr().err


@pytest.mark.parametrize(('options', 'message'), [
    ({'seed': -1}, 'seed is -1'), ({'batch_norm': 'no'}, "batch_norm is 'no'"), ({'momentum': 2}, 'momentum is 2'),
    ({'eps': -1}, 'eps is -1'), ({'momentum': None}, 'momentum is None')])
def test_a_network_out_of_range_is_refused(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        BreastCancerNet(**options)


@pytest.mark.parametrize('y', [[[1], [0], [1]], [0, 1, 2], [0, -1, 1], [0, np.nan, 1], [0, 0.5, 1], [0, 1]], ids=str)
def test_labels_have_one_reading(y, rng):
    net, x = BreastCancerNet(), rng.normal(size=(3, 30))
    for use in (net.loss, net.accuracy, lambda x, y: breast_cancer.train(net, x, y, batch_size=2)):
        with pytest.raises(ValueError, match='expected'):
            use(x, y)
    assert not net.params['avg_mean_bn1'].any()  # nothing has been trained


@pytest.mark.parametrize(('options', 'message'), [
    ({'epochs': 0}, 'epochs is 0'), ({'batch_size': 0}, 'batch_size is 0'), ({'lr': np.inf}, 'lr is inf'),
    ({'seed': -1}, 'seed is -1'), ({'batch_size': 4}, 'take a smaller batch_size')])
def test_a_training_out_of_range_is_refused(options, message, rng):
    with pytest.raises((TypeError, ValueError), match=message):
        breast_cancer.train(BreastCancerNet(), rng.normal(size=(3, 30)), [0, 1, 1], **{'batch_size': 2, **options})


@pytest.mark.parametrize('x', [None, True, 1.5, [[1], [1, 2]], np.ones((4, 30), bool), np.ones((4, 30)).astype(object),
                               np.ma.array(np.ones((4, 30)), mask=np.eye(4, 30)), np.ones((0, 30)), np.ones((4, 29))])
def test_rows_of_another_kind_are_refused_and_nothing_has_changed(x):
    net = BreastCancerNet()
    before = {name: value.copy() for name, value in net.params.items()}
    for use in (net.forward, net.scores, lambda x: net.loss(x, [0, 1, 0, 1]), lambda x: net.accuracy(x, [0, 1, 0, 1]),
                lambda x: breast_cancer.train(net, x, [0, 1, 0, 1], batch_size=2)):
        with pytest.raises((TypeError, ValueError), match='^x .*expect'):
            use(x)
    for name, value in net.params.items():
        np.testing.assert_array_equal(value, before[name])


def test_the_cross_entropy_of_other_kinds_is_refused():
    with pytest.raises(TypeError, match='^scores are .*; expected a Node'):
        binary_cross_entropy(np.ones(2), [0., 1.])
    for y in ('ab', [None, 1], [10**400, 1]):
        with pytest.raises(TypeError, match='^y '):
            binary_cross_entropy(Node([1., 2.]), y)


def test_the_usual_eps_of_the_layer_is_1e_5(rng):
    X, gamma, beta = Node([[0.], [1e-3]], 'X'), Node([1.]), Node([0.])
    expected = 5e-4 / np.sqrt(2.5e-7 + 1e-5)
    np.testing.assert_allclose(batch_norm(X, gamma, beta)[0].value, [[-expected], [expected]], rtol=1e-12)


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_how_a_network_begins(seed):
    net = BreastCancerNet(seed)
    for layer, inputs, outputs in (('fc1', 30, 20), ('fc2', 20, 10), ('fc3', 10, 1)):
        weight = net.params[f'weight_{layer}']
        assert weight.shape == (inputs, outputs)
        assert abs(weight.mean()) * np.sqrt(inputs * weight.size) < 5  # standard errors, of N(0, 1 / inputs)
        assert 0.4 < weight.std() * np.sqrt(inputs) < 1.6
    for number, units in (('1', 20), ('2', 10)):
        for name, start in (('gamma', 1), ('beta', 0), ('avg_mean', 0), ('avg_variance', 0)):
            assert net.params[f'{name}_bn{number}'].tolist() == [start] * units
    assert net.params['bias_fc3'].tolist() == [0]
    again = BreastCancerNet() if seed == 0 else BreastCancerNet(seed)  # 0 is the default
    for name, value in net.params.items():
        np.testing.assert_array_equal(again.params[name], value)


@pytest.mark.parametrize(('options', 'message'), [
    ({'momentum': -0.1}, 'momentum is -0.1; expected a finite number from 0 to 1 .0.9 is the usual one'),
    ({'eps': -1e-9}, 'eps is -1e-09; .*1e-5 is the usual one')])
def test_values_just_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        BreastCancerNet(**options)


def test_a_forward_pass_is_one_of_training_unless_said_otherwise(rng):
    x, y = rng.normal(3, 1, (6, 30)), [0, 1, 0, 1, 0, 1]
    for use in (lambda net: net.forward(x), lambda net: net.scores(x), lambda net: net.loss(x, y)):
        net = BreastCancerNet()
        use(net)
        assert net.params['avg_variance_bn1'].any()


def test_a_node_of_rows_is_taken_and_so_are_two_rows(rng):
    x, net = rng.normal(size=(2, 30)), BreastCancerNet()
    np.testing.assert_array_equal(net.forward(Node(x, 'x')).value, net.forward(x).value)
    assert net.forward(Node(x, 'x')).grad(np.ones((2, 1)))['x'].shape == (2, 30)
    without = BreastCancerNet(batch_norm=False)
    np.testing.assert_allclose(without.forward(x[:1]).value, without.forward(x).value[:1])  # one row is enough there


def test_the_accuracy_is_by_the_moving_averages_and_changes_nothing():
    rng = np.random.default_rng(0)
    net, x, y = BreastCancerNet(), rng.normal(size=(200, 30)), rng.integers(0, 2, 200)
    breast_cancer.train(net, x, y, epochs=2)
    before = {name: value.copy() for name, value in net.params.items()}
    p = net.forward(x, train=False).value[:, 0]
    assert net.accuracy(x, y) == np.mean((p > 0.5) == (y == 1))
    assert 0.2 < np.mean(p > 0.5) < 0.8  # else the test says little
    assert np.mean((p > 0.5) != (p > 0.6)) > 0
    for name, value in net.params.items():
        np.testing.assert_array_equal(value, before[name])


def test_a_probability_that_is_nan_is_no_right_answer():
    net = BreastCancerNet(batch_norm=False)
    net.params['weight_fc1'][:] = np.nan
    assert [net.accuracy(np.ones((2, 30)), [label, label]) for label in (0, 1)] == [0, 0]


@pytest.mark.parametrize('with_batch_norm', [True, False])
def test_a_step_of_training_is_the_gradient_times_the_learning_rate(with_batch_norm, rng):
    x, y = rng.normal(size=(8, 30)), rng.integers(0, 2, 8)
    net, twin = (BreastCancerNet(batch_norm=with_batch_norm) for _ in range(2))
    losses = breast_cancer.train(net, x, y, epochs=1, batch_size=8, lr=0.25)
    loss = twin.loss(x, y)
    assert losses == [pytest.approx(float(loss.value), rel=1e-12)]
    for name, gradient in loss.grad().items():
        np.testing.assert_allclose(net.params[name], twin.params[name] - 0.25 * gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(('n', 'batches'), [(31, None), (32, 1), (33, 1), (63, 1), (64, 2), (70, 2)])
def test_only_whole_batches_are_trained_with(n, batches, rng):
    x, y = rng.normal(size=(n, 30)), rng.integers(0, 2, n)
    if batches is None:
        with pytest.raises(ValueError, match='x has 31 rows and a batch 32; take a smaller batch_size'):
            breast_cancer.train(BreastCancerNet(), x, y)
    else:
        assert len(breast_cancer.train(BreastCancerNet(), x, y, epochs=3)) == 3 * batches


def test_the_defaults_of_training(rng):
    x, y = rng.normal(size=(40, 30)), rng.integers(0, 2, 40)
    first = breast_cancer.train(BreastCancerNet(), x, y)
    assert first == breast_cancer.train(BreastCancerNet(), x, y, epochs=20, batch_size=32, lr=0.1, seed=0)


def test_a_split_is_a_quarter_of_the_data_and_the_same_again():
    pytest.importorskip('sklearn')
    x_train, x_test, y_train, y_test = breast_cancer.load_split(3)
    assert (x_train.shape, x_test.shape, y_train.shape, y_test.shape) == ((426, 30), (143, 30), (426,), (143,))
    x = np.concatenate([x_train, x_test])
    np.testing.assert_allclose([x.mean(axis=0), x.std(axis=0)], [np.zeros(30), np.ones(30)], atol=1e-9)
    assert y_train.sum() + y_test.sum() == 357  # benign, of 569
    np.testing.assert_array_equal(x_test, breast_cancer.load_split(3)[1])
    assert not np.array_equal(x_test, breast_cancer.load_split(4)[1])


def test_each_split_has_its_seed_throughout():
    pytest.importorskip('sklearn')
    found = breast_cancer.accuracies(2, epochs=1)
    for seed in range(2):
        x_train, x_test, y_train, y_test = breast_cancer.load_split(seed)
        net = BreastCancerNet(seed)
        breast_cancer.train(net, x_train, y_train, epochs=1, seed=seed)
        assert found[seed] == net.accuracy(x_test, y_test)


def test_the_table_says_what_was_found(monkeypatch):
    asked = []

    def found(splits, batch_norm, epochs):
        asked.append((splits, batch_norm, epochs))
        return np.array([0.9, 0.96] if batch_norm else [0.5, 0.7])[:splits]

    monkeypatch.setattr(breast_cancer, 'accuracies', found)
    assert breast_cancer.table().splitlines()[2:] == ['| with batch norm | 0.9300 | 0.0424 | 0.9000 | 0.9600 |',
                                                      '| without | 0.6000 | 0.1414 | 0.5000 | 0.7000 |']
    assert breast_cancer.table(1, 3).splitlines()[2:] == ['| with batch norm | 0.9000 | - | 0.9000 | 0.9000 |',
                                                          '| without | 0.5000 | - | 0.5000 | 0.5000 |']
    assert asked == [(20, True, 20), (20, False, 20), (1, True, 3), (1, False, 3)]


def test_twenty_splits_unless_told_otherwise(monkeypatch):
    rows, labels = np.zeros((4, 30)), np.array([0, 1, 0, 1])
    monkeypatch.setattr(breast_cancer, 'load_split', lambda seed: (rows, rows, labels, labels))
    monkeypatch.setattr(breast_cancer, 'train', lambda *_, **__: None)
    assert breast_cancer.accuracies().shape == (20,)


@pytest.mark.parametrize('eps', [-1e-9, None, np.nan, np.array([1e-5])])
def test_the_layer_refuses_an_eps_that_is_none(eps, rng):
    X, gamma, beta = Node(rng.normal(size=(4, 2))), Node(np.ones(2)), Node(np.zeros(2))
    with pytest.raises((ValueError, TypeError), match=r'^eps is .*expected a finite number, at least 0'):
        batch_norm(X, gamma, beta, eps)


@pytest.mark.parametrize('splits', [0, 2.5, True])
def test_a_number_of_splits_that_is_none_is_refused(splits):
    with pytest.raises((ValueError, TypeError), match=r'^splits is .*expected a whole number, at least 1'):
        accuracies(splits)
