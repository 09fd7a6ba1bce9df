"""Node: every gradient against central differences, and what a graph must and must not do."""
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices, mutually_broadcastable_shapes, valid_tuple_axes

from gluon_bn.autodiff import Node, concat, where

TOLERANCE = 1e-7


def numerical_gradient(f, arrays, upstream, h=1e-5):
    """Central differences of ``sum(upstream * f(*arrays))`` with respect to each of ``arrays``, value by value."""
    gradients = [np.zeros_like(a) for a in arrays]
    for a, gradient in zip(arrays, gradients):
        for i in np.ndindex(a.shape):
            kept = a[i]
            a[i] = kept + h
            above = np.array(f(*arrays))  # a copy: f may return a view of a
            a[i] = kept - h
            gradient[i] = np.sum(upstream * (above - f(*arrays))) / (2 * h)
            a[i] = kept
    return gradients


def relative_error(x, y):
    """cs231n's: the largest of |x - y| / max(1e-8, |x| + |y|), here with 1e-2 for the rounding of the differences."""
    return np.max(np.abs(x - y) / np.maximum(1e-2, np.abs(x) + np.abs(y)), initial=0)


def check(f, *arrays, numpy_f=None):
    """The value of ``f`` on Nodes against NumPy's (``numpy_f``), and its gradient against central differences."""
    arrays = [np.array(a, float) for a in arrays]
    names = [f'x{i}' for i in range(len(arrays))]
    y = f(*(Node(a, name) for a, name in zip(arrays, names)))
    numpy_f = numpy_f or f
    np.testing.assert_allclose(y.value, numpy_f(*arrays), rtol=1e-12, atol=1e-14)
    upstream = np.random.normal(size=y.shape)
    gradients = y.grad(upstream)
    assert sorted(gradients) == names
    for name, a, expected in zip(names, arrays, numerical_gradient(numpy_f, arrays, upstream)):
        assert gradients[name].shape == a.shape
        assert relative_error(gradients[name], expected) < TOLERANCE


def away_from_zero(rng, shape):
    """Values of either sign, between 0.5 and 2."""
    return rng.uniform(0.5, 2, shape) * rng.choice([-1., 1.], shape)


PAIRS = {'+': lambda x, y: x + y, '-': lambda x, y: x - y, '*': lambda x, y: x * y, '/': lambda x, y: x / y}


@pytest.mark.parametrize('operation', PAIRS)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_arithmetic_on_broadcast_shapes(operation, shapes, rng):
    check(PAIRS[operation], *(away_from_zero(rng, shape) for shape in shapes.input_shapes))


@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_power_on_broadcast_shapes(shapes, rng):
    x, y = (rng.uniform(0.5, 2, shape) for shape in shapes.input_shapes)
    check(lambda x, y: x ** y, x, y)


@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_maximum_on_broadcast_shapes(shapes, rng):
    x, y = (rng.choice(1000, shape) / 100 for shape in shapes.input_shapes)
    check(lambda x, y: x.maximum(y), x, y + 0.005, numpy_f=np.maximum)  # never equal: a kink has no derivative


FUNCTIONS = {
    'neg': (lambda x: -x, None),
    'exp': (Node.exp, np.exp),
    'tanh': (Node.tanh, np.tanh),
    'sigmoid': (Node.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    'relu': (Node.relu, lambda x: x * (x > 0)),
    'square': (lambda x: x ** 2, None),
    'cube of a negative': (lambda x: x ** 3, None),
    'power of a number': (lambda x: 2 ** x, None),
    'number - x': (lambda x: 3 - x, None),
    'number / x': (lambda x: 3 / x, None),
    'array * x': (lambda x: np.array([2., 3.]).reshape((2, 1, 1, 1)) * x, None),
    'twice': (lambda x: x * x + x, None),
}


SHAPES = array_shapes(min_dims=0, max_dims=3, max_side=3)


@pytest.mark.parametrize('name', FUNCTIONS)
@given(shape=SHAPES)
def test_functions_of_each_value(name, shape, rng):
    f, numpy_f = FUNCTIONS[name]
    check(f, away_from_zero(rng, shape), numpy_f=numpy_f)


@pytest.mark.parametrize('name', ['log', 'sqrt'])
@given(shape=SHAPES)
def test_functions_of_positive_values(name, shape, rng):
    check(getattr(Node, name), rng.uniform(0.5, 3, shape), numpy_f=getattr(np, name))


@pytest.mark.parametrize('name', ['sum', 'mean', 'var'])
@given(data=st.data(), shape=array_shapes(min_dims=1, max_dims=4, max_side=3), keepdims=st.booleans())
def test_sums(name, data, shape, keepdims, rng):
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1) | valid_tuple_axes(len(shape)))
    check(lambda x: getattr(x, name)(axis=axis, keepdims=keepdims), rng.normal(2, 1, shape))


