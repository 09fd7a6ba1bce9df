"""Networks as ONNX files: the numbers of ONNX Runtime, any batch, what is written, and what is refused."""
import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn._mxnet import mx, nd

onnx = pytest.importorskip('onnx', reason='onnx is not installed')
nn, vision = mx.gluon.nn, mx.gluon.model_zoo.vision


def computed(path, *inputs):
    """The first output of the file for these inputs, by ONNX Runtime."""
    runtime = pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')
    session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs)))[0]


def statistics_moved(net, X):
    """The network after two batches, so that its stored statistics are a mean of two."""
    half = len(X) // 2
    for part in (X[:half], X[half:]):
        net(nd.array(part))
    return net


@pytest.mark.parametrize('fold', [False, True], ids=['plain', 'folded'])
@pytest.mark.parametrize('make', [
    lambda: gbn.LeNet(weight_scale=0.05), lambda: gbn.LeNet(batch_norm=False, weight_scale=0.1),
    lambda: gbn.SigmoidMLP(weight_scale=0.1)], ids=['LeNet', 'LeNet without', 'SigmoidMLP'])
def test_a_network_by_hand_on_test_images(make, fold, tmp_path, same):
    X = gbn.data.load('mnist', train=False)[0][:200].astype('f') / 255
    net = statistics_moved(make(), X)
    gbn.export_onnx(net, tmp_path / 'net.onnx', (1, 1, 28, 28), fold=fold)
    same(computed(tmp_path / 'net.onnx', X), net(nd.array(X), is_training=False))


@pytest.mark.parametrize('make', [
    lambda: gbn.FullyConnectedNet([30, 20], 784, use_batchnorm=True, dropout=0.5, weight_scale=0.1),
    lambda: gbn.FullyConnectedNet([30], 784, normalization='layernorm', weight_scale=0.1),
    lambda: gbn.MLP([784, 30, 10])], ids=['batch norm', 'layer norm', 'MLP'])
def test_a_network_of_numpy_on_test_images(make, tmp_path, same):
    images, labels = gbn.data.load('mnist', train=False)
    X = images[:100].astype('f') / 255
    net = make()
    net.loss(X[:50], labels[:50])
    net.loss(X[50:], labels[50:100])
    gbn.export_onnx(net, tmp_path / 'net.onnx', (1, 784))
    same(computed(tmp_path / 'net.onnx', X.reshape(100, 784)), net.loss(X))


@pytest.mark.parametrize('fold', [False, True], ids=['plain', 'folded'])
@pytest.mark.parametrize(('name', 'size'), [
    ('resnet18_v1', 64), ('resnet18_v2', 64), ('mobilenet0_25', 64), ('mobilenet_v2_0_25', 64), ('squeezenet1_1', 224),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        ('densenet121', 224), ('inception_v3', 299), ('alexnet', 224), ('vgg11_bn', 64), ('squeezenet1_0', 224),
        ('resnet50_v1', 64), ('resnet50_v2', 64)))])
def test_a_network_of_the_model_zoo(name, size, fold, rng, randomized, tmp_path, same):
    net = randomized(getattr(vision, name)(classes=7), (1, 3, size, size))
    if 'squeezenet' in name:  # it ends with a ReLU, behind which next to nothing may be left by chance
        net.output[0].bias.set_data(nd.full(7, 10))
    X = rng.normal(size=(2, 3, size, size)).astype('f')
    gbn.export_onnx(net, tmp_path / 'net.onnx', (5, 3, size, size), fold=fold)
    same(computed(tmp_path / 'net.onnx', X), net(nd.array(X)))


def test_fix_gamma_takes_one_whatever_the_parameter_holds(tmp_path, same):
    """The trap of many converters: they read gamma, which MXNet does not."""
    net = nn.HybridSequential()
    net.add(nn.BatchNorm(scale=False, in_channels=3))
    net.initialize()
    net[0].gamma.set_data(nd.array([3, 4, 5]))
    X = np.ones((2, 3), 'f')
    gbn.export_onnx(net, tmp_path / 'net.onnx', (1, 3))
    same(computed(tmp_path / 'net.onnx', X), np.full((2, 3), 1 / np.sqrt(1 + 1e-5)))
    model = onnx.load(str(tmp_path / 'net.onnx'))
    assert 3 not in [value for tensor in model.graph.initializer for value in onnx.numpy_helper.to_array(tensor)]


def test_the_default_eps_of_the_operator_is_not_that_of_gluon(rng):
    """A symbol that does not mention eps has 1e-3, and fixes gamma."""
    from gluon_bn.exchange import saved
    from gluon_bn.exchange.onnx import from_graph
    symbol = mx.sym.BatchNorm(mx.sym.var('data'), name='bn')
    params = {f'bn_{slot}': np.full(3, value, 'f') for slot, value in
              {'gamma': 5, 'beta': 0, 'moving_mean': 0, 'moving_var': 0}.items()}
    model = from_graph(saved.read(symbol.tojson(), params), {'data': (1, 3)})
    node, = (node for node in model.graph.node if node.op_type == 'BatchNormalization')
    assert onnx.helper.get_node_attr_value(node, 'epsilon') == pytest.approx(1e-3)


