# %% [markdown]
# # Backward by hand
#
# *Batch norm, in one sentence: it gives every feature of a layer mean 0 and standard deviation 1 over the batch, then a
# scale and a shift that are learned, so that a deep network trains faster, and with many more learning rates and
# initial weights.*
#
# ## The question
#
# What is the gradient of batch normalization, and how does one get it without a framework?
#
# ## What to expect
#
# The mean and the variance are functions of the whole batch. So every input moves every output of its
# feature, and the gradient is not just `gamma / std`. Going back through the graph node by node must give the same as
# one formula, and both the same as numerical differences.
#
# This part grew from the batch normalization exercise of Stanford's cs231n; the interface of `gluon_bn.reference` is
# that of the exercise.

# %%
import os
import timeit

import matplotlib.pyplot as plt
import numpy as np

from gluon_bn.gradient_check import check_gradients, eval_numerical_gradient_array, rel_error
from gluon_bn.reference import batchnorm_backward, batchnorm_backward_alt, batchnorm_forward

QUICK = os.environ.get('GLUON_BN_QUICK') == '1'

# %% [markdown]
# ## The mathematics: a graph
#
# Algorithm 1 of Ioffe and Szegedy (2015), for a batch of $N$ examples and for each feature by itself:
#
# $$\mu = \frac1N \sum_i x_i, \quad c_i = x_i - \mu, \quad v = \frac1N \sum_i c_i^2, \quad s = \sqrt{v + \epsilon},
# \quad \hat x_i = c_i / s, \quad y_i = \gamma \hat x_i + \beta$$
#
# Drawn as a graph, $y$ depends on $x$ in three ways: directly, through the mean, and through the variance.

# %%
NODES = {'x': (0, 1), 'mean': (1, 0), 'centered\n= x - mean': (2, 1), 'squared': (3, 0), 'var': (4, 0),
         'std =\n√(var + eps)': (5, 0), 'xhat =\ncentered / std': (5, 1), 'scaled =\ngamma · xhat': (6.3, 1),
         'out =\nscaled + beta': (7.6, 1), 'gamma': (6.3, 2), 'beta': (7.6, 2)}
EDGES = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (2, 6), (6, 7), (7, 8), (9, 7), (10, 8)]

figure, axes = plt.subplots(figsize=(12, 4.2), layout='constrained')
boxes = [axes.text(*place, label, ha='center', va='center', fontsize=10,
                   bbox={'boxstyle': 'round', 'facecolor': 'white', 'edgecolor': 'grey'})
         for label, place in NODES.items()]
places = list(NODES.values())
for start, end in EDGES:
    for a, b, color, style in ((start, end, 'tab:blue', '-'), (end, start, 'tab:red', '--')):
        axes.annotate('', xy=places[b], xytext=places[a], arrowprops={
            'arrowstyle': '-|>', 'color': color, 'linestyle': style, 'connectionstyle': 'arc3,rad=0.12',
            'patchA': boxes[a].get_bbox_patch(), 'patchB': boxes[b].get_bbox_patch()})
axes.plot([], [], color='tab:blue', label='forward: values')
axes.plot([], [], color='tab:red', linestyle='--', label='backward: gradients')
axes.legend(loc='lower right')
axes.set(xlim=(-0.5, 8.3), ylim=(-0.6, 2.5), title='Batch normalization as a graph')
axes.axis('off')
plt.show()

# %% [markdown]
# ## The forward pass gives the published numbers
#
# The exercise publishes what comes out for its seed. Here they are, asserted.

# %%
np.random.seed(231)
N, D1, D2, D3 = 200, 50, 60, 3
X, W1, W2 = np.random.randn(N, D1), np.random.randn(D1, D2), np.random.randn(D2, D3)
a = np.maximum(0, X.dot(W1)).dot(W2)
print("before: means", a.mean(axis=0), "standard deviations", a.std(axis=0))
np.testing.assert_allclose(a.mean(axis=0), [-2.3814598, -13.18038246, 1.91780462], atol=5e-9)
np.testing.assert_allclose(a.std(axis=0), [27.18502186, 34.21455511, 37.68611762], atol=5e-9)

out, _ = batchnorm_forward(a, np.ones(3), np.zeros(3), {'mode': 'train'})
print("after: means", out.mean(axis=0), "standard deviations", out.std(axis=0))
np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-15)
np.testing.assert_allclose(out.std(axis=0), [0.99999999, 1, 1], atol=5e-9)

