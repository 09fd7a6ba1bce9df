# %% [markdown]
# # Does it reduce covariate shift?
#
# *Batch norm, in one sentence: it gives every feature of a layer mean 0 and standard deviation 1 over the batch, then a
# scale and a shift that are learned, so that a deep network trains faster, and with many more learning rates and
# initial weights.*
#
# ## The question
#
# Batch norm was introduced "by reducing internal covariate shift". Is that what makes it work?
#
# ## What was claimed, and what was measured later
#
# Ioffe and Szegedy (2015) call internal covariate shift the change of the distribution of a layer's inputs that the
# updates of the layers before it cause. Their explanation: each layer has to adapt to it anew all the time; batch norm
# fixes the mean and the variance of the inputs, so there is less of it, and training is faster. They measured that
# training is faster, and that the distributions are more stable. They did not measure whether one is the reason of the
# other.
#
# Santurkar, Tsipras, Ilyas and Madry (2018), 'How Does Batch Normalization Help Optimization?', did two things about
# it. They put noise behind the batch norms, with another mean and variance at every step, so that the distributions
# shift more than without batch norm: it trained about as well as batch norm. And they measured how much the update of
# the layers before changes a layer's gradient: batch norm does not make it less, often more. What they found instead:
# with batch norm the loss along the gradient varies less, the gradient itself changes less, and the loss is smoother.
#
# ## What to expect
#
# On networks this small (the sigmoid MLP of the paper's Figure 1, and LeNet, both on MNIST): (1) with batch norm the
# loss and the gradient vary less along the gradient; (2) noise behind batch norm does little harm, though the
# distributions shift; (3) the gradients of the layers disturb one another no less with batch norm. Their networks were
# deeper, so each of these may come out otherwise here.

# %%
import os
from pathlib import Path

import numpy as np

import gluon_bn as gbn  # before mxnet: it makes NumPy and the number of threads fit
import mxnet as mx
from gluon_bn.studies.landscape.measures import Objective, along_gradient, covariate_shift, layers_of, parameters
from gluon_bn.studies.landscape import STUDY
from gluon_bn.studies.landscape.noise import Noise
from gluon_bn.studies.landscape.numbers import best_rate, final_loss, median, numbers, over_steps, series, trains
from gluon_bn.studies.landscape.training import LEARNING_RATES, SETTINGS
from gluon_bn.studies.study import judge, load_mnist, run, select
from gluon_bn.run.live import show
from mxnet import nd

QUICK = os.environ.get('GLUON_BN_QUICK') == '1'

# %% [markdown]
# ## The mathematics
#
# **What batch norm fixes.** By Algorithm 1 the output for a unit has, over the batch, mean $\beta$ and standard
# deviation $|\gamma|$ (but for eps), whatever the layers before do. So on the batches of training these two moments can
# move only as far as $\gamma$ and $\beta$ do. The rest of the distribution is not fixed: here are three inputs with
# very different distributions, all with mean 0 and standard deviation 1 afterwards, and a third moment that stays what
# it was.

# %%
rng = np.random.default_rng(0)
inputs = np.stack([rng.normal(5, 0.1, 4000), rng.exponential(3, 4000), -rng.exponential(1, 4000)], axis=1)  # (m, 3)
outputs = gbn.pure_batch_norm(nd.array(inputs), nd.ones(3), nd.zeros(3)).asnumpy()
skewness = (outputs ** 3).mean(axis=0)
print("after batch norm: means", outputs.mean(axis=0).round(3), "standard deviations", outputs.std(axis=0).round(3),
      "skewness", skewness.round(2))
np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-3)
np.testing.assert_allclose(outputs.std(axis=0), 1, atol=2e-3)
assert abs(skewness[0]) < 0.2 < 1.5 < skewness[1]
assert skewness[2] < -1.5

# %% [markdown]
# **The landscape at one step.** Let $L$ be the loss of one batch as a function of all parameters $x$, and $g = \nabla
# L(x)$. A step of training with learning rate $\eta$ goes to $x - \eta g$. Santurkar et al. look at steps of several
# lengths $s$ along the same line, here of $\eta / 2$ to $4 \eta$, with the same batch:
#
# - the **range of the loss** $L(x - s g)$: from the lowest to the highest over the $s$;
# - the **change of the gradient** $|g - \nabla L(x - s g)|$: if it is small against $|g|$, the gradient at $x$ predicts
#   the one a step further;
# - the **effective smoothness** $\beta = \max_s |g - \nabla L(x - s g)| \, / \, |s g|$, change over distance.
#
# For a parabola $L(x) = \frac12 x^T H x$ the change is $s |H g|$, so $\beta = |H g| / |g|$ for each $s$, at most the
# largest eigenvalue of $H$; and gradient descent goes downhill as long as $\eta < 2 / \lambda_{\max}$. The product
# $\eta \beta$ has no unit: it says how long the steps are for the curvature they meet.

