# %% [markdown]
# # Check your gradients
#
# *Batch norm, in one sentence: it gives every feature of a layer mean 0 and standard deviation 1 over the batch, then a
# scale and a shift that are learned, so that a deep network trains faster, and with many more learning rates and
# initial weights.*
#
# ## The question
#
# When does a numerical check prove a backward pass right, and when does it only seem to?
#
# ## What to expect
#
# A difference quotient has two errors, one that grows with the step and one that shrinks with it. In
# between it agrees with a right gradient in many digits. But a check looks at one point and one upstream gradient, and
# there are points and upstream gradients at which wrong code gives right numbers.

# %%
import matplotlib.pyplot as plt
import numpy as np

from gluon_bn.gradient_check import (GradientError, check_gradients, eval_numerical_gradient,
                                     eval_numerical_gradient_array, rel_error)
from gluon_bn.reference import batchnorm_backward_alt, batchnorm_forward, relu_backward, relu_forward

np.random.seed(0)

# %% [markdown]
# ## The mathematics: two errors
#
# By Taylor's formula
#
# $$\frac{f(x + h) - f(x - h)}{2h} = f'(x) + \frac{h^2}{6} f'''(x) + \dots,$$
#
# and $f$ itself is only known up to its rounding error of about $u |f|$, with $u = 2^{-53}$ in float64 and $2^{-24}$ in
# float32. So the total is about $h^2 |f'''| / 6 + u |f| / h$, which is least near $h = (3 u |f / f'''|)^{1/3}$: about
# $10^{-5}$ in float64. In float32 it is near $10^{-2}$, and there the error is still large.

# %%
steps = np.logspace(-13, 0, 53)
figure, axes = plt.subplots(figsize=(7, 4.5), layout='constrained')
best = {}
for dtype in (np.float64, np.float32):
    points = np.random.uniform(0.5, 1.5, 20).astype(dtype)
    errors = []
    for h in steps:
        numerical = (np.exp(points + dtype(h)) - np.exp(points - dtype(h))) / dtype(2 * h)
        errors.append(rel_error(numerical.astype(np.float64), np.exp(points.astype(np.float64))))
    best[dtype] = steps[np.argmin(errors)], min(errors)
    label = f'{dtype.__name__}: best {min(errors):.0e} at h = {best[dtype][0]:.0e}'
    axes.loglog(steps, errors, marker='.', label=label)
axes.set(xlabel='step h', ylabel='largest relative error of 20 points', title='Central differences of exp')
axes.grid(alpha=0.3)
axes.legend(loc='best')
plt.show()
for dtype, (h, error) in best.items():
    print(f"{dtype.__name__}: the best step is {h:.0e}, with a relative error of {error:.0e}")
assert best[np.float64][1] < 1e-9
assert 1e-7 < best[np.float64][0] < 1e-3
assert best[np.float32][1] > 1e-6

# %% [markdown]
# In float64 the best step is between 1e-7 and 1e-3, and the error there is below 1e-9. In float32 no step brings it
# below 1e-6: a check in float32 cannot tell a small mistake from rounding. `check_gradients` refuses it.

# %%
w32 = np.ones(3, np.float32)
try:
    check_gradients(lambda: (w32 ** 2).sum(), {'w': w32}, {'w': 2 * w32})
    raise SystemExit("float32 was not refused")
except TypeError as error:
    print("float32 is refused:", error)

# %% [markdown]
# ## The upstream gradient that hides a term
#
# Here is a backward pass of batch norm (Algorithm 1 of Ioffe and Szegedy, 2015) without its variance term. It is what
# one gets by taking the variance for a constant.


# %%
def without_variance_term(dout, cache):
    dx = cache.gamma / cache.std * (dout - dout.mean(axis=0))      # missing: - xhat * mean(dout * xhat)
    return dx, (dout * cache.xhat).sum(axis=0), dout.sum(axis=0)


x = 3 * np.random.randn(6, 4) + 1
gamma, beta = np.random.uniform(0.5, 2, 4), np.random.randn(4)


def forward(x):
    return batchnorm_forward(x, gamma, beta, {'mode': 'train'})[0]


_, cache = batchnorm_forward(x, gamma, beta, {'mode': 'train'})
ones, random = np.ones((6, 4)), np.random.randn(6, 4)
for name, dout in (('all ones', ones), ('random', random)):
    numerical = eval_numerical_gradient_array(forward, x, dout)
    wrong, right = without_variance_term(dout, cache)[0], batchnorm_backward_alt(dout, cache)[0]
    print(f"upstream {name:<9} largest difference: wrong code {np.abs(wrong - numerical).max():.1e}, "
          f"right code {np.abs(right - numerical).max():.1e}")
    assert np.abs(right - numerical).max() < 1e-8
    assert (np.abs(wrong - numerical).max() < 1e-8) == (name == 'all ones')

# %% [markdown]
# With all ones both codes pass. The reason: the outputs of a feature always sum to `N * beta`, so the sum of all
# outputs does not depend on `x` at all, and every `dx` passes that is zero. The wrong code gives zero too. The same
# happens with any upstream gradient that is the same for all examples, and with `loss = out.sum()`, whose upstream
# gradient is all ones.
#
# It also happens with `dout = xhat`, where the right gradient is zero but for eps; there the wrong code does fail:

# %%
assert np.abs(batchnorm_backward_alt(cache.xhat, cache)[0]).max() < 1e-5
assert np.abs(without_variance_term(cache.xhat, cache)[0]).max() > 0.1

