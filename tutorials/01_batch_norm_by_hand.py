# %% [markdown]
# # Batch normalization by hand
#
# *Batch norm, in one sentence: it gives every feature of a layer mean 0 and standard deviation 1 over the batch, then a
# scale and a shift that are learned, so that a deep network trains faster, and with many more learning rates and
# initial weights.*
#
# ## The question
#
# A layer in the middle of a deep network learns from inputs that its predecessors make, and these change with every
# step of training. Batch normalization (Ioffe and Szegedy, 2015) puts every feature on the same scale before it is
# passed on. What exactly does it compute, and over which numbers?
#
# ## What to expect
#
# - The scale of a deep network's activations no longer depends on the scale of its weights.
# - Every feature of a batch comes out with mean `beta` and standard deviation `|gamma|`, whatever it was before.
# - In a convolutional network "every feature" means every channel: its mean is taken over the batch *and* the pixels.
# - Normalised again by *stored* statistics, an example's result no longer depends on its batch.
#
# Everything here is small enough to check on paper. It runs in a few seconds, and every number in the text is checked
# by an `assert`.

# %%
import contextlib
import io
import warnings

import matplotlib.pyplot as plt
import numpy as np

import gluon_bn as gbn  # before mxnet: it makes NumPy and the number of threads fit
from mxnet import autograd, nd

warnings.filterwarnings('ignore', '.*(non-interactive|non-GUI)')  # without a display, figures are drawn and not shown
rng = np.random.default_rng(0)

# %% [markdown]
# ## Why: scale is passed on, layer by layer
#
# Twenty dense layers of 100 units with ReLU, random weights, nothing trained. The two networks differ in one thing: the
# second one's weights are twice as large.

# %%
X = nd.array(rng.normal(0, 1, (200, 100)))                          # (m, D)
weights = [nd.array(rng.normal(0, 1, (100, 100))) for _ in range(20)]
ones, zeros = nd.ones(100), nd.zeros(100)                           # gamma and beta


def activations(weight_scale, batch_norm):
    """The activations (200, 100) after each layer."""
    h, all_h = X, []
    for W in weights:
        h = nd.dot(h, weight_scale * W)
        if batch_norm:
            h = gbn.pure_batch_norm(h, ones, zeros)
        h = gbn.relu(h)
        all_h.append(h.asnumpy())
    return all_h


figure, axes = plt.subplots(figsize=(7, 3.8), layout='constrained')
for scale, colour in ((0.1, 'tab:blue'), (0.2, 'tab:orange')):
    for batch_norm, style in ((False, '--'), (True, '-')):
        spread = [h.std() for h in activations(scale, batch_norm)]
        width = 5 if (batch_norm and scale == 0.1) else 2          # so that two equal lines are both seen
        axes.plot(range(1, 21), spread, style, color=colour, linewidth=width,
                  label=f"weights N(0, {scale}²), {'with' if batch_norm else 'without'} batch norm")
axes.set(yscale='log', xlabel='layer', ylabel='standard deviation of the activations', xticks=range(2, 21, 2))
axes.grid(alpha=0.3)
axes.legend(loc='best')
plt.show()

small, large = activations(0.1, False)[-1], activations(0.2, False)[-1]
print(f"layer 20 without batch norm: {small.std():.1e} and {large.std():.1e}, "
      f"a factor of {large.std() / small.std():,.0f}")
normed_small, normed_large = activations(0.1, True)[-1], activations(0.2, True)[-1]
print(f"layer 20 with batch norm:    {normed_small.std():.3f} and {normed_large.std():.3f}")

# %% [markdown]
# A factor of 2 in each layer is a factor of 2²⁰ = 1,048,576 after twenty, and no single learning rate fits both ends of
# such a network. With batch norm the two networks give the same activations, number for number, up to `eps`.

# %%
assert np.isclose(large.std() / small.std(), 2**20, rtol=1e-3)
assert np.abs(normed_large - normed_small).max() < 1e-3

# %% [markdown]
# ## The mathematics
#
# Algorithm 1 of the paper, for one feature $x$ with the values $x_1 \dots x_m$ in a batch:
#
# $$\mu = \frac{1}{m}\sum_{i=1}^m x_i \qquad
#   \sigma^2 = \frac{1}{m}\sum_{i=1}^m (x_i - \mu)^2 \qquad
#   \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}} \qquad
#   y_i = \gamma \hat x_i + \beta$$
#
# The variance is the biased one, divided by $m$. $\gamma$ and $\beta$ are learned, one of each for every feature;
# $\epsilon$ keeps the root away from zero.
#
# ## Line by line: a 3×2 matrix
#
# Three examples, two features. Each **column** is normalised by itself.

