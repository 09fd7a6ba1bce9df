"""The examples in the docstrings run, and print what they say."""
import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import gluon_bn
from gluon_bn._mxnet import autograd, mx, nd

MODULES = sorted(module.name for module in pkgutil.walk_packages(gluon_bn.__path__, 'gluon_bn.')
                 if not module.name.endswith('__main__'))
LIBRARIES = {'gluon_bn.run.tensorboard': 'tensorboardX', 'gluon_bn.exchange.onnx': 'onnx',
             'gluon_bn.exchange.torch': 'torch', 'gluon_bn.parallel.mpi': 'mpi4py'}


@pytest.mark.parametrize('name', MODULES)
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where those that write files may write them
    if name.endswith('_peer'):  # of a library that is not needed otherwise
        pytest.importorskip(name.rsplit('.', 1)[1][:-len('_peer')])
    for room, library in LIBRARIES.items():
        if name.startswith(room):
            pytest.importorskip(library)
    module = importlib.import_module(name)
    names = {'np': np, 'nd': nd, 'mx': mx, 'autograd': autograd, 'gbn': gluon_bn, 'data': gluon_bn.data,
             'train_epoch': gluon_bn.train_epoch, 'LeNet': gluon_bn.LeNet, 'path': tmp_path / 'file'}
    results = doctest.testmod(module, extraglobs=names, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0


PUBLIC = [(name, value) for module in (gluon_bn, gluon_bn.autodiff, gluon_bn.data, gluon_bn.gradient_check,
                                       gluon_bn.reference)
          for name in getattr(module, '__all__', ()) or vars(module)
          for value in [getattr(module, name)] if getattr(value, '__module__', '').startswith(module.__name__)]


@pytest.mark.parametrize(('name', 'value'), PUBLIC, ids=[name for name, _ in PUBLIC])
def test_examples_of_public_names_run_as_they_stand(name, value, tmp_path, monkeypatch):
    """After the imports that every page of the project begins with, and nothing else."""
    for room, library in LIBRARIES.items():
        if value.__module__.startswith(room):
            pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    names = {'np': np, 'nd': nd, 'mx': mx, 'autograd': autograd, 'gbn': gluon_bn}
    for example in doctest.DocTestFinder().find(value, name, globs=names):
        doctest.DebugRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
