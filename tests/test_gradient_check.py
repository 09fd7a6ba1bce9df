"""The checker is checked: what is right passes, what is wrong fails, what cannot be checked is refused."""
import numpy as np
import pytest

from gluon_bn.gradient_check import (
    GradientError,
    check_gradients,
    eval_numerical_gradient,
    eval_numerical_gradient_array,
    rel_error,
)


def test_rel_error_is_the_exercises():
    assert rel_error(np.array([1., 3.]), np.array([1., 1.])) == 0.5
    assert rel_error(np.array([0.]), np.array([1e-9])) == pytest.approx(0.1)  # not below 1e-8 in the denominator
    assert rel_error(np.zeros(0), np.zeros(0)) == 0


def test_numerical_gradient_of_a_number(rng, capsys):
    x = rng.standard_normal((2, 3))
    before = x.copy()
    np.testing.assert_allclose(eval_numerical_gradient(lambda v: np.sin(v).sum(), x), np.cos(x), rtol=1e-8,
                               atol=2e-10)  # 2**-53 times the sum, at most 6, over h
    np.testing.assert_array_equal(x, before)
    assert capsys.readouterr().out.count('\n') == 6
    eval_numerical_gradient(lambda v: np.sin(v).sum(), x, verbose=False)
    assert capsys.readouterr().out == ''


def test_numerical_gradient_of_an_array(rng):
    x, A, dout = rng.standard_normal(3), rng.standard_normal((4, 3)), rng.standard_normal(4)
    np.testing.assert_allclose(eval_numerical_gradient_array(lambda v: A @ v, x, dout), A.T @ dout, rtol=1e-8,
                               atol=2e-9)  # 3 * 2**-53 / h times the sum of the 4 terms, each of about 15 at most


def test_f_may_return_its_argument(rng):
    x = rng.standard_normal(3)
    dout = np.array([1., 2., 3.])
    np.testing.assert_allclose(eval_numerical_gradient_array(lambda v: v, x, dout), dout, rtol=1e-8)


def test_the_array_is_restored_when_f_raises():
    x = np.array([1., 2.])

    def f(v):
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        eval_numerical_gradient(f, x)
    assert x.tolist() == [1, 2]


def test_integers_have_no_derivative():
    with pytest.raises(TypeError, match='int'):
        eval_numerical_gradient(lambda v: v.sum(), np.array([1, 2]), verbose=False)


def cubes(rng, shape=(3, 4)):
    """The cubes' arguments, upstream gradient and gradient, away from 0, where a wrong factor would not show."""
    x, dout = (rng.choice([-1, 1], shape) * rng.uniform(0.5, 1.5, shape) for _ in range(2))
    return x, dout, 3 * x ** 2 * dout


def test_the_right_gradient_passes_and_its_error_is_returned(rng):
    x, dout, dx = cubes(rng)
    before = x.copy()
    errors = check_gradients(lambda: x ** 3, {'x': x}, {'x': dx}, dout)
    numerical = eval_numerical_gradient_array(lambda v: v ** 3, x, dout)
    assert errors == {'x': rel_error(dx, numerical)}
    np.testing.assert_array_equal(x, before)


def test_a_number_needs_no_upstream_gradient(rng):
    x = rng.standard_normal(4)
    check_gradients(lambda: (x ** 2).sum(), {'x': x}, {'x': 2 * x})


def test_the_worst_entry_is_named_with_its_index(rng):
    x, dout, dx = cubes(rng)
    dx[2, 1] *= 3
    dx[0, 3] *= 1.001
    with pytest.raises(GradientError, match=r'dx is off in 2 of 12 entries, most at \[2, 1\].*relative error 0\.5'):
        check_gradients(lambda: x ** 3, {'x': x}, {'x': dx}, dout)


@pytest.mark.parametrize('factor', [-1, 0, 1.00001, np.nan, np.inf])
def test_wrong_factors_fail(factor, rng):
    x, dout, dx = cubes(rng)
    with pytest.raises(GradientError):
        check_gradients(lambda: x ** 3, {'x': x}, {'x': factor * dx}, dout)


