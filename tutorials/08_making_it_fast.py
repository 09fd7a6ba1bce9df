# %% [markdown]
# # Making it fast
#
# *Batch norm, in one sentence: it gives every feature of a layer mean 0 and standard deviation 1 over the batch, then a
# scale and a shift that are learned, so that a deep network trains faster, and with many more learning rates and
# initial weights.*
#
# ## The question
#
# The layer of the first tutorial is a few lines, and each says what the paper says. How far is it from what this
# machine could do, where does the time go, and which changes save time without changing a result?
#
# The answers are not about MXNet alone. On every processor, and on every GPU, a layer like batch norm does little
# arithmetic on much data. So its time is that of moving the data between memory and processor, and, for small
# tensors, that of starting each operation. That is why frameworks *fuse* operations (XLA, `torch.compile`, cuDNN).
#
# The page has three parts. The first holds for every framework: count bytes, operations and launches, and measure what
# each costs. The second applies it to this layer and this network, in MXNet, step by step. Details of MXNet that
# matter to nobody else come last.
#
# ## What to expect
#
# In any framework:
#
# - Batch norm moves many bytes and computes little. Its limit is the time in which the bytes are moved.
# - Each operator reads and writes the whole tensor. Fewer operators move less.
# - A small tensor is another case: there the time is that of launching operators, however little they do.
# - In the whole network the convolutions are next. Their limit is arithmetic.
#
# In MXNet:
#
# - The formula is far from the limit, because its slowest sums are not vectorised: those over several axes, and those
#   that the backward pass of broadcasting needs. As matrix products and convolutions, they are.
# - The closed form of the backward pass needs fewer operators, and a native operator needs one.
# - Reading a number makes Python and the engine wait for each other. It costs what launching costs, no more.
#
# No time is written here as a number: yours are printed when it runs. They differ between machines, and even between
# runs; what must hold everywhere is asserted.

# %%
import os
import statistics
import time

import numpy as np

import gluon_bn as gbn  # before mxnet: it makes NumPy and the number of threads fit
from mxnet import autograd, nd
import mxnet as mx
from gluon_bn.run.live import show
from gluon_bn.fast.operators import dense as native_dense
from gluon_bn.run.plots import draw_times

QUICK = os.environ.get('GLUON_BN_QUICK') == '1'
WARM_UP, ROUNDS, BATCH = (1, 2, 32) if QUICK else (2, 25, 64)
EPS = 1e-5
NATIVE = gbn.native_status().startswith('native operators: in use')

mx.random.seed(0)
print(gbn.native_status())
print("threads for MXNet: OMP_NUM_THREADS =", os.environ['OMP_NUM_THREADS'])
if QUICK:
    print("This is the quick mode: two rounds of each measurement. Its times show nothing, and are not judged.")
if not NATIVE:
    print("The native steps are left out below: they need a C++ compiler, and GLUON_BN_NATIVE other than 0.")

# %% [markdown]
# ## How to measure
#
# An operator returns at once, and the engine computes later. A clock that does not wait for it, with `nd.waitall()`,
# measures the launch:

# %%
A = nd.random.normal(shape=(1024, 1024))                                            # (1024, 1024)
nd.dot(A, A)
nd.waitall()
start = time.perf_counter()
nd.dot(A, A)
launched = time.perf_counter() - start
nd.waitall()
print(f"nd.dot returned after {1e3 * launched:.3f} ms; computed after {1e3 * (time.perf_counter() - start):.3f} ms")

# %% [markdown]
# Everything below is measured by one function. Rounds of warm-up come first: memory is allocated and kernels are chosen
# there. Then the candidates take turns, so that other work on the machine disturbs all of them alike. The median is
# taken, because a few disturbed rounds do not change it.


# %%
def measure(candidates, rounds=ROUNDS):
    """Median seconds of each function of no arguments, as a dict of the same names."""
    seconds = {name: [] for name in candidates}
    for i in range(WARM_UP + rounds):
        for name, candidate in candidates.items():
            nd.waitall()
            start = time.perf_counter()
            candidate()
            nd.waitall()
            if i >= WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def table(seconds, limit=None):
    """Print each step, its gain over the step before and over the first, and how many limits it takes."""
    first = before = next(iter(seconds.values()))
    print(f"{'':40}{'ms':>9}{'gain':>8}{'in all':>8}" + (f"{'limits':>8}" if limit else ''))
    for name, value in seconds.items():
        print(f"{name:40}{1e3 * value:9.3f}{before / value:7.1f}x{first / value:7.1f}x"
              + (f"{value / limit:8.1f}" if limit else ''))
        before = value
    if limit:
        print(f"{'limit':40}{1e3 * limit:9.3f}")


