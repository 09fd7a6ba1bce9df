"""The main job of several workers: what one process computes, the same bits every time, and one folder."""
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn.parallel.group import GroupError, OneProcess, in_threads
from gluon_bn.parallel.launch import ENVIRONMENT, files_in
from gluon_bn.parallel.worker import Worker, WorkerEnded
from gluon_bn.run import checkpoint, job, loop, workers
from gluon_bn.run.configuration import Config, RunError
from gluon_bn.run.interrupts import Interrupted

ROOT = Path(__file__).resolve().parents[2]
FILES_OF_MPI = tempfile.TemporaryDirectory()  # of the jobs that are not begun by our launcher


class InThread(Worker):
    """A worker that is a thread of this process. What is interrupted is said by ``stop``, a batch, and a rank."""

    _one_by_one = threading.Lock()  # the seed of the first parameters is that of the whole process

    def __init__(self, group, stop=None):
        super().__init__('test', group)
        self.lines, self._stop, self._batches = [], stop, 0

    def report(self, line):
        self.lines.append(line)

    def log_to(self, folder):
        pass

    def together(self, what, do):
        def alone():
            with self._one_by_one:
                return do()
        return super().together(what, alone)

    @property
    def interrupted(self):
        return self._stop is not None and self.group.step >= self._stop

    @interrupted.setter
    def interrupted(self, value):
        pass


@pytest.fixture
def tiny(small_data):
    """Seven batches an epoch, of which the last one has two images: some shards have one, and some have none."""
    return Config(limit=50, batch_size=8, seed=5, data_dir=str(small_data), sgd_momentum=0.5, epochs=2,
                  checkpoint_seconds=0)


def train(config, folder, size, stop=None, resumed=False, each=lambda config, rank: config):
    """Train with workers in threads; returns rank 0's lines."""
    config = replace(config, workers=size)

    def work(group):
        worker = InThread(group, stop if group.rank == size - 1 else None)
        ctx = f'cpu:{group.rank}'  # each thread has a device of its own, or they would wait for one another
        if resumed:
            workers.resume(worker, folder, ctx)
        else:
            workers.start(worker, each(replace(config, ctx=ctx), group.rank), folder)
        return worker.lines
    return in_threads(size, work)[0]


def state(folder):
    return checkpoint.load(folder / 'checkpoint' / 'latest.npz')


def assert_same_bits(folder, other):
    assert {name: array.tobytes() for name, array in state(folder)[0].items()} == {
        name: array.tobytes() for name, array in state(other)[0].items()}
    assert history(folder) == history(other)


def history(folder):
    with open(folder / 'metrics.jsonl', encoding='utf-8') as file:
        return [{name: value for name, value in json.loads(line).items() if not name.endswith('seconds')}
                for line in file]


@pytest.fixture
def in_float64(monkeypatch):
    """Networks and batches in float64, by the plain formula. In float32 its difference of 1e-7 grows to one of 1e-3
    within some 20 steps: MNIST's background has one value in each channel, and a ReLU lets all of it pass, or nothing.
    The native operators, which have no such difference, compute LeNet in float32 only.
    """
    make, batches = loop.network_of, loop.Job.batches_from

    def network_of(config, ctx):
        net = make(replace(config, impl='plain'), ctx)
        for name, param in net.params.items():
            net.params[name] = param.astype('float64')
            net.params[name].attach_grad()
        return net

    def of(batches):
        def batches_from(self, epoch, batch):
            for data, label in batches(self, epoch, batch):
                yield (None, None) if data is None else (data.astype('float64'), label)
        return batches_from

    monkeypatch.setattr(loop, 'network_of', network_of)
    monkeypatch.setattr(loop.Job, 'batches_from', of(batches))
    monkeypatch.setattr(workers.WorkerJob, 'batches_from', of(workers.WorkerJob.batches_from))
    for kind in (loop.Job, workers.WorkerJob):
        monkeypatch.setattr(kind, 'evaluate', lambda self: {'train_acc': 0., 'test_acc': 0., 'eval_seconds': 0.})


@pytest.mark.parametrize('size', [1, 3, *(pytest.param(size, marks=pytest.mark.slow) for size in (2, 5))])
def test_any_number_of_workers_computes_what_one_process_does(size, tiny, tmp_path, in_float64):
    job.start(replace(tiny, ctx='cpu'), tmp_path / 'one', report=lambda line: None)
    lines = train(tiny, tmp_path / 'several', size)
    assert [line[:8] for line in lines] == ['Epoch 0.', 'Epoch 1.']
    one, several = state(tmp_path / 'one')[0], state(tmp_path / 'several')[0]
    assert one.keys() == several.keys()
    for name, array in one.items():
        assert array.dtype == np.float64
        np.testing.assert_allclose(several[name], array, rtol=1e-5, atol=1e-9, err_msg=name)