@given(shapes=mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3))
def test_matrix_products_of_random_shapes(shapes, rng):
    check(lambda x, y: x @ y, *(rng.normal(size=shape) for shape in shapes.input_shapes))


@given(data=st.data(), shape=array_shapes(min_dims=1, max_dims=3, max_side=3))
def test_random_orders_indices_and_parts(data, shape, rng):
    x, axis = rng.normal(size=shape), data.draw(st.integers(-len(shape), len(shape) - 1))
    order, index = data.draw(st.permutations(range(len(shape)))), data.draw(basic_indices(shape, allow_newaxis=True))
    check(lambda x: x.transpose(*order), x)
    check(lambda x: x.reshape(-1), x)
    check(lambda x: x.reshape(shape[::-1]), x)
    check(lambda x: x[index], x)
    longer = list(shape)
    longer[axis] += 2
    check(lambda x, y: concat([x, y], axis), x, rng.normal(size=longer),
          numpy_f=lambda x, y: np.concatenate([x, y], axis))


@pytest.mark.parametrize('shapes', [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)),
                                    ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (3,)),
                                    ((3,), (5, 3, 4)), ((1, 5, 2, 3), (6, 1, 3, 4))])
def test_matrix_products(shapes, rng):
    x, y = (rng.normal(size=shape) for shape in shapes)
    check(lambda x, y: x @ y, x, y)
    check(lambda x, y: x.dot(y), x, y, numpy_f=np.matmul)
    np.testing.assert_array_equal((x @ Node(y)).value, x @ y)


def test_shapes_and_indexing(rng):
    x = rng.normal(size=(2, 3, 4))
    rows = np.array([0, 2, 2])
    for f in (lambda x: x.reshape(6, 4), lambda x: x.reshape((4, -1)), lambda x: x.transpose(), lambda x: x.T,
              lambda x: x.transpose(2, 0, 1), lambda x: x.transpose((-1, 0, 1)), lambda x: x[1], lambda x: x[..., 2],
              lambda x: x[:, ::-1, 1:3], lambda x: x[:, None], lambda x: x[:, rows], lambda x: x[rows % 2, rows],
              lambda x: x[:, np.array([True, False, True])]):
        check(f, x)
    check(lambda x: x.T * 2, np.array(3.))
    check(lambda x: x.reshape(()), np.array([3.]))


@pytest.mark.parametrize('axis', [0, 1, -1])
def test_concat(axis, rng):
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    check(lambda x, y: concat([x, y, x], axis), x, y, numpy_f=lambda x, y: np.concatenate([x, y, x], axis))
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(1, 3))
    check(lambda x, y: Node.concat([x, y]), x, y, numpy_f=lambda x, y: np.concatenate([x, y]))


def test_the_checker_notices_wrong_gradients(rng):
    """A gradient that is a millionth off in one place must fail."""
    def wrong_exp(x):
        y = x.exp()
        y._edges = [(parent, lambda g, take_back=take_back: take_back(g) * (1 + 1e-6))
                    for parent, take_back in y._edges]
        return y
    with pytest.raises(AssertionError):
        check(wrong_exp, rng.normal(size=3), numpy_f=np.exp)


# ---- the graph ----


def test_a_node_used_twice_receives_both_gradients():
    x = Node(3., 'x')
    square = x * x
    assert (square + square * x).grad()['x'] == 6 + 27


