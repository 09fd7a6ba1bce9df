"""Answers in notebooks and in the running program."""
import json

import numpy as np
import pytest

from gluon_bn.exercises import check_answer, demand, notebooks
from gluon_bn.exercises.__main__ import main
from gluon_bn.exercises.catalog import UnknownExercise, all_exercises, find
from gluon_bn.exercises.notebooks import NotAnAnswer, script_of, skeleton_notebook
from gluon_bn.exercises.runner import check_file

ADAM = find('adam_bias_correction')


@pytest.fixture(params=all_exercises(), ids=lambda exercise: exercise.name)
def exercise(request):
    return request.param


def a_notebook(path, *cells):
    path.write_text(json.dumps({'cells': [
        {'cell_type': kind, 'source': source.splitlines(True), 'metadata': {'tags': tags}} for kind, source,
        tags in cells]}))
    return path


def test_the_notebook_of_a_skeleton_holds_the_skeleton(exercise, tmp_path):
    nbformat = pytest.importorskip('nbformat')
    path = tmp_path / 'a.ipynb'
    path.write_text(skeleton_notebook(exercise), encoding='utf-8')
    nbformat.validate(nbformat.read(str(path), 4))
    code = exercise.skeleton.read_text(encoding='utf-8')
    code = code[code.index('"""', 3) + 3:]
    assert script_of(path).split() == code.split()
    text = path.read_text(encoding='utf-8')
    assert 'Check with' not in text
    assert f"check_answer('{exercise.name}', globals())" in text


def test_start_makes_a_notebook_and_check_takes_it(tmp_path, capsys):
    assert main(['start', '9', str(tmp_path), '--notebook']) == 0
    path = tmp_path / '09_adam_bias_correction.ipynb'
    assert path.is_file()
    opened, filled = capsys.readouterr().out.splitlines()
    assert opened.endswith(f' {path}')
    assert ' -m ' in opened
    assert filled.endswith(f' exercises check {path}')  # its name once
    assert main(['check', str(path)]) == 1
    assert 'not yet' in capsys.readouterr().out
    assert main(['start', '9', str(tmp_path), '--notebook']) == 2
    assert main(['list', str(tmp_path)]) == 0
    assert 'started' in capsys.readouterr().out
    a_notebook(path, ('markdown', 'Words.', []), ('code', '%matplotlib inline\n!ls\nimport numpy as np', []),
               ('code', '%%bash\nfalse', []), ('code', ADAM.solution.read_text(encoding='utf-8'), []),
               ('code', 'raise ValueError("only in the notebook")', [notebooks.CHECK]))
    assert main(['check', '9', str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == '3 of 3 requirements passed.'


@pytest.mark.parametrize('text', ['no JSON', '[]', '{}', '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}'])
def test_what_is_no_notebook(tmp_path, text):
    path = tmp_path / 'a.ipynb'
    path.write_text(text)
    with pytest.raises(NotAnAnswer, match='a.ipynb is no notebook'):
        script_of(path)
    verdict = check_file(ADAM, path)
    assert not verdict.complete
    assert 'is no notebook' in verdict.lines[0].message


@pytest.mark.parametrize('source', ['x = "\ud800"', 'x = 1\0', '-' * 10**5 + '1', '(' * 10**5],
                         ids=['half a character', 'zero', 'deep', 'open'])
def test_a_notebook_that_python_cannot_read_is_a_wrong_answer(source, tmp_path):
    """And no exception, which would end the marking of a whole class."""
    verdict = check_file(ADAM, a_notebook(tmp_path / 'a.ipynb', ('code', source, [])))
    assert verdict.passed == 0
    assert verdict.lines


def test_lines_of_an_expression_may_begin_with_percent(tmp_path):
    source = 'x = (7\n%4)'
    assert source in script_of(a_notebook(tmp_path / 'a.ipynb', ('code', source, [])))


def adam_step(w, dw, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw ** 2
    return w - lr * m / (np.sqrt(v) + eps), m, v


def test_functions_of_this_program_are_checked():
    verdict = check_answer('9', globals())
    assert [line.passed for line in verdict.lines] == [True, False, True]
    assert 'The moments were not corrected' in str(verdict)
    assert check_answer('9', globals(), 'check_moments').complete
    demand('9', globals(), 'check_moments')
    with pytest.raises(AssertionError, match='The moments were not corrected'):
        demand('9', globals())


def test_names_that_there_are_not():
    with pytest.raises(UnknownExercise):
        check_answer('nothing', globals())
    with pytest.raises(ValueError, match=r"no requirement 'check_it'; expected one of: check_moments"):
        check_answer('9', globals(), 'check_it')
    assert check_answer('9', {}).lines[0].hint_key == 'missing'


def backward(dout, X_hat, gamma, std):
    return np.array([gamma / std * (row - dout.mean(axis=0) - x_hat * (dout * X_hat).mean(axis=0))
                     for row, x_hat in zip(dout, X_hat)])


def layernorm_backward(dout, X_hat, gamma, std):
    g = gamma * dout
    return (g - g.mean(axis=1, keepdims=True) - X_hat * (g * X_hat).mean(axis=1, keepdims=True)) / std


def test_loops_are_found_in_functions_of_this_program_and_not_beside_them():
    assert [line.hint_key for line in check_answer('6', globals()).lines] == ['', '', 'loop']


def test_a_function_without_a_text_is_checked_as_far_as_it_goes():
    namespace = {}
    exec(find('6').solution.read_text(encoding='utf-8'), namespace)
    assert check_answer('6', namespace).complete
