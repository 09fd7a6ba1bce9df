"""Answers that do harm: each gets a clear verdict within bounded time, and harms nothing."""
import json
import os
import sys
import time

import pytest
from processes import alive, typed

from gluon_bn.exercises import harness, runner
from gluon_bn.exercises.__main__ import print_verdict
from gluon_bn.exercises.catalog import find
from gluon_bn.exercises.runner import KEPT_OUTPUT, Line, Verdict, check_file

EXERCISE = find('normalize_matrix')
SOLUTION = EXERCISE.solution.read_text(encoding='utf-8')


@pytest.fixture
def check(tmp_path):
    def check(text, time_limit=120):
        path = tmp_path / 'answer.py'
        path.write_text(text, encoding='utf-8')
        return check_file(EXERCISE, path, time_limit)
    return check


def test_what_nobody_has_written_is_not_called_wrong(check):
    """The untouched skeleton: each requirement is open, what to do is said once, and no word says WRONG."""
    text = str(check(EXERCISE.skeleton.read_text(encoding='utf-8')))
    count = len(EXERCISE.requirements())
    assert text.count('  not yet     ') == count
    assert 'WRONG' not in text
    assert text.count('not done yet: normalize') == text.count('Hint: The gap is not filled yet') == 1
    assert text.endswith(f'0 of {count} requirements passed.')


def test_a_file_that_cannot_be_read_as_python_is_wrong_once_and_the_rest_is_not_judged(check):
    text = str(check('def normalize(X:\n'))
    assert text.count('WRONG') == text.count('SyntaxError') == 1
    assert text.count('  not judged  ') == len(EXERCISE.requirements()) - 1


def test_every_requirement_that_is_wrong_has_a_hint():
    """Its own, or that it is the one above."""
    same, other = (Line('It adds.', False, 'the sum is 3.', hint, 'sum') for hint in ('Add both.', 'Add all.'))
    verdict = Verdict([same, same, other, Line('It is.', True, '', '', ''),
                       Line('It ends.', False, 'not checked.', '', 'not-checked')], '', 0)
    assert str(verdict).splitlines() == [
        '  WRONG       It adds.', '              the sum is 3.', '              Hint: Add both.',
        '  WRONG       It adds.', '              Hint: the same as above. Correct that one first, then check again.',
        '  WRONG       It adds.', '              Hint: Add all.',
        '  passed      It is.', '  not judged  It ends.', '              not checked.', '1 of 5 requirements passed.']


def test_an_endless_loop_is_stopped(check):
    verdict = check('while True: pass', time_limit=1)
    assert verdict.passed == 0
    assert 'still running after 1 seconds' in verdict.lines[0].message
    assert verdict.lines[0].hint_key == 'time'
    assert {line.hint_key for line in verdict.lines[1:]} == {'not-checked'}


def test_what_was_checked_before_a_loop_stays(check):
    verdict = check(SOLUTION.replace('    mean =', '    while eps == 0.5: pass\n    mean ='), time_limit=2)
    assert [line.passed for line in verdict.lines[:3]] == [True, True, False]
    assert not any(line.passed for line in verdict.lines[3:])
    assert [line.hint_key for line in verdict.lines[2:4]] == ['time', 'not-checked']


def test_a_flood_of_output_is_cut_and_a_right_answer_still_passes(check, capsys):
    verdict = check(SOLUTION + "\nprint('flood ' * 2_000_000)\n")
    assert verdict.complete
    assert verdict.printed == 12_000_001
    assert len(verdict.output) == KEPT_OUTPUT
    print_verdict(EXERCISE, verdict)
    assert 'Your file printed 12,000,001 bytes, of which these are the first 2000:' in capsys.readouterr().out


def test_an_answer_does_not_build_native_operators_in_its_time(check, monkeypatch):
    monkeypatch.setenv('GLUON_BN_NATIVE', '1')
    verdict = check(SOLUTION + "\nimport gluon_bn\nprint(gluon_bn.native_status())\n")
    assert verdict.output.startswith('native operators: not in use'), verdict.output


def test_what_mxnet_loads_for_nothing_is_left_to_the_answer(check):
    pytest.importorskip('sklearn')
    verdict = check(SOLUTION + '''
import sys
print(sorted({'scipy', 'sklearn'} & set(sys.modules)))
import scipy.stats
from sklearn.base import BaseEstimator
print(BaseEstimator.__name__)
''')
    assert verdict.complete
    assert verdict.output.splitlines() == ['[]', 'BaseEstimator']


@pytest.mark.slow
def test_output_without_end_is_stopped(check):
    verdict = check("while True: print('x' * 100_000)", time_limit=1)
    assert verdict.lines[0].hint_key == 'time'
    assert len(verdict.output) == KEPT_OUTPUT


def test_leaving_the_process_passes_nothing(check):
    """Status 0 and no verdict: that is not a pass."""
    verdict = check('import os; os._exit(0)')
    assert verdict.passed == 0
    assert 'ended the program with status 0' in verdict.lines[0].message
    assert verdict.lines[0].hint_key == 'ended'


def test_a_signal_is_named(check):
    verdict = check('import os, signal; os.kill(os.getpid(), signal.SIGKILL)')
    assert 'signal 9 (SIGKILL)' in verdict.lines[0].message


