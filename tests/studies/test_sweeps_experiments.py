
from gluon_bn.studies.sweeps.experiments import EXPERIMENTS, QUICK
from gluon_bn.studies.sweeps.training import Job


def test_the_experiments_are_those_that_are_announced():
    knobs = {name: {field: {getattr(run, field) for run in make(range(3))} for field in vars(Job(0))}
             for name, make in EXPERIMENTS.items()}
    assert all(knobs[name]['seed'] == {0, 1, 2} for name in EXPERIMENTS)
    for name in ('learning_rates', 'weight_scales', 'batch_sizes'):
        assert knobs[name]['batch_norm'] == {'before', None}
    assert knobs['positions']['batch_norm'] == {'before', 'after', None}
    for name in ('learning_rates', 'positions', 'weight_scales'):
        assert max(knobs[name]['lr']) >= 1000 * min(knobs[name]['lr'])
    assert knobs['batch_sizes']['batch_size'] == {2 ** k for k in range(10)}
    assert {run.batch_size * run.steps for run in EXPERIMENTS['batch_sizes']([0])} == {4096}  # a budget of images
    assert max(knobs['weight_scales']['weight_scale']) >= 1000 * min(knobs['weight_scales']['weight_scale'])
    assert len(knobs['momenta']['momentum']) == 5
    assert max(knobs['eps']['eps']) >= 1e8 * min(knobs['eps']['eps'])
    assert knobs['recalibration']['score_after'] == {(10, 100, 1000)}
    assert knobs['recalibration']['momentum'] == {0.9, 0.99}
    for name, make in EXPERIMENTS.items():
        assert len(set(make(range(3)))) == len(make(range(3)))
        assert 0 < len(make([0], **QUICK[name])) < len(make([0]))