# %% [markdown]
# ## The mathematics of the limit
#
# A computation that moves $B$ bytes and does $F$ floating-point operations takes at least
#
# $$t \ge \max\left(\frac{B}{\text{bytes a second}},\; \frac{F}{\text{operations a second}}\right).$$
#
# Both rates belong to the machine, so we measure them: the first by copying, the second by a matrix product, the best
# that the machine's libraries do. A tensor that fits into the cache is copied faster than one that does not, so the
# first rate is taken with arrays of the size of our layer's. For a limit, the best round counts, not the median.
#
# The layer is the first of LeNet's three, on a batch of 64 (32 with `GLUON_BN_QUICK=1`).

# %%
m, C, H, W = BATCH, 20, 26, 26
X = nd.random.normal(1, 2, shape=(m, C, H, W))                                      # (m, C, H, W)
TENSOR = 4 * X.size                                                                 # bytes


def best(function, runs=2 * ROUNDS):
    """The shortest of some runs, in seconds."""
    return min(measure(dict.fromkeys(range(runs), function), 1).values())


def copying_rate(values):
    """Bytes read and written a second, by the better of MXNet's and NumPy's copying."""
    a, b = nd.ones((values,)), nd.zeros((values,))
    c, d = np.ones(values, np.float32), np.zeros(values, np.float32)
    return 2 * 4 * values / min(best(lambda: a.copyto(b)), best(lambda: np.copyto(d, c)))  # a read and a write


product = nd.zeros(A.shape)
BYTES_RATE = copying_rate(X.size)
FLOPS_RATE = 2 * 1024 ** 3 / best(lambda: nd.dot(A, A, out=product))
print(f"copying {TENSOR / 1e6:.2f} MB: {BYTES_RATE / 1e9:.0f} GB/s;"
      f" {4 * 2 ** 24 / 1e6:.0f} MB: {copying_rate(2 ** 24) / 1e9:.0f} GB/s")
print(f"matrix product: {FLOPS_RATE / 1e9:.0f} GFLOP/s, "
      f"{4 * FLOPS_RATE / BYTES_RATE:.0f} operations in the time in which a float is moved")

# %% [markdown]
# How many bytes must Algorithm 1 of Ioffe and Szegedy (2015) move? No value can be normalised before the mean and the
# variance are known, so forward reads $X$ twice and writes $Y$ once. Backward, in its closed form,
#
# $$d\beta = \sum dY, \quad d\gamma = \sum dY\, \hat X, \quad
#   dX = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} \Big(dY - \frac{d\beta}{n} - \hat X\, \frac{d\gamma}{n}\Big),
#   \quad n = m H W,$$
#
# reads $X$ and $dY$ for the sums, both again for $dX$, and writes $dX$. Eight passes over a tensor in all. The
# arithmetic, counted as 20 operations a value, is done while the values are moved; the larger of the two is the limit.

# %%
PASSES = (2 + 1) + (2 + 2 + 1)
assert PASSES == 8
moved, computed = PASSES * TENSOR / BYTES_RATE, 20 * X.size / FLOPS_RATE
LAYER_LIMIT = max(moved, computed)
print(f"{PASSES} passes: {1e3 * moved:.3f} ms; the arithmetic: {1e3 * computed:.3f} ms")

# %% [markdown]
# ## Count before you measure
#
# Eight passes are the least. Written operator by operator the layer needs more, because each operator reads its inputs
# from memory and writes its result there. Here is the forward pass: for each operator the passes that it reads and
# writes, and its operations on each value.

# %%
forward_operators = {                # passes read, passes written, operations a value
    'mean of X': (1, 0, 1), 'X - mean': (1, 1, 1), 'square': (1, 1, 1), 'mean of the squares': (1, 0, 1),
    '/ std': (1, 1, 1), '* gamma': (1, 1, 1), '+ beta': (1, 1, 1)}
for name, (read, written, operations) in forward_operators.items():
    print(f"{name:20} reads {read}, writes {written}, computes {operations}")
read, written, operations = (sum(counts) for counts in zip(*forward_operators.values()))
print(f"one by one: {read} + {written} passes, {4 * (read + written)} bytes a value; "
      "fused: 2 + 1 passes, 12 bytes a value")
assert (read, written, operations) == (7, 5, 7)

# %% [markdown]
# The *arithmetic intensity* of a computation is its operations for each byte that it moves. The machine has such a
# number as well: how many operations it can do in the time in which it moves a byte. If a computation is below it,
# moving data is what takes the time, and faster arithmetic would not help.

# %%
intensity = {'forward, one by one': operations / (4 * (read + written)), 'forward, fused': operations / 12,
             'matrix product of 1024': 2 * 1024 ** 3 / (3 * 4 * 1024 ** 2)}