@pytest.mark.slow
def test_a_crash_of_a_library_is_no_pass(check):
    """MXNet handles this signal by itself, with a trace and a status."""
    verdict = check('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)')
    assert verdict.passed == 0
    assert verdict.lines[0].hint_key == 'ended'


@pytest.mark.slow
def test_exit_on_import(check):
    verdict = check("print('before')\nexit()")
    assert [line.hint_key for line in verdict.lines] == ['exit', *['not-checked'] * (len(EXERCISE.requirements()) - 1)]
    assert verdict.output == 'before\n'


def test_memory_and_files_are_bounded_and_there_is_no_input(check):
    """Three offences in one file, for each costs a process: what each leads to is printed."""
    verdict = check(SOLUTION + '''
import os
import numpy as np
for gibibytes in (1, 5):  # asked for and never touched, so that the test itself needs no memory
    try:
        np.empty(gibibytes * 2**30, np.uint8)
    except MemoryError:
        print('no memory for', gibibytes)
try:
    with open('big', 'wb') as file:
        for _ in range(64):
            file.write(bytes(2**20))
except OSError:
    print('no space', os.path.getsize('big'))
try:
    input()
except EOFError:
    print('no input')
''')
    assert verdict.output.splitlines() == ['no memory for 5', f'no space {harness.FILE_LIMIT}', 'no input']
    assert verdict.complete


def test_what_is_typed_meanwhile_does_not_go_to_the_answer(check):
    with typed(b'typed\n'):
        verdict = check("try:\n    print('read', input())\nexcept EOFError:\n    print('no input')\nexit()")
        assert os.read(0, 100) == b'typed\n'
    assert verdict.output == 'no input\n'


def test_nothing_is_left_behind(check, tmp_path):
    """A child that outlives the answer and holds its output open, a thread that sleeps, and files."""
    start = time.monotonic()
    text = SOLUTION + f'''
import os, subprocess, sys, threading, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
open({str(tmp_path / 'child')!r}, 'w').write(str(child.pid))
open({str(tmp_path / 'folder')!r}, 'w').write(os.getcwd())
open('left over', 'w').write('x')
open(__file__, 'w').write('gone')
threading.Thread(target=lambda: time.sleep(600)).start()
sys.stdout.close()
'''
    verdict = check(text)
    assert verdict.complete
    assert (tmp_path / 'answer.py').read_text(encoding='utf-8') == text
    assert time.monotonic() - start < 300
    assert not os.path.exists((tmp_path / 'folder').read_text())
    child = int((tmp_path / 'child').read_text())
    for _ in range(100):
        if not alive(child):
            break
        time.sleep(0.05)
    assert not alive(child)


def test_a_broken_harness_is_no_pass(check, monkeypatch):
    monkeypatch.setattr(sys, 'executable', '/bin/false')
    verdict = check(SOLUTION)
    assert verdict.passed == 0
    assert 'status 1' in verdict.lines[0].message


def test_an_answer_that_floods_the_verdicts_is_stopped(check):
    """It finds the file they are in. Left alone it would come to its end: it waits for a while, and is right."""
    verdict = check('''
import inspect, time
frame = inspect.currentframe()
while 'verdicts_path' not in frame.f_locals:
    frame = frame.f_back
with open(frame.f_locals['verdicts_path'], 'ab') as file:
    file.write(b'{}\\n' * 500_000)
time.sleep(10)
''' + SOLUTION)
    assert verdict.passed == 0
    assert verdict.lines[0].hint_key == 'time'  # stopped, and not at its end by itself


def test_of_verdicts_no_more_are_kept_than_a_limit(check, monkeypatch, tmp_path):
    monkeypatch.setattr(runner, 'MOST_RESULTS', 100)
    path = tmp_path / 'verdicts'
    path.write_bytes(b'{"ready": 1}\n' * 1000)
    assert len(runner._told(path)) == 7


@pytest.mark.parametrize('line', [
    'nonsense', '[1]', '{"check": "b"}', '{"check": ["b"], "passed": true}', '{"check": "b", "passed": 2}', '[' * 10**5,
    '{"check": "b", "passed": false, "message": 3}', '{"check": null, "passed": false, "hint_key": {}}', '\xff'])
def test_a_line_that_is_no_verdict_ends_them(line, tmp_path):
    verdict = {'check': 'a', 'passed': True}
    (tmp_path / 'verdicts').write_text(f'{json.dumps(verdict)}\n{line}\n{json.dumps(verdict)}\n', encoding='latin-1')
    assert runner._told(tmp_path / 'verdicts') == [verdict]


def test_a_signal_without_a_name_has_its_number(check):
    verdict = check('import os\nos.kill(os.getpid(), 40)')
    assert 'it was ended by signal 40.' in verdict.lines[0].message


def test_a_file_that_is_no_answer_is_not_even_read(tmp_path):
    """A pipe would make the reader wait, and a file of a terabyte take all memory."""
    path = tmp_path / 'answer.py'
    os.mkfifo(path)
    verdict = check_file(EXERCISE, path)
    assert (verdict.passed, 'is not a regular file' in verdict.lines[0].message) == (0, True)
    path.unlink()
    with open(path, 'wb') as file:
        file.truncate(10**12)
    verdict = check_file(EXERCISE, path)
    assert (verdict.passed, 'more than 10,485,760 bytes' in verdict.lines[0].message) == (0, True)


def test_a_script_may_begin_as_an_archive_does(check):
    assert check('BZh = 1\n' + SOLUTION).complete