@pytest.mark.slow
def test_the_loss_is_the_same_over_200_steps(small_data, tmp_path, in_float64):
    config = Config(limit=320, batch_size=8, epochs=5, seed=5, data_dir=str(small_data))
    job.start(replace(config, ctx='cpu'), tmp_path / 'one', report=lambda line: None)
    losses = state(tmp_path / 'one')[0]['losses']
    assert len(losses) == 200
    train(config, tmp_path / 'several', 4)
    np.testing.assert_allclose(state(tmp_path / 'several')[0]['losses'], losses, rtol=0, atol=1e-4)


def test_the_accuracies_of_all_workers_are_those_of_the_saved_network(tiny, small_data, tmp_path):
    train(tiny, tmp_path / 'run', 3)
    net, record = gbn.load_network(tmp_path / 'run'), history(tmp_path / 'run')[-1]
    for name, train_, n in (('train_acc', True, 50), ('test_acc', False, 500)):
        images, labels = gbn.data.load('mnist', train_, small_data)
        assert record[name] == gbn.evaluate_accuracy(gbn.data.batches(images[:n], labels[:n], 250), net)


@pytest.mark.parametrize('statistics', ['synchronised', pytest.param('local', marks=pytest.mark.slow)])
def test_interrupted_and_resumed_it_ends_as_if_nothing_had_happened(statistics, tiny, tmp_path):
    tiny = replace(tiny, statistics=statistics, limit=56)
    train(tiny, tmp_path / 'whole', 3)
    with pytest.raises(Interrupted):
        train(tiny, tmp_path / 'run', 3, stop=4)
    assert state(tmp_path / 'run')[1]['batch'] == 5
    with pytest.raises(Interrupted):  # in the evaluation
        train(tiny, tmp_path / 'run', 3, stop=6, resumed=True)
    assert state(tmp_path / 'run')[1]['batch'] == 7
    lines = train(tiny, tmp_path / 'run', 3, resumed=True)
    assert lines[0] == f"Resuming {tmp_path / 'run'} at epoch 0, batch 7."
    assert_same_bits(tmp_path / 'run', tmp_path / 'whole')
    before = state(tmp_path / 'run')
    assert 'is finished: 2 of 2 epochs' in train(tiny, tmp_path / 'run', 3, resumed=True)[0]
    assert str(state(tmp_path / 'run')) == str(before)


def test_local_statistics_are_those_of_all_workers_in_the_checkpoint(tiny, tmp_path):
    """After one batch they are those of the whole batch, whose shards have 3, 3 and 2 images."""
    tiny = replace(tiny, limit=8, epochs=1, statistics='local')
    train(tiny, tmp_path / 'local', 3)
    train(replace(tiny, statistics='synchronised'), tmp_path / 'synchronised', 3)
    local, whole = (state(tmp_path / folder)[0] for folder in ('local', 'synchronised'))
    for what in ('means', 'vars'):
        assert local[f'local/{what}/bn1'].shape == (3, 20)
        assert (local[f'local/{what}/bn1'][1:] != local[f'local/{what}/bn1'][0]).any(axis=1).all()
        np.testing.assert_allclose(local[f'bn_ewv_{what}/bn1'], whole[f'bn_ewv_{what}/bn1'], rtol=1e-4, atol=1e-6)


def test_local_statistics_need_two_images_on_each_worker(tiny, tmp_path):
    with pytest.raises(WorkerEnded, match='rank 0 of 5 a shard of one image'):
        train(replace(tiny, statistics='local'), tmp_path / 'run', 5)
    assert not (tmp_path / 'run').exists()


def test_shards_of_local_statistics_may_be_empty(tiny, tmp_path):
    train(replace(tiny, statistics='local', limit=24, batch_size=4, epochs=1, batch_norm=False), tmp_path / 'run', 5)
    assert len(state(tmp_path / 'run')[0]['losses']) == 6


