"""Mutation testing: change a module in one place at a time, and see whether its tests notice.

A change that no test notices, a survivor, is something that could be wrong without anybody learning of it. The changes
are those that slip in: a dropped term, a removed check, a flipped comparison, a call left out (a flush, say), another
number, `all` for `any`. The work is done in a copy of the checkout, in which the tests have to pass first, unchanged.

A mutant is killed when a test fails (status 1 of pytest), when the process crashes or does not end in time, and when
there is no program to test: a Python module that cannot be loaded, C++ that does not build or that the build's own
trial refuses. Whatever else pytest ends with (no test found, a usage error, an interruption) says nothing about the
mutant. It is an error of this measurement: listed, counted neither as killed nor as survived, and status 2.

Exit status: 0 every mutant was killed; 1 some survived (they are listed); 2 bad arguments, tests that do not pass
unchanged (one line on standard error), or mutants of which nothing is known (they are listed).
"""
import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

Mutant = namedtuple('Mutant', 'line kind before after text')  # text: of the whole mutated file

COMPARISONS = {ast.Lt: '<=', ast.LtE: '<', ast.Gt: '>=', ast.GtE: '>', ast.Eq: '!=', ast.NotEq: '==', ast.Is: 'is not',
               ast.IsNot: 'is', ast.In: 'not in', ast.NotIn: 'in'}
_SIGNS = {ast.Lt: '<', ast.LtE: '<=', ast.Gt: '>', ast.GtE: '>=', ast.Eq: '==', ast.NotEq: '!=', ast.Is: 'is',
          ast.IsNot: 'is not', ast.In: 'in', ast.NotIn: 'not in'}
NAMES = {'all': 'any', 'any': 'all', 'min': 'max', 'max': 'min', 'argmin': 'argmax', 'argmax': 'argmin'}
CPP_TERMS = (r' [-+] [\w.\[\]>()-]+(?=[;,)])', r' \* [\w.\[\]>-]+(?=[;,)\s])')
CPP_CALL = re.compile(r'(?!return\b|throw\b)(?:if \(.*?\) )?[\w.:]+(?:->\w+)?(?:<\w+>)?\(.*\);')
CPP_COMPARISONS = {' < ': ' <= ', ' <= ': ' < ', ' > ': ' >= ', ' >= ': ' > ', ' == ': ' != ', ' != ': ' == ',
                   ' && ': ' || ', ' || ': ' && '}


def python_mutants(source):
    """A :class:`Mutant` for every place of ``source`` that one of the changes fits."""
    tree = ast.parse(source)
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def span(node):
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    def text(node):
        begin, end = span(node)
        return source.encode()[begin:end].decode()

    whole = source.encode()
    mutants = []
    for node, kind, after in _changes(tree, text):
        begin, end = span(node)
        if kind == 'dropped argument':  # with its comma
            comma = re.match(rb'\s*,', whole[end:])
            end += len(comma.group()) if comma else 0
        mutated = (whole[:begin] + after.encode() + whole[end:]).decode()
        mutants.append(Mutant(node.lineno, kind, text(node), after, mutated))
    return mutants


def _changes(tree, text):
    """``(node, kind, new text)`` of every change; ``text`` gives the source of a node."""
    def part(node):  # the source of a node leaves out the parentheses around it
        return f"({text(node)})" if isinstance(node, (ast.BoolOp, ast.IfExp, ast.Compare)) else text(node)

    for node in _code_of(tree):
        if isinstance(node, ast.Compare):
            for i in range(len(node.ops)):
                operators = [_SIGNS[type(operator)] for operator in node.ops]
                operators[i] = COMPARISONS[type(node.ops[i])]
                rest = ' '.join(f"{sign} {part(right)}" for sign, right in zip(operators, node.comparators))
                yield node, 'comparison', f"{part(node.left)} {rest}"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)):
            yield node, 'dropped term', f"({text(node.left)})"
            if isinstance(node.op, (ast.Add, ast.Mult)):
                yield node, 'dropped term', f"({text(node.right)})"
        elif isinstance(node, ast.BoolOp):
            joint = ' and ' if isinstance(node.op, ast.And) else ' or '
            for one in node.values:
                rest = joint.join(part(other) for other in node.values if other is not one)
                yield node, 'dropped condition', f"({rest})"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
            yield node, 'dropped sign', f"({text(node.operand)})"
        elif isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise) and not node.orelse:
            yield node, 'removed check', 'pass'
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield node, 'removed call', 'pass'
        elif isinstance(node, ast.AugAssign) or isinstance(node, ast.Assign) and _changes_a_name(node):
            yield node, 'removed step', 'pass'
        elif isinstance(node, ast.keyword) and node.arg and hasattr(node, 'lineno'):  # not before Python 3.9
            yield node, 'dropped argument', ''
        elif isinstance(node, ast.Return) and isinstance(node.value, (ast.Call, ast.Name, ast.BinOp)):
            yield node, 'nothing returned', 'return None'
        elif isinstance(node, ast.IfExp):
            yield node, 'other branch', f"({text(node.orelse)})"
        elif isinstance(node, ast.Name) and node.id in NAMES:
            yield node, 'other function', NAMES[node.id]
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield node, 'constant', str(not node.value)
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node, 'constant', f"({text(node)} + 1)"


