"""Checks for 12_evaluate_accuracy."""
import numpy as np

from gluon_bn._mxnet import nd
from gluon_bn.exercises.expect import Wrong, as_numpy, expect, function

HINTS = {
    'mean-of-batches': "The accuracies of the batches were averaged, so that the small last one counts too much.",
    'full-batches': "All batches were counted as equally large, or the number of examples is a constant; add up "
                    "data.shape[0], since the last batch is smaller.",
    'batch-count': "The hits were divided by the number of batches; divide by the number of examples.",
    'last-batch': "Only the last batch counts; add up the hits of all.",
    'training-mode': "The network was asked in training mode: pass is_training=False.",
    'axis-0': "The largest score was looked for in each column; the classes of an example are in its row: axis=1.",
    'percent': "That is a percentage, and should be a share from 0 to 1.",
    'errors': "That is the share of errors.",
    'extra-example': "One too many or too few is counted: begin with 0 hits and 0 examples.",
    'first-batch': "Only the first batch counts: return stands inside the loop.",
    'floor': "No hit was counted, or // cut the fraction off: a prediction is nd.argmax(scores, axis=1), and / "
             "divides.",
    'scores-counted': "The hits were divided by the number of scores; data.size counts every value, data.shape[0] the "
                      "rows.",
    'rounded': "The result was rounded; return it as it is.",
    'largest-score': "The value of the largest score, or its place in the whole batch, was compared with the label; "
                     "compare the place in its row: nd.argmax(scores, axis=1).",
    'count': "That is the number of hits; divide it by the number of examples.",
}
SCORES = np.array([[3., 1., 0.], [0., 2., 1.], [5., 0., 1.], [1., 0., 2.], [0., 1., 4.], [2., 3., 0.], [9., 0., 0.]])
LABELS = np.array([0, 1, 2, 2, 2, 0, 0])                            # all but examples 2 and 5 are right


class Net:
    """The scores are its input, and in training mode their negative; it remembers how it was asked."""

    def __init__(self):
        self.modes = []

    def __call__(self, X, is_training=True):
        self.modes.append(is_training)
        return -X if is_training else X


def batches(size):
    return [(nd.array(SCORES[i:i + size]), nd.array(LABELS[i:i + size])) for i in range(0, 7, size)]


def hits(size, axis=1, sign=1):
    found = []
    for data, label in batches(size):
        predictions, labels = np.argmax(sign * as_numpy(data), axis=axis), as_numpy(label)
        found.append(predictions[:len(labels)] == labels[:len(predictions)])
    return found


def compare(answer, size):
    net = Net()
    got = function(answer, 'evaluate_accuracy')(batches(size), net)
    found = hits(size)
    if any(net.modes):
        raise Wrong('training-mode', "the network was called in training mode, which changes its averages.")
    sizes = (size, 1, 2, 8, 10, 16, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1000)
    wrong = {'extra-example': (5 / 8, 6 / 8), 'floor': 0.,
             'scores-counted': 5 / 21, 'rounded': (0.71, 0.714, 0.7), 'largest-score': 1 / 7,
             'mean-of-batches': np.mean([h.mean() for h in found]), 'batch-count': 5 / len(found),
             'full-batches': (*(5 / (one * len(found)) for one in sizes), 5 / 10000, 5 / 60000),
             'last-batch': found[-1].mean(), 'first-batch': found[0].mean(), 'percent': 500 / 7, 'errors': 2 / 7,
             'count': 5}
    if size == 3:
        compared = [(np.argmax(as_numpy(data), axis=0), as_numpy(label)) for data, label in batches(3)]
        wrong['axis-0'] = (sum(h.sum() for h in hits(3, axis=0)) / 7, sum(np.sum(p == y) for p, y in compared) / 7)
    expect(got, 5 / 7, wrong, f'the accuracy of 5 hits among 7, in batches of {size}', 1e-6)


def check_batches_of_three(answer):
    """7 examples in batches of 3, 3 and 1, of which 5 are right: 0.714."""
    compare(answer, 3)


def check_one_batch(answer):
    """The same 7 examples in one batch."""
    compare(answer, 7)
