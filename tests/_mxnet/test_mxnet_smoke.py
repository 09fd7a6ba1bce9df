"""The parts of MXNet that scripts of its users call, once each: they load and compute on this Python and this NumPy."""
import numpy as np
import pytest

from gluon_bn._mxnet import autograd, mx, nd


def test_mx_np_and_npx():
    mx.npx.set_np()
    try:
        a = mx.np.array([[1., 2.], [3., 4.]])
        assert mx.np.dot(a, a).tolist() == [[7, 10], [15, 22]]
        assert mx.np.linalg.norm(a).item() == pytest.approx(30 ** .5, rel=1e-6)
        assert mx.npx.relu(a - 2.5).tolist() == [[0, 0], [.5, 1.5]]
        assert a[a > 2].tolist() == [3, 4]
        assert mx.np.in1d(a.asnumpy(), [2, 3]).tolist() == [False, True, True, False]
        assert mx.np.zeros((2,), dtype=bool).tolist() == [False, False]
    finally:
        mx.npx.reset_np()


def test_arrays_are_saved_indexed_and_sparse(tmp_path):
    a = nd.arange(6).reshape((2, 3))
    nd.save(str(tmp_path / 'a'), {'a': a})
    assert nd.load(str(tmp_path / 'a'))['a'][1, 1:].asnumpy().tolist() == [4, 5]
    assert mx.nd.sparse.csr_matrix(([1., 2.], [0, 2], [0, 1, 2]), shape=(2, 3)).asnumpy().tolist() == [[1, 0, 0],
                                                                                                    [0, 0, 2]]


@pytest.mark.parametrize('name', ['sgd', 'adam', 'rmsprop', 'adagrad', 'adadelta', 'nag', 'ftrl', 'adamax', 'nadam',
                                  'signum', 'ftml', 'lamb'])
def test_gluon_learns_with_each_optimizer(name):
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Dense(8, activation='relu'), mx.gluon.nn.BatchNorm(), mx.gluon.nn.Dense(2))
    net.initialize(mx.init.Xavier())
    net.hybridize()
    trainer = mx.gluon.Trainer(net.collect_params(), name)
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    x, y = nd.random.normal(shape=(16, 4)), nd.array(16 * [1])
    net(x)
    before = [p.data().copy() for p in net.collect_params().values() if p.grad_req != 'null']
    with autograd.record():
        total = loss(net(x), y).mean()
    total.backward()
    trainer.step(1)
    after = [p.data() for p in net.collect_params().values() if p.grad_req != 'null']
    assert any((a != b).sum().asscalar() for a, b in zip(after, before))
    assert np.isfinite(total.asscalar())


def test_data_loader_without_workers():
    data = mx.gluon.data.ArrayDataset(np.arange(6, dtype='f4').reshape(6, 1), np.arange(6))
    batches = list(mx.gluon.data.DataLoader(data.transform_first(lambda x: x * 2), batch_size=4))
    assert [x.shape for x, _ in batches] == [(4, 1), (2, 1)]
    assert batches[1][0].asnumpy().ravel().tolist() == [8, 10]


def test_module_learns_from_an_iterator(tmp_path):
    x = np.random.normal(size=(64, 2)).astype('f4')
    y = (x[:, 0] > 0).astype('f4')
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var('data'), num_hidden=2), name='softmax')
    module = mx.mod.Module(net)
    module.fit(mx.io.NDArrayIter(x, y, 16, shuffle=True), num_epoch=20, optimizer_params={'learning_rate': 1.0})
    module.save_checkpoint(str(tmp_path / 'm'), 1)
    loaded = mx.mod.Module.load(str(tmp_path / 'm'), 1)
    loaded.bind(data_shapes=[('data', (16, 2))], label_shapes=[('softmax_label', (16,))])
    (name, accuracy), = loaded.score(mx.io.NDArrayIter(x, y, 16), 'acc')
    assert name == 'accuracy'
    assert accuracy > .9


def test_key_value_store():
    store = mx.kv.create('local')
    store.init(3, nd.ones((2,)))
    store.push(3, [nd.ones((2,)), 2 * nd.ones((2,))])
    value = nd.zeros((2,))
    store.pull(3, out=value)
    assert value.asnumpy().tolist() == [3, 3]


def test_images_and_records(tmp_path):
    image = nd.array(np.arange(48).reshape(4, 4, 3), dtype='uint8')
    assert mx.image.imresize(image, 2, 2).shape == (2, 2, 3)
    assert mx.image.color_normalize(image.astype('float32'), nd.array([1.]), nd.array([2.])).asnumpy()[0, 0, 2] == .5
    record = mx.recordio.MXIndexedRecordIO(str(tmp_path / 'a.idx'), str(tmp_path / 'a.rec'), 'w')
    record.write_idx(0, mx.recordio.pack((0, 5, 0, 0), b'content'))
    record.close()
    record = mx.recordio.MXIndexedRecordIO(str(tmp_path / 'a.idx'), str(tmp_path / 'a.rec'), 'r')
    header, content = mx.recordio.unpack(record.read_idx(0))
    record.close()
    assert (header.label, content) == (5, b'content')


def test_custom_operator():
    class Twice(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            self.assign(out_data[0], req[0], in_data[0] * 2)

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], out_grad[0] * 2)

    @mx.operator.register('gluon_bn_test_twice')
    class TwiceProp(mx.operator.CustomOpProp):
        def create_operator(self, ctx, shapes, dtypes):
            return Twice()

    x = nd.array([1., 2.])
    x.attach_grad()
    with autograd.record():
        y = nd.Custom(x, op_type='gluon_bn_test_twice')
    y.backward()
    assert (y.asnumpy().tolist(), x.grad.asnumpy().tolist()) == ([2, 4], [2, 2])
