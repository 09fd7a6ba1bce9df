"""The breast cancer network's test accuracy over random splits, with batch norm and without, as a Markdown table."""
from ..support.command_line import Parser, demand_at_least_one, loading, main_of, whole_number


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--splits', type=whole_number, default=20, metavar='N', help="random splits (default: %(default)s)")
    p.add_argument('--epochs', type=whole_number, default=20, metavar='N',
                   help="passes over the training rows (default: %(default)s)")
    return p


def work(options):
    """Print the table; returns 0."""
    with loading('breast-cancer'):
        from ..autodiff.breast_cancer import table
    demand_at_least_one(splits=options.splits, epochs=options.epochs)
    print(table(options.splits, options.epochs))
    return 0


main = main_of(parser, work)