def _changes_a_name(node):
    """Whether an assignment is of the kind ``x = f(x)``."""
    target = node.targets[0]
    return isinstance(target, ast.Name) and target.id in {name.id for name in ast.walk(node.value)
                                                          if isinstance(name, ast.Name)}


def _code_of(node):
    """All nodes below ``node`` but what only people read: docstrings, messages, annotations."""
    for child in ast.iter_child_nodes(node):
        is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if is_docstring or isinstance(child, (ast.Raise, ast.JoinedStr, ast.arg, ast.Import, ast.ImportFrom)):
            continue
        yield child
        yield from _code_of(child)


def cpp_mutants(source):
    """Mutants of C++, line by line: flipped comparisons, dropped terms and calls, refusals that do not refuse."""
    lines = source.splitlines(keepends=True)
    for number, line in enumerate(lines):
        code = line.split('//')[0]
        changed = [('comparison', code.replace(old, new, 1)) for old, new in CPP_COMPARISONS.items() if old in code]
        changed += [('dropped term', code[:found.start()] + code[found.end():])
                    for pattern in CPP_TERMS for found in re.finditer(pattern, code)]
        if CPP_CALL.fullmatch(code.strip()):
            changed.append(('removed call', '(void)0;'))
        if 'return MX_FAIL' in code:
            changed.append(('removed check', code.replace('return MX_FAIL', '(void)0')))
        if code.lstrip().startswith(('#', 'template', 'typedef')):
            continue
        for kind, after in changed:
            text = ''.join([*lines[:number], after.rstrip('\n') + '\n', *lines[number + 1:]])
            yield Mutant(number + 1, kind, line.strip(), after.strip(), text)