def test_a_chain_of_twenty_thousand_nodes_needs_no_recursion():
    y = Node(1., 'x')
    for _ in range(20_000):
        y = y + 1e-5
    assert y.grad() == {'x': 1}
    assert y.to_dot().count('->') == 40_000


def test_a_long_chain_is_freed_without_overflowing_the_stack():
    """In a process of its own: the failure would be a crash of the interpreter."""
    code = ("from gluon_bn.autodiff import Node\n"
            "y = Node(1., 'x')\n"
            "for _ in range(100_000): y = -y\n"
            "del y\n"
            "print('freed')")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout == 'freed\n'


def test_paths_that_double_do_not_double_the_work():
    """Sixty nodes, each used twice: 2 ** 60 paths."""
    y = Node(1., 'x')
    for _ in range(60):
        y = (y + y) / 2
    assert y.grad() == {'x': 1}


def test_grad_again_gives_the_same_and_changes_nothing(rng):
    value, upstream = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    kept, kept_upstream = value.copy(), upstream.copy()
    x = Node(value, 'x')
    y = (x - x.mean(axis=0)) / (x.var(axis=0) + 1).sqrt()
    before = y.value.copy()
    first, second = y.grad(upstream), y.grad(upstream)
    np.testing.assert_array_equal(first['x'], second['x'])
    first['x'][:] = 0
    np.testing.assert_array_equal(y.grad(upstream)['x'], second['x'])
    np.testing.assert_array_equal(y.value, before)
    np.testing.assert_array_equal(value, kept)
    np.testing.assert_array_equal(upstream, kept_upstream)


def test_gradients_share_no_memory():
    x, y = Node([1., 2.], 'x'), Node([3., 4.], 'y')
    upstream = np.ones(2)
    gradients = (x + y).grad(upstream)
    gradients['x'][:] = 7
    assert gradients['y'].tolist() == upstream.tolist() == [1, 1]


def test_values_are_copied_and_read_only():
    value = np.array([1., 2.])
    x = Node(value, 'x')
    y = x * x
    value[:] = 100
    assert y.grad(np.ones(2))['x'].tolist() == [2, 4]
    for node in (x, y, x.reshape(2, 1), x[0], x.sum()):
        with pytest.raises(ValueError, match='read-only'):
            node.value[...] = 0


def test_only_named_leaves_are_in_the_gradient():
    x, constant = Node([1., 2.], 'x'), Node([3., 4.])
    assert list((x * constant).sum().grad()) == ['x']
    assert (constant * 2).sum().grad() == {}
    assert Node(5., 'alone').grad() == {'alone': 1}


def test_leaves_of_one_name_are_one_variable():
    assert (Node(2., 'w') * 3 + Node(2., 'w') * 4).grad() == {'w': 7}
    with pytest.raises(ValueError, match=r"two leaves named 'w'.*\(2,\).*\(\)"):
        (Node([1., 2.], 'w').sum() + Node(1., 'w')).grad()


def test_constants_need_no_derivative():
    """(-2) ** y with a constant y asks for no logarithm of -2, which would be a warning, and here an error."""
    assert (Node(-2., 'x') ** 2).grad() == {'x': -4}
    assert (Node(-2., 'x') ** Node(3.)).grad() == {'x': 12}


def test_powers_of_zero():
    x, y = Node([0., 0., 0.], 'x'), Node([0., 1., 2.], 'y')
    gradients = (x ** y).grad(np.ones(3))
    assert gradients['x'].tolist() == [0, 1, 0]
    assert gradients['y'].tolist() == [0, 0, 0]


def test_ties_share_the_gradient():
    x, y = Node([1., 2.], 'x'), Node([1., 1.], 'y')
    assert {k: v.tolist() for k, v in x.maximum(y).grad(np.ones(2)).items()} == {'x': [0.5, 1], 'y': [0.5, 0]}
    assert Node(0., 'x').relu().grad() == {'x': 0}


