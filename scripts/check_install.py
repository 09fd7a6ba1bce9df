"""Try the installed package: the layer, a few steps of training on the embedded MNIST, the accuracy."""
import sys

import numpy as np

numpy_has_bool = "bool" in vars(np)

import gluon_bn as gbn
from gluon_bn._mxnet import mx, nd

out = gbn.pure_batch_norm(nd.array([[1, 7], [5, 4], [6, 10]]), nd.ones(2), nd.zeros(2)).asnumpy()
np.testing.assert_allclose(out, [[-1.3887, 0], [0.4629, -1.2247], [0.9258, 1.2247]], atol=1e-4)
assert ("bool" in vars(np)) == numpy_has_bool, "importing gluon_bn changed NumPy for everybody"
assert mx.np.array([1, 2, 3])[[True, False, True]].shape == (2,), "MXNet itself lacks numpy.bool"

images, labels = gbn.data.load('mnist')
net = gbn.LeNet()
loss = gbn.train_epoch(net, gbn.data.batches(images[:2560], labels[:2560], 64), lr=0.001)
accuracy = gbn.evaluate_accuracy(gbn.data.batches(images[:2560], labels[:2560], 256), net)
assert accuracy > 0.5, f"an accuracy of {accuracy} after 40 batches"
print(f"gluon_bn {gbn.__version__} from {'site-packages' if 'site-packages' in gbn.__file__ else 'the repository'}: "
      f"Python {sys.version.split()[0]}, NumPy {np.__version__}, loss {loss:.3f}, accuracy {accuracy:.3f}")
