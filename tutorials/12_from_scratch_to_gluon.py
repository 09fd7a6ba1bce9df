# %% [markdown]
# # From scratch to Gluon
#
# *Batch norm, in one sentence: it gives every feature of a layer mean 0 and standard deviation 1 over the batch, then a
# scale and a shift that are learned, so that a deep network trains faster, and with many more learning rates and
# initial weights.*
#
# ## The question
#
# A network by hand and a network of Gluon's blocks have the same layers. Do they also have the same numbers, parameter
# by parameter, and where do their conventions differ?
#
# ## What to expect
#
# - With the same parameters the scores, the loss, every gradient and every step of SGD are the same, up to rounding.
# - Three conventions differ: how a dense layer's weight lies in memory, what the learning rate is multiplied with, and
#   what the stored statistics begin with.
# - Gluon's own batch norm moves its statistics in `backward` on a CPU; `gbn.nn.BatchNorm` moves them in forward.
#
# `GLUON_BN_QUICK=1` trains on fewer batches.

# %%
import os
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import gluon_bn as gbn  # before mxnet: it makes NumPy and the number of threads fit
import mxnet as mx
from mxnet import autograd, gluon, nd

warnings.filterwarnings('ignore', '.*(non-interactive|non-GUI)')  # without a display, figures are drawn and not shown
STEPS = 15 if os.environ.get('GLUON_BN_QUICK') == '1' else 60
BATCH, LR, SEED = 64, 0.001, 0

ctx = gbn.try_gpu()
images, labels = gbn.data.load('mnist')
batches = list(gbn.data.batches(images[:BATCH * STEPS], labels[:BATCH * STEPS], BATCH, ctx=ctx))

# %% [markdown]
# ## The mathematics
#
# Both compute Algorithm 1 of Ioffe and Szegedy (2015) in training, and line 11 of their Algorithm 2 in test mode. The
# stored statistics are moving averages with momentum 0.9. Ours by hand begin with the first batch, $s_1 = b_1$; Gluon's
# begin with $g_0$, which is 0 for the mean and 1 for the variance:
#
# $$s_k = 0.9\, s_{k-1} + 0.1\, b_k, \qquad g_k = 0.9\, g_{k-1} + 0.1\, b_k.$$
#
# From $k = 1$ on the same is added to both, so their difference only shrinks:
# $s_k - g_k = 0.9^{k-1} (s_1 - g_1) = 0.9^{k-1} (b_1 - 0.9\, g_0 - 0.1\, b_1) = 0.9^k (b_1 - g_0)$.
#
# ## The same network twice
#
# `gbn.LeNet` is written with `nd` operators and a dictionary of parameters. Here it is as a list of Gluon's blocks,
# with `gbn.nn.BatchNorm` in the place of `gluon.nn.BatchNorm`.

# %%
mx.random.seed(SEED)
by_hand = gbn.LeNet(ctx)

net = gluon.nn.HybridSequential()
net.add(gluon.nn.Conv2D(20, 3), gbn.nn.BatchNorm(), gluon.nn.Activation('relu'), gluon.nn.AvgPool2D(2),
        gluon.nn.Conv2D(50, 5), gbn.nn.BatchNorm(), gluon.nn.Activation('relu'), gluon.nn.AvgPool2D(2),
        gluon.nn.Flatten(),
        gluon.nn.Dense(128), gbn.nn.BatchNorm(), gluon.nn.Activation('relu'),
        gluon.nn.Dense(10))
net.initialize(ctx=ctx)
net(batches[0][0])  # Gluon finds the shapes when it sees data
net.hybridize()

convs = [block for block in net if isinstance(block, (gluon.nn.Conv2D, gluon.nn.Dense))]
norms = [block for block in net if isinstance(block, gluon.nn.BatchNorm)]  # ours is a subclass
pairs = {}
for number, block in enumerate(convs, 1):
    pairs.update({f'W{number}': block.weight, f'b{number}': block.bias})
for number, block in enumerate(norms, 1):
    pairs.update({f'gamma{number}': block.gamma, f'beta{number}': block.beta})


def as_gluons(name, array):
    """A parameter by hand as Gluon has it: `X W` by hand is `X Wᵀ` in Gluon's dense layers."""
    return array.T if name in ('W3', 'W4') else array


print(f"{'by hand':<8} {'shape':<16} {'Gluon':<28} shape")
for name, parameter in pairs.items():
    print(f"{name:<8} {str(by_hand.params[name].shape):<16} {parameter.name:<28} {parameter.shape}")
    parameter.set_data(as_gluons(name, by_hand.params[name]))
assert set(pairs) == set(by_hand.params)