# %% [markdown]
# `check_gradients` refuses an upstream gradient that is the same all along an axis, and finds the mistake with a random
# one. It names the worst entry.

# %%
gradients = dict(zip(('x', 'gamma', 'beta'), without_variance_term(ones, cache)))
try:
    check_gradients(lambda: forward(x), {'x': x, 'gamma': gamma, 'beta': beta}, gradients, ones)
    raise SystemExit("all ones were not refused")
except ValueError as error:
    print("An upstream gradient of ones is refused:", error)

gradients = dict(zip(('x', 'gamma', 'beta'), without_variance_term(random, cache)))
try:
    check_gradients(lambda: forward(x), {'x': x, 'gamma': gamma, 'beta': beta}, gradients, random)
    raise SystemExit("the missing term was not found")
except GradientError as error:
    print("A random one finds the mistake:", error)

# %% [markdown]
# ## Parameters at which a mistake does not show
#
# With gamma = 1 a forgotten factor gamma is not seen, and with beta = 0 a forgotten beta. Initial values are the worst
# place for a check, and they are where one checks first.


# %%
def without_gamma(dout, cache):
    return (dout - dout.mean(axis=0) - cache.xhat * (dout * cache.xhat).mean(axis=0)) / cache.std


for scale in (np.ones(4), gamma):
    _, cache = batchnorm_forward(x, scale, beta, {'mode': 'train'})
    numerical = eval_numerical_gradient_array(lambda v, s=scale: batchnorm_forward(v, s, beta, {'mode': 'train'})[0], x,
                                              random)
    seen = rel_error(without_gamma(random, cache), numerical) > 1e-3
    print(f"gamma = {scale.round(2)}: the forgotten factor is {'seen' if seen else 'not seen'}")
    assert seen == (scale is gamma)

# %% [markdown]
# ## Kinks
#
# ReLU has no derivative at 0, and a difference quotient across 0 mixes its two sides. The backward pass is right, and
# the check fails: the opposite error. `check_gradients` looks at both sides of the worst entry and says so.

# %%
z = np.array([-1., 4e-6, 2.])
dz = np.array([0.7, -1.3, 0.4])
try:
    check_gradients(lambda: relu_forward(z)[0], {'z': z}, {'z': relu_backward(dz, z)}, dz)
    raise SystemExit("the kink was not seen")
except GradientError as error:
    message = str(error)
print("At a kink:", message)
assert 'there is a kink' in message
z[1] = 0.3
check_gradients(lambda: relu_forward(z)[0], {'z': z}, {'z': relu_backward(dz, z)}, dz)

# %% [markdown]
# ## Relative error, where the gradient is zero
#
# cs231n's relative error is $|a - n| / \max(10^{-8}, |a| + |n|)$. Where the true gradient is zero, $n$ is rounding
# noise, and noise over $10^{-8}$ can look like a large error. The bias before batch norm is such a case.


# %%
def loss_with_bias(b):
    return float((forward(x + b) * random).sum())


noise = eval_numerical_gradient(loss_with_bias, np.zeros(4), verbose=False)
print("numerical gradient of a bias that does nothing:", noise,
      "relative error as cs231n has it:", rel_error(noise, np.zeros(4)))
assert np.abs(noise).max() < 1e-8
bias = np.zeros(4)
check_gradients(lambda: forward(x + bias), {'b': bias}, {'b': np.zeros(4)}, random)

# %% [markdown]
# The checker knows how large the noise can be, about $u \sum |out \cdot dout| / h$, and does not take it for an error.
#
# Near zero the other error, that of $h^2$, misleads as well. The central difference of $x^3$ is $3x^2 + h^2$: at
# $x = 0.002$ it differs from the derivative by more than $10^{-6}$ of it. `check_gradients` looks at such an entry
# again, by Richardson's extrapolation: in $(4 n(h) - n(2h)) / 3$ the terms in $h^2$ cancel.

# %%
z = np.array([0.002])
dz = 3 * z ** 2
n, wide = (eval_numerical_gradient(lambda v: float(v[0] ** 3), z, verbose=False, h=h) for h in (1e-5, 2e-5))
extrapolated = (4 * n - wide) / 3
print(f"relative error of the central difference {rel_error(dz, n):.1e}, "
      f"extrapolated {rel_error(dz, extrapolated):.1e}")
assert rel_error(dz, n) > 1e-6 > 100 * rel_error(dz, extrapolated)
check_gradients(lambda: float(z[0] ** 3), {'z': z}, {'z': dz})

# %% [markdown]
# ## Facts and conjectures
#
# - Fact: each misleading check above is shown by numbers. A check with random upstream gradient, gamma and beta away
#   from 1 and 0, and a tolerance for the noise of the arithmetic, finds them.
# - Conjecture: that such a check finds *every* mistake. It looks at one point; it cannot prove a formula. The tests of
#   this package therefore also drop each term in turn, and see that the check fails.
#
# ## Exercises
#
# Answers are in `answers.md`, beside this file.
#
# 1. Which mistakes in batch norm does a batch of two examples hide? (Look at `xhat` for N = 2.)
# 2. Replace central by one-sided differences and draw the first figure again.
# 3. The complex step, `imag(f(x + ih)) / h`, has no rounding error from a difference. Which layers can use it?
#
# ## Next
#
# `05_deep_nets.py`: what the gradients do in training.
