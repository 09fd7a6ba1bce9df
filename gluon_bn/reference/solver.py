"""Training of models written in NumPy: :class:`Solver`, with cs231n's interface, made resumable."""
from __future__ import annotations

import math
import os
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from ..support import archive
from ..support.arguments import as_array, boolean, floats, integer, labels, mapping, number, shown
from ..support.arguments import path as as_path
from .layers import generator, hits
from .solver_state import restore, state_of
from .update_rules import update_rule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_DEFAULTS = {'update_rule': 'sgd', 'optim_config': {}, 'lr_decay': 1.0, 'batch_size': 100, 'num_epochs': 10,
             'num_train_samples': 1000, 'num_val_samples': None, 'checkpoint_name': None, 'print_every': 10,
             'verbose': True, 'progress': True, 'seed': None}
_CHANGEABLE = ('num_epochs', 'checkpoint_name', 'print_every', 'verbose', 'progress')  # by resume
_ACCURACY_BATCH = 1000  # bounds the memory, and changes no result


class Solver:
    """Train a model by stochastic gradients, keep the best on the validation set, and continue after interruptions.

    What a model must offer
        ``params``, a dict name -> array, whose entries the solver replaces; ``loss(X, y)``, which returns the loss of a
        batch and a dict name -> gradient with the names of ``params``; ``loss(X)``, which returns scores
        ``(N, num_classes)`` and changes nothing. If it keeps more than parameters (batch norm's running values), also
        ``statistics``, a dict name -> array that can be assigned; they are kept and restored with the parameters.

    Parameters
    ----------
    model : object as above. **Changed by training.**
    data : dict with ``X_train`` ``(N, d_1, ..., d_k)``, ``y_train`` ``(N,)``, ``X_val``, ``y_val``, arrays, lists or
        tables of pandas, which are taken by position; labels are class numbers from 0 on
    update_rule : 'sgd', 'momentum' (or 'sgd_momentum'), 'rmsprop' or 'adam'; see ``update_rules``
    optim_config : dict with the rule's settings, ``learning_rate`` first of all
    lr_decay : float, the learning rate is multiplied by it after each epoch
    batch_size, num_epochs : int. A batch is drawn with replacement, as the exercise does; an epoch is
        ``N // batch_size`` batches.
    num_train_samples, num_val_samples : int or None, how many examples the accuracies are measured on; None is all
    checkpoint_name : path of a file, written whole after each epoch; None writes none
    verbose, print_every : print the accuracies of each epoch, and the loss of every ``print_every``-th batch
    progress : True for a progress bar, if there is a terminal
    seed : int from 0 to 2**32 - 1, or None, of the batches; None draws them from NumPy's global generator

    Attributes
    ----------
    loss_history : the loss of each batch
    train_acc_history, val_acc_history : accuracies after the first batch and after each epoch
    best_val_acc, best_params, best_statistics : of the best epoch, the first of equals; :meth:`train` leaves these in
        the model

    Raises
    ------
    ValueError, TypeError : an unknown option, update rule or setting (the message lists the valid ones), a value out of
        range or of another kind, data that are missing or do not fit each other or the model

    Example
    -------
    >>> X, y = np.array([[1., 0.], [0., 1.]] * 10), np.array([0, 1] * 10)
    >>> net = gbn.FullyConnectedNet([4], input_dim=2, num_classes=2, weight_scale=1, seed=0)
    >>> solver = gbn.Solver(net, {'X_train': X, 'y_train': y, 'X_val': X, 'y_val': y}, update_rule='adam', seed=0,
    ...                 optim_config={'learning_rate': 0.1}, batch_size=10, num_epochs=20, verbose=False)
    >>> solver.train()
    >>> solver.best_val_acc
    1.0
    """

    def __init__(self, model: Any, data: Mapping[str, np.ndarray], **options: Any) -> None:
        self.options = o = _checked_options(options)
        self.rule, settings = update_rule(o['update_rule'], o['optim_config'])
        o['optim_config'] = {name: settings[name] for name in o['optim_config']}
        self.model, self.data = model, _checked_data(data, model)
        self.configs = {name: dict(settings) for name in model.params}
        self.random = generator(o['seed'])
        self.iteration = 0
        self.best_val_acc, self.best_params, self.best_statistics = -1.0, {}, {}
        self.loss_history, self.train_acc_history, self.val_acc_history = [], [], []

    @classmethod
    def resume(cls, checkpoint_name, model, data, **changes):
        """The solver that wrote ``checkpoint_name``, as it was then; call :meth:`train` to continue.

        ``model`` is a new one of the same shapes, ``data`` the same data. ``changes`` replace ``num_epochs`` (by no
        fewer than are done), ``checkpoint_name``, ``print_every``, ``verbose`` and ``progress``. What follows is what
        would have followed without the interruption; for that the state of NumPy's global generator is restored too.
        Raises ``CheckpointError`` for a file that is damaged or does not fit, ``ValueError`` for other changes; then
        nothing has changed.
        """
        arrays, description = archive.load(checkpoint_name)
        options = description.get('options') if isinstance(description, dict) else None
        if not isinstance(options, dict) or description.get('kind') != 'Solver':
            raise archive.CheckpointError(f"{checkpoint_name} is not a checkpoint of a Solver.")
        try:  # the file's own: what is wrong with the changes is the caller's
            options = _checked_options(options)
        except (TypeError, ValueError) as error:
            raise archive.CheckpointError(f"{checkpoint_name} has wrong options: {error}") from error
        solver = cls(model, data, **{**options, 'checkpoint_name': str(checkpoint_name), **changes})
        others = sorted(name for name in changes if name not in _CHANGEABLE and solver.options[name] != options[name])
        if others:
            raise ValueError(f"{', '.join(others)} cannot change in the middle of a training; expected at most changes "
                             f"of {', '.join(_CHANGEABLE)}: train anew with the others.")
        restore(solver, arrays, description)
        return solver

    @property
    def iterations_per_epoch(self):
        """The number of batches in an epoch."""
        return max(len(self.data['X_train']) // self.options['batch_size'], 1)

    @property
    def epoch(self):
        """The number of finished epochs."""
        return self.iteration // self.iterations_per_epoch

    def train(self) -> None:
        """Train to the last epoch, then put the best parameters into the model.

        Raises ``FloatingPointError`` when the loss is no longer finite; the best parameters are kept in the solver.
        """
        o, per_epoch = self.options, self.iterations_per_epoch
        total = o['num_epochs'] * per_epoch
        with tqdm(total=total, initial=self.iteration, unit='batch', disable=None if o['progress'] else True) as bar:
            while self.iteration < total:
                self.step()
                bar.update()
                t = self.iteration
                if o['verbose'] and (t - 1) % o['print_every'] == 0:
                    bar.write(f"(Iteration {t} / {total}) loss: {self.loss_history[-1]:f}")
                if t % per_epoch == 0:
                    for config in self.configs.values():
                        config['learning_rate'] *= o['lr_decay']
                if t == 1 or t % per_epoch == 0:
                    self._note_accuracies()
                    if o['verbose']:
                        bar.write(f"(Epoch {self.epoch} / {o['num_epochs']}) train acc: "
                                  f"{self.train_acc_history[-1]:f}; val_acc: {self.val_acc_history[-1]:f}")
        self.model.params.update(_copies(self.best_params))
        if hasattr(self.model, 'statistics'):
            self.model.statistics = _copies(self.best_statistics)

    def step(self):
        """One batch: the loss, its gradients, and one step of the update rule for every parameter."""
        chosen = self.random.choice(len(self.data['X_train']), self.options['batch_size'])
        loss, grads = self.model.loss(self.data['X_train'][chosen], self.data['y_train'][chosen])
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} in iteration {self.iteration + 1}; a smaller learning_rate "
                                     "or other initial weights may help.")
        missing = [name for name in self.model.params if name not in grads]
        if missing:
            raise ValueError(f"the model's loss returns no gradient of {', '.join(missing)}; expected one for each of "
                             "its params.")
        for name, w in self.model.params.items():
            self.model.params[name], self.configs[name] = self.rule(w, grads[name], self.configs[name])
        self.loss_history.append(float(loss))
        self.iteration += 1

    def check_accuracy(self, X, y, num_samples=None):
        """The share of right answers on ``X``, ``y``, or on ``num_samples`` examples drawn from them."""
        X = as_array('X', X, 'examples, (N, ...)')
        y = labels('y', y, len(X))
        if not len(y):
            raise ValueError("X and y are empty; expected at least one example.")
        if num_samples is not None and integer('num_samples', num_samples, at_least=1) < len(X):
            chosen = self.random.choice(len(X), num_samples)
            X, y = X[chosen], y[chosen]
        batches = [slice(i, i + _ACCURACY_BATCH) for i in range(0, len(X), _ACCURACY_BATCH)]
        return sum(self._hits(X[b], y[b]) for b in batches) / len(X)

    def _hits(self, X, y):
        """How many of the examples have their largest score at their label; one with a NaN has no largest."""
        scores = as_array('what the loss(X) of the model returns', self.model.loss(X), 'scores, (N, num_classes)')
        scores = scores.astype(float) if scores.dtype == bool else scores
        scores = floats('what the loss(X) of the model returns', scores, (len(X), None))          # (N, num_classes)
        return int(np.sum(hits(scores, labels('y', y, num_classes=scores.shape[1]))))

    def _note_accuracies(self):
        """Measure the accuracies, keep the parameters if they are the best, and write the checkpoint."""
        d, o = self.data, self.options
        self.train_acc_history.append(self.check_accuracy(d['X_train'], d['y_train'], o['num_train_samples']))
        self.val_acc_history.append(self.check_accuracy(d['X_val'], d['y_val'], o['num_val_samples']))
        if self.val_acc_history[-1] > self.best_val_acc:
            self.best_val_acc = self.val_acc_history[-1]
            self.best_params = _copies(self.model.params)
            self.best_statistics = _copies(getattr(self.model, 'statistics', {}))
        if o['checkpoint_name'] is not None:
            self.save(o['checkpoint_name'])

    def save(self, path):
        """Write everything that is needed to continue to the file ``path``."""
        arrays, description = state_of(self)
        archive.save(path, arrays, {**description, 'options': {**self.options, 'checkpoint_name': str(path)}})


