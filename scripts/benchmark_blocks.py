"""Time a training iteration of Gluon networks with Gluon's own batch norm, and converted by ``gbn.convert``.

Both are hybridized and run in turn in this process, on random images of 32x32 pixels (``mlp``: on 784 random numbers).
Printed are the medians in ms on the clock and of processor time, the median of the ratios of neighbours, and the
machine. The time on the clock means little while other programs run; processor time suffers less.
"""
import argparse
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
NETWORKS = ('resnet18_v1', 'resnet18_v2', 'mobilenet', 'nhwc', 'mlp')


def build(name):
    """``(network, shape of its data)``, with the same initial parameters at each call."""
    from gluon_bn._mxnet import mx
    nn, zoo = mx.gluon.nn, mx.gluon.model_zoo.vision
    mx.random.seed(0)
    shape = 3, 32, 32
    if name.startswith('resnet'):
        net = zoo.get_resnet(int(name[-1]), 18, classes=10, thumbnail=True)
    elif name == 'mobilenet':
        net = zoo.MobileNet(classes=10)
    else:
        net = nn.HybridSequential()
        if name == 'nhwc':  # channels last, as other frameworks have images
            net.add(nn.HybridLambda(lambda F, x: F.transpose(x, (0, 2, 3, 1))))
        for _ in range(3):
            net.add(nn.Dense(512 if name == 'mlp' else 64, flatten=name == 'mlp'),
                    nn.BatchNorm(axis=1 if name == 'mlp' else -1), nn.Activation('relu'))
        net.add(nn.Dense(10))
        shape = (784,) if name == 'mlp' else shape
    net.initialize(mx.init.Xavier())
    net.hybridize()
    return net, shape


def iteration(net, images, labels):
    """A function that makes one step of SGD and waits for it."""
    from gluon_bn._mxnet import autograd, mx, nd
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = mx.gluon.Trainer(net.collect_params(), 'sgd', {'learning_rate': 0.01})

    def step():
        with autograd.record():
            value = loss(net(images), labels)
        value.backward()
        trainer.step(len(images))
        nd.waitall()

    return step


def measure(name, batch_size, repeats):
    """A line of the table for one network."""
    import gluon_bn as gbn
    from gluon_bn._mxnet import nd
    steps = []
    for converted in (False, True):
        net, shape = build(name)
        images, labels = nd.random.normal(shape=(batch_size, *shape)), nd.arange(batch_size) % 10
        steps.append(iteration(gbn.convert(net) if converted else net, images, labels))
    times = [[], []]
    for repeat in range(repeats + 2):
        for step, seconds in zip(steps, times):
            began = time.perf_counter(), time.process_time()
            step()
            if repeat > 1:
                seconds.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    clock, processor = ([[pair[kind] for pair in each] for each in times] for kind in (0, 1))
    cells = []
    for own, ours in (clock, processor):
        cells += [f'{1000 * median(own):8.1f}', f'{1000 * median(ours):8.1f}',
                  f'{median(b / a for a, b in zip(own, ours)):6.3f}']
    return ' '.join([f'{name:<12}', *cells])


def main():
    """Print a table with a line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('networks', metavar='NETWORK', nargs='*', help=f"of {', '.join(NETWORKS)} (default: all)")
    parser.add_argument('--batch-size', type=int, default=32, help="images a batch (default: 32)")
    parser.add_argument('--repeats', type=int, default=7, help="measured iterations of each (default: 7)")
    options = parser.parse_args()
    unknown = [name for name in options.networks if name not in NETWORKS]
    if unknown or min(options.batch_size, options.repeats) < 1:
        parser.error(f"{unknown[0]!r} is none of {', '.join(NETWORKS)}" if unknown
                     else "--batch-size and --repeats must be at least 1")
    import gluon_bn as gbn
    from gluon_bn.studies.machine import describe_machine
    print(describe_machine())
    print(gbn.native_status())
    print(f"batch {options.batch_size}; ms an iteration, clock: Gluon's own, converted, ratio; processor: the same")
    for name in options.networks or NETWORKS:
        print(measure(name, options.batch_size, options.repeats), flush=True)


if __name__ == '__main__':
    main()
