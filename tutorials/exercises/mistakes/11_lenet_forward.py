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
    ('no-relu', [(FIRST, "h = normalize(h, '1')")]),
    ('norm-missing', [(FIRST, "h = gbn.relu(h)")]),
    ('norm-missing', [(BOTH, "return gbn.relu(h)")]),
    ('sigmoid', [(BOTH, "return nd.sigmoid(normalize(h, number))")]),
    ('log-softmax', [(RESULT, "return nd.log_softmax(nd.dot(h, params['W4']) + params['b4'])")]),
    ('labels', [(RESULT, "return nd.argmax(nd.dot(h, params['W4']) + params['b4'], axis=1)")]),
    ('gamma-beta',
     [("params['gamma' + number], params['beta' + number]", "params['beta' + number], params['gamma' + number]")]),
    ('pool-first', [(FIRST + "\n    h = " + POOL + "(m, 20", "h = " + POOL + "(m, 20"),
                    ("h = nd.Convolution(h, params['W2']", FIRST + "\n    h = nd.Convolution(h, params['W2']"),
                    (SECOND + "\n    h = " + POOL + "(m, 50", "h = " + POOL + "(m, 50"),
                    ("h = nd.dot(nd.flatten(h)", SECOND + "\n    h = nd.dot(nd.flatten(h)")]),
    ('exchanged', [("bn_ewv_means, bn_ewv_vars,\n", "bn_ewv_vars, bn_ewv_means,\n")]),
    ('no-bias', [(" + params['b3']", "")]),
    ('no-bias', [("params['b1'], kernel=(3, 3), num_filter=20)", "no_bias=True, kernel=(3, 3), num_filter=20)")]),
    ('momentum', [("layer_name='bn' + number", "momentum=0.5, layer_name='bn' + number")]),
    ('exception', [("layer_name='bn' + number", "layer_name='bn1'")]),
    ('arguments', [(", relu_first=False", ""), ("normalize(gbn.relu(h), number) if relu_first else ", "")]),
    ('mxnet-exception', [("nd.dot(nd.flatten(h), params['W3'])", "nd.dot(h, params['W3'])")]),
    ('sum-pooling', [("nd.Pooling(h, pool_type='avg', kernel=(2, 2), stride=(2, 2))                    # (m, 20",
                      "nd.Pooling(h, pool_type='sum', kernel=(2, 2), stride=(2, 2))                    # (m, 20"),
                     ("nd.Pooling(h, pool_type='avg', kernel=(2, 2), stride=(2, 2))                    # (m, 50",
                      "nd.Pooling(h, pool_type='sum', kernel=(2, 2), stride=(2, 2))                    # (m, 50")]),
    ('relu-twice', [("return normalize(gbn.relu(h), number) if relu_first else gbn.relu(normalize(h, number))",
                     "return normalize(gbn.relu(h), number) if relu_first else gbn.relu(normalize(gbn.relu(h), "
                     "number))")]),
    ('sigmoid', [("return normalize(gbn.relu(h), number) if relu_first else gbn.relu(normalize(h, number))",
                  "return normalize(nd.LeakyReLU(h, slope=0.1), number) if relu_first else "
                  "nd.LeakyReLU(normalize(h, number), slope=0.1)")]),
    ('flatten-order', [("nd.flatten(h)", "nd.flatten(h.transpose((0, 2, 3, 1)))")]),
    ('no-gamma-beta', [("params['gamma' + number], params['beta' + number]",
                        "nd.ones_like(params['gamma' + number]), nd.zeros_like(params['beta' + number])")]),
    ('relu-lost', [("return normalize(gbn.relu(h), number) if relu_first else gbn.relu(normalize(h, number))",
                    "return normalize(h, number) if relu_first else gbn.relu(normalize(h, number))")]),
    ('mode-lost', [("is_training=is_training)", "is_training=is_training or number == '3')")]),
    ('max-pooling', [("nd.Pooling(h, pool_type='avg', kernel=(2, 2), stride=(2, 2))                    # (m, 20",
                      "nd.Pooling(h, pool_type='max', kernel=(2, 2), stride=(2, 2))                    # (m, 20")]),
    ('sigmoid', [("return normalize(gbn.relu(h), number) if relu_first else gbn.relu(normalize(h, number))",
                  "return normalize(nd.tanh(h), number) if relu_first else nd.tanh(normalize(h, number))")]),
    ('no-gamma-beta', [("params['beta' + number]", "params['beta' + number] * 0")]),
    ('relu-twice', [("return normalize(gbn.relu(h), number) if relu_first else gbn.relu(normalize(h, number))",
                     "return gbn.relu(normalize(gbn.relu(h), number)) if relu_first else gbn.relu(normalize(h, "
                     "number))")]),
    ('eps', [("layer_name='bn' + number", "eps=0.1, layer_name='bn' + number")]),
    ('images-scaled', [("X, params['W1'], params['b1'], kernel=(3, 3)",
                        "X / 255, params['W1'], params['b1'], kernel=(3, 3)")]),
    ('softmax', [("return nd.dot(h, params['W4']) + params['b4']",
                  "return nd.softmax(nd.dot(h, params['W4']) + params['b4'])")]),
    ('no-bias', [("    h = nd.dot(nd.flatten(h), params['W3']) + params['b3']",
                  "    h = nd.dot(nd.flatten(h), params['W3'])")]),
    ('momentum', [("layer_name='bn' + number", "layer_name='bn' + number, momentum=0.1")]),
]
RIGHT = [
    [(BOTH, "steps = [gbn.relu, lambda h: normalize(h, number)]\n"
            "        for step in steps if relu_first else steps[::-1]:\n            h = step(h)\n        return h"),
     ("nd.dot(nd.flatten(h), params['W3'])", "nd.dot(h.reshape((h.shape[0], -1)), params['W3'])")],
    [(RESULT, "return nd.FullyConnected(h, params['W4'].T, params['b4'], num_hidden=10)"),
     (BOTH, "if relu_first:\n            return normalize(nd.maximum(h, 0), number)\n"
            "        return nd.maximum(normalize(h, number), 0)")],
    [(BOTH, "h = nd.relu(h) if relu_first else h\n        h = normalize(h, number)\n"
            "        return h if relu_first else nd.Activation(h, act_type='relu')")],
    [("    h = nd.Convolution(X, params['W1'], params['b1'], kernel=(3, 3), num_filter=20) ", """    h = X
    for k, filters in ((1, 20), (2, 50)):
        W = params[f'W{k}']
        h = nd.Convolution(h, W, params[f'b{k}'], kernel=W.shape[2:], num_filter=filters)
        h = nd.Pooling(normalize_and_relu(h, str(k)), kernel=(2, 2), stride=(2, 2), pool_type='avg')
    h = normalize_and_relu(nd.dot(h.flatten(), params['W3']) + params['b3'], '3')
    return nd.dot(h, params['W4']) + params['b4']
    h = nd.Convolution(X, params['W1'], params['b1'], kernel=(3, 3), num_filter=20) """)],
    [(POOL + "(m, 50", "h[:, :, :8, :8].reshape((0, 0, 4, 2, 4, 2)).mean(axis=(3, 5))  # (m, 50")],
    [("nd.dot(nd.flatten(h), params['W3']) + params['b3']",
      "nd.FullyConnected(h, params['W3'].T, params['b3'], num_hidden=128)")],
    [("    h = nd.Convolution(X, params['W1']",
      "    if not relu_first:\n        net = gbn.LeNet(X.ctx)\n        net.params.update(params)\n        "
      "net.bn_ewv_means, net.bn_ewv_vars = bn_ewv_means, bn_ewv_vars\n        return net(X, is_training)\n    "
      "h = nd.Convolution(X, params['W1']")],
    [("    h = nd.Convolution(X, params['W1'], params['b1'], kernel=(3, 3), num_filter=20)     ",
      "    h = nd.Convolution(X, params['W1'], kernel=(3, 3), num_filter=20, no_bias=True) + "
      "params['b1'].reshape((1, -1, 1, 1))     ")],
    [("nd.dot(nd.flatten(h), params['W3']) + params['b3']",
      "nd.linalg.gemm2(nd.flatten(h), params['W3']) + params['b3']"),
     ("gbn.relu(normalize(h, number))\n", "(lambda v: v * (v > 0))(normalize(h, number))\n")],
]
