"""Checks for 03_train_test_mode."""
import numpy as np

from gluon_bn._mxnet import autograd, mx, nd
from gluon_bn.exercises.expect import Wrong, as_numpy, expect, expect_kind, function, same

HINTS = {
    'averages-in-training': "In training the output was normalised by the averages; use the batch's own statistics.",
    'reversed': "momentum is the weight of the old value here: momentum * old + (1 - momentum) * new.",
    'from-zero': "The first batch was averaged with 0, so the averages start far too small; store the first as it is.",
    'zeros-stored': "Zeros were stored at the first batch; store its mean and its variance.",
    'overwritten': "Only the last batch is kept; fold it in: momentum * old + (1 - momentum) * new.",
    'first-kept': "Only the first batch is kept; fold the later ones in: momentum * old + (1 - momentum) * new.",
    'std-stored': "What is stored is the standard deviation; store the variance.",
    'batch-in-test': "In test mode the output was normalised by the test batch itself; use the stored averages.",
    'updated-in-test': "Test mode has changed the averages, so that test data leak into the model; only training may.",
    'one-for-all': "The key of what a layer stores is its layer_name, so that no two layers share an average.",
    'not-stored': "Of the two dictionaries that were passed, one or both have stayed empty: write means[layer_name] = "
                  "... and variances[layer_name] = ..., and do not make new dictionaries.",
    'unbiased': "What is stored is the variance divided by m - 1; use the biased one, divided by m.",
    'momentum-ignored': "The argument momentum has no effect: momentum * old + (1 - momentum) * new.",
    'on-tape': "What is stored is still on autograd's tape and keeps every batch in memory; store it with .detach().",
    'read-first': "In training something was read from the dictionaries before it was stored. The mode is the "
                  "argument is_training, and a layer's first batch is stored as it is.",
    'squares-stored': "What is stored is the mean of X ** 2; the variance is the mean of (X - mean) ** 2.",
    'exchanged': "Mean and variance have changed places.",
    'unbiased-in-test': "The stored variance was multiplied by m / (m - 1); here it is used as it is.",
    'no-gamma': "gamma has no effect: return gamma * x_hat + beta.",
    'no-beta': "beta has no effect: return gamma * x_hat + beta.",
    'swapped': "gamma and beta have changed places: gamma scales, beta shifts.",
    'no-root': "The differences are divided by the variance; divide by its square root.",
    'eps-ignored': "eps has no effect; add it to the variance under the root.",
    'eps-outside': "eps stands outside the root; it is added to the variance: sqrt(var + eps).",
    'no-weights': "The weights are missing, or one of them: momentum * old + (1 - momentum) * new.",
    'from-one': "The first batch was averaged with 1; store the first as it is.",
    'variance-of-what': "The variance is that of the batch around its own mean, not around the stored one.",
    'no-gamma-beta': "gamma and beta have no effect: return gamma * x_hat + beta, in test mode too.",
    'turned': "The difference is turned around: X - mean.",
    'not-centred': "The mean is still there; subtract it before you divide.",
    'not-scaled': "The mean is gone, but the scale is as it was: divide by sqrt(var + eps).",
    'eps-stored': "What is stored is the variance with eps; store the variance alone, and add eps where you use it.",
    'constants': "Mean and variance of the batch are constants for the gradient, or X is: detach only what is stored.",
    'cancelled': "The variance was computed as the mean of the squares minus the square of the mean; with a large "
                 "mean float32 keeps nothing of the difference: average (X - mean) ** 2.",
}
GAMMA, BETA = np.array([1.5, -0.5]), np.array([0.3, 1.])


def batches():
    rng = np.random.default_rng(0)
    return [rng.normal([1., -3.], [2., 0.5], (6, 2)) + i for i in range(3)]


def out(X, mean, var):
    return GAMMA * (X - mean) / np.sqrt(var + 1e-5) + BETA


