"""The scripts of the four studies: their quick modes, what they refuse, and what their workers compute."""
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gluon_bn.studies import deep_nets, landscape, paper_figure, sweeps
from gluon_bn.studies.study import run
from gluon_bn.support.files import folder_locked

SCRIPTS = Path(__file__).resolve().parents[2] / 'scripts'


@pytest.mark.slow
@pytest.mark.parametrize(('script', 'arguments', 'said', 'written'), [
    ('deep_nets', ['deep_net', '--epochs', '1'], ['| one seed | batch norm | layer norm | none |'],
     ['deep_net.json', 'deep_net.png']),
    ('landscape', ['small_weights', '--seeds', '1'],
     ['| network | one seed | with batch norm | without |', 'learning rate 0.5 | range of the loss | '],
     ['small_weights-sigmoid_mlp.json', 'small_weights-sigmoid_mlp.png']),
    ('paper_figure', ['keras', '--steps', '40'], ['99,710', '100,310', '| keras | with batch norm |'],
     ['paper_figure.json', 'paper_figure.md', 'paper_figure.png']),
    ('sweep', ['batch_sizes', '--seeds', '1'], ['| before | 1 | 64 |  |  | refused: 1 of 1 |',
                                                'refused: X has shape (1, 1, 28, 28), a batch of one'],
     ['batch_sizes.json', 'batch_sizes.md', 'batch_sizes.png'])])
def test_the_quick_mode_says_and_writes_what_comes_out(tmp_path, script, arguments, said, written):
    command = [sys.executable, str(SCRIPTS / f'{script}.py'), *arguments, '--quick', '--processes', '1', '--output',
               str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    for line in [*said, ' trainings, 0 of them done before.', 'The claims are not judged', f'are in {tmp_path}']:
        assert line in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ['.lock', *sorted(['jobs', *written])]
    assert all(path.read_bytes().startswith(b'\x89PNG') for path in tmp_path.glob('*.png'))


@pytest.mark.parametrize(('script', 'arguments', 'said'), [
    ('deep_nets', ['deep_web'],
     'there is no experiment deep_web; expected one of: deep_net, weight_scales, batch_sizes, small_batches.'),
    ('deep_nets', ['--epochs', '0'], '--epochs is 0; it must be at least 1.'),
    ('landscape', ['weights'],
     'there is no experiment weights; expected one of: learning_rates, noise, small_weights.'),
    ('landscape', ['--seeds', '0'], '--seeds is 0; it must be at least 1.'),
    ('paper_figure', ['lasagne'], 'there is no setting lasagne; expected one of: sgd-0.1, sgd-0.02, sgd-0.5, keras.'),
    ('paper_figure', ['--steps', '0'], '--steps is 0; it must be at least 20.'),
    ('paper_figure', ['--processes', '0'], '--processes is 0; it must be at least 1.'),
    ('paper_figure', ['--data-dir', '/nowhere'],
     '/nowhere is not a folder; expected one with train-images-idx3-ubyte or train-images-idx3-ubyte.gz in it.'),
    ('sweep', ['learning_rate'], 'there is no experiment learning_rate; expected one of: training, learning_rates, '
                                 'positions, weight_scales, batch_sizes, momenta, eps, recalibration.'),
    ('sweep', ['eps', '--output', '/dev/null/folder'], "[Errno 20] Not a directory: '/dev/null/folder'")])
def test_what_is_refused_is_one_line_and_status_2(tmp_path, script_here, script, arguments, said):
    output = [] if '--output' in arguments else ['--output', tmp_path]
    status, _, err = script_here(SCRIPTS / f'{script}.py', *arguments, *output)
    assert (status, err) == (2, f'{script}: {said}\n')


def test_a_second_process_in_the_same_folder_is_refused_in_one_line(script_here, tmp_path):
    with folder_locked(tmp_path):
        status, _, err = script_here(SCRIPTS / 'sweep.py', 'eps', '--output', tmp_path)
    assert status == 2
    assert err == f'sweep: another process is at work in {tmp_path}; wait for it, or choose another folder.\n'


@pytest.mark.slow
@pytest.mark.parametrize(('study', 'experiment', 'changes'), [
    (deep_nets.STUDY, 'deep_net', {'hidden': (10,), 'epochs': 1}),
    (landscape.STUDY, 'noise-sigmoid_mlp', {'batch_size': 16, 'steps': 2, 'measure_every': 2, 'test_images': 100}),
    (paper_figure.STUDY, 'paper_figure', {'steps': 20}),
    (sweeps.STUDY, 'eps', {'batch_size': 16, 'score_after': (1, 3), 'test_images': 250})],
    ids=['deep_nets', 'landscape', 'paper_figure', 'sweeps'])
def test_a_worker_computes_what_this_process_does(tmp_path, study, experiment, changes):
    """With one thread and perhaps more: the same but for rounding."""
    job = replace(study.experiments[experiment]([3])[0], **changes)
    result, = run(study, tmp_path, [job], processes=1, report=len)
    expected = study.train(job, study.prepare(study.load(None)))
    assert set(expected) <= set(result)
    if 'records' in result:
        result, expected = (found['records'][-1] for found in (result, expected))
    name = next(name for name in ('losses', 'loss') if name in expected)
    assert result[name] == pytest.approx(expected[name], rel=1e-3)
