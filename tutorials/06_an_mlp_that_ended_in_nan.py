# %% [markdown]
# # An MLP that ended in NaN
#
# *Batch norm, in one sentence: it gives every feature of a layer mean 0 and standard deviation 1 over the batch, then a
# scale and a shift that are learned, so that a deep network trains faster, and with many more learning rates and
# initial weights.*
#
# ## The question
#
# A multilayer perceptron in NumPy, with batch norm on every layer, trained with Adam on MNIST: its last
# printed line was `nan`. What was wrong?
#
# ## What to expect
#
# Not one thing. A mistake that does not stop training stays in the code, until another one stops it. So take the
# mistakes one by one, show each by a check, mend it, and train.
#
# The notebook this part grew from had six: statistics treated as constants in the gradient, weight gradients not
# averaged, Adam's bias correction applied to the stored moments again and again and one step off, a softmax that
# overflows, division by the standard deviation plus eps, and an absolute difference called loss.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

import gluon_bn as gbn
from gluon_bn.gradient_check import GradientError, check_gradients, eval_numerical_gradient_array
from gluon_bn.run.curves import draw_history
from gluon_bn.run.mlp_job import splits
from gluon_bn.reference import affine_backward, affine_forward, batchnorm_backward, batchnorm_forward, softmax_loss
from gluon_bn.reference.update_rules import adam

QUICK = os.environ.get('GLUON_BN_QUICK') == '1'
rng = np.random.default_rng(0)


def fails(check):
    """The message of a check that must fail."""
    try:
        check()
    except GradientError as error:
        return str(error)
    raise SystemExit("a wrong gradient passed the check")


# %% [markdown]
# ## The mathematics
#
# Each layer is affine, then batch norm (Algorithm 1 of Ioffe and Szegedy, 2015), then ReLU; the loss is the cross
# entropy of the softmax; the weights are moved by Adam (Algorithm 1 of Kingma and Ba, 2015). Every mistake is a
# departure from one of these formulas, written beside it.
#
# ## 1. Statistics treated as constants
#
# `dx = gamma * dout / std` is right if the mean and the variance are constants. In training they are functions of the
# batch (Algorithm 1 of Ioffe and Szegedy, and the chain rule at the end of their section 3), and two terms are missing.

# %%
x, gamma, beta = 3 * rng.standard_normal((8, 4)) + 1, rng.uniform(0.5, 2, 4), rng.standard_normal(4)
dout = rng.standard_normal((8, 4))
out, cache = batchnorm_forward(x, gamma, beta, {'mode': 'train'})


def check_dx(dx):
    check_gradients(lambda: batchnorm_forward(x, gamma, beta, {'mode': 'train'})[0], {'x': x}, {'x': dx}, dout)


print("mean and variance taken as constants:", fails(lambda: check_dx(gamma * dout / cache.std)))
check_dx(batchnorm_backward(dout, cache)[0])

# %% [markdown]
# The wrong step is not small. Part of it only shifts and stretches the features, which batch norm undoes in the next
# step; so the weights grow and nothing is learned by it.

# %%
wrong, right = gamma * dout / cache.std, batchnorm_backward(dout, cache)[0]
share = 1 - (right ** 2).sum() / (wrong ** 2).sum()
print(f"share of the wrong gradient (squared length) that the right one does not have: {share:.2f}")
assert share > 0.1
# The right one is the wrong one without that part: they are orthogonal to each other, but for eps.
np.testing.assert_allclose((right * (wrong - right)).sum(axis=0), 0, atol=1e-5)

# %% [markdown]
# ## 2. Weight gradients not averaged
#
# If the loss is the mean over the batch, its gradient is a mean too. `x.T @ dscores` without the division is the
# gradient of the *sum*: for a batch of 1,000 it is 1,000 times too long, and it changes with the size of the batch.

# %%
w, b, labels = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.integers(0, 3, 8)


def mean_loss():
    return softmax_loss(affine_forward(x, w, b)[0], labels)[0]