def mistakes(X, mean, var, eps=1e-5):
    """What other mistakes in the last two lines lead to."""
    std, centred = np.sqrt(var + eps), X - mean
    found = {'no-gamma': centred / std + BETA, 'no-beta': GAMMA * centred / std,
             'no-gamma-beta': centred / std, 'turned': BETA - GAMMA * centred / std,
             'not-centred': GAMMA * X / std + BETA, 'not-scaled': GAMMA * centred + BETA,
             'swapped': BETA * centred / std + GAMMA, 'no-root': GAMMA * centred / (var + eps) + BETA}
    if eps > 0.1:  # so large that its place is seen
        found['eps-ignored'] = GAMMA * centred / np.sqrt(var) + BETA, out(X, mean, var)
        found['eps-outside'] = GAMMA * centred / (np.sqrt(var) + eps) + BETA
    return found


def run(answer, X, means, variances, **options):
    options = {'layer_name': 'bn1', 'momentum': 0.8, **options}
    written = function(answer, 'batch_norm')
    try:
        return written(nd.array(X), nd.array(GAMMA), nd.array(BETA), means, variances, **options)
    except KeyError as error:
        if options.get('is_training', True) and not means:
            raise Wrong('read-first', f"in training, KeyError: {error}.") from error
        raise


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
    expect(stored(means, 'means'), nd.array(mean), {'from-zero': 0.2 * mean, 'reversed': 0.8 * mean,
           'from-one': tuple(w * mean + 1 - w for w in (0.2, 0.8)), 'zeros-stored': 0 * mean,
           'exchanged': var}, "means['bn1']")
    expect(stored(variances, 'variances'), nd.array(var),
           {'from-zero': 0.2 * var, 'zeros-stored': 0 * var, 'from-one': tuple(w * var + 1 - w for w in (0.2, 0.8)),
            'std-stored': (np.sqrt(var), np.sqrt(var + 1e-5)), 'unbiased': var * 6 / 5,
            'squares-stored': (X**2).mean(axis=0), 'exchanged': mean}, "variances['bn1']")


def check_second_batch(answer):
    """Training on the second batch stores momentum * old + (1 - momentum) * new."""
    (X, Y, _), means, variances = batches(), {}, {}
    run(answer, X, means, variances)
    run(answer, Y, means, variances)
    about = [0.8 * X.var(axis=0) + 0.2 * ((Y - m)**2).mean(axis=0) for m in (
        X.mean(axis=0), 0.8 * X.mean(axis=0) + 0.2 * Y.mean(axis=0))]
    for name, averages, old, new in (("means['bn1']", means, X.mean(axis=0), Y.mean(axis=0)),
                                     ("variances['bn1']", variances, X.var(axis=0), Y.var(axis=0))):
        expect(stored(averages, name[:-7]), nd.array(0.8 * old + 0.2 * new),
               {'reversed': 0.2 * old + 0.8 * new, 'overwritten': new, 'first-kept': old,
                'variance-of-what': tuple(about),
                'no-weights': (old + new, 0.8 * old + new, old + 0.2 * new),
                'momentum-ignored': (0.9 * old + 0.1 * new, 0.1 * old + 0.9 * new, (old + new) / 2)}, name)


def check_training_output(answer):
    """Training normalises by the batch, also when there are averages already."""
    (X, Y, _), means, variances = batches(), {}, {}
    run(answer, X, means, variances)
    got = run(answer, Y, means, variances)
    averages = out(Y, 0.8 * X.mean(axis=0) + 0.2 * Y.mean(axis=0), 0.8 * X.var(axis=0) + 0.2 * Y.var(axis=0))
    expect(got, nd.array(out(Y, Y.mean(axis=0), Y.var(axis=0))),
           {'averages-in-training': averages, **mistakes(Y, Y.mean(axis=0), Y.var(axis=0))}, 'the output in training',
           1e-3)


def trained(answer):
    means, variances = {}, {}
    run(answer, batches()[0], means, variances)
    return means, variances


