"""The paper figure's trainings in TensorBoard, read back by TensorBoard's own reader."""
import io
from dataclasses import asdict, replace

import numpy as np
import pytest
from matplotlib import image

from gluon_bn._mxnet import nd
from gluon_bn.run.observation import observe
from gluon_bn.run.tensorboard import filter_grid, part_path
from gluon_bn.studies.paper_figure import STUDY, run_recorded
from gluon_bn.studies.paper_figure import events as paper_events
from gluon_bn.studies.paper_figure.events import events_folder, train_recorded
from gluon_bn.studies.paper_figure.experiments import jobs_of
from gluon_bn.studies.paper_figure.training import Digits, recorded_steps, train
from gluon_bn.studies.study import load_mnist, run

pytest.importorskip('tensorboardX', reason='tensorboardX is not installed')
STEPS = 20
HISTOGRAMS = {f'{kind}/{name}{number}' for kind in ('weights', 'gradients') for number in '123'
              for name in ('W', 'b', 'gamma', 'beta')} | {
    f'{kind}/{name}4' for kind in ('weights', 'gradients') for name in ('W', 'b')} | {
    f'pre-activations/{number}' for number in '123'}


def scalars_of(job, records):
    """What TensorBoard should say of a training."""
    return {**{('scalars', tag): [(record['step'], np.float32(record[tag])) for record in records]
               for tag in paper_events.SCALARS},
            ('scalars', 'lr'): [(record['step'], np.float32(job.lr)) for record in records]}


@pytest.fixture(scope='module')
def digits(small_data):
    return Digits(load_mnist(small_data))


@pytest.mark.parametrize('batch_norm', [True, False])
def test_every_tag_step_and_value(batch_norm, digits, read_events, tmp_path):
    job = replace(jobs_of('keras', range(1), STEPS)[0], batch_norm=batch_norm)
    records = train_recorded(job, digits, tmp_path)['records']
    events = read_events(events_folder(tmp_path, job))
    assert {key: values for key, values in events.items() if key[0] == 'scalars'} == scalars_of(job, records)
    expected = HISTOGRAMS if batch_norm else {tag for tag in HISTOGRAMS if 'gamma' not in tag and 'beta' not in tag}
    assert {tag for kind, tag in events if kind == 'histograms'} == expected
    observed_at = [recorded_steps(STEPS)[0], *range(STEPS // 10, STEPS + 1, STEPS // 10)]
    assert all([step for step, _ in values] == observed_at for (kind, _), values in events.items() if kind != 'scalars')
    net, same = train(job, digits)
    assert [record['loss'] for record in same] == [record['loss'] for record in records]  # observed, it is no other
    X, y = digits.X_train[:paper_events.OBSERVED], nd.array(digits.y_train[:paper_events.OBSERVED])
    for kind, arrays in observe(net, X, y).items():
        for name, array in arrays.items():
            found = events['histograms', f'{kind}/{name}'][-1][1]
            assert (found.num, found.min, found.max) == (array.size, array.min(), array.max())
    pixels = np.rint(255 * image.imread(io.BytesIO(events['images', 'filters'][-1][1]))[..., :3])
    np.testing.assert_array_equal(pixels, filter_grid(net.params['W1'].asnumpy().reshape(100, 28, 28)))


def test_a_training_that_was_done_before_has_its_scalars(small_data, read_events, tmp_path):
    """Those of the others are left as they are; each training is one row of the HParams tab."""
    jobs = jobs_of('keras', range(1), STEPS)
    results = run(STUDY, tmp_path / 'out', jobs, small_data, processes=1, report=str)
    for job, result in zip(jobs, results):
        assert result['job'] == asdict(job)
    run_recorded(tmp_path / 'out', jobs, small_data, report=str, events=tmp_path / 'events')
    folders = [events_folder(tmp_path / 'events', job) for job in jobs]
    assert sorted((tmp_path / 'events').iterdir()) == sorted(folders)
    for job, result, folder in zip(jobs, results, folders):
        assert read_events(folder) == scalars_of(job, result['records'])
    before = [part_path(folder, 0).read_bytes() for folder in folders]
    run_recorded(tmp_path / 'out', jobs, small_data, report=str, events=tmp_path / 'events')
    assert [part_path(folder, 0).read_bytes() for folder in folders] == before


@pytest.mark.slow
def test_workers_write_the_events_of_what_they_train(small_data, read_events, tmp_path):
    jobs = jobs_of('sgd-0.1', range(1), STEPS)[:1]
    [result] = run_recorded(tmp_path / 'out', jobs, small_data, processes=1, report=str, events=tmp_path / 'events')
    events = read_events(events_folder(tmp_path / 'events', jobs[0]))
    assert {tag for kind, tag in events if kind == 'histograms'} == HISTOGRAMS
    assert {key: values for key, values in events.items() if key[0] == 'scalars'} == scalars_of(
        jobs[0], result['records'])


def test_a_training_that_fails_leaves_no_events(digits, tmp_path, monkeypatch):
    def fail(*arguments):
        raise FloatingPointError

    monkeypatch.setattr(paper_events, 'observe', fail)
    with pytest.raises(FloatingPointError):
        train_recorded(jobs_of('sgd-0.1', range(1), STEPS)[0], digits, tmp_path)
    assert list(tmp_path.iterdir()) == []