def test_a_gradient_of_another_shape_fails(rng):
    x, dout, dx = cubes(rng)
    with pytest.raises(GradientError, match=r'dx has shape \(1, 3, 4\)'):
        check_gradients(lambda: x ** 3, {'x': x}, {'x': dx[None]}, dout)


@pytest.mark.parametrize('upstream', [
    np.ones((3, 4)), np.zeros((3, 4)), np.full((3, 4), np.nan), np.arange(3.)[:, None] * np.ones(4),
    np.arange(4.) * np.ones((3, 1)), np.ones((3, 4)) * (1 + 1e-9 * np.arange(4))], ids=str)
def test_a_degenerate_upstream_gradient_is_refused(upstream, rng):
    x, _, _ = cubes(rng)
    with pytest.raises(ValueError, match='draw it at random'):
        check_gradients(lambda: x ** 3, {'x': x}, {'x': 3 * x ** 2 * upstream}, upstream)


def test_upstream_gradients_of_one_row_or_column_are_fine(rng):
    for shape in ((1, 4), (4, 1), (1, 1), (1,)):
        x, dout, dx = cubes(rng, shape)
        check_gradients(lambda x=x: x ** 3, {'x': x}, {'x': dx}, dout)


@pytest.mark.parametrize('x', [2.7e-3, 1e-4, 1e-5, 0.])
def test_the_error_of_the_difference_is_not_the_gradients(x):
    """The difference of x**3 is h**2 too large, however small the derivative is; a wrong derivative stays wrong."""
    x, dout = np.array([x, 1.]), np.array([-0.7, 0.01])
    dx = 3 * x ** 2 * dout
    assert rel_error(dx, eval_numerical_gradient_array(lambda v: v ** 3, x, dout)) > 1e-6
    check_gradients(lambda: x ** 3, {'x': x}, {'x': dx}, dout)
    with pytest.raises(GradientError, match=r'dx is off in 1 of 2 entries, most at \[0\]'):
        check_gradients(lambda: x ** 3, {'x': x}, {'x': dx + [1e-9, 0]}, dout)


def test_an_infinite_difference_is_off_and_no_warning():
    x = np.array([1e-6, 1.])
    with pytest.raises(GradientError, match=r'dx is off in 1 of 2 entries, most at \[0\]'):
        check_gradients(lambda: np.where(x > 0, x, np.inf), {'x': x}, {'x': np.array([1., 2.])}, np.array([1., 2.]))


def test_an_upstream_gradient_is_needed_and_must_fit(rng):
    x, dout, dx = cubes(rng)
    with pytest.raises(ValueError, match='give dout'):
        check_gradients(lambda: x ** 3, {'x': x}, {'x': dx})
    with pytest.raises(ValueError, match=r'dout has shape \(4, 3\), and f returns \(3, 4\)'):
        check_gradients(lambda: x ** 3, {'x': x}, {'x': dx}, dout.T)


def test_float32_is_refused(rng):
    x, dout, dx = (array.astype(np.float32) for array in cubes(rng))
    with pytest.raises(TypeError, match='float32; expected a float64 array'):
        check_gradients(lambda: x ** 3, {'x': x}, {'x': dx}, dout)


def test_a_gradient_must_be_there_for_each_array(rng):
    x, dout, dx = cubes(rng)
    with pytest.raises(ValueError, match="no gradient of 'x'"):
        check_gradients(lambda: x ** 3, {'x': x}, {'X': dx}, dout)


def test_a_kink_is_called_a_kink(rng):
    x, dout = np.array([3e-6, -1.]), np.array([1., 2.])
    with pytest.raises(GradientError, match='there is a kink within h'):
        check_gradients(lambda: np.maximum(x, 0), {'x': x}, {'x': (x > 0) * dout}, dout)


