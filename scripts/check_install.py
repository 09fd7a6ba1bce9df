"""Try the installed package: with `numpy` its NumPy half without MXNet, with `mxnet` the README's example."""
import os
import re
import sys
import time

started = time.perf_counter()
import gluon_bn as gbn

import_seconds = time.perf_counter() - started


def numpy_half():
    """The layer, a network and its training in NumPy alone; what needs MXNet is refused in one sentence."""
    assert not {'mxnet', 'matplotlib'} & set(sys.modules), 'import gluon_bn loads what it need not'
    import numpy as np
    out, _ = gbn.reference.batchnorm_forward(np.array([[1., 7], [5, 4], [6, 10]]), np.ones(2), np.zeros(2),
                                             {'mode': 'train'})
    np.testing.assert_allclose(out, [[-1.3887, 0], [0.4629, -1.2247], [0.9258, 1.2247]], atol=1e-4)
    images, labels = gbn.data.load('mnist')
    images = (images[:1100].reshape(1100, -1) / 255).astype('float64')
    data = {'X_train': images[:1000], 'y_train': labels[:1000], 'X_val': images[1000:], 'y_val': labels[1000:1100]}
    net = gbn.FullyConnectedNet([50], input_dim=784, normalization='batchnorm', weight_scale=0.05)
    solver = gbn.Solver(net, data, update_rule='adam', optim_config={'learning_rate': 1e-2}, num_epochs=2,
                        batch_size=50, verbose=False)
    solver.train()
    assert solver.best_val_acc > 0.6, solver.best_val_acc
    refusal = ''
    try:
        gbn.LeNet()
    except ImportError as error:
        refusal = str(error)
    assert 'MXNet' in refusal, f'LeNet without MXNet: {refusal}'
    return f'NumPy half, validation accuracy {solver.best_val_acc:.2f}'


def all_of_it():
    """The README's example prints what the README says, to within 0.01, and NumPy stays as it is."""
    import contextlib
    import io

    import numpy as np
    names = set(vars(np))
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(os.path.join(root, 'README.md'), encoding='utf-8') as file:
        code, expected = re.search(r'```python\n(.+?)```\s+It prints\s+```\n(.+?)```', file.read(), re.S).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    numbers = [[float(word) for word in re.findall(r'-?\d+\.\d+', text)] for text in (printed.getvalue(), expected)]
    np.testing.assert_allclose(*numbers, atol=0.01, err_msg=printed.getvalue())
    assert set(vars(np)) - names <= {'ctypeslib', 'fft', 'linalg', 'ma', 'polynomial', 'random', 'testing', 'matlib'}, \
        f'NumPy has new names: {set(vars(np)) - names}'
    return f'README example, MXNet {sys.modules["mxnet"].__version__}, accuracy {numbers[0][-1]}'


if __name__ == '__main__':
    done = {'numpy': numpy_half, 'mxnet': all_of_it}[sys.argv[1]]()
    print(f"Python {sys.version.split()[0]}, NumPy {sys.modules['numpy'].__version__}, gluon_bn {gbn.__version__} from "
          f"{'site-packages' if 'site-packages' in gbn.__file__ else 'the repository'} "
          f"(imported in {import_seconds:.2f} s): {done}")
