"""Networks as PyTorch modules and back: the same numbers, names of the state dictionary, and training that goes on."""
import copy
import io
import pickle

import numpy as np
import pytest

import gluon_bn as gbn
from gluon_bn._mxnet import autograd, mx, nd

torch = pytest.importorskip('torch', reason='torch is not installed')
nn, vision = mx.gluon.nn, mx.gluon.model_zoo.vision


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def outputs(module, X):
    with torch.no_grad():
        return module(torch.tensor(X)).numpy()


def small_net():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, padding=1), nn.BatchNorm(), nn.Activation('relu'), nn.MaxPool2D(), nn.Flatten(),
            nn.Dense(5), nn.BatchNorm(scale=False, epsilon=1e-3), nn.LeakyReLU(0.1), nn.Dropout(0.5), nn.Dense(3))
    return net


def small_module():
    """What one writes by hand in PyTorch for ``small_net``."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(64, 5), torch.nn.BatchNorm1d(5, eps=1e-3), torch.nn.LeakyReLU(0.1),
        torch.nn.Dropout(0.5), torch.nn.Linear(5, 3))


@pytest.mark.parametrize('name', ['resnet18_v1', 'resnet18_v2', 'mobilenet0_25', 'mobilenet_v2_0_25'])
def test_a_network_of_the_model_zoo_and_back(name, rng, randomized, same):
    net = randomized(getattr(vision, name)(classes=7), (1, 3, 64, 64))
    X = rng.normal(size=(2, 3, 64, 64)).astype('f')
    expected = net(nd.array(X)).asnumpy()
    module = gbn.to_torch(net)
    same(outputs(module, X), expected)
    same(gbn.from_torch(module)(nd.array(X)), expected)
    same(net(nd.array(X)), expected, tolerance=0)  # it is as it was


def test_the_state_dictionary_fits_a_module_written_by_hand(rng, randomized, same):
    net = randomized(small_net(), (2, 2, 8, 8))
    X = rng.normal(size=(3, 2, 8, 8)).astype('f')
    by_hand = small_module()
    by_hand.load_state_dict(gbn.to_torch(net).state_dict())
    same(outputs(by_hand.eval(), X), net(nd.array(X)))
    assert by_hand[6].weight.tolist() == [1] * 5  # scale=False: MXNet takes 1, whatever the parameter holds


def test_a_module_written_by_hand_comes_back_with_the_names_of_gluon(rng, same, tmp_path):
    module = small_module()
    for value in module.state_dict().values():
        if value.dtype == torch.float32:
            value.copy_(torch.tensor(rng.uniform(0.5, 1.5, value.shape)))
    torch.nn.init.ones_(module[6].weight)  # Gluon's scale=False knows no other
    X = rng.normal(size=(3, 2, 8, 8)).astype('f')
    net = gbn.from_torch(module.eval())
    same(net(nd.array(X)), outputs(module, X))
    net.save_parameters(str(tmp_path / 'net.params'))
    twin = small_net()
    twin.load_parameters(str(tmp_path / 'net.params'))
    same(twin(nd.array(X)), outputs(module, X))


def test_names_of_a_resnet():
    net = vision.resnet18_v1(classes=7)
    net.initialize()
    net(nd.zeros((1, 3, 32, 32)))
    names = list(gbn.to_torch(net).state_dict())
    assert names[:3] == ['features.0.weight', 'features.1.weight', 'features.1.bias']
    assert {'features.5.0.downsample.1.running_var', 'output.weight', 'output.bias'} <= set(names)


def test_momentum_eps_and_what_is_trained(randomized):
    net = nn.HybridSequential()
    net.add(nn.BatchNorm(momentum=0.75, epsilon=0.01), nn.BatchNorm(scale=False), nn.BatchNorm(center=False),
            nn.BatchNorm(use_global_stats=True), nn.BatchNorm())
    net[4].gamma.grad_req = 'null'
    module = gbn.to_torch(randomized(net, (2, 3, 4, 4)))
    layers = [module.get_submodule(str(i)) for i in range(5)]
    assert (layers[0].momentum, layers[0].eps, layers[1].momentum) == (0.25, 0.01, 0.1)
    assert [layer.weight.requires_grad for layer in layers] == [True, False, True, True, False]
    assert [layer.bias.requires_grad for layer in layers] == [True, True, False, True, True]
    assert not module.training
    module.train()
    assert [layer.training for layer in layers] == [True, True, True, False, True]
    back = gbn.from_torch(module)
    assert sorted(name for name, param in back.collect_params().items() if param.grad_req == 'null') == sorted(
        name for name, param in net.collect_params().items() if param.grad_req == 'null')


def gluon_losses(net, X, y, steps, lr, momentum=0.0):
    trainer = mx.gluon.Trainer(net.collect_params(), 'sgd', {'learning_rate': lr, 'momentum': momentum}, kvstore=None)
    loss_of = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    losses = []
    for _ in range(steps):
        with autograd.record():
            loss = loss_of(net(nd.array(X, dtype=X.dtype)), nd.array(y)).mean()
        loss.backward()
        trainer.step(1)
        losses.append(loss.asscalar())
    return np.array(losses)


def torch_losses(module, X, y, steps, lr, momentum=0.0):
    module.train()
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=lr, momentum=momentum)
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(module(torch.tensor(X)), torch.tensor(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    module.eval()
    return np.array(losses)


def double(net):
    net.cast('float64')
    return net


@pytest.mark.parametrize('whole', [False, pytest.param(True, marks=pytest.mark.slow)], ids=['narrow', 'whole'])
def test_a_resnet18_goes_on_training_with_the_same_losses(whole, rng, randomized):
    """In float64, so that rounding hides no difference; MXNet keeps a learning rate in float32, hence powers of 2."""
    layers, channels = [2, 2, 2, 2], [64, 64, 128, 256, 512] if whole else [4, 4, 8, 16, 32]
    net = double(randomized(vision.ResNetV1(vision.BasicBlockV1, layers, channels, classes=5), (1, 3, 32, 32)))
    X, y = rng.normal(size=(6, 3, 32, 32)), rng.integers(0, 5, 6)
    module = gbn.to_torch(net)
    back = gbn.from_torch(module)
    settings = {'steps': 20, 'lr': 2 ** -7, 'momentum': 0.5}
    expected = gluon_losses(net, X, y, **settings)
    np.testing.assert_allclose(torch_losses(module, X, y, **settings), expected, rtol=0, atol=1e-8 * expected[0])
    np.testing.assert_allclose(gluon_losses(back, X, y, **settings), expected, rtol=0, atol=1e-8 * expected[0])
    assert expected[-1] < 0.8 * expected[0]


def test_all_of_the_stored_statistics_agree_but_the_variance_that_torch_divides_by_one_less(rng, randomized):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3), nn.BatchNorm(momentum=0.75), nn.Dense(5))
    net = double(randomized(net, (1, 2, 6, 5)))
    X, y, steps = rng.normal(size=(3, 2, 6, 5)), rng.integers(0, 5, 3), 4
    module, old = gbn.to_torch(net), net[1].running_var.data().asnumpy()
    losses = torch_losses(module, X, y, steps, lr=0.25)
    np.testing.assert_allclose(losses, gluon_losses(net, X, y, steps, lr=0.25), rtol=1e-10)
    layer, n = module.get_submodule('1'), 3 * 4 * 3                                 # values of a channel in a batch
    np.testing.assert_allclose(layer.running_mean.numpy(), net[1].running_mean.data().asnumpy(), rtol=1e-10)
    kept = 0.75 ** steps * old                                                      # what is left of the values before
    biased = net[1].running_var.data().asnumpy() - kept
    np.testing.assert_allclose(layer.running_var.numpy() - kept, n / (n - 1) * biased, rtol=1e-10)


def test_a_fixed_gamma_stays_one_when_trained(rng, randomized):
    net = nn.HybridSequential()
    net.add(nn.Dense(4), nn.BatchNorm(scale=False), nn.Dense(3))
    net = double(randomized(net, (2, 5)))
    net[1].gamma.set_data(nd.array([3, 4, 5, 6], dtype='float64'))
    X, y = rng.normal(size=(8, 5)), rng.integers(0, 3, 8)
    module = gbn.to_torch(net)
    np.testing.assert_allclose(torch_losses(module, X, y, 5, 0.25), gluon_losses(net, X, y, 5, 0.25), rtol=1e-10)
    assert module.get_submodule('1').weight.tolist() == [1] * 4


@pytest.mark.parametrize('make', [
    lambda: gbn.LeNet(num_fc=20), lambda: gbn.LeNet(batch_norm=False, num_fc=20),
    lambda: gbn.SigmoidMLP(hidden=(20, 9), weight_scale=0.1, momentum=0.8, eps=1e-3)], ids=['LeNet', 'plain', 'MLP'])
def test_a_network_by_hand_and_back(make, same):
    images, labels = gbn.data.load('mnist', train=False)
    X = images[:32].astype('f') / 255
    net = make()
    for start in (0, 16):
        net(nd.array(X[start:start + 16]))
    expected = net(nd.array(X), is_training=False)
    module = gbn.to_torch(net)
    same(outputs(module, X), expected)
    back = gbn.from_torch(module)
    assert type(back) is type(net)
    same(back(nd.array(X), is_training=False), expected, tolerance=0)
    assert (back.momentum, back.eps, set(back.bn_ewv_means)) == (net.momentum, net.eps, set(net.bn_ewv_means))


def test_a_lenet_trains_on_in_torch_with_the_same_losses(same):
    images, labels = gbn.data.load('mnist', train=True)
    X, y = images[:64].astype('f') / 255, labels[:64].astype('int64')
    net = gbn.LeNet(weight_scale=0.05, num_fc=20)
    net(nd.array(X))
    module = gbn.to_torch(net).train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0001)
    losses, expected = [], []
    for _ in range(5):
        expected.append(gbn.train_step(net, nd.array(X), nd.array(y), 0.0001).mean().asscalar())
        loss = torch.nn.functional.cross_entropy(module(torch.tensor(X)), torch.tensor(y), reduction='none')
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        losses.append(loss.mean().item())
    np.testing.assert_allclose(losses[:1], expected[:1], rtol=1e-6)
    np.testing.assert_allclose(losses, expected, rtol=1e-3)  # rounding grows where a ReLU switches
    assert expected[-1] < expected[0] - 0.01
    back = gbn.from_torch(module.eval())
    same(back(nd.array(X), is_training=False), outputs(module, X))


@pytest.mark.parametrize('make', [
    lambda: gbn.FullyConnectedNet([20, 9], 784, use_batchnorm=True, weight_scale=0.1, dtype='float64'),
    lambda: gbn.FullyConnectedNet([20], 784, normalization='layernorm', weight_scale=0.1),
    lambda: gbn.MLP([784, 20, 10], momentum=None)], ids=['batch norm', 'layer norm', 'MLP'])
def test_a_network_of_numpy_and_back(make, same):
    images, labels = gbn.data.load('mnist', train=False)
    net = make()
    X = images[:32].astype(net.dtype) / 255
    net.loss(X, labels[:32])
    module = gbn.to_torch(net)
    same(outputs(module, X), net.loss(X))
    back = gbn.from_torch(module)
    assert (type(back), back.dtype) == (type(net), net.dtype)
    same(back.loss(X), net.loss(X), tolerance=0)
    assert {key: value for key, value in back.bn_params[0].items() if np.isscalar(value)} == {
        key: value for key, value in net.bn_params[0].items() if np.isscalar(value)} if net.bn_params else True


def test_copies_pickles_and_files_of_a_module_compute_the_same(rng, randomized, same):
    module = gbn.to_torch(randomized(small_net(), (2, 2, 8, 8)))
    X = rng.normal(size=(3, 2, 8, 8)).astype('f')
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = gbn.to_torch(randomized(small_net(), (2, 2, 8, 8)))
    other.load_state_dict(torch.load(file, weights_only=True))
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), other):
        same(outputs(twin, X), outputs(module, X), tolerance=0)


def test_the_generators_of_torch_and_mxnet_are_left_alone(randomized):
    net = randomized(small_net(), (2, 2, 8, 8))
    torch.manual_seed(3)
    expected = torch.rand(2).tolist()
    torch.manual_seed(3)
    module = gbn.to_torch(net)
    assert torch.rand(2).tolist() == expected
    assert module.get_submodule('1').num_batches_tracked == 0


class Residual(torch.nn.Module):
    """A module with a forward of its own, as people write them."""

    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3, 2, 1, bias=False), torch.nn.BatchNorm2d(4))
        self.block = torch.nn.Conv2d(4, 4, 3, padding='same', groups=2)
        self.norm = torch.nn.BatchNorm2d(4, affine=False)
        self.scale = torch.nn.Parameter(torch.full((4, 1, 1), 0.5))
        self.head = torch.nn.Linear(8, 3)

    def forward(self, x):
        x = torch.nn.functional.relu(self.stem(x))
        x = x + self.norm(self.block(x)) * 2 - 1
        a = torch.nn.functional.max_pool2d(x, 2, ceil_mode=True).mean((2, 3))
        b = torch.nn.functional.adaptive_avg_pool2d(x, (1, 1))
        x = torch.cat([a, torch.flatten(b, 1)], 1)
        return self.head(torch.nn.functional.dropout(x.view(x.size(0), -1), 0.5, self.training)).clamp(min=-2)


def test_a_module_with_a_forward_of_its_own(rng, same, tmp_path):
    module = Residual().eval()
    for value in module.state_dict().values():
        if value.dtype == torch.float32:
            value.copy_(torch.tensor(rng.uniform(0.5, 1.5, value.shape)))
    X = rng.normal(size=(3, 2, 9, 7)).astype('f')
    net = gbn.from_torch(module)
    same(net(nd.array(X)), outputs(module, X))
    names = set(net._collect_params_with_prefix())
    assert {'stem.0.weight', 'stem.1.gamma', 'block.bias', 'norm.running_mean', 'head.weight'} <= names
    net.hybridize()
    net(nd.array(X))
    net.export(str(tmp_path / 'net'))
    block = mx.gluon.SymbolBlock.imports(str(tmp_path / 'net-symbol.json'), ['data'], str(tmp_path / 'net-0000.params'))
    same(block(nd.array(X)), outputs(module, X))


def test_a_resnet_of_torchvision(rng, same):
    models = pytest.importorskip('torchvision.models', reason='torchvision is not installed')
    module = models.resnet18(weights=None, num_classes=7).eval()
    for name, value in module.state_dict().items():
        if 'running' in name or 'bn' in name and value.dtype == torch.float32:
            value.copy_(torch.tensor(rng.uniform(0.5, 1.5, value.shape)))
    X = rng.normal(size=(2, 3, 64, 64)).astype('f')
    net = gbn.from_torch(module)
    same(net(nd.array(X)), outputs(module, X))
    assert 'layer2.0.downsample.1.running_var' in net._collect_params_with_prefix()


@pytest.mark.parametrize(('make', 'words'), [
    (lambda: torch.nn.LSTM(2, 3), 'LSTM'),
    (lambda: torch.nn.BatchNorm2d(3, track_running_stats=False), 'BatchNorm2d.*track_running_stats'),
    (lambda: torch.nn.BatchNorm2d(3, momentum=None), 'BatchNorm2d.*momentum=None'),
    (lambda: torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Conv2d(2, 3, 3, padding_mode='reflect')),
     "Conv2d at '1'.*padding_mode=reflect"),
    (lambda: torch.nn.AdaptiveAvgPool2d(2), 'AdaptiveAvgPool2d.*output_size=2'),
    (lambda: torch.nn.MaxPool2d(2, 3, ceil_mode=True), 'MaxPool2d.*ceil_mode'),
    (lambda: torch.nn.Embedding(3, 2, padding_idx=0), 'Embedding.*padding_idx=0')])
def test_a_module_that_is_not_known_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        gbn.from_torch(make())


class Deciding(torch.nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Sorting(torch.nn.Module):
    def forward(self, x):
        return torch.sort(x)[0]


def test_a_forward_that_cannot_be_followed_is_refused():
    with pytest.raises(ValueError, match='Deciding cannot be traced'):
        gbn.from_torch(Deciding())
    with pytest.raises(ValueError, match='sort.*is not known here'):
        gbn.from_torch(Sorting())
    with pytest.raises(TypeError, match='OrderedDict; expected a torch.nn.Module'):
        gbn.from_torch(small_module().state_dict())


class Module(torch.nn.Module):
    """A module whose forward is a function of it and its input."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.of = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.of(self, x)