def check_test_output(answer):
    """Test mode normalises by the stored averages."""
    (X, _, Z), (means, variances) = batches(), trained(answer)
    got = run(answer, Z, means, variances, is_training=False)
    expect(got, nd.array(out(Z, X.mean(axis=0), X.var(axis=0))),
           {'batch-in-test': (out(Z, Z.mean(axis=0), Z.var(axis=0)),
                              out(Z, X.mean(axis=0), ((Z - X.mean(axis=0))**2).mean(axis=0))),
            'exchanged': out(Z, X.var(axis=0), X.mean(axis=0)),
            'unbiased-in-test': out(Z, X.mean(axis=0), X.var(axis=0) * 6 / 5),
            **mistakes(Z, X.mean(axis=0), X.var(axis=0))}, 'the output in test mode', 1e-3)


def check_eps(answer):
    """eps is added to the variance, under the root, in both modes, and is not stored (tried with eps = 0.5)."""
    (X, _, Z), means, variances = batches(), {}, {}
    mean, var = X.mean(axis=0), X.var(axis=0)
    for batch, is_training in ((X, True), (Z, False)):
        got = run(answer, batch, means, variances, eps=0.5, is_training=is_training)
        expect(got, nd.array(GAMMA * (batch - mean) / np.sqrt(var + 0.5) + BETA), mistakes(batch, mean, var, 0.5),
               f"the output in {'training' if is_training else 'test mode'}", 1e-3)
        expect(stored(variances, 'variances'), nd.array(var), {'eps-stored': var + 0.5}, "variances['bn1']")


def check_test_changes_nothing(answer):
    """Test mode leaves the stored averages as they are."""
    means, variances = trained(answer)
    both = (means, 'means'), (variances, 'variances')
    before = [as_numpy(stored(averages, what)).copy() for averages, what in both]
    run(answer, batches()[2], means, variances, is_training=False)
    for averages, kept in zip((means, variances), before):
        if not same(as_numpy(averages['bn1']), kept, 0):
            raise Wrong('updated-in-test', "an average is another one after a call in test mode.")


def check_layers(answer):
    """Two layers keep averages of their own."""
    (X, Y, _), means, variances = batches(), {}, {}
    run(answer, X, means, variances, layer_name='bn1')
    run(answer, Y, means, variances, layer_name='bn2')
    stored(means, 'means'), stored(variances, 'variances')
    if set(means) != {'bn1', 'bn2'} or set(variances) != {'bn1', 'bn2'}:
        raise Wrong('one-for-all', f"after training bn1 and bn2 the keys are {sorted(means)} and {sorted(variances)}.")


def check_large_mean(answer):
    """A feature with mean 10,000 and standard deviation 1 comes out as well as one with mean 0."""
    X = np.array([[-1.25, 0.5], [-0.25, -1.], [0.5, 0.25], [1., 1.], [1.25, -0.5], [0.25, 0.]])  # exact in float32
    for more in (0, 1e4):
        got = run(answer, X + more, {}, {})
        expect_kind(got, nd.array(X), 'the output')
        got = as_numpy(got)
        right = out(X, X.mean(axis=0), X.var(axis=0))
        if not same(got, right, 0.01):
            raise Wrong('cancelled' if more else 'other',
                        f"with {more:g} added to X the first value is {got[0, 0]:.6g}, "
                                                          f"and should be {right[0, 0]:.6g}.")


def check_gradient(answer):
    """In training the gradient of X goes through the mean and the variance of the batch."""
    x, dout = nd.array(batches()[0]), np.random.default_rng(5).normal(size=(6, 2))
    x.attach_grad()
    with autograd.record():
        y = function(answer, 'batch_norm')(x, nd.array(GAMMA), nd.array(BETA), {}, {}, 'bn1')
    expect_kind(y, x, 'the output')
    try:
        y.backward(nd.array(dout))
    except mx.MXNetError:
        raise Wrong('constants', "no gradient of X comes out.") from None
    X = as_numpy(x)
    std, g = np.sqrt(X.var(axis=0) + 1e-5), GAMMA * dout
    X_hat = (X - X.mean(axis=0)) / std
    by_mean, by_var = -g.mean(axis=0) / std, -X_hat * (g * X_hat).mean(axis=0) / std
    expect(x.grad, nd.array(g / std + by_mean + by_var),
           {'constants': (g / std, g / std + by_mean, g / std + by_var, 0 * X)}, 'the gradient of X', 1e-3)


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