def test_sigmoid_saturates_without_a_warning():
    x = Node([-1e4, -800., 0., 800., 1e4], 'x')
    y = x.sigmoid()
    assert y.value.tolist() == [0, 0, 0.5, 1, 1]
    assert y.grad(np.ones(5))['x'].tolist() == [0, 0, 0.25, 0, 0]


@pytest.mark.parametrize('shape', [(), (3,), (2, 3)])
def test_float32_stays_float32(shape):
    x, y = (Node(np.full(shape, v, np.float32), name) for name, v in (('x', 0.7), ('y', 1.3)))
    results = {'+': x + 1, '-': 1 - x, '*': 2. * x, '/': 1 / x, '**': x ** 2, 'base': 2 ** x, 'power': x ** y,
               'neg': -x, 'max': x.maximum(0.5), 'sum': x.sum(), 'mean': x.mean(), 'var': x.var(),
               'reshape': x.reshape(-1), 'T': x.T, 'index': x[...], 'concat': concat([x.reshape(-1), y.reshape(-1)]),
               'array': x * np.ones(shape, np.float32), 'np.float64': x * np.float64(2),
               **{name: getattr(x, name)() for name in ('exp', 'log', 'sqrt', 'tanh', 'sigmoid', 'relu')}}
    if shape == (2, 3):
        results['@'] = x @ y.T
    for name, result in results.items():
        assert result.value.dtype == np.float32, name
        for gradient in result.grad(np.ones(result.shape)).values():
            assert gradient.dtype == np.float32, name


def test_a_float32_leaf_beside_float64_has_a_float32_gradient():
    x, y = Node(np.float32(2), 'x'), Node(np.float64(3), 'y')
    gradients = (x * y).grad()
    assert (gradients['x'].dtype, gradients['y'].dtype) == (np.float32, np.float64)


def test_integers_become_float64():
    assert Node([1, 2]).value.dtype == np.float64


@pytest.mark.parametrize(('f', 'kind', 'words'), [
    (lambda x: x + np.ones(4), ValueError, ['+', '(2, 3)', '(4,)']),
    (lambda x: np.ones(4) - x, ValueError, ['-', '(4,)', '(2, 3)']),
    (lambda x: x * np.ones((3, 2)), ValueError, ['*', '(2, 3)', '(3, 2)']),
    (lambda x: x / np.ones(2), ValueError, ['/', '(2, 3)', '(2,)']),
    (lambda x: x ** np.ones(2), ValueError, ['**', '(2, 3)', '(2,)']),
    (lambda x: x.maximum(np.ones(2)), ValueError, ['maximum', '(2, 3)', '(2,)']),
    (lambda x: x @ x, ValueError, ['@', '(2, 3)']),
    (lambda x: x @ 2, ValueError, ['@', '(2, 3)', '()']),
    (lambda x: x.dot(np.ones(2)), ValueError, ['dot', '(2, 3)', '(2,)']),
    (lambda x: x.sum(axis=2), ValueError, ['sum', '(2, 3)', '2']),
    (lambda x: x.mean(axis=5), ValueError, ['sum', '(2, 3)', '5']),
    (lambda x: x.reshape(7), ValueError, ['reshape', '(2, 3)', '7']),
    (lambda x: x.transpose(0, 0), ValueError, ['transpose', '(2, 3)', '(0, 0)']),
    (lambda x: x[2], IndexError, ['indexing', '(2, 3)', '2']),
    (lambda x: concat([x, Node(np.ones((2, 4)))]), ValueError, ['concat', '(2, 3)', '(2, 4)']),
    (lambda x: concat([x, x], axis=2), ValueError, ['concat', '(2, 3)', '2']),
    (lambda x: x.grad(np.ones(3)), ValueError, ['grad', '(3,)', '(2, 3)']),
    (lambda x: x.grad(), ValueError, ['grad', '(2, 3)']),
    (lambda x: Node(np.ones((0, 3))).mean(), ValueError, ['mean', '(0, 3)']),
    (lambda x: Node('text'), TypeError, ['Node', 'real numbers']),
    (lambda x: Node(1j), TypeError, ['Node', 'complex128']),
    (lambda x: Node(1., 7), TypeError, ['Node', '7']),
    (lambda x: x + 'text', TypeError, ['Node', 'real numbers']),
])
def test_errors_name_the_operation_and_both_shapes(f, kind, words):
    with pytest.raises(kind) as error:
        f(Node(np.ones((2, 3)), 'x'))
    for word in words:
        assert word in str(error.value)


