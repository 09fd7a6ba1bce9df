import numpy as np
import pytest

from gluon_bn import FullyConnectedNet
from gluon_bn.gradient_check import check_gradients


def small_problem(rng, N=6, D=5, C=4):
    return rng.standard_normal((N, D)), rng.integers(0, C, N)


@pytest.mark.parametrize(('options', 'reg', 'published'), [
    ({}, 0, 2.3004790897684924), ({}, 3.14, 7.052114776533016),
    ({'use_batchnorm': True}, 0, 2.2611955101340957), ({'use_batchnorm': True}, 3.14, 6.996533220108303)])
def test_initial_losses_are_the_published_ones(options, reg, published):
    np.random.seed(231)
    N, D, H1, H2, C = 2, 15, 20, 30, 10
    X, y = np.random.randn(N, D), np.random.randint(C, size=(N,))
    for r in (0, 3.14):  # the exercise builds one network after the other
        net = FullyConnectedNet([H1, H2], input_dim=D, num_classes=C, reg=r, weight_scale=5e-2, dtype=np.float64,
                                **options)
        if r == reg:
            assert net.loss(X, y)[0] == pytest.approx(published, rel=1e-14)


@pytest.mark.parametrize('dropout', [0, 0.4])
@pytest.mark.parametrize('reg', [0, 3.14])
@pytest.mark.parametrize('normalization', [None, 'batchnorm', 'layernorm'])
def test_gradients_of_every_parameter(normalization, reg, dropout, rng, seed):
    X, y = small_problem(rng)
    net = FullyConnectedNet([7, 6], input_dim=5, num_classes=4, dropout=dropout, reg=reg, weight_scale=0.5,
                            dtype=np.float64, seed=seed, normalization=normalization)
    for name, param in net.params.items():  # away from 0 and 1, and from ReLU's kink at 0
        if name[0] != 'W':
            param += rng.uniform(0.1, 0.5, param.shape)
    _, grads = net.loss(X, y)
    assert grads.keys() == net.params.keys()
    check_gradients(lambda: net.loss(X, y)[0], net.params, grads, h=1e-6)


@pytest.mark.parametrize(('normalization', 'zero'), [('batchnorm', True), ('layernorm', False), (None, False)])
def test_a_bias_before_batchnorm_has_no_gradient(normalization, zero, rng):
    """The mean over the batch contains the bias and takes it away again. Layer norm's mean over features does not."""
    X, y = small_problem(rng)
    net = FullyConnectedNet([7, 6], input_dim=5, num_classes=4, weight_scale=0.5, dtype=np.float64, seed=0,
                            normalization=normalization)
    loss, grads = net.loss(X, y)
    for name in ('b1', 'b2'):
        assert (np.abs(grads[name]).max() < 1e-15) == zero
    assert np.abs(grads['b3']).max() > 1e-3
    net.params['b1'] += rng.standard_normal(7)
    assert (abs(net.loss(X, y)[0] - loss) < 1e-12) == zero


def test_scores_use_the_running_values_and_change_nothing(rng):
    X, y = small_problem(rng)
    net = FullyConnectedNet([7], input_dim=5, num_classes=4, use_batchnorm=True, dropout=0.5, dtype=np.float64)
    for _ in range(3):
        net.loss(X, y)
    before = {name: array.copy() for name, array in net.statistics.items()}
    scores = net.loss(X)
    np.testing.assert_array_equal(scores, net.loss(X))
    np.testing.assert_allclose(scores[:2], net.loss(X[:2]), rtol=1e-12)  # not a function of the batch
    assert before.keys() == {'running_mean1', 'running_var1'}
    for name, array in before.items():
        np.testing.assert_array_equal(net.statistics[name], array)


def test_statistics_can_be_restored(rng):
    X, y = small_problem(rng)
    net, other = (FullyConnectedNet([7, 3], input_dim=5, num_classes=4, use_batchnorm=True, seed=0) for _ in range(2))
    net.loss(X, y)
    other.statistics = net.statistics
    np.testing.assert_array_equal(other.loss(X), net.loss(X))
    other.statistics = {}
    assert other.statistics == {}


