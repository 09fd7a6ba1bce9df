"""Each variant of the native operators: right next to NumPy in float64, and the same bits in every process."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_bn.fast import native, variants

ROOT = Path(__file__).resolve().parents[2]
RUNNABLE = [name for name, (_, needed) in variants.VARIANTS.items() if needed <= variants.processor_flags()]
CODE = """
import hashlib
import numpy as np
import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd

rng = np.random.default_rng(7)
worst = 0
for shape in ((64, 10), (7, 3), (129, 500), (5, 3, 6, 7), (33, 20, 24, 24)):
    axes = tuple(axis for axis in range(len(shape)) if axis != 1)
    C = shape[1]
    ones = (1, C) + (1,) * (len(shape) - 2)
    x, dy = rng.normal(2, 3, shape), rng.normal(0, 1, shape)
    gamma, beta = rng.normal(1, 1, C), rng.normal(0, 1, C)
    X, Gamma, Beta, dY = (nd.array(a, dtype='float32') for a in (x, gamma, beta, dy))
    for array in (X, Gamma, Beta):
        array.attach_grad()
    with autograd.record():
        out = gbn.batch_norm(X, Gamma, Beta, {}, {}, layer_name='a', eps=1e-5, impl='fast')
    out.backward(dY)
    x, dy = X.asnumpy().astype('float64'), dY.asnumpy().astype('float64')
    gamma, beta = Gamma.asnumpy().astype('float64'), Beta.asnumpy().astype('float64')
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    std = np.sqrt(var + 1e-5)
    xhat = (x - mean) / std
    dxhat = dy * gamma.reshape(ones)
    right = {'out': xhat * gamma.reshape(ones) + beta.reshape(ones), 'dgamma': (dy * xhat).sum(axes),
             'dbeta': dy.sum(axes),
             'dx': (dxhat - dxhat.mean(axes, keepdims=True) - xhat * (dxhat * xhat).mean(axes, keepdims=True)) / std}
    got = {'out': out, 'dgamma': Gamma.grad, 'dbeta': Beta.grad, 'dx': X.grad}
    for name, value in right.items():
        np.testing.assert_allclose(got[name].asnumpy(), value, rtol=2e-5, atol=2e-5 * abs(value).max(), err_msg=name)
mx.random.seed(0)
net = gbn.LeNet()
images, labels = gbn.data.load('mnist')
gbn.train_epoch(net, gbn.data.batches(images[:320], labels[:320], 64), lr=0.001)
digest = hashlib.sha256()
for name, array in sorted(net.params.items()):
    digest.update(array.asnumpy().tobytes())
print(gbn.native_status(), digest.hexdigest(), sep='\\n')
"""


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
    if not native.available():
        pytest.skip(native.native_status())
    return tmp_path_factory.mktemp('variants')


@pytest.mark.slow
@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('variant', RUNNABLE)
def test_a_variant_is_right_and_gives_the_same_bits_in_another_process(variant, threads, cache):
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'GLUON_BN_CACHE': str(cache), 'OMP_NUM_THREADS': str(threads),
                   'GLUON_BN_NATIVE_VARIANT': variant}
    printed = []
    for _ in range(2):
        ran = subprocess.run([sys.executable, '-c', CODE], env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        printed.append(ran.stdout)
    assert printed[0].startswith(f'native operators: in use, variant {variant}')
    assert printed[0] == printed[1]


def test_libraries_are_looked_for_where_a_wheel_has_them():
    folder = variants.FOLDER.relative_to(ROOT).as_posix()
    assert f'scratch/source/{folder}"' in (ROOT / 'scripts' / 'build_wheel.sh').read_text()
    assert f'"{Path(folder).name}/*"' in (ROOT / 'pyproject.toml').read_text()


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"sources": 1, "compiler": "g++"}', '\xff',
                                  '{"sources": 1, "compiler": "g++", "libraries": []}'])
def test_a_description_that_is_damaged_is_said_and_nothing_raises(text, tmp_path, monkeypatch):
    monkeypatch.setattr(variants, 'FOLDER', tmp_path)
    monkeypatch.delenv('GLUON_BN_NATIVE', raising=False)
    monkeypatch.delenv('GLUON_BN_NATIVE_VARIANT', raising=False)
    (tmp_path / 'about.json').write_bytes(text.encode('latin-1'))
    assert native.load().reason == f"{tmp_path / 'about.json'} is damaged; install the wheel again"
