"""What all tests share: a fresh seed for each, printed when it fails, and every device that works."""
import glob
import os
import random
import runpy
import signal
import struct
import sys

import matplotlib
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import gluon_bn as gbn
from gluon_bn._mxnet import mx
from gluon_bn._mxnet.devices import why_no_gpu
from gluon_bn.fast import native, operators

matplotlib.use('Agg')
settings.register_profile('gluon_bn', deadline=None, print_blob=True, max_examples=30,
                          # too_slow looks at the clock: it fails by chance where other work takes the processor
                          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
settings.load_profile('gluon_bn')

if 'PYTEST_XDIST_WORKER' in os.environ:  # its processes have put this folder first for all that they start
    os.environ['PYTHONPATH'] = os.environ.get('PYTHONPATH', '').partition(os.pathsep)[2]

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would each process that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

SEED_VARIABLE = 'GLUON_BN_TEST_SEED'

# What chose the environment that runs the tests is not meant for the projects that tests make.
for variable in ('GLUON_BN_VENV', 'GLUON_BN_PYTHON', 'GLUON_BN_MXNET'):
    os.environ.pop(variable, None)


@pytest.fixture(autouse=True)
def seed(request):
    """Seed every generator anew; the seed is printed when the test fails, and ``GLUON_BN_TEST_SEED`` replays it."""
    value = int(os.environ.get(SEED_VARIABLE, random.SystemRandom().randrange(2**31)))
    request.node.user_properties.append(('seed', value))
    random.seed(value)
    np.random.seed(value)
    mx.random.seed(value)
    return value


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for name, value in item.user_properties:
            if name == 'seed':
                report.sections.append(('seed', f'replay with {SEED_VARIABLE}={value}'))


@pytest.fixture
def rng(seed):
    """NumPy's generator, seeded for this test."""
    return np.random.default_rng(seed)


GPUS = len(glob.glob('/dev/nvidia[0-9]*')) or 1  # whether they work is asked when a test needs one


@pytest.fixture(params=[mx.cpu(0), mx.cpu(1), *map(mx.gpu, range(GPUS))], ids=str)
def ctx(request):
    """Every device that works, one after the other; without a GPU, gpu(0) is skipped by name."""
    if request.param.device_type == 'gpu' and why_no_gpu(request.param.device_id) is not None:
        pytest.skip(f'{request.param}: {why_no_gpu(request.param.device_id)}')
    return request.param


@pytest.fixture
def library():
    """The native operators; without them the test is skipped, and says why."""
    if not native.available():
        pytest.skip(native.native_status())


@pytest.fixture(params=['native', 'plain'])
def formulation(request, monkeypatch):
    """The loss and the updates with their native operators, and without."""
    if request.param == 'native':
        request.getfixturevalue('library')
    monkeypatch.setattr(operators, 'available', lambda: request.param == 'native')


@pytest.fixture
def script_here(capfd, monkeypatch):
    """A function that runs a script in this process, where MXNet is there already: ``(status, stdout, stderr)``.

    For what ends early, as a refusal does; a process of its own takes seconds to start.
    """
    def run(path, *arguments):
        monkeypatch.setattr(sys, 'argv', [str(path), *map(str, arguments)])
        monkeypatch.setattr(sys, 'path', [os.path.dirname(path), *sys.path])
        capfd.readouterr()
        status = 0
        try:
            runpy.run_path(str(path), run_name='__main__')
        except SystemExit as end:
            status = end.code or 0
        return (status, *capfd.readouterr())

    return run


@pytest.fixture(scope='session')
def small_data(tmp_path_factory):
    """MNIST's first 640 training and 500 test images: real data, evaluated in no time."""
    folder = tmp_path_factory.mktemp('mnist')
    for train, prefix, n in ((True, 'train', 640), (False, 't10k', 500)):
        images, labels = gbn.data.load('mnist', train)
        (folder / f'{prefix}-images-idx3-ubyte').write_bytes(struct.pack('>4I', 2051, n, 28, 28) + images[:n].tobytes())
        (folder / f'{prefix}-labels-idx1-ubyte').write_bytes(
            struct.pack('>2I', 2049, n) + labels[:n].astype('u1').tobytes())
    return folder


@pytest.fixture(scope='session')
def read_events():
    """A function of a folder: its events, as TensorBoard's own reader has them, (kind, tag) -> [(step, value), ...]."""
    reader = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator',
                                 reason='tensorboard is not installed')

    def read(folder):
        kinds = ('scalars', 'histograms', 'images')
        events = reader.EventAccumulator(str(folder), size_guidance=dict.fromkeys(kinds, 0))  # 0: all of them
        events.Reload()
        values = {'scalars': lambda e: e.value, 'histograms': lambda e: e.histogram_value,
                  'images': lambda e: e.encoded_image_string}
        return {(kind, tag): [(e.step, values[kind](e)) for e in getattr(events, kind.capitalize())(tag)]
                for kind in kinds for tag in events.Tags()[kind]}

    return read


@pytest.fixture(scope='session')
def mpi():
    """The path of ``mpiexec``."""
    pytest.importorskip('mpi4py', reason='mpi4py is not installed')
    from gluon_bn.parallel.launch import mpiexec
    try:
        return mpiexec()
    except ImportError as error:
        pytest.skip(str(error))