scores, affine_cache = affine_forward(x, w, b)
probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
not_averaged = x.T @ (probabilities - np.eye(3)[labels])
print("not divided by the number of examples:",
      fails(lambda: check_gradients(mean_loss, {'w': w}, {'w': not_averaged})))
averaged = affine_backward(softmax_loss(scores, labels)[1], affine_cache)[1]
check_gradients(mean_loss, {'w': w}, {'w': averaged})
np.testing.assert_allclose(not_averaged, 8 * averaged)

# %% [markdown]
# Adam divides by the gradient's own size, so it hides this mistake; with plain SGD it shows at once. One mistake
# hides another.
#
# ## 3. Adam's bias correction, stored
#
# Algorithm 1 of Kingma and Ba keeps the moments $m$ and $v$ as they are and corrects *copies*: $\hat m = m / (1 -
# \beta_1^t)$ with $t = 1$ in the first step. Here the corrected values were stored, so that each step corrects what
# was corrected before; and $t$ began at 0, where $1 - \beta^0 = 0$.


# %%
def wrong_adam(w, dw, state, learning_rate, first_t):
    """Adam with the correction stored; ``first_t`` is 0 or 1."""
    t = state.setdefault('t', first_t)
    m = 0.9 * state.get('m', 0) + 0.1 * dw
    v = 0.999 * state.get('v', 0) + 0.001 * dw ** 2
    state['m'], state['v'], state['t'] = m / (1 - 0.9 ** t), v / (1 - 0.999 ** t), t + 1
    return w - learning_rate * state['m'] / (np.sqrt(state['v']) + 1e-8)


with np.errstate(all='ignore'):
    assert not np.isfinite(wrong_adam(np.zeros(2), np.array([2., 0.]), {}, 0.1, first_t=0)).all()

# %% [markdown]
# One step off, and the first step is NaN already. With the right `t`, a constant gradient shows the other half. Every
# step of Adam should then have the length of the learning rate.

# %%
lengths = {'stored again and again': [], 'copies': []}
state, config, w1, w2 = {}, {'learning_rate': 0.1}, np.zeros(1), np.zeros(1)
for _ in range(300):
    with np.errstate(all='ignore'):
        next_w1 = wrong_adam(w1, np.ones(1), state, 0.1, first_t=1)
    next_w2, config = adam(w2, np.ones(1), config)
    lengths['stored again and again'].append(abs(next_w1 - w1).item())
    lengths['copies'].append(abs(next_w2 - w2).item())
    w1, w2 = next_w1, next_w2

figure, axes = plt.subplots(figsize=(7, 4), layout='constrained')
for label, values in lengths.items():
    axes.semilogy(range(1, 301), np.maximum(values, 1e-20), label=f'correction: {label}')
axes.set(xlabel='step', ylabel='length of the step (below 1e-20: drawn there)',
         title='Adam under a constant gradient of 1, learning rate 0.1')
axes.grid(alpha=0.3)
axes.legend(loc='best')
plt.show()
np.testing.assert_allclose(lengths['copies'], 0.1, rtol=1e-6)
assert lengths['stored again and again'][-1] < 1e-20
print("the stored second moment after 300 steps:", state['v'])
assert state['v'] > 1e200

# %% [markdown]
# The second moment is divided by a number near zero again and again, and grows without limit. The steps vanish.
#
# ## 4. A softmax that overflows
#
# `exp(1000)` is infinite in float64, and infinite over infinite is NaN. Subtracting each row's maximum changes nothing
# in exact arithmetic, and no exponential is above 1 then.

# %%
large = np.array([[1000., 0., -1000.]])
with np.errstate(all='ignore'):
    naive = np.exp(large) / np.exp(large).sum(axis=1, keepdims=True)
loss, dscores = softmax_loss(large, np.array([1]))
print("softmax as its formula stands:", naive)
print("softmax_loss, with the maximum subtracted: loss", loss, "gradient", dscores)
assert np.isnan(naive).any()
assert loss == 1000
np.testing.assert_array_equal(dscores, [[1, -1, 0]])

