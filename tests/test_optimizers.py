import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn import sgd
from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.optimizers import joined, momentum_sgd, one_cycle, rmsprop

pytestmark = pytest.mark.usefixtures('formulation')


def param(values, ctx=None, dtype='float32', gradient=None):
    """A parameter with the given values, and the given gradient."""
    array = nd.array(values, ctx=ctx, dtype=dtype)
    array.attach_grad()
    if gradient is not None:
        array.grad[:] = gradient
    return array


def test_agrees_with_gluons_trainer(ctx, rng):
    start, target = rng.normal(0, 1, (3, 4)), nd.array(rng.normal(0, 1, (3, 4)), ctx=ctx)
    ours = param(start, ctx)
    theirs = mx.gluon.Parameter('w', shape=(3, 4))
    theirs.initialize(mx.init.Constant(nd.array(start)), ctx=ctx)
    trainer = mx.gluon.Trainer([theirs], 'sgd', {'learning_rate': 0.05})
    for _ in range(20):
        for w in (ours, theirs.data(ctx)):
            with autograd.record():
                loss = (nd.sin(w) * target).sum()
            loss.backward()
        sgd([ours], 0.05)
        trainer.step(1)
    np.testing.assert_allclose(ours.asnumpy(), theirs.data(ctx).asnumpy(), rtol=1e-5, atol=1e-6)
    assert np.abs(ours.asnumpy() - start).max() > 0.01


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
def test_changes_the_array_itself_and_not_its_gradient(ctx, dtype):
    w = param([1, 2, 3], ctx, dtype, gradient=nd.array([4, 0, -4], ctx=ctx, dtype=dtype))
    part, gradient = w[1:], w.grad
    assert sgd([w], 0.25) is None
    np.testing.assert_array_equal(w.asnumpy(), [0, 2, 4])
    np.testing.assert_array_equal(part.asnumpy(), [2, 4])       # a view sees it: the memory is the same
    np.testing.assert_array_equal(w.grad.asnumpy(), [4, 0, -4])
    assert w.grad is gradient or (w.grad == gradient).asnumpy().all()
    assert (w.ctx, w.dtype) == (ctx, np.dtype(dtype).type)


@pytest.mark.parametrize('kind', [dict, list, tuple, 'values', 'generator'])
def test_takes_a_dictionary_or_any_iterable(kind):
    arrays = {'a': param([1.], gradient=1), 'b': param([2.], gradient=10)}
    params = {'values': arrays.values, 'generator': lambda: (a for a in arrays.values()), dict: lambda: arrays,
              list: lambda: list(arrays.values()), tuple: lambda: tuple(arrays.values())}[kind]()
    sgd(params, 0.1)
    np.testing.assert_allclose([arrays['a'].asscalar(), arrays['b'].asscalar()], [0.9, 1], rtol=1e-6)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=5), st.floats(0, 10, allow_subnormal=False))
def test_is_the_formula(values, lr):
    values = np.array(values)
    gradient = np.cos(values)
    w = param(values, dtype='float64', gradient=nd.array(gradient, dtype='float64'))
    sgd([w], lr)
    np.testing.assert_allclose(w.asnumpy(), values - lr * gradient, rtol=1e-12, atol=1e-12)


def test_many_steps_without_waiting_are_done_in_order():
    """w_{k+1} = w_k - lr 2 w_k, a thousand times before anything is read: a step that overtook another would show."""
    w = param(np.ones(1000), dtype='float64')
    for _ in range(1000):
        with autograd.record():
            loss = (w * w).sum()
        loss.backward()
        sgd({'w': w}, 0.001)
    np.testing.assert_allclose(w.asnumpy(), 0.998 ** 1000, rtol=1e-10)


@pytest.mark.parametrize(('params', 'name'), [
    (lambda good, bad: {'good': good, 'bad': bad}, "'bad'"), (lambda good, bad: [good, bad], '1')])