for name, value in intensity.items():
    print(f"{name:24}{value:8.2f} operations a byte")
print(f"{'this machine':24}{FLOPS_RATE / BYTES_RATE:8.2f} operations a byte")
assert intensity['forward, one by one'] < 0.15 < intensity['forward, fused'] < 0.6
assert intensity['matrix product of 1024'] > 100

# %% [markdown]
# Where the machine's number lies between that of the fused layer and that of the matrix product, batch norm is limited
# by memory, and the matrix product by arithmetic. To make batch norm fast is then to move less. *Fusing* does that: a
# piece that fits into the cache goes through all operators before the next piece is read. Here is the same computation
# of three operators in NumPy, with whole arrays and in pieces. The arithmetic and the result are equal:

# %%
long = np.random.default_rng(0).standard_normal(2 ** 20 if QUICK else 2 ** 24).astype(np.float32)


def whole_arrays():
    scaled = 2 * long
    shifted = scaled + 1
    return np.maximum(shifted, 0)


def in_pieces(size=2 ** 14):
    result = np.empty_like(long)
    for start in range(0, len(long), size):
        piece = result[start:start + size]
        np.multiply(long[start:start + size], 2, out=piece)
        piece += 1
        np.maximum(piece, 0, out=piece)
    return result


np.testing.assert_array_equal(whole_arrays(), in_pieces())
table(measure({'NumPy, whole arrays': whole_arrays, 'NumPy, in pieces': in_pieces}, 2 if QUICK else 9))

# %% [markdown]
# The other cost is that of *launching*: the call of an operator takes time however little it does. In NumPy, for an
# array of one value, and how much data could be moved in that time:

# %%
tiny, thousand = np.ones(1, np.float32), range(1000)


def launch_thousand():
    for _ in thousand:
        np.multiply(tiny, tiny, out=tiny)


numpy_launch = measure({'': launch_thousand})[''] / 1000
print(f"a launch in NumPy: {1e6 * numpy_launch:.2f} us, in which {numpy_launch * BYTES_RATE / 4:,.0f} floats can be "
      "read or written")

# %% [markdown]
# Below about that size, an operator costs its launch and nothing else. So there are two ways to make a layer faster,
# anywhere: move fewer bytes, and launch fewer operators. Both mean fewer and larger operators. What follows does both.
#
# The steps are in MXNet, because this package is. If you use another framework, read the headings and the tables: each
# step has a name that you will meet there, too.

# %% [markdown]
# ## 1. The formula, and why it is slow (vectorisation)
#
# The layer as it stands in `gluon_bn/batch_norm.py`, forward and backward, with any gradient `dY` from above.

# %%
gamma, beta = nd.random.normal(1, 0.3, shape=(C,)), nd.random.normal(0, 0.3, shape=(C,))
dY = nd.random.normal(shape=X.shape)                                                # (m, C, H, W)
for array in (X, gamma, beta):
    array.attach_grad()


def forward_backward(layer, arrays, dout):
    """Run a layer on (X, gamma, beta), and its backward pass."""
    with autograd.record():
        out = layer(*arrays)
    out.backward(dout)
    return out


def package_layer(impl):
    """The package's layer as a function of (X, gamma, beta)."""
    return lambda X, gamma, beta: gbn.batch_norm(X, gamma, beta, {}, {}, eps=EPS, impl=impl)


# %% [markdown]
# It does nothing but sums over three axes and operations with broadcasting. So take one of each, beside something else
# that computes the same: the sums as a matrix product with ones,
# $\mathrm{rows} = X_{(mC) \times (HW)}\, \mathbf 1$, and then over the batch; the scale and the shift of each channel
# as a 1×1 convolution with one group a channel. Both alternatives end in kernels that use whole vectors; the gradient
# of a matrix product is a matrix product, and that of a convolution a convolution.


# %%
def channel_mean(X):
    """The mean of each channel, (m, C, H, W) -> (C,), by matrix products with ones."""
    m, C, H, W = X.shape
    rows = nd.FullyConnected(X.reshape((m * C, H * W)), nd.ones((1, H * W)), num_hidden=1, no_bias=True)  # (m*C, 1)
    return nd.dot(nd.ones((1, m)), rows.reshape((m, C))).reshape((C,)) / (m * H * W)                      # (C,)


def scale_and_shift(X, scale, shift):
    """scale * X + shift, with one of each for a channel, as a 1x1 convolution with one group a channel."""
    C = X.shape[1]
    return nd.Convolution(X, scale.reshape((C, 1, 1, 1)), shift, kernel=(1, 1), num_filter=C, num_group=C)


def beside(v):
    """(C,) -> (1, C, 1, 1), which broadcasts."""
    return v.reshape((1, -1, 1, 1))


