"""Named sweeps of LeNet's knobs on MNIST, with batch norm and without, with several seeds.

What is held fixed is part of each comparison: a number of *steps*, but for the batch sizes a number of *images*, since
a step on 512 images costs 512 times one on a single image. All experiments together take some 25 minutes on two cores.
"""
from .training import POSITIONS, Job

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # on the mean loss


# Weight scale and learning rate: the main job's; the scale at which the network without batch norm trains best; and
# with that scale a higher rate.
SETTINGS = ((0.01, 0.064), (0.1, 0.064), (0.1, 1.0))


def training(seeds, settings=SETTINGS, score_after=tuple(range(10, 201, 10))):
    """With batch norm and without, in the course of 200 steps on batches of 64: 12,800 images, each once."""
    return [Job(seed, position, lr, scale, score_after=score_after)
            for scale, lr in settings for position in ('before', None) for seed in seeds]


def learning_rates(seeds, rates=RATES, steps=150, positions=('before', None)):
    """With batch norm and without, over the learning rate: 150 steps on batches of 64.

    The weights have the scale 0.1 at which the network without batch norm trains best.
    """
    return [Job(seed, position, lr, score_after=(steps,))
            for position in positions for lr in rates for seed in seeds]


def positions(seeds, rates=RATES, steps=150):
    """Batch norm before the activation, as in the paper, after it, and none; otherwise as ``learning_rates``."""
    return learning_rates(seeds, rates, steps, POSITIONS)


def weight_scales(seeds, scales=(0.001, 0.01, 0.03, 0.1, 0.3, 1.0), rates=RATES[:7], steps=100):
    """With batch norm and without, over the scale of the initial weights and the learning rate: 100 steps of 64.

    The scale is that of the weights alone: gamma begins at 1.
    """
    return [Job(seed, position, lr, scale, score_after=(steps,), gamma_one=position is not None)
            for position in ('before', None) for scale in scales for lr in rates for seed in seeds]


def batch_sizes(seeds, sizes=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512), rates=(0.01, 0.1, 1.0), images=4096):
    """With batch norm and without, over the batch size, at three learning rates: 4,096 training images, each once."""
    return [Job(seed, position, lr, batch_size=size, score_after=(images // size,))
            for position in ('before', None) for lr in rates for size in sizes for seed in seeds]


def momenta(seeds, values=(0.0, 0.5, 0.9, 0.99, 0.999), sizes=(4, 64), score_after=(1, 3, 10, 30, 100, 300)):
    """The momentum of the stored statistics, in the course of 300 steps on batches of 4 and of 64."""
    return [Job(seed, batch_size=size, momentum=momentum, score_after=score_after)
            for size in sizes for momentum in values for seed in seeds]


def eps(seeds, values=(1e-7, 1e-5, 1e-3, 1e-2, 0.1, 1.0, 10.0), scales=(0.01, 0.1, 1.0), steps=100):
    """The eps under the root, at three scales of the initial weights: 100 steps on batches of 64."""
    return [Job(seed, weight_scale=scale, eps=value, score_after=(steps,))
            for scale in scales for value in values for seed in seeds]


def recalibration(seeds, momenta=(0.9, 0.99), sizes=(4, 64), score_after=(10, 100, 1000), images=2048):
    """Statistics stored in training against those of Algorithm 2, from 2,048 training images, after 10 to 1,000 steps.

    Scored on all 10,000 test images.
    """
    return [Job(seed, batch_size=size, momentum=momentum, score_after=score_after, test_images=10000,
                recalibrate=images) for size in sizes for momentum in momenta for seed in seeds]


EXPERIMENTS = {function.__name__: function for function in (
    training, learning_rates, positions, weight_scales, batch_sizes, momenta, eps, recalibration)}

QUICK = {  # as little as shows that everything works, for tests
    'training': {'settings': SETTINGS[:2], 'score_after': (1, 5)},
    'learning_rates': {'rates': (0.1, 1.0), 'steps': 5},
    'positions': {'rates': (0.1, 1.0), 'steps': 5},
    'weight_scales': {'scales': (0.01, 0.1), 'rates': (0.1, 1.0), 'steps': 5},
    'batch_sizes': {'sizes': (1, 16, 64), 'rates': (0.1,), 'images': 64},
    'momenta': {'values': (0.0, 0.99), 'sizes': (16,), 'score_after': (1, 5)},
    'eps': {'values': (1e-5, 10.0), 'scales': (0.1,), 'steps': 5},
    'recalibration': {'momenta': (0.99,), 'sizes': (16,), 'score_after': (1, 5), 'images': 64}}
