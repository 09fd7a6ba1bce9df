"""Wrong answers to 10_softmax_cross_entropy: (hint, pieces of the solution and what stands in their place)."""
Z = "z = yhat_linear - nd.max(yhat_linear, axis=1, keepdims=True)"
LOG = "log_softmax = z - nd.log(nd.sum(nd.exp(z), axis=1, keepdims=True))"
SOFTMAX = "nd.exp(z) / nd.sum(nd.exp(z), axis=1, keepdims=True)"
RESULT = "return -nd.sum(y * log_softmax, axis=1)"

MISTAKES = [
    ('columns', [(LOG, "log_softmax = yhat_linear - nd.log(nd.sum(nd.exp(yhat_linear), axis=0, keepdims=True))")]),
    ('sign', [(RESULT, "return nd.sum(y * log_softmax, axis=1)")]),
    ('averaged', [(RESULT, "return nd.mean(-nd.sum(y * log_softmax, axis=1))")]),
    ('averaged', [(RESULT, "return -nd.sum(y * log_softmax)")]),
    ('mean-of-classes', [(RESULT, "return -nd.mean(y * log_softmax, axis=1)")]),
    ('no-logarithm', [(RESULT, "return 1 - nd.sum(y * nd.exp(log_softmax), axis=1)")]),
    ('no-maximum', [(Z, "z = yhat_linear")]),
    ('global-maximum', [(Z, "z = yhat_linear - nd.max(yhat_linear).reshape((1, 1))")]),
    ('log-of-zero', [(LOG, f"log_softmax = nd.log({SOFTMAX})")]),
    ('no-maximum', [(Z, "z = yhat_linear"), (LOG, f"log_softmax = nd.log({SOFTMAX})")]),
    ('epsilon-in-log', [(LOG, f"log_softmax = nd.log({SOFTMAX} + 1e-9)")]),
    ('epsilon-in-log', [(LOG, f"log_softmax = nd.log({SOFTMAX} + 1e-12)")]),
    ('ready-made', [(LOG, "log_softmax = nd.log_softmax(z)")]),
    ('columns', [(RESULT, "return -nd.sum(y * log_softmax, axis=0)")]),
]
RIGHT = [
    [(Z, "highest = nd.max(yhat_linear, axis=1)\n    z = yhat_linear - highest.reshape((-1, 1))"),
     (LOG, "log_sum = nd.log(nd.sum(nd.exp(z), axis=1))"), (RESULT, "return log_sum - nd.sum(y * z, axis=1)")],
    [(LOG, "log_softmax = nd.broadcast_sub(z, nd.log(nd.exp(z).sum(axis=1, keepdims=True)))"),
     (RESULT, "return (-y * log_softmax).sum(axis=1)")],
]
