"""Training of models written in NumPy: :class:`Solver`, with cs231n's interface, made resumable."""
from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from . import checkpoint
from .update_rules import update_rule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_DEFAULTS = {'update_rule': 'sgd', 'optim_config': {}, 'lr_decay': 1.0, 'batch_size': 100, 'num_epochs': 10,
             'num_train_samples': 1000, 'num_val_samples': None, 'checkpoint_name': None, 'print_every': 10,
             'verbose': True, 'progress': True, 'seed': None}
_STATE = ('params', 'best_params', 'statistics', 'best_statistics')
_HISTORIES = ('loss_history', 'train_acc_history', 'val_acc_history')
_ACCURACY_BATCH = 1000  # bounds the memory, and changes no result


class Solver:
    """Train a model by stochastic gradients, keep what was best on the validation set, and go on after interruptions.

    What a model must offer
        ``params``, a dict name -> array, whose entries the solver replaces; ``loss(X, y)``, which returns the loss of a
        batch and a dict name -> gradient with the names of ``params``; ``loss(X)``, which returns scores
        ``(N, num_classes)`` and changes nothing. If it keeps more than parameters (batch norm's running values), also
        ``statistics``, a dict name -> array that can be assigned; they are kept and restored with the parameters.

    Parameters
    ----------
    model : object as above. **Changed by training.**
    data : dict with ``X_train`` ``(N, d_1, ..., d_k)``, ``y_train`` ``(N,)``, ``X_val``, ``y_val``
    update_rule : 'sgd', 'momentum' (or 'sgd_momentum'), 'rmsprop' or 'adam'; see ``update_rules``
    optim_config : dict with the rule's settings, ``learning_rate`` first of all
    lr_decay : float, the learning rate is multiplied by it after each epoch
    batch_size, num_epochs : int. A batch is drawn with replacement, as the exercise does; an epoch is
        ``N // batch_size`` batches.
    num_train_samples, num_val_samples : int or None, how many examples the accuracies are measured on; None is all
    checkpoint_name : path of a file, written whole after each epoch; None writes none
    verbose, print_every : print the accuracies of each epoch, and the loss of every ``print_every``-th batch
    progress : True for a progress bar, if there is a terminal
    seed : int or None, of the batches; None draws them from NumPy's global generator

    Attributes
    ----------
    loss_history : the loss of each batch
    train_acc_history, val_acc_history : accuracies after the first batch and after each epoch
    best_val_acc, best_params, best_statistics : of the best epoch; :meth:`train` leaves these in the model

    Raises
    ------
    ValueError : an unknown option, update rule or setting (the message lists the valid ones), a value out of range,
        data that are missing or do not fit

    Example
    -------
    >>> X, y = np.array([[1., 0.], [0., 1.]] * 10), np.array([0, 1] * 10)
    >>> net = gbn.FullyConnectedNet([4], input_dim=2, num_classes=2, weight_scale=1, seed=0)
    >>> solver = Solver(net, {'X_train': X, 'y_train': y, 'X_val': X, 'y_val': y}, update_rule='adam', seed=0,
    ...                 optim_config={'learning_rate': 0.1}, batch_size=10, num_epochs=20, verbose=False)
    >>> solver.train()
    >>> solver.best_val_acc
    1.0
    """

    def __init__(self, model: Any, data: Mapping[str, np.ndarray], **options: Any) -> None:
        unknown = sorted(set(options) - set(_DEFAULTS))
        if unknown:
            raise ValueError(f"Solver has no option {', '.join(map(repr, unknown))}; expected one of: "
                             f"{', '.join(_DEFAULTS)}.")
        self.options = {**_DEFAULTS, **options}
        _check_options(self.options)
        _check_data(data)
        self.model, self.data = model, data
        self._rule, settings = update_rule(self.options['update_rule'], self.options['optim_config'])
        self._configs = {name: dict(settings) for name in model.params}
        seed = self.options['seed']
        self._random = np.random if seed is None else np.random.RandomState(seed)
        self.iteration = 0
        self.best_val_acc, self.best_params, self.best_statistics = -1.0, {}, {}
        self.loss_history, self.train_acc_history, self.val_acc_history = [], [], []

    @classmethod
    def resume(cls, checkpoint_name, model, data, **changes):
        """The solver that wrote ``checkpoint_name``, as it was then; call :meth:`train` to go on.

        ``model`` is a new one of the same shapes, ``data`` the same data. ``changes`` replace options, for example
        ``num_epochs``. What follows is what would have followed without the interruption; for that the state of NumPy's
        global generator is restored too. Raises ``CheckpointError``.
        """
        arrays, description = checkpoint.load(checkpoint_name)
        if description.get('kind') != 'Solver':
            raise checkpoint.CheckpointError(f"{checkpoint_name} is not a checkpoint of a Solver.")
        solver = cls(model, data, **{**description['options'], 'checkpoint_name': str(checkpoint_name), **changes})
        solver._restore(arrays, description)
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
                    for config in self._configs.values():
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
        chosen = self._random.choice(len(self.data['X_train']), self.options['batch_size'])
        loss, grads = self.model.loss(self.data['X_train'][chosen], self.data['y_train'][chosen])
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} in iteration {self.iteration + 1}; a smaller learning_rate "
                                     "or other initial weights may help.")
        for name, w in self.model.params.items():
            self.model.params[name], self._configs[name] = self._rule(w, grads[name], self._configs[name])
        self.loss_history.append(float(loss))
        self.iteration += 1

    def check_accuracy(self, X, y, num_samples=None):
        """The share of right answers on ``X``, ``y``, or on ``num_samples`` examples drawn from them."""
        if num_samples is not None and num_samples < len(X):
            chosen = self._random.choice(len(X), num_samples)
            X, y = X[chosen], y[chosen]
        batches = [slice(i, i + _ACCURACY_BATCH) for i in range(0, len(X), _ACCURACY_BATCH)]
        return sum(int(np.sum(np.argmax(self.model.loss(X[b]), axis=1) == y[b])) for b in batches) / len(X)

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
        """Write everything that is needed to go on to the file ``path``."""
        groups = dict(zip(_STATE, (self.model.params, self.best_params, getattr(self.model, 'statistics', {}),
                                   self.best_statistics)))
        arrays = {f'{group}/{name}': array for group, named in groups.items() for name, array in named.items()}
        settings = {}
        for name, config in self._configs.items():
            arrays.update({f'optimizer/{name}/{key}': v for key, v in config.items() if isinstance(v, np.ndarray)})
            settings[name] = {key: v for key, v in config.items() if not isinstance(v, np.ndarray)}
        random_states = {}
        for name, random in (('global', np.random), ('own', self._random)):
            _, arrays[f'random/{name}'], *random_states[name] = random.get_state()
        checkpoint.save(path, arrays, {
            'kind': 'Solver', 'options': {**self.options, 'checkpoint_name': str(path)}, 'iteration': self.iteration,
            'settings': settings, 'random': random_states, 'best_val_acc': self.best_val_acc,
            **{name: getattr(self, name) for name in _HISTORIES}})

    def _restore(self, arrays, description):
        named = {group: {name[len(group) + 1:]: array for name, array in arrays.items() if name.startswith(group + '/')}
                 for group in (*_STATE, 'optimizer')}
        expected = {name: param.shape for name, param in self.model.params.items()}
        found = {name: param.shape for name, param in named['params'].items()}
        if found != expected:
            raise checkpoint.CheckpointError(f"the checkpoint has parameters {found}, and the model {expected}; build "
                                             "the model as it was.")
        self.model.params.update(named['params'])
        if hasattr(self.model, 'statistics'):
            self.model.statistics = named['statistics']
        self.best_params, self.best_statistics = named['best_params'], named['best_statistics']
        self._configs = {name: dict(settings) for name, settings in description['settings'].items()}
        for key, array in named['optimizer'].items():
            name, setting = key.rsplit('/', 1)
            self._configs[name][setting] = array
        for name, random in (('global', np.random), ('own', self._random)):
            random.set_state(('MT19937', arrays[f'random/{name}'], *description['random'][name]))
        self.iteration, self.best_val_acc = description['iteration'], description['best_val_acc']
        for name in _HISTORIES:
            setattr(self, name, description[name])