# %% [markdown]
# ## 5. The standard deviation plus eps
#
# Algorithm 1 divides by $\sqrt{v + \epsilon}$, not by $\sqrt v + \epsilon$. For the forward pass that is a small
# difference. For the backward pass it is not, when a feature is the same in the whole batch: the derivative of the root
# at 0 is infinite. A unit all of whose inputs ReLU has switched off is such a feature.


# %%
def outside(v):
    centered = v - v.mean(axis=0)
    return centered / (np.sqrt((centered ** 2).mean(axis=0)) + 1e-5)


constant = np.full((4, 1), 7.)
centered = constant - constant.mean(axis=0)
with np.errstate(all='ignore'):
    dvar_outside = (dout[:4, :1] * centered).sum(axis=0) / (2 * np.sqrt((centered ** 2).mean(axis=0)))
print("derivative by the variance, eps outside the root:", dvar_outside)
assert np.isnan(dvar_outside).all()
_, constant_cache = batchnorm_forward(constant, np.ones(1), np.zeros(1), {'mode': 'train'})
assert np.isfinite(batchnorm_backward(dout[:4, :1], constant_cache)[0]).all()

# %% [markdown]
# And a forward pass with one formula beside a backward pass with the other fails the check:

# %%
small = 1e-3 * rng.standard_normal((6, 2))
upstream = rng.standard_normal((6, 2))
_, small_cache = batchnorm_forward(small, np.ones(2), np.zeros(2), {'mode': 'train'})
paper = batchnorm_backward(upstream, small_cache)[0]
print("forward with eps outside, backward with eps inside:",
      fails(lambda: check_gradients(lambda: outside(small), {'x': small}, {'x': paper}, upstream, h=1e-7)))
assert np.isfinite(eval_numerical_gradient_array(outside, small, upstream)).all()

# %% [markdown]
# ## 6. An absolute difference called loss
#
# What was printed as the loss was the mean of `|one_hot - probabilities|`, while the gradients were those of cross
# entropy. It is a measure of something, but not of what is minimised: one can fall while the other rises. It is also
# blind to what goes wrong, because it cannot be above 2 / K per class, however sure the network is of wrong answers.

# %%
one_hot = np.eye(3)[[0, 0]]
before = np.array([[0.30, 0.35, 0.35], [0.30, 0.35, 0.35]])
after = np.array([[0.90, 0.05, 0.05], [1e-6, 0.50, 0.499999]])


def absolute(p):
    return np.abs(one_hot - p).mean()


def cross_entropy(p):
    return -np.log(p[:, 0]).mean()


print(f"from the first guess to the second: absolute difference {absolute(before):.3f} -> {absolute(after):.3f}; "
      f"cross entropy: {cross_entropy(before):.3f} -> {cross_entropy(after):.3f}")
assert absolute(after) < absolute(before)
assert cross_entropy(after) > cross_entropy(before)
assert absolute(np.array([[0., 1., 0.], [0., 1., 0.]])) == 2 / 3

# %% [markdown]
# ## All together, and mended
#
# Here are the original's mistakes in one training loop, on MNIST: hidden layers of 25 and 10, batches of 1,000,
# learning rate 0.03.

# %%
parts = splits(limit=10_000 if QUICK else None)
(X, y), epochs = parts['train'], 2 if QUICK else 20
sizes = [784, 25, 10, 10]


