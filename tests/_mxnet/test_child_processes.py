"""Children of multiprocessing that import MXNet before anything else, from where no script is run again in them."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gluon_bn
from gluon_bn._mxnet import mx

ROOT = Path(gluon_bn.__file__).resolve().parent.parent

# With several NDArrays, made by workers and sent back through MXNet's own shared memory.
LOADER = """
import multiprocessing, sys
sys.path.append({root!r})     # as a notebook may; the children's folders are these only after they are prepared
import gluon_bn as gbn
import mxnet as mx
multiprocessing.set_start_method({method!r})
data = mx.gluon.data.ArrayDataset(mx.nd.arange(8).reshape((8, 1)), mx.nd.arange(8))
loader = mx.gluon.data.DataLoader(data, batch_size=4, num_workers=1, timeout=300)
print([(x.shape, float(x.sum().asscalar()), y.asnumpy().tolist()) for x, y in loader])
"""


@pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])
def test_workers_started_from_a_string_of_code(tmp_path, method):
    elsewhere = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    result = subprocess.run([sys.executable, '-c', LOADER.format(root=str(ROOT), method=method)], cwd=tmp_path,
                            env=elsewhere, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        '[((4, 1), 6.0, [0.0, 1.0, 2.0, 3.0]), ((4, 1), 22.0, [4.0, 5.0, 6.0, 7.0])]']


def test_the_hook_goes_along_once():
    from multiprocessing import spawn

    from gluon_bn._mxnet import child_processes
    child_processes.pass_on()
    once = spawn.get_preparation_data
    child_processes.pass_on()
    assert spawn.get_preparation_data is once
    assert {'name', 'sys_path', 'gluon_bn_hook'} <= set(once('child'))


CHILD = """
import multiprocessing, sys
sys.path.append({root!r})
import gluon_bn as gbn
import mxnet as mx
multiprocessing.set_start_method({method!r})
child = multiprocessing.Process(target=mx.nd.save, args=({path!r}, mx.nd.arange(6).reshape((2, 3))))
child.start()
child.join(300)
sys.exit(child.exitcode)
"""


@pytest.mark.parametrize('method', ['spawn', pytest.param('forkserver', marks=pytest.mark.slow)])
def test_an_array_is_given_to_a_new_process(tmp_path, method):
    """Through MXNet's shared memory it would not come: that is gone before the process is there."""
    path = str(tmp_path / 'array.params')
    result = subprocess.run([sys.executable, '-c', CHILD.format(root=str(ROOT), method=method, path=path)],
                            cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    assert mx.nd.load(path)[0].asnumpy().tolist() == [[0, 1, 2], [3, 4, 5]]
