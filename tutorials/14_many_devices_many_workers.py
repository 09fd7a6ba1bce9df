# %% [markdown]
# # Many devices, many workers
#
# *Batch norm, in one sentence: it gives every feature of a layer mean 0 and standard deviation 1 over the batch, then a
# scale and a shift that are learned, so that a deep network trains faster, and with many more learning rates and
# initial weights.*
#
# ## The question
#
# A batch is split over several devices, or several machines: each computes its rows, the gradients are added up, and
# all take the same step. For every layer but one this is exact. Batch norm needs the mean and the variance *over the
# batch*: of which batch, when nobody has all of it? And what does a network lose, or gain, when each worker normalises
# its own rows?
#
# ## What to expect
#
# (1) The mean and variance of a batch can be had from those of its shards, exactly, whatever their sizes; the average
# of the workers' means is something else. (2) With exchanged statistics, several workers train the network that one
# would. (3) Without, they train a network of batches as small as the shards; two images a worker are too few. (4) Small
# batches inside of a large one, *ghost batches*, are noise that somebody may want. (5) A learning rate for the *summed*
# loss makes the sum of gradients exact; a mean of means is not.
#
# Every worker here is a thread of this process, with a network of its own; the code of the layer is the same as that
# of processes on many machines. About a minute.

# %%
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import gluon_bn as gbn
from gluon_bn.data_parallel import DataParallel
from gluon_bn.parallel.group import in_threads
from gluon_bn.parallel.shared_layer import NoRows
from gluon_bn.parallel.statistics import merge_moments
from gluon_bn.run.live import show
import mxnet as mx
from mxnet import autograd, nd

QUICK = os.environ.get('GLUON_BN_QUICK') == '1'
STEPS = 12 if QUICK else 400
if QUICK:
    print("This is the quick mode: so few steps show nothing about training, and those claims are not judged.")
images, labels = gbn.data.load('mnist')
test_images, test_labels = gbn.data.load('mnist', train=False)
images = images.astype('float32') / 255
test = gbn.data.batches(test_images[:200 if QUICK else 2000], test_labels[:200 if QUICK else 2000], 100)

# %% [markdown]
# ## The mathematics
#
# Algorithm 1 of Ioffe and Szegedy (2015) begins with
#
# $$ \mu = \frac1m \sum_i x_i, \qquad \sigma^2 = \frac1m \sum_i (x_i - \mu)^2. $$
#
# Worker $r$ has $n_r$ rows, their mean $\mu_r$, and $M_r$, the sum of their squared deviations from $\mu_r$. Two
# workers together have (Chan, Golub and LeVeque, 1979)
#
# $$ n = n_1 + n_2, \qquad \delta = \mu_2 - \mu_1, \qquad \mu = \mu_1 + \delta \frac{n_2}{n}, \qquad
#    M = M_1 + M_2 + \delta^2 \frac{n_1 n_2}{n}, $$
#
# and more workers one after the other. So $2C + 1$ numbers from each worker are enough for a layer of $C$ features. The
# variance $M / n$ is more than the average of the workers' variances: the last term is the spread of their means. The
# gradient (tutorial 03) has two more sums over the batch, and they are simply added:
#
# $$ \frac{\partial \ell}{\partial x_i} = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} \Big( g_i - \frac1m \sum_j g_j
#    - \hat x_i \frac1m \sum_j g_j \hat x_j \Big). $$
#
# One feature with a mean of 10,000, and three workers with 1, 1 and 62 rows:

# %%
rng = np.random.default_rng(0)
rows = rng.normal(1e4, 1, size=(64, 1))
shards = np.split(rows, [1, 2])
moments = [(len(shard), shard.mean(axis=0), ((shard - shard.mean(axis=0)) ** 2).sum(axis=0)) for shard in shards]
n, mean, m2 = merge_moments(*zip(*moments))
averaged = np.mean([shard.mean() for shard in shards])
print(f"of all rows: mean {rows.mean():.6f}, variance {rows.var():.6f}")
print(f"merged:      mean {mean[0]:.6f}, variance {m2[0] / n:.6f}")
print(f"the average of the workers' means is {averaged:.6f}, that of their variances "
      f"{np.mean([shard.var() for shard in shards]):.6f}")
assert abs(mean[0] / rows.mean() - 1) < 2e-15
assert abs(m2[0] / n / rows.var() - 1) < 2e-12
assert abs(averaged - rows.mean()) > 0.05 * rows.std()
assert np.mean([shard.var() for shard in shards]) < rows.var() / 2

# %% [markdown]
# The merged numbers are those of all rows to twelve digits. The averages are not: here each of the two workers with a
# single row has as much to say as the one with 62, and a single row has a variance of 0.
#
# ## The layer
#
# `gbn.batch_norm` takes a `group`: this worker and the others. Four workers have the rows of a batch of 64, as unevenly
# as can be, and the third one has none; it passes one row that does not count, with `NoRows(group)`.