# %%
A = nd.array([[1, 7], [5, 4], [6, 10]])                             # (m, D) = (3, 2)
gamma, beta, eps = nd.ones(2), nd.zeros(2), 1e-5

mean = nd.mean(A, axis=0)                                           # (2,)    line 1
var = nd.mean((A - mean) ** 2, axis=0)                              # (2,)    line 2
A_hat = (A - mean) / nd.sqrt(var + eps)                             # (3, 2)  line 3
Y = gamma * A_hat + beta                                            # (3, 2)  line 4

print("mean of each column", mean.asnumpy(), "  variance", var.asnumpy())
print("Y, each column with mean 0 and standard deviation 1:", Y.asnumpy().round(4), sep='\n')

# %% [markdown]
# On paper, for the first column: the mean of 1, 5, 6 is 4; the distances −3, 1, 2 have the squares 9, 1, 4, whose mean
# is 14/3; and −3 / √(14/3) = −1.3887. The package's function does the same four lines.

# %%
assert np.allclose(mean.asnumpy(), [4, 7]) and np.allclose(var.asnumpy(), [14 / 3, 6])
assert np.allclose(Y.asnumpy(), [[-1.3887, 0], [0.4629, -1.2247], [0.9258, 1.2247]], atol=5e-5)
assert np.allclose(gbn.pure_batch_norm(A, gamma, beta, eps).asnumpy(), Y.asnumpy(), atol=1e-6)

# %% [markdown]
# ## Which axes are averaged
#
# After a convolution the batch is a 4-D tensor `(m, C, H, W)`. The same filter made all pixels of a channel, so a
# channel is one feature, and each pixel of each image is one more value of it: the mean runs over the axes 0, 2 and 3,
# over m·H·W numbers. In the pictures, all cells of one colour share one mean and one variance.

# %%
B = nd.array([1, 6, 5, 7, 4, 3, 2, 5, 6, 3, 2, 4, 5, 3, 2, 5]).reshape((2, 2, 2, 2))   # (m, C, H, W)
COLOURS = ('#8ecae6', '#ffb703', '#90be6d')


def draw_cells(axes, values, x, y, colours):
    """Draw a small matrix cell by cell, its top left corner at (x, y), one colour a column."""
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            axes.add_patch(plt.Rectangle((x + j, y - i - 1), 1, 1, facecolor=colours[j], edgecolor='black'))
            axes.text(x + j + 0.5, y - i - 0.5, f'{value:g}', ha='center', va='center', fontsize=12)


figure = plt.figure(figsize=(11, 4), layout='constrained')
left, middle = figure.add_subplot(1, 3, 1), figure.add_subplot(1, 3, 2)
draw_cells(left, A.asnumpy(), 0, 3, COLOURS)
left.set(xlim=(-0.6, 2.6), ylim=(-0.9, 3.4), title='A, (m, D) = (3, 2): axis 0')
left.text(-0.15, 1.5, 'm examples', rotation=90, ha='right', va='center')
left.text(1, -0.15, 'D features', ha='center', va='top')
for n in range(2):
    for c in range(2):
        draw_cells(middle, B[n, c].asnumpy(), 2.6 * c, 5 - 2.6 * n, [COLOURS[c]] * 2)
    middle.text(-0.2, 4 - 2.6 * n, f'image {n}', rotation=90, ha='right', va='center')
    middle.text(1 + 2.6 * n, 0.2, f'channel {n}', ha='center', va='top')
middle.set(xlim=(-0.9, 5), ylim=(-0.6, 5.4), title='B, (m, C, H, W) = (2, 2, 2, 2):\naxes 0, 2 and 3')
for axes in (left, middle):
    axes.set_aspect('equal')
    axes.axis('off')

right = figure.add_subplot(1, 3, 3, projection='3d')
m, C, H, W = 4, 3, 4, 4
channel = np.arange(m * (C + 2)) % (C + 2)                          # along the images' axis: C slices, then a gap of 2
filled = np.broadcast_to((channel < C)[:, None, None], (len(channel), W, H))
face = np.array([*COLOURS, 'none', 'none'])[channel]
right.voxels(filled, facecolors=np.broadcast_to(face[:, None, None], filled.shape), edgecolor='#555', linewidth=0.3)
right.set_box_aspect((len(channel), 1.6 * W, 1.6 * H), zoom=1.1)
right.view_init(elev=22, azim=-58)
right.set_axis_off()
right.set_title('(4, 3, 4, 4): four images of three channels;\nall slices of one colour are one feature')
plt.show()

