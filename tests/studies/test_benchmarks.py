"""The benchmark runs, and its sums are right; how quick anything is no test can say."""
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gluon_bn.studies.benchmarks import measure, peers, report

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_one_command_measures_all_levels(tmp_path):
    command = [sys.executable, str(ROOT / 'scripts' / 'benchmark.py'), '--quick', '--repeats', '2',
               '--epoch-repeats', '1', '--peers', 'gluon_bn fast', 'Gluon', 'Gluon hybridized',
               '--json', str(tmp_path / 'a.json'), '--plot', str(tmp_path / 'a.png'),
               '--scaling', str(tmp_path / 'b.png')]
    result = subprocess.run(command, env={**os.environ, 'MPLBACKEND': 'Agg'}, timeout=600, capture_output=True,
                            text=True)
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / 'a.json').read_text())
    assert set(found['levels']) == {
        *(f'layer {shape} {what}' for shape in ((4, 3, 6, 6), (8, 5)) for what in ('forward', 'forward+backward')),
        'iteration, batch 64', 'epoch', 'evaluation'}
    for entries in found['levels'].values():
        assert set(entries) == {'gluon_bn fast', 'Gluon', 'Gluon hybridized'}
        assert entries['gluon_bn fast']['ratio'] == 1
    assert all(memory > 10 for memory in found['peak_memory_mb'].values())
    assert '| gluon_bn fast |' in result.stdout
    assert (tmp_path / 'a.png').stat().st_size > 10_000
    assert (tmp_path / 'b.png').stat().st_size > 10_000


def test_a_comparison_without_ourselves_is_refused(script_here):
    status, _, err = script_here(ROOT / 'scripts' / 'benchmark.py', '--peers', 'Gluon')
    assert status == 2
    assert err == "benchmark: --peers must name 'gluon_bn fast': the ratios are to it\n"


def test_contestants_take_turns():
    calls = []
    times = measure.in_turn({name: (lambda name=name: calls.append(name), lambda: None) for name in 'ab'}, 3, seconds=0)
    assert calls == list('aaabbbababab')
    assert [len(values) for values in times.values()] == [3, 3]


def test_medians_and_ratios():
    found = report.summary({'level': {'us': [1., 2., 9.], 'they': [4., 4., 5.]}}, 'us')['level']
    assert (found['us']['median'], found['they']['median'], found['they']['ratio']) == (2, 4, 0.5)


def test_the_overview_has_the_ratio_to_each_contestant():
    levels = {'epoch': {'us': [1.], 'they': [4.], 'those': [.5]},
              'evaluation': {'us': [.1], 'they': [.1], 'those': [1.]}}
    assert report.overview(levels, 'us').splitlines() == [
        '| time of us | ms | / they | / those |', '|---|--:|--:|--:|',
        '| epoch | 1,000 | 0.25 | 2.00 |', '| evaluation | 100 | 1.00 | 0.10 |']


@pytest.mark.parametrize('make', [lambda: peers.GluonBN('fast'), lambda: peers.GluonBN('plain'),
                                  lambda: peers.Gluon(False), lambda: peers.Gluon(True)])
def test_every_contestant_learns(rng, make):
    images, labels = rng.integers(0, 255, (16, 1, 28, 28), np.uint8), np.arange(16) % 10
    net = make().network()
    (batch,) = net.batches(images, labels.astype(np.int32), 16)
    losses = [float(net.step(*batch).asscalar()) for _ in range(12)]
    assert losses[0] == pytest.approx(np.log(10), abs=0.3)
    assert losses[-1] < losses[0]
    assert 0 <= net.correct(images, labels) <= 16
