"""The exercises: solutions pass, known mistakes get their own hints, and the commands do what they say."""
import csv
import io
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gluon_bn._mxnet import nd
from gluon_bn.autodiff import Node
from gluon_bn.exercises import grading, progress
from gluon_bn.exercises.__main__ import main
from gluon_bn.exercises.catalog import UnknownExercise, all_exercises, default_folder, find
from gluon_bn.exercises.expect import (
    COMMON_HINTS,
    UNRECOGNISED,
    Wrong,
    as_numpy,
    expect,
    expect_kind,
    expect_unchanged,
    has_loop,
    same,
    several,
    uses,
)
from gluon_bn.exercises.harness import load, run_checks
from gluon_bn.exercises.runner import Line, Verdict, check_file
from gluon_bn.exercises.verify import hints_for, known_mistakes, other_solutions, verify

REPOSITORY = Path(__file__).resolve().parents[2]
EXERCISES = all_exercises()
FIRST = EXERCISES[0]
REQUIRED = ['normalize_matrix', 'broadcast_gamma_beta', 'train_test_mode', 'bias_proof', 'staged_backward',
            'closed_form_backward', 'node_batch_norm', 'node_moving_averages', 'adam_bias_correction', 'lenet_forward',
            'evaluate_accuracy', 'fold_batch_norm']


@pytest.fixture(params=EXERCISES, ids=lambda exercise: exercise.name)
def exercise(request):
    return request.param


# ---- every exercise ----


def test_the_exercises_are_there():
    assert set(REQUIRED) <= {exercise.name.partition('_')[2] for exercise in EXERCISES}


@pytest.mark.parametrize('exercise', [pytest.param(exercise, id=exercise.name, marks=(
    [pytest.mark.slow] if exercise.name.endswith('lenet_forward') else [])) for exercise in EXERCISES])
def test_skeleton_solution_and_mistakes(exercise):
    assert verify(exercise) == []


def test_there_are_many_mistakes_and_right_answers(exercise):
    """Counted here again, apart from verify."""
    assert len({text for _, text in known_mistakes(exercise)}) >= 20
    assert len({hint for hint, _ in known_mistakes(exercise)}) >= 8
    assert len(set(other_solutions(exercise))) >= 5


def test_no_two_hints_say_the_same(exercise):
    hints = load('checks', exercise.checks).HINTS
    assert len(set(hints.values())) == len(hints)
    assert not set(hints) & set(COMMON_HINTS)
    assert all(text.endswith(('.', '?', '.)')) for text in hints.values())


def test_no_two_mistakes_lead_to_the_same_value(exercise, monkeypatch):
    """Or an answer gets the hint of another mistake. A mistake that makes no difference to a value may share it."""
    checks, answer, shared = load('checks', exercise.checks), load('answer', exercise.solution), []

    def spy(got, right, mistakes=None, what='the result', tolerance=1e-4):
        found = [(hint, as_numpy(value)) for hint, wrong in (
            mistakes() if callable(mistakes) else (mistakes or {}).items())
                 for value in (wrong if isinstance(wrong, tuple) else (wrong,))]
        found = [(hint, value) for hint, value in found if not same(value, as_numpy(right), tolerance)]
        shared.extend((what, hint, other) for (hint, value), (other, another) in itertools.combinations(found, 2)
                      if hint != other and value.size and same(value, another, tolerance))
        expect(got, right, mistakes, what, tolerance)
    monkeypatch.setattr(checks, 'expect', spy)
    with np.errstate(all='ignore'):
        for name in exercise.requirements():
            getattr(checks, name)(answer)
    assert not shared


@pytest.mark.slow
def test_a_hint_behind_a_recognised_mistake_is_another_mistake_or_follows(exercise):
    """What is recognised first explains what comes after it: nothing there says that the mistake is unknown."""
    for hint, text in known_mistakes(exercise):
        given = hints_for(exercise, text)
        assert given[0] == hint
        if hint not in UNRECOGNISED:
            assert not set(UNRECOGNISED) & set(given[1:]), (hint, given)