def test_a_layer_that_is_there_twice_is_computed_twice(rng, same):
    relu, linear = torch.nn.ReLU(), torch.nn.Linear(4, 4)
    part = torch.nn.Sequential(linear, relu)
    module = torch.nn.Sequential(linear, relu, torch.nn.Linear(4, 4), relu, part, part)
    X = rng.normal(size=(3, 4)).astype('f')
    net = gbn.from_torch(module)
    same(net(nd.array(X)), outputs(module, X))
    assert net[0] is net[4][0]
    assert list(net._children) == list('012345')
    assert len(list(net.collect_params())) == 4


@pytest.mark.parametrize('forward', [
    lambda self, x: torch.chunk(x, 2, 2)[1], lambda self, x: x.chunk(2, dim=3)[-1],
    lambda self, x: x.permute(0, -1, 1, 2), lambda self, x: x * self.number,
    lambda self, x: torch.flatten(x, 1), lambda self, x: x.flatten(start_dim=1)])
@pytest.mark.parametrize('hybridized', [False, True])
def test_steps_of_a_forward(forward, hybridized, rng, same, recwarn):
    module = Module(forward, number=torch.nn.Parameter(torch.tensor(2.5)))
    X = rng.normal(size=(2, 3, 4, 4)).astype('f')
    net = gbn.from_torch(module)
    if hybridized:
        net.hybridize()
    same(net(nd.array(X)), outputs(module, X))
    assert [warning for warning in recwarn if 'unregistered container' in str(warning.message)] == []