OF_NUMPY = {  # a function of x and y, (2, 3) and positive
    'add': lambda x, y: np.add(x, y), 'subtract': lambda x, y: np.subtract(x, y), 'power': lambda x, y: np.power(x, y),
    'multiply': lambda x, y: np.multiply(x, y), 'divide': lambda x, y: np.divide(x, y),
    'maximum': lambda x, y: np.maximum(x, y), 'minimum': lambda x, y: np.minimum(x, y),
    'matmul': lambda x, y: np.matmul(x, y.T), 'dot': lambda x, y: np.dot(x, y.T), 'outer': lambda x, y: np.outer(x, y),
    'where': lambda x, y: np.where(x > y, x * y, y / x), 'exp': lambda x, y: np.exp(x - y),
    'log': lambda x, y: np.log(x * y), 'sqrt': lambda x, y: np.sqrt(x + y), 'tanh': lambda x, y: np.tanh(x / y),
    'square': lambda x, y: np.square(x) + y, 'abs': lambda x, y: np.abs(x - y) + abs(y - 3),
    'negative': lambda x, y: np.negative(x) - y,
    'reciprocal': lambda x, y: np.reciprocal(x + y), 'positive': lambda x, y: np.positive(x) * +y,
    'sum': lambda x, y: np.sum(x * y, axis=0), 'mean': lambda x, y: np.mean(x * y, 1, keepdims=True),
    'var': lambda x, y: np.var(x * y, axis=0), 'std': lambda x, y: np.std(x * y, axis=1),
    'concatenate': lambda x, y: np.concatenate((x, y * x), axis=1), 'reshape': lambda x, y: np.reshape(x * y, (3, 2)),
    'ravel': lambda x, y: np.ravel(x * y), 'transpose': lambda x, y: np.transpose(x * y, (1, 0)),
    'rows': lambda x, y: sum(row * row for row in x) + y[0] * len(y), 'like': lambda x, y: x * np.ones_like(x) + y,
    'comparison': lambda x, y: (x > y) * x + (x <= y) * y * 2 + (x == y) * 5 * y * x,
    'shape': lambda x, y: x * y / np.size(x)}


@pytest.mark.parametrize('name', OF_NUMPY)
def test_numpys_functions_of_nodes_have_their_values_and_gradients(name, rng):
    x, y = rng.uniform(1, 2, (2, 3)), rng.uniform(3, 4, (2, 3))
    x[0, 1] += 3  # the larger one somewhere, and never equal
    check(OF_NUMPY[name], x, y)


@pytest.mark.parametrize('name', [name for name in OF_NUMPY if name not in ('where', 'positive', 'rows')])
def test_an_array_beside_a_node_is_a_constant_on_either_side(name, rng):
    x, y = rng.uniform(1, 2, (2, 3)), rng.uniform(3, 4, (2, 3))
    check(lambda x: OF_NUMPY[name](x, y), x)
    check(lambda y: OF_NUMPY[name](x, y), y)


@pytest.mark.parametrize('shapes', [((), ()), ((), (3,)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)),
                                    ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((3,), (5, 3, 4)),
                                    ((5, 2, 3), (6, 3, 4)), ((2, 0), (5, 0, 4)), ((0, 3), (2, 3, 1))])
def test_dot_is_numpys_in_any_number_of_axes(shapes, rng):
    x, y = (rng.normal(size=shape) for shape in shapes)
    check(np.dot, x, y)
    np.testing.assert_array_equal(np.dot(x, Node(y)).value, np.dot(Node(x), y).value)