def test_a_wrong_gradient_of_a_smooth_function_is_not_called_a_kink(rng):
    x, dout, dx = cubes(rng)
    with pytest.raises(GradientError) as error:
        check_gradients(lambda: x ** 3, {'x': x}, {'x': 2 * dx}, dout)
    assert 'kink' not in str(error.value)


def test_zero_gradients_pass_through_rounding_noise(rng):
    """A function that is large and does not depend on x: the differences are noise, and 0 is right."""
    x, big = rng.standard_normal(3), 1e3 * rng.standard_normal(50)
    check_gradients(lambda: np.sum(big) + (np.sum(x) - np.sum(x)), {'x': x}, {'x': np.zeros(3)})


@pytest.mark.parametrize('tolerance', [np.inf, np.nan, 0, -1e-6, 1, True, '1e-6', None])
def test_a_tolerance_that_lets_anything_pass_is_refused(tolerance, rng):
    x, dout, dx = cubes(rng)
    with pytest.raises((TypeError, ValueError), match='tolerance is .* above 0 and below 1'):
        check_gradients(lambda: x ** 3, {'x': x}, {'x': -dx}, dout, tolerance=tolerance)


@pytest.mark.parametrize('h', [np.inf, np.nan, 0, -1e-5, True, '1'])
def test_a_step_that_is_none_is_refused(h, rng):
    x, dout, dx = cubes(rng)
    for check in (lambda: check_gradients(lambda: x ** 3, {'x': x}, {'x': dx}, dout, h=h),
                  lambda: eval_numerical_gradient(np.sum, x, verbose=False, h=h),
                  lambda: eval_numerical_gradient_array(lambda v: v, x, dout, h=h)):
        with pytest.raises((TypeError, ValueError), match='h is '):
            check()


def test_what_would_be_broadcast_is_refused(rng):
    x, dout, _ = cubes(rng)
    with pytest.raises(ValueError, match=r'df has shape \(4,\), and f returns \(3, 4\)'):
        eval_numerical_gradient_array(lambda v: v, x, dout[0])
    with pytest.raises(ValueError, match=r'f returns an array \(3, 4\); expected a number'):
        eval_numerical_gradient(lambda v: v, x, verbose=False)
    with pytest.raises(ValueError, match=r'x has shape \(3, 4\) and y \(4,\)'):
        rel_error(x, x[0])
    with pytest.raises(TypeError, match="verbose is 'no'"):
        eval_numerical_gradient(np.sum, x, verbose='no')


@pytest.mark.parametrize(('x', 'h'), [(np.array([1.], np.float16), 1e-5), (np.array([1., 1000.], np.float32), 1e-5),
                                      (np.array([1.]), 1e-17), (np.array([1.]), 5e-324), (np.array([1e12]), 1e-5)])
def test_a_step_that_is_lost_in_rounding_is_refused(x, h):
    before = x.copy()
    with pytest.raises(ValueError, match='^x holds .* is lost there; expected one that changes every entry'):
        eval_numerical_gradient(lambda v: float(np.sum(v.astype(float) ** 2)), x, verbose=False, h=h)
    np.testing.assert_array_equal(x, before)
    if x.dtype == np.float64:  # a step that changes nothing let every gradient pass
        with pytest.raises(ValueError, match='is lost there'):
            check_gradients(lambda: np.sum(x ** 2), {'x': x}, {'x': np.array([-77.])}, h=h)


def test_an_array_that_cannot_be_changed_is_refused():
    x = np.ones(2)
    x.flags.writeable = False
    with pytest.raises(ValueError, match='^x is read-only; expected'):
        eval_numerical_gradient(np.sum, x, verbose=False)
    with pytest.raises(TypeError, match='^x is a masked array; expected'):
        eval_numerical_gradient(np.sum, np.ma.array([1., 2.], mask=[True, False]), verbose=False)