def test_skeletons_say_what_to_do(exercise):
    text = exercise.skeleton.read_text(encoding='utf-8')
    assert 'Read first: ' in text
    assert f'Check with: gluon-bn exercises check {exercise.name}\n' in text
    assert 'NotImplementedError' in text
    assert any(shape in text for shape in ('(m, D)', '(D,)', '(m, C, H, W)', '(m, K)', '(m, 10)', 'of one shape',
                                           '(inputs, outputs)'))
    assert 0 < len(exercise.title) < 62
    assert all(exercise.requirements().values())


def test_the_page_names_every_exercise(exercise):
    assert f'| `{exercise.name}` |' in (default_folder() / 'README.md').read_text(encoding='utf-8')


@pytest.mark.slow
def test_solutions_pass_in_a_process_of_their_own(exercise):
    verdict = check_file(exercise, exercise.solution)
    assert verdict.complete, verdict
    assert verdict.printed == 0


# ---- verify is itself checked ----


WRONG = [('sum', 'sum(x)'), ('max', 'max(x)'), ('min', 'min(x)'), ('median', 'sorted(x)[1]'),
         ('sum', 'x[0] + sum(x[1:])'),
         ('max', 'sorted(x)[-1]'), ('min', 'sorted(x)[0]'), ('median', 'x[1]'), ('none', 'None')]
RIGHT = ['sum(x) * (1 / len(x))', 'sum(value / len(x) for value in x)']


def an_exercise(folder, skeleton="def mean(x):\n    raise NotImplementedError('mean')\n",
                solution="def mean(x):\n    return sum(x) / len(x)\n", mistakes=WRONG, right=RIGHT):
    """The exercise of the teachers' page, in a folder of its own."""
    for name in ('solutions', 'checks', 'mistakes'):
        (folder / name).mkdir(exist_ok=True)
    (folder / '14_mean.py').write_text('"""The mean."""\n' + skeleton)
    (folder / 'solutions' / '14_mean.py').write_text(solution)
    (folder / 'checks' / '14_mean.py').write_text('''
from gluon_bn.exercises.expect import expect, function

HINTS = {'sum': "That is the sum; divide it by the number of values.", 'max': "That is the largest.",
         'min': "That is the smallest.", 'median': "That is the median."}

def check_mean(answer):
    """The mean of [1, 2, 6] is 3."""
    expect(function(answer, 'mean')([1., 2., 6.]), 3., {'sum': 9., 'max': 6., 'min': 1., 'median': 2.}, 'the mean')
''')
    (folder / 'mistakes' / '14_mean.py').write_text(
        f'MISTAKES = {[(hint, [("sum(x) / len(x)", new)]) for hint, new in mistakes]!r}\n'
        f'RIGHT = {[[("sum(x) / len(x)", new)] for new in right]!r}\n')
    return find('mean', folder)


def test_an_exercise_of_ones_own(tmp_path, capsys):
    an_exercise(tmp_path)
    assert main(['--tasks', str(tmp_path), 'verify', '14_mean']) == 0
    assert capsys.readouterr().out == '14_mean: all is well\n'


@pytest.mark.parametrize(('options', 'problem'), [
    ({'skeleton': "def mean(x):\n    return 3.\n"}, 'skeleton'),
    ({'solution': "def mean(x):\n    return 4 + 0 * (sum(x) / len(x))\n"}, 'solution'),
    ({'mistakes': [('sum', 'max(x)'), *WRONG[1:]]}, "mistakes: 'sum' gets ['max']"),
    ({'mistakes': [*WRONG, ('max', '3.')]}, 'it passes'),
    ({'mistakes': [('nothing', 'sum(x)')]}, "'nothing' is no hint"),
    ({'mistakes': [('sum', 'sum(x)')] * 9}, 'at least 4'),
    ({'mistakes': [('sum', 'sum(x)')] * 9}, "'median' is never given"),
    ({'mistakes': WRONG[:7]}, 'at least 8 different ones'),
    ({'right': RIGHT[:1]}, 'right answers: there are 1; expected at least 2'),
    ({'right': [*RIGHT, 'sum(x) / 4']}, "right answer 3: gets ['other']"),
])
def test_verify_notices_a_bad_exercise(tmp_path, options, problem):
    assert problem in '; '.join(verify(an_exercise(tmp_path, **options)))


