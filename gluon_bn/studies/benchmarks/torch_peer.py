"""PyTorch, eager or compiled, as a contestant."""
import os

import torch
from torch import nn

from .peers import LEARNING_RATE, as_float

torch.set_num_threads(int(os.environ.get('OMP_NUM_THREADS', torch.get_num_threads())))


class Torch:
    """Its built-in layers on the CPU."""

    def __init__(self, compiled):
        self.compiled, self.name = compiled, f"PyTorch {'compiled' if compiled else 'eager'}"

    def wait(self):
        """Nothing to wait for: it computes at once."""

    def layer(self, shape):
        """Forward, and forward and backward, of ``nn.BatchNorm``."""
        X, dY = torch.randn(shape, requires_grad=True), torch.randn(shape)
        bn = self._ready((nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(shape[1]))
        return lambda: bn(X), lambda: bn(X).backward(dY)

    def network(self):
        """The same LeNet of its modules."""
        return _Network(self._ready)

    def _ready(self, function):
        return torch.compile(function) if self.compiled else function


class _Network:
    def __init__(self, ready):
        blocks = [layer for i, k, r in ((1, 20, 3), (20, 50, 5))
                  for layer in (nn.Conv2d(i, k, r), nn.BatchNorm2d(k), nn.ReLU(), nn.AvgPool2d(2))]
        self._net = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(800, 128), nn.BatchNorm1d(128), nn.ReLU(),
                                  nn.Linear(128, 10))
        with torch.no_grad():
            for layer in self._net:
                if isinstance(layer, (nn.Conv2d, nn.Linear)):
                    layer.weight.normal_(0, 0.01)
        self._ready = ready(self._net)
        self._optimizer = torch.optim.SGD(self._net.parameters(), LEARNING_RATE)
        self._loss = nn.CrossEntropyLoss(reduction='sum')

    def batches(self, images, labels, batch_size):
        """Batches of the images in their order."""
        for i in range(0, len(images), batch_size):
            yield (torch.from_numpy(as_float(images[i:i + batch_size])),
                   torch.from_numpy(labels[i:i + batch_size]).long())

    def step(self, data, label):
        """One step of SGD on one batch; returns the mean loss."""
        self._net.train()
        loss = self._loss(self._ready(data), label)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss.detach() / len(data)

    @torch.no_grad()
    def correct(self, images, labels):
        """How many of the images are recognised, in batches of 256."""
        self._net.eval()
        return sum(int((self._ready(torch.from_numpy(as_float(images[i:i + 256]))).argmax(1).numpy()
                        == labels[i:i + 256]).sum()) for i in range(0, len(images), 256))
