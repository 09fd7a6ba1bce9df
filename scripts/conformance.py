"""A table of batch norm here and elsewhere: what each stores, what its settings mean, how far it is from float64.

Rows are the layers of this package, of MXNet, PyTorch and Flax, the formulas of Keras, and ONNX's reference, each where
it is installed. All is measured by calling them; Keras's formulas are written out from its documentation.
"""
import sys

import _checkout  # noqa: F401 - finds the package of this checkout

from gluon_bn.studies.conformance.measure import COLUMNS, rows
from gluon_bn.support.command_line import Parser, main_of
from gluon_bn.support.markdown import markdown_table


def parser(prog=None):
    """The command line: nothing but --help."""
    return Parser(prog=prog, description=__doc__)


def work(options):
    """Measure and print; returns 0."""
    print(markdown_table(COLUMNS, rows()))
    return 0


main = main_of(parser, work)

if __name__ == '__main__':
    sys.exit(main())