@given(shapes=mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3))
def test_where_on_broadcast_shapes(shapes, rng):
    condition, x, y = (rng.normal(size=shape) for shape in shapes.input_shapes)
    check(lambda x, y: np.where(condition > 0, x, y), x, y)
    check(lambda x: np.where(condition > 0, x, 2), x)
    check(lambda y: where(condition > 0, y.T.T, y * y), y)


def test_where_keeps_what_is_not_chosen_out_of_the_gradient():
    x = Node([0., 4.], 'x')
    with np.errstate(divide='ignore', invalid='ignore'):
        gradient = np.where(x == 0, 0, 1 / x).grad(np.ones(2))['x']
    assert gradient.tolist() == [0, -1 / 16] or np.isnan(gradient[0])  # the inner 1 / 0 may stay, as in NumPy
    assert np.where(Node([0., 1.]), Node([5., 5.], 'y'), [7., 7.]).grad(np.ones(2))['y'].tolist() == [0, 1]
    assert where(Node([True, False]), 1, 2).tolist() == [1, 2]


@pytest.mark.parametrize('name', ['add', 'power', 'maximum', 'matmul', 'dot', 'outer', 'where', 'exp', 'std', 'mean'])
def test_numpys_functions_keep_float32(name):
    x, y = (Node(np.full((2, 3), value, np.float32), name) for name, value in (('x', 1.5), ('y', 2.5)))
    assert OF_NUMPY[name](x, y).value.dtype == np.float32
    assert np.maximum(0.5, x).value.dtype == np.where(x > 1, x, 2.).value.dtype == np.float32


@pytest.mark.filterwarnings('ignore:Using a non-tuple sequence:FutureWarning')  # NumPy before 1.23 tries it as a tuple
def test_an_array_whose_method_gets_a_node_refuses():
    """NumPy asks nobody there: it would make an array of objects."""
    x = Node(np.ones((2, 2)), 'x')
    for use in (lambda: np.ones((2, 2)).dot(x), lambda: np.asarray(x), lambda: np.array([x, x]),
                lambda: np.testing.assert_allclose(x, np.ones((2, 2))),
                lambda: np.ones(3)[x], lambda: np.ones((2, 2)).searchsorted(x)):
        with pytest.raises(TypeError, match='Node: an array made of it would lose its gradient; write np.dot'):
            use()
    array = np.zeros(2)
    with pytest.raises((TypeError, ValueError)):
        array[0] = x[0, 0]
    with pytest.raises(TypeError):
        np.float64(x[0, 0])


@pytest.mark.parametrize('use', [
    np.sin, lambda x: np.add.reduce(x), lambda x: np.multiply.outer(x, x), lambda x: np.einsum('ij->', x),
    np.linalg.norm,
    lambda x: np.add(x, 1, out=np.ones((2, 2))), lambda x: np.exp(x, dtype=np.float32), lambda x: np.sum(x, dtype=int),
    lambda x: np.add(1, 1, out=(x,)), lambda x: np.stack([x, x]), lambda x: np.vdot(x, x), lambda x: np.clip(x, 0, 1),
    lambda x: np.where(x), lambda x: np.remainder(np.ones((2, 2)), x), lambda x: np.max(x), lambda x: np.cumsum(x),
    lambda x: np.mean(x, where=[True, False]), lambda x: np.full_like(np.ones(2), x), lambda x: np.tensordot(x, x)])
def test_what_has_no_gradient_here_is_refused_in_one_sentence(use):
    with pytest.raises(TypeError, match=r'numpy\.\w+(: of| of a Node has no gradient here)|made of it') as error:
        use(Node(np.ones((2, 2)), 'x'))
    assert '\n' not in str(error.value)


def test_an_array_is_not_changed_by_adding_a_node_to_it():
    array, x = np.ones(2), Node([1., 2.], 'x')
    with pytest.raises(TypeError, match=r'numpy.add: .*write a = a \+ b instead of a \+= b'):
        array += x
    assert array.tolist() == [1, 1]
    x += np.ones(2)
    assert x.value.tolist() == [2, 3]