# ---- what an answer in this process can do ----


def verdicts(tmp_path, text):
    path = tmp_path / 'answer.py'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(run_checks(FIRST.checks, path))


@pytest.mark.parametrize(('text', 'hint', 'words'), [
    ('raise ValueError("no, " * 10_000)', 'exception', ['ValueError: no, no', '... (line 1 of']),
    ('x = 1\ny = x / 0', 'exception', ['ZeroDivisionError', 'line 2 of your file']),
    ('def normalize(X:\n', 'exception', ['SyntaxError', 'line 1']),
    (b'x = "\xff"', 'exception', ['utf-8']),
    (b'x = 1\0', 'exception', ['null bytes']),
    ('import nowhere_to_be_found', 'exception', ['ModuleNotFoundError', 'nowhere_to_be_found']),
    ('exit()', 'exit', ['SystemExit', 'line 1 of your file']),
    ('import sys; sys.exit("bye")', 'exit', ['SystemExit']),
    ('raise KeyboardInterrupt', 'exit', ['KeyboardInterrupt']),
    ('class E(BaseException): pass\nraise E("odd")', 'exception', ['E: odd']),
])
def test_a_file_that_cannot_be_imported_gets_one_verdict(tmp_path, text, hint, words):
    (verdict,) = verdicts(tmp_path, text)
    assert verdict['check'] is None
    assert verdict['hint_key'] == hint
    assert verdict['hint'] == COMMON_HINTS[hint]
    assert all(word.lower() in verdict['message'].lower() for word in words), verdict['message']
    assert len(verdict['message']) < 1100


@pytest.mark.parametrize(('body', 'hint'), [
    ('exit()', 'exit'), ('return None', 'none'), ('raise NotImplementedError', 'not-written'),
    ('pass', 'not-written'), ('...', 'not-written'), ('"""Words."""; return', 'not-written'),
    ('return ...', 'not-written'), ('return 0', 'type'), ('X = 1', 'none'),
    ('return 1 / 0', 'exception'), ('import numpy as np; return np.ones((2, 3)) + np.ones(4)', 'broadcast'),
    ('import numpy as np; y = np.ones(3); y[:] = np.ones(4)', 'broadcast'),
    ('from gluon_bn.autodiff import Node; return Node([1., 2.]) + Node([1., 2., 3.])', 'broadcast'),
    ('return normalize(X, eps)', 'exception'), ('return X[:1]', 'shape'), ('return X.asnumpy()', 'type'),
    ('return X * float("nan")', 'not-finite'), ('return X + 1', 'other'),
])
def test_a_function_that_fails_fails_each_requirement_by_itself(tmp_path, body, hint):
    found = verdicts(tmp_path, f'def normalize(X, eps=1e-5):\n    {body}\n')
    assert [verdict['check'] for verdict in found] == list(FIRST.requirements())
    assert found[0]['hint_key'] == hint


def test_a_file_without_the_function(tmp_path):
    assert {verdict['hint_key'] for verdict in verdicts(tmp_path, 'normalise = 1')} == {'missing'}


# ---- expect ----


