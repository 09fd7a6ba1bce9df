"""LeNet's forward pass.

The convolutional network of the main job, with batch norm before every activation:

    convolution 3x3, 20 filters -> batch norm -> ReLU -> mean of 2x2        (m, 20, 13, 13)
    convolution 5x5, 50 filters -> batch norm -> ReLU -> mean of 2x2        (m, 50, 4, 4)
    flatten                                                                 (m, 800)
    dense 128 -> batch norm -> ReLU                                         (m, 128)
    dense 10, the scores, nothing after it                                  (m, 10)

``params`` has W1 b1 gamma1 beta1 W2 b2 gamma2 beta2 W3 b3 gamma3 beta3 W4 b4; the layers' names are bn1, bn2 and bn3.
nd.Convolution(X, W, b, kernel=(3, 3), num_filter=20) and nd.Pooling(h, pool_type=..., kernel=..., stride=...) help.

The paper puts batch norm before the activation; others put it behind. With ``relu_first=True`` yours does that, in all
three places.

Read first: tutorials/02_lenet_on_mnist.py
Check with: gluon-bn exercises check 11_lenet_forward
"""
import gluon_bn as gbn  # before mxnet: it loads MXNet so that it works with today's NumPy
from mxnet import nd


def forward(X, params, bn_ewv_means, bn_ewv_vars, is_training=True, relu_first=False):
    """Images ``X`` (m, 1, 28, 28) -> the scores (m, 10). ``gbn.batch_norm`` and ``gbn.relu`` are there to be used."""
    raise NotImplementedError("forward")
