"""The benchmark runs, and its sums are right; how quick anything is no test can say."""
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from gluon_bn import LeNet
from gluon_bn._mxnet import mx
from gluon_bn.commands import benchmark
from gluon_bn.data import load
from gluon_bn.fast import native
from gluon_bn.studies.benchmarks import contestants, measure, notebook_formulation, peers, report, workers

ROOT = Path(__file__).resolve().parents[2]


class Known:
    """A contestant of known seconds, on a clock of its own: it computes what was started when somebody waits."""

    name = 'known'

    def __init__(self, monkeypatch, element=1.):
        self.now, self.started, self.element, self.sizes = 0., 0., element, set()
        for module in (measure, workers):
            monkeypatch.setattr(module, 'time', SimpleNamespace(perf_counter=lambda: self.now))

    def start(self, seconds):
        self.started += seconds

    def wait(self):
        self.now, self.started = self.now + self.started, 0

    def layer(self, shape):
        self.start(4096)
        seconds = np.prod(shape) * self.element
        return lambda: self.start(seconds / 4), lambda: self.start(seconds)

    def network(self):
        self.start(4096)
        return self

    def batches(self, images, labels, batch_size):
        for i in range(0, len(images), batch_size):
            self.start(len(images[i:i + batch_size]) / 4)
            yield images[i:i + batch_size], labels[i:i + batch_size]

    def step(self, data, label):
        np.testing.assert_array_equal(data, label)  # the tests' labels are the images
        self.start(len(data) / 2 + (0 if len(data) in self.sizes else 4096))  # the first of a size is compiled
        self.sizes.add(len(data))
        return 0.5

    def correct(self, images, labels):
        np.testing.assert_array_equal(images, labels)
        self.start(len(images) / 8)
        self.wait()
        return len(images) - 70


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


def test_seconds_are_those_of_a_call_without_the_first_ones_and_with_what_is_waited_for(monkeypatch):
    known, calls = Known(monkeypatch), []

    def function():
        known.start(1 / 8 if calls else 4096)
        calls.append(1)

    assert measure.in_turn({'a': (function, known.wait)}, 2, seconds=1) == {'a': [1 / 8, 1 / 8]}
    assert len(calls) == 3 + 2 * 8


def test_the_layer_is_measured_forward_and_with_its_backward_pass(monkeypatch):
    assert measure.layers([Known(monkeypatch)], [(4, 3), (8, 5)], 2) == {
        'layer (4, 3) forward': {'known': [3, 3]}, 'layer (4, 3) forward+backward': {'known': [12, 12]},
        'layer (8, 5) forward': {'known': [10, 10]}, 'layer (8, 5) forward+backward': {'known': [40, 40]}}


def test_an_iteration_is_one_batch_prepared_and_trained_on(monkeypatch):
    images = np.arange(100)
    assert measure.iterations([Known(monkeypatch)], images, images, 64, 2) == {
        'iteration, batch 64': {'known': [48, 48]}}


def test_an_epoch_is_all_images_and_what_is_compiled_is_not_counted(monkeypatch):
    train, test = np.arange(100), np.arange(700)
    times, accuracy = measure.epochs([Known(monkeypatch)], (train, train), (test, test), 32, 2)
    assert times == {'epoch': {'known': [75, 75]}, 'evaluation': {'known': [87.5, 87.5]}}
    assert accuracy == {'known': 0.9}


def test_the_peak_of_memory_is_in_megabytes_and_does_not_sink(monkeypatch):
    pages = []

    class Greedy(Known):
        def step(self, data, label):
            array = np.ones(8 << 20)  # 64 MB, for a moment
            pages.append(int(Path('/proc/self/statm').read_text().split()[1]))
            return array[0]

    images = np.arange(100)
    peak = measure.peak_memory(Greedy(monkeypatch), images, images, 10, steps=3)
    assert len(pages) == 3
    assert max(pages) * resource.getpagesize() / 2**20 <= peak + 1  # the kernel counts in steps
    assert peak <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + 1


def test_growth_is_the_median_of_nanoseconds_an_element_ours_first(monkeypatch):
    class Disturbed(Known):
        waits = 0

        def layer(self, shape):
            self.waits = 0
            return super().layer(shape)

        def wait(self):
            self.waits += 1
            self.start(100. if self.waits == 12 else 0)  # in one of the five measurements
            super().wait()

    ours, theirs = Disturbed(monkeypatch, 2e-6), Disturbed(monkeypatch, 3e-6)
    theirs.name = 'other'
    monkeypatch.setattr(measure, 'time', SimpleNamespace(perf_counter=lambda: ours.now + theirs.now))
    found = measure.growth(ours, theirs, quick=False)
    sizes = {'batch': [1, 4, 16, 64, 256, 1024, 4096], 'channels': [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]}
    assert {axis: [row[0] for row in rows] for axis, rows in found.items()} == sizes
    for row in (row for rows in found.values() for row in rows):
        assert row[1:] == pytest.approx((2000, 3000))