def test_weights_come_from_the_seed_or_the_global_generator():
    np.random.seed(5)
    net = FullyConnectedNet([3], input_dim=2, num_classes=4, weight_scale=1, dtype=np.float64)
    np.random.seed(5)
    np.testing.assert_array_equal(net.params['W1'], np.random.randn(2, 3))
    np.testing.assert_array_equal(net.params['W2'], np.random.randn(3, 4))
    state = np.random.get_state()[1].copy()
    one, two, three = (FullyConnectedNet([3], seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.params['W1'], two.params['W1'])
    assert (one.params['W1'] != three.params['W1']).any()
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize('options', [{'use_batchnorm': True}, {'normalization': 'layernorm'}, {'dropout': 0.5}])
def test_float32_stays_float32(options, rng):
    net = FullyConnectedNet([8], input_dim=12, **options)
    _, grads = net.loss(rng.standard_normal((5, 3, 2, 2)), np.arange(5))
    assert {array.dtype for array in (*grads.values(), *net.statistics.values())} == {np.dtype(np.float32)}


def test_dropout_without_a_seed_drops_other_values_each_time(rng):
    X, y = small_problem(rng)
    net = FullyConnectedNet([50], input_dim=5, num_classes=4, dropout=0.5, weight_scale=1)
    assert net.loss(X, y)[0] != net.loss(X, y)[0]


@pytest.mark.parametrize(('options', 'message'), [
    ({'normalization': 'groupnorm'}, 'expected None or one of batchnorm, layernorm'),
    ({'dropout': 1}, 'probability of dropping'),
    ({'use_batchnorm': 'no'}, "use_batchnorm is 'no'; expected True or False"),
    ({'use_batchnorm': 1}, 'use_batchnorm is 1'), ({'dtype': 'U3'}, 'dtype is'),
    ({'dtype': int}, "dtype is <class 'int'>; expected a type of floating-point numbers"),
    ({'dtype': None}, 'dtype is None'), ({'dtype': bool}, 'dtype is'), ({'dropout': np.nan}, 'dropout is nan'),
    ({'reg': -1}, 'reg is -1'), ({'weight_scale': np.inf}, 'weight_scale is inf'), ({'seed': -1}, 'seed is -1'),
    ({'seed': 2**32}, 'seed is'), ({'input_dim': 0}, 'input_dim is 0'), ({'num_classes': 2.5}, 'num_classes is 2.5'),
    ({'hidden_dims': [5, 0]}, r'hidden_dims\[1\] is 0'),
    ({'use_batchnorm': True, 'normalization': 'layernorm'}, 'choose one')])
def test_refuses(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        FullyConnectedNet(**{'hidden_dims': [5], **options})


@pytest.mark.parametrize('y', [[[0], [1]], [0, 9], [-1, 0], [0.5, 1], [np.nan, 1], np.eye(4)[[0, 1]], [0], 0], ids=str)
def test_labels_that_are_no_classes_are_refused_and_nothing_has_changed(y):
    net = FullyConnectedNet([5], input_dim=3, num_classes=4, use_batchnorm=True)
    with pytest.raises((TypeError, ValueError), match='expected|labels'):
        net.loss(np.eye(2, 3), y)
    assert net.statistics == {}


@pytest.mark.parametrize('X', [np.zeros((0, 3)), 5., [['a', 'b', 'c']], np.ones((2, 3), complex), [[1], [1, 2]]],
                         ids=str)
def test_examples_that_are_none_are_refused(X):
    with pytest.raises((TypeError, ValueError), match='X '):
        FullyConnectedNet([5], input_dim=3, num_classes=4).loss(X)


def test_lists_and_integers_are_taken_as_arrays(rng):
    X, y = rng.integers(0, 255, (6, 2, 3)).astype(np.uint8), rng.integers(0, 4, 6)
    net = FullyConnectedNet([5], input_dim=6, num_classes=4, seed=0)
    np.testing.assert_array_equal(net.loss(X), net.loss(X.astype(np.float32)))
    assert net.loss(X.tolist(), y.tolist())[0] == net.loss(X.astype(np.float32), y.astype(np.float32))[0]


@pytest.mark.parametrize(('change', 'message'), [
    (lambda s: s.pop('running_var2'), 'no running_var2'), (lambda s: s.pop('running_mean1'), 'no running_mean1'),
    (lambda s: s.update(running_var1=-s['running_var1']), 'running_var1 has -'),
    (lambda s: s.update(running_mean1=s['running_mean1'][:1]), r'running_mean1 has shape \(1,\)'),
    (lambda s: s.update(running_mean1=['a'] * 7), 'running_mean1'),
    (lambda s: s.update(running_mean9=0), 'running_mean9')])
def test_statistics_that_do_not_fit_are_refused_and_nothing_has_changed(change, message, rng):
    net = FullyConnectedNet([7, 3], input_dim=5, num_classes=4, use_batchnorm=True, seed=0)
    net.loss(*small_problem(rng))
    before, changed = net.statistics, dict(net.statistics)
    change(changed)
    with pytest.raises((TypeError, ValueError), match=message):
        net.statistics = changed
    assert net.statistics == before or all(net.statistics[name] is before[name] for name in before)


def test_a_type_of_the_other_order_of_bytes_is_that_of_this_machine():
    net = FullyConnectedNet([3], input_dim=2, num_classes=2, dtype='>f4')
    assert {str(param.dtype) for param in net.params.values()} == {'float32'}


@pytest.mark.parametrize('dtype', [np.float16, int, None, 'abc', np.ones((2, 2)), 10**400])
def test_types_in_which_the_network_cannot_compute_are_refused(dtype):
    with pytest.raises(TypeError, match='^dtype is .*; expected a type of floating-point numbers') as caught:
        FullyConnectedNet([3], dtype=dtype)
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_defaults_are_those_of_the_exercise(rng):
    net = FullyConnectedNet([100], seed=0)
    assert {name: param.shape for name, param in net.params.items()} == {
        'W1': (3 * 32 * 32, 100), 'b1': (100,), 'W2': (100, 10), 'b2': (10,)}
    assert {param.dtype for param in net.params.values()} == {np.dtype(np.float32)}
    assert abs(net.params['W1'].std() / 1e-2 - 1) < 0.01  # 307,200 values: 7 standard deviations
    X, y = rng.standard_normal((4, 3, 32, 32)), np.arange(4)
    plain = FullyConnectedNet([100], seed=0, dropout=0, reg=0, use_batchnorm=False)
    assert net.loss(X, y)[0] == plain.loss(X, y)[0]


@pytest.mark.parametrize(('options', 'message'), [
    ({'dropout': -0.1}, 'dropout is -0.1; .*at least 0 and below 1 .the probability of dropping'),
    ({'weight_scale': -1}, 'weight_scale is -1; expected a finite number, at least 0'),
    ({'normalization': ['batchnorm']}, 'normalization is .*; expected None or one of batchnorm, layernorm'),
    ({'num_classes': 0}, 'num_classes is 0; expected a whole number, at least 1')])
def test_values_just_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FullyConnectedNet([5], **options)


def test_one_input_one_class_and_weights_of_zero_are_a_network():
    net = FullyConnectedNet([2], input_dim=1, num_classes=1, weight_scale=0)
    loss, grads = net.loss([[3.], [4.]], [0, 0])
    assert loss == 0
    assert grads['W1'].tolist() == [[0, 0]]


def test_one_example_is_scored_as_among_others(rng):
    X, y = small_problem(rng)
    net = FullyConnectedNet([7], input_dim=5, num_classes=4, use_batchnorm=True, dtype=np.float64)
    net.loss(X, y)
    np.testing.assert_allclose(net.loss(X[:1]), net.loss(X)[:1], rtol=1e-12)


def test_a_variance_of_0_is_one_that_can_be_restored(rng):
    X, y = small_problem(rng)
    net = FullyConnectedNet([7], input_dim=5, num_classes=4, use_batchnorm=True, seed=0)
    net.loss(X, y)
    net.statistics = {**net.statistics, 'running_var1': np.zeros(7)}
    assert net.statistics['running_var1'].tolist() == [0] * 7
    with pytest.raises(ValueError, match='running_var1 has -1e-09; expected variances, at least 0'):
        net.statistics = {**net.statistics, 'running_var1': np.full(7, -1e-9)}