def survivors(module, tests, mutants, processes, seconds, report=print):
    """The mutants of ``module`` (a path in the checkout) that ``tests`` pass with, and those of which nothing is known.

    Each is reported as it is found. ``ValueError`` if the tests do not pass with the module unchanged.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copies = Queue()
        for i in range(processes):
            copies.put(_copy(Path(scratch) / str(i)))
        started = time.monotonic()
        first = copies.get()
        status = _pytest(first, tests, None)
        if status != 0:
            raise ValueError(f"{' '.join(tests)}: pytest ends with {_status(status)} without a mutant; it has to find "
                             "tests that pass.")
        copies.put(first)
        seconds = seconds or 20 + 5 * processes * (time.monotonic() - started)

        def fate(mutant):
            copy = copies.get()
            original = (copy / module).read_bytes()
            try:
                (copy / module).write_text(mutant.text, encoding='utf-8')
                fate, why = _fate(copy, module, tests, seconds)
            finally:
                (copy / module).write_bytes(original)
                copies.put(copy)
            if fate != 'killed':
                report(f"{fate}: {module}:{mutant.line}: {mutant.kind}: {_short(mutant.before)} -> "
                       f"{_short(mutant.after)}{why}")
            return fate

        with ThreadPoolExecutor(processes) as pool:
            fates = list(pool.map(fate, mutants))
    return [[mutant for mutant, fate in zip(mutants, fates) if fate == one] for one in ('survived', 'unknown')]


def _fate(copy, module, tests, seconds):
    """``(fate, why)`` of the mutant that stands in ``copy``: killed, survived or unknown."""
    if module.suffix != '.py' and not _builds(copy):
        return 'killed', ''
    status = _pytest(copy, tests, seconds)
    if status == 0:
        return 'survived', ''
    if status is None or status < 0 or status == 1 or module.suffix == '.py' and not _loads(copy, module):
        return 'killed', ''
    return 'unknown', f" (pytest ended with {_status(status)})"


def _copy(folder):
    """A copy of the files that git knows here, as they are now."""
    listed = subprocess.run(['git', '-C', str(ROOT), 'ls-files', '-z', '-co', '--exclude-standard'], check=True,
                            stdout=subprocess.PIPE).stdout.decode().split('\0')
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def _builds(folder):
    """Whether the native operators build there; without them the tests would skip what they are there for."""
    code = 'import sys; from gluon_bn.fast import native; sys.exit(not native.available())'
    return _run(folder, ['-c', code], None) == 0


def _loads(folder, module):
    """Whether the module of that path can be imported there. With one that cannot, pytest may not get to its tests."""
    name = '.'.join(module.with_suffix('').parts)
    return _run(folder, ['-c', f'import importlib; importlib.import_module({name!r})'], 300) == 0


def _pytest(folder, tests, seconds):
    return _run(folder, ['-m', 'pytest', '-q', '-x', '-p', 'no:cacheprovider', *tests], seconds)


def _run(folder, arguments, seconds):
    """The status that Python ends with there: below 0 of a crash, None if it does not end within so many seconds."""
    environment = {**os.environ, 'PYTHONPATH': str(folder), 'OMP_NUM_THREADS': '1', 'PYTHONDONTWRITEBYTECODE': '1'}
    environment.pop('PYTEST_ADDOPTS', None)
    try:
        return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds).returncode
    except subprocess.TimeoutExpired:
        return None


def _status(status):
    meanings = {1: 'a test failed', 2: 'interrupted', 3: 'an internal error', 4: 'a usage error', 5: 'no test found'}
    return f"signal {-status}" if status < 0 else f"status {status}, {meanings.get(status, 'not one of pytest')}"


def _short(text):
    line = ' '.join(text.split())
    return line if len(line) <= 70 else f"{line[:67]}..."


def default_tests(module):
    """The test file of a module: ``test_NAME.py`` in ``tests/``, or that of its folder and name."""
    parts = module.with_suffix('').parts[1:]
    names = ['_'.join(parts[i:]) for i in range(len(parts))]
    found = [str(path.relative_to(ROOT)) for name in names for path in (ROOT / 'tests').rglob(f'test_{name}.py')]
    if not found:
        raise ValueError(f"{module} has no test file of its name in tests/; name its tests with --tests.")
    return found[:1]


def main(argv=None):
    """Run with the command line ``argv``; returns the exit status."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('module', type=Path, help="a file of the package, for example gluon_bn/reference/solver.py")
    p.add_argument('--tests', nargs='+', metavar='FILE', help="(default: the test file of the module's name)")
    p.add_argument('--sample', type=int, metavar='N', help="try N of the mutants, drawn at random (default: all)")
    p.add_argument('--seed', type=int, default=0, help="of the sample (default: %(default)s)")
    p.add_argument('--processes', type=int, default=1, metavar='N', help="at a time (default: %(default)s)")
    p.add_argument('--seconds', type=float, metavar='S', help="for one mutant (default: five times the tests' own)")
    options = p.parse_args(argv)
    try:
        if not (ROOT / options.module).is_file():
            raise ValueError(f"there is no file {options.module} in this checkout.")
        source = (ROOT / options.module).read_text(encoding='utf-8')
        mutants = list((python_mutants if options.module.suffix == '.py' else cpp_mutants)(source))
        if options.sample is not None and options.sample < len(mutants):
            mutants = random.Random(options.seed).sample(mutants, options.sample)
        alive, unknown = survivors(options.module, options.tests or default_tests(options.module), mutants,
                                   options.processes, options.seconds)
    except (ValueError, OSError) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mutants: interrupted", file=sys.stderr)
        return 130
    tried = len(mutants) - len(unknown)
    print(f"{options.module}: {tried - len(alive)} of {tried} mutants killed"
          + (f"; nothing is known of {len(unknown)} more" if unknown else ''))
    return 2 if unknown else 1 if alive else 0


if __name__ == '__main__':
    sys.exit(main())
