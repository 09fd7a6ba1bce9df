"""Options of a job: fields of a dataclass that say what they accept, and the command line made of them.

>>> import argparse
>>> from dataclasses import dataclass
>>> from gluon_bn.support.options import add_options, check_options, option, whole
>>> @dataclass(frozen=True)
... class Config:
...     epochs: int = option(1, whole(at_least=1), "passes over the training images (default: {})", metavar='N')
...     def __post_init__(self):
...         check_options(self)
>>> Config(epochs=0)
Traceback (most recent call last):
ValueError: epochs is 0; expected a whole number, at least 1.
>>> parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS)
>>> add_options(parser, Config)
>>> Config(**vars(parser.parse_args(['--epochs', '3'])))
Config(epochs=3)
"""
from collections import namedtuple
from dataclasses import MISSING, field, fields
from functools import partial

from . import arguments
from .command_line import number, whole_number

Kind = namedtuple('Kind', 'check argument')
Kind.__doc__ = """What an option takes. ``check(name, value)`` returns the value, or raises ``ValueError`` or
``TypeError``; ``argument`` is a dict of what ``add_argument`` needs for it."""


def option(default=MISSING, kind=None, help=None, optional=None, flag=None, **argument):
    """A field of a dataclass.

    Parameters
    ----------
    kind : :func:`whole`, :func:`real`, :func:`choice`, :func:`text`, :func:`yes_or_no`, or another ``Kind``
    help : what ``--help`` says, with ``{}`` for the default; None leaves the field out of the command line
    optional : bool, whether None is accepted; by default it is if None is the default
    flag : str, the option's name on the command line; by default ``--`` and the field's name
    argument : more for ``add_argument``, such as ``metavar='N'``
    """
    optional = default is None if optional is None else optional
    return field(default=default, metadata={'kind': kind, 'help': help, 'optional': optional, 'flag': flag,
                                            'argument': {**kind.argument, **argument}})


def whole(**limits):
    """Whole numbers, within the limits of :func:`.arguments.integer`."""
    return Kind(partial(arguments.integer, **limits), {'type': whole_number})


def real(**limits):
    """Finite numbers, within the limits of :func:`.arguments.number`."""
    return Kind(partial(arguments.number, **limits), {'type': number})


def choice(*choices):
    """One of these strings."""
    return Kind(partial(arguments.one_of, choices=choices), {'choices': choices})


def text(expected):
    """A string that is not empty; ``expected`` says in messages what it should be."""
    return Kind(partial(_text, expected=expected), {})


def yes_or_no(action):
    """True or False; ``action`` is what argparse does when the option is given: 'store_true' or 'store_false'."""
    return Kind(arguments.boolean, {'action': action})


def _text(name, value, expected):
    if not isinstance(value, str) or value == '' or '\0' in value:
        raise ValueError(f"{name} is {arguments.shown(value)}; expected {expected}.")
    return value


def check_options(config, error=ValueError):
    """Check every field of a dataclass that :func:`option` made, and put its value there as Python's own type.

    Raises ``error`` for the first value that is of another kind or out of range. To be called in ``__post_init__``.
    """
    for checked in fields(config):
        value, how = getattr(config, checked.name), checked.metadata
        if value is None and how['optional']:
            continue
        try:
            object.__setattr__(config, checked.name, how['kind'].check(checked.name, value))
        except (TypeError, ValueError) as problem:
            raise error(str(problem)) from None


def flags(config):
    """What the options of the dataclass ``config`` are called on the command line: name of the field -> str."""
    return {named.name: named.metadata['flag'] or '--' + named.name.replace('_', '-') for named in fields(config)}


def add_options(parser, config):
    """Add an option to the parser for each field of the dataclass ``config`` that has a help.

    The parser must have ``argument_default=argparse.SUPPRESS``: what is not given stays out, so that the defaults are
    in one place, the dataclass.
    """
    for added in fields(config):
        how, default = added.metadata, added.default
        if how['help'] is not None:
            shown = ' '.join(map(str, default)) if isinstance(default, tuple) else default
            parser.add_argument(flags(config)[added.name], dest=added.name, help=how['help'].format(shown),
                                **how['argument'])
