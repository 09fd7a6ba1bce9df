import argparse
from dataclasses import dataclass
from typing import Optional

import numpy as np
import pytest

from gluon_bn.support.command_line import Parser
from gluon_bn.support.options import add_options, check_options, choice, option, real, text, whole, yes_or_no


class Refused(Exception):
    pass


@dataclass(frozen=True)
class Config:
    batch_size: int = option(64, whole(at_least=1), "images (default: {})", metavar='N')
    lr: Optional[float] = option(None, real(above=0), "rate")
    init: str = option('he', choice('he', 'glorot'), "of the weights (default: {})")
    folder: str = option('runs', text('a folder'))
    batch_norm: bool = option(True, yes_or_no('store_false'), "without", flag='--no-batch-norm')

    def __post_init__(self):
        check_options(self, Refused)


def parser():
    made = Parser(prog='job', argument_default=argparse.SUPPRESS)
    add_options(made, Config)
    return made


@pytest.mark.parametrize(('wrong', 'message'), [
    ({'batch_size': 0}, 'batch_size is 0; expected a whole number, at least 1.'),
    ({'batch_size': None}, 'batch_size is None; expected a whole number, at least 1.'),
    ({'lr': 0}, 'lr is 0; expected a finite number, above 0.'),
    ({'init': 'zero'}, "init is 'zero'; expected 'he' or 'glorot'."),
    ({'folder': ''}, "folder is ''; expected a folder."),
    ({'folder': 'a\0'}, r"folder is 'a\\x00'; expected a folder."),
    ({'batch_norm': 1}, 'batch_norm is 1; expected True or False.')])
def test_each_value_is_checked_by_its_field(wrong, message):
    with pytest.raises(Refused, match=f'^{message}$'):
        Config(**wrong)


def test_values_become_python_s_own_and_none_is_accepted_where_it_is_the_default():
    config = Config(batch_size=np.int64(3), lr=np.float32(0.5), batch_norm=np.False_)
    assert [type(value) for value in vars(config).values()] == [int, float, str, str, bool]
    assert Config().lr is None


def test_the_command_line_has_the_fields_with_a_help_and_leaves_out_what_is_not_given():
    assert vars(parser().parse_args([])) == {}
    given = parser().parse_args(['--batch-size', '3', '--lr', '0.5', '--init', 'glorot', '--no-batch-norm'])
    assert vars(given) == {'batch_size': 3, 'lr': 0.5, 'init': 'glorot', 'batch_norm': False}
    assert '--folder' not in parser().format_help()
    assert 'images (default: 64)' in parser().format_help()


@pytest.mark.parametrize(('argv', 'message'), [
    (['--batch-size', 'x'], "expected a whole number, got 'x'"), (['--lr', 'x'], "expected a number, got 'x'"),
    (['--init', 'x'], "invalid choice: 'x'")])
def test_the_command_line_refuses_what_is_of_another_kind(argv, message, capsys):
    with pytest.raises(SystemExit, match='2'):
        parser().parse_args(argv)
    assert message in capsys.readouterr().err
