"""Deep nets with batch norm and without: four experiments, with figures and JSON. An interrupted run continues.

Exit status: 0 done, and every claim holds; 1 a claim does not hold (never with --quick); 2 bad arguments or bad data
(one line on standard error); 130 Ctrl-C.
"""
from ..support.command_line import RESUMABLE, demand_at_least_one, loading, main_of, whole_number
from .study_options import conduct_study, study_parser


def work(options):
    """Run the experiments; returns 0 if every claim holds, otherwise 1."""
    with loading('deep-nets'):
        from ..data import download_cifar10
        from ..studies.deep_nets import STUDY
    demand_at_least_one(epochs=options.epochs)
    data_dir = download_cifar10() if options.download else options.data_dir
    return conduct_study(STUDY, options, options.experiments, data_dir,
                         **({} if options.epochs is None else {'epochs': options.epochs}))


def parser(prog=None):
    """The command line."""
    p = study_parser(prog, __doc__, "1 seed and a few epochs, to see that it works; the claims are not judged then",
                     default_output='runs/deep_nets, with --quick runs/deep_nets_quick',
                     data="folder or archive with the whole of CIFAR-10 (default: the images that come with the "
                          "package)")
    p.add_argument('experiments', nargs='*', metavar='EXPERIMENT',
                   help="of deep_net, weight_scales, batch_sizes, small_batches (default: all)")
    p.add_argument('--epochs', type=whole_number, metavar='N', help="(default: 10)")
    p.add_argument('--download', action='store_true', help="download the whole of CIFAR-10 (170 MB) and use it")
    return p


main = main_of(parser, work, RESUMABLE)
