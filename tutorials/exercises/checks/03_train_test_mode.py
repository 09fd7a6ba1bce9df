"""Checks for 03_train_test_mode."""
import numpy as np

from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.exercises.expect import Wrong, as_numpy, expect, function, same

HINTS = {
    'averages-in-training': "In training the output was normalised by the averages; use the batch's own statistics.",
    'reversed': "momentum is the weight of the old value here: momentum * old + (1 - momentum) * new.",
    'from-zero': "The first batch was averaged with 0, so the averages start far too small; store the first as it is.",
    'overwritten': "Only the last batch is kept; fold it in: momentum * old + (1 - momentum) * new.",
    'std-stored': "What is stored is the standard deviation; store the variance.",
    'batch-in-test': "In test mode the output was normalised by the test batch itself; use the stored averages.",
    'updated-in-test': "Test mode has changed the averages, so that test data leak into the model; only training may.",
    'one-for-all': "The key of what a layer stores is its layer_name, so that no two layers share an average.",
    'not-stored': "Nothing was stored in the dictionaries that were passed: write means[layer_name] = ..., and do not "
                  "make new dictionaries.",
    'unbiased': "What is stored is the variance divided by m - 1; store the biased one, divided by m.",
    'momentum-ignored': "The argument momentum has no effect: momentum * old + (1 - momentum) * new.",
    'on-tape': "What is stored is still on autograd's tape and keeps every batch in memory; store it with .detach().",
}
GAMMA, BETA = np.array([1.5, -0.5]), np.array([0.3, 1.])


def batches():
    rng = np.random.default_rng(0)
    return [rng.normal([1., -3.], [2., 0.5], (6, 2)) + i for i in range(3)]


def out(X, mean, var):
    return GAMMA * (X - mean) / np.sqrt(var + 1e-5) + BETA


def run(answer, X, means, variances, **options):
    options = {'layer_name': 'bn1', 'momentum': 0.8, **options}
    return function(answer, 'batch_norm')(nd.array(X), nd.array(GAMMA), nd.array(BETA), means, variances, **options)


def stored(averages, what):
    """What is stored for the layer bn1."""
    if 'bn1' not in averages:
        keys = ', '.join(map(repr, averages)) or 'none'
        raise Wrong('one-for-all' if averages else 'not-stored',
                    f"after training the layer 'bn1' the keys of {what} are: {keys}.")
    return averages['bn1']


def check_first_batch(answer):
    """Training on the first batch stores its mean and variance as they are."""
    X, means, variances = batches()[0], {}, {}
    run(answer, X, means, variances)
    mean, var = X.mean(axis=0), X.var(axis=0)
    expect(stored(means, 'means'), nd.array(mean), {'from-zero': 0.2 * mean, 'reversed': 0.8 * mean}, "means['bn1']")
    expect(stored(variances, 'variances'), nd.array(var),
           {'from-zero': 0.2 * var, 'std-stored': (np.sqrt(var), np.sqrt(var + 1e-5)), 'unbiased': var * 6 / 5},
           "variances['bn1']")


def check_second_batch(answer):
    """Training on the second batch stores momentum * old + (1 - momentum) * new."""
    (X, Y, _), means, variances = batches(), {}, {}
    run(answer, X, means, variances)
    run(answer, Y, means, variances)
    for name, averages, old, new in (("means['bn1']", means, X.mean(axis=0), Y.mean(axis=0)),
                                     ("variances['bn1']", variances, X.var(axis=0), Y.var(axis=0))):
        expect(stored(averages, name[:-7]), nd.array(0.8 * old + 0.2 * new),
               {'reversed': 0.2 * old + 0.8 * new, 'overwritten': new,
                'momentum-ignored': (0.9 * old + 0.1 * new, 0.1 * old + 0.9 * new, (old + new) / 2)}, name)


def check_training_output(answer):
    """Training normalises by the batch, also when there are averages already."""
    (X, Y, _), means, variances = batches(), {}, {}
    run(answer, X, means, variances)
    got = run(answer, Y, means, variances)
    averages = out(Y, 0.8 * X.mean(axis=0) + 0.2 * Y.mean(axis=0), 0.8 * X.var(axis=0) + 0.2 * Y.var(axis=0))
    expect(got, nd.array(out(Y, Y.mean(axis=0), Y.var(axis=0))),
           {'averages-in-training': averages}, 'the output in training', 1e-3)


def trained(answer):
    means, variances = {}, {}
    run(answer, batches()[0], means, variances)
    return means, variances


def check_test_output(answer):
    """Test mode normalises by the stored averages."""
    (X, _, Z), (means, variances) = batches(), trained(answer)
    got = run(answer, Z, means, variances, is_training=False)
    expect(got, nd.array(out(Z, X.mean(axis=0), X.var(axis=0))),
           {'batch-in-test': out(Z, Z.mean(axis=0), Z.var(axis=0))}, 'the output in test mode', 1e-3)


def check_test_changes_nothing(answer):
    """Test mode leaves the stored averages as they are."""
    means, variances = trained(answer)
    before = [as_numpy(stored(averages, what)).copy() for averages, what in ((means, 'means'), (variances, 'variances'))]
    run(answer, batches()[2], means, variances, is_training=False)
    for averages, kept in zip((means, variances), before):
        if not same(as_numpy(averages['bn1']), kept, 0):
            raise Wrong('updated-in-test', "an average is another one after a call in test mode.")


def check_layers(answer):
    """Two layers keep averages of their own."""
    (X, Y, _), means, variances = batches(), {}, {}
    run(answer, X, means, variances, layer_name='bn1')
    run(answer, Y, means, variances, layer_name='bn2')
    if set(means) != {'bn1', 'bn2'} or set(variances) != {'bn1', 'bn2'}:
        raise Wrong('one-for-all', f"after training bn1 and bn2 the keys are {sorted(means)} and {sorted(variances)}.")


def check_tape(answer):
    """What is stored is not on autograd's tape."""
    X, means, variances = nd.array(batches()[0]), {}, {}
    X.attach_grad()
    with autograd.record():
        function(answer, 'batch_norm')(X, nd.array(GAMMA), nd.array(BETA), means, variances, 'bn1')
    for averages, what in ((means, 'means'), (variances, 'variances')):
        try:
            stored(averages, what).backward()
        except mx.MXNetError:
            continue  # nothing to differentiate: as it should be
        raise Wrong('on-tape', "a stored average can be differentiated back to the batch.")