def test_comparisons_are_those_of_the_values():
    x, values = Node([1., 2., 3.], 'x'), np.array([1., 2., 3.])
    for found, expected in ((x > 2, values > 2), (x >= 2, values >= 2), (x < 2, values < 2), (x <= 2, values <= 2),
                            (x == 2, values == 2), (x != 2, values != 2), (values >= x, x == x.value),
                            (values == x, values > 0)):
        assert isinstance(found, np.ndarray)
        assert found.dtype == bool
        np.testing.assert_array_equal(found, expected)
    assert len({x, Node([1., 2., 3.])}) == 2
    assert (bool(Node(0.)), bool(Node(2.))) == (False, True)
    with pytest.raises(ValueError, match='ambiguous'):
        bool(x)
    with pytest.raises(TypeError, match='unsized'):
        list(Node(1.))
    assert [row.value.tolist() for row in Node([[1.], [2.]])] == [[1], [2]]
    assert (np.shape(x), np.ndim(x), np.argmax(x), np.allclose(x, values)) == ((3,), 1, 2, True)


def test_the_graph_lists_parents_first_and_draws_itself():
    x, w = Node([1., 2.], 'x'), Node(3., 'a "quoted" name')
    y = (w * x).sum()
    nodes = y.graph()
    places = {id(node): i for i, node in enumerate(nodes)}
    assert all(places[id(parent)] < places[id(node)] for node in nodes for parent in node.parents)
    assert [node.operation for node in nodes] == ['', '', '*', 'sum']
    dot = y.to_dot()
    assert dot.count('shape=box') == dot.count('shape=ellipse') == 2
    assert dot.count('->') == 3
    assert r'label="a \"quoted\" name\n()"' in dot
    assert 'x' in repr(x)
    assert 'sum' in repr(y)


@pytest.mark.parametrize('name', ['sum', 'mean', 'var', 'std'])
def test_sums_keep_no_axis_unless_asked_to(name, rng):
    x = rng.normal(size=(2, 3))
    f = getattr(np, name)
    for axis, shape in ((None, ()), (0, (3,)), (1, (2,))):
        assert f(Node(x, 'x'), axis=axis).shape == f(x, axis=axis).shape == shape
        assert name == 'std' or getattr(Node(x), name)(axis).shape == shape
    check(lambda x: f(x), x)


def test_functions_without_their_optional_arguments_are_numpys(rng):
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(4, 3))
    check(np.transpose, x)
    check(lambda x, y: np.concatenate([x, y]), x, y)
    check(lambda x, y: np.concatenate((x, y), 0), x, y)
    check(concat_two, x, y, numpy_f=lambda x, y: np.concatenate([x, y]))


def concat_two(x, y):
    return concat([x, y])


def test_an_upstream_gradient_may_be_a_list_of_whole_numbers():
    assert (Node([1., 2.], 'x') * 3).grad([1, 2])['x'].tolist() == [3, 6]
    assert (Node(2., 'x') * 3).grad(4) == {'x': 12}


def test_leaves_of_one_name_may_hold_values_that_are_no_numbers():
    value = np.array([np.nan, 1.])
    assert (Node(value, 'w') + Node(value, 'w')).grad(np.ones(2))['w'].tolist() == [2, 2]
    with pytest.raises(ValueError, match="two leaves named 'w' have different values"):
        (Node(value, 'w') + Node(value[::-1], 'w')).grad(np.ones(2))


@pytest.mark.parametrize(('f', 'sentence'), [
    (lambda x: x.sum(axis=2), r'sum: shape \(2, 3\) and axis 2 do not fit together \('),
    (lambda x: x.reshape(7), r'reshape: shape \(2, 3\) and the new shape 7 do not fit together \('),
    (lambda x: x.transpose(0, 0), r'transpose: shape \(2, 3\) and axes \(0, 0\) do not fit together \('),
    (lambda x: x[2], r'indexing: shape \(2, 3\) and index 2 do not fit together \('),
    (lambda x: concat([x, x.T]), r'concat: shapes \(2, 3\), \(3, 2\) along axis 0 do not fit together \('),
    (lambda x: x + np.ones(4), r'\+: shape \(2, 3\) and shape \(4,\) do not fit together \(')])
