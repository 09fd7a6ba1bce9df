"""scripts/mutants.py: changes of a module, one at a time, and which of them tests notice."""
import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))
import mutants

SOURCE = '''"""A docstring with 1 + 1."""


def clipped(x, low=0):
    """The larger one: x < low."""
    if low > 10:
        raise ValueError(f"low is {low + 1}")
    notes.append(x)
    return x if x > low else low + all([])
'''


def afters(kind, source=SOURCE):
    return {mutant.after for mutant in mutants.python_mutants(source) if mutant.kind == kind}


def test_each_kind_of_change_is_made():
    assert afters('comparison') == {'low >= 10', 'x >= low'}
    assert afters('dropped term') == {'(low)', '(all([]))'}
    assert afters('removed check') == afters('removed call') == {'pass'}
    assert afters('other function') == {'any'}
    assert afters('constant') == {'(0 + 1)', '(10 + 1)'}
    assert afters('comparison', 'a <= b < c') == {'a < b < c', 'a <= b <= c'}
    assert afters('removed step', 'a = f(a); b = f(a); c += 1') == afters('removed step', 'a = f(a)') == {'pass'}
    assert afters('nothing returned', 'def f(): return g(1)') == {'return None'}
    assert afters('dropped condition', 'a = b and c and d') == {'(c and d)', '(b and d)', '(b and c)'}
    assert afters('dropped condition', 'a = (b or c) and d and e') >= {
        '((b or c) and d)', '((b or c) and e)', '(d and e)'}
    assert afters('comparison', 'a = (b or c) < d') == {'(b or c) <= d'}


def test_a_mutant_is_a_program_that_differs_in_one_place_and_never_in_its_prose():
    original = ast.dump(ast.parse(SOURCE))
    for mutant in mutants.python_mutants(SOURCE):
        assert ast.dump(ast.parse(mutant.text)) != original
        assert mutant.text.splitlines()[0] == SOURCE.splitlines()[0]
        assert mutant.text.count('raise') == (0 if mutant.kind == 'removed check' else 1)
        assert sum(a != b for a, b in zip(mutant.text.splitlines(), SOURCE.splitlines())) >= 1


def test_places_are_right_behind_letters_of_several_bytes():
    mutant, = (m for m in mutants.python_mutants('s = "é·×"; y = x < 1\n') if m.kind == 'comparison')
    assert mutant.text == 's = "é·×"; y = x <= 1\n'


@pytest.mark.skipif(sys.version_info < (3, 9), reason='Python 3.8 does not know where an argument stands')
def test_an_argument_is_dropped_with_its_comma():
    texts = [mutant.text for mutant in mutants.python_mutants('f(a, b=c, d=e)') if mutant.kind == 'dropped argument']
    assert [ast.dump(ast.parse(text)) for text in texts] == [ast.dump(ast.parse(t)) for t in ('f(a, d=e)', 'f(a, b=c)')]


