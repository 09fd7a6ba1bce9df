"""SciPy for MXNet: loaded when MXNet uses it, and then all of it is there."""
import sys
import types

import numpy as np
import pytest

from gluon_bn._mxnet import later, mx, nd


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Packages by the names of SciPy and scikit-learn, which nobody has loaded."""
    for name in [name for name in sys.modules if name.partition('.')[0] in ('scipy', 'sklearn')]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / 'scipy' / 'sparse').mkdir(parents=True)
    (tmp_path / 'scipy' / '__init__.py').write_text('')
    (tmp_path / 'scipy' / 'sparse' / '__init__.py').write_text('class Matrix:\n    pass\n')
    (tmp_path / 'scipy' / 'sparse' / 'csr.py').write_text('raise RuntimeError("the old name of a module")\n')
    (tmp_path / 'sklearn').mkdir()
    (tmp_path / 'sklearn' / '__init__.py').write_text('')
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.partition('.')[0] in ('scipy', 'sklearn')]:
        del sys.modules[name]


@pytest.mark.parametrize('matrix', [lambda: later.import_later('scipy.sparse').sparse.Matrix,
                                    lambda: later.import_later('scipy', ('sparse',)).sparse.csr.Matrix,
                                    lambda: later.import_later('scipy.sparse', ('Matrix',)).Matrix],
                         ids=['import scipy.sparse', 'from scipy import sparse', 'from scipy.sparse import Matrix'])
def test_a_part_of_scipy_is_loaded_when_it_is_called(packages, matrix):
    matrix = matrix()
    assert matrix
    assert not isinstance(3, matrix)
    assert 'scipy' not in sys.modules
    made = matrix()
    assert type(made).__name__ == 'Matrix'
    assert isinstance(made, matrix)
    assert not isinstance(3, matrix)


def test_what_is_loaded_already_is_no_matter_of_this(packages):
    import scipy
    import sklearn
    assert later.import_later('scipy') is None
    assert later.import_later('sklearn') is None
    assert (scipy.__name__, sklearn.__name__) == ('scipy', 'sklearn')


def test_scikit_learn_is_not_loaded_for_a_class_to_derive_from(packages):
    with pytest.raises(ImportError, match='sklearn.base'):
        later.import_later('sklearn.base', ('BaseEstimator',))
    assert 'sklearn' not in sys.modules


def test_other_modules_and_those_that_are_not_installed_are_imported_at_once(monkeypatch):
    assert later.import_later('numpy') is None
    monkeypatch.setattr(later.importlib.util, 'find_spec', lambda name: None)
    monkeypatch.setattr(later, 'sys', types.SimpleNamespace(modules={}))
    assert later.import_later('scipy.sparse') is None


def test_sparse_arrays_come_from_scipy_and_go_there():
    sparse = pytest.importorskip('scipy.sparse')
    dense = np.array([[0., 1.], [2., 0.], [0., 0.]], 'float32')
    given = sparse.csr_matrix(dense)
    for array in (nd.sparse.csr_matrix(given), nd.sparse.array(given), nd.array(given)):
        assert array.stype == 'csr'
        np.testing.assert_array_equal(array.asnumpy(), dense)
    back = mx.nd.array(dense).tostype('csr').asscipy()
    assert sparse.issparse(back)
    np.testing.assert_array_equal(back.toarray(), dense)
