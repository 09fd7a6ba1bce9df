import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_bn.support.command_line import (
    Parser,
    chosen,
    demand_at_least_one,
    exit_status,
    folder,
    main_of,
    number,
    whole_number,
)

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


@pytest.mark.parametrize(('error', 'said'), [
    (MemoryError(), 'x: there is not enough memory for it.'),
    (MemoryError('570. TiB'), 'x: there is not enough memory for it (570. TiB).'),
    (subprocess.CalledProcessError(3, 'train.py'), "x: Command 'train.py' returned non-zero exit status 3."),
    (subprocess.TimeoutExpired('train.py', 5), "x: Command 'train.py' timed out after 5 seconds")])
def test_too_little_memory_and_a_process_that_failed_are_one_line(capsys, error, said):
    def work():
        raise error
    assert exit_status('x', work) == 2
    assert capsys.readouterr().err.splitlines() == [said]


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


@pytest.mark.parametrize(('code', 'status'), [(None, 0), (0, 0), (1, 1), (2, 2), (130, 130)])
def test_who_exits_says_the_status(code, status, capsys):
    assert exit_status('sweep', raising(SystemExit(code))) == status
    assert capsys.readouterr() == ('', '')


def test_who_exits_with_a_sentence_is_let_go():
    with pytest.raises(SystemExit, match='^a sentence$'):
        exit_status('sweep', raising(SystemExit('a sentence')))


def test_the_sentence_of_an_interruption_is_the_commands(capsys):
    assert exit_status('sweep', raising(KeyboardInterrupt()), 'what is there stays') == 130
    assert capsys.readouterr().err == 'sweep: what is there stays\n'


@pytest.fixture
def parser():
    parser = Parser(prog='a_script.py', description='First line.\n  Second line, indented.\n')
    parser.add_argument('--epochs', type=whole_number)
    parser.add_argument('--rate', type=number)
    parser.add_argument('--output', type=folder)
    parser.add_argument('names', nargs='*')
    return parser


def test_a_parser_reads_and_its_help_keeps_its_lines(parser, capsys):
    assert parser.name == 'a_script'
    assert Parser(prog='gluon-bn train').name == 'gluon-bn train'
    read = []
    assert main_of(lambda prog: parser, lambda options: read.append(options) or 3)(
        ['a', '--epochs', '2', 'b', '--rate', '1e-3']) == 3
    assert (read[0].epochs, read[0].rate, read[0].names) == (2, 0.001, ['a', 'b'])
    assert main_of(lambda prog: parser, pytest.fail)(['--help']) == 0
    assert '\nFirst line.\n  Second line, indented.\n' in capsys.readouterr().out


@pytest.mark.parametrize(('arguments', 'said'), [
    (['--epocs', '3'], 'unrecognized arguments: --epocs; did you mean --epochs? --help lists the arguments'),
    (['--zzzzzz'], 'unrecognized arguments: --zzzzzz; --help lists the arguments'),
    (['--epochs', '2.5'], "argument --epochs: expected a whole number, got '2.5'; --help lists the arguments"),
    (['--rate', 'fast'], "argument --rate: expected a number, got 'fast'; --help lists the arguments"),
    (['--output', ''], "argument --output: expected a folder, got ''; --help lists the arguments")])
def test_arguments_that_are_wrong_are_one_line_and_status_2(arguments, said, parser, capsys):
    assert main_of(lambda prog: parser, pytest.fail)(arguments) == 2
    assert capsys.readouterr() == ('', f'a_script: {said}\n')


def in_a_process(work, **options):
    """``exit_status('train', work)`` in a process of its own; ``work`` is code that may use ``sys`` and ``os``."""
    code = ("import os, signal, sys; sys.path.insert(0, sys.argv[1])\n"
            "from gluon_bn.support.command_line import exit_status, loading\n"
            f"def work():\n    {work}\n"
            "sys.exit(exit_status('train', work))\n")
    return subprocess.run([sys.executable, '-c', code, str(ROOT)], stderr=subprocess.PIPE, text=True, timeout=600,
                          check=False, **options)


@pytest.mark.skipif(not Path('/dev/full').is_char_device(), reason='needs the device /dev/full')
@pytest.mark.parametrize('flush', [True, False])
def test_output_that_cannot_be_written_is_one_line_and_status_2(flush):
    with open('/dev/full', 'w') as full:
        done = in_a_process(f"print('x', flush={flush}); return 0", stdout=full,
                            env={**os.environ, 'PYTHONUNBUFFERED': ''})
    assert done.returncode == 2
    assert done.stderr == 'train: standard output cannot be written: No space left on device.\n'


@pytest.mark.skipif(os.name == 'nt', reason='pipes as POSIX has them')
def test_a_reader_that_has_had_enough_is_no_error_and_another_pipe_is():
    read, write = os.pipe()
    os.close(read)
    done = in_a_process("print('x'); return 0", stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, '')
    done = in_a_process("raise BrokenPipeError(32, 'a worker has gone')", stdout=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (2, 'train: [Errno 32] a worker has gone\n')


@pytest.mark.skipif(os.name == 'nt', reason='signals as POSIX has them')
def test_an_interruption_while_modules_load_ends_the_process_and_afterwards_does_not():
    kill = "os.kill(os.getpid(), signal.SIGINT)"
    done = in_a_process(f"with loading('train'): {kill}; print('still there', flush=True)", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout, done.stderr) == (130, '', 'train: interrupted before it began\n')
    done = in_a_process(f"with loading('train'): pass\n    {kill}", stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (130, 'train: interrupted\n')
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    done = in_a_process(f"{ignored}\n    with loading('train'): {kill}\n    {kill}\n    return 4")
    assert (done.returncode, done.stderr) == (4, '')