@pytest.mark.parametrize('kind', [np.array, nd.array, Node])
def test_expect_takes_every_kind_of_array(kind):
    right = kind([1., 2.])
    expect(kind([1., 2.]), right)
    for got, hint in ((kind([1., 3.]), 'mine'), (kind([1., 4.]), 'mine'), (kind([1., 5.]), 'other'),
                      (kind([1.]), 'shape'), (None, 'none'), ([1., 2.], 'type'),
                      (kind([1., float('inf')]), 'not-finite')):
        with pytest.raises(Wrong) as wrong:
            expect(got, right, {'mine': ([1., 3.], [1., 4.])})
        assert wrong.value.hint == hint


@pytest.mark.parametrize(('change', 'hint', 'words'), [
    (lambda x: -x, 'wrong-sign', 'should be'),
    (lambda x: x / 4, 'factor', 'Every value is 0.25 times what it should be.'),
    (lambda x: x - 2, 'offset', 'Every value is 2 too small.'),
    (lambda x: x * [1, 2, -3] + [0, 5, 1], 'affine', 'should be'),
    (lambda x: x * np.arange(1, 6)[:, np.newaxis], 'other', 'should be'),
    (lambda x: 0 * x, 'other', 'should be'),
    (lambda x: x ** 2, 'other', 'should be'),
])
def test_an_unknown_difference_that_follows_a_rule_says_so(rng, change, hint, words):
    right = rng.normal(size=(5, 3))
    with pytest.raises(Wrong) as wrong:
        expect(change(right), right)
    assert wrong.value.hint == hint
    assert words in str(wrong.value)


def test_a_rule_is_seen_in_channels_and_not_in_what_is_constant_or_too_short(rng):
    right = rng.normal(size=(2, 3, 2, 2))
    for got, wanted, hint in ((right * [[[2.]], [[3.]], [[4.]]] + 1, right, 'affine'),
                              (right * rng.normal(size=(2, 1, 1, 1)), right, 'other'),
                              (np.full(4, 2.), np.ones(4), 'other'), (np.array([2., 4.]), np.array([1., 2.]), 'other')):
        with pytest.raises(Wrong) as wrong:
            expect(got, wanted)
        assert wrong.value.hint == hint


def test_expect_shows_the_first_difference():
    with pytest.raises(Wrong, match=r'^dX\[0, 1\] is 2, and should be 3\.$'):
        expect(np.array([[1., 2.], [5., 5.]]), np.array([[1., 3.], [4., 4.]]), what='dX')
    with pytest.raises(Wrong, match=r'^dX has shape \(2,\), and should have \(1, 2\)\.$'):
        expect(np.ones(2), np.ones((1, 2)), what='dX')


def test_expect_unchanged():
    expect_unchanged(np.ones(2), np.ones(2), 'X')
    with pytest.raises(Wrong, match='argument X'):
        expect_unchanged(np.ones(2), np.zeros(2), 'X')


def test_mistakes_that_lead_to_nan_and_infinity_are_recognised():
    with pytest.raises(Wrong) as wrong:
        expect(np.array([np.nan, 1., np.inf]), np.ones(3),
               {'mine': [np.nan, 1., -np.inf], 'this': [np.nan, 1., np.inf]})
    assert wrong.value.hint == 'this'
    with pytest.raises(Wrong, match=r'^the result\[1\] is nan') as wrong:  # not the 2, which is finite
        expect(np.array([2., np.nan]), np.ones(2), {'mine': [2., 2.]})
    assert wrong.value.hint == 'not-finite'


@pytest.mark.parametrize(('got', 'right', 'hint'), [
    (None, 1., 'none'), (True, 1., 'type'), ('1', 1., 'type'), ((1., 2.), 1., 'several'), ([1.], 1., 'type'),
    (np.ones(1), 1., 'type'), (nd.ones(1), np.ones(1), 'type'), (Node(1.), np.ones(1), 'type'),
    ((np.ones(1), np.ones(1)), np.ones(1), 'several')])
def test_kinds_that_do_not_fit(got, right, hint):
    with pytest.raises(Wrong) as wrong:
        expect_kind(got, right, 'it')
    assert wrong.value.hint == hint