def test_a_run_knows_its_number_of_workers(tiny, tmp_path):
    with pytest.raises(Interrupted):
        train(tiny, tmp_path / 'run', 2, stop=4)
    with pytest.raises(RunError, match='workers is 2, and there are 1; start the run with --workers 2, or with mpi'):
        job.resume(tmp_path / 'run')
    with pytest.raises(WorkerEnded, match='workers is 2, and there are 3'):
        train(tiny, tmp_path / 'run', 3, resumed=True)


def test_a_run_from_before_there_were_workers_is_resumed(tiny, tmp_path):
    job.start(replace(tiny, ctx='cpu'), tmp_path / 'run', report=lambda line: None)
    path = tmp_path / 'run' / 'config.json'
    path.write_text(json.dumps({name: value for name, value in json.loads(path.read_text()).items()
                                if name not in ('workers', 'statistics')}))
    assert job.resume(tmp_path / 'run', report=lambda line: None)[-1]['epoch'] == 1


@pytest.mark.parametrize(('name', 'value', 'message'), [
    ('lr', 0.5, 'rank 2 has another configuration than rank 0: lr is 0.5, not 0.001.'),
    ('limit', 40, 'rank 2 has another configuration than rank 0: limit is 40, not 50.'),
    ('data_dir', None, r'rank 2 has another data set than rank 0: (training images|test_acc) is .*, not '),
])
def test_a_rank_that_differs_is_named(name, value, message, tiny, tmp_path):
    def each(config, rank):
        return replace(config, **{name: value}) if rank == 2 else config

    with pytest.raises(GroupError, match=message):
        train(tiny, tmp_path / 'run', 3, each=each)
    assert not (tmp_path / 'run' / 'config.json').exists()


def test_another_version_is_named(monkeypatch, tiny, tmp_path):
    versions = iter(['0.1.0', '0.2.0'])
    monkeypatch.setattr(workers.platform, 'python_version', lambda: next(versions))
    with pytest.raises(GroupError, match=r"has another version than rank 0: python is '0.[12].0', not '0.[12].0'"):
        train(tiny, tmp_path / 'run', 2)


def test_parameters_that_are_not_the_same_any_more_are_noticed(tiny, tmp_path, monkeypatch):
    update = workers.WorkerJob.update

    def wrong(self, params, lr):
        update(self, params, lr)
        if (self.group.rank, self.step) == (1, 2):
            params['b4'][0] += 1e-6
    monkeypatch.setattr(workers.WorkerJob, 'update', wrong)
    with pytest.raises(GroupError, match='rank 1 has another network than rank 0: SHA-256 of the parameters'):
        train(tiny, tmp_path / 'run', 2)


def test_a_folder_with_a_run_is_refused_by_all(tiny, tmp_path):
    train(replace(tiny, epochs=1), tmp_path / 'run', 2)
    with pytest.raises(WorkerEnded, match=r'rank 0: .* already contains a run') as error:
        train(tiny, tmp_path / 'run', 2)
    assert error.value.status == 2
    assert error.value.everywhere


def test_a_group_of_one_writes_what_a_process_alone_does(tiny, tmp_path):
    job.start(replace(tiny, ctx='cpu'), tmp_path / 'alone', report=lambda line: None)
    told = workers.start(InThread(OneProcess()), replace(tiny, ctx='cpu', statistics='local'), tmp_path / 'group')
    assert [record['epoch'] for record in told] == [0, 1]
    assert set(os.listdir(tmp_path / 'group')) == set(os.listdir(tmp_path / 'alone'))
    (group, _), (alone, _) = (state(tmp_path / folder) for folder in ('group', 'alone'))
    assert group.keys() == alone.keys()
    np.testing.assert_allclose(group['losses'], alone['losses'], rtol=1e-5)
    assert workers.resume(InThread(OneProcess()), tmp_path / 'group') == told