# %% [markdown]
# ## One batch
#
# The first step of the comparison: scores, losses and all gradients.

# %%
X, y = batches[0]
one_hot = nd.one_hot(y, 10)
cross_entropy = gluon.loss.SoftmaxCrossEntropyLoss()

with autograd.record():
    scores_by_hand = by_hand(X)
    loss_by_hand = gbn.softmax_cross_entropy(scores_by_hand, one_hot)
loss_by_hand.backward()
with autograd.record():
    scores = net(X)
    loss = cross_entropy(scores, y)
loss.backward()


def difference(a, b):
    """The largest difference of two arrays, as a part of the largest value of the first."""
    a, b = a.asnumpy(), b.asnumpy()
    return abs(a - b).max() / abs(a).max()


print(f"scores differ by {difference(scores_by_hand, scores):.1e}, losses by {difference(loss_by_hand, loss):.1e}")
rounding_of_loss = 1e-5 if gbn.native_status().startswith('native operators: in use') else 1e-4
assert difference(scores_by_hand, scores) < 10 * rounding_of_loss
assert difference(loss_by_hand, loss) < rounding_of_loss
for name, parameter in pairs.items():
    if name in ('b1', 'b2', 'b3'):
        rounding = abs(parameter.grad().asnumpy()).max() / abs(pairs[f'W{name[1]}'].grad().asnumpy()).max()
        print(f"gradient of {name:<7} is {rounding:.1e} of that of W{name[1]}: 0 on paper")
        assert rounding < 1e-3
        continue
    part = difference(as_gluons(name, by_hand.params[name].grad), parameter.grad())
    print(f"gradient of {name:<7} differs by {part:.1e} of its largest value")
    assert part < 1000 * rounding_of_loss, name

# %% [markdown]
# Scores agree to four digits and losses to five, gradients to a hundredth of the largest value at least; on most
# machines it is much less. Without native operators it is a digit less: the block computes by MXNet's own operator
# then, which adds 43,264 values a channel in float32. (The bias of a layer before batch norm has no gradient: the
# batch's mean takes it away.)
#
# ## Twenty numbers of the stored statistics, and where they differ
#
# Both have seen one batch. By hand its mean is stored as it is, in Gluon a tenth of it.

# %%
first = {'mean': by_hand.bn_ewv_means['bn1'].asnumpy(), 'variance': by_hand.bn_ewv_vars['bn1'].asnumpy()}
print("mean by hand   ", first['mean'][:4])
print("mean in Gluon  ", norms[0].running_mean.data().asnumpy()[:4])
np.testing.assert_allclose(norms[0].running_mean.data().asnumpy(), 0.1 * first['mean'], rtol=1e-4, atol=1e-6)
np.testing.assert_allclose(norms[0].running_var.data().asnumpy(), 0.9 + 0.1 * first['variance'], rtol=1e-4)

# %% [markdown]
# ## Training
#
# By hand, SGD takes the gradient of the *summed* loss: `gbn.sgd(params, lr)`. `Trainer.step(m)` divides the gradient by
# `m`. So its learning rate is 64 times ours, to take the same steps.

# %%
trainer = gluon.Trainer(net.collect_params(), 'sgd', {'learning_rate': LR * BATCH})
losses, distances = {'by hand': [], 'Gluon': []}, []
for k, (X, y) in enumerate(batches, 1):
    if k > 1:  # the first batch has been through both
        one_hot = nd.one_hot(y, 10)
        with autograd.record():
            loss_by_hand = gbn.softmax_cross_entropy(by_hand(X), one_hot)
        loss_by_hand.backward()
        with autograd.record():
            loss = cross_entropy(net(X), y)
        loss.backward()
    gbn.sgd(by_hand.params, LR)
    trainer.step(BATCH)
    losses['by hand'].append(loss_by_hand.mean().asscalar())
    losses['Gluon'].append(loss.mean().asscalar())
    distances.append(abs(by_hand.bn_ewv_vars['bn1'].asnumpy() - norms[0].running_var.data().asnumpy()).max())

expected = [0.9 ** k * abs(first['variance'] - 1).max() for k in range(1, STEPS + 1)]
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout='constrained')
for (label, values), style in zip(losses.items(), ('-', '--')):
    axes[0].plot(range(1, STEPS + 1), values, style, label=label)
axes[0].set(xlabel='step', ylabel='loss', title='Almost the same losses')
axes[0].legend(loc='best')
axes[1].semilogy(range(1, STEPS + 1), distances, 'o', ms=4, label='measured')
axes[1].semilogy(range(1, STEPS + 1), expected, label='0.9ᵏ (b₁ − 1)')
axes[1].set(xlabel='step k', ylabel='largest difference', title='Stored variances of layer 1, by hand and in Gluon')
axes[1].legend(loc='best')
plt.show()