# %% [markdown]
# The first standard deviation is not quite 1: it is $\sqrt{v / (v + \epsilon)}$, and its $v$ is the smallest.
#
# ## Staged: one line for each node
#
# Go through the graph from the end. Where a value goes to two places, its gradient is the sum of what comes back from
# both. Two nodes collect like this: `centered` and `x`. The gradient of `v` is called `dv`.

# %%
np.random.seed(231)
N, D = 4, 5
x, eps = 5 * np.random.randn(N, D) + 12, 1e-5
gamma, beta, dout = np.random.randn(D), np.random.randn(D), np.random.randn(N, D)

mean = x.mean(axis=0)                                   # (D,)
centered = x - mean                                     # (N, D)
squared = centered ** 2                                 # (N, D)
var = squared.mean(axis=0)                              # (D,)
std = np.sqrt(var + eps)                                # (D,)
xhat = centered / std                                   # (N, D)

dbeta = dout.sum(axis=0)                                # (D,)     out = scaled + beta
dgamma = (dout * xhat).sum(axis=0)                      # (D,)     scaled = gamma * xhat
dxhat = dout * gamma                                    # (N, D)
dstd = -(dxhat * centered).sum(axis=0) / std ** 2       # (D,)     xhat = centered / std
dvar = dstd / (2 * std)                                 # (D,)     std = sqrt(var + eps)
dsquared = np.ones((N, D)) * dvar / N                   # (N, D)   var = mean(squared)
dcentered = dxhat / std + 2 * centered * dsquared       # (N, D)   two branches: xhat and squared
dmean = -dcentered.sum(axis=0)                          # (D,)     centered = x - mean
dx = dcentered + np.ones((N, D)) * dmean / N            # (N, D)   two branches: centered and mean

# %% [markdown]
# Every stage can be checked by itself: take the node as the input of what follows it, and compare with differences.
# A mistake is then found where it is made.

# %%
stages = {
    'xhat': (xhat, dxhat, lambda v: gamma * v + beta),
    'std': (std, dstd, lambda v: gamma * centered / v + beta),
    'var': (var, dvar, lambda v: gamma * centered / np.sqrt(v + eps) + beta),
    'squared': (squared, dsquared, lambda v: gamma * centered / np.sqrt(v.mean(axis=0) + eps) + beta),
    'centered': (centered, dcentered, lambda v: gamma * v / np.sqrt((v ** 2).mean(axis=0) + eps) + beta),
    'x': (x, dx, lambda v: batchnorm_forward(v, gamma, beta, {'mode': 'train'})[0]),
}
for name, (value, gradient, rest) in stages.items():
    error = rel_error(gradient, eval_numerical_gradient_array(rest, value.copy(), dout))
    print(f"d{name:<9} relative error {error:.1e}")
    assert error < 1e-8

# %% [markdown]
# One share of `dmean` is zero, that of the variance: the centered values sum to zero, so `2 * centered * dsquared`
# does, and what remains is minus the sum of `dxhat / std`. Moving the mean alone does not change the variance to first
# order.

# %%
np.testing.assert_allclose((2 * centered * dsquared).sum(axis=0), 0, atol=1e-15)
np.testing.assert_allclose(dmean, -(dxhat / std).sum(axis=0), rtol=1e-12)

# %% [markdown]
# ## Closed form
#
# Insert the stages into each other. With `dvar` and `dmean` written out,
#
# $$\frac{\partial L}{\partial x_i} = \frac{\gamma}{s} \Big( dy_i - \frac1N \sum_j dy_j
#   - \hat x_i \, \frac1N \sum_j dy_j \hat x_j \Big)$$
#
# Read it as geometry: from `dout` its part along $(1, \dots, 1)$ is taken away, and its part along $\hat x$. These are
# the two directions in which batch norm does not move: adding a number to the batch changes nothing, and (for
# $\epsilon = 0$) multiplying its deviations changes nothing.

# %%
_, cache = batchnorm_forward(x, gamma, beta, {'mode': 'train'})
closed = gamma / std * (dout - dout.mean(axis=0) - xhat * (dout * xhat).mean(axis=0))
for function in (batchnorm_backward, batchnorm_backward_alt):
    for ours, by_hand in zip(function(dout, cache), (dx, dgamma, dbeta)):
        assert rel_error(ours, by_hand) < 1e-11
