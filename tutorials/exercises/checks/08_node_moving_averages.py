"""Checks for 08_node_moving_averages."""
import numpy as np

from gluon_bn.autodiff import Node
from gluon_bn.exercises.expect import Wrong, expect, expect_kind, function

HINTS = {
    'reversed': "momentum is the weight of the old value: momentum * old + (1 - momentum) * new.",
    'overwritten': "Only the last batch is kept; fold it in: momentum * old + (1 - momentum) * new.",
    'std-stored': "What is stored is the standard deviation; store the variance.",
    'unbiased': "The variance is divided by m - 1; use the biased one of the batch, divided by m.",
    'nodes-stored': "A Node was stored, and with it the graphs of all batches so far; store its .value.",
    'never-updated': "This average was not updated: write the new one into params, under the name of the old one.",
    'averages-in-training': "In training the output was normalised by the averages; use the batch's own statistics.",
    'exchanged': "Mean and variance have changed places.",
    'eps-stored': "What is stored is the variance with eps; store the variance alone, and add eps where you use it.",
    'momentum-ignored': "The argument momentum has no effect: momentum * old + (1 - momentum) * new.",
    'no-gamma': "gamma has no effect: gamma * x_hat + beta.",
    'no-beta': "beta has no effect: gamma * x_hat + beta.",
    'no-root': "The differences are divided by the variance; divide by its square root.",
    'eps-outside': "eps stands outside the root; it is added to the variance under the root.",
    'parameters-replaced': "Training replaces the two averages and nothing else: leave gamma and beta in params as "
                           "they are.",
    'batch-in-test': "In test mode the output was normalised by the test batch itself; use the averages.",
    'updated-in-test': "Test mode has changed the averages, so that test data leak into the model; only training may.",
    'not-trained': "gamma and beta must be in the result, as Nodes with their names: Node(params['gamma_bn1'], "
                   "'gamma_bn1'). Otherwise no gradient comes out under that name, and the parameter would never be "
                   "trained.",
    'eps-ignored': "eps has no effect; add it to the variance under the root.",
    'no-weights': "The weights are missing, or one of them: momentum * old + (1 - momentum) * new.",
    'summed': "The squares were added up and not divided by m: the variance is their mean.",
    'global': "One mean and variance were taken for the whole batch; each feature has its own: axis=0.",
    'rows': "Each row has an average of its own here; a feature is a column, so average over the batch: axis=0.",
    'not-centred': "The mean is still there; subtract it before you divide.",
    'not-scaled': "The mean is gone, but the scale is as it was: divide by (var + eps).sqrt().",
    'beta-inside': "beta was added before the scaling: gamma * x_hat + beta, not gamma * (x_hat + beta).",
    'updated-twice': "This average was updated twice with the same batch; once is right.",
    'beta-subtracted': "beta was subtracted; it is added: gamma * x_hat + beta.",
    'turned': "The difference is turned around: X - mean.",
    'squares-stored': "What is stored is the mean of X ** 2; the variance is the mean of (X - mean) ** 2.",
    'eps-twice': "eps is there twice; it is added once, to the variance under the root.",
    'swapped': "gamma and beta have changed places: gamma scales, beta shifts.",
    'constants': "In training mean and variance must be Nodes made from X: the gradient goes through them.",
}


def parameters():
    return {'gamma_bn1': np.array([1.5, -0.5]), 'beta_bn1': np.array([0.3, 1.]),
            'avg_mean_bn1': np.array([0.5, -1.]), 'avg_variance_bn1': np.array([2., 0.7])}


def batch(seed):
    return np.random.default_rng(seed).normal([1., -3.], [2., 0.5], (6, 2))


def run(answer, X, params, **options):
    result = function(answer, 'forward')(Node(X, 'X'), params, momentum=0.8, **options)
    expect_kind(result, Node(X), 'the result')
    return result


def out(X, mean, var):
    params = parameters()
    return params['gamma_bn1'] * (X - mean) / np.sqrt(var + 1e-5) + params['beta_bn1']


def mistakes(X, mean, var, eps=1e-5):
    """What other mistakes in the last line lead to."""
    params = parameters()
    gamma, beta, std, centred = params['gamma_bn1'], params['beta_bn1'], np.sqrt(var + eps), X - mean
    return {'swapped': beta * centred / std + gamma, 'no-gamma': (centred / std + beta, centred / std),
            'no-beta': gamma * centred / std,
            'no-root': (gamma * centred / (var + eps) + beta, gamma * centred / var + beta),
            'eps-ignored': gamma * centred / np.sqrt(var) + beta,
            'not-centred': gamma * X / std + beta, 'not-scaled': gamma * centred + beta,
            'beta-inside': gamma * (centred / std + beta), 'beta-subtracted': gamma * centred / std - beta,
            'turned': beta - gamma * centred / std,
            'eps-twice': (gamma * centred / (std + eps) + beta, gamma * centred / np.sqrt(var + 2 * eps) + beta),
            'eps-outside': gamma * centred / (np.sqrt(var) + eps) + beta}