def _copies(named):
    return {name: np.array(array) for name, array in named.items()}


def _check_options(o):
    for name in ('batch_size', 'num_epochs', 'print_every', 'num_train_samples', 'num_val_samples'):
        optional = name.endswith('_samples')
        if not (optional and o[name] is None or isinstance(o[name], (int, np.integer)) and o[name] >= 1):
            raise ValueError(f"{name} is {o[name]!r}; expected a whole number, at least 1{' or None' * optional}.")
    if not 0 < o['lr_decay'] < math.inf:
        raise ValueError(f"lr_decay is {o['lr_decay']!r}; expected a finite number above 0.")
    if not isinstance(o['optim_config'], Mapping):
        raise ValueError(f"optim_config is {o['optim_config']!r}; expected a dictionary, for example "
                         "{'learning_rate': 1e-3}.")


def _check_data(data):
    missing = [name for name in ('X_train', 'y_train', 'X_val', 'y_val') if name not in data]
    if missing:
        raise ValueError(f"data has no {', '.join(missing)}; expected X_train, y_train, X_val and y_val.")
    for part in ('train', 'val'):
        n, labels = len(data['X_' + part]), len(data['y_' + part])
        if n != labels or not n:
            raise ValueError(f"X_{part} has {n} examples and y_{part} {labels} labels; expected one label an example, "
                             "and at least one.")
