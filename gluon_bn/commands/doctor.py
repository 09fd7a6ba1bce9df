"""What this machine has, what is missing, and what to do about it: one line a thing, and a command where one helps.

It works when MXNet is missing or broken. Exit status: 0 all that is needed works; 1 something does not; 2 bad
arguments.
"""
import json

from ..support.command_line import Parser, main_of


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--json', action='store_true', help="print one object of JSON")
    return p


def work(options):
    """Look and print; returns 0 if all that is needed works, otherwise 1."""
    from .doctor_checks import all_checks
    checks = all_checks()
    healthy = not any(check.state == 'wrong' for check in checks)
    if options.json:
        print(json.dumps({'healthy': healthy, 'checks': [check._asdict() for check in checks]}, indent=1))
    else:
        print('\n'.join(as_text(checks)))
    return 0 if healthy else 1


def as_text(checks):
    """The lines to print."""
    for check in checks:
        yield f"{check.state:6}{check.name:18}{check.found}"
        if check.advice:
            yield f"{'':10}-> {check.advice}"


main = main_of(parser, work)
