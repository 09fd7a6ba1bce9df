"""Sweeps on LeNet: one or more of the named comparisons, as tables and figures. An interrupted sweep continues.

Exit status: 0 done, and every claim holds; 1 a claim does not hold; 2 bad arguments, or another process sweeps in the
same folder (one line on standard error); 130 Ctrl-C.
"""
from ..support.command_line import RESUMABLE, loading, main_of
from .study_options import conduct_study, study_parser


def work(options):
    """Run the sweeps and show what came out; returns 0 if every claim holds, otherwise 1."""
    with loading('sweep'):
        from ..studies.sweeps import STUDY
    return conduct_study(STUDY, options, options.names)


def parser(prog=None):
    """The command line."""
    p = study_parser(prog, __doc__, seeds=3,
                     quick="a few steps of a few runs, to see that everything works; the claims are not judged then",
                     default_output='runs/sweeps, with --quick runs/sweeps_quick')
    p.add_argument('names', nargs='+', metavar='NAME',
                   help="of training, learning_rates, positions, weight_scales, batch_sizes, momenta, eps, "
                        "recalibration; of more than one, a table of them all comes last")
    return p


main = main_of(parser, work, RESUMABLE)
