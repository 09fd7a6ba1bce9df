"""The update rules against cs231n's published numbers and the formulas of their papers, written out anew."""
import numpy as np
import pytest

from gluon_bn.reference.update_rules import UPDATE_RULES, adam, rmsprop, sgd_momentum, update_rule

W = np.linspace(-0.4, 0.6, 20).reshape(4, 5)
DW = np.linspace(-0.6, 0.4, 20).reshape(4, 5)


def test_momentum_after_two_steps_by_head():
    w, config = sgd_momentum(np.array([10.]), np.array([1.]), {'learning_rate': 1.})
    assert w.tolist() == [9]
    w, config = sgd_momentum(w, np.array([1.]), config)
    np.testing.assert_allclose(w, 9 - 1 - 0.9)
    np.testing.assert_allclose(config['velocity'], -1.9)


def test_momentum_goes_on_from_a_velocity():
    velocity = np.linspace(0.6, 0.9, 20).reshape(4, 5)
    w, config = sgd_momentum(W, DW, {'learning_rate': 1e-3, 'velocity': velocity})
    np.testing.assert_allclose(w[0], [0.1406, 0.20738947, 0.27417895, 0.34096842, 0.40775789], atol=5e-9)
    np.testing.assert_allclose(config['velocity'][0], [0.5406, 0.55475789, 0.56891579, 0.58307368, 0.59723158],
                               atol=5e-9)


def test_rmsprop_gives_the_published_numbers():
    cache = np.linspace(0.6, 0.9, 20).reshape(4, 5)
    w, config = rmsprop(W, DW, {'learning_rate': 1e-2, 'cache': cache})
    np.testing.assert_allclose(w[0], [-0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247], atol=5e-9)
    np.testing.assert_allclose(config['cache'][0], [0.5976, 0.6126277, 0.6277108, 0.64284931, 0.65804321], atol=5e-9)


def test_adam_gives_the_published_numbers():
    m, v = np.linspace(0.6, 0.9, 20).reshape(4, 5), np.linspace(0.7, 0.5, 20).reshape(4, 5)
    w, config = adam(W, DW, {'learning_rate': 1e-2, 'm': m, 'v': v, 't': 5})
    np.testing.assert_allclose(w[0], [-0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977], atol=5e-9)
    np.testing.assert_allclose(config['m'][0], [0.48, 0.49947368, 0.51894737, 0.53842105, 0.55789474], atol=5e-9)
    np.testing.assert_allclose(config['v'][0], [0.69966, 0.68908382, 0.67851319, 0.66794809, 0.65738853], atol=5e-9)
    assert config['t'] == 6


@pytest.mark.parametrize('scale', [1e-4, 1, 1e4])
def test_adams_first_step_has_the_length_of_the_learning_rate(scale):
    """Only with t = 1 in the first step and corrections applied to copies; the first step is then lr * sign(dw)."""
    w, _ = adam(np.zeros(3), scale * np.array([1., -2., 3.]), {'learning_rate': 0.1})
    np.testing.assert_allclose(w, [-0.1, 0.1, -0.1], rtol=1e-3)


def test_adam_under_a_constant_gradient_keeps_its_step_and_its_moments_grow(rng):
    """m after k steps is (1 - beta1**k) dw: stored as it is. A correction stored again and again would blow it up."""
    w, config = np.zeros(1), {'learning_rate': 0.1}
    for k in range(1, 30):
        before = w
        w, config = adam(w, np.array([2.]), config)
        np.testing.assert_allclose(config['m'], (1 - 0.9 ** k) * 2, rtol=1e-12)
        np.testing.assert_allclose(before - w, 0.1, rtol=1e-6)


@pytest.mark.parametrize('name', UPDATE_RULES)
def test_every_rule_goes_downhill_and_leaves_w_and_its_type_alone(name):
    rule, config = update_rule(name, {'learning_rate': 0.05})
    w = np.array([3., -2.], np.float32)
    start = w.copy()
    current = w
    for _ in range(200):
        current, config = rule(current, 2 * current, config)
    np.testing.assert_array_equal(w, start)
    assert current.dtype == np.float32
    assert np.abs(current).max() < 0.2


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match="'adagrad'; expected 'sgd', 'momentum', 'sgd_momentum', 'rmsprop' or 'adam'"):
        update_rule('adagrad', {})
    with pytest.raises(ValueError, match="'lr'; expected one of: learning_rate, beta1, beta2, epsilon"):
        update_rule('adam', {'lr': 1})


RULES = ('sgd', 'sgd_momentum', 'rmsprop', 'adam')