# %%
H = np.array([[4., 1, 0], [1, 3, 1], [0, 1, 0.5]])


def parabola(x):
    return 0.5 * x @ H @ x, H @ x


start = np.array([1., -2, 3])
found = along_gradient(parabola, start, (0.1, 0.2, 0.4))
g = H @ start
print("along the gradient of the parabola:", found)
np.testing.assert_allclose(found.smoothness, np.linalg.norm(H @ g) / np.linalg.norm(g))
np.testing.assert_allclose(found.gradient_changes, np.array([0.1, 0.2, 0.4]) * np.linalg.norm(H @ g))
assert found.smoothness <= np.linalg.eigvalsh(H)[-1]

# %% [markdown]
# **Internal covariate shift, as a number.** Definition 2.1 of Santurkar et al.: let $G_i$ be the gradient of layer $i$,
# and $G'_i$ what it would be with only the layers *before* $i$ updated. The shift is $|G_i - G'_i|$. For the parabola
# with one parameter a layer, an update by $d$ changes the gradient of layer $i$ by $\sum_{j < i} H_{ij} d_j$:

# %%
update = -0.1 * g
shift = covariate_shift(parabola, start, start + update, [slice(i, i + 1) for i in range(3)])
print("change of the gradient of each of three layers, by the update of those before:",
      [layer['change'] for layer in shift])
np.testing.assert_allclose([layer['change'] for layer in shift],
                           np.abs([0, H[1, 0] * update[0], H[2, 0] * update[0] + H[2, 1] * update[1]]))

# %% [markdown]
# **A caution.** Batch norm makes the layer before it blind to the scale of its weights: $a W$ gives the same output as
# $W$ (but for eps), so the gradient with respect to $a W$ is $1 / a$ of that with respect to $W$, and second
# derivatives are $1 / a^2$. So with other initial weights, or longer training (weights grow), the same function has
# another $\beta$: smoothness is no property of the network alone. Here all weights before the batch norms are doubled:

# %%
mx.random.seed(0)
images, labels = gbn.data.load('mnist')
batch, label = next(iter(gbn.data.batches(images[:60], labels[:60], 60)))
net = gbn.SigmoidMLP(weight_scale=0.1, eps=1e-10)
gradients = []
for _ in range(2):
    loss, gradient = Objective(net, batch, label)(parameters(net))
    gradients.append((loss, gradient[layers_of(net)[1]][:100 * 100]))   # of W2
    for name in ('W1', 'W2', 'W3'):
        net.params[name] *= 2
(loss, one), (loss_doubled, doubled) = gradients
print(f"loss with the weights {loss:.6f}, with the doubled ones {loss_doubled:.6f};",
      "ratio of the gradients' lengths", np.linalg.norm(one) / np.linalg.norm(doubled))
np.testing.assert_allclose(loss_doubled, loss, rtol=1e-4)
np.testing.assert_allclose(doubled, one / 2, rtol=1e-2, atol=1e-2 * np.abs(one).max())

# %% [markdown]
# ## The trainings
#
# `gluon_bn.studies.landscape.training` trains, and measures at every 25th step of 1,500 of the sigmoid MLP (batch 60,
# initial weights of 0.1), at every 12th of 400 of LeNet (batch 64, 0.05). Plain SGD. The training is not disturbed: the
# tests compare parameters and stored statistics bit for bit. Ioffe and Szegedy give no learning rate. So there are
# three, a factor of 4 apart, the same for both nets; each net's own best can be read off. Three seeds each. All of it
# takes about ten minutes the first time, then it is read from the folder (`python scripts/landscape.py` does the same).

# %%
assert [SETTINGS[network][name] for network in ('sigmoid_mlp', 'lenet') for name in (
    'measure_every', 'steps', 'batch_size', 'weight_scale')] == [25, 1500, 60, 0.1, 12, 400, 64, 0.05]
assert all(b == 4 * a for rates in LEARNING_RATES.values() for a, b in zip(rates, rates[1:]))

