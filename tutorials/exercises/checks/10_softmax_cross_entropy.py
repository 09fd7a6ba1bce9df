"""Checks for 10_softmax_cross_entropy."""
import numpy as np

from gluon_bn._mxnet import nd
from gluon_bn.exercises.expect import Wrong, as_numpy, calls, expect, function

HINTS = {
    'columns': "The exponentials were summed over the batch; each row has a softmax of its own: axis=1.",
    'sign': "The losses are negative: there is a minus in front of the sum.",
    'averaged': "The losses of all rows were joined into one number; return one for each row.",
    'mean-of-classes': "The sum over the classes became a mean: the result is too small by the factor K.",
    'no-logarithm': "That is one minus the probability, or the probability itself; the loss is minus its logarithm.",
    'no-maximum': "An exponential overflowed: subtract the row's maximum first.",
    'global-maximum': "The maximum of the whole batch was subtracted; rows far below become log 0.",
    'epsilon-in-log': "The logarithm has a small number added inside, so the loss stops growing at about 20; with "
                      "z - log(sum(exp(z))) there is no logarithm of a small number.",
    'ready-made': "A function of MXNet does the work there; write the softmax out with nd.exp, nd.log, nd.sum and nd.max.",
    'log-of-zero': "A probability was rounded to 0, and its logarithm is infinite; use z - log(sum(exp(z))).",
}


def loss(answer, scores, labels):
    y = nd.array(np.eye(len(scores[0]))[labels])
    return function(answer, 'softmax_cross_entropy')(nd.array(scores), y)


def finite(answer, scores, labels, right, hint):
    got = loss(answer, scores, labels)
    if isinstance(got, nd.NDArray) and not np.isfinite(as_numpy(got)).all():
        raise Wrong(hint, f"the losses of the scores {scores} are {as_numpy(got)}, and should be {right}.")
    smallest = 1e-6 * np.ones_like(right)
    capped = tuple(np.minimum(right, -np.log(e)) for e in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-20,
                                                           1e-30) if np.any(right > -np.log(smallest)))
    expect(got, nd.array(right), {'epsilon-in-log': capped}, f'the loss of the scores {scores}', 1e-3)


def check_moderate_scores(answer):
    """Moderate scores (5, 4): one loss for each row."""
    scores, labels = np.random.default_rng(0).normal(0, 1, (5, 4)), np.array([0, 3, 1, 1, 2])
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    right, chosen = -np.log(p[np.arange(5), labels]), p[np.arange(5), labels]
    by_column = (np.exp(scores) / np.exp(scores).sum(axis=0))[np.arange(5), labels]
    expect(loss(answer, scores, labels), nd.array(right),
           {'columns': (-np.log(by_column), -(np.eye(4)[labels] * np.log(p)).sum(axis=0)), 'sign': -right, 'averaged': ([right.mean()], [right.sum()]),
            'mean-of-classes': right / 4, 'no-logarithm': (1 - chosen, chosen, -chosen)}, 'the loss')


def check_large_scores(answer):
    """Scores of 1000 give a finite loss."""
    finite(answer, [[1000., 998.]], [0], np.log1p(np.exp([-2.])), 'no-maximum')


def check_rows_far_apart(answer):
    """A row far below another gives a finite loss."""
    right = np.log1p(np.exp([-2.]))
    for row in ([-900., -902.], [900., 898.]):  # by itself
        finite(answer, [row], [0], right, 'no-maximum')
    finite(answer, [[-900., -902.], [900., 898.]], [0, 0], np.repeat(right, 2), 'global-maximum')


def check_certain_and_wrong(answer):
    """A label that is less likely than the smallest number gives its true loss, 500."""
    finite(answer, [[0., -500.]], [1], [500.], 'log-of-zero')


def check_written_out(answer):
    """It is made of exponentials, logarithms, sums and maxima."""
    softmax_cross_entropy = function(answer, 'softmax_cross_entropy')
    loss(answer, [[0., 1.]], [0])  # an answer that is not written yet says so here
    ready_made = sorted(name for name in calls(softmax_cross_entropy) if 'softmax' in name.lower())
    if ready_made:
        raise Wrong('ready-made', f"your function calls {', '.join(ready_made)}.")
