"""Configurations: every value is checked, as it is given and as it is read."""
import json
import math
import os
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_bn._mxnet import mx
from gluon_bn.run.configuration import PRESETS, Config, RunError, config_from, read_config, write_config

WRONG = {
    'dataset': ['imagenet', 5, None, [], 'cifar10'],
    'data_dir': [[], 5, '', True, 'a\0b'],
    'ctx': [5, None, [], '', {}],
    'epochs': [2.5, True, 0, -1, '3', None, [1], 1e300],
    'batch_size': [2.5, True, 0, -3, '64', None],
    'lr': [0, -0.1, math.nan, math.inf, '0.1', True, None, [0.1], 10 ** 400],
    'weight_scale': [0, -1, math.nan, math.inf, 1e300, 1e30, 'a', None, False],
    'momentum': [-0.1, 1.1, math.nan, None, 'a', True],
    'batch_norm': ['no', 0, 1, None, [], 'false'],
    'impl': ['foo', None, 1, ['auto']],
    'seed': [-1, 2 ** 31, 0.5, True, None, '0'],
    'limit': [0, -1, 640.5, True, '640', []],
    'validation': [-1, 0.5, True, None],
    'sgd_momentum': [1, 1.5, -0.1, math.nan, None, True],
    'schedule': ['cosine', None, 5],
    'max_shift': [-1, 28, 1.5, True, None],
    'target': [-0.1, 1.1, math.nan, 'a', True],
    'tensorboard': ['', 5, None, 1, [], 'a\0b'],
    'workers': [0, -1, 1.5, True, '2', None],
    'statistics': ['global', None, 5, True],
    'checkpoint_seconds': [-1, math.nan, math.inf, None, True, '10'],
}
CASES = [(name, value) for name, values in WRONG.items() for value in values]


@pytest.fixture
def written(tmp_path):
    """The dictionary of a right file."""
    write_config(tmp_path / 'config.json', Config(), mx.cpu())
    return json.loads((tmp_path / 'config.json').read_text())


def test_every_value_has_its_wrong_ones():
    assert set(WRONG) == set(vars(Config()))


@pytest.mark.parametrize(('name', 'value'), CASES, ids=lambda value: str(value)[:20])
def test_a_wrong_value_is_refused_when_it_is_given_and_when_it_is_read(tmp_path, written, name, value):
    with pytest.raises(RunError, match=f'^{name} is .*; expected ') as caught:
        Config(**{name: value})
    assert len(str(caught.value)) < 250
    assert '\n' not in str(caught.value)
    path = tmp_path / 'config.json'
    path.write_text(json.dumps({**written, name: value}))
    with pytest.raises(RunError, match=f'config.json is not the configuration of a run .{name} is .*; expected '):
        read_config(tmp_path)


@pytest.mark.parametrize(('name', 'value'), [
    ('epochs', 1), ('batch_size', 1), ('lr', 1), ('weight_scale', 1e-30), ('momentum', 0), ('momentum', 1), ('seed', 0),
    ('seed', 2 ** 31 - 1), ('limit', 1), ('limit', None), ('validation', 0), ('sgd_momentum', 0), ('max_shift', 27),
    ('sgd_momentum', 0.999), ('max_shift', 0), ('target', 0), ('target', 1), ('target', None), ('tensorboard', True),
    ('tensorboard', 'folder'), ('checkpoint_seconds', 0), ('batch_norm', False), ('data_dir', 'folder')])
def test_the_ends_of_a_range_are_inside(name, value):
    assert getattr(Config(**{name: value}), name) == value


