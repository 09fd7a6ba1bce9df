"""Time networks of the model zoo, and LeNet, with their batch norms and folded: a table in Markdown.

Random weights and images; both networks hybridized, measured in turn; medians of milliseconds a batch.
"""
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gluon_bn as gbn
from gluon_bn._mxnet import mx, nd
from gluon_bn.exchange.fold import folded
from gluon_bn.exchange.gluon import to_block
from gluon_bn.exchange.networks import of_network
from gluon_bn.studies.benchmarks.measure import in_turn
from gluon_bn.support.command_line import Parser, demand_at_least_one, main_of, whole_number
from gluon_bn.support.markdown import markdown_table

MODELS = ('resnet18_v1', 'resnet18_v2', 'mobilenet1_0', 'mobilenet_v2_1_0', 'densenet121')


def row(name, net, shape, repeats):
    """What the table says of one network."""
    X = nd.random.normal(shape=shape)
    graph = of_network(net)
    less = folded(graph)
    blocks = {'plain': to_block(graph), 'folded': to_block(less)}
    for block in blocks.values():
        block.hybridize(static_alloc=True, static_shape=True)
    outputs = {key: block(X).asnumpy() for key, block in blocks.items()}
    times = in_turn({key: (lambda block=block: block(X), nd.waitall) for key, block in blocks.items()}, repeats)
    plain, quick = (1000 * median(times[key]) for key in blocks)
    norms = [sum(node.op == 'BatchNorm' for node in one.layers()) for one in (graph, less)]
    difference = abs(outputs['folded'] - outputs['plain']).max() / abs(outputs['plain']).max()
    return [name, 'x'.join(map(str, shape)), norms[0], norms[1], f'{plain:.2f}', f'{quick:.2f}',
            f'{quick / plain:.2f}', f'{difference:.1e}']


def model(name):
    """A network of the model zoo with values, its stored statistics away from 0 and 1."""
    net = getattr(mx.gluon.model_zoo.vision, name)()
    net.initialize(mx.init.Xavier())
    net(nd.zeros((1, 3, 224, 224)))
    for key, param in net.collect_params().items():
        if key.endswith(('running_var', 'gamma')):
            param.set_data(nd.random.uniform(0.5, 2, shape=param.shape))
        elif key.endswith(('running_mean', 'beta')):
            param.set_data(nd.random.normal(0, 0.5, shape=param.shape))
    return net


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('models', nargs='*', metavar='MODEL', help=f"of {', '.join(MODELS)} (default: all)")
    p.add_argument('--batch', type=whole_number, default=1, metavar='N', help="images in a batch (default: 1)")
    p.add_argument('--repeats', type=whole_number, default=15, metavar='N', help="measurements (default: 15)")
    return p


def work(options):
    """Time and print; returns 0."""
    demand_at_least_one(batch=options.batch, repeats=options.repeats)
    unknown = sorted(set(options.models) - set(MODELS))
    if unknown:
        raise ValueError(f"there is no model {', '.join(unknown)}; expected some of {', '.join(MODELS)}.")
    mx.random.seed(0)
    lenet = gbn.LeNet(weight_scale=0.1)
    lenet(nd.random.uniform(shape=(64, 1, 28, 28)))
    rows = [row('LeNet', lenet, (options.batch, 1, 28, 28), options.repeats)]
    for name in options.models or MODELS:
        rows.append(row(name, model(name), (options.batch, 3, 224, 224), options.repeats))
    print(markdown_table(['network', 'input', 'batch norms', 'left', 'ms', 'ms folded', 'folded / plain',
                          'largest difference'], rows))
    return 0


main = main_of(parser, work)

if __name__ == '__main__':
    sys.exit(main())
