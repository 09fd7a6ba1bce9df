"""Solution of 12_evaluate_accuracy."""
import gluon_bn  # before mxnet: it loads MXNet so that it works with today's NumPy
from mxnet import nd


def evaluate_accuracy(data_iterator, net):
    """Batches ``(data, label)``, label (m,); ``net(data, is_training=...)`` gives scores (m, K) -> a float, 0 to 1."""
    correct, examples = 0, 0
    for data, label in data_iterator:
        scores = net(data, is_training=False)                       # (m, K)
        predictions = nd.argmax(scores, axis=1)                     # (m,)
        correct += nd.sum(predictions == label).asscalar()
        examples += data.shape[0]
    return float(correct / examples)