def original(first_t):
    """The batches' absolute differences until the first NaN, and the accuracy on the last batch."""
    rng = np.random.default_rng(0)
    params = {}
    for i, (n, k) in enumerate(zip(sizes, sizes[1:]), 1):
        params[f'W{i}'] = rng.standard_normal((n, k)) * np.sqrt(2 / n)
        params[f'g{i}'], params[f'b{i}'] = np.ones(k), np.zeros(k)
    states, differences, accuracy = {name: {} for name in params}, [], 0.
    for _ in range(epochs):
        for start in range(0, len(X), 1000):
            h, one_hot, caches = X[start:start + 1000].astype(np.float64), np.eye(10)[y[start:start + 1000]], []
            for i in (1, 2, 3):
                z = h @ params[f'W{i}']
                std = z.std(axis=0) + 1e-5                                              # mistake 5
                xhat = (z - z.mean(axis=0)) / std
                caches.append((h, xhat, std))
                h = params[f'g{i}'] * xhat + params[f'b{i}']
                h = np.maximum(h, 0) if i < 3 else h
            p = np.exp(h) / np.exp(h).sum(axis=1, keepdims=True)                        # mistake 4
            differences.append(np.abs(one_hot - p).mean())                              # mistake 6
            accuracy = (p.argmax(axis=1) == one_hot.argmax(axis=1)).mean()
            if np.isnan(differences[-1]):
                return differences, accuracy
            dh, grads = p - one_hot, {}                                                 # mistake 2
            for i in (3, 2, 1):
                h, xhat, std = caches[i - 1]
                if i < 3:
                    dh = dh * (params[f'g{i}'] * xhat + params[f'b{i}'] > 0)
                grads[f'g{i}'], grads[f'b{i}'] = (dh * xhat).sum(axis=0), dh.sum(axis=0)
                dz = dh * params[f'g{i}'] / std                                         # mistake 1
                grads[f'W{i}'], dh = h.T @ dz, dz @ params[f'W{i}'].T
            for name in params:
                params[name] = wrong_adam(params[name], grads[name], states[name], 0.03, first_t)    # mistake 3
    return differences, accuracy


for first_t in (0, 1):
    with np.errstate(all='ignore'):
        differences, accuracy = original(first_t)
    print(f"with t from {first_t}: {len(differences)} batches, the last 'loss' {differences[-1]:.4f}, "
          f"accuracy {accuracy:.3f}")
    broken = np.isnan(differences[-1]) or accuracy < 0.8
    assert broken

# %% [markdown]
# And here is `gbn.MLP` with the same layers, batches and learning rate. The test images choose nothing: of all epochs
# the one is taken that is best on 5,000 other images.

# %%
net = gbn.MLP(sizes, seed=0)
history = net.fit(parts, epochs, batch_size=1000, learning_rate=0.03, progress=False)
best = history['best_epoch']
print(f"epoch {best}: dev accuracy {history['dev_acc'][best]:.4f}, test accuracy {history['test_acc'][best]:.4f}")
assert all(np.isfinite(values).all() for values in history.values())
assert history['test_acc'][best] > (0.8 if QUICK else 0.95)

figure = plt.figure(figsize=(10, 4), layout='constrained')
draw_history(figure, history, 'The mended MLP on MNIST')
plt.show()

# %% [markdown]
# `python scripts/train_mlp.py` trains it for 1,000 epochs, with pictures that grow while it runs.
#
# ## Which statistics to test with
#
# `momentum=None` takes the mean over all batches since the first one, `momentum=0.9` forgets in about ten batches. The
# mean over everything still contains the statistics of the first weights, which have changed since.

# %%
cumulative = gbn.MLP(sizes, momentum=None, seed=0).fit(parts, epochs, 1000, 0.03, progress=False)
print(f"last epoch, dev loss: exponentially weighted {history['dev_loss'][-1]:.3f}, "
      f"cumulative {cumulative['dev_loss'][-1]:.3f}")
assert cumulative['dev_loss'][-1] > history['dev_loss'][-1]

# %% [markdown]
# ## Facts and conjectures
#
# - Fact: each of the six is a mistake, shown by a check that fails, and passes when it is mended.
# - Conjecture: which of them made the original's NaN. Several can; the loop above shows that together they do not
#   train.
#
# ## Exercises
#
# Answers are in `answers.md`, beside this file. Exercises that mark themselves (`gluon-bn exercises`) and belong to
# this page: `adam_bias_correction`.
#
# 1. Mend the mistakes in `original` one at a time, in every order. Which one is the first after which it trains?
# 2. Replace Adam by SGD in `original`. Which mistake shows now?
# 3. Why does batch norm on the output layer bound the confidence of the network? What does gamma of that layer do?
#
# ## Next
#
# `07_differentiable_programming.py`: the same gradients without deriving any of them.