def broadcast_scale_and_shift(X, scale, shift):
    return beside(scale) * X + beside(shift)


pieces = {'mean: nd.mean over three axes': lambda: nd.mean(X, axis=(0, 2, 3)),
          'mean: matrix products': lambda: channel_mean(X),
          'affine, forward: broadcasting': lambda: broadcast_scale_and_shift(X, gamma, beta),
          'affine, forward: convolution': lambda: scale_and_shift(X, gamma, beta),
          'affine, both: broadcasting': lambda: forward_backward(broadcast_scale_and_shift, (X, gamma, beta), dY),
          'affine, both: convolution': lambda: forward_backward(scale_and_shift, (X, gamma, beta), dY)}
np.testing.assert_allclose(channel_mean(X).asnumpy(), X.asnumpy().mean(axis=(0, 2, 3), dtype=np.float64), rtol=1e-5)
for name, seconds in measure(pieces).items():
    print(f"{name:32}{1e3 * seconds:9.3f} ms, {seconds * BYTES_RATE / TENSOR:8.1f} passes' worth of copying")

# %% [markdown]
# A mean is one pass. The column on the right shows how many passes' worth of time it takes: traffic is not what makes
# the formula slow, the kernels of the reductions are. Forward of broadcasting is bearable; its *backward* is a sum over
# three axes again.
#
# ## 2 to 5. The layer, step by step
#
# Step 2 replaces the sums of the statistics and keeps broadcasting. (The deviations are squared after subtracting the
# mean, as in Algorithm 1. With $E[x^2] - E[x]^2$ a pass would be saved, and digits lost.)


# %%
def with_matrix_products(X, gamma, beta):
    centred = X - beside(channel_mean(X))                                           # (m, C, H, W)
    var = channel_mean(centred * centred)                                           # (C,)
    return broadcast_scale_and_shift(centred, gamma / nd.sqrt(var + EPS), beta)


# %% [markdown]
# Step 3 removes broadcasting as well. Two steps of Algorithm 1 become one: $\gamma \hat x + \beta$ is a multiplication
# by $\gamma / \sqrt{\sigma^2 + \epsilon}$ and an addition.


# %%
def with_convolutions(X, gamma, beta):
    centred = scale_and_shift(X, nd.ones(gamma.shape), -channel_mean(X))            # (m, C, H, W)
    var = channel_mean(centred * centred)                                           # (C,)
    return scale_and_shift(centred, gamma / nd.sqrt(var + EPS), beta)


# %% [markdown]
# Step 4 gives autograd the closed form instead of letting it go back through each operator. (The order
# of its arguments, and what it saves, have reasons that are MXNet's own: see the end of the page.)


# %%
class ClosedForm(autograd.Function):
    """Batch norm of (gamma, beta, X), with the closed form of the backward pass."""

    def forward(self, gamma, beta, X):
        centred = scale_and_shift(X, nd.ones(gamma.shape), -channel_mean(X))        # (m, C, H, W)
        rstd = 1 / nd.sqrt(channel_mean(nd.square(centred)) + EPS)                  # (C,)
        scale = gamma * rstd                                                        # (C,)
        self.save_for_backward(centred, rstd, scale)
        return scale_and_shift(centred, scale, beta)

    def backward(self, dY):
        centred, rstd, scale = self.saved_tensors
        n = dY.size // dY.shape[1]
        mean_dY = channel_mean(dY)                                                  # (C,)
        mean_dY_x_hat = rstd * channel_mean(dY * centred)                           # (C,)
        dX = (scale_and_shift(dY, scale, -scale * mean_dY)
              + scale_and_shift(centred, -scale * rstd * mean_dY_x_hat, nd.zeros(scale.shape)))  # (m, C, H, W)
        return n * mean_dY_x_hat, n * mean_dY, dX


def with_closed_form(X, gamma, beta):
    return ClosedForm()(gamma, beta, X)


# %% [markdown]
# Step 5 is `impl='fast'`: one native operator forward and one backward (`gluon_bn/fast/src/layer.cc`). In MXNet's
# operators each intermediate tensor goes to memory and comes back. Here a piece of $X$ that fits the innermost cache
# gives its mean and then its squared deviations, so that memory is read once for both; the pieces are joined in double
# precision. MXNet's own fused layer, `nd.BatchNorm`, stands beside it.

# %%
layers = {'1 the formula': package_layer('plain'),
          '2 sums as matrix products': with_matrix_products,
          '3 affine as a convolution': with_convolutions,
          '4 backward in closed form': with_closed_form}
if NATIVE:
    layers['5 one native operator'] = package_layer('fast')


def error(a, b):
    """The largest difference, relative to the largest value."""
    a, b = a.asnumpy(), b.asnumpy()
    return np.abs(a - b).max() / np.abs(b).max()