@pytest.mark.parametrize('name', RULES)
@pytest.mark.parametrize('dw', [np.ones((1, 5)), np.ones((4, 1)), np.ones(()), np.ones((1, 4, 5))], ids=np.shape)
def test_a_gradient_of_another_shape_is_refused_and_nothing_has_changed(name, dw):
    config = {'learning_rate': 0.5}
    with pytest.raises(ValueError, match=r'dw has shape .* expected \(4, 5\)'):
        UPDATE_RULES[name](W, dw, config)
    assert config == {'learning_rate': 0.5}


@pytest.mark.parametrize(('name', 'array'), [('sgd_momentum', 'velocity'), ('rmsprop', 'cache'), ('adam', 'm'),
                                             ('adam', 'v')])
def test_what_is_remembered_of_another_shape_is_refused(name, array):
    with pytest.raises(ValueError, match=rf'{array} has shape \(1, 5\); expected \(4, 5\)'):
        UPDATE_RULES[name](W, DW, {array: np.zeros((1, 5))})


@pytest.mark.parametrize(('name', 'setting', 'value'), [
    ('sgd', 'learning_rate', value) for value in (0, -1, np.nan, np.inf, True, '1', None, np.array([0.1]))] + [
    ('sgd_momentum', 'momentum', 1), ('sgd_momentum', 'momentum', -0.1), ('rmsprop', 'decay_rate', 1.5),
    ('rmsprop', 'epsilon', 0), ('adam', 'beta1', 1), ('adam', 'beta2', 1), ('adam', 't', -1), ('adam', 't', 1.5)])
def test_settings_out_of_range_are_refused(name, setting, value):
    with pytest.raises((TypeError, ValueError), match=f'{setting} is .*expected'):
        UPDATE_RULES[name](W, DW, {setting: value})


@pytest.mark.parametrize('name', RULES)
def test_lists_and_whole_numbers_are_taken_as_floats(name):
    expected = UPDATE_RULES[name](np.array([1., 2.]), np.array([3., -4.]))[0]
    np.testing.assert_array_equal(UPDATE_RULES[name]([1, 2], np.array([3, -4]))[0], expected)


@pytest.mark.parametrize('config', [3, 'ab', [], np.ones(2)])
def test_settings_that_are_no_dictionary_are_refused(config):
    for rule in UPDATE_RULES.values():
        with pytest.raises(TypeError, match='^config is .*; expected a dictionary'):
            rule(np.ones(2), np.ones(2), config)


def test_the_defaults_are_those_of_the_exercise():
    expected = {'sgd': {'learning_rate': 1e-2}, 'sgd_momentum': {'learning_rate': 1e-2, 'momentum': 0.9},
                'rmsprop': {'learning_rate': 1e-2, 'decay_rate': 0.99, 'epsilon': 1e-8},
                'adam': {'learning_rate': 1e-3, 'beta1': 0.9, 'beta2': 0.999, 'epsilon': 1e-8}}
    for name, settings in expected.items():
        assert update_rule(name, {})[1] == settings
        config = UPDATE_RULES[name](np.ones(1), np.ones(1))[1]
        assert {setting: config[setting] for setting in settings} == settings


def test_epsilon_is_added_to_the_root():
    """It is 1 here: beside a usual one of 1e-8 nothing would be seen of it."""
    w, _ = rmsprop(np.array([10.]), np.array([2.]), {'learning_rate': 6., 'decay_rate': 0.75, 'epsilon': 1.})
    np.testing.assert_allclose(w, 10 - 6 * 2 / (1 + 1))  # the root of 0.25 * 2**2 is 1
    w, _ = adam(np.array([10.]), np.array([2.]), {'learning_rate': 6., 'epsilon': 1.})
    np.testing.assert_allclose(w, 10 - 6 * 2 / (2 + 1))  # without their bias the moments are 2 and 4


@pytest.mark.parametrize('name', ['rmsprop', 'adam'])
def test_a_gradient_of_0_changes_nothing(name):
    assert UPDATE_RULES[name](np.array([3.]), np.zeros(1))[0].tolist() == [3]


def test_adam_can_be_told_that_it_has_made_no_step():
    told, fresh = adam(W, DW, {'t': 0}), adam(W, DW, {})
    np.testing.assert_array_equal(told[0], fresh[0])
    assert told[1]['t'] == fresh[1]['t'] == 1


def test_momentum_may_be_0_and_is_then_plain_descent():
    config = {'momentum': 0, 'learning_rate': 0.5}
    w, config = sgd_momentum(np.array([1.]), np.array([1.]), config)
    assert sgd_momentum(w, np.array([1.]), config)[0].tolist() == [0]