@pytest.mark.parametrize('got', [1, 1., np.float32(1), np.array(1.)])
def test_every_number_is_a_number(got):
    expect(got, 1.)


def test_several_takes_tuples_and_lists():
    assert several((1, 2), 2, 'a pair') == (1, 2)
    assert several([1, 2], 2, 'a pair') == [1, 2]
    for got, hint in ((None, 'none'), (1, 'type'), ((1,), 'type'), ({1: 2, 3: 4}, 'type')):
        with pytest.raises(Wrong, match='expected a pair') as wrong:
            several(got, 2, 'a pair')
        assert wrong.value.hint == hint


def a_module(tmp_path, text):
    (tmp_path / 'answer.py').write_text(text)
    return load('answer', tmp_path / 'answer.py')


@pytest.mark.parametrize(('text', 'loops'), [
    ('def f(x):\n    return x\n\ndef other(x):\n    for _ in x:\n        pass\n', False),
    ('def f(x):\n    """A for in words."""\n    return x.sum(axis=0)\n', False),
    ('f = lambda x: x\n', False),
    ('def f(x):\n    for _ in x:\n        pass\n', True),
    ('def f(x):\n    while x:\n        pass\n', True),
    ('def f(x):\n    return [y for y in x]\n', True),
    ('f = lambda x: [y for y in x]\n', True),
    ('def f(x):\n    return list(map(abs, x))\n', True),
    ('import numpy as np\ndef f(x):\n    return np.apply_along_axis(sum, 0, x)\n', True),
    ('def f(x):\n    return g(x)\n\ndef g(x):\n    return [y for y in x]\n', True),
    ('def f(x):\n    return g(x)\n\ndef g(x):\n    return f(x)\n', False),
])
def test_loops_are_found(tmp_path, text, loops):
    assert has_loop(a_module(tmp_path, text), 'f') is loops


def test_what_a_file_uses(tmp_path):
    answer = a_module(tmp_path, 'import numpy as np\nfrom math import exp as e\n'
                                'def softmax(x):\n    return np.exp(x)\n\nlog_softmax = softmax(1.)\n')
    assert uses(answer) == {'numpy', 'exp'}


@pytest.mark.parametrize(('body', 'hint', 'words'), [
    ('return nd.ones((2, 3)) + nd.ones((4, 5))', 'broadcast', 'MXNetError: Check failed'),
    ('return nd.dot(nd.ones((2, 3)), nd.ones((4, 5)))', 'mxnet-exception', 'MXNetError: Check failed'),
    ('import numpy as np; return np.mean(X)', 'mxnet-argument', "MXNetError: Cannot find argument 'dtype'"),
])
def test_what_mxnet_says_begins_with_its_useful_line(tmp_path, body, hint, words):
    text = f'from gluon_bn._mxnet import nd\ndef normalize(X, eps=1e-5, axis=0):\n    {body}\n'
    verdict = verdicts(tmp_path, text)[0]
    assert verdict['hint_key'] == hint
    assert verdict['message'].startswith(words)
    assert '.h' not in verdict['message'].splitlines()[0]


def test_an_older_signature_is_told_apart_from_an_error_in_the_answer(tmp_path):
    (wrong,
     ) = [v for v in verdicts(tmp_path, FIRST.solution.read_text(encoding='utf-8').replace(', axis=0)', ')').replace(
        'axis=axis', 'axis=0')) if not v['passed']]
    assert (wrong['check'], wrong['hint_key']) == ('check_examples_in_columns', 'arguments')
    assert "'axis'" in wrong['message']


# ---- the commands ----


def test_exercises_are_found_by_name_and_number():
    assert find('01_normalize_matrix') == find('normalize_matrix') == find('1') == find('01') == FIRST
    with pytest.raises(UnknownExercise, match='01_normalize_matrix'):
        find('nothing')