NETWORKS = ('sigmoid_mlp',) if QUICK else ('sigmoid_mlp', 'lenet')
quick = {'steps': 4, 'measure_every': 2, 'batch_size': 16, 'test_images': 100}
seeds, changes = ([0], quick) if QUICK else (range(3), {})
jobs = {name: make(seeds, **changes) for name, make in STUDY.experiments.items() if name.endswith(NETWORKS)}
every_job = [job for some in jobs.values() for job in some]
if QUICK:
    digits = load_mnist()
    done = {job: STUDY.train(job, digits) for job in every_job}
    print("This is the quick mode: four steps of the MLP, one seed, and no LeNet, to see that everything runs. It\n"
          "shows nothing, and the figures are not those that the text speaks of. Whether batch norm makes the loss\n"
          "vary less, whether noise harms, and whether the layers' gradients change more is not judged here.")
else:
    done = dict(zip(every_job, run(STUDY, Path('runs') / 'landscape', every_job)))


COLUMNS = {'final_loss': 'loss at end', 'test_acc': 'test acc.', 'test_acc_batch': 'batch stat.',
           'loss_range': 'loss range', 'relative_change': 'rel. change', 'smoothness': 'beta',
           'rate_times_smoothness': 'lr * beta', 'mean_shift': 'mean shift', 'gradient_shift': 'grad. shift',
           'gradient_cosine': 'cosine'}


def experiment(name, network, figure):
    """Show the numbers and a figure of the experiment, assert its claims, and return its results."""
    results = [done[job] for job in jobs[f'{name}-{network}']]
    print(f"{'kind':<17}{'lr':>7}" + ''.join(f'{title:>13}' for title in COLUMNS.values()))
    for row in numbers(results):
        means = [np.mean(np.array(row[measure], float)) for measure in COLUMNS]  # over the seeds; None becomes NaN
        kind, rate = row['job']['kind'], row['job']['learning_rate']
        print(f'{kind:<17}{rate:>7g}' + ''.join(f'{mean:>13.4g}' for mean in means))
    show(STUDY.figures[f'{name}-{network}'][f'{figure}-{network}'](results))
    for sentence, holds in {} if QUICK else judge(STUDY, f'{name}-{network}', results).items():
        print(f"{'holds' if holds else 'FAILS'}: {sentence}")
        assert holds, sentence
    return results


def medians(results, measure, **values):
    """The median over the steps of one of the measures, for each seed."""
    return np.array([median(series([result], measure)) for result in select(results, **values)])


# %% [markdown]
# ## 1. The landscape
#
# Left, a panel for each net: the loss, shaded from the lowest to the highest value over the step lengths. Then the
# largest change of the gradient, and the effective smoothness, for both. Claims, asserted by the call for each network:
# with batch norm the net trains at all three learning rates; at the largest, the loss at the end is higher without it;
# where both train, the loss varies less along the gradient and the gradient changes by less of its length with batch
# norm (medians over the steps, every seed); at the smallest learning rate the effective smoothness is smaller.
#
# In the table: the range of the loss, the change of the gradient over its length, $\beta$, $\eta \beta$, medians over
# the steps; then three numbers for the sections below.

# %%
rates = {}
for network in NETWORKS:
    rates[network] = experiment('learning_rates', network, 'landscape')

# %% [markdown]
# **Each at its own best.** By the loss at the end of these short trainings, each net has its own best learning rate.
# There, too, the loss varies less along the gradient with batch norm:

# %%
for network, results in rates.items():
    best = {kind: best_rate(results, kind) for kind in ('plain', 'batch_norm')}
    for kind, rate in best.items():
        chosen = select(results, kind=kind, learning_rate=rate)
        print(f"{network}, {kind}, best at {rate:g}: loss at the end {np.mean([final_loss(r) for r in chosen]):.3f}, "
              f"test accuracy {np.mean([r['test_acc'] for r in chosen]):.4f}, "
              f"range of the loss {np.mean(medians(chosen, 'loss_range')):.3f}")
    if not QUICK:
        ranges = [medians(results, 'loss_range', kind=kind, learning_rate=rate) for kind, rate in best.items()]
        assert ranges[1].mean() < ranges[0].mean()