def test_the_defaults_are_the_main_job_and_the_presets_what_is_said_of_them():
    assert vars(Config()) == {
        'dataset': 'mnist', 'data_dir': None, 'ctx': 'auto', 'epochs': 1, 'batch_size': 64, 'lr': 0.001,
        'weight_scale': 0.01, 'momentum': 0.9, 'batch_norm': True, 'impl': 'auto', 'seed': 0, 'limit': None,
        'validation': 0, 'sgd_momentum': 0, 'schedule': 'constant', 'max_shift': 0, 'target': None,
        'tensorboard': False, 'checkpoint_seconds': 10, 'workers': 1, 'statistics': 'synchronised'}
    assert PRESETS == {
        'fast': {'epochs': 1, 'batch_size': 96, 'lr': 0.003, 'sgd_momentum': 0.9, 'schedule': 'one-cycle',
                 'target': 0.99},
        'best': {'epochs': 20, 'batch_size': 64, 'lr': 0.001, 'sgd_momentum': 0.9, 'schedule': 'one-cycle',
                 'max_shift': 2, 'target': 0.995}}


def test_a_configuration_comes_back_as_it_was(tmp_path):
    for config in (Config(), *(Config(**preset) for preset in PRESETS.values()),
                   Config(epochs=np.int64(3), lr=np.float32(0.5), batch_norm=np.False_, seed=np.uint8(7))):
        write_config(tmp_path / 'config.json', config, mx.cpu())
        assert read_config(tmp_path) == config


@pytest.mark.parametrize(('content', 'message'), [
    ('', 'is not valid JSON'), ('{"epochs": 3', 'is not valid JSON'), ('[' * 100_000, 'is not valid JSON'),
    ('{"a":' * 100_000, 'is not valid JSON'), ('\xff', 'is not valid JSON'),
    ('9' * 5000, 'not (valid JSON|the config)'),
    ('5', 'it contains 5; expected an object'), ('null', 'it contains None; expected'),
    ('"epochs"', 'it contains .epochs.;'),
    ('[["epochs", 3]]', 'it contains .*; expected'), ('true', 'it contains True; expected'),
    ('{}', r'missing .*epochs.*unknown \[\]'),
    ('{"epochs": 3}', 'is not the configuration of a run .missing'), (' ' * 2_000_000, 'more than 1,000,000 bytes'),
], ids=lambda value: value[:12])
def test_files_that_are_no_configuration(tmp_path, content, message):
    (tmp_path / 'config.json').write_bytes(content.encode('latin-1'))
    with pytest.raises(RunError, match=message) as caught:
        read_config(tmp_path)
    assert 'config.json' in str(caught.value)


def test_a_typing_error_in_a_name_is_refused(tmp_path, written):
    (tmp_path / 'config.json').write_text(json.dumps({**written, 'epoch': 3}))
    with pytest.raises(RunError, match=r"missing \[\], unknown \['epoch'\]"):
        read_config(tmp_path)
    del written['epochs']
    (tmp_path / 'config.json').write_text(json.dumps(written))
    with pytest.raises(RunError, match=r"missing \['epochs'\]"):
        read_config(tmp_path)


def test_a_run_that_is_older_than_workers_had_one(tmp_path, written):
    older = {name: value for name, value in written.items() if name not in ('workers', 'statistics')}
    (tmp_path / 'config.json').write_text(json.dumps({**older, 'epochs': 3}))
    assert read_config(tmp_path) == Config(epochs=3, workers=1, statistics='synchronised')


def test_a_pipe_or_a_folder_is_not_waited_for(tmp_path):
    (tmp_path / 'a' / 'config.json').mkdir(parents=True)
    (tmp_path / 'b').mkdir()
    os.mkfifo(tmp_path / 'b' / 'config.json')
    code = ("import sys\nfrom gluon_bn.run.configuration import read_config\n"
            "try:\n    read_config(sys.argv[1])\nexcept ValueError as error:\n    print(error)")
    for folder in ('a', 'b'):
        done = subprocess.run([sys.executable, '-c', code, str(tmp_path / folder)], capture_output=True, text=True,
                              timeout=600, check=True)
        assert 'is not a regular file' in done.stdout


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3))


@given(st.dictionaries(st.sampled_from(sorted(WRONG)), JSON, max_size=5), st.booleans())
def test_whatever_stands_in_a_file_it_is_a_configuration_or_refused(values, whole):
    values = {**vars(Config()), **values} if whole else values
    with suppress(RunError):
        config = config_from(values, 'config.json')
        assert Config(**vars(config)) == config
        json.dumps(vars(config), allow_nan=False)
