"""Solution of 11_lenet_forward."""
import gluon_bn as gbn  # before mxnet: it loads MXNet so that it works with today's NumPy
from mxnet import nd


def forward(X, params, bn_ewv_means, bn_ewv_vars, is_training=True, relu_first=False):
    """Images ``X`` (m, 1, 28, 28) -> the scores (m, 10). ``gbn.batch_norm`` and ``gbn.relu`` are there to be used."""
    def normalize(h, number):
        return gbn.batch_norm(h, params['gamma' + number], params['beta' + number], bn_ewv_means, bn_ewv_vars,
                              layer_name='bn' + number, is_training=is_training)

    def normalize_and_relu(h, number):
        return normalize(gbn.relu(h), number) if relu_first else gbn.relu(normalize(h, number))

    h = nd.Convolution(X, params['W1'], params['b1'], kernel=(3, 3), num_filter=20)     # (m, 20, 26, 26)
    h = normalize_and_relu(h, '1')
    h = nd.Pooling(h, pool_type='avg', kernel=(2, 2), stride=(2, 2))                    # (m, 20, 13, 13)
    h = nd.Convolution(h, params['W2'], params['b2'], kernel=(5, 5), num_filter=50)     # (m, 50, 9, 9)
    h = normalize_and_relu(h, '2')
    h = nd.Pooling(h, pool_type='avg', kernel=(2, 2), stride=(2, 2))                    # (m, 50, 4, 4)
    h = nd.dot(nd.flatten(h), params['W3']) + params['b3']                              # (m, 128)
    h = normalize_and_relu(h, '3')
    return nd.dot(h, params['W4']) + params['b4']                                       # (m, 10)