@pytest.mark.parametrize(('make', 'words'), [
    (lambda: Module(lambda self, x: torch.flatten(x)), 'start_dim=0'),
    (lambda: Module(lambda self, x: x.flatten()), 'start_dim=0'),
    (lambda: Module(lambda self, x: x.relu()[0]), 'getitem.*takes the piece 0'),
    (lambda: Module(lambda self, x: self.up(x, output_size=[9, 9]), up=torch.nn.ConvTranspose2d(2, 2, 2, 2)),
     "'up'.*is called with more than its input"),
    (lambda: Module(lambda self, x: self.up(x, [9, 9]), up=torch.nn.ConvTranspose2d(2, 2, 2, 2)),
     "'up'.*is called with more than its input"),
    (lambda: torch.nn.Sequential(torch.nn.Softmax()), "Softmax at '0' has dim=None"),
    (lambda: small_module().bfloat16(), '0.weight is of torch.bfloat16; expected float32'),
    (lambda: small_module().half(), '0.weight is of torch.float16; expected float32'),
    (lambda: torch.nn.Linear(2, 2, device='meta'), 'weight has no values')])
def test_what_would_become_something_else_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        gbn.from_torch(make())


@pytest.mark.parametrize('make', [
    lambda layer: layer, lambda layer: torch.nn.Sequential(layer), lambda layer: torch.nn.Sequential(
        torch.nn.Sequential(layer)), lambda layer: Module(lambda self, x: self.part(x) * 2, part=layer)])