def results(layer):
    out = forward_backward(layer, (X, gamma, beta), dY)
    return [array.copy() for array in (out, X.grad, gamma.grad, beta.grad)]


expected = results(layers['1 the formula'])
for name in list(layers)[1:]:
    errors = dict(zip(('out', 'dX', 'dgamma', 'dbeta'), map(error, results(layers[name]), expected)))
    print(f"{name:40}", ' '.join(f'{array} {value:.0e}' for array, value in errors.items()))
    assert max(errors.values()) < 1e-5, name

# %% [markdown]
# The steps agree, gradients included, to 1e-5. So we may compare their times.

# %%
moving = nd.zeros((C,)), nd.ones((C,))


def mxnet_layer(X, gamma, beta):
    return nd.BatchNorm(X, gamma, beta, *moving, eps=EPS, fix_gamma=False)


layer_seconds = measure({name: lambda layer=layer: forward_backward(layer, (X, gamma, beta), dY)
                         for name, layer in {**layers, 'for comparison: nd.BatchNorm': mxnet_layer}.items()})
table(layer_seconds, LAYER_LIMIT)
if NATIVE and not QUICK:  # two rounds on a busy machine say nothing of times
    assert layer_seconds['1 the formula'] > 2 * layer_seconds['5 one native operator']

# %% [markdown]
# ## 6. A small layer (launch overhead)
#
# The third batch norm of LeNet sees 64 × 128 values, which are soon moved. What does it cost to launch an operator that
# does next to nothing, and how many such launches is the layer worth?

# %%
one = nd.ones((1,))


def launch_many():
    for _ in range(200):
        nd.relu(one)


launch = measure({'': launch_many})[''] / 200
small = [nd.random.normal(shape=shape) for shape in ((64, 128), (128,), (128,), (64, 128))]
for array in small[:3]:
    array.attach_grad()
small_limit = PASSES * 4 * small[0].size / BYTES_RATE
small_seconds = measure({name: lambda impl=impl: forward_backward(package_layer(impl), small[:3], small[3])
                         for name, impl in (('the formula', 'plain'), ('impl=auto', 'auto'))})
print(f"a launch: {1e6 * launch:.1f} us; moving the bytes: {1e6 * small_limit:.1f} us;"
      f" impl='auto' is {gbn.which_impl(small[0])!r} here")
for name, seconds in small_seconds.items():
    print(f"{name:12}{1e6 * seconds:8.1f} us, {seconds / launch:6.1f} launches")

# %% [markdown]
# Here bytes do not matter: the time grows with the number of operators, and with what Python does around them. So fewer
# operators help, and fewer checks: to ask five arrays for their shapes and types, one after the other, takes Python
# longer than the layer takes to compute. So `impl='auto'` checks a call once. The next call of the same kind is
# launched as a whole.
#
# The large layer launches its operators, too, one by one. That takes at least as long as the small layer does:

# %%
if NATIVE:
    assert gbn.which_impl(small[0]) == 'fast'
    native, launching = layer_seconds['5 one native operator'], small_seconds['impl=auto']
    print(f"the large layer: {1e3 * native:.3f} ms; at least {1e3 * launching:.3f} of them launch, and the others are "
          f"at most {max(0, native - launching) / LAYER_LIMIT:.1f} times the limit")

# %% [markdown]
# ## 7. The convolution
#
# LeNet's second convolution, 20 to 50 channels with 5×5 filters, does more arithmetic than all the rest. Its limit is
# the second one: forward, the gradient of the weights and that of the input are each as much as one matrix product of
# 50 × 500 by 500 × 81 for each image.

# %%
K, R, SIDE, OUT = 50, 5, 13, 9
images = nd.random.normal(shape=(m, C, SIDE, SIDE))                                 # (m, 20, 13, 13)
weights = nd.random.normal(0, 0.1, shape=(K, C, R, R))                              # (50, 20, 5, 5)
dconv = nd.random.normal(shape=(m, K, OUT, OUT))                                    # (m, 50, 9, 9)
for array in (images, weights):
    array.attach_grad()
CONVOLUTION_FLOPS = 3 * 2 * m * K * C * R * R * OUT * OUT
CONVOLUTION_LIMIT = CONVOLUTION_FLOPS / FLOPS_RATE


def product_an_image(X, weights):
    """Each image's patches as a matrix (im2col), and a matrix product for each image."""
    patches = nd.im2col(X, kernel=(R, R))                                           # (m, C*R*R, 81)
    same = nd.dot(nd.ones((m, 1)), weights.reshape((1, -1))).reshape((m, K, -1))    # (m, 50, 500), W for each image
    return nd.batch_dot(same, patches).reshape((m, K, OUT, OUT))


