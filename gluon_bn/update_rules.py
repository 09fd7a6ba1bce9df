"""Update rules for NumPy parameters: SGD, momentum, RMSprop and Adam, as cs231n has them.

A rule is a function ``(w, dw, config) -> (next_w, config)``. ``config`` is a dictionary with the rule's settings and
what it remembers between steps; absent settings take their defaults, and the dictionary is **changed in place**.
"""
import numpy as np

# Each rule's settings and their defaults.
_SETTINGS = {
    'sgd': {'learning_rate': 1e-2},
    'sgd_momentum': {'learning_rate': 1e-2, 'momentum': 0.9},
    'rmsprop': {'learning_rate': 1e-2, 'decay_rate': 0.99, 'epsilon': 1e-8},
    'adam': {'learning_rate': 1e-3, 'beta1': 0.9, 'beta2': 0.999, 'epsilon': 1e-8},
}


def sgd(w, dw, config=None):
    """Stochastic gradient descent: ``w - learning_rate * dw``.

    >>> sgd(np.array([1.]), np.array([2.]), {'learning_rate': 0.25})[0].tolist()
    [0.5]
    """
    config = _completed('sgd', config)
    return w - config['learning_rate'] * dw, config


def sgd_momentum(w, dw, config=None):
    """SGD with momentum (Polyak, 1964): ``v = momentum * v - learning_rate * dw``, then ``w + v``.

    >>> w, config = sgd_momentum(np.array([1.]), np.array([2.]), {'learning_rate': 0.25})
    >>> sgd_momentum(w, np.array([0.]), config)[0].round(6).tolist()  # 0.5 + 0.9 * (-0.5)
    [0.05]
    """
    config = _completed('sgd_momentum', config)
    velocity = config.get('velocity', np.zeros_like(w))
    config['velocity'] = velocity = config['momentum'] * velocity - config['learning_rate'] * dw
    return w + velocity, config


def rmsprop(w, dw, config=None):
    """RMSprop (Tieleman and Hinton, 2012): each step is divided by the root of a moving average of ``dw**2``.

    >>> rmsprop(np.array([1.]), np.array([2.]), {'learning_rate': 0.1})[0].round(6).tolist()  # 2 / sqrt(0.01 * 4)
    [0.0]
    """
    config = _completed('rmsprop', config)
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
    config = _completed('adam', config)
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
    if name not in UPDATE_RULES:
        raise ValueError(f"there is no update rule {name!r}; expected one of {', '.join(UPDATE_RULES)}.")
    rule = UPDATE_RULES[name]
    defaults = _SETTINGS[rule.__name__]
    unknown = sorted(set(settings) - set(defaults))
    if unknown:
        raise ValueError(f"{name} has no setting {', '.join(map(repr, unknown))}; "
                         f"expected one of: {', '.join(defaults)}.")
    return rule, {**defaults, **settings}


def _completed(name, config):
    """``config`` itself, with the defaults of the settings that it lacks."""
    config = {} if config is None else config
    for setting, default in _SETTINGS[name].items():
        config.setdefault(setting, default)
    return config
