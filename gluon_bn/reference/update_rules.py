"""Update rules for NumPy parameters: SGD, momentum, RMSprop and Adam, as cs231n has them.

A rule is a function ``(w, dw, config) -> (next_w, config)``. ``config`` is a dictionary with the rule's settings and
what it remembers between steps; absent settings take their defaults, and the dictionary is **changed in place**.
``dw`` and what is remembered must have the shape of ``w``: NumPy would broadcast another. That is a ``ValueError``, as
is a setting out of range; nothing has changed then.
"""
from collections.abc import MutableMapping

import numpy as np

from ..support.arguments import floats, integer, number, one_of, shown

# Each rule's settings and their defaults; what it remembers; the settings' ranges, of which the others are above 0.
_SETTINGS = {
    'sgd': {'learning_rate': 1e-2},
    'sgd_momentum': {'learning_rate': 1e-2, 'momentum': 0.9},
    'rmsprop': {'learning_rate': 1e-2, 'decay_rate': 0.99, 'epsilon': 1e-8},
    'adam': {'learning_rate': 1e-3, 'beta1': 0.9, 'beta2': 0.999, 'epsilon': 1e-8},
}
_REMEMBERED = {'sgd': (), 'sgd_momentum': ('velocity',), 'rmsprop': ('cache',), 'adam': ('m', 'v')}
_SHARES = ('momentum', 'decay_rate', 'beta1', 'beta2')  # of an old value: from 0 to below 1


def sgd(w, dw, config=None):
    """Stochastic gradient descent: ``w - learning_rate * dw``.

    >>> sgd(np.array([1.]), np.array([2.]), {'learning_rate': 0.25})[0].tolist()
    [0.5]
    """
    w, dw, config = _checked('sgd', w, dw, config)
    return w - config['learning_rate'] * dw, config


def sgd_momentum(w, dw, config=None):
    """SGD with momentum (Polyak, 1964): ``v = momentum * v - learning_rate * dw``, then ``w + v``.

    >>> w, config = sgd_momentum(np.array([1.]), np.array([2.]), {'learning_rate': 0.25})
    >>> sgd_momentum(w, np.array([0.]), config)[0].round(6).tolist()  # 0.5 + 0.9 * (-0.5)
    [0.05]
    """
    w, dw, config = _checked('sgd_momentum', w, dw, config)
    velocity = config.get('velocity', np.zeros_like(w))
    config['velocity'] = velocity = config['momentum'] * velocity - config['learning_rate'] * dw
    return w + velocity, config


def rmsprop(w, dw, config=None):
    """RMSprop (Tieleman and Hinton, 2012): each step is divided by the root of a moving average of ``dw**2``.

    >>> rmsprop(np.array([1.]), np.array([2.]), {'learning_rate': 0.1})[0].round(6).tolist()  # 2 / sqrt(0.01 * 4)
    [0.0]
    """
    w, dw, config = _checked('rmsprop', w, dw, config)
    cache, decay = config.get('cache', np.zeros_like(w)), config['decay_rate']
    config['cache'] = cache = decay * cache + (1 - decay) * dw ** 2
    return w - config['learning_rate'] * dw / (np.sqrt(cache) + config['epsilon']), config


def adam(w, dw, config=None):
    """Adam, Algorithm 1 of Kingma and Ba (2015).

    The moments m and v are stored as they are. Their bias towards 0 is corrected in what a step uses, never in what is
    stored, and the first step has t = 1.

    >>> adam(np.array([1.]), np.array([2.]), {'learning_rate': 0.1})[0].round(6).tolist()  # the first step's length
    [0.9]
    """
    w, dw, config = _checked('adam', w, dw, config)
    beta1, beta2 = config['beta1'], config['beta2']
    config['t'] = t = config.get('t', 0) + 1
    config['m'] = m = beta1 * config.get('m', np.zeros_like(w)) + (1 - beta1) * dw
    config['v'] = v = beta2 * config.get('v', np.zeros_like(w)) + (1 - beta2) * dw ** 2
    m_hat = m / (1 - beta1 ** t)
    v_hat = v / (1 - beta2 ** t)
    return w - config['learning_rate'] * m_hat / (np.sqrt(v_hat) + config['epsilon']), config


UPDATE_RULES = {'sgd': sgd, 'momentum': sgd_momentum, 'sgd_momentum': sgd_momentum, 'rmsprop': rmsprop, 'adam': adam}


def update_rule(name, settings):
    """The rule of that name and its settings, checked and completed; ``ValueError`` lists the valid ones.

    >>> update_rule('momentum', {'learning_rate': 0.5})[1]
    {'learning_rate': 0.5, 'momentum': 0.9}
    """
    rule = UPDATE_RULES[one_of('update_rule', name, UPDATE_RULES)]
    defaults = _SETTINGS[rule.__name__]
    unknown = sorted(map(str, set(settings) - set(defaults)))
    if unknown:
        raise ValueError(f"{name} has no setting {', '.join(map(repr, unknown))}; "
                         f"expected one of: {', '.join(defaults)}.")
    return rule, {**defaults, **{setting: _setting(setting, value) for setting, value in settings.items()}}


def remembered(rule):
    """The names of the arrays that a rule keeps in ``config`` between steps, of the shape of ``w``."""
    return _REMEMBERED[rule.__name__]


def _setting(name, value):
    return number(name, value, at_least=0, below=1) if name in _SHARES else number(name, value, above=0)


def _checked(name, w, dw, config):
    """``w`` and ``dw`` as arrays of floats, and ``config`` itself, with the defaults of the settings that it lacks."""
    config = {} if config is None else config
    if not isinstance(config, MutableMapping):
        raise TypeError(f"config is {shown(config)}; expected a dictionary, or None for the defaults.")
    w = floats('w', w)
    dw = floats('dw', dw, w.shape)
    for setting in _SETTINGS[name]:
        if setting in config:
            _setting(setting, config[setting])
    for array in _REMEMBERED[name]:
        if array in config:
            floats(array, config[array], w.shape)
    if 't' in config:
        integer('t', config['t'], at_least=0)
    for setting, default in _SETTINGS[name].items():
        config.setdefault(setting, default)
    return w, dw, config
