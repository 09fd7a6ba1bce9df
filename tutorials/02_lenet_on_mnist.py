# %% [markdown]
# # LeNet with batch normalization on MNIST
#
# *Batch norm, in one sentence: it gives every feature of a layer mean 0 and standard deviation 1 over the batch, then a
# scale and a shift that are learned, so that a deep network trains faster, and with many more learning rates and
# initial weights.*
#
# ## The question
#
# While it learns, batch norm normalises by the batch; afterwards, by stored statistics. So a network with batch norm is
# two functions of the same parameters. What does each one do to accuracy, what do the stored statistics hold, and what
# goes wrong when evaluation changes them?
#
# ## What to expect
#
# - After one pass over MNIST more than 98 % of the test images are recognised; without batch norm, the same network
#   with the same settings has not begun to learn after 300 batches.
# - In test mode the batch makes no difference. In training mode it is part of the answer: well-mixed batches do almost
#   as well, batches sorted by class are hopeless, and a batch of one is refused.
# - The stored statistics are close to the exact ones, and give the same accuracy.
# - Evaluation that updates them leaks test data into the model, and its figures depend on order and on chance.
#
# It trains for real: a minute or two on two cores. `GLUON_BN_QUICK=1` makes it seconds, with 4,800 training and 1,000
# test images in place of 60,000 and 10,000; the figures in the text are those of the full run, and the quick one is
# held to less.

# %%
import os
import warnings

import matplotlib.pyplot as plt
import numpy as np

import gluon_bn as gbn  # before mxnet: it makes NumPy and the number of threads fit
import mxnet as mx
from gluon_bn.run.live import show
from gluon_bn.run.observation import dead_units, observe, update_ratios
from gluon_bn.run.plots import draw_accuracies, draw_channels, draw_inside, draw_stored_statistics
from mxnet import autograd, nd

warnings.filterwarnings('ignore', '.*(non-interactive|non-GUI)')  # without a display, figures are drawn and not shown
QUICK = os.environ.get('GLUON_BN_QUICK') == '1'
TRAIN, TEST, WITHOUT = (4800, 1000, 30) if QUICK else (60000, 10000, 300)   # images, images, batches
BATCH, LR, SEED = 64, 0.001, 0
TEST_BATCH = 16 if QUICK else 64                                             # so that each class still fills some

# %% [markdown]
# ## The mathematics
#
# Training: Algorithm 1 of Ioffe and Szegedy (2015), see the first tutorial. Test: line 11 of their Algorithm 2, with a
# fixed mean and variance for each feature,
#
# $$y = \frac{\gamma}{\sqrt{\mathrm{Var}[x] + \epsilon}}\, x +
#   \Big(\beta - \frac{\gamma\, \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}}\Big)$$
#
# In place of E[x] and Var[x] stand moving averages, updated by every training batch $B$ (section 3.1):
#
# $$\text{stored} \leftarrow 0.9 \cdot \text{stored} + 0.1 \cdot \text{statistic of } B$$
#
# ## Device and data
#
# `try_gpu` returns a GPU if one has just computed a product correctly, else the CPU, and says why.

# %%
ctx = gbn.try_gpu()
print("computing on", ctx)

train_images, train_labels = (array[:TRAIN] for array in gbn.data.load('mnist'))
test_images, test_labels = (array[:TEST] for array in gbn.data.load('mnist', train=False))


def test_batches(batch_size, order=slice(None), n=TEST, images=test_images):
    """The first n test images in batches, taken in the given order."""
    return gbn.data.batches(images[:n][order], test_labels[:n][order], batch_size, ctx=ctx)


# %% [markdown]
# ## The loss, computed so that it cannot overflow
#
# The network returns a row of *scores* $z$ for each image, and softmax makes probabilities of them, $p_k = e^{z_k} /
# \sum_j e^{z_j}$. The loss is $-\log p$ of the right class. Written as it stands this fails for large scores, because
# $e^{1000}$ is infinite in floating point, and $\infty / \infty$ is not a number. But a constant that is subtracted
# from all scores of a row cancels in the fraction. Take the largest score of the row, and no exponent is above 0:
#
# $$\log p_k = (z_k - z_{\max}) - \log \sum_j e^{z_j - z_{\max}}$$
#
# The sum has a term $e^0 = 1$, so its logarithm is finite, too. ("Log-sum-exp" is the name of this trick.)

