"""Wrong answers to 11_lenet_forward: (hint, pieces of the solution and what stands in their place)."""
FIRST = "h = gbn.relu(normalize(h, '1'))"
SECOND = "h = gbn.relu(normalize(h, '2'))"
THIRD = "h = gbn.relu(normalize(h, '3'))"
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
]