@pytest.mark.skipif(not os.access('/dev/shm', os.W_OK), reason='tensorboardX needs a /dev/shm that this user may use')
def test_rank_0_alone_writes_tensorboards_files(tiny, tmp_path, monkeypatch):
    pytest.importorskip('tensorboardX', reason='tensorboardX is not installed')
    events, made = loop.RunEvents, []

    def counted(*args, **kwargs):
        made.append(events(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(loop, 'RunEvents', counted)
    train(replace(tiny, limit=16, epochs=1, tensorboard=True), tmp_path / 'run', 2)
    assert len(made) == 1
    assert list((tmp_path / 'run' / 'tensorboard').glob('*tfevents*'))


# ---- by MPI ----------------------------------------------------------------------------------------------------------

SMALL = ('--limit', '640', '--batch-size', '32', '--epochs', '2', '--seed', '5', '--ctx', 'cpu')


def start(*arguments, program=(), **options):
    environment = {**os.environ, **ENVIRONMENT, 'PYTHONPATH': str(ROOT)}
    if program:
        environment.update(files_in(FILES_OF_MPI.name))
    return subprocess.Popen([*program, sys.executable, '-m', 'gluon_bn', 'train', *map(str, arguments)], text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                            **options)


def run(*arguments, timeout=600, **options):
    with start(*arguments, **options) as process:
        out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


@pytest.fixture(scope='module')
def two_workers(mpi, small_data, tmp_path_factory):
    """The folder of a run of two workers that nobody interrupted."""
    folder = tmp_path_factory.mktemp('run') / 'whole'
    status, out, err = run(*SMALL, '--workers', 2, '--data-dir', small_data, '--output', folder)
    assert (status, 'Traceback' in err) == (0, False), err
    said = [line.split('.')[0] for line in out.splitlines() if not line.startswith('native operators: ')]
    assert said == ['Epoch 0', 'Epoch 1', 'Metrics, checkpoint and the picture curves']
    return folder


def test_two_workers_leave_what_one_process_leaves_and_their_output(two_workers):
    assert sorted(os.listdir(two_workers)) == ['.lock', 'checkpoint', 'config.json', 'curves.png', 'metrics.jsonl',
                                               'workers']
    assert sorted(os.listdir(two_workers / 'workers')) == ['rank-0.log', 'rank-1.log']
    assert json.loads((two_workers / 'config.json').read_text())['workers'] == 2
    assert gbn.load_network(two_workers).params['W1'].shape == (20, 1, 3, 3)


@pytest.mark.usefixtures('library')
def test_one_process_computes_the_same_bits_in_float32(two_workers, small_data, tmp_path):
    config = Config(limit=640, batch_size=32, epochs=2, seed=5, ctx='cpu', data_dir=str(small_data))
    job.start(config, tmp_path / 'one', report=lambda line: None)
    assert_same_training(tmp_path / 'one', two_workers)


@pytest.mark.slow
@pytest.mark.usefixtures('library', 'mpi')
@pytest.mark.parametrize('batch_size', [64, 100])
def test_one_two_and_four_workers_compute_the_same_bits_over_200_steps(batch_size, tmp_path):
    options = '--limit', 200 * batch_size, '--batch-size', batch_size, '--ctx', 'cpu'
    for number in (1, 2, 4):
        status, _, err = run(*options, '--workers', number, '--output', tmp_path / str(number))
        assert status == 0, err
    assert len(state(tmp_path / '1')[0]['losses']) == 200
    for number in (2, 4):
        assert_same_training(tmp_path / '1', tmp_path / str(number))


def assert_same_training(folder, other):
    """The same bits, but for the mean loss, which is rounded otherwise when it is told."""
    one, several = state(folder)[0], state(other)[0]
    np.testing.assert_allclose(one.pop('losses'), several.pop('losses'), rtol=0, atol=1e-6)
    assert {name: array.tobytes() for name, array in one.items()} == {
        name: array.tobytes() for name, array in several.items()}


@pytest.mark.slow
def test_under_mpiexec_it_is_the_same_run_bit_for_bit(mpi, two_workers, small_data, tmp_path):
    status, out, err = run(*SMALL, '--mpi', '--data-dir', small_data, '--output', tmp_path / 'run',
                           program=(mpi, '-n', '2'))
    assert status == 0, err
    assert out.count('Epoch ') == 2
    assert_same_bits(tmp_path / 'run', two_workers)


@pytest.mark.slow
def test_after_ctrl_c_and_a_kill_it_ends_with_the_same_bits(mpi, two_workers, small_data, tmp_path):
    folder = tmp_path / 'run'
    process = start(*SMALL, '--workers', 2, '--data-dir', small_data, '--output', folder, '--checkpoint-seconds', 0)
    wait_for(process, 'Epoch 0: batch')
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=600)
    assert (process.returncode, 'Traceback' in err) == (130, False), err
    assert f' train --resume {folder}\n' in err.partition('interrupted; resume it with: ')[2]
    process = start('--resume', folder)
    wait_for(process, 'Epoch ')
    os.kill(pid_of(folder, 1), signal.SIGKILL)
    _, err = process.communicate(timeout=600)
    if process.returncode:  # else it was quicker
        assert process.returncode == 1
        assert re.search(r'train: rank 1 \(process \d+ on \S+\) .*signal 9|without a word', err), err
        assert f'What each rank printed is in {folder / "workers"}; resume the run with: ' in err
        assert run('--resume', folder)[0] == 0
    assert_same_bits(folder, two_workers)


def test_a_rank_with_another_command_line_is_named(mpi, small_data, tmp_path):
    own = (*SMALL, '--mpi', '--data-dir', str(small_data), '--output', str(tmp_path / 'run'))
    status, _, err = run(*own, '--lr', 0.5, program=(
        mpi, '-n', '1', sys.executable, '-m', 'gluon_bn', 'train', *own, ':', '-n', '1'))
    assert status
    assert 'train: rank 1 has another configuration than rank 0: lr is 0.5, not 0.001.\n' in err


def test_a_worker_that_nobody_has_started_others_for_says_so(mpi, small_data, tmp_path):
    status, out, err = run(*SMALL[:5], '1', '--mpi', '--data-dir', small_data, '--output', tmp_path / 'run')
    assert status == 0, err
    assert out.startswith('This process is the only worker; mpiexec -n N, srun, or --workers N ')


def test_without_mpi_the_extra_is_named(tmp_path, script_here, monkeypatch):
    monkeypatch.setitem(sys.modules, 'mpi4py', None)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec',
                        lambda name, *more: None if name == 'mpi4py' else find(name, *more))
    status, _, err = script_here(ROOT / 'scripts' / 'train_mnist.py', '--workers', 2, '--output', tmp_path / 'run')
    assert status == 2
    assert re.fullmatch(r"train_mnist: mpi4py is not installed; get it with: .*\[mpi\]\S*\n", err)
    assert not (tmp_path / 'run').exists()