def check_averages(answer):
    """Training stores momentum * old + (1 - momentum) * new, as arrays."""
    X, params, before = batch(0), parameters(), parameters()
    run(answer, X, params, eps=0.5)
    for name, new, more in (('avg_mean_bn1', X.mean(axis=0),
                             {'exchanged': 0.8 * before['avg_mean_bn1'] + 0.2 * X.var(axis=0)}),
                            ('avg_variance_bn1', X.var(axis=0),
                             {'eps-stored': 0.8 * before['avg_variance_bn1'] + 0.2 * (X.var(axis=0) + 0.5),
                              'std-stored': 0.8 * before['avg_variance_bn1'] + 0.2 * X.std(axis=0),
                              'summed': 0.8 * before['avg_variance_bn1'] + 0.2 * 6 * X.var(axis=0),
                              'squares-stored': 0.8 * before['avg_variance_bn1'] + 0.2 * (X**2).mean(axis=0),
                              'unbiased': 0.8 * before['avg_variance_bn1'] + 0.2 * X.var(axis=0, ddof=1)})):
        if isinstance(params[name], Node):
            raise Wrong('nodes-stored', f"{name} is a Node.")
        old = before[name]
        expect(params[name], 0.8 * old + 0.2 * new,
               {'no-weights': (old + new, 0.8 * old + new, old + 0.2 * new),
                'global': tuple(0.8 * old + 0.2 * x for x in (X.mean(), X.var())),
                'rows': tuple(0.8 * old + 0.2 * f(X, axis=1, keepdims=True) for f in (np.mean, np.var)),
                'updated-twice': 0.64 * old + 0.36 * new, 'never-updated': old,
                'reversed': 0.2 * old + 0.8 * new, 'overwritten': new,
                'momentum-ignored': (0.9 * old + 0.1 * new, 0.1 * old + 0.9 * new, (old + new) / 2), **more}, name,
               1e-7)


def check_training_output(answer):
    """Training normalises by the batch, and its gradient goes through the statistics."""
    X, params, before = batch(1), parameters(), parameters()
    result = run(answer, X, params)
    mean = 0.8 * before['avg_mean_bn1'] + 0.2 * X.mean(axis=0)
    var = 0.8 * before['avg_variance_bn1'] + 0.2 * X.var(axis=0)
    expect(result, Node(out(X, X.mean(axis=0), X.var(axis=0))),
           {'averages-in-training': (out(X, mean, var), out(X, before['avg_mean_bn1'], before['avg_variance_bn1'])),
            'unbiased': out(X, X.mean(axis=0), X.var(axis=0, ddof=1)), **mistakes(X, X.mean(axis=0), X.var(axis=0))},
           'the output', 1e-7)
    dout = np.random.default_rng(2).normal(size=(6, 2))
    gradients = result.grad(dout)
    if 'X' not in gradients:
        raise Wrong('constants', "the result does not depend on the Node X.")
    std, g = np.sqrt(X.var(axis=0) + 1e-5), dout * before['gamma_bn1']
    X_hat = (X - X.mean(axis=0)) / std
    by_mean, by_var = -g.mean(axis=0) / std, -X_hat * (g * X_hat).mean(axis=0) / std
    expect(gradients['X'], g / std + by_mean + by_var,
           {'constants': (g / std, g / std + by_mean, g / std + by_var, by_mean + by_var)}, 'the gradient of X', 1e-7)


def check_parameters(answer):
    """gamma and beta are variables: their gradients come out under the names gamma_bn1 and beta_bn1."""
    X, dout = batch(5), np.random.default_rng(6).normal(size=(6, 2))
    params = parameters()
    gradients = run(answer, X, params).grad(dout)
    X_hat = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + 1e-5)
    for name, right in (('gamma_bn1', (dout * X_hat).sum(axis=0)), ('beta_bn1', dout.sum(axis=0))):
        if name not in gradients:
            raise Wrong('not-trained', f"the gradients are those of {', '.join(sorted(gradients))}; {name} is missing.")
        expect(gradients[name], right, {}, f'the gradient of {name}', 1e-7)
        if not np.array_equal(params[name] if isinstance(params[name], np.ndarray) else np.nan, parameters()[name]):
            raise Wrong('parameters-replaced', f"params['{name}'] is another one after the call.")


def check_test_output(answer):
    """Test mode normalises by the averages."""
    X, before = batch(3), parameters()
    expect(run(answer, X, parameters(), train=False), Node(out(X, before['avg_mean_bn1'], before['avg_variance_bn1'])),
           {'batch-in-test': out(X, X.mean(axis=0), X.var(axis=0)),
            'exchanged': out(X, before['avg_variance_bn1'], before['avg_mean_bn1']),
            **mistakes(X, before['avg_mean_bn1'], before['avg_variance_bn1'])}, 'the output', 1e-7)


def check_test_changes_nothing(answer):
    """Test mode leaves the averages as they are."""
    params = parameters()
    run(answer, batch(4), params, train=False)
    for name, before in list(parameters().items())[2:]:
        if not np.array_equal(params[name], before):
            raise Wrong('updated-in-test', f"{name} is another one after a call in test mode.")


def check_eps(answer):
    """eps is added to the variance, in training and in test mode (tried with eps = 0.5)."""
    X, before = batch(7), parameters()
    gamma, beta = before['gamma_bn1'], before['beta_bn1']
    for train, mean, var in ((True, X.mean(axis=0), X.var(axis=0)),
                             (False, before['avg_mean_bn1'], before['avg_variance_bn1'])):
        got = run(answer, X, parameters(), train=train, eps=0.5)
        expect(got, Node(gamma * (X - mean) / np.sqrt(var + 0.5) + beta),
               {**mistakes(X, mean, var, 0.5),
                'eps-ignored': (out(X, mean, var), gamma * (X - mean) / np.sqrt(var) + beta)}, 'the output', 1e-7)