# %%
X = nd.array(rng.normal(1e4, 1, size=(64, 20)))
dout = nd.array(rng.normal(size=(64, 20)))
bounds = [0, 2, 3, 3, 64]


def layer(X, dout, group=None):
    """Output, and the gradient of the input."""
    X.attach_grad()
    one, zero = nd.ones(20, ctx=X.ctx), nd.zeros(20, ctx=X.ctx)
    with autograd.record():
        out = gbn.batch_norm(X, one, zero, {}, {}, group=group)
    out.backward(dout)
    return out.asnumpy(), X.grad.asnumpy()


def shard(group, synchronised=True):
    """The same of this worker's rows."""
    ctx, mine = mx.cpu(group.rank), slice(bounds[group.rank], bounds[group.rank + 1])
    if mine.start == mine.stop:
        if synchronised:
            layer(nd.ones((1, 20), ctx=ctx), nd.ones((1, 20), ctx=ctx), NoRows(group))
        return np.zeros((0, 20)), np.zeros((0, 20))
    if mine.stop - mine.start == 1 and not synchronised:  # a row by itself is its own mean: beta and 0 come of it
        return np.zeros((1, 20)), np.zeros((1, 20))
    return layer(X[mine].as_in_context(ctx), dout[mine].as_in_context(ctx), group if synchronised else None)


whole = layer(X, dout)
for synchronised in (True, False):
    found = [np.concatenate(parts) for parts in zip(*in_threads(4, lambda g, s=synchronised: shard(g, s)))]
    off = [np.abs(a - b).max() for a, b in zip(found, whole)]
    print(f"{'synchronised' if synchronised else 'each by itself'}: the output is off by {off[0]:.1e}, the gradient by "
          f"{off[1]:.1e}")
    assert max(off) < 2e-5 if synchronised else min(off) > 0.5

# %% [markdown]
# Synchronised, it is the layer of the whole batch to the last digits of float32. By themselves, two rows become -1 and
# +1 in every feature, whatever they were.
#
# ## Why the learning rate is for the summed loss
#
# The gradient of a sum is the sum of the gradients, so shards may be of any size. Many programs let every worker take
# the *mean* of its losses and average those gradients: an image of a small shard then counts more than one of a large
# shard. A network without batch norm, so that nothing else matters, and shards of 4 and 60:

# %%
def gradient(net, rows, summed=True):
    """The gradient of all parameters of the loss of these images, in one vector."""
    with autograd.record():
        scores = net(nd.array(images[rows]))
        loss = gbn.softmax_cross_entropy(scores, nd.one_hot(nd.array(labels[rows]), 10))
        loss = nd.sum(loss) if summed else nd.mean(loss)
    loss.backward()
    return np.concatenate([param.grad.asnumpy().ravel() for param in net.params.values()])


def apart(a, b):
    """How far apart two vectors are, in lengths of the second."""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


mx.random.seed(0)
plain = gbn.LeNet(mx.cpu(), weight_scale=0.05, batch_norm=False)
few, many = slice(0, 4), slice(4, 64)
of_sums = apart(gradient(plain, few) + gradient(plain, many), gradient(plain, slice(0, 64)))
averaged = (gradient(plain, few, False) + gradient(plain, many, False)) / 2
of_means = apart(averaged, gradient(plain, slice(0, 64), False))
print(f"relative error: of the sum of gradients of sums {of_sums:.1e}, of the mean of those of means {of_means:.2f}")
assert of_sums < 1e-5 < 0.1 < of_means

# %% [markdown]
# This is why `gbn.train_step` takes the learning rate for the summed loss: the rate need not know how a batch was
# split.
#
# ## Two images a worker
#
# Batches of 8 images, trained by one device with all 8; by four with two each, with synchronised statistics; and by
# four with two each, where every device normalises by itself. `DataParallel` splits the batches, adds up the gradients
# in a fixed order and lets every copy take the same step. All three begin with the same weights. What was stored by
# each device for itself is merged before the network is tested.

# %%
def batches(size, seed=0):
    """Random batches of the training images."""
    generator = np.random.default_rng(seed)
    for _ in range(STEPS):
        rows = generator.choice(len(images), size, replace=False)
        yield nd.array(images[rows]), labels[rows]


def train(num_devices, size, synchronised=True, lr=0.005):
    """The losses of the steps, and the network."""
    mx.random.seed(1)
    net = gbn.LeNet(mx.cpu(0), weight_scale=0.05)
    devices = DataParallel(net, [mx.cpu(i) for i in range(num_devices)], synchronised)
    losses = [devices.step(data, label, lr) for data, label in batches(size)]
    devices.merge_statistics()
    return np.array(losses), net


runs = {'one device with 8': train(1, 8), 'four with 2, synchronised': train(4, 8),
        'four with 2, each by itself': train(4, 8, synchronised=False)}