def _copies(named):
    return {name: np.array(array) for name, array in named.items()}


def _checked_options(options):
    """The options and the defaults of the others, as JSON can hold them; raise for one out of range or unknown."""
    unknown = sorted(set(options) - set(_DEFAULTS))
    if unknown:
        raise ValueError(f"Solver has no option {', '.join(map(repr, unknown))}; expected one of: "
                         f"{', '.join(_DEFAULTS)}.")
    o = {**_DEFAULTS, **options}
    checked = dict(o)
    for name in ('batch_size', 'num_epochs', 'print_every', 'num_train_samples', 'num_val_samples'):
        optional = name.endswith('_samples')
        if not (optional and o[name] is None):
            checked[name] = integer(name, o[name], at_least=1, hint='or None for all' if optional else '')
    for name in ('verbose', 'progress'):
        checked[name] = boolean(name, o[name])
    checked['lr_decay'] = number('lr_decay', o['lr_decay'], above=0)
    if o['seed'] is not None:
        checked['seed'] = integer('seed', o['seed'], 0, 2**32 - 1)
    if o['checkpoint_name'] is not None:
        file = as_path('checkpoint_name', o['checkpoint_name'], 'a file, or None')
        if file.exists() and not file.is_file():
            raise ValueError(f"checkpoint_name is {shown(str(file))}, which is no file; expected the path of one.")
        checked['checkpoint_name'] = os.fspath(o['checkpoint_name'])
    mapping('optim_config', o['optim_config'], "a dictionary, for example {'learning_rate': 1e-3}")
    update_rule(o['update_rule'], o['optim_config'])
    return checked