# %%
z = nd.array([[1000., 0.], [-1000., -1001.]])                                             # (2, 2): two rows of scores
naive = nd.exp(z) / nd.sum(nd.exp(z), axis=1, keepdims=True)                               # inf / inf, and 0 / 0
shifted = z - nd.max(z, axis=1, keepdims=True)                                             # (2, 2), at most 0
log_p = shifted - nd.log(nd.sum(nd.exp(shifted), axis=1, keepdims=True))                   # (2, 2)
print("softmax as its formula stands:", naive.asnumpy().tolist())
print("logarithm of the softmax, by log-sum-exp:", log_p.asnumpy().round(4).tolist())
assert np.isnan(naive[:, 0].asnumpy()).all()
assert np.allclose(log_p[1].asnumpy(), [-np.log(1 + np.exp(-1)), -1 - np.log(1 + np.exp(-1))])
right = nd.one_hot(nd.array([0, 1]), 2)
assert np.allclose(gbn.softmax_cross_entropy(z, right).asnumpy(), -(right * log_p).sum(axis=1).asnumpy())

# %% [markdown]
# It must be the maximum of the *row*. With that of the whole batch, 1000, the second row would be $e^{-2000}$ and
# $e^{-2001}$: both are rounded to 0, and the logarithm of their sum is $-\infty$.

# %%
whole = z - nd.max(z)
assert np.isinf(nd.log(nd.sum(nd.exp(whole), axis=1)).asnumpy()).tolist() == [False, True]

# %% [markdown]
# ## What is stored must be detached
#
# `autograd.record()` notes every operation on a *tape*, so that `backward` can go back through it. The moving averages
# are numbers for later, and no part of the function that is differentiated. `.detach()` gives the same numbers without
# their history: backward ends there.

# %%
w = nd.array([2.])
w.attach_grad()
gradients = {}
for name, kept in (('attached', lambda mean: mean), ('detached', lambda mean: mean.detach())):
    with autograd.record():
        mean = 3 * w                      # think of the mean of a batch: it depends on the weights
        y = mean + kept(mean)             # what is kept has the same value either way: y is 12
    y.backward()
    gradients[name] = w.grad.asscalar()
    assert y.asscalar() == 12
print("gradient of y with respect to w, the mean kept as it is and detached:", gradients)
assert gradients == {'attached': 6, 'detached': 3}

# %% [markdown]
# An average that is updated without `.detach()` while the tape is running has a second fault: it holds on to the tape
# of the batch before, which holds on to the one before that. Memory grows with every batch.
#
# ## The parameters and the network
#
# Two convolutions and two dense layers. Each but the last is followed by batch norm, ReLU, and after a convolution by
# the mean of each 2×2 square. So each of three layers has a `gamma` and a `beta`, one value a channel or unit.

# %%
mx.random.seed(SEED)
net = gbn.LeNet(ctx)
print("parameters and their shapes:")
for name, parameter in net.params.items():
    print(f"{name:7}{str(parameter.shape):17}", end='\n' if name.startswith(('beta', 'b4')) else ' ')
print(f"{sum(parameter.size for parameter in net.params.values()):,} numbers in all")
assert sum(parameter.size for parameter in net.params.values()) == 129_464

# %% [markdown]
# Written out, with the batch norm left open: `normalize(h, number)` is whatever we put there below.


# %%
def lenet(X, p, normalize):
    """Scores (m, 10) of images X (m, 1, 28, 28)."""
    h1 = nd.Convolution(X, p['W1'], p['b1'], kernel=(3, 3), num_filter=20)                  # (m, 20, 26, 26)
    h1 = gbn.relu(normalize(h1, '1'))
    h1 = nd.Pooling(h1, pool_type='avg', kernel=(2, 2), stride=(2, 2))                      # (m, 20, 13, 13)
    h2 = nd.Convolution(h1, p['W2'], p['b2'], kernel=(5, 5), num_filter=50)                 # (m, 50, 9, 9)
    h2 = gbn.relu(normalize(h2, '2'))
    h2 = nd.Pooling(h2, pool_type='avg', kernel=(2, 2), stride=(2, 2))                      # (m, 50, 4, 4)
    h3 = nd.dot(nd.flatten(h2), p['W3']) + p['b3']                                          # (m, 800) -> (m, 128)
    h3 = gbn.relu(normalize(h3, '3'))
    return nd.dot(h3, p['W4']) + p['b4']                                                    # (m, 10)