# %% [markdown]
# **Smoothness follows the learning rate.** From the smallest learning rate to the largest, 16 times as large, $\beta$
# with batch norm falls to less than a third, in both networks; $\eta \beta$ stays between 0.5 and 2. Training moves to
# places where its steps are only just short enough (Cohen et al., 2021, describe this for gradient descent with the
# whole data set, as the 'edge of stability'). So a curve of $\beta$ at one learning rate compares two nets at that
# learning rate, and no more: a net that could train faster shows itself at larger ones.

# %%
for network, results in rates.items():
    small, large = min(LEARNING_RATES[network]), max(LEARNING_RATES[network])
    betas = {rate: medians(results, 'smoothness', kind='batch_norm', learning_rate=rate)
             for rate in LEARNING_RATES[network]}
    print(f'{network}:', 'learning rate: (smoothness, learning rate times smoothness)',
          {rate: (beta.round(2).tolist(), (rate * beta).round(2).tolist()) for rate, beta in betas.items()})
    assert large / small == 16
    if not QUICK:
        assert all(betas[large] < betas[small] / 3)
        assert all(0.5 < product < 2 for rate, beta in betas.items() for product in rate * beta)

# %% [markdown]
# **Flat is not good in itself.** With initial weights of 0.01, as in the paper's 'small random Gaussian values', the
# MLP without batch norm begins on a plateau. There the loss varies less along the gradient than with batch norm, and
# the effective smoothness is smaller (claims, asserted), and the net does not train: its gradients are too small for
# it.

# %%
results = experiment('small_weights', 'sigmoid_mlp', 'small_weights')

# %% [markdown]
# ## 2. Noise
#
# After batch norm, before the activation, every value $h$ becomes $s h + m$. At each step each unit draws a mean $\mu$
# from $U(-0.5, 0.5)$ and a scale $\sigma$ from $U(1, 1.25)$; then each value draws $m$ from $U(\mu - 0.1, \mu + 0.1)$
# and $s$ from $N(\sigma, 0.1^2)$, after the appendix of Santurkar et al.

# %%
noise, mus = Noise(seed=0), []
for noise.step in range(200):
    s, m = noise.draw((60, 100), '1')
    mus.append(m.mean(axis=0))
print(f"means of the units: from {np.min(mus):.2f} to {np.max(mus):.2f}, "
      f"root mean square of their move from step to step {np.std(np.diff(mus, axis=0)):.2f}")
assert -0.55 < np.min(mus) < -0.45 < 0.45 < np.max(mus) < 0.55
assert abs(np.std(np.diff(mus, axis=0)) - 0.5 * np.sqrt(2 / 3)) < 0.02

# %% [markdown]
# So from one step to the next every unit's mean jumps by about 0.41 (root mean square), of standard deviations of about
# one. Trained at the smallest learning rate. Claims, asserted for both networks and every seed: with noisy batch norm
# the training loss at the end is lower than without batch norm, and nearer to batch norm's than to that; and the means
# and standard deviations of the last activation's inputs move more from step to step than without batch norm. (Medians
# over the steps; "move" is measured on the same batch before and after one update, in standard deviations.)

# %%
noisy = {network: experiment('noise', network, 'noise') for network in NETWORKS}

# %% [markdown]
# The distributions shift more than without batch norm, and training is hardly affected. So a stable mean and variance
# of the inputs is not what makes these nets train faster.
#
# **What the noise does cost.** The stored statistics were gathered under noise, and the test has none. With the
# statistics of each test batch instead, the accuracy of LeNet is higher, for every seed: the weights are as good, but
# what was stored for the test does not fit. For batch norm without noise the difference is less.

# %%
for network, results in noisy.items():
    for kind in ('batch_norm', 'noisy_batch_norm'):
        print(f'{network}, {kind}:', 'test accuracy with stored and with batch statistics, each seed',
              [(result['test_acc'], result['test_acc_batch']) for result in select(results, kind=kind)])
if not QUICK:
    gain = {kind: [r['test_acc_batch'] - r['test_acc'] for r in select(noisy['lenet'], kind=kind)]
            for kind in ('batch_norm', 'noisy_batch_norm')}
    assert min(gain['noisy_batch_norm']) > 0
    assert np.mean(gain['noisy_batch_norm']) > np.mean(gain['batch_norm'])

# %% [markdown]
# **What did not come out as in the paper.** Santurkar et al. report that the same noise keeps their network without
# batch norm from training at all. Ours trains with it, in both networks and every seed. They are shallower.

# %%
for network, results in noisy.items():
    print(network, 'with noise, without batch norm: test accuracy of each seed',
          [result['test_acc'] for result in select(results, kind='noisy_plain')])
    assert QUICK or trains(select(results, kind='noisy_plain'))