def _checked_data(data, model):
    """``data`` with arrays of examples, and of labels that are classes of the model."""
    mapping('data', data, "a dictionary with X_train, y_train, X_val and y_val")
    if not (callable(getattr(model, 'loss', None)) and isinstance(getattr(model, 'params', None), MutableMapping)):
        raise TypeError(f"model is {shown(model)}; expected one with params, a dictionary of arrays, and loss(X, y), "
                        "as gbn.FullyConnectedNet is.")
    missing = [name for name in ('X_train', 'y_train', 'X_val', 'y_val') if name not in data]
    if missing:
        raise ValueError(f"data has no {', '.join(missing)}; expected X_train, y_train, X_val and y_val.")
    checked = dict(data)
    for part in ('train', 'val'):
        X = as_array(f'X_{part}', data[f'X_{part}'], 'examples, (N, ...)')
        y = labels(f'y_{part}', data[f'y_{part}'])
        if X.ndim == 0 or len(X) != len(y) or not len(X):
            examples = len(X) if X.ndim else 'no axis of'
            raise ValueError(f"X_{part} has {examples} examples and y_{part} {len(y)} labels; expected one label an "
                             "example, and at least one.")
        num_classes = _num_classes(model, X)
        checked[f'X_{part}'], checked[f'y_{part}'] = X, labels(f'y_{part}', y, num_classes=num_classes)
    return checked


def _num_classes(model, X):
    """The number of columns of the model's scores, which it gives without being changed."""
    with np.errstate(all='ignore'):
        scores = np.shape(model.loss(X[:1]))
    if len(scores) != 2:
        raise ValueError(f"the model's loss(X) returns scores of shape {scores}; expected (N, num_classes).")
    return scores[1]
