"""What the scripts have in common: their checks, one line for what went wrong, and the exit status."""
import sys

INTERRUPTED = "interrupted; the same command goes on"


def exit_status(name, work, interrupted=INTERRUPTED):
    """The exit status of the script ``name`` that does ``work()``, whose answer it is unless something goes wrong.

    Errors become one line on standard error, and 2 for bad arguments or bad data, 3 for numbers that are no longer
    finite, 130 for Ctrl-C, with ``interrupted`` as the line.

    >>> exit_status('train', lambda: 0)
    0
    """
    try:
        return work()
    except FloatingPointError as error:
        return complain(name, error, 3)
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        return complain(name, error, 2)
    except KeyboardInterrupt:
        return complain(name, interrupted, 130)


def complain(name, message, status):
    """One line on standard error, of the script ``name``; returns ``status``."""
    print(f"{name}: {' '.join(str(message).split())}", file=sys.stderr)
    return status


def demand_at_least_one(**options):
    """``ValueError`` if an option is below 1; None is an option that was not given.

    >>> demand_at_least_one(seeds=3, processes=None)
    """
    if any(value is not None and value < 1 for value in options.values()):
        *first, last = [f'--{name}' for name in options]
        raise ValueError(f"{', '.join(first)} and {last} are at least 1.")


def chosen(names, available, kind):
    """``names``, or all that are ``available`` if none is given; ``ValueError`` for one that there is not.

    >>> chosen([], ('depth', 'scale'), 'experiment')
    ['depth', 'scale']
    """
    unknown = sorted(set(names) - set(available))
    if unknown:
        raise ValueError(f"there is no {kind} {', '.join(unknown)}; expected one of: {', '.join(available)}.")
    return list(names or available)
