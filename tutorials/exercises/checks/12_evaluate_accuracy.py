"""Checks for 12_evaluate_accuracy."""
import numpy as np

from gluon_bn._mxnet import nd
from gluon_bn.exercises.expect import Wrong, as_numpy, expect, function

HINTS = {
    'mean-of-batches': "The accuracies of the batches were averaged, so that the small last one counts too much.",
    'full-batches': "All batches were counted as equally large, or the number of examples is a constant; add up "
                    "data.shape[0], since the last batch is smaller.",
    'batch-count': "The hits were divided by the number of batches; divide by the number of examples.",
    'last-batch': "Only the last batch counts, because each one overwrites or resets the sums; add up the hits of all.",
    'training-mode': "The network was asked in training mode: pass is_training=False.",
    'shapes': "Predictions and labels differ in their shapes. There is one prediction a row: "
              "nd.argmax(scores, axis=1) has the shape (m,), as the labels have; axis=0 looks for the largest score of "
              "each column.",
    'percent': "That is a percentage, and should be a share from 0 to 1.",
    'errors': "That is the share of errors, or their number; return the share of hits.",
    'extra-example': "One too many or too few is counted: begin with 0 hits and 0 examples.",
    'first-batch': "Only the first batch counts: return stands inside the loop.",
    'classes-counted': "The hits were divided by the number of classes (data.shape[1]); data.shape[0] counts the "
                       "examples.",
    'batch-dropped': "The first batch or the last was left out; each counts, the smaller one as well.",
    'off-by-one': "Predictions and labels are shifted against each other by one; both begin with 0.",
    'inverted': "The quotient is turned around: hits divided by examples.",
    'running-average': "Each batch was averaged with all before it, so that the last one counts for half; add up hits "
                       "and examples, and divide at the end.",
    'two-guesses': "A hit was counted when the label had the second largest score, too; only the largest counts.",
    'pairs': "Each prediction was compared with every label, because the shapes (m, 1) and (m,) are broadcast to "
             "(m, m): both must be (m,).",
    'whole-batches': "A batch was counted as right only if all of it is; add up the hits one by one.",
    'smallest-score': "The smallest score was taken for the prediction; it is the largest: nd.argmax(scores, axis=1).",
    'labels-multiplied': "Predictions and labels were multiplied; compare them: predictions == label.",
    'floor': "No hit was counted, or int or // cut the fraction off: a prediction is nd.argmax(scores, axis=1), and / "
             "divides.",
    'scores-counted': "The hits were divided by the number of scores; data.size counts every value, data.shape[0] the "
                      "rows.",
    'rounded': "The result was rounded; return it as it is.",
    'largest-score': "The value of the largest score, or its place in the whole batch, was compared with the label; "
                     "compare the place in its row: nd.argmax(scores, axis=1).",
    'count': "That is the number of hits; divide it by the number of examples.",
}
# So many that no two of the mistakes below lead to the same number.
COUNT, CLASSES = 207, 4
_rng = np.random.default_rng(3)
SCORES = np.argsort(_rng.random((COUNT, 6)), axis=1)[:, :CLASSES].astype(float)                        # (207, 4)
LABELS = np.where(_rng.random(COUNT) < 0.6, SCORES.argmax(axis=1), _rng.integers(0, CLASSES, COUNT))   # (207,)
LABELS[100:150] = SCORES[100:150].argmax(axis=1)         # one batch of 50 is wholly right
HITS = int((SCORES.argmax(axis=1) == LABELS).sum())


class Net:
    """The scores are its input, and in training mode their negative; it remembers how it was asked."""

    def __init__(self):
        self.modes = []

    def __call__(self, X, is_training=True):
        self.modes.append(is_training)
        return -X if is_training else X


def batches(size):
    return [(nd.array(SCORES[i:i + size]), nd.array(LABELS[i:i + size])) for i in range(0, COUNT, size)]


def mistakes(size):
    """What each mistake leads to, with batches of ``size`` examples."""
    parts = [(as_numpy(data), as_numpy(label)) for data, label in batches(size)]
    n, classes = SCORES.shape
    hits = [scores.argmax(axis=1) == label for scores, label in parts]
    right, shares, count = sum(map(np.sum, hits)), [h.mean() for h in hits], len(parts)
    running = [0., shares[0]]
    for i, share in enumerate(shares):
        running = [(running[0] + share) / 2, (running[1] + share) / 2 if i else share]
    before_last, behind_first = (np.concatenate(some or hits) for some in (hits[:-1], hits[1:]))

    def total(compare):
        return sum(np.sum(compare(scores, label)) for scores, label in parts) / n
    sizes = {size, 2, 8, 10, 16, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1000}
    found = {
        'extra-example': ((right + 1) / n, (right - 1) / n,
                          *(right / (n + s * k) for k in (1, count) for s in (1, -1))), 'floor': 0.,
        'scores-counted': right / (n * classes), 'classes-counted': (right / (count * classes), right / classes),
        'rounded': tuple(np.round(right / n, digits) for digits in (1, 2, 3)),
        'largest-score': (total(lambda s, y: s.max(axis=1) == y), total(lambda s, y: s.argmax() == y)),
        'smallest-score': total(lambda s, y: s.argmin(axis=1) == y),
        'two-guesses': total(lambda s, y: (np.argsort(-s, axis=1)[:, :2] == y[:, np.newaxis]).any(axis=1)),
        'pairs': total(lambda s, y: s.argmax(axis=1)[:, np.newaxis] == y),
        'labels-multiplied': total(lambda s, y: s.argmax(axis=1) * y),
        'whole-batches': (sum(h.all() * len(h) for h in hits) / n, np.mean([h.all() for h in hits])),
        'mean-of-batches': np.mean(shares), 'running-average': tuple(running), 'batch-count': right / count,
        'full-batches': (*(right / (one * count) for one in sizes), right / 10000, right / 60000),
        'last-batch': (shares[-1], hits[-1].sum() / n), 'first-batch': shares[0],
        'batch-dropped': tuple(x for some in (before_last, behind_first) for x in (some.mean(), some.sum() / n)),
        'off-by-one': tuple(total(lambda s, y, c=c: s.argmax(axis=1) == y + c) for c in (1, -1)), 'inverted': n / right,
        'percent': 100 * right / n, 'errors': (1 - right / n, n - right), 'count': right}
    alike = {'floor', 'whole-batches', 'batch-count', 'count'} if count == 1 else ()
    return {hint: value for hint, value in found.items() if hint not in alike}


def compare(answer, size):
    net = Net()
    evaluate = function(answer, 'evaluate_accuracy')
    try:
        got = evaluate(batches(size), net)
    except Exception as error:
        if 'broadcast' in str(error):
            raise Wrong('shapes', "two arrays were compared that have shapes that do not fit.") from error
        raise
    if any(net.modes):
        raise Wrong('training-mode', "the network was called in training mode, which changes its averages.")
    expect(got, HITS / COUNT, mistakes(size), f'the accuracy of {HITS} hits among {COUNT}, in batches of {size}', 1e-6)


def check_batches_of_fifty(answer):
    """207 examples in batches of 50, the last of 7."""
    compare(answer, 50)


def check_one_batch(answer):
    """The same 207 examples in one batch."""
    compare(answer, COUNT)
