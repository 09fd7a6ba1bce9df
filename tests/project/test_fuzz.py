"""scripts/fuzz.py: what it lets readers read, and what it says where atheris is missing."""
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))
import fuzz

TARGETS = fuzz.targets()


@pytest.mark.parametrize('name', TARGETS)
def test_files_that_are_right_are_read(name, tmp_path):
    for seed in TARGETS[name].seeds:
        path = tmp_path / 'config.json'
        path.write_bytes(seed)
        TARGETS[name].read(path)


@pytest.mark.parametrize('name', TARGETS)
def test_files_that_are_damaged_are_read_or_refused(name):
    target = TARGETS[name]

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(target.seeds), st.data())
    def damaged(seed, data):
        start = data.draw(st.integers(0, len(seed)))
        end = data.draw(st.integers(start, min(len(seed), start + 8)))
        fuzz.try_file(target, seed[:start] + data.draw(st.binary(max_size=8)) + seed[end:])

    damaged()


@pytest.mark.parametrize('name', ['job', 'results', 'progress', 'notebook', 'config', 'solver'])
def test_lists_in_lists_in_lists_are_read_or_refused(name):
    for depth in (500, 990, 100_000):
        fuzz.try_file(TARGETS[name], b'[' * depth + b']' * depth)
        fuzz.try_file(TARGETS[name], b'{"settings": ' + b'[' * depth + b']' * depth + b'}')


def test_without_atheris_one_line_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'atheris', None)
    assert fuzz.main(['config', '--seconds', '1']) == 2
    assert capsys.readouterr().err == (
        f"fuzz: atheris is not installed; get it with: {sys.executable} -m pip install atheris\n")


@pytest.mark.parametrize('arguments', [['nothing'], ['config', '--seconds', '0']])
def test_bad_arguments_are_one_line(arguments, capsys):
    assert fuzz.main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith('fuzz: expected targets of idx-images, ')
    assert err.count('\n') == 1


def test_the_targets_are_listed(capsys):
    assert fuzz.main(['--list']) == 0
    assert capsys.readouterr().out.split() == list(TARGETS)