def test_a_parameter_without_gradient_is_named_and_nothing_is_changed(params, name):
    good, bad = param([1., 2.], gradient=1), nd.array([3.])
    with pytest.raises(ValueError, match=f'parameter {name} has no gradient; call attach_grad'):
        sgd(params(good, bad), 0.5)
    np.testing.assert_array_equal(good.asnumpy(), [1, 2])
    np.testing.assert_array_equal(bad.asnumpy(), [3])


# ---- momentum --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_momentum_sgd_agrees_with_mxnets_own_optimizer(ctx, rng, dtype):
    values = {name: rng.normal(size=shape) for name, shape in (('W', (3, 4)), ('b', (4,)))}
    ours = {name: nd.array(value, ctx=ctx, dtype=dtype) for name, value in values.items()}
    theirs = {name: nd.array(value, ctx=ctx, dtype=dtype) for name, value in values.items()}
    optimizer = mx.optimizer.SGD(learning_rate=0.1, momentum=0.9, wd=0)
    updater, velocities = mx.optimizer.get_updater(optimizer), {}
    for param in ours.values():
        param.attach_grad()
    for _ in range(5):
        for number, (name, param) in enumerate(ours.items()):
            param.grad[:] = rng.normal(size=param.shape)
            updater(number, param.grad, theirs[name])
        momentum_sgd(ours, velocities, 0.1, 0.9)
    for name, param in ours.items():
        # Theirs takes the rates as float32; a value may be the small rest of terms of about 1.
        np.testing.assert_allclose(param.asnumpy(), theirs[name].asnumpy(), rtol=1e-5, atol=1e-6)
        assert velocities[name].shape == param.shape


def test_momentum_sgd_changes_nothing_when_a_gradient_is_missing():
    W, b, velocities = nd.ones(3), nd.ones(3), {}
    W.attach_grad()
    with pytest.raises(ValueError, match="'b' has no gradient"):
        momentum_sgd({'W': W, 'b': b}, velocities, 0.1)
    assert velocities == {}
    assert W.asnumpy().tolist() == [1, 1, 1]


# ---- RMSprop, and all parameters in one array ------------------------------------------------------------------------

