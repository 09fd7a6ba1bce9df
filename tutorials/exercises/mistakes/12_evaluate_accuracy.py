"""Wrong answers to 12_evaluate_accuracy: (hint, pieces of the solution and what stands in their place)."""
CORRECT = "correct += nd.sum(predictions == label).asscalar()"
EXAMPLES = "examples += data.shape[0]"
RESULT = "return float(correct / examples)"

MISTAKES = [
    ('mean-of-batches', [(CORRECT, "correct += nd.mean(predictions == label).asscalar()"),
                         (EXAMPLES, "examples += 1")]),
    ('full-batches', [(RESULT, "return float(correct / (len(data_iterator) * data_iterator[0][0].shape[0]))")]),
    ('last-batch', [(CORRECT, "correct = nd.sum(predictions == label).asscalar()"),
                    (EXAMPLES, "examples = data.shape[0]")]),
    ('training-mode', [("net(data, is_training=False)", "net(data)")]),
    ('axis-0', [("nd.argmax(scores, axis=1)                     # (m,)", "nd.argmax(scores, axis=0)[:data.shape[0]]")]),
    ('percent', [(RESULT, "return float(100 * correct / examples)")]),
    ('errors', [(RESULT, "return float(1 - correct / examples)")]),
    ('count', [(RESULT, "return float(correct)")]),
    ('type', [(CORRECT, "correct = correct + nd.sum(predictions == label)"), (RESULT, "return correct / examples")]),
    ('axis-0', [("nd.argmax(scores, axis=1)", "nd.argmax(scores, axis=0)")]),
    ('full-batches', [(EXAMPLES, "examples += 256")]),
    ('full-batches', [(RESULT, "return float(correct / 10000)")]),
    ('batch-count', [(EXAMPLES, "examples += 1")]),
    ('extra-example', [("correct, examples = 0, 0", "correct, examples = 0, 1")]),
    ('first-batch', [(EXAMPLES, "examples += data.shape[0]\n        return float(correct / examples)")]),
    ('floor', [(RESULT, "return float(correct // examples)")]),
    ('floor', [("nd.argmax(scores", "nd.argmin(scores")]),
    ('scores-counted', [(EXAMPLES, "examples += data.size")]),
    ('rounded', [(RESULT, "return round(float(correct / examples), 2)")]),
    ('largest-score', [("nd.argmax(scores, axis=1) ", "nd.max(scores, axis=1) ")]),
    ('largest-score', [("nd.argmax(scores, axis=1) ", "nd.argmax(scores) ")]),
    ('batch-count', [(RESULT, "return float(correct / len(data_iterator))")]),
    ('none', [(RESULT, "accuracy = float(correct / examples)")]),
    ('several', [(RESULT, "return correct, examples")]),
    ('type', [(RESULT, "return f'{correct / examples:.3f}'")]),
    ('mean-of-batches', [("    correct, examples = 0, 0", "    import numpy as np\n    accuracies = []"),
                         (CORRECT, "accuracies.append(float(nd.mean(predictions == label).asscalar()))"),
                         (EXAMPLES, "pass"), (RESULT, "return np.mean(accuracies)")]),
]
RIGHT = [
    [(CORRECT, "correct += int((predictions.asnumpy() == label.asnumpy()).sum())"), (EXAMPLES, "examples += len(label)")],
    [(CORRECT, "correct += (predictions.astype('int32') == label.astype('int32')).sum().asscalar()"),
     (EXAMPLES, "examples += label.size"), (RESULT, "return correct / float(examples)")],
    [("    correct, examples = 0, 0", "    import mxnet as mx\n    metric = mx.metric.Accuracy()"),
     (CORRECT, "metric.update([label], [scores])"), (EXAMPLES, "pass"), (RESULT, "return metric.get()[1]")],
    [("    correct, examples = 0, 0", "    right = []"), (EXAMPLES, "pass"), (RESULT, "return sum(right) / len(right)"),
     (CORRECT, "right.extend((scores.asnumpy().argmax(axis=1) == label.asnumpy()).tolist())")],
    [("net(data, is_training=False)", "net(data, False)"), (CORRECT, "correct += nd.mean(predictions == label) * len(label)"),
     (RESULT, "return correct.asscalar() / examples")],
]