def normalizer(means, variances, is_training, momentum=0.9):
    """The layer of our network, with these two dictionaries of stored statistics."""
    def normalize(h, number):
        return gbn.batch_norm(h, net.params['gamma' + number], net.params['beta' + number], means, variances,
                              momentum, layer_name='bn' + number, is_training=is_training)
    return normalize


X, _ = next(iter(test_batches(BATCH)))
scores = net(X, is_training=True, debug=True)
assert nd.max(nd.abs(scores - lenet(X, net.params, normalizer({}, {}, True)))).asscalar() < 1e-5
net.bn_ewv_means.clear()                                            # test images have no place in there
net.bn_ewv_vars.clear()

# %% [markdown]
# ## Training
#
# Stochastic gradient descent, one pass. Beside the loss we keep what unit 0 of the third layer has stored as its mean.
# The second network begins with weights of the same distribution and has no batch norm.


# %%
def train(net, number_of_batches):
    """Train on that many batches; the loss and unit 0's stored mean after each, the accuracy after ``WITHOUT``."""
    losses, stored = [], []
    batches = gbn.data.batches(train_images, train_labels, BATCH, shuffle=True, seed=SEED, ctx=ctx)
    for number, (data, label) in zip(range(1, number_of_batches + 1), batches):
        losses.append(gbn.train_step(net, data, label, LR).asscalar())
        if number == WITHOUT:
            accuracy = gbn.evaluate_accuracy(test_batches(256), net)
        if net.bn_ewv_means:
            stored.append(net.bn_ewv_means['bn3'][0].asscalar())
    return np.array(losses), np.array(stored), accuracy