# %% [markdown]
# ## 3. Does the update of one layer disturb the next?
#
# $|G_i - G'_i|$, Definition 2.1, for the layers 2 to 4:

# %%
for network, results in rates.items():
    show(STUDY.figures[f'learning_rates-{network}'][f'covariate_shift-{network}'](results))

# %% [markdown]
# In LeNet's second layer it is more than twice as *large* with batch norm, absolutely and over the length of the
# gradient, at the two smaller learning rates, for every seed (medians over the steps): the first layer's update changes
# the second convolution's gradient by more. In the layers above and in the MLP there is no such rule: the curves (means
# over the seeds, smallest learning rate) cross.


# %%
def change_of_layer(results, number, **values):
    """The median over the steps of the change of a layer's gradient, absolute and over its length, for each seed."""
    return np.array([np.median([[layer['change'], layer['change'] / layer['norm']] for layer in
                                (record['shift'][number - 1] for record in result['measured'])], axis=0)
                     for result in select(results, **values)])


for rate in () if QUICK else LEARNING_RATES['lenet'][:2]:
    plain, norm = (change_of_layer(rates['lenet'], 2, learning_rate=rate, kind=kind)
                   for kind in ('plain', 'batch_norm'))
    print(f"LeNet, layer 2, learning rate {rate:g}: without {plain.round(4).tolist()}, with {norm.round(4).tolist()}")
    assert (norm > 2 * plain).all()

crossing = [('sigmoid_mlp', 2), ('sigmoid_mlp', 3), ('sigmoid_mlp', 4), ('lenet', 3), ('lenet', 4)]
for network, number in [pair for pair in crossing if pair[0] in NETWORKS]:
    curves = [over_steps(select(rates[network], learning_rate=min(LEARNING_RATES[network]), kind=kind),
                         lambda record, number=number: record['shift'][number - 1]['change']).mean(axis=0)
              for kind in ('plain', 'batch_norm')]                                   # (steps,) each
    share = (curves[1] > curves[0]).mean()
    print(f"{network}, layer {number}: larger with batch norm at {100 * share:.0f} % of the steps")
    assert QUICK or 0 < share < 1

# %% [markdown]
# So with this definition batch norm does not reduce internal covariate shift: here more, there less.
#
# ## Facts and conjectures
#
# - Fact, for these networks, images, seeds and learning rates: the asserted claims. With batch norm both nets train at
#   learning rates at which they fail or lag without it, and the loss and the gradient vary less along the gradient.
# - Fact: batch norm keeps the mean and the variance of its outputs nearly still on the batches of training, that is, it
#   does reduce the shift in the sense of 2015, by construction. Fact also: the nets train as well when noise makes
#   those moments jump at every step. So that reduction is not needed for the faster training, here.
# - Fact: by the definition of 2018 (gradients), batch norm increases the shift in one layer of LeNet. These are two
#   different things under one name, and 'it reduces internal covariate shift' is true of one and not of the other.
# - Conjecture: that the smoother landscape is *the reason* of the faster training. Both come with batch norm, and
#   Santurkar et al. prove bounds on the gradients of single layers; but section 1 shows that smoothness changes with
#   the learning rate and the scale of the weights, and that a flat landscape can be one in which nothing is learned.
# - Conjecture: why it makes larger learning rates possible. That batch norm divides out the scale of the weights, as in
#   the caution above, is one explanation (Bjorck et al., 2018, and others have more); nothing here decides it.
#
# ## Exercises
#
# Answers are in `answers.md`, beside this file.
#
# 1. Make the noise stronger (`Noise(seed, mean=2)`). When does it undo batch norm, and is that because of the shift, or
#    because the signal is lost in the noise?
# 2. Put the noise *before* batch norm instead of after it. Which part of it arrives at the activation?
# 3. Measure along random directions of the same length instead of the gradient. Is the landscape with batch norm
#    smoother there, too?
# 4. LeNet's usual initial weights are 0.01 (`weight_scale`). How long is its plateau without batch norm? Give
#    `learning_rate_jobs` other values and see.
# 5. Train the MLP for 50,000 steps as in the paper's Figure 1. Does the difference of the ranges stay?
#
# ## Next
#
# `11_how_far_can_you_turn_the_knobs.py`: learning rates, initial weights, batch sizes, and where batch norm stops
# helping.
