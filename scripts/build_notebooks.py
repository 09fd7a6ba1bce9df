"""Make Jupyter notebooks of the tutorials, executed or not.

Exit status: 0 done; 1 a tutorial failed while it was executed; 2 bad arguments (one line on standard error).
"""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_bn.support import notebooks
from gluon_bn.support.command_line import Parser, complain, main_of, number


def work(args):
    """Make the notebooks; returns the exit status."""
    if args.quick and not args.execute:
        raise ValueError("--quick is about running the cells; give --execute as well.")
    try:
        for script in notebooks.find_tutorials(ROOT / 'tutorials', args.names):
            print(notebooks.build(script, args.output, execute=args.execute, quick=args.quick, timeout=args.timeout),
                  flush=True)
        return 0
    except notebooks.TutorialFailed as error:
        return complain('build_notebooks', error, 1)


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('names', nargs='*', metavar='NAME',
                   help="tutorials, such as 01 or 01_batch_norm_by_hand (default: all)")
    p.add_argument('--output', type=Path, default=ROOT / 'notebooks', metavar='DIR', help="(default: notebooks/)")
    p.add_argument('--execute', action='store_true',
                   help="run the cells, so that the notebooks show what they print and draw")
    p.add_argument('--quick', action='store_true', help="with --execute: less work, as GLUON_BN_QUICK=1 has it")
    p.add_argument('--timeout', type=number, default=1800, metavar='S', help="seconds a cell may take (default: 1800)")
    return p


main = main_of(parser, work)

if __name__ == '__main__':
    sys.exit(main())
