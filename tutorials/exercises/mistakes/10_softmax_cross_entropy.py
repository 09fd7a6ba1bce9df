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
    ('columns-max', [(Z, "z = yhat_linear - nd.max(yhat_linear, axis=0, keepdims=True)")]),
    ('max-once', [(LOG, "log_softmax = yhat_linear - nd.log(nd.sum(nd.exp(z), axis=1, keepdims=True))")]),
    ('all-classes', [(RESULT, "return -nd.sum(log_softmax, axis=1)")]),
    ('no-log-of-sum', [(LOG, "log_softmax = z - nd.sum(nd.exp(z), axis=1, keepdims=True)")]),
    ('other-loss', [(RESULT, "return nd.sum((nd.exp(log_softmax) - y) ** 2, axis=1)")]),
    ('other-loss', [(RESULT, "p = nd.exp(log_softmax)\n"
                             "    return -nd.sum(y * nd.log(p + 1e-9) + (1 - y) * nd.log(1 - p + 1e-9), axis=1)")]),
    ('log2', [("nd.log(nd.sum(", "nd.log2(nd.sum(")]),
    ('keepdims', [(RESULT, "return -nd.sum(y * log_softmax, axis=1, keepdims=True)")]),
    ('exchanged', [(RESULT, "return -nd.sum(nd.exp(log_softmax) * nd.log(y + 1e-9), axis=1)")]),
    ('no-maximum', [(Z, "z = yhat_linear - nd.mean(yhat_linear, axis=1, keepdims=True)")]),
    ('epsilon-in-log', [(LOG, f"log_softmax = nd.log(nd.clip({SOFTMAX}, 1e-7, 1))")]),
    ('ready-made', [(RESULT, "return gluon_bn.softmax_cross_entropy(yhat_linear, y)")]),
    ('ready-made',
     [("def soft", "ready = nd.log_softmax\n\n\ndef soft"), (RESULT, "return -(y * ready(z)).sum(axis=1)")]),
    ('changed', [(Z, "z = yhat_linear\n    z -= nd.max(yhat_linear, axis=1, keepdims=True)")]),
    ('averaged', [(RESULT, "return -nd.mean(y * log_softmax)")]),
    ('mxnet-exception', [(LOG, "log_softmax = z - nd.log(nd.sum(nd.exp(z), axis=1))")]),
    ('type', [(RESULT, "return -nd.sum(y * log_softmax, axis=1).asnumpy()")]),
]
RIGHT = [
    [(Z, "highest = nd.max(yhat_linear, axis=1)\n    z = yhat_linear - highest.reshape((-1, 1))"),
     (LOG, "log_sum = nd.log(nd.sum(nd.exp(z), axis=1))"), (RESULT, "return log_sum - nd.sum(y * z, axis=1)")],
    [(LOG, "log_softmax = nd.broadcast_sub(z, nd.log(nd.exp(z).sum(axis=1, keepdims=True)))"),
     (RESULT, "return (-y * log_softmax).sum(axis=1)")],
    [(RESULT, "return -nd.pick(log_softmax, nd.argmax(y, axis=1), axis=1)")],
    [(RESULT, "losses = []\n    for z, t in zip(yhat_linear, y):\n        z = z - z.max()\n"
              "        losses.append((t * (nd.log(nd.exp(z).sum()) - z)).sum())\n"
              "    return nd.concat(*losses, dim=0)")],
    [("def softmax_cross_entropy", "def log_softmax(scores):\n    z = scores - scores.max(axis=1, keepdims=True)\n"
      "    return z - nd.exp(z).sum(axis=1, keepdims=True).log()\n\n\ndef softmax_cross_entropy"),
     (RESULT, "return -nd.sum(y * softmax_rows(yhat_linear), axis=1)\n\n\nsoftmax_rows = log_softmax"),
     ("    log_softmax = z", "    z = z")],
]
