"""Wrong answers to 11_lenet_forward: (hint, pieces of the solution and what stands in their place)."""
FIRST = "h = normalize_and_relu(h, '1')"
SECOND = "h = normalize_and_relu(h, '2')"
THIRD = "h = normalize_and_relu(h, '3')"
BOTH = "return normalize(gbn.relu(h), number) if relu_first else gbn.relu(normalize(h, number))"
POOL = "nd.Pooling(h, pool_type='avg', kernel=(2, 2), stride=(2, 2))                    # "
RESULT = "return nd.dot(h, params['W4']) + params['b4']"

MISTAKES = [
    ('max-pooling', [(POOL + "(m, 20", "nd.Pooling(h, pool_type='max', kernel=(2, 2), stride=(2, 2))  # (m, 20"),
                     (POOL + "(m, 50", "nd.Pooling(h, pool_type='max', kernel=(2, 2), stride=(2, 2))  # (m, 50")]),
    ('relu-first', [(FIRST, "h = normalize(gbn.relu(h), '1')"), (SECOND, "h = normalize(gbn.relu(h), '2')"),
                    (THIRD, "h = normalize(gbn.relu(h), '3')")]),
    ('last-relu', [(THIRD, "h = normalize(h, '3')")]),
    ('relu-on-scores', [(RESULT, "return gbn.relu(nd.dot(h, params['W4']) + params['b4'])")]),
    ('softmax', [(RESULT, "return gbn.softmax(nd.dot(h, params['W4']) + params['b4'])")]),
    ('no-last-bias', [(RESULT, "return nd.dot(h, params['W4'])")]),
    ('no-dense-norm', [(THIRD, "h = gbn.relu(h)")]),
    ('mode-lost', [("is_training=is_training)", "is_training=True)")]),
    ('names', [("layer_name='bn' + number", "layer_name='norm' + number")]),
    ('relu-first', [(FIRST, "h = normalize(gbn.relu(h), '1')"), (SECOND, "h = normalize(gbn.relu(h), '2')")]),
    ('order-ignored', [(BOTH, "return gbn.relu(normalize(h, number))")]),
    ('order-ignored', [(THIRD, "h = gbn.relu(normalize(h, '3'))")]),
    ('no-relu', [(BOTH, "return normalize(h, number)")]),
]
RIGHT = [
    [(BOTH, "steps = [gbn.relu, lambda h: normalize(h, number)]\n"
            "        for step in steps if relu_first else steps[::-1]:\n            h = step(h)\n        return h"),
     ("nd.dot(nd.flatten(h), params['W3'])", "nd.dot(h.reshape((h.shape[0], -1)), params['W3'])")],
    [(RESULT, "return nd.FullyConnected(h, params['W4'].T, params['b4'], num_hidden=10)"),
     (BOTH, "if relu_first:\n            return normalize(nd.maximum(h, 0), number)\n"
            "        return nd.maximum(normalize(h, number), 0)")],
]
