# %% [markdown]
# # Deep nets
#
# *Batch norm, in one sentence: it gives every feature of a layer mean 0 and standard deviation 1 over the batch, then a
# scale and a shift that are learned, so that a deep network trains faster, and with many more learning rates and
# initial weights.*
#
# ## The question
#
# What does batch norm do to the training of a deep fully connected net, and when does it harm?
#
# ## What to expect
#
# (1) A deep net trains faster with it. (2) The scale of the initial weights matters less, because
# batch norm divides it out. (3) It needs batches: a mean over 5 images is a poor estimate of a mean over all. (4)
# Layer norm uses no batch, so it should win where batches are very small.
#
# The experiments are those of cs231n's exercise, on 1,000 images of CIFAR-10 and with several seeds. Means and standard
# deviations are over the seeds.

# %%
import os
import tempfile
from pathlib import Path

import numpy as np

import gluon_bn as gbn
from gluon_bn.support.results import mean_cell
from gluon_bn.run.live import show
from gluon_bn.studies.deep_nets import STUDY
from gluon_bn.studies.deep_nets.report import trained_scales, untrained_scales
from gluon_bn.studies.study import judge, run, select

QUICK = os.environ.get('GLUON_BN_QUICK') == '1'

# The full run takes some minutes. What is done is kept in the folder, so that it can be interrupted.
if QUICK:
    temporary = tempfile.TemporaryDirectory()  # deleted when the script ends
    folder = Path(temporary.name)
    jobs = {name: make([0], **STUDY.quick[name]) for name, make in STUDY.experiments.items()}
else:
    folder = Path('runs') / 'deep_nets'
    jobs = {name: make(range(3)) for name, make in STUDY.experiments.items()}
run(STUDY, folder, [job for name in jobs for job in jobs[name]])


def experiment(name):
    """Show the experiment's figure, assert its claims, and return its results."""
    kinds = STUDY.summarise(run(STUDY, folder, jobs[name], report=lambda line: None))
    show(STUDY.figures[name][name](kinds))
    for sentence, holds in judge(STUDY, name, kinds).items():
        print(f"{'holds' if holds else 'FAILS'}: {sentence}")
        assert holds, sentence
    return kinds


# %% [markdown]
# The images, with the mean image subtracted:

# %%
splits = gbn.data.cifar10_splits()
print("shapes of the images and labels:", {name: array.shape for name, array in splits.items()})
np.testing.assert_allclose(splits['X_train'].mean(axis=0), 0, atol=1e-3)

# %% [markdown]
# ## The mathematics of a deep net
#
# A layer multiplies by $W$ and applies ReLU. With weights of standard deviation $\sigma$ and $n$ inputs, the
# activations' root mean square is multiplied by about $\sigma \sqrt{n / 2}$, in each layer, and the gradients on their
# way back too. With $n = 50$ and seven layers, $\sigma = 0.01$ gives $(0.05)^7 \approx 10^{-9}$, and $\sigma = 1$
# gives $5^7 = 78125$. Batch norm (Algorithm 1) divides each layer's output by its standard deviation, so the product
# is always about 1, as long as the variance is not lost in eps. Here it is for one batch:

# %%
assert np.isclose(1 * np.sqrt(50 / 2), 5)
assert 5 ** 7 == 78125
assert 0.5e-9 < (0.01 * np.sqrt(50 / 2)) ** 7 < 2e-9


def gradient_of_first_layer(weight_scale, normalization):
    net = gbn.FullyConnectedNet([50] * 7, weight_scale=weight_scale, normalization=normalization, dtype=np.float64,
                                seed=0)
    _, grads = net.loss(splits['X_train'][:50], splits['y_train'][:50])
    return np.abs(weight_scale * grads['W1']).max()  # a gradient relative to its weights: free of units


relative = {normalization: [gradient_of_first_layer(scale, normalization) for scale in (1e-3, 1e-2, 1e-1, 1)]
            for normalization in ('batchnorm', None)}
for normalization, values in relative.items():
    print("gradient of the first layer, times the weight scale, at four scales, normalization", normalization, values)
assert max(relative['batchnorm']) < 1e4 * min(relative['batchnorm'])
assert max(relative[None]) > 1e12 * min(relative[None])

# %% [markdown]
# From the smallest to the largest of these four scales, the first layer's gradient (times the scale of its weights)
# varies by more than a factor of $10^{12}$ without batch norm, and by less than $10^4$ with it. Most of the latter is
# the last layer, which is not normalised: its own weights vary by a factor of 1,000.
#
# ## 1. Five hidden layers of 100
#
# Claims, asserted by the call: with batch norm the training loss of the last epoch is lower, and the best training
# accuracy higher, for every seed.

# %%
kinds = experiment('deep_net')
for kind in kinds:
    print('normalization', kind['job']['normalization'],
          {name: mean_cell(kind[name]) for name in ('final_loss', 'best_train_acc', 'best_val_acc')})