def test_what_does_not_fit_is_said_in_full(f, sentence):
    with pytest.raises((ValueError, IndexError), match=f'^{sentence}'):
        f(Node(np.ones((2, 3)), 'x'))


def test_a_graph_is_drawn_as_graphviz_reads_it():
    assert ((Node([1., 2.], 'x') * 3).sum()).to_dot() == '\n'.join([
        'digraph {', '  rankdir=LR;', '  n0 [shape=box, label="x\\n(2,)"];', '  n1 [shape=box, label="constant\\n()"];',
        '  n2 [shape=ellipse, label="*\\n(2,)"];', '  n3 [shape=ellipse, label="sum\\n()"];',
        '  n0 -> n2;', '  n1 -> n2;', '  n2 -> n3;', '}'])
    assert repr(Node([1., 2.], 'x')) == "Node(name='x', shape=(2,), value=[1. 2.])"
    assert repr(-Node(1., 'x')) == "Node(operation='-', shape=(), value=-1.0)"
    assert repr(Node(1.)) == 'Node(shape=(), value=1.0)'


def test_what_a_ufunc_cannot_do_with_a_node_is_said():
    x, array = Node([1., 2.], 'x'), np.ones(2)
    with pytest.raises(TypeError, match='numpy.add: of a Node this writes into an array has no gradient'):
        array += x
    with pytest.raises(TypeError, match='numpy.exp: of a Node this with dtype has no gradient'):
        np.exp(x, dtype=np.float32)
    with pytest.raises(TypeError, match='numpy.add: of a Node this with reduce has no gradient'):
        np.add.reduce(x)


def test_a_node_of_a_node_begins_anew_with_its_value():
    x = Node([1., 2.], 'x')
    y = Node(x * 3, 'y')
    assert (y.value.tolist(), y.parents) == ([3, 6], ())
    assert {name: gradient.tolist() for name, gradient in (y * 2).grad(np.ones(2)).items()} == {'y': [2, 2]}


@pytest.mark.parametrize(('use', 'kind', 'message'), [
    (lambda x: x * np.ma.array(np.ones((2, 2)), mask=[[1, 0], [0, 0]]), ValueError, 'the value has masked values'),
    (lambda x: Node(np.ma.array([1., 2.], mask=[0, 1])), ValueError, 'Node: the value has masked values'),
    (lambda x: np.ones((2, 2)).view(np.matrix) * x, TypeError, r'whose \* is another product; .*np.asarray'),
    (lambda x: x @ np.ones((2, 2)).view(np.matrix), TypeError, r'whose \* is another product'),
    (lambda x: x.grad(np.ones((2, 2), complex)), TypeError, 'grad: upstream has type complex128; expected real num'),
    (lambda x: x.grad(np.ma.array(np.ones((2, 2)), mask=True)), ValueError, 'grad: upstream has masked values'),
    (lambda x: x.grad('a'), TypeError, "grad: upstream is 'a'; expected an array of numbers"),
    (lambda x: x.sum(keepdims='no'), TypeError, "keepdims is 'no'; expected True or False"),
    (lambda x: x.var(0, 1), TypeError, 'keepdims is 1; expected True or False'),
    (lambda x: np.mean(x, keepdims=None), TypeError, 'keepdims is None; expected True or False'),
    (lambda x: where('no', x, x), TypeError, "where: condition is 'no'; expected an array of booleans"),
    (lambda x: where(np.array(['', 'a']), x, x), TypeError, 'where: condition has type <U1; expected booleans'),
    (lambda x: where(np.ma.array([True, False], mask=[0, 1]), x, x), ValueError, 'where: condition has masked values')])
def test_what_would_be_computed_otherwise_than_it_reads_is_refused(use, kind, message):
    with pytest.raises(kind, match=message):
        use(Node(np.ones((2, 2)), 'x'))


def test_an_array_without_a_masked_value_is_its_values_and_numbers_are_conditions():
    x = Node([1., 2.], 'x')
    assert (x * np.ma.array([3., 4.])).value.tolist() == [3, 8]
    assert where([1, 0], x, -x).value.tolist() == [1, -2]