def test_rel_error_of_small_types_is_that_of_the_numbers():
    assert rel_error(np.uint8([1]), np.uint8([2])) == pytest.approx(1 / 3)  # 1 - 2 is 255 there
    assert rel_error(np.int8([-100]), np.int8([100])) == 1
    assert rel_error(np.zeros(1, np.float16), np.zeros(1, np.float16)) == 0
    for value in (np.array([1, None]), np.ma.array([1., 2.], mask=[True, False]), ['a'], [[1], [1, 2]]):
        with pytest.raises((TypeError, ValueError), match='^x .*; expected'):
            rel_error(value, np.ones(2))


@pytest.mark.parametrize(('arguments', 'message'), [
    ({'f': 3}, '^f is 3; expected a function'), ({'f': lambda: 'abc'}, "^what f returns is 'abc'; expected"),
    ({'f': lambda: None}, '^what f returns '), ({'arrays': []}, '^arrays is a list; expected a dictionary'),
    ({'gradients': None}, '^gradients is a NoneType; expected a dictionary'),
    ({'gradients': {'x': ['a']}}, '^dx has type <U1; expected'), ({'dout': 'a'}, "^dout is 'a'; expected")])
def test_arguments_of_another_kind_are_refused(arguments, message):
    x = np.array([1., 3.])
    right = {'f': lambda: x ** 2, 'arrays': {'x': x}, 'gradients': {'x': [1., -12.]}, 'dout': [.5, -2.]}
    assert check_gradients(**right)['x'] < 1e-6
    with pytest.raises((TypeError, ValueError), match=message):
        check_gradients(**{**right, **arguments})
    assert x.tolist() == [1, 3]


def linear(largest=1.):
    """A function of x with gradient (largest, 0), small values, and so next to no rounding noise."""
    x = np.array([1e-3, 1e-3])
    return x, lambda: largest * x[0] + 0 * x[1], np.array([largest, 0.])


@pytest.mark.parametrize('largest', [1., 100.])
def test_beside_large_entries_a_thousandth_of_the_tolerance_passes_for_0(largest):
    x, f, dx = linear(largest)
    check_gradients(f, {'x': x}, {'x': dx + [0, 5e-10 * largest]})
    for wrong in (3e-9, 1e-7, 1e-3):
        with pytest.raises(GradientError, match=r'dx is off in 1 of 2 entries, most at \[1\]'):
            check_gradients(f, {'x': x}, {'x': dx + [0, wrong * largest]})
    check_gradients(f, {'x': x}, {'x': dx + [0, 3e-9 * largest]}, tolerance=1e-5)


@pytest.mark.parametrize(('factor', 'passes'), [(1 + 1.6e-6, True), (1 - 1.6e-6, True), (1 + 2.6e-6, False),
                                                (1 - 2.6e-6, False)])
def test_the_tolerance_is_of_the_error_over_the_sum_of_both(factor, passes):
    x, f, dx = linear()
    if passes:
        assert check_gradients(f, {'x': x}, {'x': factor * dx})['x'] == pytest.approx(0.8e-6, rel=1e-3)
    else:
        with pytest.raises(GradientError):
            check_gradients(f, {'x': x}, {'x': factor * dx})


def test_rounding_noise_is_that_of_the_upstream_gradients_sum(rng):
    """Both the function and its upstream gradient are large, and nothing depends on x."""
    x, big, dout = rng.standard_normal(3), 1e3 * rng.standard_normal(50), 1e3 * rng.standard_normal(50)
    check_gradients(lambda: big + np.sum(x) - np.sum(x), {'x': x}, {'x': np.zeros(3)}, dout)
    for scale in (1e-6, 1e-9):  # and small where they are small
        x = np.array([scale])
        with pytest.raises(GradientError):
            check_gradients(lambda x=x: x[0] * 1., {'x': x}, {'x': np.array([1 + 1e-5])}, h=scale)


def test_an_array_without_values_has_a_right_gradient():
    x = np.zeros((0, 3))
    assert check_gradients(lambda: np.sum(x) + 1., {'x': x}, {'x': np.zeros((0, 3))}) == {'x': 0}


