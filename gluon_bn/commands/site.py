"""The site: tutorials, exercises, how-to pages, results and public names as pages to read, from a checkout.

It needs no network to be read. Exit status: 0 done; 1 or another one that Sphinx ended with; 2 bad arguments, or no
checkout (one line on standard error); 130 Ctrl-C.
"""
import subprocess
from pathlib import Path

from ..support.command_line import Parser, main_of

_SCRIPT = Path(__file__).resolve().parent.parent.parent / 'scripts' / 'build_site.sh'


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--quick', action='store_true', help="execute the tutorials in quick mode, into build/site-quick")
    return p


def work(options):
    """Build the site; returns the script's exit status."""
    if not _SCRIPT.is_file():
        raise ValueError(f"{_SCRIPT} is not there: the site is built from a checkout of the project, not from an "
                         "installed package.")
    return subprocess.run(['bash', str(_SCRIPT), *(['--quick'] if options.quick else [])], check=False).returncode


main = main_of(parser, work)