gaps = [abs(a - b) for a, b in zip(losses['by hand'], losses['Gluon'])]
print(f"loss from {losses['by hand'][0]:.3f} to {losses['by hand'][-1]:.3f}; largest difference of the two "
      f"{max(gaps[:5]):.0e} in five steps, {max(gaps):.0e} in {STEPS}")
assert max(gaps[:5]) < 1e-3
assert max(gaps) < 0.3
assert losses['Gluon'][-1] < 0.8 * losses['Gluon'][0]
np.testing.assert_allclose(distances[:10], expected[:10], rtol=0.01)

# %% [markdown]
# Over the first five steps the losses differ by less than 0.001. Rounding is not the same in the two, and each step
# makes its difference larger: later the losses come apart, by less than 0.3 here, and both fall. The stored variances
# differ as the formula says, to one part in a hundred over the first ten steps: after fifty steps a two-hundredth of
# the difference is left ($0.9^{50} = 0.005$).

# %%
assert round(0.9 ** 50, 3) == 0.005

# %% [markdown]
# ## When the statistics move
#
# Gluon's own layer moves them in `backward` on a CPU: never without it, twice if it runs twice. Ours moves them when it
# computes in train mode, once.

# %%
moved = {}
for cls in (gluon.nn.BatchNorm, gbn.nn.BatchNorm):
    layer = cls(in_channels=1)
    layer.initialize()
    ten = nd.array([[9.0], [11.0]])  # a batch with mean 10
    with autograd.record():
        out = layer(ten)
    moved[cls] = [layer.running_mean.data().asscalar()]
    for _ in range(2):
        out.backward(retain_graph=True)
        moved[cls].append(layer.running_mean.data().asscalar())
    print(f"{cls.__module__:<24} after forward, backward, backward: {[round(float(m), 2) for m in moved[cls]]}")
np.testing.assert_allclose(moved[gbn.nn.BatchNorm], [1, 1, 1], rtol=1e-6)
np.testing.assert_allclose(moved[gluon.nn.BatchNorm], [0, 1, 1.9], rtol=1e-6)

# %% [markdown]
# ## Files, and networks of others
#
# `export` writes MXNet's own operator `BatchNorm`; `SymbolBlock.imports` reads it. And a network that others wrote with
# Gluon's layer is converted in one line: the blocks stay the same objects, with the same parameters.

# %%
X = batches[-1][0]
with tempfile.TemporaryDirectory() as folder:
    path = str(Path(folder) / 'lenet')
    net.export(path)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # MXNet says that it does not know the type of `data` yet
        imported = gluon.SymbolBlock.imports(f'{path}-symbol.json', ['data'], f'{path}-0000.params', ctx=ctx)
    print(f"an imported network's scores differ by {difference(net(X), imported(X)):.1e}")
    assert difference(net(X), imported(X)) < 1e-5

theirs = gluon.model_zoo.vision.get_mobilenet(0.25, ctx=ctx, classes=10)
theirs.initialize(ctx=ctx)
small = nd.random.normal(shape=(4, 3, 32, 32), ctx=ctx)
before = theirs(small)
gbn.convert(theirs)
print(f"a converted MobileNet's scores differ by {difference(before, theirs(small)):.1e}")
assert difference(before, theirs(small)) < 1e-4

# %% [markdown]
# ## Facts and conjectures
#
# - Fact: for this network, these images and this seed, both ways give the same scores, gradients and first losses
#   within the bounds above, and their stored statistics differ by $0.9^k (b_1 - g_0)$.
# - Fact: on a CPU, Gluon's own layer moves its statistics in `backward`. On a GPU it does so in forward; we have not
#   run it there.
# - Conjecture: that rounding alone makes the losses come apart later. It fits that the difference grows step by step
#   from the sixth digit on, and that the gradients of one batch agree; float64 throughout would be the test.
#
# ## Exercises
#
# Answers are in `answers.md`, beside this file.
#
# 1. With which values of `running_mean` and `running_var` must Gluon's layers begin, so that the stored statistics are
#    the same from the first step on?
# 2. Replace `gbn.nn.BatchNorm` by `gluon.nn.BatchNorm` in the network. Which of the assertions still hold, and what
#    would differ if the losses were computed without `backward`?
# 3. PyTorch's momentum is the weight of the new value, and its stored variance is divided by $n - 1$. Which momentum
#    gives the same running means, and by how much do the variances of layer 3 differ for batches of 64?
#
# ## Next
#
# The [exercises](exercises/README.md): `gluon-bn exercises`.