@pytest.mark.parametrize('x', [1., -1.])
def test_a_step_that_is_lost_on_one_side_is_refused(x):
    """Beside 1, floating-point numbers are twice as dense below as above."""
    assert (x + 8e-17 == x) != (x - 8e-17 == x)
    with pytest.raises(ValueError, match='is lost there'):
        eval_numerical_gradient(lambda v: float(v[0]), np.array([x]), verbose=False, h=8e-17)
    with pytest.raises(ValueError, match='is lost there'):
        check_gradients(lambda: 1., {'x': np.array([x])}, {'x': np.array([1.])}, h=8e-17)


def test_upstream_gradients_may_be_tiny_or_nearly_the_same():
    x = np.array([[1., 2.], [3., 4.]])
    for dout in (1e-12 * np.array([[1., -2.], [3., 5.]]), 1 + 4e-6 * np.array([[1., -1.], [-1., 1.]])):
        check_gradients(lambda: 2 * x, {'x': x}, {'x': 2 * dout}, dout)


def test_an_entry_that_is_no_number_is_the_worst(rng):
    x, dout, dx = cubes(rng)
    dx[2, 1] *= 3
    dx[0, 3] = np.nan
    with pytest.raises(GradientError, match=r'dx is off in 2 of 12 entries, most at \[0, 3\]: the backward pass says '):
        check_gradients(lambda: x ** 3, {'x': x}, {'x': dx}, dout)


def test_curvature_is_not_called_a_kink_and_a_kink_is_shown():
    """Beside the lowest point of a parabola the differences to either side are far apart, and it has no kink."""
    x = np.array([2e-5, 1.])
    with pytest.raises(GradientError, match=r'most at \[0\]') as error:
        check_gradients(lambda: np.sum(x ** 2), {'x': x}, {'x': np.array([8e-5, 2.])})
    assert 'kink' not in str(error.value)
    x = np.array([3e-6])
    with pytest.raises(GradientError, match=r'From the left it is 0\.6, from the right 2: there is a kink within h'):
        check_gradients(lambda: 2 * np.maximum(x[0], 0), {'x': x}, {'x': np.array([2.])})


def test_the_usual_tolerance_is_named():
    with pytest.raises(ValueError, match='tolerance is 2; .*the largest relative error that passes; 1e-6 is usual'):
        check_gradients(lambda: 1., {}, {}, tolerance=2)
    with pytest.raises(ValueError, match='h is 0; expected a finite number, above 0 .1e-5 is the usual step'):
        check_gradients(lambda: 1., {'x': np.ones(1)}, {'x': [0.]}, h=0)


@pytest.mark.parametrize('shape', [(), (1,), (1, 1)])
def test_an_upstream_gradient_of_a_single_0_is_refused(shape):
    x = np.ones(shape)
    with pytest.raises(ValueError, match='dout is zero everywhere or not finite; draw it at random'):
        check_gradients(lambda: 2 * x, {'x': x}, {'x': np.ones(shape)}, np.zeros(shape))
    check_gradients(lambda: 2 * x, {'x': x}, {'x': 6 * np.ones(shape)}, 3 * np.ones(shape))


@pytest.mark.parametrize('result', [True, None, 'a', 1j, 3, np.ones((), int), np.ma.array(1., mask=True)],
                         ids=['bool', 'None', 'str', 'complex', 'int', 'array of int', 'masked'])
def test_what_f_returns_is_a_floating_point_number(result):
    """A whole number would be 0 or 50,000, and of a complex one only the real part would be looked at."""
    x = np.ones(2)
    for call in (lambda: eval_numerical_gradient(lambda x: result, x, verbose=False),
                 lambda: eval_numerical_gradient_array(lambda x: result, x, np.ones(()))):
        with pytest.raises((TypeError, ValueError), match='^what f returns .*expected .*floating-point numbers'):
            call()
    assert x.tolist() == [1, 1]


def test_a_check_of_nothing_does_not_pass():
    with pytest.raises(ValueError, match='arrays is empty; expected at least one'):
        check_gradients(lambda: np.ones(2), {}, {}, np.array([1., 2.]))