# %% [markdown]
# The validation accuracy differs: 1,000 images are few, both nets memorise them, and the better fit does not help on
# other images. The nets differ by less in validation accuracy than in training accuracy.

# %%
(norm,), (plain,) = (select(kinds, normalization=name) for name in ('batchnorm', None))
gain = {name: np.mean(norm[name]) - np.mean(plain[name]) for name in ('best_train_acc', 'best_val_acc')}
print("gain by batch norm:", gain)
assert gain['best_val_acc'] < gain['best_train_acc']

# %% [markdown]
# ## 2. Weight scales
#
# Claims, asserted: with batch norm the nets train at every weight scale where they do without it, and also at scales
# where without it they do not get beyond guessing; over the scales, the final loss varies by less than a factor of 4
# with batch norm and by more than 100 without. "Train" means a training accuracy above 0.25 for all seeds, "guessing"
# one below 0.2 for all seeds; ten classes.

# %%
kinds = experiment('weight_scales')
print("weight scales: trained with batch norm at", [f'{scale:.2g}' for scale in trained_scales(kinds, 'batchnorm')])
print("trained without at", [f'{scale:.2g}' for scale in trained_scales(kinds, None)])
print("not beyond guessing without at", [f'{scale:.2g}' for scale in untrained_scales(kinds, None)])

# %% [markdown]
# Batch norm is not better at every scale. Near the scale at which $\sigma \sqrt{n / 2}$ is about 1 (0.2 for 50 units)
# the activations keep their size without help, and the net without batch norm trains well:

# %%
best = {name: max(select(kinds, normalization=name), key=lambda kind: np.mean(kind['best_train_acc']))
        for name in ('batchnorm', None)}
for name, kind in best.items():
    print('normalization', name, f"best at scale {kind['job']['weight_scale']:.2g}: training accuracy "
          + mean_cell(kind['best_train_acc']))
if not QUICK:
    assert np.mean(best[None]['best_train_acc']) > np.mean(best['batchnorm']['best_train_acc'])
    assert 0.02 < best[None]['job']['weight_scale'] < 0.3

# %% [markdown]
# In the full run the best of the nets without batch norm even has the higher training accuracy. The advantage of batch
# norm is that nobody has to look for this scale.
#
# ## 3. Batch sizes
#
# Claims, asserted: with batches of 50, batch norm learns faster than no normalisation; and it gains more with batches
# of 50 than with batches of 5.

# %%
kinds = experiment('batch_sizes')
for kind in kinds:
    print('normalization', kind['job']['normalization'], 'batch size', kind['job']['batch_size'],
          'best training accuracy', mean_cell(kind['best_train_acc']))
if not QUICK:
    (norm,), (plain,) = (select(kinds, normalization=name, batch_size=5) for name in ('batchnorm', None))
    assert np.mean(norm['best_train_acc']) < np.mean(plain['best_train_acc'])

# %% [markdown]
# In the full run, with batches of 5, batch norm harms: the net without it reaches the higher training accuracy.
#
# ## 4. Batch norm against layer norm
#
# Claims, asserted: with batches of 2, layer norm reaches a higher training accuracy than batch norm for every seed, and
# batch norm gains from larger batches. With two examples, batch norm keeps one fact about each feature: which of the
# two values is larger. The normalised values are 1 and -1.

# %%
examples = np.array([[1., -20, 3, 0.5, 70, -8], [4., 15, -3, 2, 9, 8]])                            # (2, 6)
two = gbn.reference.batchnorm_forward(examples, np.ones(6), np.zeros(6), {'mode': 'train'})[0]      # (2, 6)
np.testing.assert_allclose(np.abs(two), 1, atol=0.1)
kinds = experiment('small_batches')
for kind in kinds:
    print('normalization', kind['job']['normalization'], 'batch size', kind['job']['batch_size'],
          'best training accuracy', mean_cell(kind['best_train_acc']))

# %% [markdown]
# ## Facts and conjectures
#
# - Fact, for these nets, images, seeds and settings: the asserted claims. One learning rate was used for all kinds of
#   nets; each at its own best one could come out otherwise.
# - Conjecture: that with small batches the noise of the statistics is what harms. Something else that differs is the
#   number of steps: with small batches an epoch has more of them, so the nets are not equally far.
#
# ## Exercises
#
# Answers are in `answers.md`, beside this file.
#
# 1. Measure the training accuracy with the statistics of the batch (`net.loss(X, y)` computes with them). Does the loss
#    of accuracy at small batches remain, or does it come from the stored statistics?
# 2. Repeat experiment 2 with weights of He's scale, $\sqrt{2 / n}$ in each layer. Is there anything left to gain?
# 3. Run `python scripts/deep_nets.py --data-dir PATH` on the whole of CIFAR-10. Which claims change?
#
# ## Next
#
# `06_an_mlp_that_ended_in_nan.py`, where most of this went wrong.
