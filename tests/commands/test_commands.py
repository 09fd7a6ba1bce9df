"""The command gluon-bn: its subcommands, what they say of bad arguments, and their exit status."""
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn.commands import __main__ as command
from gluon_bn.commands import deep_nets, evaluate, exercises, figure, landscape, sweep, train

ROOT = Path(__file__).resolve().parents[2]
SMALL = ('--ctx', 'cpu', '--limit', '256', '--batch-size', '64')
ENVIRONMENT = {**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONUNBUFFERED': ''}


def gluon_bn(*arguments, **options):
    """``python -m gluon_bn`` in a process of its own."""
    return subprocess.run([sys.executable, '-m', 'gluon_bn', *map(str, arguments)], capture_output=True, text=True,
                          timeout=600, env=ENVIRONMENT, **options)


@pytest.fixture(autouse=True)
def called_gluon_bn(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['/usr/bin/gluon-bn'])


@pytest.mark.parametrize('name', command.COMMANDS)
def test_every_command_has_help(name, capsys):
    assert command.main([name, '--help']) == 0
    out, err = capsys.readouterr()
    assert err == ''
    assert out.startswith(f'usage: gluon-bn {name} ')
    assert len(out) > 150


def test_the_help_names_every_command(capsys):
    assert command.main([]) == 0
    text = capsys.readouterr().out
    assert command.main(['--help']) == 0
    assert capsys.readouterr().out == text
    assert re.findall(r'^  ([a-z-]+)  +\w', text.partition('commands:')[2], re.M) == list(command.COMMANDS)


def test_the_version(capsys):
    assert command.main(['--version']) == 0
    assert capsys.readouterr().out == f'gluon_bn {gbn.__version__}\n'


@pytest.mark.parametrize(('arguments', 'said'), [
    (['trian'], "gluon-bn: there is no command 'trian'; did you mean train? --help lists the commands"),
    (['deepnets'], "gluon-bn: there is no command 'deepnets'; did you mean deep-nets? --help lists the commands"),
    (['zzz'], "gluon-bn: there is no command 'zzz'; expected one of: train, evaluate, "),
    (['--verison'], 'gluon-bn: unrecognized arguments: --verison; did you mean --version? --help lists'),
    (['train', '--epocs', '3'], 'gluon-bn train: unrecognized arguments: --epocs 3; did you mean --epochs? --help'),
    (['train', '--lr', 'abc'], "gluon-bn train: argument --lr: expected a number, got 'abc'; --help lists"),
    (['train', '--epochs', '2.5'], "gluon-bn train: argument --epochs: expected a whole number, got '2.5'; --help"),
    (['train', '--impl', 'quick'], "gluon-bn train: argument --impl: invalid choice: 'quick'"),
    (['train', '--epochs'], 'gluon-bn train: argument --epochs: expected one argument; --help'),
    (['train', '--lr', 'a\nb'], "gluon-bn train: argument --lr: expected a number, got 'a\\nb'"),
    (['train', '--lr', '-1'], 'gluon-bn train: lr is -1.0; expected a finite number, above 0.'),
    (['mlp', '--momentum', 'some'], "gluon-bn mlp: argument --momentum: expected a number, got 'some'"),
    (['evaluate'], 'gluon-bn evaluate: the following arguments are required: RUN; --help'),
    (['exercises', 'chek'], 'gluon-bn exercises: argument COMMAND: invalid choice'),
    (['sweep', 'epsilon'], 'gluon-bn sweep: there is no experiment epsilon; expected one of: '),
    (['figure', '--steps', '5'], 'gluon-bn figure: --steps is 5; it must be at least 20.'),
    (['landscape', '--network', 'resnet'], "gluon-bn landscape: argument --network: invalid choice: 'resnet'"),
    (['deep-nets', '--seeds', '0'], 'gluon-bn deep-nets: --seeds is 0; it must be at least 1.'),
    (['breast-cancer', '--splits', '0'], 'gluon-bn breast-cancer: --splits is 0; it must be at least 1.'),
    (['benchmark', '--peers', 'Gluon'], "gluon-bn benchmark: --peers must name 'gluon_bn fast'"),
    (['doctor', '--jsn'], 'gluon-bn doctor: unrecognized arguments: --jsn; did you mean --json?'),
    (['train', '--resume', ''], "gluon-bn train: argument --resume: expected a folder, got ''; --help"),
    (['train', '--output', ''], "gluon-bn train: argument --output: expected a folder, got ''; --help"),
    (['train', '--tensorboard', ''], "gluon-bn train: argument --tensorboard: expected a folder, got ''; --help"),
    (['train', '--data-dir', ''], "gluon-bn train: argument --data-dir: expected a folder, got ''; --help"),
    (['evaluate', ''], "gluon-bn evaluate: argument RUN: expected a folder, got ''; --help"),
    (['evaluate', 'x', '--data-dir', ''], "gluon-bn evaluate: argument --data-dir: expected a folder, got ''; --help"),
    *(([name, '--output', ''], f"gluon-bn {name}: argument --output: expected a folder, got ''; --help")
      for name in ('deep-nets', 'landscape', 'figure', 'mlp')),
    (['sweep', 'eps', '--output', ''], "gluon-bn sweep: argument --output: expected a folder, got ''; --help"),
    (['exercises', '--tasks', ''], "gluon-bn exercises: argument --tasks: expected a folder, got ''; --help"),
    (['tutorials', ''], "gluon-bn tutorials: argument DIR: expected a folder, got ''; --help"),
    (['tutorials'], 'gluon-bn tutorials: the following arguments are required: DIR'),
])
def test_bad_arguments_are_one_line_and_status_2(arguments, said, capsys):
    assert command.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ''
    assert err.startswith(said)
    assert err.count('\n') == 1


def test_a_script_calls_itself_by_its_own_name(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['scripts/train_mnist.py', '--lr', 'abc'])
    assert command.run_command('train') == 2
    assert capsys.readouterr().err.startswith("train_mnist: argument --lr: ")


@pytest.mark.parametrize('module', [deep_nets, landscape, sweep], ids=['deep-nets', 'landscape', 'sweep'])
def test_the_help_names_every_experiment(module):
    """The commands say the names themselves, so that their help does not load the experiments."""
    from gluon_bn.studies import deep_nets as nets
    from gluon_bn.studies import sweeps
    from gluon_bn.studies.landscape.training import LEARNING_RATES, NAMES
    names = {deep_nets: nets.STUDY.experiments, sweep: sweeps.STUDY.experiments, landscape: NAMES}[module]
    assert ', '.join(names) in ' '.join(module.parser().format_help().split())
    assert tuple(LEARNING_RATES) == landscape.NETWORKS


def test_a_studys_options_decide_about_jobs_folder_and_status(monkeypatch, capsys):
    from gluon_bn.studies import study
    from gluon_bn.studies.deep_nets import STUDY
    calls = []

    def record(study, experiments, folder, data_dir, processes, judged, train):
        calls.append((experiments, folder, judged))
        return {name: {'a claim': not judged} for name in experiments}

    monkeypatch.setattr(study, 'conduct', record)
    assert deep_nets.main(['--quick']) == 0
    (experiments, folder, judged), = calls
    assert (list(experiments), folder, judged) == (list(STUDY.experiments), 'runs/deep_nets_quick', False)
    for name, jobs in experiments.items():
        of_quick, of_whole = (sum(map(STUDY.cost, some)) for some in (jobs, STUDY.experiments[name]([0])))
        assert of_quick < 0.5 * of_whole
        assert {job.seed for job in jobs} == {0}
    assert deep_nets.main(['deep_net', '--quick', '--seeds', '2', '--epochs', '1', '--output', 'there']) == 0
    jobs, = calls[1][0].values()
    assert (calls[1][1], {job.seed for job in jobs}, {job.epochs for job in jobs}) == ('there', {0, 1}, {1})
    assert deep_nets.main(['deep_net']) == 1
    assert calls[2] == ({'deep_net': STUDY.experiments['deep_net'](range(3))}, 'runs/deep_nets', True)
    assert landscape.main(['small_weights', 'noise', '--network', 'lenet']) == 1
    assert list(calls[3][0]) == ['noise-lenet']
    assert figure.main(['keras', '--quick', '--steps', '20']) == 0
    jobs, = calls[4][0].values()
    assert {(job.optimizer, job.steps, job.seed) for job in jobs} == {('rmsprop', 20, 0)}
    assert figure.main([]) == 1
    assert len(calls[5][0]['paper_figure']) == 3 * 2 * 3


def test_the_figures_help_names_settings_and_steps():
    from gluon_bn.studies.paper_figure.experiments import FIGURE, SETTINGS, STEPS
    text = ' '.join(figure.parser().format_help().split())
    assert f"of {', '.join(SETTINGS)} (default: {', '.join(FIGURE)})" in text
    assert f'(default: {STEPS:,})' in text


def test_help_and_bad_arguments_load_neither_mxnet_nor_matplotlib():
    code = ("import sys\nfrom gluon_bn.commands.__main__ import COMMANDS, main\n"
            "for name in sorted(set(COMMANDS) - {'mlp', 'exercises'}): main([name, '--help'])\n"
            "main(['train', '--lr', 'abc'])\n"
            "print('LOADED', sorted({'mxnet', 'matplotlib'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=600, env=ENVIRONMENT)
    assert done.stdout.splitlines()[-1] == 'LOADED []', done.stderr


def test_the_site_is_built_from_a_checkout_by_the_script(tmp_path, monkeypatch, capsys):
    from gluon_bn.commands import site
    monkeypatch.setattr(site, '_SCRIPT', tmp_path / 'build_site.sh')
    assert command.main(['site']) == 2
    assert 'from a checkout' in capsys.readouterr().err
    (tmp_path / 'build_site.sh').write_text('[ "$*" = --quick ] && exit 7')
    assert command.main(['site', '--quick']) == 7
    assert command.main(['site']) == 1


# ---- evaluate --------------------------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def trained(tmp_path_factory, small_data):
    folder = tmp_path_factory.mktemp('runs') / 'a run'
    assert train.main([*SMALL, '--data-dir', str(small_data), '--output', str(folder)], 'gluon-bn train') == 0
    return folder


def accuracy_with_numpy(net, images, labels, batch_size, is_training):
    """The accuracy, counted by NumPy from the network's scores."""
    right = 0
    for begin in range(0, len(images), batch_size):
        part = slice(begin, begin + batch_size)
        X = gbn._mxnet.nd.array(images[part].astype(np.float32) / 255)
        right += int((net(X, is_training=is_training).asnumpy().argmax(1) == labels[part]).sum())
    return right / len(images)


def test_evaluate_prints_both_accuracies_of_the_runs_own_data(trained, small_data, capsys):
    files = {path: path.read_bytes() for path in trained.rglob('*') if path.is_file()}
    assert command.main(['evaluate', str(trained), '--ctx', 'cpu', '--batch-size', '60', '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    images, labels = gbn.data.load('mnist', False, small_data)
    assert (found['images'], found['dataset'], found['batch_size']) == (500, 'mnist', 60)
    for name, is_training in (('stored_statistics', False), ('batch_statistics', True)):
        expected = accuracy_with_numpy(gbn.load_network(trained), images, labels, 60, is_training)
        assert found[name] == pytest.approx(expected, abs=1e-6)
    assert files == {path: path.read_bytes() for path in trained.rglob('*') if path.is_file()}
    assert command.main(['evaluate', str(trained / 'checkpoint' / 'latest.npz'), '--ctx', 'cpu', '--batch-size',
                         '60']) == 0
    text = capsys.readouterr().out
    assert f"{found['stored_statistics']:.4f}" in text
    assert f"{found['batch_statistics']:.4f}" in text


def test_evaluate_takes_other_data(trained, capsys):
    assert command.main(['evaluate', str(trained), '--dataset', 'mnist', '--data-dir',
                         str(Path(gbn.data.__file__).parent / 'mnist'), '--json']) == 0
    assert json.loads(capsys.readouterr().out)['images'] == 10_000


@pytest.mark.parametrize(('arguments', 'said'), [
    (['--batch-size', '0'], '--batch-size is 0; it must be at least 1.'),
    (['--batch-size', '499'], '500 images in batches of 499 leave a last batch of one'),
    (['--dataset', 'cifar10'], "--dataset is 'cifar10'; expected one of mnist, fashion-mnist."),
    (['--ctx', 'tpu'], "context 'tpu' is unknown"),
])
def test_evaluate_refuses_in_one_line(trained, arguments, said, capsys):
    assert evaluate.main([str(trained), *arguments], 'gluon-bn evaluate') == 2
    err = capsys.readouterr().err
    assert err.startswith(f'gluon-bn evaluate: {said}')
    assert err.count('\n') == 1


def test_evaluate_of_a_folder_without_a_run(tmp_path, capsys):
    assert evaluate.main([str(tmp_path)], 'gluon-bn evaluate') == 2
    assert f'{tmp_path} contains no trained network' in capsys.readouterr().err
    assert evaluate.main([str(tmp_path / 'nowhere')], 'gluon-bn evaluate') == 2
    said = capsys.readouterr().err
    assert f'{tmp_path / "nowhere"} does not exist; expected the folder of a run or a checkpoint file' in said
    assert said.rstrip().endswith(' train')
    assert said.count('\n') == 1


# ---- exercises, pipes, interrupts ------------------------------------------------------------------------------------

def test_exercises_are_the_same_as_in_their_package(tmp_path, capsys):
    assert exercises.main(['start', '1', str(tmp_path)], 'gluon-bn exercises') == 0
    assert (tmp_path / '01_normalize_matrix.py').exists()
    assert command.main(['exercises', 'check', 'no_such']) == 2
    assert 'exercises: there is no exercise' in capsys.readouterr().err


@pytest.mark.parametrize('arguments', [['--help'], ['train', '--help'], ['exercises', 'list']], ids=' '.join)
def test_a_reader_that_has_had_enough_is_no_error(arguments):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, '-m', 'gluon_bn', *arguments], stdout=write, stderr=subprocess.PIPE,
                          text=True, timeout=600, env=ENVIRONMENT)
    os.close(write)
    assert done.stderr == ''
    assert done.returncode in (1, 141)


@pytest.mark.skipif(not Path('/dev/full').is_char_device(), reason='needs the device /dev/full')
def test_a_full_disk_is_one_line():
    with open('/dev/full', 'w') as full:
        done = subprocess.run([sys.executable, '-m', 'gluon_bn', '--help'], stdout=full, stderr=subprocess.PIPE,
                              text=True, timeout=600, env=ENVIRONMENT)
    assert done.stderr == 'python -m gluon_bn: standard output cannot be written: No space left on device.\n'
    assert done.returncode == 2


@pytest.mark.parametrize('script', [False, True], ids=['command', 'script'])
def test_ctrl_c_while_modules_load_is_one_line_and_status_130(script, tmp_path):
    """The package's own ``numpy`` stands for a module that takes long, and that hides exceptions as some do."""
    (tmp_path / 'numpy.py').write_text("import time\nprint('loading', flush=True)\n"
                                       "try:\n    time.sleep(60)\nexcept BaseException:\n    pass\n")
    words = [str(ROOT / 'scripts' / 'train_mnist.py')] if script else ['-m', 'gluon_bn', 'train']
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    process = subprocess.Popen([sys.executable, *words, '--limit', '64'], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.PIPE, env={**ENVIRONMENT, 'PYTHONPATH': path}, cwd=tmp_path)
    assert process.stdout.readline() == 'loading\n'
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=600)[1]
    assert process.returncode == 130, err
    assert re.fullmatch(r'.*: interrupted before it began\n', err)


@pytest.mark.slow
@pytest.mark.by_hand
def test_ctrl_c_at_any_moment_ends_without_a_traceback(tmp_path):
    for tenth in range(1, 40, 3):
        process = subprocess.Popen([sys.executable, '-m', 'gluon_bn', 'train', *SMALL, '--epochs', '500', '--output',
                                    str(tmp_path / f'run{tenth}')], stdout=subprocess.DEVNULL, text=True,
                                   stderr=subprocess.PIPE, env=ENVIRONMENT)
        time.sleep(0.2 + tenth / 10)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=600)[1]
        assert 'Traceback' not in err
        assert process.returncode == 130


def test_an_interrupted_run_says_a_line_that_goes_on(trained, tmp_path, small_data):
    folder = tmp_path / 'it is here'
    process = subprocess.Popen([sys.executable, '-m', 'gluon_bn', 'train', *SMALL, '--epochs', '2000', '--data-dir',
                                str(small_data), '--output', str(folder)], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.PIPE, env=ENVIRONMENT, cwd=ROOT)
    assert process.stdout.readline().startswith('Epoch 0.')
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=600)[1]
    assert process.returncode == 130
    line = err.splitlines()[-1].partition('resume it with: ')[2]
    assert "'" in line  # the folder's name has spaces
    resumed = subprocess.Popen(f'exec {line}', shell=True, stdout=subprocess.PIPE, text=True, cwd='/',
                               env={key: value for key, value in ENVIRONMENT.items() if key != 'PYTHONPATH'}
                               if 'PYTHONPATH=' in line else ENVIRONMENT)
    assert resumed.stdout.readline().startswith(f'Resuming {folder} at epoch ')
    resumed.send_signal(signal.SIGINT)
    resumed.communicate(timeout=600)