accuracy = {}
figure, axes = plt.subplots(figsize=(7, 3.5))
for (name, (losses, net)), width in zip(runs.items(), (4, 1.5, 1.5)):
    accuracy[name] = gbn.evaluate_accuracy(test, net)
    smooth = np.convolve(losses, np.ones(STEPS // 12) / (STEPS // 12), 'valid')
    axes.plot(smooth, linewidth=width, label=name)
    print(f"{name}: loss of the last steps {losses[-STEPS // 4:].mean():.3f}, test accuracy {accuracy[name]:.3f}")
axes.set(xlabel='step', ylabel='loss (moving mean)', yscale='log')
axes.legend()
show(figure)
one, together, apart_ = runs
first = np.abs(runs[one][0] - runs[together][0])[:5].max()
print(f"in the first five steps, the loss of four synchronised devices is that of one to {first:.1e}")
assert first < 1e-4
if not QUICK:
    assert abs(accuracy[one] - accuracy[together]) < 0.02
    assert accuracy[one] > 0.9
    assert accuracy[apart_] < accuracy[together] - 0.05

# %% [markdown]
# Four synchronised devices train the network of one; later steps drift apart a little, as two programs do that round
# differently (an activation beside 0 is on one side of the ReLU here, and on the other there). With two images each by
# itself it is another network, and a worse one: every feature of the dense layer is -1 for one of the two images and +1
# for the other, so that an image is known by its neighbour. At test time there is no neighbour.
#
# ## Ghost batches
#
# The same may be a virtue when the shards are not too small. What a batch norm adds to an image is noise from its
# neighbours, and noise keeps a network from learning its examples by heart. Hoffer, Hubara and Soudry (2017) normalise
# large batches in small parts on purpose: *ghost batches*. How much noise is it? Here the same 8 images are normalised
# among other neighbours, again and again, by a network as it is drawn: the standard deviation of their scores.

# %%
mx.random.seed(2)
untrained = gbn.LeNet(mx.cpu(), weight_scale=0.05)
own = images[:8]
noise = {}
for size in (16, 64, 256):
    scores = []
    for _ in range(5 if QUICK else 40):
        neighbours = images[rng.choice(np.arange(8, len(images)), size - 8, replace=False)]
        scores.append(untrained(nd.array(np.concatenate([own, neighbours])))[:8].asnumpy())
    noise[size] = float(np.std(scores, axis=0).mean() / np.std(np.mean(scores, axis=0)))
    print(f"shards of {size}: the noise is {noise[size]:.3f} of what tells the images apart")
assert noise[16] > noise[64] > noise[256]
if not QUICK:
    assert 1.4 < noise[16] / noise[64] < 4
    assert 1.4 < noise[64] / noise[256] < 4

# %% [markdown]
# Four times the images, about half of the noise: as the deviation of any mean of a sample. So a batch of 256 on sixteen
# devices may be trained with the noise of 16, or of 256, or of anything between; without synchronisation the number of
# devices decides that, which nobody meant.
#
# ## Workers that are processes
#
# The main job does the same with processes, through MPI: `gluon-bn train --workers 2`. It needs the extra `mpi`. If it
# is installed here, two workers are started now, and end by themselves; the loss is that of one process.

# %%
if find_spec('mpi4py') is None:
    print("There is no mpi4py here, and this is left out; with it: python -m pip install -e '.[mpi]'")
else:
    losses = []
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([
                sys.executable, '-m', 'gluon_bn', 'train', '--workers', str(workers), '--output', folder,
                '--limit', '192', '--batch-size', '64', '--epochs', '1', '--seed', '0'],
                capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr
            metrics = (Path(folder) / 'metrics.jsonl').read_text(encoding='utf-8').splitlines()
            losses.append(json.loads(metrics[-1])['loss'])
    print(f"the loss after three batches: {losses[0]:.6f} with one worker, {losses[1]:.6f} with two")
    assert abs(losses[0] - losses[1]) < 1e-4 * losses[0]

# %% [markdown]
# ## Facts and conjectures
#
# - Fact: merging is exact in exact arithmetic, and to 2e-12 in float64 for the shards above. That the sum of gradients
#   is the gradient of the summed loss.
# - Fact, for this network, these images and steps: two images each by themselves cost more than five hundredths of
#   accuracy.
# - Fact: the noise of the statistics falls about as the square root of the shard.
# - Conjecture: that this noise is good for a network. Hoffer, Hubara and Soudry (2017) report a gain for large batches;
#   nothing here has tested it.
#
# ## Exercises
#
# Answers are in `answers.md`, beside this file.
#
# 1. How many numbers does a worker send for one step of LeNet with synchronised statistics, and how many are gradients?
# 2. Two workers have 10 and 20 images, and no synchronised statistics. Their stored means are merged with weights of
#    1/3 and 2/3. Which weights would be right if the second had missed half of the steps?
# 3. Why is the merged variance of stored statistics, each worker by itself, a little below that of synchronised ones?
# 4. Give the devices four images each instead of two. How much of the accuracy comes back?
#
# ## Next
#
# Read `11_how_far_can_you_turn_the_knobs.py` for what small batches do, or begin with the exercises:
# `gluon-bn exercises`.
