"""Timing contestants in turn, so that what disturbs the machine disturbs all of them: seconds a call."""
import functools
import gc
import time
from pathlib import Path
from statistics import median

import numpy as np

SHAPES = ((64, 20, 26, 26), (64, 50, 9, 9), (64, 128), (256, 64, 56, 56), (32, 256, 14, 14))


def in_turn(functions, repeats, seconds=0.05, warm_up=3):
    """``{name: [seconds a call, ...]}`` of ``{name: (function, wait)}``: each measured ``repeats`` times, in turn.

    A measurement calls the function as often as fits ``seconds``, at least once, and waits for the last call.
    """
    times, calls = {name: [] for name in functions}, {}
    for name, (function, wait) in functions.items():
        for _ in range(warm_up):
            once = _timed(function, wait, 1)
        calls[name] = max(1, int(seconds / once))
    for _ in range(repeats):
        for name, (function, wait) in functions.items():
            times[name].append(_timed(function, wait, calls[name]))
    return times


def _timed(function, wait, calls):
    wait()
    began = time.perf_counter()
    for _ in range(calls):
        function()
    wait()
    return (time.perf_counter() - began) / calls


def layers(contestants, shapes, repeats, seconds=0.05):
    """``{level: times}`` of the layer alone, forward, and forward and backward."""
    result = {}
    for shape in shapes:
        pairs = {c.name: (*c.layer(shape), c.wait) for c in contestants}
        for what, place in (('forward', 0), ('forward+backward', 1)):
            result[f'layer {shape} {what}'] = in_turn({name: (pair[place], pair[2]) for name, pair in pairs.items()},
                                                      repeats, seconds)
        del pairs
        gc.collect()
    return result


def iterations(contestants, images, labels, batch_size, repeats, seconds=0.2):
    """``{level: times}`` of one training iteration, its batch prepared from bytes."""
    X, y = images[:batch_size], labels[:batch_size]
    nets = {c.name: c.network() for c in contestants}

    def iteration(net):
        (batch,) = net.batches(X, y, batch_size)
        net.step(*batch)

    functions = {c.name: (functools.partial(iteration, nets[c.name]), c.wait) for c in contestants}
    return {f'iteration, batch {batch_size}': in_turn(functions, repeats, seconds)}


def epochs(contestants, train, test, batch_size, repeats):
    """``({level: times}, {name: accuracy})`` of whole epochs, data included, and of evaluation.

    Every contestant gets two steps on a net of its own first, so that compilers have done their work.
    """
    images, labels = train
    result = {'epoch': {c.name: [] for c in contestants}, 'evaluation': {c.name: [] for c in contestants}}
    accuracy = {}
    for repeat in range(repeats + 1):
        for c in contestants:
            net, warm_up = c.network(), repeat == 0
            order = np.random.default_rng(repeat).permutation(len(images))
            if warm_up:
                order = order[:2 * batch_size + len(images) % batch_size]  # both sizes of batches
            c.wait()
            began = time.perf_counter()
            for number, batch in enumerate(net.batches(images[order], labels[order], batch_size)):
                loss = net.step(*batch)
                if number % 8 == 7:
                    float(loss.asscalar() if hasattr(loss, 'asscalar') else loss)  # it is shown while training
            c.wait()
            trained = time.perf_counter()
            right = net.correct(*(a[:600] if warm_up else a for a in test))
            if not warm_up:
                result['epoch'][c.name].append(trained - began)
                result['evaluation'][c.name].append(time.perf_counter() - trained)
                accuracy[c.name] = right / len(test[1])
    return result, accuracy


def peak_memory(contestant, images, labels, batch_size, steps=20):
    """The largest resident memory in MB after some iterations; a process of its own is to call this."""
    net = contestant.network()
    for batch in net.batches(images[:steps * batch_size], labels[:steps * batch_size], batch_size):
        net.step(*batch)
    contestant.wait()
    status = dict(line.split(':') for line in Path('/proc/self/status').read_text().splitlines())
    return int(status['VmHWM'].split()[0]) / 1024  # getrusage would count the parent's, from before exec


def growth(contestant, reference, quick):
    """How cost grows: ``{axis: [(size, ns an element ours, theirs), ...]}`` for batches and channels."""
    axes = {'batch': [(n, (n, 20, 26, 26)) for n in ((1, 4, 16) if quick else (1, 4, 16, 64, 256, 1024, 4096))],
            'channels': [(c, (64, c, 14, 14)) for c in ((1, 4) if quick else (1, 2, 4, 8, 16, 32, 64, 128, 256, 512))]}
    result = {}
    for axis, shapes in axes.items():
        result[axis] = []
        for size, shape in shapes:
            pairs = {c.name: (c.layer(shape)[1], c.wait) for c in (contestant, reference)}
            times = in_turn(pairs, 1 if quick else 5, seconds=0.02)
            result[axis].append((size, *(median(times[c.name]) / np.prod(shape) * 1e9
                                         for c in (contestant, reference))))
    return result
