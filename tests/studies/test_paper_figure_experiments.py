
import pytest

from gluon_bn.studies.paper_figure.experiments import FIGURE, PAPER, SETTINGS, STEPS, jobs_of


def test_the_jobs_are_those_of_the_paper_and_of_keras():
    assert len(jobs_of('keras')) == 2 * 3
    for setting in SETTINGS:
        jobs = jobs_of(setting, range(3))
        assert {(job.steps, job.batch_size) for job in jobs} == {(50_000, 60)}
        assert {(job.seed, job.batch_norm) for job in jobs} == {(seed, which) for seed in (0, 1, 2)
                                                               for which in (True, False)}
        assert {job.optimizer for job in jobs} == {'rmsprop' if setting == 'keras' else 'sgd'}
    assert STEPS * 60 == 50 * 60_000  # epochs
    assert len({job.lr for setting in PAPER for job in jobs_of(setting)}) >= 2
    assert set(FIGURE) == {*PAPER, 'keras'}
    keras = jobs_of('keras')[0]
    assert (keras.lr, keras.weight_scale, keras.momentum, keras.eps) == (0.001, 'glorot', 0.99, 1e-3)


def test_the_names_say_the_learning_rates_on_the_mean_loss():
    for setting in set(SETTINGS) - {'keras'}:
        job = jobs_of(setting)[0]
        assert float(setting.split('-')[1]) == pytest.approx(job.lr * job.batch_size)