# %%
B_mean = nd.mean(B, axis=(0, 2, 3))                                 # (C,)  line 1
B_var = nd.mean((B - B_mean.reshape((1, 2, 1, 1))) ** 2, axis=(0, 2, 3))   # (C,)  line 2
print("mean of each channel", B_mean.asnumpy(), "  variance", B_var.asnumpy())
Y_B = gbn.pure_batch_norm(B, gamma, beta)                           # (2, 2, 2, 2)
for c in range(2):
    print(f"channel {c} of both images, normalised:",
          *(str(Y_B[n, c].asnumpy().round(4)).replace('\n', '') for n in range(2)))

# %% [markdown]
# Channel 0 holds 1, 6, 5, 7 in the first image and 6, 3, 2, 4 in the second: eight numbers, whose mean is 34/8 = 4.25.
# Channel 1's mean is 3.625.

# %%
assert np.allclose(B_mean.asnumpy(), [34 / 8, 3.625])
assert np.allclose(Y_B[:, 0].asnumpy(), [[[-1.6378, 0.8819], [0.3780, 1.3859]],
                                         [[0.8819, -0.6299], [-1.1339, -0.1260]]], atol=1e-4)
assert np.allclose(Y_B[:, 1].asnumpy(), [[[0.3078, -0.5130], [-1.3338, 1.1286]],
                                         [[1.1286, -0.5130], [-1.3338, 1.1286]]], atol=1e-4)

# %% [markdown]
# ## What it does to a distribution, and what gamma and beta are for
#
# Batch norm shifts and stretches each feature, and no more: a skewed feature stays skewed. The output has mean `beta`
# and standard deviation `|gamma|`. With `gamma` = √(σ² + ε) and `beta` = μ the layer returns its input, so that nothing
# a network could express is lost.

# %%
features = nd.array(np.stack([rng.normal(40, 10, 5000), rng.exponential(5, 5000) - 30], axis=1))    # (5000, 2)
hat = gbn.pure_batch_norm(features, nd.ones(2), nd.zeros(2)).asnumpy()
moved = gbn.pure_batch_norm(features, nd.array([2, 0.5]), nd.array([3, -3])).asnumpy()

figure, panels = plt.subplots(1, 3, figsize=(11, 3.2), layout='constrained')
for axes, values, title in zip(panels, (features.asnumpy(), hat, moved),
                               ('before', 'normalised (gamma 1, beta 0)', 'gamma (2, 0.5), beta (3, −3)')):
    for j, name in enumerate(('normal', 'exponential')):
        axes.hist(values[:, j], bins=60, alpha=0.7, label=name, color=('tab:blue', 'tab:orange')[j])
    axes.set(title=title, xlabel='value')
panels[0].set_ylabel('examples in a bin')
panels[0].legend(loc='best')
plt.show()

assert np.allclose(hat.mean(axis=0), 0, atol=1e-4) and np.allclose(hat.std(axis=0), 1, atol=1e-4)
assert np.allclose(moved.mean(axis=0), [3, -3], atol=1e-4) and np.allclose(moved.std(axis=0), [2, 0.5], atol=1e-4)
assert np.allclose(gbn.pure_batch_norm(A, nd.sqrt(var + eps), mean).asnumpy(), A.asnumpy(), atol=1e-5)

# %% [markdown]
# ## What it makes irrelevant: the bias before it
#
# Whatever is added to a feature is subtracted again with its mean. So the bias of the layer before changes no output,
# its gradient is zero, and `beta` takes its place.

# %%
W, b = nd.array(rng.normal(0, 1, (2, 4))), nd.array(rng.normal(0, 1, 4))
gamma4, beta4 = nd.array(rng.normal(1, 0.3, 4)), nd.array(rng.normal(0, 0.3, 4))
for parameter in (W, b, gamma4, beta4):
    parameter.attach_grad()
with autograd.record():
    Z = gbn.pure_batch_norm(nd.dot(A, W) + b, gamma4, beta4)        # (3, 4)
    loss = nd.sum(nd.array(rng.normal(0, 1, (3, 4))) * Z)           # any function of Z
loss.backward()
for name, parameter in (('W', W), ('b', b), ('gamma', gamma4), ('beta', beta4)):
    print(f"largest gradient in {name:5}: {nd.max(nd.abs(parameter.grad)).asscalar():.1e}")

