"""Checks for 10_softmax_cross_entropy."""
import numpy as np

from gluon_bn._mxnet import nd
from gluon_bn.exercises.expect import Wrong, as_numpy, expect, expect_unchanged, function, uses

HINTS = {
    'columns': "The exponentials were summed over the batch; each row has a softmax of its own: axis=1.",
    'sign': "The losses are negative: there is a minus in front of the sum.",
    'averaged': "The losses of all rows were put together into one number; return one for each row.",
    'mean-of-classes': "The sum over the classes became a mean: the result is too small by the factor K.",
    'no-logarithm': "That is one minus the probability, or the probability itself; the loss is minus its logarithm.",
    'no-maximum': "An exponential overflowed, or was rounded to 0: subtract the row's maximum first, not "
                  "its mean, its minimum or its largest absolute value.",
    'global-maximum': "The maximum of the whole batch was subtracted; rows far below become log 0.",
    'epsilon-in-log': "A small number was added inside the logarithm, or its argument was clipped, so that the loss "
                      "stops growing; with z - log(sum(exp(z))) there is no logarithm of a small number.",
    'ready-made': "A ready-made function does the work there; write the softmax out with nd.exp, nd.log, nd.sum and "
                  "nd.max.",
    'log-of-zero': "A probability was rounded to 0, and its logarithm is infinite; use z - log(sum(exp(z))).",
    'columns-max': "The maximum of each column was subtracted, which changes the loss; take the maximum of the row: "
                   "axis=1.",
    'max-once': "The maximum was subtracted in one of the two terms; it has to be the same number in both.",
    'all-classes': "The loss of all classes was added up; y chooses the one of the label: sum(y * log_softmax).",
    'no-log-of-sum': "The second term is the logarithm of the sum of the exponentials: z - log(sum(exp(z))).",
    'other-loss': "That is another loss (the squared error, one made of sigmoids, or one with log(1 - p)).",
    'log-and-sum': "Logarithm and sum are exchanged: it is the logarithm of the sum of the exponentials.",
    'over-m': "The losses were divided by the number of rows; return them as they are.",
    'other-classes': "The loss of the classes that are not the label was added up; y chooses the one of the label.",
    'max-for-sum': "The maximum was taken of the products with y, most of which are 0; add them up: sum.",
    'exponential-first': "The first term is z itself; its exponential stands only under the logarithm: "
                         "z - log(sum(exp(z))).",
    'predicted': "That is the loss of the most likely class; y says which class counts.",
    'max-divided': "The scores were divided by their maximum; subtract it.",
    'scores-clipped': "Scores were made almost equal (cut off, divided, or each less the largest of its column), which "
                      "changes the loss; subtract the row's maximum.",
    'log2': "That is a logarithm with another base, 2 or 10; nd.log has base e, as exp has.",
    'keepdims': "The losses stand in a column (m, 1); without keepdims the last sum gives (m,).",
    'exchanged': "y stands in front of the logarithm, and the logarithm is that of the softmax: sum(y * log_softmax).",
}


def loss(answer, scores, labels):
    z, y = nd.array(scores), nd.array(np.eye(len(scores[0]))[labels])
    result = function(answer, 'softmax_cross_entropy')(z, y)
    expect_unchanged(z, np.float32(scores), 'yhat_linear')
    return result


def finite(answer, scores, labels, right, hint):
    got = loss(answer, scores, labels)
    if isinstance(got, nd.NDArray) and not np.isfinite(as_numpy(got)).all():
        hint = 'no-maximum' if hint == 'log-of-zero' and np.isnan(as_numpy(got)).any() else hint
        raise Wrong(hint, f"the losses of the scores {scores} are {as_numpy(got)}, and should be {right}.")
    capped = ()
    if np.max(right) > 100:
        capped = tuple(np.minimum(right, -np.log(10.**-n)) for n in (4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30))
    clipped = np.full(len(right), np.log(2.)) if np.min(np.abs(scores)) > 100 else ()
    expect(got, nd.array(right), {'epsilon-in-log': capped, 'scores-clipped': clipped},
           f'the loss of the scores {scores}', 1e-3)


def check_moderate_scores(answer):
    """Moderate scores (5, 4): one loss for each row."""
    scores, labels = np.random.default_rng(0).normal(0, 1, (5, 4)), np.array([0, 3, 1, 1, 2])
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    right, chosen = -np.log(p[np.arange(5), labels]), p[np.arange(5), labels]
    by_column = (np.exp(scores) / np.exp(scores).sum(axis=0))[np.arange(5), labels]
    y, total, z = np.eye(4)[labels], np.log(np.exp(scores).sum(axis=1)), scores - scores.max(axis=1, keepdims=True)
    of_z = np.exp(z).sum(axis=1, keepdims=True)
    divided, sigmoid = scores / scores.max(axis=1, keepdims=True), 1 / (1 + np.exp(-scores))
    below = scores - scores.max(axis=0)
    columns_max = np.log(np.exp(below).sum(axis=1)) - (below * y).sum(axis=1)
    expect(loss(answer, scores, labels), nd.array(right),
           {'columns': (-np.log(by_column), (y * (np.log(np.exp(z).sum(axis=0)) - z)).sum(axis=1),
                       -(y * np.log(p)).sum(axis=0)), 'sign': -right,
            'averaged': ([right.mean()], [right.sum()], [right.mean() / 4]), 'mean-of-classes': right / 4,
            'no-logarithm': (1 - chosen, chosen, -chosen), 'columns-max': columns_max,
            'max-once': (np.log(of_z)[:, 0] - (scores * y).sum(axis=1), total - (z * y).sum(axis=1)),
            'all-classes': -np.log(p).sum(axis=1), 'no-log-of-sum': (
                *((y * (s - z)).sum(axis=1) for s in (of_z, 0)), -(y * scores).sum(axis=1)),
            'other-loss': (((p - y)**2).sum(axis=1), np.abs(p - y).sum(axis=1), -np.log(1 - chosen),
                           -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1), -(y * np.log(sigmoid)).sum(axis=1),
                           -(y * np.log(sigmoid) + (1 - y) * np.log(1 - sigmoid)).sum(axis=1)),
            'log2': tuple(((log(of_z) - z) * y).sum(axis=1) for log in (np.log2, np.log10)),
            'log-and-sum': tuple(((s.sum(axis=1, keepdims=True) - s) * y).sum(axis=1) for s in (z, scores)),
            'other-classes': -((1 - y) * np.log(p)).sum(axis=1),
            'max-for-sum': (-(y * np.log(p)).max(axis=1), 0 * right),
            'exponential-first': tuple(np.log(s) - (y * np.exp(a)).sum(axis=1) for a, s in (
                (z, of_z[:, 0]), (scores, np.exp(total)))),
            'over-m': right / 5, 'predicted': -np.log(p.max(axis=1)),
            'max-divided': np.log(np.exp(divided).sum(axis=1)) - (divided * y).sum(axis=1),
            'keepdims': right[:, np.newaxis],
            'exchanged': (-(p * np.log(p)).sum(axis=1),
                          *(-(p * np.log(y + 10.**-n)).sum(axis=1) for n in (5, 6, 7, 8, 9, 10, 12)))},
           'the loss')


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
    loss(answer, [[0., 1.]], [0])  # an answer that is not written yet says so here
    ready_made = sorted(name for name in uses(answer) if 'softmax' in name.lower())
    if ready_made:
        raise Wrong('ready-made', f"your file takes {', '.join(ready_made)} from elsewhere.")