def test_what_is_in_the_file(tmp_path):
    net = nn.HybridSequential(prefix='')
    net.add(nn.Conv2D(4, 3, in_channels=2, prefix='conv_'), nn.Dropout(0.5), nn.Flatten(), nn.Dense(3, prefix='out_'))
    net.initialize()
    net(nd.zeros((1, 2, 6, 6)))
    gbn.export_onnx(net, tmp_path / 'net.onnx', (8, 2, 6, 6))
    model = onnx.load(str(tmp_path / 'net.onnx'))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [('', 17)]
    assert model.ir_version == 8
    sizes = {value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
             for value in [*model.graph.input, *model.graph.output]}
    assert sizes == {'data': ['batch', 2, 6, 6], 'out_fwd_output': ['batch', 3]}
    assert {tensor.name for tensor in model.graph.initializer} == {'conv_weight', 'conv_bias', 'out_weight', 'out_bias'}
    assert [node.op_type for node in model.graph.node] == ['Conv', 'Flatten', 'Gemm', 'Identity']
    assert [path.name for path in tmp_path.iterdir()] == ['net.onnx']


def test_the_network_is_not_changed(rng, randomized, tmp_path):
    net = randomized(vision.mobilenet0_25(classes=3), (1, 3, 32, 32))
    before = {name: param.data().asnumpy() for name, param in net.collect_params().items()}
    gbn.export_onnx(net, tmp_path / 'net.onnx', (1, 3, 32, 32), fold=True)
    assert all((param.data().asnumpy() == before[name]).all() for name, param in net.collect_params().items())


def test_several_inputs_and_outputs(rng, tmp_path, same):
    class Net(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(3, in_units=4)

        def hybrid_forward(self, F, a, b):
            return self.dense(b) - a, b * 2

    net = Net()
    net.initialize(mx.init.Normal(1))
    a, b = rng.normal(size=(2, 3)).astype('f'), rng.normal(size=(2, 4)).astype('f')
    gbn.export_onnx(net, tmp_path / 'net.onnx', [(1, 3), (1, 4)])
    same(computed(tmp_path / 'net.onnx', a, b), net(nd.array(a), nd.array(b))[0])
    with pytest.raises(ValueError, match='takes 1 argument'):
        gbn.export_onnx(net, tmp_path / 'x', (1, 3))


class Sorted(mx.gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return F.sort(x, name='in_order')


class OfFixedBatch(mx.gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return F.reshape(x, shape=(2, 3, 4))


@pytest.mark.parametrize(('make', 'words'), [
    (Sorted, "sort of layer '.*in_order'"), (OfFixedBatch, 'batch'), (lambda: nn.Dense(3, in_units=5), 'shape'),
    (lambda: _cast(nn.Dense(3, in_units=12)), 'float16'), (lambda: nn.Dense(3), 'no values yet')])
def test_what_cannot_be_converted_is_refused_and_nothing_is_written(make, words, tmp_path):
    net = make()
    net.initialize()
    with pytest.raises(ValueError, match=words):
        gbn.export_onnx(net, tmp_path / 'net.onnx', (2, 12))
    assert list(tmp_path.iterdir()) == []


def test_a_shape_that_does_not_fit_is_one_sentence_with_the_layers_name(tmp_path, capfd):
    net = nn.Dense(3, in_units=5, prefix='dense7_')
    net.initialize()
    for shape, words in (((2, 12), r'dense7_fwd.*\[3,5\]'), ((2, 2**30, 8), 'does not fit')):
        with pytest.raises(ValueError, match=words):
            gbn.export_onnx(net, tmp_path / 'net.onnx', shape)
    assert capfd.readouterr() == ('', '')


def _cast(net):
    net.cast('float16')
    return net


@pytest.mark.parametrize('shape', [(0, 3), (1, -3), (1.5, 3), 'abc', None, 5, (), [(1, 3), 4]])
def test_a_shape_that_is_none_is_refused(shape, tmp_path):
    net = nn.Dense(3, in_units=3)
    net.initialize()
    with pytest.raises((ValueError, TypeError), match='shape'):
        gbn.export_onnx(net, tmp_path / 'net.onnx', shape)
    assert list(tmp_path.iterdir()) == []


def test_a_network_without_statistics_is_refused(tmp_path):
    with pytest.raises(ValueError, match='bn1 has no stored statistics'):
        gbn.export_onnx(gbn.LeNet(), tmp_path / 'net.onnx', (1, 1, 28, 28))
    with pytest.raises(TypeError, match='net is a str'):
        gbn.export_onnx('net', tmp_path / 'net.onnx', (1, 1, 28, 28))
