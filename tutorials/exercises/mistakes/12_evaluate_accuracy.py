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
]
RIGHT = [
    [(CORRECT, "correct += int((predictions.asnumpy() == label.asnumpy()).sum())"), (EXAMPLES, "examples += len(label)")],
    [(CORRECT, "correct += (predictions.astype('int32') == label.astype('int32')).sum().asscalar()"),
     (EXAMPLES, "examples += label.size"), (RESULT, "return correct / float(examples)")],
]