def test_growth_is_quick_when_asked(monkeypatch):
    known = Known(monkeypatch, 1e-6)
    found = measure.growth(known, SimpleNamespace(name='other', layer=known.layer, wait=known.wait), quick=True)
    assert {axis: [row[0] for row in rows] for axis, rows in found.items()} == {'batch': [1, 4, 16], 'channels': [1, 4]}


def test_a_loss_in_eight_is_read_while_an_epoch_is_measured(monkeypatch):
    """As it is shown while training; reading waits."""
    known, read = Known(monkeypatch), []
    known.step = lambda data, label: SimpleNamespace(asscalar=lambda: read.append(len(data)) or 0.5)
    images = np.arange(100)
    measure.epochs([known], (images, images), (np.arange(100), np.arange(100)), 4, 1)
    assert read == [4] * 3


def test_medians_and_ratios():
    found = report.summary({'level': {'us': [1., 2., 9.], 'they': [4., 4., 5.]}}, 'us')['level']
    assert (found['us']['median'], found['they']['median'], found['they']['ratio']) == (2, 4, 0.5)


def test_the_spread_has_half_of_the_repeats():
    entry = report.summary({'level': {'us': [5., 8., 1., 7., 2., 3., 4., 6.]}}, 'us')['level']['us']
    assert entry == {'median': 4.5, 'spread': [3, 6], 'ratio': 1}


