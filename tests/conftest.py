"""What all tests share: a fresh seed for each, printed when it fails, and every device that works."""
import os
import random

import matplotlib
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from gluon_bn._mxnet import mx
from gluon_bn.context import try_all_gpus, why_no_gpu

matplotlib.use('Agg')
settings.register_profile('gluon_bn', deadline=None, print_blob=True, max_examples=30,
                          suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile('gluon_bn')

SEED_VARIABLE = 'GLUON_BN_TEST_SEED'


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


GPUS = [context for context in try_all_gpus() if context.device_type == 'gpu'] or [mx.gpu(0)]


@pytest.fixture(params=[mx.cpu(0), mx.cpu(1), *GPUS], ids=str)
def ctx(request):
    """Every device that works, one after the other; without a GPU, gpu(0) is skipped by name."""
    if request.param.device_type == 'gpu' and why_no_gpu(request.param.device_id) is not None:
        pytest.skip(f'{request.param}: {why_no_gpu(request.param.device_id)}')
    return request.param