def one_product(X, weights):
    """All patches in one matrix, the examples along its rows: one large product, and two transpositions."""
    patches = nd.im2col(X, kernel=(R, R)).transpose((1, 0, 2)).reshape((-1, m * OUT * OUT))   # (500, m*81)
    Y = nd.dot(weights.reshape((K, -1)), patches)                                             # (50, m*81)
    return Y.reshape((K, m, OUT, OUT)).transpose((1, 0, 2, 3))                                # (m, 50, 9, 9)


def onednn(X, weights):
    return nd.Convolution(X, weights, kernel=(R, R), num_filter=K, no_bias=True)


convolutions = {'im2col, a product for each image': product_an_image, 'im2col, one product': one_product,
                'nd.Convolution (oneDNN)': onednn}
expected = onednn(images, weights)
for name in ('im2col, a product for each image', 'im2col, one product'):
    assert error(convolutions[name](images, weights), expected) < 1e-5, name
convolution_seconds = measure({name: lambda convolution=convolution: forward_backward(
    convolution, (images, weights), dconv) for name, convolution in convolutions.items()})
table(convolution_seconds, CONVOLUTION_LIMIT)

# %% [markdown]
# `im2col` writes most values 25 times, once for each place in a filter, and its backward adds them up again. oneDNN
# avoids that, but rearranges its tensors into a layout of its own.
#
# The native block (`gluon_bn/fast/src/convolution.h`) chooses a layout in which nothing is rearranged: 32 *examples*
# innermost, `(blocks, channels, height, width, 32)`. Each weight is multiplied with whole vectors of examples, whatever
# the width of the image, and the sums of several channels stay in registers while a filter is applied. In the usual
# layout the innermost axis is the width, 9 here, which fills no vector.
#
# In the block the batch norm, the ReLU and the 2×2 mean follow while the convolution's result is still in the cache.
# What a step in between would have written and read again, forward and backward, is not moved at all.
#
# ## 8. The whole training step
#
# LeNet four times: all of it as written; with the operators of step 3; with the native layer; with native blocks. The
# first and the last are the package's; those between are written here.


# %%
def lenet(X, p, layer):
    """Scores (m, 10) of images (m, 1, 28, 28), with `layer(h, gamma, beta)` as batch norm."""
    h1 = nd.Convolution(X, p['W1'], p['b1'], kernel=(3, 3), num_filter=20)                  # (m, 20, 26, 26)
    h1 = gbn.relu(layer(h1, p['gamma1'], p['beta1']))
    h1 = nd.Pooling(h1, pool_type='avg', kernel=(2, 2), stride=(2, 2))                      # (m, 20, 13, 13)
    h2 = nd.Convolution(h1, p['W2'], p['b2'], kernel=(5, 5), num_filter=50)                 # (m, 50, 9, 9)
    h2 = gbn.relu(layer(h2, p['gamma2'], p['beta2']))
    h2 = nd.Pooling(h2, pool_type='avg', kernel=(2, 2), stride=(2, 2))                      # (m, 50, 4, 4)
    return head(nd.flatten(h2), p, layer)


def dense(X, W, b):
    return nd.dot(X, W) + b


def head(flat, p, layer, dense=dense):
    """The two dense layers, (m, 800) -> (m, 10)."""
    h3 = dense(flat, p['W3'], p['b3'])                                                      # (m, 128)
    h3 = gbn.relu(layer(h3.reshape((*h3.shape, 1, 1)), p['gamma3'], p['beta3']).reshape(h3.shape))
    return dense(h3, p['W4'], p['b4'])                                                      # (m, 10)


class Network:
    """What `gbn.train_step` needs: `params`, and a call that returns scores."""

    def __init__(self, params, forward):
        self.params, self.forward = params, forward

    def __call__(self, X, is_training=True):
        return self.forward(X, self.params)


def new_params():
    """LeNet's initial parameters, the same at each call."""
    mx.random.seed(1)
    return gbn.LeNet().params


def package_lenet(impl):
    net = gbn.LeNet(impl=impl)
    net.params = new_params()
    return net


data, labels = next(iter(gbn.data.batches(*(array[:m] for array in gbn.data.load('mnist', train=False)), m)))
networks = {'1 LeNet, the formula': package_lenet('plain'),
            '2 layer in quick operators': Network(new_params(), lambda X, p: lenet(X, p, with_convolutions))}
if NATIVE:
    networks['3 native layer'] = Network(new_params(), lambda X, p: lenet(X, p, package_layer('fast')))
    networks['4 native blocks'] = package_lenet('fast')

expected = networks['1 LeNet, the formula'](data)
for name in list(networks)[1:]:
    difference = error(networks[name](data), expected)
    print(f"{name:40} scores differ by {difference:.0e}")
    assert difference < 1e-5, name