def test_an_unknown_name_and_folder(tmp_path, capsys):
    assert main(['check', 'nothing']) == 2
    assert main(['--tasks', str(tmp_path), 'list']) == 2
    error = capsys.readouterr().err
    assert "there is no exercise 'nothing'" in error
    assert 'holds no exercises' in error
    assert len(error.splitlines()) == 2


def test_start_never_overwrites(tmp_path, capsys):
    folder = tmp_path / 'new folder'
    assert main(['start', '1', str(folder)]) == 0
    path = folder / '01_normalize_matrix.py'
    assert path.read_bytes() == FIRST.skeleton.read_bytes()
    path.write_text('my work')
    assert main(['start', '1', str(folder)]) == 2
    assert path.read_text() == 'my work'
    assert 'stays as it is' in capsys.readouterr().err


def test_the_lines_to_type_work_when_pasted(tmp_path, capsys, monkeypatch):
    """From a folder of the learner's own, in a shell that knows nothing of this environment."""
    monkeypatch.chdir(tmp_path)
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    monkeypatch.delenv('PYTHONPATH', raising=False)

    def paste(line):
        return subprocess.run(line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True,
                              timeout=300, check=False)
    assert main([]) == 0
    begin = capsys.readouterr().out.partition('Begin with: ')[2].splitlines()[0]
    started = paste(begin.replace('NAME', "4 'my answers'"))
    assert started.returncode == 0, started.stderr
    checked = paste(started.stdout.partition('then: ')[2])
    assert checked.returncode == 1, checked.stderr
    assert 'not done yet' in checked.stdout
    assert main(['check', '9', 'my answers']) == 2
    assert paste(capsys.readouterr().err.partition('with: ')[2]).returncode == 0
    assert (tmp_path / '09_adam_bias_correction.py').is_file()


def test_solution_is_shown(capsys):
    assert main(['solution', '1']) == 0
    assert capsys.readouterr().out == FIRST.solution.read_text(encoding='utf-8')