def test_the_tables_are_in_milliseconds_the_quickest_first():
    levels = {'epoch': {'us': [.002, .001, .009], 'they': [.001, .0005, .0015]}}
    assert report.table(levels, 'us', {'us': .98765, 'they': .5}, {'us': 1234.5}).splitlines() == [
        'epoch', '', '| | median ms | half of the repeats | us / it |', '|---|--:|--:|--:|',
        '| they | 1.000 | 0.500 to 1.500 | 2.00 |', '| us | 2.000 | 1.000 to 9.000 | 1.00 |', '',
        'test accuracy', '', '- us: 0.9877', '- they: 0.5000', '', 'peak memory, MB', '', '- us: 1234']
    assert report.table(levels, 'us', {}, {}).splitlines()[-1] == '| us | 2.000 | 1.000 to 9.000 | 1.00 |'


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are drawn: they stay open until the test is over."""
    figures, close = [], report.plt.close
    monkeypatch.setattr(report.plt, 'close', figures.append)
    yield figures
    for figure in figures:
        close(figure)


def test_bars_are_in_units_of_our_time_and_end_where_the_picture_does(drawn, tmp_path):
    report.bar_chart({'epoch': {'gluon_bn us': [2., 1., 9.], 'they': [1., 1., 7.], 'slow': [20.]},
                      'evaluation': {'gluon_bn us': [.1], 'they': [.4]}}, 'gluon_bn us', tmp_path / 'a.png')
    (epoch, evaluation), = (figure.axes for figure in drawn)
    assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')
    assert [bar.get_width() for bar in epoch.patches] == [5, 1, 0.5]
    slow, us, they = (bar.get_facecolor() for bar in epoch.patches)
    assert slow == they != us
    assert [text.get_text() for text in epoch.texts] == ['10.00', '1.00', '0.50']
    assert [label.get_text() for label in epoch.get_yticklabels()] == ['slow', 'gluon_bn us', 'they']
    assert epoch.get_title() == 'epoch: times gluon_bn us, 2,000 ms'
    assert epoch.get_xlim() == pytest.approx((0, 5.5))
    assert [bar.get_width() for bar in evaluation.patches] == [4, 1]
    assert evaluation.get_xlim() == pytest.approx((0, 4.4))
    assert evaluation.get_title() == 'evaluation: times gluon_bn us, 100 ms'


def test_the_names_beside_the_bars_are_within_the_picture(tmp_path):
    report.bar_chart({'epoch': {'gluon_bn us': [2.], 'a name that is longer than most': [1.]}}, 'gluon_bn us',
                     tmp_path / 'a.png')
    picture = plt.imread(tmp_path / 'a.png')                                               # (height, width, 4)
    assert (picture[:, :5, :3] == 1).all()  # a name that is cut off goes on to the edge
    assert (picture[:, :60, :3] < 0.5).any()


def test_a_picture_that_cannot_be_drawn_leaves_the_one_before(tmp_path, monkeypatch):
    (tmp_path / 'a.png').write_bytes(b'before')

    def half(self, file, **options):
        if hasattr(file, 'write'):
            file.write(b'half')
        else:
            Path(file).write_bytes(b'half')
        raise OSError('no space')

    monkeypatch.setattr('matplotlib.figure.Figure.savefig', half)
    with pytest.raises(OSError, match='no space'):
        report.bar_chart({'epoch': {'gluon_bn us': [2.]}}, 'gluon_bn us', tmp_path / 'a.png')
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [('a.png', b'before')]


def test_the_picture_of_growth_has_each_name_at_its_own_numbers(drawn, tmp_path):
    report.growth_picture({'batch': [(1, 2., 3.), (4, 5., 6.)], 'channels': [(1, 7., 8.)]}, {1: 30., 2: 20.},
                          ('us', 'they'), tmp_path / 'a.png')
    assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')
    lines = [[(line.get_label(), *map(list, line.get_data())) for line in axis.lines] for axis in drawn[0].axes]
    assert lines[:2] == [[('us', [1, 4], [2, 5]), ('they', [1, 4], [3, 6])], [('us', [1], [7]), ('they', [1], [8])]]
    assert lines[2][0][1:] == ([1, 2], [30, 20])
    assert drawn[0].axes[2].get_ylim()[0] == 0
    element, iteration = 'ns an element, forward+backward', 'ms an iteration of LeNet, batch 64'
    assert [(axis.get_xscale(), axis.get_yscale()) for axis in drawn[0].axes] == [
        ('log', 'log'), ('log', 'log'), ('linear', 'linear')]
    assert [[text.get_text() for text in axis.get_legend().get_texts()] for axis in drawn[0].axes[:2]] == [
        ['us', 'they']] * 2
    assert [(axis.get_xlabel(), axis.get_ylabel()) for axis in drawn[0].axes] == [
        ('batch', element), ('channels', element), ('threads', iteration)]


def test_a_figure_of_a_process_of_its_own_is_the_median_in_milliseconds(monkeypatch):
    monkeypatch.setattr(measure, 'iterations', lambda *_: {'iteration, batch 64': {'known': [.009, .001, .002]}})
    options = SimpleNamespace(child='iteration', repeats=3, quick=True)
    assert benchmark.child(options, SimpleNamespace(name='known'), None, None) == pytest.approx(2)


def test_workers_are_beside_one_process_with_as_many_threads(monkeypatch):
    asked, seconds = [], iter([3., 4.])
    monkeypatch.setattr(workers, 'one_process', lambda *a: asked.append(('one', *a)) or {'seconds': next(seconds)})
    monkeypatch.setattr(workers, 'of_workers', lambda *a: asked.append(('workers', *a)) or {'seconds': 2.})
    assert workers.beside_one_process(batch=96, steps=7, rounds=2, workers=3) == [1.5, 2]
    assert asked == [('one', 96, 7, 3), ('workers', 3, 96, 7, 1)] * 2


def test_the_table_of_workers_has_the_share_of_each(monkeypatch):
    monkeypatch.setattr(workers, 'of_workers', lambda size, *_: {'seconds': .01 / size, 'bytes': 2000 * (size - 1)})
    rows = workers.table(batch=100, sizes=(1, 2)).splitlines()[2:]
    assert [[cell.strip() for cell in row.strip('|').split('|')] for row in rows] == [
        ['1', '1', '100', '10.0', '0.0'], ['2', '1', '50', '5.0', '2.0']]


@pytest.mark.parametrize('workers_too', [False, True])
def test_a_step_of_workers_is_measured_without_the_first_ones(workers_too, monkeypatch):
    from gluon_bn._mxnet import nd
    from gluon_bn.run import loop
    from gluon_bn.run import workers as run_workers
    known, group, steps, waited = Known(monkeypatch), SimpleNamespace(size=2, bytes_sent=0), [], []

    class FakeJob:
        def __init__(self, config, *_):
            assert (config.batch_size, config.workers, config.limit) == (32, 2 if workers_too else 1, 32 * 11)

        def batches_from(self, *_):
            yield from [(None, None)] * 4  # fewer than steps

        def train_on(self, data, label):
            steps.append(1)
            known.start(3 if len(steps) > 5 else 4096)
            group.bytes_sent += 10 if len(steps) > 5 else 4096
            return SimpleNamespace(wait_to_read=lambda: waited.append(len(steps)) or known.wait())

    monkeypatch.setattr(nd, 'waitall', known.wait)
    monkeypatch.setattr(run_workers, 'WorkerJob', FakeJob)
    monkeypatch.setattr(loop, 'Job', FakeJob)
    worker = SimpleNamespace(group=group) if workers_too else None
    found = json.loads(workers._measure({'batch': 32, 'steps': 6}, worker))
    assert found == {'seconds': 3, 'bytes': 10 if workers_too else 0}
    assert len(steps) == 11
    assert waited == [1, 9]  # as training does: so the queue stays short


def test_one_process_has_the_threads_of_all_workers_and_its_failure_is_raised(monkeypatch):
    monkeypatch.setattr(workers, '_command', lambda *asked, alone: [sys.executable, '-c', (
        f"import json, os; assert {alone} and {asked} == (32, 5)\n"
        "print(json.dumps({'seconds': int(os.environ['OMP_NUM_THREADS'])}))")])
    assert workers.one_process(32, 5, 3) == {'seconds': 3}
    monkeypatch.setattr(workers, '_command', lambda *asked, alone: [sys.executable, '-c', 'raise SystemExit(3)'])
    with pytest.raises(subprocess.CalledProcessError):
        workers.one_process(32, 5, 3)


def test_what_workers_have_measured_is_their_first_line_and_their_failure_is_raised(monkeypatch):
    from gluon_bn.parallel import launch
    status = 0

    def launched(name, words, count, report, threads):
        assert (words[:2], count, threads) == (['-m', workers.__name__], 3, 2)
        assert json.loads(words[2]) == {'batch': 32, 'steps': 5, 'alone': False}
        report('{"seconds": 1.5, "bytes": 10}')
        return status

    monkeypatch.setattr(launch, 'launch', launched)
    assert workers.of_workers(3, 32, 5, 2) == {'seconds': 1.5, 'bytes': 10}
    status = 1
    with pytest.raises(RuntimeError, match='a job of 3 workers ended with status 1'):
        workers.of_workers(3, 32, 5, 2)


def test_the_notebook_s_batches_are_the_images_and_its_parameters_are_drawn_around_0_and_1():
    images, labels = load('mnist', train=False)
    (X, y), = notebook_formulation.batches(False, 5, shuffle=False)
    np.testing.assert_array_equal(y.asnumpy(), labels[:5])
    np.testing.assert_allclose(X.asnumpy(), images[:5] / 255, rtol=1e-6)
    params = {name: param.asnumpy() for name, param in notebook_formulation.parameters(scale=0.5).items()}
    assert {name: param.shape for name, param in params.items()} == {
        name: param.shape for name, param in LeNet().params.items()}
    for name, param in params.items():
        centre = 1 if name.startswith('gamma') else 0
        assert 0 < np.abs(param - centre).max() < 0.5 * 6
        assert param.size < 100 or np.std(param) == pytest.approx(0.5, rel=0.4)


def test_the_overview_has_the_ratio_to_each_contestant():
    levels = {'epoch': {'us': [1.], 'they': [4.], 'those': [.5]},
              'evaluation': {'us': [.1], 'they': [.1], 'those': [1.]}}
    assert report.overview(levels, 'us').splitlines() == [
        '| time of us | ms | / they | / those |', '|---|--:|--:|--:|',
        '| epoch | 1,000 | 0.25 | 2.00 |', '| evaluation | 100 | 1.00 | 0.10 |']


NAMES = ['notebook', 'gluon_bn plain', 'gluon_bn fast', 'Gluon', 'Gluon hybridized']
OTHERS = ['PyTorch eager', 'PyTorch compiled', 'JAX jitted']


def contestant(name):
    found = contestants.installed([name])
    if not found:
        pytest.skip(f'the library of {name} is not installed')
    return found[0]


def numbers(array):
    return (array.asnumpy() if hasattr(array, 'asnumpy') else np.asarray(getattr(array, 'detach', lambda: array)()))


def test_contestants_have_the_names_by_which_they_are_asked_for(monkeypatch):
    for library in ('torch', 'jax'):
        monkeypatch.setitem(sys.modules, library, None)  # not installed
        monkeypatch.delitem(sys.modules, f'gluon_bn.studies.benchmarks.{library}_peer', raising=False)
    assert [found.name for found in contestants.installed()] == NAMES
    assert [found.name for found in contestants.installed(['Gluon', 'JAX jitted', 'notebook'])] == ['Gluon', 'notebook']
    with pytest.raises(ValueError, match='there is no contestant Keras; expected one of: notebook, .*, JAX jitted'):
        contestants.installed(['Keras'])


@pytest.mark.parametrize('name', OTHERS)
def test_other_libraries_have_the_names_by_which_they_are_asked_for(name):
    assert contestant(name).name == name


@pytest.mark.parametrize('name', [*NAMES, 'PyTorch eager', 'JAX jitted'])
@pytest.mark.parametrize('shape', [(40, 3), (8, 3, 5, 4)])
def test_every_contestant_s_layer_normalises(name, shape):
    if name == 'gluon_bn fast' and len(shape) == 2 and not native.available():
        pytest.skip('dense layers are for native operators')
    entrant = contestant(name)
    forward, both = entrant.layer(shape)
    out = numbers(forward()).swapaxes(0, 1).reshape(3, -1)
    entrant.wait()
    np.testing.assert_allclose(out.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(out.var(axis=1), 1, atol=1e-4)  # eps is 1e-5
    both()
    entrant.wait()


def test_the_formulation_that_is_asked_for_is_measured(monkeypatch):
    asked = []
    monkeypatch.setattr(peers, 'batch_norm', lambda X, *_, impl, **__: asked.append(impl) or X)
    for impl in ('plain', 'fast'):
        peers.GluonBN(impl).layer((4, 3))[0]()
        assert peers.GluonBN(impl).network()._net.impl == impl
    assert asked == ['plain', 'fast']


@pytest.mark.parametrize('name', [*NAMES, 'PyTorch eager', 'JAX jitted'])
def test_every_contestant_trains_the_same_network(name):
    """Its loss falls as the others': other rates, layers or scales would show. Scores are in test mode."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 255, (16, 1, 28, 28), np.uint8), (np.arange(16) % 10).astype(np.int32)
    mx.random.seed(0)
    entrant = contestant(name)
    if name.startswith('PyTorch'):
        import torch
        torch.manual_seed(0)
    net = entrant.network()
    assert [len(batch[1]) for batch in net.batches(images, labels, 7)] == [7, 7, 2]
    (batch,) = net.batches(images, labels, 16)
    assert numbers(batch[0]).max() == np.float32(images.max()) / np.float32(255)
    losses = [float(numbers(net.step(*batch)).reshape(())) for _ in range(13)]
    entrant.wait()
    assert losses[0] == pytest.approx(np.log(10), abs=0.05)
    assert losses[12] == pytest.approx(1.17, rel=0.08)  # of all contestants, with six seeds: 1.12 to 1.22
    right = net.correct(images, labels)
    assert right == net.correct(images[:1], labels[:1]) + net.correct(images[1:], labels[1:])
    if name not in ('notebook', 'gluon_bn plain'):  # they are slow, and score as Gluon does
        many = np.arange(288) % 16  # more than are scored together
        assert net.correct(images[many], labels[many]) == right * 18
    assert right > 0  # few of Gluon's and PyTorch's: their statistics begin with 0 and 1
    assert sum(net.correct(images[:1], np.array([label])) for label in range(10)) == 1
    assert float(numbers(net.step(*batch)).reshape(())) < losses[12]  # it trains on as before