# %% [markdown]
# The limit: the arithmetic of the convolutions and the dense layers, at the rate of the matrix product. The gradient of
# an input or of weights is each as much as forward; the images need none.

# %%
multiply_adds = {'convolution 1': 2 * 20 * 26 * 26 * 9, 'convolution 2': 3 * K * OUT * OUT * C * R * R,
                 'dense 1': 3 * 800 * 128, 'dense 2': 3 * 128 * 10}
STEP_FLOPS = 2 * m * sum(multiply_adds.values())
STEP_LIMIT = STEP_FLOPS / FLOPS_RATE
share = {name: value / sum(multiply_adds.values()) for name, value in multiply_adds.items()}
print(f"{STEP_FLOPS / 1e9:.2f} GFLOP a step:",
      ', '.join(f'{name} {100 * value:.1f} %' for name, value in share.items()))
assert share['convolution 2'] > 0.9

LR = 0.001
step_seconds = measure({name: lambda net=net: gbn.train_step(net, data, labels, LR) for name, net in networks.items()})
table(step_seconds, STEP_LIMIT)
if NATIVE and not QUICK:
    assert step_seconds['1 LeNet, the formula'] > 2 * step_seconds['4 native blocks']

# %% [markdown]
# Convolution 2 is more than nine tenths of the arithmetic.
#
# ## 9. Reading a number (synchronisation)
#
# `train_step` returns before its step is computed. While the engine computes, Python launches the next step. Reading
# the loss at once, with `asscalar()`, ends that: the engine then has nothing to do until Python has launched again.
# So `gbn.train_epoch` reads each loss some batches late. Launching is all that can be hidden in this way. The quicker
# the network, the more of its time that is.

# %%
quickest = networks[list(networks)[-1]]
STEPS = 3 if QUICK else 20


def read_at_once():
    return [gbn.train_step(quickest, data, labels, LR).asscalar() for _ in range(STEPS)]


def read_late():
    losses = [gbn.train_step(quickest, data, labels, LR) for _ in range(STEPS)]
    return [loss.asscalar() for loss in losses]


def time_to_launch():
    """Seconds until `train_step` is back, with the engine idle before."""
    nd.waitall()
    start = time.perf_counter()
    gbn.train_step(quickest, data, labels, LR)
    return time.perf_counter() - start