@pytest.mark.parametrize('place', [0, -1])
def test_hooks_are_refused_wherever_they_are(make, place):
    module = make(torch.nn.Linear(2, 2))
    list(module.modules())[place].register_forward_hook(lambda module, inputs, output: output * 2)
    with pytest.raises(ValueError, match='has hooks'):
        gbn.from_torch(module)


@pytest.mark.parametrize('make', [torch.nn.Sequential,
                                  lambda a, b: Module(lambda self, x: self.b(self.a(x)), a=a, b=b)])
def test_a_parameter_that_two_layers_train_is_refused(make, rng, same):
    first, second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    second.weight = first.weight
    module = make(first, second)
    with pytest.raises(ValueError, match='weight and .*weight of .* are one parameter'):
        gbn.from_torch(module)
    first.weight.requires_grad_(False)
    X = rng.normal(size=(3, 3)).astype('f')
    same(gbn.from_torch(module)(nd.array(X)), outputs(module, X))


def test_a_network_that_is_not_ready_is_refused():
    with pytest.raises(ValueError, match='bn1 has no stored statistics'):
        gbn.to_torch(gbn.LeNet())
    with pytest.raises(ValueError, match='no values yet'):
        gbn.to_torch(small_net())


def test_several_inputs_keep_their_order(rng, same):
    class Difference(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(3, in_units=4)

        def hybrid_forward(self, F, a, b):
            return self.dense(b) - a, b * 2

    net = Difference()
    net.initialize(mx.init.Normal(1))
    a, b = rng.normal(size=(2, 3)).astype('f'), rng.normal(size=(2, 4)).astype('f')
    module = gbn.to_torch(net, inputs=2)
    for found, expected in zip(module(torch.tensor(a), torch.tensor(b)), net(nd.array(a), nd.array(b))):
        same(found.detach().numpy(), expected)
    for found, expected in zip(gbn.from_torch(module)(nd.array(a), nd.array(b)), net(nd.array(a), nd.array(b))):
        same(found, expected)