assert rel_error(closed, dx) < 1e-11
np.testing.assert_allclose(dx.sum(axis=0), 0, atol=1e-14)                                      # along the ones
np.testing.assert_allclose((dx * centered).sum(axis=0),                                        # along x: eps's part
                           eps / std ** 2 * (dxhat * xhat).sum(axis=0), atol=1e-13)

# %% [markdown]
# The check of all three gradients at once, which also says where it is wrong if it is:

# %%
gradients = dict(zip(('x', 'gamma', 'beta'), batchnorm_backward_alt(dout, cache)))
errors = check_gradients(lambda: batchnorm_forward(x, gamma, beta, {'mode': 'train'})[0],
                         {'x': x, 'gamma': gamma, 'beta': beta}, gradients, dout)
print("largest relative error of each gradient:", {name: f'{error:.1e}' for name, error in errors.items()})
assert errors['x'] < 1e-8
assert errors['gamma'] < 1e-11
assert errors['beta'] < 1e-11

# %% [markdown]
# ## Which is faster, and why
#
# Both do the same arithmetic in another order. For large arrays NumPy spends its time on moving through memory, so
# count the operations that read or write an array of the batch's size.


# %%
class Counted(np.ndarray):
    """An array that counts the operations on arrays of the batch's size."""

    walks = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [np.asarray(value) for value in inputs]
        result = getattr(ufunc, method)(*plain, **kwargs)
        Counted.walks += max(np.size(value) for value in (*plain, result)) == batch.size
        return np.asarray(result).view(Counted)


def walks(backward, dout, cache):
    Counted.walks = 0
    backward(dout.view(Counted), cache)
    return Counted.walks


batch = 5 * np.random.randn(100, 500) + 12
gamma_, dout_ = np.random.randn(500), np.random.randn(100, 500)
_, cache_ = batchnorm_forward(batch, gamma_, np.zeros(500), {'mode': 'train'})
cache_ = cache_._replace(**{name: getattr(cache_, name).view(Counted) for name in ('centered', 'std', 'xhat', 'gamma')})
staged_walks, closed_walks = (walks(f, dout_, cache_) for f in (batchnorm_backward, batchnorm_backward_alt))
print(f"operations on arrays of the batch's size: staged {staged_walks}, closed form {closed_walks}")
assert closed_walks == 7
assert staged_walks == 16

# %%
_, cache_ = batchnorm_forward(batch, gamma_, np.zeros(500), {'mode': 'train'})
times = {f.__name__: min(timeit.repeat(lambda f=f: f(dout_, cache_), number=20, repeat=3 if QUICK else 30)) / 20
         for f in (batchnorm_backward, batchnorm_backward_alt)}
for name, seconds in times.items():
    print(f"{name}: {1e6 * seconds:.0f} µs")
print(f"speedup on this machine: {times['batchnorm_backward'] / times['batchnorm_backward_alt']:.2f}")

# %% [markdown]
# The closed form walks through the batch 7 times where the staged one does 16 times. How much time that saves depends
# on the machine and the size; the cell above measures it here.
#
# ## A bias before batch norm
#
# If $x = Wh + b$, then $b$ is in the mean and is taken away with it. Its gradient is the sum of `dx` over the batch,
# and we have just seen that this sum is zero.

# %%
b = np.random.randn(D)
shifted, _ = batchnorm_forward(x + b, gamma, beta, {'mode': 'train'})
np.testing.assert_allclose(shifted, batchnorm_forward(x, gamma, beta, {'mode': 'train'})[0], atol=1e-12)

# %% [markdown]
# ## Facts and conjectures
#
# - Fact, proved above and checked: the two forms are the same function; `dx` sums to zero over the batch; a bias before
#   batch norm changes nothing.
# - Conjecture: that the two projections are *why* batch norm helps training. They say that `dx` has no part that would
#   only move or stretch a feature over the batch, nothing about how far a step may go.
#
# ## Exercises
#
# Answers are in `answers.md`, beside this file. Exercises that mark themselves (`gluon-bn exercises`) and belong to
# this page: `staged_backward` and `closed_form_backward`.
#
# 1. Drop a term from `dcentered` and see which of the stages' checks fails first.
# 2. Derive `dx` when the variance is divided by $N - 1$.
# 3. Write the backward pass of layer normalization from the closed form by exchanging the axes; compare with
#    `reference.layernorm_backward`.
#
# ## Next
#
# `04_check_your_gradients.py`: how far numerical checks can be trusted.