@pytest.mark.parametrize('hybrid', [False, True])
def test_gluon_s_network_has_the_same_parameters_and_all_that_makes_it_quick(hybrid, monkeypatch):
    made, asked = [], []
    monkeypatch.setattr(mx.gluon, 'Trainer', lambda params, *_: made.append(params) or SimpleNamespace(step=int))
    monkeypatch.setattr(mx.gluon.nn.HybridSequential, 'hybridize', lambda self, **options: asked.append(options))
    net = peers.Gluon(hybrid).network()
    net.step(mx.nd.ones((2, 1, 28, 28)), mx.nd.zeros(2))
    assert sorted(param.data().size for param in made[0].values() if param.grad_req != 'null') == sorted(
        param.size for param in LeNet().params.values())
    assert asked == [{'static_alloc': True, 'static_shape': True}] * hybrid


@pytest.mark.parametrize('name', ['PyTorch eager', 'JAX jitted'])
def test_networks_of_other_libraries_have_the_same_parameters(name):
    net = contestant(name).network()
    found = net._net.parameters() if name.startswith('PyTorch') else [
        param for name, param in net._p.items() if name not in ('gamma4', 'beta4')]  # of the last layer, and not used
    assert sorted(int(np.prod(param.shape)) for param in found) == sorted(
        param.size for param in LeNet().params.values())


def test_images_are_floats_from_0_to_1():
    found = peers.as_float(np.array([0, 51, 255], np.uint8))
    assert (found.dtype, found.tolist()) == (np.float32, [0, pytest.approx(0.2), 1])