def test_cpp_is_changed_line_by_line():
    source = '// a < b\nif (n < 2) return MX_FAIL;\ny = x - mean;\n'
    texts = [mutant.text for mutant in mutants.cpp_mutants(source)]
    assert texts == [source.replace('n < 2', 'n <= 2'), source.replace('return MX_FAIL', '(void)0'),
                     source.replace(' - mean', '')]
    freed = 'if (gradient != nullptr) mxnet->free(gradient);\n'
    assert '(void)0;\n' in [mutant.text for mutant in mutants.cpp_mutants(freed)]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small checkout with a package of one module and its tests."""
    if shutil.which('git') is None:
        pytest.skip('git is not installed')
    (tmp_path / 'package').mkdir()
    (tmp_path / 'tests').mkdir()
    (tmp_path / 'package' / '__init__.py').write_text('')
    (tmp_path / 'package' / 'double.py').write_text('def double(x):\n    return 2 * x + 0\n')
    (tmp_path / 'tests' / 'test_double.py').write_text(
        'from package.double import double\n\n\ndef test_double():\n    assert double(2) == 4\n')
    subprocess.run(['git', 'init', '-q', str(tmp_path)], check=True)
    monkeypatch.setattr(mutants, 'ROOT', tmp_path)
    monkeypatch.setenv('PYTEST_DISABLE_PLUGIN_AUTOLOAD', '1')  # they take longer to load than these tests take
    return tmp_path


@pytest.mark.slow
def test_survivors_are_listed_and_nothing_here_is_changed(checkout, capsys):
    before = (checkout / 'package' / 'double.py').read_bytes()
    assert mutants.main(['package/double.py']) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[:-1] == ['survived: package/double.py:2: dropped term: 2 * x + 0 -> (2 * x)']
    assert out.endswith('package/double.py: 6 of 7 mutants killed\n')
    assert (checkout / 'package' / 'double.py').read_bytes() == before


def mutant_of(checkout, source, line, after):
    """The one mutant of ``source``, which becomes package/double.py, that has ``after`` in this line."""
    (checkout / 'package' / 'double.py').write_text(source)
    mutant, = (mutant for mutant in mutants.python_mutants(source) if (mutant.line, mutant.after) == (line, after))
    return mutant


def fates(mutant, reported, seconds=None):
    """``(survived, unknown)`` of one mutant of package/double.py; what is reported goes to the list ``reported``."""
    return mutants.survivors(Path('package/double.py'), ['tests/test_double.py'], [mutant], 1, seconds, reported.append)


@pytest.mark.slow
def test_a_mutant_that_never_ends_is_killed(checkout):
    source = 'def double(x):\n    n = 0\n    while n < x:\n        n = n + 1\n    return 2 * n\n'
    assert fates(mutant_of(checkout, source, 4, '(n)'), [], seconds=3) == [[], []]


@pytest.mark.slow
def test_a_mutant_that_crashes_is_killed(checkout):
    source = 'import os\n\n\ndef double(x):\n    if x > 2:\n        os.abort()\n    return 2 * x\n'
    assert fates(mutant_of(checkout, source, 5, 'x >= 2'), []) == [[], []]


@pytest.mark.slow
def test_a_mutant_that_cannot_be_imported_is_killed(checkout):
    source = 'NUMBERS = [2]\nLAST = NUMBERS[0]\n\n\ndef double(x):\n    return LAST * x\n'
    assert fates(mutant_of(checkout, source, 2, '(0 + 1)'), []) == [[], []]


@pytest.mark.slow
@pytest.mark.parametrize(('ending', 'what'), [
    ('pass', 'status 5, no test found'),
    ('raise KeyboardInterrupt', 'status 2, interrupted'),
    ('os._exit(4)', 'status 4, a usage error'),
])
def test_whatever_else_pytest_ends_with_says_nothing_of_a_mutant(checkout, capsys, ending, what):
    (checkout / 'package' / 'double.py').write_text('def double(x):\n    return 2 * x\n')
    (checkout / 'tests' / 'test_double.py').write_text(f'''import os

from package.double import double

if double(2) == 4:
    def test_double():
        assert double(3) == 6
else:
    {ending}
''')
    assert mutants.main(['package/double.py', '--sample', '1']) == 2
    unknown, counted = capsys.readouterr().out.splitlines()
    assert unknown.startswith('unknown: package/double.py:2: ')
    assert unknown.endswith(f' (pytest ended with {what})')
    assert counted == 'package/double.py: 0 of 0 mutants killed; nothing is known of 1 more'


@pytest.mark.slow
def test_all_killed_is_status_0(checkout, capsys):
    (checkout / 'package' / 'double.py').write_text('def double(x):\n    return 2 * x\n')
    assert mutants.main(['package/double.py', '--sample', '2']) == 0
    assert capsys.readouterr().out == 'package/double.py: 2 of 2 mutants killed\n'


@pytest.mark.parametrize(('arguments', 'sentence'), [
    (['package/none.py'], 'there is no file package/none.py in this checkout.'),
    (['package/__init__.py'], 'has no test file of its name'),
])
def test_bad_arguments_are_one_line(checkout, capsys, arguments, sentence):
    assert mutants.main(arguments) == 2
    out, err = capsys.readouterr()
    assert not out
    assert sentence in err
    assert err.count('\n') == 1


@pytest.mark.slow
@pytest.mark.parametrize(('test', 'status'), [
    ('def test_double():\n    assert double(2) == 5\n', 'status 1, a test failed'),
    ('', 'status 5, no test found'),
])
def test_tests_that_do_not_pass_by_themselves_are_refused(checkout, capsys, test, status):
    (checkout / 'tests' / 'test_double.py').write_text(f'from package.double import double\n\n\n{test}')
    assert mutants.main(['package/double.py']) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err == (f'mutants: tests/test_double.py: pytest ends with {status} without a mutant; it has to find tests '
                   'that pass.\n')
