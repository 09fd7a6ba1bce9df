"""The packages that only the converters need: what is said without them, and in which order they may be imported."""
import importlib.util
import subprocess
import sys

import pytest

import gluon_bn as gbn


@pytest.mark.parametrize(('module', 'call'), [
    ('onnx', lambda: gbn.export_onnx(None, 'net.onnx', (1, 3))), ('torch', lambda: gbn.to_torch(None)),
    ('torch', lambda: gbn.from_torch(None))])
def test_a_missing_package_is_named_with_its_extra(module, call, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"{module} is not installed; get it with: .*\[{module}\]"):
        call()


@pytest.mark.parametrize('order', ['mxnet, onnx', 'onnx, mxnet'])
def test_onnx_and_mxnet_live_together(order, tmp_path):
    """Both bring a protobuf of their own."""
    if importlib.util.find_spec('onnx') is None:
        pytest.skip('onnx is not installed')
    code = f"""
import gluon_bn as gbn, {order}
net = gbn.MLP([4, 3, 2], seed=0)
net.loss([[1, 2, 3, 4], [4, 3, 2, 2]], [0, 1])
print(mxnet.nd.ones(2).sum().asscalar())
gbn.export_onnx(net, 'net.onnx', (1, 4))
onnx.checker.check_model(onnx.load('net.onnx'))
print(mxnet.sym.load_json(mxnet.sym.var('x').tojson()))
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ['2.0', '<Symbol x>']
