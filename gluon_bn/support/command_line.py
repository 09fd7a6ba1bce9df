"""Common parts of the commands: the parser, one line for what went wrong, and the exit status."""
import argparse
import difflib
import os
import re
import select
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

RESUMABLE = "interrupted; the same command continues"  # what to say of Ctrl-C
BROKEN_PIPE = 141  # what a shell says of a program that SIGPIPE ended


class Parser(argparse.ArgumentParser):
    """``argparse.ArgumentParser`` whose errors are one line, and whose description keeps its lines.

    >>> Parser(prog='gluon-bn train', description='Train.').name
    'gluon-bn train'
    """

    def __init__(self, *args, formatter_class=argparse.RawDescriptionHelpFormatter, **options):
        super().__init__(*args, formatter_class=formatter_class, **options)

    @property
    def name(self):
        """What messages begin with: the program, without ``.py``."""
        return self.prog[:-len('.py')] if self.prog.endswith('.py') else self.prog

    def error(self, message):
        """One line on standard error, and status 2."""
        unknown = re.match(r'unrecognized arguments: (--[^\s=]+)', message)
        close = difflib.get_close_matches(unknown.group(1), self._option_string_actions, 1) if unknown else ()
        hint = f"did you mean {close[0]}? " if close else ''
        raise SystemExit(complain(self.name, f"{message}; {hint}--help lists the arguments", 2))


def number(text):
    """``text`` as a float; what argparse says otherwise is a sentence.

    >>> number('1e-3')
    0.001
    """
    return _converted(text, float, "a number")


def whole_number(text):
    """``text`` as an int; what argparse says otherwise is a sentence.

    >>> whole_number('64')
    64
    """
    return _converted(text, int, "a whole number")


def folder(text):
    """``text``, the name of a folder, not empty: Python would take that (an unset variable's) as the current one.

    >>> folder('runs/1')
    'runs/1'
    """
    if not text:
        raise argparse.ArgumentTypeError("expected a folder, got ''")
    return text


def _converted(text, kind, expected):
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}") from None


def main_of(parser, work, interrupted='interrupted'):
    """``main(argv=None, prog=None)`` of a command: it returns the exit status of ``work(options)``.

    ``parser(prog)`` reads the options from ``argv``; they may stand before, between and after the other arguments.
    """
    def main(argv=None, prog=None):
        reader = parser(prog)
        return exit_status(reader.name, lambda: work(reader.parse_intermixed_args(argv)), interrupted)
    return main


def exit_status(name, work, interrupted='interrupted'):
    """The exit status of the command ``name`` that does ``work()``, whose answer it is unless something goes wrong.

    Errors become one line on standard error, and 2 for bad arguments or bad data, 3 for numbers that are no longer
    finite, 130 for Ctrl-C, with ``interrupted`` as the line. When the reader of standard output has had enough, as
    ``head`` has, nothing is said and the status is 141.

    >>> exit_status('train', lambda: 0)
    0
    """
    open_closed_streams()
    try:
        status = _status_of(name, work, interrupted)
        sys.stdout.flush()  # here, where what fails can be said in a line
        return status
    except KeyboardInterrupt:
        return complain(name, interrupted, 130)
    except OSError as error:
        _drop_stdout()
        if isinstance(error, BrokenPipeError):
            return BROKEN_PIPE
        return complain(name, f"standard output cannot be written: {error.strerror or error}.", 2)


def open_closed_streams():
    """Open standard streams that were closed (``>&-``) on nothing: a file would get their number, and what is printed.
    """
    for number, (name, mode) in enumerate((('stdin', 'r'), ('stdout', 'w'), ('stderr', 'w'))):
        if getattr(sys, name) is None:  # what Python makes of a closed one
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, encoding='utf-8', closefd=False))


def _status_of(name, work, interrupted):
    try:
        return work()
    except SystemExit as end:  # argparse's: --help, or an error that has been said
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        raise
    except FloatingPointError as error:
        return complain(name, error, 3)
    except BrokenPipeError as error:
        if _reader_has_gone():
            raise
        return complain(name, error, 2)
    except OSError as error:
        sys.stdout.flush()  # fails once more, if it was a line that could not be printed
        return complain(name, error, 2)
    except (ValueError, RuntimeError, ImportError, subprocess.SubprocessError) as error:
        return complain(name, error, 2)
    except MemoryError as error:
        return complain(name, f"there is not enough memory for it{f' ({error})' if str(error) else ''}.", 2)
    except KeyboardInterrupt:
        return complain(name, interrupted, 130)


def _reader_has_gone():
    """Whether the pipe that broke is standard output; other pipes, a worker's for example, are another matter."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return bool(poll.poll(0))
    except (AttributeError, OSError, ValueError):  # no poll on this system, or no real file
        return True


def _drop_stdout():
    """Let what is still in the buffer go nowhere, or Python complains of it when it ends."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def complain(name, message, status):
    """One line on standard error, of the command ``name``; returns ``status``."""
    with suppress(OSError):
        print(f"{name}: {' '.join(str(message).split())}", file=sys.stderr, flush=True)
    return status


@contextmanager
def loading(name):
    """Let Ctrl-C end the process at once while the block imports modules: one line of ``name``, and status 130.

    An exception would end in a traceback of imports, or be lost in a module that catches everything.
    """
    def end(signum, frame):
        complain(name, "interrupted before it began", 130)
        os._exit(130)

    try:
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else somebody has other plans
        if ours:
            signal.signal(signal.SIGINT, end)
    except ValueError:  # not the main thread, which alone gets signals
        ours = False
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def demand_at_least_one(**options):
    """``ValueError`` if an option is below 1; None is an option that was not given.

    >>> demand_at_least_one(seeds=3, processes=None)
    """
    for name, value in options.items():
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')} is {value}; it must be at least 1.")


def chosen(names, available, kind):
    """``names``, or all that are ``available`` if none is given; ``ValueError`` for one that there is not.

    >>> chosen([], ('depth', 'scale'), 'experiment')
    ['depth', 'scale']
    """
    unknown = sorted(set(names) - set(available))
    if unknown:
        raise ValueError(f"there is no {kind} {', '.join(unknown)}; expected one of: {', '.join(available)}.")
    return list(names or available)