@pytest.mark.parametrize('dtype', ['float32', 'float64'])
@pytest.mark.parametrize('rescale_grad', [1, 1 / 60])
def test_rmsprop_is_the_formula_computed_in_numpy(ctx, rng, dtype, rescale_grad):
    ours = {name: param(rng.normal(size=shape), ctx, dtype) for name, shape in (('W', (3, 4)), ('b', (4,)))}
    theirs = {name: array.asnumpy().astype('float64') for name, array in ours.items()}
    mean_squares, squares = {}, dict.fromkeys(ours, 0)
    for _ in range(30):
        for name, array in theirs.items():
            gradient = rng.normal(size=array.shape) * 10. ** rng.integers(-4, 2, array.shape)  # from below eps to above
            ours[name].grad[:] = nd.array(gradient, dtype=dtype)
            squares[name] = 0.9 * squares[name] + (1 - 0.9) * (rescale_grad * gradient) ** 2
            theirs[name] = array - 0.01 * rescale_grad * gradient / np.sqrt(squares[name] + 1e-7)
        rmsprop(ours, mean_squares, 0.01, 0.9, 1e-7, rescale_grad)
    for name, array in ours.items():
        tolerance = {'float32': 1e-4, 'float64': 1e-10}[dtype]
        np.testing.assert_allclose(array.asnumpy(), theirs[name], rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(mean_squares[name].asnumpy(), squares[name], rtol=tolerance)


def test_rmsprops_defaults_are_keras_s():
    """The example in the documentation of Keras's optimiser: 10 becomes 9.683772 at a rate of 0.1."""
    w, mean_squares = param([10., 10.], dtype='float64', gradient=10), {}
    rmsprop({'w': w}, mean_squares, lr=0.1)
    np.testing.assert_allclose(w.asnumpy(), 9.683772, atol=1e-6)
    assert mean_squares['w'].asnumpy() == pytest.approx(0.1 * 10 ** 2)
    w = param([1., 1.], dtype='float64', gradient=[1e-6, 1e-3])
    rmsprop({'w': w}, {})
    n = 0.1 * np.array([1e-6, 1e-3]) ** 2
    np.testing.assert_allclose(1 - w.asnumpy(), 0.001 * np.array([1e-6, 1e-3]) / np.sqrt(n + 1e-7), rtol=1e-6)


def test_rmsprop_changes_nothing_when_a_gradient_is_missing():
    W, b, mean_squares = nd.ones(3), nd.ones(3), {}
    W.attach_grad()
    with pytest.raises(ValueError, match="'b' has no gradient"):
        rmsprop({'W': W, 'b': b}, mean_squares)
    assert mean_squares == {}
    assert W.asnumpy().tolist() == [1, 1, 1]


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_joined_parameters_train_to_the_same_values(ctx, rng, dtype):
    values = {'W': rng.normal(0, 0.5, (3, 4)), 'b': rng.normal(0, 0.5, 4), 'c': rng.normal(0, 0.5, (1, 1, 2, 2))}
    separate, together = ({name: param(value, ctx, dtype) for name, value in values.items()} for _ in range(2))
    one = joined(together)
    assert (one.shape, one.ctx, one.dtype) == ((20,), ctx, np.dtype(dtype).type)
    for name, value in values.items():
        np.testing.assert_array_equal(together[name].asnumpy(), separate[name].asnumpy())
        assert together[name].shape == value.shape
    for params, updated in ((separate, separate), (together, [one])):
        for _ in range(20):
            with autograd.record():
                out = nd.tanh(params['W']) + params['b'] * params['c'].reshape((1, 4))
                loss = (out * out).sum()
            loss.backward()
            sgd(updated, 0.05)
    for name in values:
        np.testing.assert_array_equal(together[name].asnumpy(), separate[name].asnumpy())
        np.testing.assert_array_equal(together[name].grad.asnumpy(), separate[name].grad.asnumpy())
    assert max(np.abs(together[name].asnumpy() - value).max() for name, value in values.items()) > 0.001


@pytest.mark.parametrize('params', [
    {}, {'a': nd.ones(2), 'b': nd.ones(2, dtype='float64')}, {'a': nd.ones(2), 'b': nd.ones(2, ctx=mx.cpu(1))}])
def test_what_cannot_be_joined_is_refused_and_stays(params):
    before = dict(params)
    with pytest.raises(ValueError, match='at least one parameter, all of one context and type'):
        joined(params)
    assert all(params[name] is before[name] for name in before)


@pytest.mark.parametrize('params', [[], [nd.ones(2)], None, {'a': np.ones(2)}],
                         ids=lambda params: type(params).__name__)
def test_what_is_no_dictionary_of_arrays_cannot_be_joined(params):
    with pytest.raises(TypeError, match='expected an? (dictionary|mxnet)'):
        joined(params)


# ---- the schedule ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('total', [1, 2, 7, 938])
def test_one_cycle_rises_to_1_once_and_falls_towards_0(total):
    rates = [one_cycle(step, total) for step in range(total)]
    top = int(np.argmax(rates))
    assert rates[top] == 1
    assert all(np.diff(rates[:top + 1]) > 0)
    assert all(np.diff(rates[top:]) < 0)
    assert 0 < rates[-1] <= max(2 / total, 1 / total)


@pytest.mark.parametrize('momentum', [0, 0.5])
def test_hundreds_of_parameters(rng, momentum):
    values = rng.normal(size=(130, 3)).astype('float32')
    params = [nd.array(value) for value in values]
    for param in params:
        param.attach_grad()
        param.grad[:] = param
    if momentum:
        momentum_sgd(params, {}, 0.25, momentum)
    else:
        sgd(params, 0.25)
    np.testing.assert_allclose(np.array([param.asnumpy() for param in params]), 0.75 * values, rtol=1e-6)


@pytest.mark.parametrize(('lr', 'gradient'), [(1e-46, 1e30), (1e-40, 1e30), (1e-31, 1), (3e-30, 1), (1e30, 1),
                                              (1e31, 1), (1e39, 1e-30), (1e60, 1e-37)])
@pytest.mark.parametrize('update', ['sgd', 'momentum_sgd', 'rmsprop'])
def test_a_learning_rate_that_float32_does_not_have_is_taken_as_it_is(formulation, update, lr, gradient):
    w = nd.array([0.])
    w.attach_grad()
    with autograd.record():
        loss = (w * gradient).sum()
    loss.backward()
    expected = -lr * gradient
    if update == 'sgd':
        sgd([w], lr)
    elif update == 'momentum_sgd':
        momentum_sgd({'w': w}, {}, lr)
    else:
        if lr > 1e30 or not 1e-10 < gradient < 1e10:
            pytest.skip('its step is lr alone, and squares do not fit')
        rmsprop({'w': w}, {}, lr, rho=0)
        expected = -lr
    np.testing.assert_allclose(w.asscalar(), expected, rtol=1e-6)


# ---- what is refused -------------------------------------------------------------------------------------------------

UPDATES = {'sgd': lambda params, state, **numbers: sgd(params, **numbers),
           'momentum': lambda params, state, **numbers: momentum_sgd(params, state, **numbers),
           'rmsprop': lambda params, state, **numbers: rmsprop(params, state, **numbers)}


@pytest.mark.parametrize(('value', 'error'), [
    (np.array([.1]), TypeError), (np.array(.1), TypeError), (nd.array([.1]), TypeError), (True, TypeError),
    (np.bool_(True), TypeError), ('0.1', TypeError), (None, TypeError), ([.1], TypeError), (1j, TypeError),
    (float('nan'), ValueError), (float('inf'), ValueError)], ids=repr)
@pytest.mark.parametrize(('update', 'name'), [
    ('sgd', 'lr'), ('momentum', 'lr'), ('momentum', 'momentum'), ('rmsprop', 'lr'), ('rmsprop', 'rho'),
    ('rmsprop', 'eps'), ('rmsprop', 'rescale_grad')])
@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_what_is_no_finite_number_is_refused_and_nothing_is_changed(update, name, value, error, dtype):
    w, state = param([1, 2], dtype=dtype, gradient=1), {}
    with pytest.raises(error, match=f'^{name} is .*expected a'):
        UPDATES[update]({'w': w}, state, **{'lr': .5, name: value})
    np.testing.assert_array_equal(w.asnumpy(), [1, 2])
    assert state == {}


@pytest.mark.parametrize(('update', 'name', 'value'), [
    (update, 'lr', value) for update in UPDATES for value in (-.1, -1e-320, 10 ** 400)] + [
    ('momentum', 'momentum', -.1), ('momentum', 'momentum', 1), ('rmsprop', 'rho', -.1), ('rmsprop', 'rho', 1.5),
    ('rmsprop', 'eps', 0), ('rmsprop', 'eps', -1e-7), ('rmsprop', 'rescale_grad', -1)])
@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_a_number_out_of_range_is_refused_and_nothing_is_changed(update, name, value, dtype):
    w, state = param([1, 2], dtype=dtype, gradient=1), {}
    with pytest.raises(ValueError, match=f'^{name} is .*expected a finite number'):
        UPDATES[update]({'w': w}, state, **{'lr': .5, name: value})
    np.testing.assert_array_equal(w.asnumpy(), [1, 2])
    assert state == {}


@pytest.mark.parametrize('update', ['momentum', 'rmsprop'])
@pytest.mark.parametrize('state', [None, [], 3, 'a'], ids=repr)
def test_a_state_that_is_no_dictionary_is_refused_and_nothing_is_changed(update, state):
    w = param([1, 2], gradient=1)
    with pytest.raises(TypeError, match='expected a dictionary, parameter name -> NDArray'):
        UPDATES[update]([w], state, lr=.5)
    np.testing.assert_array_equal(w.asnumpy(), [1, 2])


@pytest.mark.parametrize('params', [None, 3, {'w': np.ones(2)}, {'w': mx.np.ones(2)},
                                    [nd.ones(2).tostype('row_sparse')]], ids=lambda params: type(params).__name__)
def test_what_are_no_parameters_are_refused(params):
    with pytest.raises(TypeError, match='^param.* is .*expected a'):
        sgd(params, .5)


@pytest.mark.parametrize(('numbers', 'expected'), [
    ({'eps': 1e-50}, -.1 / np.sqrt(.1)), ({'eps': 1e39}, -.1 / np.sqrt(.1 + 1e39)),
    ({'rescale_grad': 1e39}, -.1 / np.sqrt(.1)), ({'rescale_grad': 1e-320}, 0)], ids=str)
@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_rmsprops_numbers_beyond_float32_are_taken_as_they_are(numbers, expected, dtype):
    w, state = param([0.], dtype=dtype, gradient=1), {}
    rmsprop({'w': w}, state, lr=.1, **numbers)
    np.testing.assert_allclose(w.asscalar(), expected, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize(('arguments', 'error'), [
    ((-1, 8), ValueError), ((9, 8), ValueError), ((0, 0), ValueError), ((0, 8, -1), ValueError),
    ((0, 8, 2), ValueError), ((0, 'a'), TypeError), ((True, 8), TypeError)])
def test_a_step_outside_the_schedule_is_refused(arguments, error):
    with pytest.raises(error, match='^(step|total|rising) is .*expected'):
        one_cycle(*arguments)


@pytest.mark.parametrize('lr', [np.float32(.25), np.float64(.25), np.float16(.25), 1, np.int64(1)],
                         ids=repr)
@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_numbers_of_any_kind_are_the_number(lr, dtype):
    for update in UPDATES.values():
        w, same = (param([1, 2], dtype=dtype, gradient=1) for _ in range(2))
        update({'w': w}, {}, lr=lr)
        update({'w': same}, {}, lr=float(lr))
        np.testing.assert_array_equal(w.asnumpy(), same.asnumpy())
        assert w.asnumpy()[0] < 1


@pytest.mark.parametrize('update', ['momentum', 'rmsprop'])
@pytest.mark.parametrize('dtype', ['float32', 'float64'])
@pytest.mark.parametrize('wrong', [nd.ones(3), nd.ones((2, 1)), nd.ones(2, dtype='float16'), nd.ones(2, ctx=mx.cpu(1)),
                                   np.ones(2), None], ids=lambda wrong: str(getattr(wrong, 'shape', wrong)))
def test_a_state_that_does_not_fit_its_parameter_is_refused_and_nothing_is_changed(update, dtype, wrong):
    a, b = (param([1, 2], mx.cpu(0), dtype, gradient=1) for _ in range(2))
    state = {'b': wrong}
    with pytest.raises(ValueError, match=r"\['b'\] is .*its parameter is"):
        UPDATES[update]({'a': a, 'b': b}, state, lr=.5)
    assert list(state) == ['b']
    for array in (a, b):
        np.testing.assert_array_equal(array.asnumpy(), [1, 2])


def test_a_parameter_that_is_no_array_is_refused_and_nothing_is_changed():
    w = param([1, 2], gradient=1)
    with pytest.raises(TypeError, match="parameter 1 is a numpy.ndarray"):
        sgd([w, np.ones(2)], .5)
    np.testing.assert_array_equal(w.asnumpy(), [1, 2])


@pytest.mark.parametrize(('lr', 'gradient'), [(1e-40, 1e38), (1e40, 1e-38), (1e-320, 1e38)])
def test_a_rate_beyond_float32_with_a_gradient_that_makes_up_for_it(lr, gradient):
    """float32 would make the rate 0 or infinite; the step is 0.01 or 100, or too small for float32."""
    w = param([0., 0.], gradient=gradient)
    sgd([w], lr)
    np.testing.assert_allclose(w.asnumpy(), np.float32(-lr * gradient), rtol=1e-4)
