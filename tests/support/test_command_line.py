import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_bn.support.command_line import chosen, demand_at_least_one, exit_status

ROOT = Path(__file__).resolve().parents[2]


def raising(error):
    def work():
        raise error
    return work


@pytest.mark.parametrize(('error', 'status', 'said'), [
    (ValueError("lr is -1;\n  expected a number above 0."), 2, "lr is -1; expected a number above 0."),
    (OSError("no space"), 2, "no space"), (RuntimeError("a worker ended"), 2, "a worker ended"),
    (ImportError("install tensorboardX"), 2, "install tensorboardX"),
    (FloatingPointError("the loss is nan"), 3, "the loss is nan"),
    (KeyboardInterrupt(), 130, "interrupted")])
def test_what_went_wrong_is_one_line_and_a_status(capsys, error, status, said):
    assert exit_status('sweep', raising(error)) == status
    assert capsys.readouterr() == ('', f'sweep: {said}\n')


def test_an_error_of_ours_is_not_hidden():
    with pytest.raises(AttributeError):
        exit_status('sweep', raising(AttributeError('a bug')))


def test_the_answer_of_the_work_is_the_status(capsys):
    assert exit_status('sweep', lambda: 1) == 1
    assert capsys.readouterr() == ('', '')


def test_numbers_below_one_are_refused():
    demand_at_least_one(seeds=1, processes=None)
    for options, said in (({'seeds': 0, 'processes': None}, '--seeds is 0'),
                          ({'seeds': 1, 'processes': 0}, '--processes is 0'),
                          ({'seeds': 1, 'processes': -1}, '--processes is -1')):
        with pytest.raises(ValueError, match=f'^{said}; it must be at least 1.$'):
            demand_at_least_one(**options)


def test_names_that_there_are_not_are_refused():
    assert chosen(['b'], ('a', 'b'), 'setting') == ['b']
    assert chosen([], ('a', 'b'), 'setting') == ['a', 'b']
    with pytest.raises(ValueError, match='^there is no setting c, d; expected one of: a, b.$'):
        chosen(['d', 'b', 'c'], ('a', 'b'), 'setting')


@pytest.mark.skipif(os.name == 'nt', reason="a shell of Unix closes them")
@pytest.mark.parametrize('closed', ['>&-', '<&-', '<&- >&-', '2>&-', '<&- >&- 2>&-'])
def test_closed_streams_lead_nowhere(tmp_path, closed):
    """A file that is opened must not get the number of standard output, and with it what is printed."""
    code = ("import sys; sys.path.insert(0, sys.argv[1])\n"
            "from gluon_bn.support.command_line import complain, exit_status\n"
            "def work():\n"
            "    with open(sys.argv[2], 'w') as file:\n"
            "        file.write('content')\n"
            "        file.flush()\n"
            "        print('printed', flush=True)\n"
            "        complain('train', 'said', 2)\n"
            "        import subprocess; subprocess.run(['echo', 'by a child'], check=True)\n"
            "    return 0\n"
            "sys.exit(exit_status('train', work))\n")
    line = f'exec "$0" -c "$1" "$2" "$3" {closed}'
    result = subprocess.run(['sh', '-c', line, sys.executable, code, str(ROOT), str(tmp_path / 'file')],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / 'file').read_text() == 'content'
    assert result.stdout == ('' if '>&- ' in f'{closed} '.replace('2>&-', '') else 'printed\nby a child\n')
    assert result.stderr == ('' if '2>&-' in closed else 'train: said\n')