launching = statistics.median(time_to_launch() for _ in range(ROUNDS))
reading = {name: seconds / STEPS for name, seconds in
           measure({'loss read at once': read_at_once, 'loss read late': read_late}, max(3, ROUNDS // 3)).items()}
table(reading)
print(f"with the engine idle, train_step is back after {1e3 * launching:.3f} ms: no more than that can be hidden")

# %% [markdown]
# ## 10. The small operators (threads that have to be woken)
#
# After the blocks come the dense layers, the loss and the update: little arithmetic, but many operators. Each of them
# wakes the other threads for a few microseconds of work. So a dense layer, `X W + b`, is one native operator, forward
# and backward; the loss is another, and the update of all parameters a third. And all operators of the network are
# launched as one graph, as those of the small layer are.

# %%
flat, dh = nd.random.normal(shape=(m, 800)), nd.random.normal(shape=(m, 128))       # (m, 800), (m, 128)
flat.attach_grad()
p = new_params()

dense_layers = {'dense layer: nd.dot and +': dense}
if NATIVE:
    dense_layers['dense layer: one operator'] = native_dense
    assert error(native_dense(flat, p['W3'], p['b3']), dense(flat, p['W3'], p['b3'])) < 1e-5
dense_seconds = measure({name: lambda layer=layer: forward_backward(layer, (flat, p['W3'], p['b3']), dh)
                         for name, layer in dense_layers.items()})
table(dense_seconds, 2 * m * multiply_adds['dense 1'] / FLOPS_RATE)

pairs = [(param, param.grad) for param in p.values()]
updates = {'update: nd.multi_sgd_update': lambda: nd.multi_sgd_update(
    *(array for pair in pairs for array in pair), num_weights=len(pairs), lrs=(LR,) * len(pairs),
    wds=(0,) * len(pairs), out=list(p.values()))}
if NATIVE:
    updates['update: one native operator'] = lambda: gbn.sgd(p, LR)
table(measure(updates), 3 * 4 * sum(param.size for param in p.values()) / BYTES_RATE)  # two reads and a write

# %% [markdown]
# Measured as a network of their own, the dense layers, the loss and the update show what the two blocks take, and how
# far these are from their arithmetic. (Without native operators, "blocks" means the convolutions and what follows each
# of them.)


# %%
def small_operators(flat, p):
    """The two dense layers, (m, 800) -> (m, 10), in the operators that the quickest network has."""
    layer, affine = (package_layer('fast'), native_dense) if NATIVE else (with_convolutions, dense)
    return head(flat, p, layer, affine)


rest_net = Network({name: array for name, array in new_params().items() if name[-1] in '34'}, small_operators)
left = measure({'whole step': lambda: gbn.train_step(quickest, data, labels, LR),
                'dense layers, loss, update': lambda: gbn.train_step(rest_net, flat, labels, LR)})
blocks = left['whole step'] - left['dense layers, loss, update']
blocks_limit = STEP_LIMIT * (share['convolution 1'] + share['convolution 2'])
left.update({'difference: the two blocks': blocks, 'arithmetic of the blocks': blocks_limit})
for name, seconds in left.items():
    print(f"{name:32}{1e3 * seconds:9.3f} ms")

# %% [markdown]
# All steps beside their limits. The axis is logarithmic: equal distances are equal ratios.


# %%
show(draw_times([
    (f'Batch norm of {X.shape}, forward and backward', layer_seconds, LAYER_LIMIT,
     'eight passes of copying' if moved > computed else 'arithmetic'),
    ('Convolution 2, forward and backward', convolution_seconds, CONVOLUTION_LIMIT, 'matrix product of as many flops'),
    (f'A training step of LeNet, batch of {m}', step_seconds, STEP_LIMIT, 'matrix product of as many flops')]))

# %% [markdown]
# ## Details of MXNet
#
# For those who use it; nothing of this is needed to understand the steps above.
#
# - `autograd.Function` (step 4) does not tell the engine about the arrays that it saves. A parameter that is saved and
#   then updated in place makes training *hang*. So only arrays made inside it are saved, and never `gamma`. And the
#   parameters come first, `X` last, because after an input without a gradient it writes none.
# - A small layer that has passed all checks is launched in a single native call (`gluon_bn/fast/src/launch.cc`), as a
#   static graph. Each input of an operator on the autograd tape takes time, forward and backward. So the small layer's
#   operator has three, and computes its statistics twice; what is stored comes from an operator of its own, off the
#   tape. None of these uses a second thread: such a thread waits for work in a loop, for milliseconds, on the processor
#   that MXNet's engine needs.
# - The gradient of a dense layer's bias is a sum over the batch, one of the slow reductions of step 2. And
#   `nd.multi_sgd_update` walks every parameter as far as the largest goes. The native ones are `dense.cc`, where the
#   sums of eight examples by two vectors stay in registers, `loss.cc` and `update.cc`.
#
# ## Fact and conjecture
#
# **Fact**: all steps of the layer give the formula's results and gradients to 1e-5, and all four networks its scores;
# where native operators are in use, the formula takes more than twice their time, for the layer and for the whole
# step. The script asserts this on every machine (in quick mode the times are not judged).
# **Fact**, for your machine and this run: the tables. Steps whose times are close may change places in the next run.
#
# **Conjecture**: *why* a step is faster. The reasons given here (sums that are not vectorised, a tensor that is still
# in the cache) fit the tables. Counters of the processor (`perf stat -e cache-misses`) could prove them wrong.
# **Conjecture**: that nothing can be faster than the limit. It assumes that copying and a matrix product are the best
# that this machine can do. An operator whose data is in a faster cache may be quicker, and another algorithm
# (Winograd's convolution, for example) needs less arithmetic.
#
# ## Exercises
#
# Answers are in `answers.md`, beside this file.
#
# 1. Run it with `OMP_NUM_THREADS=1` and with all cores. Which steps gain from threads, and which limit moves?
# 2. Run it with `GLUON_BN_NATIVE=0`. How near to the limit do MXNet's operators alone come?
# 3. Repeat the layer's table with a batch of 1,024. Which steps are farther from the limit now, and which rate of
#    copying is the right one?
# 4. In test mode the layer is one multiplication and one addition, which can be moved into the convolution before it.
#    Write $W'$ and $b'$ and check that the scores stay the same. What is the limit then?
# 5. Compute the variance as $E[x^2] - E[x]^2$ and add 1,000 to `X`. How many digits are left?
#
# ## Next
#
# The formula is `gluon_bn/batch_norm.py`; the same mathematics in quick operators is in `gluon_bn/fast/`, and
# `layer.cc`, `block.cc` and `dense.cc` in `gluon_bn/fast/src/` are the native ones.
# `python scripts/train_mnist.py --help` trains with them. `09_the_papers_figure.py` asks what batch norm is good for.
#
# S. Ioffe and C. Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
# Shift*, ICML 2015, arXiv:1502.03167. The sums of pieces are joined as in T. F. Chan, G. H. Golub and R. J. LeVeque,
# *Updating formulae and a pairwise algorithm for computing sample variances*, 1979.