biases_before = {name: net.params[name].asnumpy() for name in ('b1', 'b2', 'b3')}
losses, unit_0, early_accuracy = train(net, -(-TRAIN // BATCH))
mx.random.seed(SEED)
without = gbn.LeNet(ctx, batch_norm=False)
losses_without, _, without_accuracy = train(without, WITHOUT)

test_accuracy = gbn.evaluate_accuracy(test_batches(256), net)
print(f"test accuracy after {WITHOUT} batches: with batch norm {early_accuracy:.4f}, without {without_accuracy:.4f}")
print(f"with batch norm after one pass, {len(losses)} batches: {test_accuracy:.4f}")

figure, axes = plt.subplots(figsize=(7, 3.8), layout='constrained')
axes.plot(losses, color='tab:blue', linewidth=0.8, label='with batch norm')
axes.plot(losses_without, color='tab:orange', linewidth=2, label='without')
axes.axhline(np.log(10), color='grey', linestyle=':', label='guessing: ln 10')
axes.set(xlabel='batches of 64 images', ylabel='cross entropy (nats per image)', yscale='log')
axes.grid(alpha=0.3)
axes.legend(loc='lower left')
plt.show()

# %% [markdown]
# With batch norm more than 95 % of the test images are right after 300 batches, and more than 98 % after one pass. The
# network without it sees the same 300 batches (30 in the quick mode), and its loss stays at that of guessing, ln 10 ≈
# 2.303: weights this small pass on so little signal that there is almost nothing to learn from. (Larger weights would
# help that network; with batch norm they do not matter, as the first tutorial showed.)
#
# The three biases before a batch norm have not moved by a ten-thousandth: their gradient is zero but for rounding.

# %%
assert early_accuracy > (without_accuracy + 0.2 if QUICK else 0.95)
assert test_accuracy > (0.85 if QUICK else 0.98)
assert np.isclose(np.log(10), 2.303, atol=5e-4)
assert abs(np.mean(losses_without[-50:]) - np.log(10)) < 0.01 and without_accuracy < 0.2
assert all(np.abs(net.params[name].asnumpy() - before).max() < 1e-4 for name, before in biases_before.items())

# %% [markdown]
# ## How to look inside a network while it trains
#
# A loss that does not fall has many possible reasons. Three numbers find most of them, and `observe` takes them for one
# batch without changing anything:
#
# - **the inputs of the activations**, layer by layer: are they of a similar size, or do they shrink or grow from layer
#   to layer? A unit whose input is below 0 for every image is *dead* for this batch: its ReLU returns 0, and no
#   gradient comes back through it;
# - **the gradients** of the weights, layer by layer: are some of them far smaller than the others?
# - **the ratio of the update to the weights**: how long a step is, beside what it changes. About a thousandth is usual.
#   At a millionth nothing moves; at 1 a step replaces what was learned.
#
# The same for both networks, with the initial weights of the main job:

# %%
steps, looks = range(0, 21 if QUICK else 61, 10), {}
for name, batch_norm in (('with batch norm', True), ('without', False)):
    mx.random.seed(SEED)
    looked_at, looks[name] = gbn.LeNet(ctx, batch_norm=batch_norm), []
    batches = gbn.data.batches(train_images, train_labels, BATCH, shuffle=True, seed=SEED, ctx=ctx)
    for step, (data, label) in zip(range(steps[-1] + 1), batches):
        if step in steps:
            looks[name].append(observe(looked_at, data, label))
        gbn.train_step(looked_at, data, label, LR)
show(draw_inside(looks, steps, lr=BATCH * LR))                      # LR is on the summed loss, BATCH * LR on the mean

ratios = {name: [update_ratios(look, BATCH * LR) for look in of_net] for name, of_net in looks.items()}
for name, (first, *_) in looks.items():
    print(f"{name}, first step: share of dead units {dead_units(first)},")
    print("    size of the update over size of the weights:",
          {parameter: f'{ratio:.1e}' for parameter, ratio in ratios[name][0].items()})

# %% [markdown]
# With batch norm no unit is dead, and every weight moves. Without it more than a third of the units of the third layer
# are dead at the start, the gradient of the first layer is more than a thousand times smaller, and a step changes the
# second layer's weights by less than one part in ten thousand: it would take thousands of steps to change them at all.
# The ratios with batch norm begin *too* high, near 1 in the first layer, and then fall by themselves to less than a
# third: the weights grow, and batch norm makes the gradients of larger weights smaller. That is why it forgives a high
# learning rate.

# %%
gradient_1 = {name: np.sqrt((of_net[0]['gradients']['W1'] ** 2).mean()) for name, of_net in looks.items()}
assert max(dead_units(looks['with batch norm'][0]).values()) == 0 < 1 / 3 < dead_units(looks['without'][0])['3']
assert gradient_1['with batch norm'] > 1000 * gradient_1['without']
assert ratios['without'][0]['W2'] < 1e-4 < 1e-3 < min(min(ratio.values()) for ratio in ratios['with batch norm'])
assert ratios['with batch norm'][0]['W1'] > 0.5 and (
    ratios['with batch norm'][-1]['W1'] < ratios['with batch norm'][0]['W1'] / 3)

# %% [markdown]
# ## What batch norm does inside
#
# Left, the first layer's filters (blue is positive); then each of their twenty channels, before and after batch norm,
# as mean ± standard deviation over 64 test images.

# %%
before = nd.Convolution(X, net.params['W1'], net.params['b1'], kernel=(3, 3), num_filter=20)      # (64, 20, 26, 26)
after = normalizer(net.bn_ewv_means, net.bn_ewv_vars, is_training=False)(before, '1')

show(draw_channels(net.params['W1'].asnumpy(), before.asnumpy(), after.asnumpy()))

spread = {title: values.asnumpy().std(axis=(0, 2, 3)) for title, values in (('before', before), ('after', after))}
ratio = {title: s.max() / s.min() for title, s in spread.items()}
print(f"the widest channel is {ratio['before']:.1f} times as wide as the narrowest before, {ratio['after']:.1f} after")
assert ratio['after'] < 2 < ratio['before'] if not QUICK else ratio['after'] < ratio['before']

# %% [markdown]
# ## Two modes
#
# `evaluate_accuracy(..., is_training=True)` normalises by each batch of the test itself, and leaves the stored
# statistics alone. Once with the images in random order, once sorted by class.


# %%
def stored_statistics():
    """The stored means and variances of all three layers, one after the other: (396,)."""
    return np.concatenate([value.asnumpy() for d in (net.bn_ewv_means, net.bn_ewv_vars) for value in d.values()])


stored_before = stored_statistics()
orders = {'shuffled': np.random.default_rng(SEED).permutation(TEST),
          'sorted by class': np.argsort(test_labels, kind='stable')}
accuracy = {}
for name, order in orders.items():
    for mode, is_training in (('test', False), ('training', True)):
        accuracy[name, mode] = gbn.evaluate_accuracy(test_batches(TEST_BATCH, order), net, is_training)
        print(f"{mode + ' mode,':14} {name + ':':16} {accuracy[name, mode]:.4f}")

assert (stored_statistics() == stored_before).all()                 # bit for bit
assert accuracy['shuffled', 'test'] == accuracy['sorted by class', 'test']
assert abs(accuracy['shuffled', 'training'] - accuracy['shuffled', 'test']) < (0.05 if QUICK else 0.005)
assert accuracy['sorted by class', 'training'] < 0.4

# %% [markdown]
# In test mode the order cannot matter, to the last digit. In training mode with mixed batches the accuracy is within
# half a percentage point of that. In batches of a single class it falls below 40 %: each batch is normalised until it
# looks like a mixture of all digits, and what set the class apart from the others is subtracted with its mean.
#
# How mixed must a batch be, and how large?

# %%
sizes, N = (2, 4, 8, 16), 250 if QUICK else 500
small_orders = {name: order[order < N] for name, order in orders.items()}
curves = {name: [gbn.evaluate_accuracy(test_batches(size, order, N), net, is_training=True) for size in sizes]
          for name, order in small_orders.items()}
reference = gbn.evaluate_accuracy(test_batches(256, n=N), net)

figure, axes = plt.subplots(figsize=(7, 3.8), layout='constrained')
axes.axhline(100 * reference, color='black', linestyle='--', label='test mode, any order and size')
for (name, values), marker in zip(curves.items(), 'os'):
    axes.plot(sizes, 100 * np.array(values), marker=marker, label=f'training mode, {name}')
axes.set(xscale='log', xticks=sizes, xticklabels=[str(size) for size in sizes], ylim=(0, 100),
         xlabel='images in a batch', ylabel=f'accuracy on {N} test images (%)')
axes.minorticks_off()
axes.grid(alpha=0.3)
axes.legend(loc='best')
plt.show()

assert curves['shuffled'][0] < 0.9 * reference < curves['shuffled'][-1]
assert max(curves['sorted by class']) < 0.4

# %% [markdown]
# Two images are too few to say what is usual, even when they are drawn at random. And one?

# %%
one = X[:1]                                                         # (1, 1, 28, 28)
try:
    net(one, is_training=True)
    raise AssertionError("a batch of one was accepted")
except ValueError as error:
    print("A batch of one, in training:", error)

one_by_one = gbn.evaluate_accuracy(test_batches(1, n=200), net)
together = gbn.evaluate_accuracy(test_batches(200, n=200), net)
print(f"accuracy in test mode, 200 images: {one_by_one:.3f} one by one, {together:.3f} in one batch")
assert abs(one_by_one - together) <= 1 / 200                        # one image may be undecided
assert (stored_statistics() == stored_before).all()                 # what was refused has left no trace

# %% [markdown]
# The two convolutions have many pixels to average over even in one image; the dense layer has one value a unit, which
# minus its own mean is 0, whatever the image. In test mode a batch of one is like any other.
#
# ## What the moving averages hold
#
# The exact statistics of the trained network are those of all training images with the weights as they are now. A
# moving average with `momentum` $k/(k+1)$ at batch $k = 0, 1, 2 \dots$ is the plain mean, so the same layer computes
# them: fresh dictionaries, one pass, no learning. (This is line 10 of Algorithm 2, but for its factor m/(m−1), here at
# most 256/255, which is 1.004.)

# %%
exact_means, exact_vars = {}, {}
for k, (data, _) in enumerate(gbn.data.batches(train_images, train_labels, 256, shuffle=True, seed=SEED, ctx=ctx)):
    lenet(data, net.params, normalizer(exact_means, exact_vars, is_training=True, momentum=k / (k + 1)))

distance, width = {}, {}
for name, exact_mean in exact_means.items():
    exact_std = nd.sqrt(exact_vars[name])
    distance[name] = ((net.bn_ewv_means[name] - exact_mean) / exact_std).asnumpy()
    width[name] = (nd.sqrt(net.bn_ewv_vars[name]) / exact_std).asnumpy()
    print(f"{name}: stored means off by at most {np.abs(distance[name]).max():.2f} standard deviations; "
          f"stored standard deviations {width[name].min():.2f} to {width[name].max():.2f} times the exact ones")


def accuracy_with(means, variances, batches):
    """Test mode, with these statistics in place of the network's own."""
    normalize = normalizer(means, variances, is_training=False)
    return gbn.evaluate_accuracy(batches, lambda X, is_training: lenet(X, net.params, normalize))


exact_accuracy = accuracy_with(exact_means, exact_vars, test_batches(256))
print(f"test accuracy with the stored statistics {test_accuracy:.4f}, with the exact ones {exact_accuracy:.4f}")

show(draw_stored_statistics(unit_0, 0.9, exact_means['bn3'][0].asscalar(), distance, width))
assert all(np.abs(d).max() < (1.0 if QUICK else 0.3) for d in distance.values())
assert all(np.abs(w - 1).max() < (0.6 if QUICK else 0.3) for w in width.values())
assert abs(exact_accuracy - test_accuracy) < (0.05 if QUICK else 0.005)
assert sum(d.size for d in distance.values()) == 198

# %% [markdown]
# The stored means are within 0.3 standard deviations of the exact ones, the stored standard deviations within 30 %, and
# the accuracy is the same to half a percentage point. What is left is noise, and a little age. With momentum 0.9 the
# average is as noisy as a plain mean of (1 + 0.9) / (1 − 0.9) = 19 batches, and all of them come from weights that have
# moved on since.

# %%
share = 0.1 * 0.9 ** np.arange(1000)                                # the weight of the batch 0, 1, 2 ... steps ago
assert np.isclose(1 / np.sum(share ** 2), 19)
assert np.isclose(256 / 255, 1.004, atol=5e-4)

# %% [markdown]
# ## When evaluation updates the stored statistics
#
# The notebook that this part grew from updates its dictionaries in every call, `is_training` or not. Its evaluation,
# rebuilt from our layer: the result is that of test mode, and then the test batch goes into the stored statistics all
# the same.


# %%
def buggy_evaluation(batches, means, variances):
    """The accuracy as the notebook computes it. Changes the stored statistics: that is the bug."""
    in_test_mode, in_training_mode = normalizer(means, variances, False), normalizer(means, variances, True)

    def normalize(h, number):
        out = in_test_mode(h, number)
        in_training_mode(h, number)                                 # not used, but the dictionaries are updated
        return out

    hits, examples = 0, 0
    for data, label in batches:
        predictions = nd.argmax(lenet(data, net.params, normalize), axis=1)
        hits += nd.sum(predictions == label)
        examples += len(label)
    return hits.asscalar() / examples


dark = test_images // 4                                             # the same images, a quarter as bright
honest, buggy, afterwards = {}, {}, {}
for name, order, images in (('as they come', slice(None), test_images),
                            ('sorted by class', orders['sorted by class'], test_images),
                            ('darkened', slice(None), dark)):
    means, variances = dict(net.bn_ewv_means), dict(net.bn_ewv_vars)
    honest[name] = accuracy_with(means, variances, test_batches(TEST_BATCH, order, images=images))
    buggy[name] = buggy_evaluation(test_batches(TEST_BATCH, order, images=images), means, variances)
    afterwards[name] = accuracy_with(means, variances, test_batches(TEST_BATCH))
    print(f"test images {name + ':':17} honest {honest[name]:.4f}, buggy {buggy[name]:.4f}; "
          f"the ordinary test set with what is stored afterwards {afterwards[name]:.4f}")

show(draw_accuracies({'honest evaluation': honest, 'evaluation that updates': buggy,
                      'honest evaluation of the original order, after it': afterwards}))

# %% [markdown]
# As the test images come, the bug hides: the figure changes by less than half a percentage point, and it is easy to
# publish. The other two show what it is.
#
# - **Sorted by class**, the same model on the same images is more than ten points worse, and *stays* at least two
#   points worse when it is then evaluated honestly: the test has changed the model.
# - **Darkened** to a quarter, the honest figure drops by more than ten points. The buggy one hides more than half of
#   that, because the statistics quietly adapt to the test set: it is the figure of another model than the one you would
#   ship.

# %%
assert abs(buggy['as they come'] - honest['as they come']) < (0.05 if QUICK else 0.005)
assert honest['sorted by class'] == honest['as they come']
assert honest['sorted by class'] - buggy['sorted by class'] > (0.04 if QUICK else 0.1)
assert honest['sorted by class'] - afterwards['sorted by class'] > (0.01 if QUICK else 0.02)
lost, lost_with_bug = (honest['as they come'] - figures['darkened'] for figures in (honest, buggy))
assert lost > 0.1
assert lost_with_bug < lost / 2

# %% [markdown]
# ## CPU and GPU
#
# Every array lives in a context, and an operator wants all its arrays in one. A network with batch norm moves with its
# parameters *and* its stored statistics. `mx.cpu(1)` is a context of its own, so this works on any machine; `mx.gpu(0)`
# is used in the same way.

# %%
there = mx.cpu(1)
twin = gbn.LeNet(there)
for name, parameter in net.params.items():
    twin.params[name][:] = parameter.as_in_context(there)
try:
    twin(X.as_in_context(there), is_training=False)
    raise AssertionError("a network without stored statistics was tested")
except ValueError as error:
    print("A network without stored statistics:", error)

for name in net.bn_ewv_means:
    twin.bn_ewv_means[name] = net.bn_ewv_means[name].as_in_context(there)
    twin.bn_ewv_vars[name] = net.bn_ewv_vars[name].as_in_context(there)
difference = twin(X.as_in_context(there), is_training=False).asnumpy() - net(X, is_training=False).asnumpy()
print(f"largest difference of a score on {net.ctx} and on {twin.ctx}: {np.abs(difference).max():.1e}")
assert np.abs(difference).max() < 1e-3

# %% [markdown]
# ## Fact and conjecture
#
# **Fact**, for this network, data and seed: every figure above; the script checks each one that the text names.
# **Fact** for any network: what test mode returns for an image does not depend on the batch, and an evaluation that
# updates stored statistics changes the model.
#
# **Conjecture**: that batch norm *generalises* better, as is often said. We compared with a network that did not learn
# at all, which says nothing of it. A fair comparison gives the other network weights and a learning rate that suit it
# (exercise 2).
#
# ## Exercises
#
# Answers are in `answers.md`, beside this file. Exercises that mark themselves (`gluon-bn exercises`) and belong to
# this page: `softmax_cross_entropy`, `train_test_mode`, `evaluate_accuracy`,
# `lenet_forward` and `fold_batch_norm`.
#
# 1. With `momentum` 0.99 the stored means are less noisy. How far are they from the exact ones after 100 batches, and
#    after 900?
# 2. Find a `weight_scale` with which the network without batch norm learns as well. How many did you try?
# 3. Replace the network's own dictionaries by statistics of 200 training images. What does that cost in accuracy?
# 4. Evaluate as the notebook does, with batches of 2, 16 and 256 images in random order. When does the bug show?
#
# ## Next
#
# `python scripts/train_mnist.py --help`: the same training as a job with checkpoints, for as many epochs as you like.
# The layer itself is `gluon_bn/batch_norm.py`, 20 minutes to read; `gluon_bn/fast/` beside it is the same
# mathematics, and quicker.
#
# S. Ioffe and C. Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
# Shift*, ICML 2015, arXiv:1502.03167. The notebook is `cnn-batch-norm-scratch` of [Deep Learning: The Straight
# Dope](https://github.com/zackchase/mxnet-the-straight-dope).