def test_the_list_shows_the_state(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def state():
        assert main(['list', str(tmp_path)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines[:len(EXERCISES)]] == [exercise.name for exercise in EXERCISES]
        return lines[0][89:].strip()
    path = tmp_path / FIRST.skeleton.name
    assert state() == 'not started'
    main(['start', '1'])
    capsys.readouterr()
    assert state() == 'started'
    path.write_text('x = 1')
    assert state() == 'not checked'
    passed, failed = (Line('requirement', ok, '', '', '') for ok in (True, False))
    progress.note(FIRST, path, Verdict([passed, failed, failed], '', 0))
    assert state() == '1 of 3 passed'
    progress.note(FIRST, path, Verdict([passed], '', 0))
    assert state() == 'passed'
    path.write_text('x = 2')
    assert state() == 'changed since the last check'
    for spoilt in ('not JSON', '[]', json.dumps({FIRST.name: 3})):
        (tmp_path / progress.FILE_NAME).write_text(spoilt)
        assert state() == 'not checked'


def test_check_from_the_command_line(tmp_path, capsys):
    """As a learner calls it: from a folder of theirs, by number, with a wrong answer; then with the right one."""
    wrong, path = dict(known_mistakes(FIRST))['unbiased'], tmp_path / FIRST.skeleton.name
    path.write_text(wrong, encoding='utf-8')
    done = subprocess.run([sys.executable, '-m', 'gluon_bn.exercises', 'check', '1'], cwd=tmp_path, timeout=300,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ''
    assert 'The variance is divided by m - 1' in done.stdout
    assert done.stdout.splitlines()[-1] == '1 of 6 requirements passed.'
    assert path.read_text(encoding='utf-8') == wrong
    path.write_text(FIRST.solution.read_text(encoding='utf-8'), encoding='utf-8')
    for arguments in (['normalize_matrix', str(path)], [str(path)]):  # the name and the file, or the file alone
        assert main(['check', *arguments]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == '6 of 6 requirements passed.'
    assert progress.state(FIRST, tmp_path) == 'passed'


def test_check_without_a_file(tmp_path, capsys):
    assert main(['check', '1', str(tmp_path)]) == 2
    assert 'there is no file' in capsys.readouterr().err


@pytest.mark.parametrize('limit', ['0', '-1', 'nan', 'soon'])
def test_time_limits_are_checked(limit, capsys):
    assert main(['check', '1', '--time-limit', limit]) == 2
    assert 'number of seconds' in capsys.readouterr().err


def test_grade(tmp_path, capsys, monkeypatch):
    mean = an_exercise(tmp_path)
    for learner, text in (('ada, countess', mean.solution.read_text()), ('emmy', dict(known_mistakes(mean))['sum'])):
        (tmp_path / 'in' / learner).mkdir(parents=True)
        (tmp_path / 'in' / learner / '14_mean.py').write_text(text)
    (tmp_path / 'in' / 'nobody').mkdir()
    graded = list(grading.grade(tmp_path / 'in', [mean], processes=2))
    assert list(csv.reader(io.StringIO(grading.as_csv(graded, [mean])))) == [
        ['learner', '14_mean', 'complete'], ['ada, countess', '1.00', '1'], ['emmy', '0.00', '0'], ['nobody', '', '0']]
    assert '14_mean: 0 of 1 requirements; the mean is 9, and should be 3.\n' in grading.as_text(graded)
    for of, status in ((graded, 1), (graded[::2], 0)):  # without emmy, all that was handed in passes
        monkeypatch.setattr(grading, 'grade', lambda *arguments, of=of: of)
        assert main(['--tasks', str(tmp_path), 'grade', str(tmp_path / 'in'), '--csv']) == status
        assert capsys.readouterr().out == grading.as_csv(of, [mean])


def test_grade_without_submissions(tmp_path, capsys):
    assert main(['grade', str(tmp_path)]) == 2
    assert main(['grade', str(tmp_path / 'nowhere')]) == 2
    error = capsys.readouterr().err
    assert 'has no submissions' in error
    assert 'is no folder' in error


def test_an_installed_package_brings_the_exercises_along(tmp_path):
    """Built as pip builds it, and called where there is no repository."""
    build = [sys.executable, 'setup.py', '-q', 'build', '--build-base', str(tmp_path / 'build'),
             '--build-lib', str(tmp_path / 'lib')]
    subprocess.run(build, cwd=REPOSITORY, check=True, timeout=300, capture_output=True)
    done = subprocess.run([sys.executable, '-m', 'gluon_bn.exercises', 'solution', '1'], cwd=tmp_path, timeout=300,
                          capture_output=True, text=True, check=True,
                          env={**os.environ, 'PYTHONPATH': str(tmp_path / 'lib')})
    assert done.stdout == FIRST.solution.read_text(encoding='utf-8')
    tasks = tmp_path / 'lib' / 'gluon_bn' / 'exercises' / 'tasks'
    here, there = ({str(path.relative_to(folder)) for path in folder.rglob('*') if path.suffix in ('.py', '.md')}
                   for folder in (FIRST.folder, tasks))
    assert here == there


def test_exercises_and_tutorials_name_each_other():
    """The tutorial that an exercise sends to names that exercise, and the README's table links it."""
    table = (REPOSITORY / 'tutorials' / 'exercises' / 'README.md').read_text(encoding='utf-8')
    for exercise in all_exercises():
        tutorial, = re.findall(r'^Read first: (tutorials/\S+)$', exercise.skeleton.read_text(encoding='utf-8'), re.M)
        assert f"`{exercise.name.partition('_')[2]}`" in (REPOSITORY / tutorial).read_text(encoding='utf-8')
        row, = [line for line in table.splitlines() if line.startswith(f'| `{exercise.name}`')]
        assert f"(../{tutorial.partition('/')[2]})" in row