def wait_for(process, beginning):
    for line in process.stderr:
        if line.startswith(beginning):
            return


def pid_of(folder, rank):
    return int(re.findall(r'process (\d+)', (folder / 'workers' / f'rank-{rank}.log').read_text())[-1])


@pytest.mark.slow
@pytest.mark.by_hand
def test_a_hundred_kills_of_random_ranks_at_random_moments(mpi, small_data, tmp_path, rng):
    """Each ends the job within time and leaves nobody; at the end the run is that which nobody has killed."""
    arguments = (*SMALL[:4], '--epochs', 300, '--checkpoint-seconds', 0.2, '--workers', 3, '--data-dir', small_data)
    folder, kills, longest = tmp_path / 'run', 0, 0.
    while kills < 100:
        begun = (folder / 'config.json').exists()
        process = start(*(('--resume', folder) if begun else (*arguments, '--output', folder)))
        drained = threading.Thread(target=wait_for, args=(process, 'nothing begins so'), daemon=True)
        drained.start()
        family = wait_until_it_runs(process, folder)
        time.sleep(rng.uniform(0, 3))
        victim = family[rng.integers(len(family))]
        began = time.monotonic()
        os.kill(victim, signal.SIGSTOP if rng.uniform() < 0.2 else signal.SIGKILL)
        process.wait(60)
        longest = max(longest, time.monotonic() - began)
        kills += 1
        assert process.returncode == 1  # were it done, it would have been quicker than the kills
        deadline = time.monotonic() + 10
        while any(os.path.exists(f'/proc/{pid}') for pid in family):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.stdout.close()
        drained.join()
        process.stderr.close()
    print(f'{kills} kills, the longest end took {longest:.1f} s')
    status, _, err = run('--resume', folder, timeout=3600)
    assert status == 0, err
    assert run(*arguments, '--output', tmp_path / 'whole', timeout=3600)[0] == 0
    assert_same_bits(folder, tmp_path / 'whole')


def wait_until_it_runs(process, folder):
    """The processes of the workers, once each has said what it is."""
    before = {rank: len(re.findall('process', path.read_text())) for rank, path in logs(folder)}
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        now = {rank: re.findall(r'process (\d+)', path.read_text()) for rank, path in logs(folder)}
        if len(now) == 3 and all(len(pids) > before.get(rank, 0) for rank, pids in now.items()):
            return [int(pids[-1]) for pids in now.values()]
        assert process.poll() is None
        time.sleep(0.02)
    raise AssertionError('it did not start')


def logs(folder):
    return [(rank, folder / 'workers' / f'rank-{rank}.log') for rank in range(3)
            if (folder / 'workers' / f'rank-{rank}.log').exists()]
