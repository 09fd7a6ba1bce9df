"""The checks of one exercise, run on one answer in this process: :func:`run_checks`.

As a program it is what :mod:`.runner` starts, ``python -m gluon_bn.exercises.harness CHECKS ANSWER FILE SECONDS``: it
appends one JSON object a line to ``FILE``, and what the answer prints goes where it goes.
"""
import importlib.util
import json
import os
import re
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

from ..support.tether import limit_cpu
from .expect import COMMON_HINTS, UNRECOGNISED, Wrong

try:
    import resource
except ImportError:  # Windows has no limits on memory and files
    resource = None  # type: ignore[assignment]

MEMORY_LIMIT = 4 * 2**30
FILE_LIMIT = 10 * 2**20
LONGEST_MESSAGE = 1000
# What stands around MXNet's own words: places in its C++ code.
_OF_MXNET = re.compile(r'Traceback \(most recent call last\):\n|^ *File ".*", line \d+\n|MXNetError: ',
                       re.MULTILINE)


def run_checks(checks_path, answer_path, before_the_answer=lambda: None):
    """Yield a dictionary for each requirement: ``check``, ``passed``, and for a failed one ``message`` and ``hint``.

    ``hint_key`` names the hint. There is one dictionary, with ``check`` None, when the answer cannot even be imported,
    or when the checks need MXNet and this machine has none. ``before_the_answer()`` is called when the checks are
    loaded.
    """
    checks, failure = load_checks(checks_path)
    if failure:
        yield failure
        return
    before_the_answer()
    answer, failure = _guarded(lambda: load('answer', answer_path), answer_path)
    if failure:
        yield _verdict(None, failure, {**COMMON_HINTS, **getattr(checks, 'HINTS', {})})
        return
    yield from checked(checks, answer, answer_path)


def load_checks(path):
    """The module of checks and None; or None and the one verdict, if they need MXNet and this machine has none."""
    try:
        return load('gluon_bn_exercise_checks', path), None
    except ImportError as error:
        return None, _verdict(None, Wrong('no-mxnet', f"this exercise cannot be checked here: {error}"), COMMON_HINTS)


def checked(checks, answer, answer_path, only=None):
    """Yield the verdict of each check on the module ``answer``, or of the one called ``only``."""
    hints = {**COMMON_HINTS, **getattr(checks, 'HINTS', {})}
    recognised = False
    for name, check in list(vars(checks).items()):
        if name.startswith('check_') and only in (None, name):
            _, failure = _guarded(lambda check=check: check(answer), answer_path)
            if failure and recognised and failure.hint in UNRECOGNISED:
                failure.hint = 'follows'
            recognised = recognised or bool(failure and failure.hint not in UNRECOGNISED)
            yield _verdict(name, failure, hints)


def load(name, path):
    """Import the file ``path`` as a module called ``name``."""
    spec = importlib.util.spec_from_file_location(name, str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # inspect.getsource looks here
    spec.loader.exec_module(module)
    return module


def _guarded(action, answer_path):
    """The result of ``action()`` and None, or None and what went wrong in it as a ``Wrong``. Nothing gets out."""
    try:
        with np.errstate(all='ignore'), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return action(), None
    except Wrong as wrong:
        return None, wrong
    except NotImplementedError as error:
        return None, Wrong('not-written', f"not done yet: {error}" if str(error) else "not done yet.")
    except (SystemExit, KeyboardInterrupt) as error:
        return None, Wrong('exit', f"your file ends the program ({type(error).__name__}){_where(error, answer_path)}.")
    except BaseException as error:  # whatever a learner's file raises is about that file, and never about this one
        where, kind, text = _where(error, answer_path), 'exception', str(error)
        if type(error).__name__ == 'MXNetError':
            text = _OF_MXNET.sub('', text).strip()
            kind = 'mxnet-argument' if text.startswith('Cannot find argument') else 'mxnet-exception'
        elif isinstance(error, TypeError) and not where and 'argument' in text:  # it came to no line of the answer
            kind = 'arguments'
        if 'broadcast' in text and 'shape' in text or 'do not fit together' in text:  # NumPy and MXNet; Nodes
            kind = 'broadcast'
        text = text[:LONGEST_MESSAGE] + ' ...' if len(text) > LONGEST_MESSAGE else text
        return None, Wrong(kind, f"{type(error).__name__}: {text}{where}")


def _where(error, answer_path):
    """The last line of the answer that the exception came through."""
    if isinstance(error, SyntaxError) and error.filename == str(answer_path):
        return ''  # its text names the line
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(answer_path)]
    return f" (line {lines[-1]} of your file)" if lines else ''


def _verdict(name, failure, hints):
    if failure is None:
        return {'check': name, 'passed': True}
    return {'check': name, 'passed': False, 'message': str(failure), 'hint_key': failure.hint,
            'hint': hints.get(failure.hint, '')}


def _limit_resources():
    """No core dumps, small files and a bounded memory from here on, on systems that have such limits."""
    if resource is None:
        return
    for what, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, FILE_LIMIT),
                        (resource.RLIMIT_DATA, MEMORY_LIMIT)):
        _, hard = resource.getrlimit(what)
        try:
            resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
        except (OSError, ValueError):
            pass  # macOS refuses some


def main(checks_path, answer_path, verdicts_path, time_limit):
    """The program: limits, then one line for each requirement, then out, whatever threads the answer has started."""
    def tell(message):
        with open(verdicts_path, 'ab') as file:
            file.write(json.dumps(message).encode() + b'\n')

    def begin():
        _limit_resources()
        limit_cpu(float(time_limit) * (os.cpu_count() or 1))
        tell({'ready': True})  # from here on the time is the learner's

    for verdict in run_checks(Path(checks_path), Path(answer_path), begin):
        tell(verdict)
    tell({'done': True})
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the answer may have closed or replaced it
            pass
    os._exit(0)


if __name__ == '__main__':
    main(*sys.argv[1:])
