import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import gluon_bn.support.results
from gluon_bn.support.results import append_result, by_kind, finite, mean_and_spread, read_results


def test_what_is_appended_is_read_in_order(tmp_path):
    path = tmp_path / 'new' / 'results.jsonl'
    assert read_results(path) == []
    results = [{'seed': seed, 'text': 'zwölf\n', 'values': [0.1, None]} for seed in range(5)]
    for result in results:
        append_result(path, result)
    assert read_results(path) == results
    assert len(path.read_text().splitlines()) == 5


def test_whatever_part_of_the_last_line_a_kill_left_is_passed_over_and_the_file_can_be_gone_on_with(tmp_path):
    path = tmp_path / 'results.jsonl'
    for seed in range(2):
        append_result(path, {'seed': seed, 'text': 'ö'})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        kept = read_results(path)
        assert kept == [{'seed': seed, 'text': 'ö'} for seed in range(2)][:len(kept)]
        assert len(kept) >= whole[:length].count(b'\n')
        append_result(path, {'seed': 2})
        assert read_results(path) == [*kept, {'seed': 2}]


@pytest.mark.parametrize('line', [b'\n', b'[1]\n', b'12\n', b'{"a": \n', b'\xff\xfe\n', b'null\n'])
def test_lines_that_are_no_results_are_passed_over(tmp_path, line):
    path = tmp_path / 'results.jsonl'
    path.write_bytes(b'{"a": 1}\n' + line + b'{"b": 2}\n')
    assert read_results(path) == [{'a': 1}, {'b': 2}]


def test_numbers_that_json_does_not_have_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match='not JSON compliant'):
        append_result(tmp_path / 'results.jsonl', {'loss': float('nan')})
    assert os.listdir(tmp_path) == []
    values = {'a': [1.5, float('nan')], 'b': (float('inf'), 'x', None)}
    assert finite(values) == {'a': [1.5, None], 'b': [None, 'x', None]}


def test_several_processes_append_whole_lines(tmp_path):
    path = tmp_path / 'results.jsonl'
    code = textwrap.dedent('''
        import sys
        sys.path.insert(0, sys.argv[3])
        from gluon_bn.support.results import append_result
        for number in range(50):
            append_result(sys.argv[1], {'process': int(sys.argv[2]), 'number': number, 'padding': 'x' * 5000})
    ''')
    folder = str(Path(gluon_bn.__file__).parent.parent)
    processes = [subprocess.Popen([sys.executable, '-c', code, str(path), str(process), folder])
                 for process in range(3)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    results = [json.loads(line) for line in path.read_text().splitlines() if line]
    assert sorted((result['process'], result['number']) for result in results) == [
        (process, number) for process in range(3) for number in range(50)]


def test_kinds_differ_in_more_than_the_seed():
    results = [{'job': {'seed': seed, 'lr': lr, 'hidden': [2, 3]}} for seed in (0, 1) for lr in (1, 0.1)]
    assert by_kind(results, 'job') == [
        ({'lr': lr, 'hidden': [2, 3]}, [result for result in results if result['job']['lr'] == lr]) for lr in (1, 0.1)]


def test_mean_and_spread():
    mean, spread = mean_and_spread([[1, 2], [3, 2]])
    assert mean.tolist() == [2, 2]
    np.testing.assert_allclose(spread, [np.sqrt(2), 0])
    assert mean_and_spread([[5, 6]])[1].tolist() == [0, 0]


def test_a_result_is_on_the_disk_when_the_next_thing_happens(tmp_path, monkeypatch):
    path, sizes = tmp_path / 'results.jsonl', []
    monkeypatch.setattr(os, 'fsync', lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    append_result(path, {'seed': 0})
    assert sizes == [path.stat().st_size]
    append_result(path, {'seed': 1})
    assert sizes[1:] == [path.stat().st_size]


def test_a_result_that_is_written_in_part_is_an_error(tmp_path):
    resource = pytest.importorskip('resource')
    path = tmp_path / 'results.jsonl'
    append_result(path, {'seed': 0})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, before[1]))
        with pytest.raises(OSError, match='could not be written whole; is the disk full'):
            append_result(path, {'seed': 1})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    append_result(path, {'seed': 2})
    assert read_results(path) == [{'seed': 0}, {'seed': 2}]


def test_folders_are_made_however_many(tmp_path):
    path = tmp_path / 'several' / 'new' / 'results.jsonl'
    append_result(str(path), {'seed': 0})
    assert read_results(str(path)) == [{'seed': 0}]


def test_a_kind_does_not_depend_on_the_order_of_its_settings():
    results = [{'job': {'lr': 1, 'seed': 0, 'hidden': 2}}, {'job': {'hidden': 2, 'lr': 1, 'seed': 1}}]
    assert by_kind(results, 'job') == [({'lr': 1, 'hidden': 2}, results)]