assert nd.max(nd.abs(b.grad)).asscalar() < 1e-5 and nd.max(nd.abs(beta4.grad)).asscalar() > 0.1
assert np.allclose(gbn.pure_batch_norm(nd.dot(A, W) + 100, gamma4, beta4).asnumpy(), Z.asnumpy(), atol=1e-3)

# %% [markdown]
# ## After training: stored statistics, and what `debug` shows
#
# A batch of one has no spread, and an answer should not depend on who else is in the batch. Algorithm 2 of the paper
# therefore uses fixed statistics at test time. `gbn.batch_norm` keeps them in two dictionaries of yours, layer name →
# array: the first batch's mean and variance as they are, then `momentum * old + (1 - momentum) * new`. `debug=True`
# prints all of it.

# %%
bn_ewv_means, bn_ewv_vars = {}, {}
gbn.batch_norm(A, gamma, beta, bn_ewv_means, bn_ewv_vars, layer_name='bn1')
printed = io.StringIO()
with contextlib.redirect_stdout(printed):                           # caught, so that it can be checked below
    gbn.batch_norm(A + 10, gamma, beta, bn_ewv_means, bn_ewv_vars, momentum=0.9, layer_name='bn1', debug=True)
print("What debug=True prints of the second batch:", printed.getvalue(), sep='\n')

# %% [markdown]
# The second batch has the mean (14, 17), and that normalises it. The stored mean moves a tenth of the way: from (4, 7)
# to 0.9 · 4 + 0.1 · 14 = 5 and 0.9 · 7 + 0.1 · 17 = 8. Both batches have the same variance, and so it stays.
#
# Testing uses the stored values and changes nothing. The row (5, 8) is the stored mean: it becomes 0, whatever else is
# in the batch.

# %%
assert '[14. 17.]' in printed.getvalue() and '[5. 8.]' in printed.getvalue()
assert np.allclose(bn_ewv_means['bn1'].asnumpy(), [5, 8]) and np.allclose(bn_ewv_vars['bn1'].asnumpy(), [14 / 3, 6])

stored = bn_ewv_means['bn1'].asnumpy()
for company in ([[5, 8]], [[5, 8], [1000, 1000]]):
    out = gbn.batch_norm(nd.array(company), gamma, beta, bn_ewv_means, bn_ewv_vars, layer_name='bn1', is_training=False)
    print(f"in test mode, in a batch of {len(company)}, the row (5, 8) becomes", out[0].asnumpy())
    assert np.allclose(out[0].asnumpy(), 0, atol=1e-6)
assert (bn_ewv_means['bn1'].asnumpy() == stored).all()

# %% [markdown]
# ## Fact and conjecture
#
# **Fact**, shown above: the output's mean and standard deviation are set by `beta` and `gamma` alone; scaling or
# shifting the inputs of the layer changes nothing (up to `eps`); a bias before it is without effect.
#
# **Fact**, shown in the next tutorial: a network that does not begin to learn without batch norm learns with it.
#
# **Conjecture**: *why* that is. The paper's own account is "internal covariate shift", that layers no longer chase
# moving inputs. Santurkar et al. (2018) add shifting noise after batch norm, find that training stays as fast, and
# argue for a smoother loss. Neither is settled by anything on this page.
#
# ## Exercises
#
# Answers are in `answers.md`, beside this file. Exercises that mark themselves (`gluon-bn exercises`) and belong to
# this page: `normalize_matrix` and `broadcast_gamma_beta`.
#
# 1. A feature is constant in the batch. What does the layer return, and what would `eps=0` do? Try it.
# 2. Take `A` with eps = 1 and compute the first column on paper. Why is its standard deviation below 1?
# 3. Average `B` over axis 0 only. How many means are there, and what would that mean for a picture shifted by one
#    pixel?
# 4. Compute the variance of `A + 10000` in float32 as E[x²] − μ². What comes out instead of 14/3 and 6, and why? Which
#    line of Algorithm 1 avoids it?
#
# ## Next
#
# `02_lenet_on_mnist.py`: the layer in a convolutional network, trained on MNIST, in training and in test mode.
#
# S. Ioffe and C. Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
# Shift*, ICML 2015, arXiv:1502.03167. S. Santurkar, D. Tsipras, A. Ilyas and A. Mądry, *How Does Batch Normalization
# Help Optimization?*, NeurIPS 2018, arXiv:1805.11604. This part grew from the notebook `cnn-batch-norm-scratch` of
# [Deep Learning: The Straight Dope](https://github.com/zackchase/mxnet-the-straight-dope).
